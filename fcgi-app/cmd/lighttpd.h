/*
 * The web server of `kodo service`: a private lighttpd, configured by a file in the state folder.
 */
#ifndef KODO_LIGHTTPD_H
#define KODO_LIGHTTPD_H

#include "core/base/log.h"
#include "core/base/path.h"
#include "core/config/option.h"
#include "core/storage/state.h"

/* The path of the requests that it refuses itself, see lighttpd.c. */
#define LIGHTTPD_REFUSED	"/.refused"

/* The folder for bodies that come in, in the state folder. */
#define LIGHTTPD_UPLOAD		"upload"

/* Its path: in PATH, else where distributions install it. KODO_ENOTFOUND with why. */
enum kodo_err lighttpd_find(char out[PATH_BYTES], struct why *why) MUST_CHECK;

/*
 * Write lighttpd.conf (mode 0600) and make or empty the folders that it names. socket: the name of
 * the workers' socket in the state folder, where lighttpd has to be started. *conf_path: the file.
 * KODO_EIO, KODO_ETOOBIG with why.
 */
enum kodo_err lighttpd_write_conf(const struct options *o, const struct state *state,
    const char *socket, char conf_path[PATH_BYTES], struct why *why) MUST_CHECK;

/* Remove the partial bodies that a killed one has left. */
void lighttpd_empty_upload(const char *path);
/* The bytes that bodies take in the folder. */
uint64_t lighttpd_count_upload(const char *path);

/*
 * Read one line of its standard error: the text without the time, a pointer into line, which is
 * shortened; *level: of our log.
 */
const char *lighttpd_read_line(char *line, enum log_level *level);

#endif
