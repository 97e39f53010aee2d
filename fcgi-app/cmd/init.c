/*
 * kodo init: a loader to begin with, from flags, or from questions where there is a terminal.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/listen.h"
#include "cmd/state_arg.h"
#include "core/base/ascii.h"
#include "core/base/json.h"
#include "core/base/path.h"
#include "core/base/screen.h"
#include "core/base/url.h"
#include "core/base/utf8.h"

#define PORT_NODE	3366u	/* the first that is tried for a default url */
#define PORT_REGISTRY	3367u
#define PORTS		32u
#define SLUG_BYTES	64u
#define COLUMN		40u	/* where comments begin */

static const char usage[] =
    "usage: kodo init [FILE] [OPTION ...]\n"
    "\n"
    "Write a commented loader to FILE (kodo.yaml), for kodo service and kodo check. On a\n"
    "terminal it asks for what is not given; elsewhere defaults hold.\n"
    "  --role ROLE           node: offers own flows (the default); registry: takes in those of\n"
    "                        others, and feeds them on; provider: both, and offers them upward\n"
    "  --organization TEXT   who runs it\n"
    "  --url URL             own address, as others reach it; default: a free port of localhost\n"
    "  --connect URL,..      registries to connect to\n"
    "  --flow NAME           the first own flow\n"
    "  --yes                 ask nothing\n"
    "  --force               overwrite FILE\n"
    "Exit status: 0 written, 1 not, 2 for wrong arguments.\n"
    "Example: kodo init my.yaml --organization 'My Company' --flow 'Newsletter writer'\n";

enum field { ROLE, ORGANIZATION, URL, CONNECT, FLOW, FIELDS };

struct init {
	struct state_arg args;
	struct arena *a;
	const char *file;
	const char *values[FIELDS];	/* NULL: not given */
	const struct role *role;
	bool is_forced, asks;
};

static const struct role {
	const char *name;
	bool registry, feed;
	unsigned port;
	const char *connect, *flow;	/* presets */
	const char *says;
} roles[] = {
	{ "node", false, false, PORT_NODE, "http://localhost:3367", "My first agent",
	    "A node: offers flows of its own to the registries in connect." },
	{ "provider", true, false, PORT_NODE, "http://localhost:3367", "My first agent",
	    "A provider: offers its own flows, and those of nodes that connect to it, to the "
	    "registries in connect." },
	{ "registry", true, true, PORT_REGISTRY, "", "",
	    "A registry: takes in what nodes and other registries send, and feeds those that "
	    "feed." },
};

static enum kodo_err
check_role(struct init *in, const char *value, struct why *why)
{
	size_t i;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(value, roles[i].name) == 0) {
			in->role = &roles[i];
			return KODO_OK;
		}
	return why_set(why, KODO_EINVAL, "the role is node, provider or registry, not %s", value);
}

static enum kodo_err
check_text(struct init *in, const char *value, struct why *why)
{
	(void)in;
	if (strlen(value) <= LIMIT_NAME_BYTES && utf8_valid(str_of(value)))
		return KODO_OK;
	return why_set(why, KODO_EINVAL, "over %u bytes, or not UTF-8", LIMIT_NAME_BYTES);
}

static enum kodo_err
check_url_text(struct str value, struct why *why)
{
	const char *reason = "not UTF-8";
	struct url u;

	if (utf8_valid(value) && url_parse(url_shown(value), &u, &reason) == KODO_OK)
		return KODO_OK;
	return why_set(why, KODO_EINVAL, "%.*s is no url, %s; write it as http://localhost:3366",
	    STR_ARG(value), reason);
}

static enum kodo_err
check_url(struct init *in, const char *value, struct why *why)
{
	(void)in;
	if (strchr(value, '?') != NULL)
		return why_set(why, KODO_EINVAL, "an own url has no query (?)");
	return check_url_text(str_of(value), why);
}

static enum kodo_err
check_connect(struct init *in, const char *value, struct why *why)
{
	struct str rest = str_of(value);
	enum kodo_err err = KODO_OK;

	(void)in;
	while (rest.len > 0 && err == KODO_OK)
		err = check_url_text(ascii_trim(str_cut(&rest, ',')), why);
	return err;
}

/* A port of this machine that nobody listens at; the first one tried where all are taken. */
static const char *
preset_url(struct init *in)
{
	unsigned port, found = 0;
	struct listen l;

	for (port = in->role->port; found == 0 && port < in->role->port + PORTS; port++)
		if (listen_open_tcp(STR("localhost"), port, &l, NULL) == KODO_OK) {
			listen_close(&l);
			found = port;
		}
	return arena_printf(in->a, "http://localhost:%u", found != 0 ? found : in->role->port);
}

static const char *
preset_organization(struct init *in)
{
	(void)in;
	return "My Organization";
}

static const char *
preset_role(struct init *in)
{
	(void)in;
	return roles[0].name;
}

static const char *
preset_connect(struct init *in)
{
	return in->role->connect;
}

static const char *
preset_flow(struct init *in)
{
	return in->role->flow;
}

/* In the order of the questions: what is below may depend on what is above. */
static const struct question {
	const char *option, *words;
	const char *(*preset)(struct init *in);
	enum kodo_err (*check)(struct init *in, const char *value, struct why *why);
} questions[FIELDS] = {
	[ROLE] = { "--role", "Role (node, provider or registry)", preset_role, check_role },
	[ORGANIZATION] = { "--organization", "Who runs it", preset_organization, check_text },
	[URL] = { "--url", "Own address, as others reach it", preset_url, check_url },
	[CONNECT] = { "--connect", "Registries to connect to, parted by commas", preset_connect,
	    check_connect },
	[FLOW] = { "--flow", "Name of the first own flow", preset_flow, check_text },
};

static enum kodo_err
read_arguments(struct init *in, struct why *why)
{
	struct state_arg *t = &in->args;
	enum kodo_err err = KODO_OK;
	unsigned i;

	for (i = 0; i < FIELDS && err == KODO_OK; i++)
		err = state_arg_take(t, questions[i].option, &in->values[i], why);
	if (err != KODO_OK)
		return err;
	in->is_forced = state_arg_take_flag(t, "--force");
	in->asks = !state_arg_take_flag(t, "--yes") && isatty(STDIN_FILENO) != 0 &&
	    isatty(STDOUT_FILENO) != 0;
	in->file = t->argc > 0 ? t->argv[0] : OPTION_OWN_FILE;
	if (in->file[0] == '-' || t->argc > 1 || t->is_hosted || t->folder != NULL)
		return why_set(why, KODO_EINVAL, "one FILE and its options; see kodo init --help");
	return KODO_OK;
}

static enum kodo_err
check_absent(const struct init *in, struct why *why)
{
	if (in->is_forced || access(in->file, F_OK) != 0)
		return KODO_OK;
	return why_set(why, KODO_EEXIST, "%s is there already: name another file, or overwrite it "
	    "with --force", in->file);
}

/* An answer, or the preset for an empty one. KODO_EIO: the terminal has ended. */
static enum kodo_err
ask(struct init *in, const struct question *q, const char *preset, const char **out,
    struct why *why)
{
	char *line = NULL;
	size_t size = 0;
	struct str answer;
	ssize_t n;

	printf("%s [%s]: ", q->words, preset);
	fflush(stdout);
	n = getline(&line, &size, stdin);
	answer = n < 0 ? STR_NULL : ascii_trim((struct str){ line, (size_t)n });
	*out = answer.len == 0 ? preset : arena_strz(in->a, answer);
	free(line);
	if (n < 0)
		return why_set(why, KODO_EIO, "no answer, so nothing is written");
	return *out == NULL ? KODO_ENOMEM : KODO_OK;
}

static enum kodo_err
find_values(struct init *in, struct why *why)
{
	enum kodo_err err = KODO_OK, wrong;
	const char *preset;
	unsigned i;

	for (i = 0; i < FIELDS && err == KODO_OK; i++) {
		const struct question *q = &questions[i];

		if (in->values[i] != NULL) {
			err = q->check(in, in->values[i], why);
			continue;
		}
		preset = q->preset(in);
		if (preset == NULL)
			return KODO_ENOMEM;
		do {
			in->values[i] = preset;
			if (in->asks)
				err = ask(in, q, preset, &in->values[i], why);
			wrong = err == KODO_OK ? q->check(in, in->values[i], why) : KODO_OK;
			if (wrong != KODO_OK)
				printf("  %s\n", cmd_words(wrong, why));
		} while (wrong != KODO_OK && in->asks);
	}
	return err;
}

/* --- the file --- */

/* "Newsletter writer" as newsletter-writer. */
static void
put_slug(struct buf *b, const char *name)
{
	const size_t begin = b->len;
	bool gap = false;

	for (; *name != '\0' && b->len - begin < SLUG_BYTES; name++) {
		if (!ascii_is_letter(*name) && !ascii_is_digit(*name)) {
			gap = b->len > begin;
			continue;
		}
		if (gap)
			buf_putc(b, '-');
		gap = false;
		buf_putc(b, ascii_lower(*name));
	}
	if (b->len == begin)
		buf_puts(b, "first");
}

/* Of the file's name: two services in one folder need two states. */
static struct str
stem_of(const char *file)
{
	struct str s = path_name(str_of(file));

	if (str_ends(s, STR(".yaml")))
		s.len -= 5;
	else if (str_ends(s, STR(".yml")))
		s.len -= 4;
	return s;
}

/* What was put since begin, and behind it, in a column, what it means. */
static void
put_comment(struct buf *b, size_t begin, const char *text)
{
	const size_t width = b->len - begin;

	buf_printf(b, "%*s# %s\n", width < COLUMN ? (int)(COLUMN - width) : 1, "", text);
}

/* "- name: value   # comment"; quoted: as YAML needs it for texts of people. */
static void
put_option(struct buf *b, const char *name, const char *value, bool quoted, const char *comment)
{
	const size_t begin = b->len;

	buf_printf(b, "- %s: ", name);
	if (quoted)
		json_put_str(b, str_of(value));
	else
		buf_puts(b, value);
	put_comment(b, begin, comment);
}

static void
put_data_path(struct buf *b, const char *name, const struct init *in, const char *ending,
    const char *comment)
{
	put_option(b, name, arena_printf(in->a, "./data/%.*s%s", STR_ARG(stem_of(in->file)),
	    ending), true, comment);
}

static void
put_connect(struct buf *b, const struct init *in)
{
	struct str rest = str_of(in->values[CONNECT]), url;
	size_t begin = b->len;

	buf_puts(b, rest.len == 0 ? "# - connect: [https://r.example.org]" : "- connect:");
	put_comment(b, begin, "registries that it offers its flows to");
	while (rest.len > 0) {
		url = ascii_trim(str_cut(&rest, ','));
		buf_printf(b, "  - %.*s\n", STR_ARG(url));
	}
}

static void
put_flows(struct buf *b, const struct init *in)
{
	const bool has_flow = in->values[FLOW][0] != '\0';
	const char *hash = has_flow ? "" : "# ", *name = has_flow ? in->values[FLOW] : "First";
	const size_t begin = b->len;

	buf_printf(b, "%s- flows:", hash);
	put_comment(b, begin, "url and name are needed, the rest is for those who search");
	buf_printf(b, "%s  - url: /", hash);
	put_slug(b, name);
	buf_printf(b, "\n%s    name: ", hash);
	json_put_str(b, str_of(name));
	buf_printf(b, "\n%s    description: Says in a sentence what it does, and of what\n"
	    "%s    author: me@example.org\n%s    tags: [example]\n"
	    "%s    # entry: https://agents.example.org/run    # where the agent is, if it has an "
	    "address: calls are sent on to it\n", hash, hash, hash, hash);
}

static void
put_loader(struct buf *b, const struct init *in)
{
	const struct role *role = in->role;
	const char *listen = arena_printf(in->a, "127.0.0.1:%u", role->port);
	struct url u;

	buf_printf(b, "# %s\n"
	    "# kodo service FILE runs it, and follows each change of this file; kodo check FILE "
	    "says what is wrong with it.\n"
	    "# kodo help loader shows all there is.\n\n", role->says);
	put_option(b, "url", in->values[URL], false, "own address, as others reach it");
	if (url_parse(str_of(in->values[URL]), &u, NULL) == KODO_OK && u.scheme.len == 5)
		put_option(b, "listen", listen, false,
		    "of kodo service, behind the web server that speaks https");
	put_option(b, "organization", in->values[ORGANIZATION], true, "shown beside its flows");
	put_option(b, "registry", role->registry ? "true" : "false", false,
	    "may others connect to it?");
	put_option(b, "feed", role->feed ? "true" : "false", false,
	    "does it take in what registries offer, and give what it has?");
	put_data_path(b, "cache_data", in, ".json", "names its state: this path, in .lmdb");
	put_data_path(b, "log_file", in, ".log", "see kodo logs");
	put_connect(b, in);
	put_flows(b, in);
}

static enum kodo_err
write_new(const char *path, struct str text, struct why *why)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	enum kodo_err err = fd < 0 ? KODO_EIO : path_write(fd, text);

	if (fd >= 0 && close(fd) != 0)
		err = KODO_EIO;
	if (err == KODO_OK)
		return KODO_OK;
	why_set(why, err, "cannot write %s: %s", path, path_words(errno));
	if (fd >= 0)
		unlink(path);
	return err;
}

static enum kodo_err
write_loader(const struct init *in, struct why *why)
{
	struct buf b = BUF_INIT(0);
	enum kodo_err err;

	put_loader(&b, in);
	if (buf_failed(&b))
		err = b.err;
	else if (!in->is_forced)
		err = write_new(in->file, buf_str(&b), why);
	else if ((err = path_replace_text(in->file, 0644, buf_str(&b))) != KODO_OK)
		why_set(why, err, "cannot write %s: %s", in->file, path_words(errno));
	buf_free(&b);
	return err;
}

/* What kodo service would say of it. */
static enum kodo_err
check_written(const struct init *in, struct why *why)
{
	char *argv[] = { arena_strz(in->a, str_of(in->file)), NULL };
	struct options o;

	return argv[0] == NULL ? KODO_ENOMEM :
	    option_load_service(in->a, 1, argv, false, &o, why);
}

static void
say_next(const struct init *in)
{
	screen_print(stdout, str_of(in->file));
	printf(" is written: %s %s of ", in->role->name, in->values[URL]);
	screen_print(stdout, str_of(in->values[ORGANIZATION]));
	fputs("\n  kodo check ", stdout);
	screen_print(stdout, str_of(in->file));
	fputs("      # all that is wrong with it, and what will be published\n  kodo service ",
	    stdout);
	screen_print(stdout, str_of(in->file));
	fputs("    # runs it; a change of the file holds within a second\n", stdout);
}

int
cmd_init(int argc, char *argv[])
{
	struct init in = { .file = NULL };
	struct why why = { "" };
	enum kodo_err err = state_arg_read(&in.args, argc - 1, argv + 1, &why);
	int status = 2;

	in.a = in.args.a;
	if (err == KODO_OK && in.args.is_help) {
		fputs(usage, stdout);
		state_arg_free(&in.args);
		return 0;
	}
	if (err == KODO_OK)
		err = read_arguments(&in, &why);
	if (err == KODO_OK) {
		err = check_absent(&in, &why);
		status = err == KODO_OK ? 2 : 1;
	}
	if (err == KODO_OK) {
		err = find_values(&in, &why);
		status = err == KODO_EINVAL ? 2 : 1;
	}
	if (err == KODO_OK) {
		err = write_loader(&in, &why);
	}
	if (err == KODO_OK)
		err = check_written(&in, &why);
	if (err == KODO_OK)
		say_next(&in);
	else
		cmd_complain("init", err, &why);
	state_arg_free(&in.args);
	return err == KODO_OK ? 0 : status;
}
