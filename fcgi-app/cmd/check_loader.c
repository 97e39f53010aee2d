#include <stdlib.h>
#include <string.h>

#include "cmd/check_loader.h"
#include "cmd/cmd.h"

#define FLOWS_SHOWN	20u

/* Faults as they are found: by kind of option, not by line. */
struct faults {
	struct arena *a;
	struct buf lines;		/* of const char * */
};

static void
add_fault(void *arg, const char *line)
{
	struct faults *faults = arg;
	const char *copy = arena_strz(faults->a, str_of(line));

	if (copy != NULL)
		buf_put(&faults->lines, &copy, sizeof(copy));
}

static int
compare_lines(const void *x, const void *y)
{
	const char *const *a = x, *const *b = y;

	return strverscmp(*a, *b);	/* line 9 of a file before line 10 */
}

/* Returns how many they are. */
static size_t
say_faults(struct faults *faults, struct findings *f)
{
	const size_t n = faults->lines.len / sizeof(const char *);
	const char **lines = (const char **)(void *)faults->lines.p;
	size_t i;

	if (n > 0)
		qsort(lines, n, sizeof(*lines), compare_lines);
	for (i = 0; i < n; i++)
		findings_say(f, FINDING_ERROR, "options: %s", lines[i]);
	buf_free(&faults->lines);
	return n;
}

static enum kodo_err
read_hosted(struct state_arg *t, struct why *why)
{
	const char *loader = arena_strz(t->a, t->loader);
	enum kodo_err err = option_load_hosted(t->a, loader, false, &t->options, why);

	t->has_options = err == KODO_OK;
	return err;
}

enum kodo_err
check_loader_read(struct state_arg *t, struct findings *f)
{
	struct faults faults = { t->a, BUF_INIT(0) };
	struct why why = { "" };
	enum kodo_err err;

	why_collect(add_fault, &faults);
	err = state_arg_find(t, &why);
	if (err == KODO_OK && t->is_hosted)
		err = read_hosted(t, &why);
	else if (err == KODO_OK && t->options.loader_is_program)
		err = KODO_EBUSY;
	why_collect(NULL, NULL);
	if (err == KODO_EBUSY) {
		findings_say(f, FINDING_OK,
		    "options: %.*s is a program; %s runs it", STR_ARG(t->loader),
		    t->is_hosted ? "the runner" : "kodo service");
		return KODO_OK;
	}
	if (say_faults(&faults, f) == 0 && err != KODO_OK)
		findings_say(f, FINDING_ERROR, "options: %s", cmd_words(err, &why));
	return err;
}

/* The address of a flow: /flows/ of the service, and its url without slashes before it. */
static void
say_flow(const struct options *o, const struct flow *flow, struct findings *f)
{
	struct str path = flow->url;

	while (path.len > 0 && path.p[0] == '/')
		path = str_skip(path, 1);
	findings_say(f, FINDING_OK,
	    "publishes: %.*s/flows/%.*s  %.*s", STR_ARG(o->url), STR_ARG(path),
	    STR_ARG(flow->name));
}

void
check_loader_say(const struct state_arg *t, struct findings *f)
{
	const struct options *o = &t->options;
	size_t i;

	findings_say(f, FINDING_OK,
	    "options: %s%.*s, url %.*s, registry %s, feed %s, targets: %zu, own flows: %zu",
	    t->loader.len > 0 ? "loader " : "no loader", STR_ARG(t->loader), STR_ARG(o->url),
	    o->registry ? "true" : "false", o->feed ? "true" : "false", o->n_connect, o->n_flows);
	findings_say(f, FINDING_OK, "role: %s", !o->registry ?
	    "node: it offers its own flows to the registries in connect" : o->feed ?
	    "registry: it takes in what nodes and registries send, and feeds those that feed" :
	    "provider: it offers its own flows and those of its nodes to the registries in "
	    "connect");
	for (i = 0; i < o->n_flows && i < FLOWS_SHOWN; i++)
		say_flow(o, &o->flows[i], f);
	if (i < o->n_flows)
		findings_say(f, FINDING_OK, "publishes: %zu more", o->n_flows - i);
	for (i = 0; i < o->n_connect; i++)
		findings_say(f, FINDING_OK, "target: %.*s", STR_ARG(o->connect[i]));
	if (!o->registry && o->n_connect == 0)
		findings_say(f, FINDING_WARNING,
		    "no target: nobody lists the flows of a node that connects "
		    "to no registry; name one in connect");
}
