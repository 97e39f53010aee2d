/* Paths of files, and whole files read and written. */
#ifndef KODO_PATH_H
#define KODO_PATH_H

#include <sys/types.h>

#include "core/base/arena.h"

#define PATH_BYTES	4096u	/* PATH_MAX of Linux, with its NUL */

/*
 * path made absolute by its text: itself, or after base (absolute). Empty parts, "." and slashes at
 * the end are dropped; ".." and symbolic links stay, as only the file system can follow them.
 * KODO_ETOOBIG: over PATH_BYTES. KODO_EINVAL: empty, or a NUL inside.
 */
enum kodo_err path_absolute(
    struct arena *a, struct str base, struct str path, struct str *out) MUST_CHECK;

/*
 * The folder of path (absolute): all before its last slash, "/" at least. Points into path.
 */
struct str path_folder(struct str path);

/* The last part of path. Points into path. */
struct str path_name(struct str path);

/*
 * Make the folder path (absolute) and its missing parents, whatever the umask is: 2770 below a
 * folder with the group's write and set-group-id bits, which is one for a group, else 0700.
 * Existing ones stay as they are. KODO_EIO: errno tells.
 */
enum kodo_err path_make_folder(const char *path) MUST_CHECK;
/* Its names reach the disk. KODO_EIO: errno tells; some file systems cannot. */
enum kodo_err path_sync_folder(const char *path);

/*
 * The contents of a file, in a. KODO_ENOTFOUND; KODO_EIO (errno tells; EISDIR for a folder);
 * KODO_ETOOBIG: over max_bytes.
 */
enum kodo_err path_read(
    struct arena *a, const char *path, size_t max_bytes, struct str *out) MUST_CHECK;

/* The same, but only its first max_bytes of a file that is longer. */
enum kodo_err path_read_head(
    struct arena *a, const char *path, size_t max_bytes, struct str *out) MUST_CHECK;

/* Does a text begin with the byte order mark of UTF-16, as some programs of Windows write it? */
bool path_is_utf16(struct str text);

/*
 * Is a file of which size bytes were read being written? Somebody has it open for that (a lease
 * tells), or has changed its size since; where the system does not tell, as of a file of another
 * user, its time must be older than 2 s. Left alone for 10 s, or of the future, it is not.
 */
bool path_is_being_written(const char *path, size_t size);

/*
 * What an errno means: KODO_EFULL for a full disk, a quota or a limit of sizes, KODO_ENOMEM, else
 * KODO_EIO. And what it says to a person, with the remedy where there is one; valid until the next
 * call.
 */
enum kodo_err path_errno(int failed);
const char *path_words(int failed);

/* Write all of s. KODO_EFULL, KODO_EIO: errno tells. */
enum kodo_err path_write(int fd, struct str s) MUST_CHECK;

/*
 * Write a file whole or not at all: fill writes to a new one of that mode, which then takes the
 * place of path. The error of fill; KODO_EIO: errno tells; KODO_ETOOBIG.
 */
enum kodo_err path_replace(const char *path, mode_t mode,
    enum kodo_err (*fill)(int fd, void *arg), void *arg) MUST_CHECK;
/* The same for a text. */
enum kodo_err path_replace_text(const char *path, mode_t mode, struct str text) MUST_CHECK;

/*
 * The path to start this program again: of its file, or, if it runs through the ld.so of a folder
 * lib/ (conf/shared-host), of the launcher beside that folder. What has replaced the file counts as
 * it. KODO_EIO: not known. KODO_ETOOBIG.
 */
enum kodo_err path_own_program(char out[PATH_BYTES]) MUST_CHECK;

/* Mode of new files in a folder of this mode: 0660 if its group may write, else 0600. */
mode_t path_file_mode(mode_t folder);

#endif
