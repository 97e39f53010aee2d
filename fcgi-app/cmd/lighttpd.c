#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/lighttpd.h"
#include "core/base/buf.h"

#define HEAD_BYTES	65535u	/* its own ceiling; 8 KiB of query are 24 KiB when encoded */
#define BODY_SPARE_KIB	64u	/* a body little over our ceiling comes to us */
#define FDS_MAX		4096u	/* two for each connection */
#define IDLE_S		10u	/* a client that sends or takes nothing for so long is cut off */

enum kodo_err
lighttpd_find(char out[PATH_BYTES], struct why *why)
{
	static const char more[] = "/usr/sbin:/usr/local/sbin:/sbin:/usr/local/bin";
	const char *lists[] = { getenv("PATH"), more };
	unsigned i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const char *p = lists[i];

		while (p != NULL && *p != '\0') {
			size_t n = strcspn(p, ":");
			int len = snprintf(out, PATH_BYTES, "%.*s/lighttpd", (int)n, p);

			/* an empty part is the working directory: no place for it */
			if (n > 0 && len > 0 && len < (int)PATH_BYTES && access(out, X_OK) == 0)
				return KODO_OK;
			p += n + (p[n] == ':');
		}
	}
	out[0] = '\0';
	return why_set(why, KODO_ENOTFOUND,
	    "lighttpd was not found in PATH or /usr/sbin: install it (apt-get install lighttpd)");
}

static enum kodo_err
make_folder(const char *path, struct why *why)
{
	struct stat st;

	if (mkdir(path, 0700) == 0 ||
	    (errno == EEXIST && lstat(path, &st) == 0 && S_ISDIR(st.st_mode)))
		return KODO_OK;
	return why_set(why, KODO_EIO, "cannot make the folder %s: %s", path, strerror(errno));
}

void
lighttpd_empty_upload(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e;

	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.')
			unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
}

uint64_t
lighttpd_count_upload(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e;
	uint64_t blocks = 0;
	struct stat st;

	if (dir == NULL)
		return 0;
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' &&
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			/* at its begin it has none */
			blocks += st.st_blocks > 0 ? (uint64_t)st.st_blocks : 1;
	closedir(dir);
	return blocks * 512;
}

/* In double quotes, where lighttpd has one escape: \". */
static void
put_quoted(struct buf *b, const char *text)
{
	buf_putc(b, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"')
			buf_putc(b, '\\');
		buf_putc(b, *text);
	}
	buf_putc(b, '"');
}

static unsigned
count_fds(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0 || rl.rlim_max > FDS_MAX)
		return FDS_MAX;
	return (unsigned)rl.rlim_max;
}

/*
 * Paths arrive unchanged (no url-normalize), for the responder decodes them itself. A worker gets a
 * request after the end of its body (stream-request-body 0), and lighttpd takes the answer as fast
 * as the client does, with 64 KiB in between (stream-response-body 2): a long one lies with the
 * worker, which has a ceiling for all (core/storage/spool.h) and is not held up.
 *
 * Behind a proxy that cuts the path of our url, the rest is in PATH_INFO (fix-root-scriptname).
 *
 * lighttpd answers some requests itself: unknown methods, large heads, bad hosts. The error handler
 * leads them to the responder, which sees REDIRECT_STATUS and answers in JSON.
 */
static void
put_conf(struct buf *b, const struct options *o, const char *www, const char *upload,
    const char *socket)
{
	unsigned fds = count_fds();

	buf_puts(b, "# written by kodo service at each start\nserver.document-root = ");
	put_quoted(b, www);
	buf_puts(b, "\nserver.upload-dirs = ( ");
	put_quoted(b, upload);
	buf_puts(b, " )\nserver.modules = ( \"mod_fastcgi\" )\n"
	    "server.systemd-socket-activation = \"enable\"\n"
	    "server.http-parseopts = ( \"url-normalize\" => \"disable\",\n"
	    "\t\"method-get-body\" => \"enable\" )\n"
	    "server.range-requests = \"disable\"\n"
	    "server.stream-request-body = 0\n"
	    "server.stream-response-body = 2\n"
	    "server.max-keep-alive-requests = 100000\n"
	    "server.max-keep-alive-idle = 15\n"
	    "server.error-handler = \"" LIGHTTPD_REFUSED "\"\n"
	    "server.tag = \"\"\n");
	buf_printf(b, "server.max-read-idle = %u\nserver.max-write-idle = %u\n", IDLE_S, IDLE_S);
	buf_printf(b, "server.max-request-field-size = %u\n", HEAD_BYTES);
	buf_printf(b, "server.max-request-size = %u\n", o->body_max_mib * 1024 + BODY_SPARE_KIB);
	buf_printf(b, "server.max-fds = %u\n", fds);
	buf_printf(b, "server.max-connections = %u\n", fds / 3);
	buf_puts(b, "fastcgi.server = ( \"/\" => (( \"socket\" => ");
	put_quoted(b, socket);
	buf_puts(b, ", \"check-local\" => \"disable\", "
	    "\"fix-root-scriptname\" => \"enable\" )) )\n");
}

static enum kodo_err
write_file(const char *path, struct str text, struct why *why)
{
	int fd;

	unlink(path);	/* its mode may have been changed */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return why_set(why, KODO_EIO, "cannot write %s: %s", path, strerror(errno));
	if (write(fd, text.p, text.len) != (ssize_t)text.len || close(fd) != 0)
		return why_set(why, KODO_EIO, "cannot write %s: %s", path, strerror(errno));
	return KODO_OK;
}

enum kodo_err
lighttpd_write_conf(const struct options *o, const struct state *state, const char *socket,
    char conf_path[PATH_BYTES], struct why *why)
{
	char www[PATH_BYTES], upload[PATH_BYTES];
	struct buf b = BUF_INIT(0);
	enum kodo_err err;

	if (state_file(state, "www", www) != KODO_OK ||
	    state_file(state, LIGHTTPD_UPLOAD, upload) != KODO_OK ||
	    state_file(state, "lighttpd.conf", conf_path) != KODO_OK)
		return why_set(why, KODO_ETOOBIG,
		    "the path %s is too long; set cache_data to a shorter one", state->path);
	err = make_folder(www, why);
	if (err == KODO_OK)
		err = make_folder(upload, why);
	if (err != KODO_OK)
		return err;
	lighttpd_empty_upload(upload);
	put_conf(&b, o, www, upload, socket);
	if (buf_failed(&b))
		err = why_set(why, KODO_ENOMEM, "memory ran out");
	else
		err = write_file(conf_path, buf_str(&b), why);
	buf_free(&b);
	return err;
}

const char *
lighttpd_read_line(char *line, enum log_level *level)
{
	/* its messages in normal operation */
	static const char *const usual[] = {
		"server started", "server stopped", "graceful shutdown", "oversized request",
		"request-size too long", "failed: File too large", "invalid request",
		"unknown http-method",
	};
	char *text = line;
	unsigned i;

	line[strcspn(line, "\r\n")] = '\0';
	if (strlen(line) > 21 && line[4] == '-' && line[10] == ' ' &&
	    strncmp(line + 19, ": ", 2) == 0)
		text = line + 21;	/* 2026-11-24 11:31:30: */
	*level = LOG_WARNING;
	for (i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (strstr(text, usual[i]) != NULL)
			*level = LOG_DEBUG;
	return text;
}
