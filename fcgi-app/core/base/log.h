/*
 * Log lines for the screen (stderr) and the file (PROTOCOL.md), one write() a line, so that workers
 * share both.
 *
 *	screen	LEVEL (8 wide) 2026-11-24 08:16:34,656 <own url>: message
 *	file	2026-11-24 08:16:34,656 LEVEL kodo: <own url> - message
 *
 * Times are UTC. Control characters in a message (which may quote a peer) are written as \xNN. A
 * line is cut off at 4,096 bytes. The file is opened O_APPEND; over max_bytes the first process
 * that notices renames it to `.1`, and the others follow: before a write, once a second at most,
 * they compare inodes.
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

void log_at(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * Log an error that may repeat: the text of why, or that of err if why is empty, unless it equals
 * *last, which becomes it. Empty *last to log it again.
 */
void log_complain(struct why *last, const struct why *why, enum kodo_err err);

#define log_debug(...)		log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)		log_at(LOG_INFO, __VA_ARGS__)
#define log_warning(...)	log_at(LOG_WARNING, __VA_ARGS__)
#define log_error(...)		log_at(LOG_ERROR, __VA_ARGS__)

#endif
