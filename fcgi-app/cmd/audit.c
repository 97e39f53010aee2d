/* kodo audit: who changed what, and what was refused to whom. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/colour.h"
#include "cmd/state_arg.h"
#include "core/base/isotime.h"
#include "core/base/screen.h"
#include "core/base/url.h"
#include "core/registry/registry.h"
#include "core/wire/jread.h"

#define LINE_BEGIN	"{\"time\":\""	/* which cannot stand inside of a line */

static const char usage[] =
    "usage: kodo audit [--node URL] [--since TIME] [--until TIME] [--who TEXT] [--refused]\n"
    "                  [-o json] [SERVICE ...]\n"
    "\n"
    "Print who changed what, the oldest first: requests, taken and refused, and withdrawals.\n"
    "  --node URL    only of that node; of a request with many nodes the first 20 are known\n"
    "  --since TIME  from then on: 2026-11-24, 2026-11-24T08:16, or 90s, 15m, 2h, 7d ago\n"
    "  --until TIME  and not after then\n"
    "  --who TEXT    only of those with it in url, key or address; or of proved, pinned,\n"
    "                legacy, anonymous, admin, runner, command\n"
    "  --refused     only what was refused\n"
    "  -o json       the lines as they are written\n"
    "Exit status: 0, 1 if there is no audit, 2 for wrong arguments.\n"
    "Example: kodo audit --since 2h --refused my.yaml\n"
    "\n"
    STATE_ARG_HELP;

/* The members of a line that are looked at. */
enum member { M_TIME, M_BY, M_URL, M_KEY, M_KNOWN, M_ADDRESS, M_METHOD, M_ROUTE, M_SUBJECT,
    M_STATUS, M_OUTCOME, M_REASON, M_NODES, M_MORE, MEMBERS };
static const char *const members[MEMBERS] = { "time", "by", "url", "key", "known", "address",
	"method", "route", "subject", "status", "outcome", "reason", "nodes", "more" };

struct audit {
	struct state_arg args;
	char path[PATH_BYTES];
	struct str node;		/* its key; null: all */
	int64_t since_us, until_us;
	struct str who;			/* null: all */
	bool is_refused, is_json;
	struct jread *j;
	struct arena *a;		/* of a line */
	struct str of[MEMBERS];		/* of a line: texts; of nodes, more, status as written */
	uint64_t n_skipped;
};

/* --- arguments --- */

/* "90s", "15m", "2h", "7d": how long before now. false: it is none. */
static bool
read_ago(const char *text, int64_t *at_us)
{
	static const struct {
		char unit;
		int64_t us;
	} units[] = { { 's', 1000000 }, { 'm', 60000000 }, { 'h', 3600000000ll },
		{ 'd', 86400000000ll } };
	char *end;
	const unsigned long n = strtoul(text, &end, 10);
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (text[0] >= '0' && text[0] <= '9' && end[0] == units[i].unit && end[1] == '\0' &&
		    n < 1000000) {
			*at_us = isotime_now_us() - (int64_t)n * units[i].us;
			return true;
		}
	return false;
}

static enum kodo_err
take_time(struct audit *u, const char *name, int64_t *at_us, struct why *why)
{
	const char *text, *reason;
	enum kodo_err err = state_arg_take(&u->args, name, &text, why);

	if (err != KODO_OK || text == NULL || read_ago(text, at_us))
		return err;
	if (isotime_parse_text(str_of(text), at_us, &reason) == KODO_OK)
		return KODO_OK;
	return why_set(why, KODO_EINVAL,
	    "%s is a time as 2026-11-24T08:16, or how long ago as 15m, not %s (%s)", name, text,
	    reason);
}

static enum kodo_err
take_words(struct audit *u, struct why *why)
{
	const char *node, *who, *form;
	enum kodo_err err = state_arg_take(&u->args, "--node", &node, why);

	if (err == KODO_OK)
		err = state_arg_take(&u->args, "--who", &who, why);
	if (err == KODO_OK)
		err = state_arg_take(&u->args, "-o", &form, why);
	if (err != KODO_OK)
		return err;
	u->who = str_of(who);
	if (node != NULL && url_key(u->args.a, str_of(node), &u->node) != KODO_OK)
		return why_set(why, KODO_EINVAL, "%s is no http or https url", node);
	u->is_json = form != NULL && str_eq(str_of(form), STR("json"));
	if (form != NULL && !u->is_json && !str_eq(str_of(form), STR("text")))
		return why_set(why, KODO_EINVAL, "-o is json or text, not %s", form);
	return KODO_OK;
}

static enum kodo_err
take_arguments(struct state_arg *t, void *arg, struct why *why)
{
	struct audit *u = arg;
	enum kodo_err err;

	u->until_us = INT64_MAX;
	u->is_refused = state_arg_take_flag(t, "--refused");
	err = take_time(u, "--since", &u->since_us, why);
	if (err == KODO_OK)
		err = take_time(u, "--until", &u->until_us, why);
	if (err == KODO_OK)
		err = take_words(u, why);
	return err;
}

static enum kodo_err
find_audit(struct audit *u, struct why *why)
{
	const struct options *o;
	struct registry *r = NULL;
	enum kodo_err err = state_arg_open(&u->args, &r, why);

	if (err == KODO_OK)
		err = registry_options(r, &o);
	if (err == KODO_OK)
		err = audit_path(registry_state(r), o->audit_file, u->path);
	registry_close(r);
	return err;
}

/* --- lines --- */

/* false: it is no line of an audit. */
static bool
line_read(struct audit *u, struct str line, int64_t *at_us)
{
	struct jread_fault fault;
	struct str value, *v;
	unsigned i;

	if (!jread_check(line, &value, &fault) || jread_kind(value) != JREAD_OBJECT ||
	    jread_fields(u->j, value, members, MEMBERS, u->of) != KODO_OK)
		return false;
	for (i = 0; i < M_NODES; i++) {
		v = &u->of[i];
		if (jread_kind(*v) == JREAD_TEXT && jread_text(u->j, u->a, *v, v) != KODO_OK)
			return false;
	}
	return isotime_parse_text(u->of[M_TIME], at_us, NULL) == KODO_OK;
}

/* The urls of its nodes, one after the other. */
static bool
node_next(struct audit *u, struct jread_walk *w, struct str *url)
{
	static const char *const names[] = { "url" };
	struct str key, value, v;

	while (jread_next(w, &key, &value))
		if (jread_kind(value) == JREAD_OBJECT &&
		    jread_fields(u->j, value, names, 1, &v) == KODO_OK &&
		    jread_kind(v) == JREAD_TEXT && jread_text(u->j, u->a, v, url) == KODO_OK)
			return true;
	return false;
}

static bool
has_node(struct audit *u)
{
	struct jread_walk w;
	struct str url, key;

	if (jread_kind(u->of[M_NODES]) != JREAD_LIST)
		return false;
	jread_begin(&w, u->of[M_NODES]);
	while (node_next(u, &w, &url))
		if (url_key(u->a, url, &key) == KODO_OK && str_eq(key, u->node))
			return true;
	return false;
}

static bool
has_who(const struct audit *u)
{
	static const enum member parts[] = { M_URL, M_KEY, M_ADDRESS }, whole[] = { M_KNOWN, M_BY };
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const struct str s = u->of[parts[i]];

		if (s.p != NULL && memmem(s.p, s.len, u->who.p, u->who.len) != NULL)
			return true;
	}
	for (i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		if (str_eq(u->of[whole[i]], u->who))
			return true;
	return false;
}

static bool
is_wanted(struct audit *u, int64_t at_us)
{
	return at_us >= u->since_us && at_us <= u->until_us &&
	    (!u->is_refused || str_eq(u->of[M_OUTCOME], STR("refused"))) &&
	    (u->who.p == NULL || has_who(u)) && (u->node.p == NULL || has_node(u));
}

static void
print_part(const char *before, struct str s, const char *after)
{
	if (s.len == 0)
		return;
	fputs(before, stdout);
	screen_print(stdout, s);
	fputs(after, stdout);
}

static void
print_nodes(struct audit *u)
{
	struct jread_walk w;
	struct str url;
	const char *before = ": ";

	if (jread_kind(u->of[M_NODES]) != JREAD_LIST)
		return;
	jread_begin(&w, u->of[M_NODES]);
	for (; node_next(u, &w, &url); before = ", ")
		print_part(before, url, "");
	print_part(" and ", u->of[M_MORE], " more");
}

/* "TIME refused POST /update 403 other_key: http://x (anonymous) from 192.0.2.7: http://node" */
static void
print_text(struct audit *u)
{
	const bool is_bad = str_eq(u->of[M_OUTCOME], STR("refused"));
	const bool is_request = u->of[M_METHOD].len > 0;

	screen_print(stdout, u->of[M_TIME]);
	fputs(colour_begin(is_bad ? COLOUR_WARN : COLOUR_NONE), stdout);
	print_part(" ", u->of[M_OUTCOME], "");
	fputs(colour_end(is_bad ? COLOUR_WARN : COLOUR_NONE), stdout);
	if (!is_request)
		print_part(" by ", u->of[M_BY], "");
	print_part(" ", u->of[M_METHOD], "");
	print_part(" ", u->of[M_ROUTE], "");
	print_part(" ", u->of[M_STATUS], "");
	print_part(" ", u->of[M_REASON], "");
	print_part(", ", u->of[M_URL], "");
	print_part(" (", u->of[M_KNOWN], ")");
	print_part(" from ", u->of[M_ADDRESS], "");
	print_part(": ", u->of[M_SUBJECT], "");
	print_nodes(u);
	putchar('\n');
}

static void
take_line(struct audit *u, struct str line)
{
	int64_t at_us;

	arena_reset(u->a);
	if (!line_read(u, line, &at_us)) {
		u->n_skipped++;
		return;
	}
	if (!is_wanted(u, at_us))
		return;
	if (u->is_json)
		printf("%.*s\n", STR_ARG(line));
	else
		print_text(u);
}

/* Behind half a line, where the disk was full, a whole one may follow without a newline. */
static void
take_raw(struct audit *u, struct str raw)
{
	const struct str begin = STR(LINE_BEGIN);
	const char *at;

	if (raw.len == 0)
		return;
	while ((at = memmem(raw.p + 1, raw.len - 1, begin.p, begin.len)) != NULL) {
		take_line(u, (struct str){ raw.p, (size_t)(at - raw.p) });
		raw = str_skip(raw, (size_t)(at - raw.p));
	}
	take_line(u, raw);
}

static void
take_file(struct audit *u, int fd)
{
	FILE *f = fdopen(fd, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (f == NULL) {
		close(fd);
		return;
	}
	while ((n = getline(&line, &cap, f)) > 0)
		take_raw(u, (struct str){ line, (size_t)n - (line[n - 1] == '\n') });
	free(line);
	fclose(f);
}

static enum kodo_err
print_all(struct audit *u, struct why *why)
{
	int fds[AUDIT_KEEP_MAX + 1];
	unsigned n, i;

	u->j = jread_new();
	u->a = arena_new();
	if (u->j == NULL || u->a == NULL)
		return KODO_ENOMEM;
	audit_open_all(u->path, fds, &n);
	if (n == 0)
		return why_set(why, KODO_ENOTFOUND, "there is no audit at %s: nothing was asked "
		    "yet, it cannot be read, or audit_max_mib is 0", u->path);
	for (i = 0; i < n; i++)
		take_file(u, fds[i]);
	if (u->n_skipped > 0)
		fprintf(stderr, "kodo audit: lines that are torn or none of an audit: %llu\n",
		    (unsigned long long)u->n_skipped);
	return fflush(stdout) == 0 ? KODO_OK : KODO_EIO;
}

static enum kodo_err
find_and_print(struct state_arg *t, void *arg, struct why *why)
{
	enum kodo_err err = find_audit(arg, why);

	(void)t;	/* it is that of arg */
	return err == KODO_OK ? print_all(arg, why) : err;
}

int
cmd_audit(int argc, char *argv[])
{
	static const struct state_arg_command command = { usage, take_arguments, find_and_print };
	static struct audit u;
	int status = state_arg_run(&command, &u.args, argc, argv, &u);

	jread_free(u.j);
	arena_free(u.a);
	return status;
}
