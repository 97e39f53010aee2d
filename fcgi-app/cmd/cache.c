/*
 * kodo export, kodo import: the providers as the cache file of the original, out and in.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/state_arg.h"
#include "core/base/isotime.h"
#include "core/base/path.h"
#include "core/registry/registry.h"
#include "core/registry/startup.h"
#include "core/views/render.h"

#define FILE_MAX_BYTES	((size_t)1 << 30)
#define COPY_BYTES	65536
#define EXPORT_MODE	((mode_t)0600)

static const char export_usage[] =
    "usage: kodo export [LOADER | STATE FOLDER] [OPTION ...] [-o FILE]\n"
    "       kodo export --hosted [LOADER] [-o FILE]\n"
    "       kodo export --state FOLDER [-o FILE]\n"
    "\n"
    "Write the known providers as a cache file of the original system (kodo-core): one JSON\n"
    "object with url, organization, feed, connection, providers and registers; to standard\n"
    "output, or whole or not at all to FILE.\n"
    "\n"
    TARGET_HELP;

static const char import_usage[] =
    "usage: kodo import [LOADER | STATE FOLDER] [OPTION ...] FILE\n"
    "       kodo import --hosted [LOADER] FILE\n"
    "       kodo import --state FOLDER FILE\n"
    "\n"
    "Read providers and their nodes from a cache file of the original system, or of kodo export,\n"
    "into the state of a registry, which may be running; each replaces its earlier record.\n"
    "\n"
    TARGET_HELP;

/* The end of both commands: say why, give the exit status. */
static int
finish(const char *name, enum kodo_err err, const struct why *why)
{
	if (err == KODO_OK)
		return 0;
	fprintf(stderr, "kodo %s: %s\n", name,
	    why->text[0] != '\0' ? why->text : kodo_err_text(err));
	return 1;
}

/* --- export --- */

/* What is in the sink to fd, with a newline at the end. */
static enum kodo_err
write_sink(int fd, const struct sink *s)
{
	char piece[COPY_BYTES];
	uint64_t at = 0;
	enum kodo_err err = KODO_OK;

	if (s->fd == -1)
		err = path_write(fd, buf_str(&s->buf));
	while (err == KODO_OK && s->fd != -1 && at < s->len) {
		ssize_t n = pread(s->fd, piece, sizeof(piece), (off_t)at);

		if (n <= 0)
			return KODO_EIO;
		at += (uint64_t)n;
		err = path_write(fd, (struct str){ piece, (size_t)n });
	}
	return err == KODO_OK ? path_write(fd, STR("\n")) : err;
}

static enum kodo_err
fill_export(int fd, void *sink)
{
	enum kodo_err err = write_sink(fd, sink);

	return err == KODO_OK && fsync(fd) != 0 ? KODO_EIO : err;
}

/* Of work that may take a while, a word on a terminal; nothing in pipes and logs. */
static void
tell_progress(const char *what, uint64_t n, const char *of)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "kodo: %s %llu %s ..\n", what, (unsigned long long)n, of);
}

static enum kodo_err
export_to(struct state_arg *t, struct registry *r, const char *path, struct why *why)
{
	struct sink s = SINK_INIT(registry_state(r));
	enum kodo_err err = render_export(r, &s);

	if (err == KODO_ENOTFOUND)
		why_set(why, err, "%.*s has no options yet; start the service once",
		    STR_ARG(t->state_path));
	else if (err != KODO_OK)
		why_set(why, err, "cannot read %.*s: %s; see kodo check", STR_ARG(t->state_path),
		    kodo_err_text(err));
	else if (path != NULL) {
		tell_progress("writing", s.fd == -1 ? s.buf.len : s.len, "bytes");
		err = path_replace(path, EXPORT_MODE, fill_export, &s);
		if (err != KODO_OK)
			why_set(why, err, "cannot write %s: %s", path, strerror(errno));
	} else {
		err = write_sink(STDOUT_FILENO, &s);
		if (err != KODO_OK)
			why_set(why, err, "cannot write to standard output: %s", strerror(errno));
	}
	sink_free(&s);
	return err;
}

int
cmd_export(int argc, char *argv[])
{
	struct state_arg t;
	struct registry *r = NULL;
	struct why why = { "" };
	const char *path = NULL;
	enum kodo_err err = state_arg_read(&t, argc - 1, argv + 1, &why);

	if (err == KODO_OK && t.is_help) {
		fputs(export_usage, stdout);
		goto out;
	}
	if (err == KODO_OK)
		err = state_arg_take(&t, "-o", &path, &why);
	if (err == KODO_OK)
		err = state_arg_open(&t, &r, &why);
	if (err == KODO_OK)
		err = export_to(&t, r, path, &why);
out:
	registry_close(r);
	state_arg_free(&t);
	return finish("export", err, &why);
}

/* --- import --- */

/* Read and parse first: a damaged file touches nothing. */
static enum kodo_err
read_cache(struct arena *a, const char *path, struct wire_cache *out, struct why *why)
{
	struct why inner = { "" };
	struct str text;
	enum kodo_err err = path_read(a, path, FILE_MAX_BYTES, &text);

	if (err == KODO_ENOTFOUND)
		return why_set(why, err, "there is no file %s", path);
	if (err == KODO_ETOOBIG)
		return why_set(why, err, "%s is over %zu MiB", path, FILE_MAX_BYTES >> 20);
	if (err == KODO_EIO)
		return why_set(why, err, "cannot read %s: %s", path, strerror(errno));
	if (err == KODO_OK)
		err = wire_read_cache(a, text, out, &inner);
	return err == KODO_OK ? err : why_set(why, err, "%s: %s; nothing was imported", path,
	    inner.text[0] != '\0' ? inner.text : kodo_err_text(err));
}

static enum kodo_err
check_is_registry(struct registry *r, struct why *why)
{
	const struct options *o;
	enum kodo_err err = registry_options(r, &o);

	if (err == KODO_ENOTFOUND)
		return why_set(why, err, "the state has no options yet; start the service once");
	if (err == KODO_OK && !o->registry)
		return why_set(why, KODO_EINVAL,
		    "%.*s is a node (registry is false) and has no providers", STR_ARG(o->url));
	return err;
}

static void
tell_imported(const struct wire_cache *c)
{
	size_t i, n_nodes = 0;

	for (i = 0; i < c->n_providers; i++)
		n_nodes += c->providers[i].n_nodes;
	printf("imported providers: %zu, nodes: %zu\n", c->n_providers, n_nodes);
	for (i = 0; i < c->n_left_out; i++)
		fprintf(stderr, "kodo import: left out %.*s: %.*s\n",
		    STR_ARG(c->left_out[i].url), STR_ARG(c->left_out[i].reason));
}

static enum kodo_err
import_from(struct state_arg *t, struct registry *r, const char *path, struct why *why)
{
	struct wire_cache c;
	enum kodo_err err = check_is_registry(r, why);

	if (err == KODO_OK)
		err = read_cache(t->a, path, &c, why);
	if (err != KODO_OK)
		return err;
	tell_progress("importing", c.n_providers, "providers");
	err = startup_import(r, &c, isotime_now_us());
	if (err != KODO_OK)
		return why_set(why, err, "cannot write %.*s: %s; nothing was imported",
		    STR_ARG(t->state_path), kodo_err_text(err));
	tell_imported(&c);
	if (state_wake(registry_state(r)) != KODO_OK)
		fputs("kodo import: no runner is running; peers are notified at the next "
		    "start, request or cron\n", stderr);
	return KODO_OK;
}

int
cmd_import(int argc, char *argv[])
{
	struct state_arg t;
	struct registry *r = NULL;
	struct why why = { "" };
	const char *path;
	enum kodo_err err = state_arg_read(&t, argc - 1, argv + 1, &why);

	if (err == KODO_OK && t.is_help) {
		fputs(import_usage, stdout);
		goto out;
	}
	if (err == KODO_OK && t.argc == 0)
		err = why_set(&why, KODO_EINVAL, "which FILE? see kodo import --help");
	if (err != KODO_OK)
		goto out;
	path = t.argv[--t.argc];	/* FILE is the last one */
	err = state_arg_open(&t, &r, &why);
	if (err == KODO_OK)
		err = import_from(&t, r, path, &why);
out:
	registry_close(r);
	state_arg_free(&t);
	return finish("import", err, &why);
}
