/*
 * kodo deny, kodo hide, kodo allow: which nodes are not to be shown, or not passed on either. The
 * change is made in the state; a service that runs shows it at once.
 */
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/inspect.h"
#include "cmd/table.h"
#include "core/base/isotime.h"
#include "core/base/screen.h"
#include "core/registry/moderate.h"
#include "core/views/moderated.h"

#define MODERATE_HELP \
	"  -n        only say how many nodes the pattern would decide of now\n" \
	"  --forget  take away whatever is said of this very pattern\n" \
	"Without PATTERN: list what is denied, hidden or excepted, since when, and of how many\n" \
	"nodes and flows it decides; -o json, wide, or name (the patterns).\n" \
	"PATTERN is one of\n" \
	"  url:PREFIX            nodes, and what peers state, at that url and below; the url\n" \
	"                        alone will do\n" \
	"  organization:NAME     nodes of it; a * at its begin or end stands for anything\n" \
	"  address:ADDRESS/BITS  what peers state that spoke from there, or were reached there\n" \
	"Of several that hit a node one decides: its url before its organization, that before\n" \
	"url and address of the peer that states it; of one kind the longest.\n" \
	"Exit status: 0, 1 if it could not be done, 2 for wrong arguments.\n" \
	"\n" \
	STATE_ARG_HELP

static const char deny_usage[] =
    "usage: kodo deny [PATTERN] [-n] [--forget] [-o FORM] [SERVICE ...]\n"
    "\n"
    "Neither show nodes nor pass them on. What their peers say is still taken in, so that\n"
    "kodo allow shows it at once; peers that have them from elsewhere keep them.\n"
    "Example: kodo deny 'organization:Spam*' -n\n"
    MODERATE_HELP;

static const char hide_usage[] =
    "usage: kodo hide [PATTERN] [-n] [--forget] [-o FORM] [SERVICE ...]\n"
    "\n"
    "Pass nodes on to peers, but do not show them here.\n"
    "Example: kodo hide https://quiet.example.org/below\n"
    MODERATE_HELP;

static const char allow_usage[] =
    "usage: kodo allow [PATTERN] [-n] [--forget] [-o FORM] [SERVICE ...]\n"
    "\n"
    "Show again, and pass on, what was denied or hidden by that pattern. Where it was not, make\n"
    "it an exception from others that hit more.\n"
    "Example: kodo allow 'organization:Spam*'\n"
    MODERATE_HELP;

struct wish {
	enum verdict verdict;
	bool is_dry, forget;
};

static enum kodo_err
moderate_prepare(struct inspect *in, void *arg, struct why *why)
{
	struct wish *w = arg;

	(void)why;
	w->is_dry = state_arg_take_flag(&in->state_arg, "-n");
	w->forget = state_arg_take_flag(&in->state_arg, "--forget");
	return KODO_OK;
}

/* --- the list --- */

static enum kodo_err
list_read(struct inspect *in, struct moderation *m, struct moderated_count **counts)
{
	enum kodo_err err = moderation_get(&in->view.t, in->state_arg.a, m);

	*counts = arena_zalloc(in->state_arg.a, (m->n + 1) * sizeof(**counts));
	return err == KODO_OK && *counts == NULL ? KODO_ENOMEM : err;
}

static enum kodo_err
put_json(const struct moderation *m, const struct moderated_count *counts)
{
	struct sink out = SINK_INIT(NULL);

	moderated_put_all(&out.buf, m, counts);
	return inspect_end_json(&out, KODO_OK);
}

static enum kodo_err
put_table(struct inspect *in, const struct moderation *m, const struct moderated_count *counts)
{
	static const struct table_column columns[] = { { "VERDICT", TABLE_TEXT, 0 },
		{ "SINCE", TABLE_TEXT, 1 }, { "NODES", TABLE_TEXT, 0 }, { "FLOWS", TABLE_TEXT, 0 },
		{ "PATTERN", TABLE_WHOLE, 0 }, { NULL, 0, 0 } };
	char since[ISOTIME_BYTES];
	struct table *t;
	size_t i;

	if (m->n == 0 && in->output != TABLE_NAMES) {
		puts("nothing is denied or hidden");
		return KODO_OK;
	}
	t = table_new(in->state_arg.a, columns);
	for (i = 0; i < m->n && t != NULL; i++) {
		isotime_format(m->all[i].since_us, false, since);
		table_put(t, str_of(moderation_name(m->all[i].verdict)));
		table_put(t, str_of(since));
		table_put_u64(t, counts[i].nodes);
		table_put_u64(t, counts[i].flows);
		table_put(t, m->all[i].pattern);
		table_end_row(t);
	}
	return t == NULL ? KODO_ENOMEM : table_print(t, in->output);
}

static enum kodo_err
list_put(struct inspect *in)
{
	struct moderated_count *counts;
	struct moderation m;
	enum kodo_err err = list_read(in, &m, &counts);

	if (err == KODO_OK)
		err = moderated_count(&in->view, &m, counts);
	if (err != KODO_OK)
		return err;
	return in->is_json ? put_json(&m, counts) : put_table(in, &m, counts);
}

/* --- one pattern --- */

/* "url:http://a: denied; nodes: 3, flows: 40". what: NULL: what is in force. */
static enum kodo_err
put_hits(struct inspect *in, const struct moderation_entry *e, const char *what)
{
	struct moderated_hits hits;
	enum kodo_err err = moderated_hits(&in->view, in->state_arg.a, e, &hits);

	if (err != KODO_OK)
		return err;
	screen_print(stdout, hits.entry->pattern);
	printf(": %s; nodes: %llu, flows: %llu\n",
	    what != NULL ? what : moderation_name(hits.entry->verdict),
	    (unsigned long long)hits.count.nodes, (unsigned long long)hits.count.flows);
	return KODO_OK;
}

/* The view is closed meanwhile: it would keep the store from reusing pages. */
static enum kodo_err
moderate(struct inspect *in, const struct moderation_entry *e, const struct wish *w)
{
	static const char *const words[] = {
		[MODERATE_EXCEPTED] = "an exception from what hits more",
		[MODERATE_UNDONE] = "nothing is said of it any more",
	};
	enum moderate_outcome done = MODERATE_NOTHING;
	enum kodo_err err;

	view_end(&in->view);
	err = registry_moderate(
	    in->registry, e, w->forget, in->now_us, INT64_MAX, &done);
	if (err == KODO_OK && !inspect_wake(in))
		fprintf(stderr, "kodo %s: noted; no runner is running, so peers learn of it at the "
		    "next request or cron\n", in->name);
	if (view_begin(in->registry, isotime_now_us(), &in->view) != KODO_OK)
		return err == KODO_OK ? KODO_EIO : err;
	if (err != KODO_OK)
		return err;
	if (done == MODERATE_UNDONE ||
	    (done == MODERATE_NOTHING && (w->forget || w->verdict == VERDICT_SHOWN))) {
		screen_print(stdout, e->pattern);
		printf(": %s\n", done == MODERATE_UNDONE ? words[done]
							  : "nothing was denied or hidden by it");
		return KODO_OK;
	}
	return put_hits(in, e, done == MODERATE_EXCEPTED ? words[done] : NULL);
}

static enum kodo_err
moderate_body(struct inspect *in, void *arg, struct why *why)
{
	const struct wish *w = arg;
	struct moderation_entry e;
	enum kodo_err err;

	if (in->what.p == NULL)
		return list_put(in);
	err = moderation_parse(in->state_arg.a, in->what, &e, why);
	if (err != KODO_OK)
		return err;
	e.verdict = w->verdict;
	e.since_us = in->now_us;
	err = w->is_dry ? put_hits(in, &e, "would decide") : moderate(in, &e, w);
	if (err == KODO_ETOOBIG)
		why_set(why, err, "there are %u entries already, and no more are taken: use "
		    "patterns that hit more, or accept", MODERATION_MAX);
	return err;
}

static int
run(const char *usage, enum verdict verdict, int argc, char *argv[])
{
	const struct inspect_command command = {
		.usage = usage, .has_what = true, .outputs = OUTPUT_ALL,
		.prepare = moderate_prepare, .body = moderate_body,
	};
	struct wish w = { .verdict = verdict };

	return inspect_run(&command, argc, argv, &w);
}

int
cmd_deny(int argc, char *argv[])
{
	return run(deny_usage, VERDICT_DENIED, argc, argv);
}

int
cmd_hide(int argc, char *argv[])
{
	return run(hide_usage, VERDICT_HIDDEN, argc, argv);
}

int
cmd_allow(int argc, char *argv[])
{
	return run(allow_usage, VERDICT_SHOWN, argc, argv);
}
