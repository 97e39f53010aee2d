/*
 * kodo export, kodo import: the providers as the cache file of the original, out and in.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/import_url.h"
#include "cmd/inspect.h"
#include "core/base/ascii.h"
#include "core/base/isotime.h"
#include "core/base/memfind.h"
#include "core/base/path.h"
#include "core/base/url.h"
#include "core/registry/registry.h"
#include "core/registry/startup.h"
#include "core/views/render.h"

#define FILE_MAX_BYTES	((size_t)1 << 30)
#define EXPORT_MODE	((mode_t)0600)

static const char export_usage[] =
    "usage: kodo export [LOADER | STATE FOLDER] [OPTION ...] [--lines] [-o FILE]\n"
    "       kodo export --hosted [LOADER] [--lines] [-o FILE]\n"
    "       kodo export --state FOLDER [--lines] [-o FILE]\n"
    "\n"
    "Write the known providers as a cache file of the original system (kodo-core): one JSON\n"
    "object with url, organization, feed, connection, providers and registers; to standard\n"
    "output, or whole or not at all to FILE. --lines: as JSON Lines, with versions and removals,\n"
    "a line for each provider and each removal, which is a body as peers send it (PROTOCOL.md).\n"
    "Exit status: 0, 1 if it could not be done, 2 for wrong arguments.\n"
    "Example: kodo export my.yaml -o cache.json\n"
    "\n"
    STATE_ARG_HELP;

static const char import_usage[] =
    "usage: kodo import [LOADER | STATE FOLDER] [OPTION ...] FILE\n"
    "       kodo import --hosted [LOADER] FILE\n"
    "       kodo import --state FOLDER FILE\n"
    "       kodo import [SERVICE ...] URL[#kind=KIND&items=N..] [--forget]\n"
    "\n"
    "Read providers and their nodes from a cache file of the original system, or of kodo export\n"
    "in either form, into the state of a registry, which may be running; each replaces\n"
    "its earlier record.\n"
    "With a URL the runner reads a registry or an agent of another family, once, and the command\n"
    "waits for it: MCP, ARD, A2A, or OpenAPI with x-kodosumi (see `import` in kodo.yaml(5), by\n"
    "which it is read every hour). --forget: what was imported so is withdrawn.\n"
    "Exit status: 0, 1 if it could not be done, 2 for wrong arguments.\n"
    "Example: kodo import registry.yaml cache.json\n"
    "         kodo import registry.yaml https://registry.modelcontextprotocol.io\n"
    "\n"
    STATE_ARG_HELP;

struct command {
	enum kodo_err (*body)(
	    struct state_arg *t, struct registry *r, const char *path, struct why *why);
	const char *path;	/* of the file; NULL: standard output */
};

static enum kodo_err
with_registry(struct state_arg *t, void *arg, struct why *why)
{
	const struct command *c = arg;
	struct registry *r;
	enum kodo_err err = state_arg_open(t, &r, why);

	if (err == KODO_OK)
		err = c->body(t, r, c->path, why);
	registry_close(r);
	return err;
}

/* --- export --- */

static bool wants_lines;	/* --lines */

static enum kodo_err
fill_export(int fd, void *sink)
{
	enum kodo_err err = inspect_write(fd, sink);

	return err == KODO_OK && fsync(fd) != 0 ? KODO_EIO : err;
}

/* Long work, announced on a terminal only. */
static void
print_progress(const char *what, uint64_t n, const char *of)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "kodo: %s %llu %s ..\n", what, (unsigned long long)n, of);
}

static enum kodo_err
export_to(struct state_arg *t, struct registry *r, const char *path, struct why *why)
{
	struct sink s = SINK_INIT(registry_state(r));
	enum kodo_err err = wants_lines ? render_lines(r, &s) : render_export(r, &s);

	if (err == KODO_ENOTFOUND)
		why_set(why, err, "%.*s has no options yet; start the service once",
		    STR_ARG(t->state_path));
	else if (err != KODO_OK)
		why_set(why, err, "cannot read %.*s: %s; see kodo check", STR_ARG(t->state_path),
		    kodo_err_text(err));
	else if (path != NULL) {
		print_progress("writing", s.fd == -1 ? s.buf.len : s.len, "bytes");
		err = path_replace(path, EXPORT_MODE, fill_export, &s);
		if (err != KODO_OK)
			why_set(why, err, "cannot write %s: %s", path, strerror(errno));
	} else {
		err = inspect_write(STDOUT_FILENO, &s);
		if (err != KODO_OK)
			why_set(why, err, "cannot write to standard output: %s", strerror(errno));
	}
	sink_free(&s);
	return err;
}

static enum kodo_err
take_output(struct state_arg *t, void *arg, struct why *why)
{
	struct command *c = arg;

	wants_lines = state_arg_take_flag(t, "--lines");
	return state_arg_take(t, "-o", &c->path, why);
}

int
cmd_export(int argc, char *argv[])
{
	static const struct state_arg_command command = {
		export_usage, take_output, with_registry };
	struct command c = { .body = export_to };
	struct state_arg t;

	return state_arg_run(&command, &t, argc, argv, &c);
}

/* --- import --- */

static bool wants_end;	/* --forget */

/* Whole, and parsed before anything is written: a damaged file touches nothing. */
static enum kodo_err
read_file(struct arena *a, const char *path, struct str *text, struct why *why)
{
	enum kodo_err err = path_read(a, path, FILE_MAX_BYTES, text);

	if (err == KODO_ENOTFOUND)
		return why_set(why, err, "there is no file %s", path);
	if (err == KODO_ETOOBIG)
		return why_set(why, err, "%s is over %zu MiB", path, FILE_MAX_BYTES >> 20);
	if (err == KODO_EIO)
		return why_set(why, err, "cannot read %s: %s", path, strerror(errno));
	return err;
}

static enum kodo_err
read_cache(struct arena *a, struct str text, const char *path, struct wire_cache *out,
    struct why *why)
{
	struct why inner = { "" };
	enum kodo_err err = wire_read_cache(a, text, out, &inner);

	return err == KODO_OK ? err : why_set(why, err, "%s: %s; nothing was imported", path,
	    cmd_words(err, &inner));
}

/* Has it a member of that name? In a string the second quote would have a backslash before it. */
static bool
has_member(struct str json, struct str quoted)
{
	const char *at;

	while ((at = memfind(json, quoted)) != NULL) {
		json = str_skip(json, (size_t)(at - json.p) + quoted.len);
		while (json.len > 0 && ascii_is_space(json.p[0]))
			json = str_skip(json, 1);
		if (str_starts(json, STR(":")))
			return true;
	}
	return false;
}

/* Is it of kodo export --lines? Those begin as a body does, with the url of its sender. */
static bool
has_lines(struct str text)
{
	struct str rest = text;
	const struct str first = str_cut(&rest, '\n');

	return str_ends(first, STR("}")) && str_starts(text, STR("{\"url\":")) &&
	    !has_member(first, STR("\"providers\""));
}

static enum kodo_err
read_lines(struct arena *a, struct str text, const char *path, struct startup_lines *out,
    struct why *why)
{
	struct wire_refusal no = { .n_errors = 0 };
	struct buf list = BUF_INIT(0);
	struct wire_body body;
	enum kodo_err err = KODO_OK;

	while (err == KODO_OK && text.len > 0) {
		err = wire_read(a, WIRE_CONNECT, str_cut(&text, '\n'), isotime_now_us(), STR_NULL,
		    &body, &no);
		if (err == KODO_OK)
			buf_put(&list, &body, sizeof(body));
		if (err == KODO_EINVAL)
			why_set(why, err, "%s:%zu: %.*s; nothing was imported", path,
			    list.len / sizeof(body) + 1, STR_ARG(no.detail.p != NULL ? no.detail :
			    STR("not the body of a connect")));
	}
	out->n = list.len / sizeof(body);
	out->list = arena_dup(a, list.p, list.len);
	if (err == KODO_OK && (buf_failed(&list) || (out->list == NULL && out->n > 0)))
		err = KODO_ENOMEM;
	buf_free(&list);
	return err;
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
print_imported(const struct wire_cache *c)
{
	size_t i, n_nodes = 0;

	for (i = 0; i < c->n_providers; i++)
		n_nodes += c->providers[i].n_nodes;
	printf("imported providers: %zu, nodes: %zu\n", c->n_providers, n_nodes);
	for (i = 0; i < c->n_left_out; i++)
		fprintf(stderr, "kodo import: left out %.*s: %.*s\n",
		    STR_ARG(c->left_out[i].url), STR_ARG(c->left_out[i].reason));
}

static void
wake(const struct registry *r)
{
	if (state_wake(registry_state(r)) != KODO_OK)
		fputs("kodo import: no runner is running; peers are notified at the next "
		    "start, request or cron\n", stderr);
}

static enum kodo_err
import_lines(struct state_arg *t, struct registry *r, struct startup_lines *lines, struct why *why)
{
	const enum kodo_err err = startup_import_lines(r, lines, isotime_now_us());

	if (err != KODO_OK)
		return why_set(why, err, "cannot write %.*s: %s; nothing was imported",
		    STR_ARG(t->state_path), kodo_err_text(err));
	printf("imported lines: %zu\n", lines->n);
	wake(r);
	return KODO_OK;
}

static enum kodo_err
import_from(struct state_arg *t, struct registry *r, const char *path, struct why *why)
{
	struct startup_lines lines;
	struct wire_cache c;
	struct str text;
	enum kodo_err err = check_is_registry(r, why);

	if (err == KODO_OK && url_is_web(str_of(path)))
		return import_url(r, str_of(path), wants_end, why);
	if (err == KODO_OK && wants_end)
		return why_set(why, KODO_EINVAL, "--forget is for a URL");
	if (err == KODO_OK)
		err = read_file(t->a, path, &text, why);
	if (err == KODO_OK && has_lines(text)) {
		err = read_lines(t->a, text, path, &lines, why);
		return err == KODO_OK ? import_lines(t, r, &lines, why) : err;
	}
	if (err == KODO_OK)
		err = read_cache(t->a, text, path, &c, why);
	if (err != KODO_OK)
		return err;
	print_progress("importing", c.n_providers, "providers");
	err = startup_import(r, &c, isotime_now_us());
	if (err != KODO_OK)
		return why_set(why, err, "cannot write %.*s: %s; nothing was imported",
		    STR_ARG(t->state_path), kodo_err_text(err));
	print_imported(&c);
	wake(r);
	return KODO_OK;
}

static enum kodo_err
take_input(struct state_arg *t, void *arg, struct why *why)
{
	struct command *c = arg;

	wants_end = state_arg_take_flag(t, "--forget");
	if (t->argc == 0 && t->hosted_is_word) {
		c->path = t->hosted_loader;	/* --hosted FILE, of the usual loader */
		t->hosted_loader = NULL;
		return KODO_OK;
	}
	if (t->argc == 0)
		return why_set(why, KODO_EINVAL, "which FILE? see kodo import --help");
	c->path = t->argv[--t->argc];	/* FILE is the last one */
	return KODO_OK;
}

int
cmd_import(int argc, char *argv[])
{
	static const struct state_arg_command command = { import_usage, take_input, with_registry };
	struct command c = { .body = import_from };
	struct state_arg t;

	return state_arg_run(&command, &t, argc, argv, &c);
}
