/*
 * Log lines for the screen (stderr) and the file (PROTOCOL.md), one write() a line, so that workers
 * share both.
 *
 *	screen	LEVEL (8 wide) 2026-11-24 08:16:34,656 <own url>: message
 *	file	2026-11-24 08:16:34,656 LEVEL kodo: <own url> - message
 *
 *	json	{"time":"2026-11-24T08:16:34.656Z","level":"INFO","module":"connect",
 *		"line":150,"url":"<own url>","message":"..."}, for both
 *
 * Times are UTC. Control characters in a message (which may quote a peer) are written as \xNN; in
 * json as \u00NN, and there a byte that is not UTF-8 as \ufffd. A line is cut off at 4,096 bytes.
 * The file is opened O_APPEND; over max_bytes the first process that notices renames it to `.1`,
 * and the others follow: before a write, once a second at most, they compare inodes.
 */
#ifndef KODO_LOG_H
#define KODO_LOG_H

#include <stdint.h>

#include "core/base/err.h"
#include "core/base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_CRITICAL, LOG_OFF };

/* Accepts the names of Python's levels in any case ("warn" too). KODO_EINVAL otherwise. */
enum kodo_err log_level_parse(struct str s, enum log_level *out) MUST_CHECK;
const char *log_level_name(enum log_level level);

/*
 * Without it lines go to the screen from LOG_WARNING on. url and path are copied; a null path: no
 * file. A file that cannot be opened is reported on the screen once, and is no error.
 */
void log_setup(struct str url, enum log_level screen, struct str path, enum log_level file,
    uint64_t max_bytes);
void log_close(void);

/* Lines as JSON objects from here on, or as texts. */
enum log_format { LOG_TEXT, LOG_JSON };
void log_set_format(enum log_format format);

/* Where a line comes from. */
struct log_place {
	const char *file;	/* "connect.c" */
	int line;
};

#define LOG_HERE		(struct log_place){ __FILE_NAME__, __LINE__ }
#define log_at(level, ...)	log_from(LOG_HERE, level, __VA_ARGS__)

void log_from(struct log_place place, enum log_level level, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/*
 * Log an error that may repeat: the text of why, or that of err if why is empty, unless it equals
 * *last, which becomes it. Empty *last to log it again.
 */
#define log_complain(last, why, err)	log_complain_from(LOG_HERE, last, why, err)
void log_complain_from(
    struct log_place place, struct why *last, const struct why *why, enum kodo_err err);

#define log_debug(...)		log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)		log_at(LOG_INFO, __VA_ARGS__)
#define log_warning(...)	log_at(LOG_WARNING, __VA_ARGS__)
#define log_error(...)		log_at(LOG_ERROR, __VA_ARGS__)

#endif
