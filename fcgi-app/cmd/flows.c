/*
 * kodo flows, kodo counts: as GET /flows and /counts, from the state; the service need not run.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "cmd/inspect.h"
#include "cmd/table.h"
#include "core/base/json.h"
#include "core/base/utf8.h"
#include "core/query/query.h"
#include "core/views/counts.h"
#include "core/views/facets.h"
#include "core/views/search.h"

static const char flows_usage[] =
    "usage: kodo flows [WORDS | QUERY] [--by FIELDS] [--pp N] [--p N] [-o FORM] [--watch[=S]]\n"
    "                  [SERVICE ...]\n"
    "\n"
    "List the flows that have all the words, the best first, or that match a query (all\n"
    "flows without any), as GET /flows?words= does. One argument, so in quotes:\n"
    "  'invoice report'                both, the begin of a word is enough\n"
    "  '\"monthly report\" -draft'      side by side, and not that one\n"
    "  'tag:legal org:\"X\"'           in that field: name, tag, author, org, description\n"
    "  'name ~ \"a\" and @tag(\"b\")'    a query, see PROTOCOL.md\n"
    "  --by FIELDS   sort: organization,name:d; without it words rank\n"
    "  --pp N        so many a page (20)\n"
    "  --p N         which page, from 0\n"
    "  -o FORM       json: the answer of GET /flows; wide: the whole table; name: urls\n"
    "  --watch[=S]   again and again, every S seconds (2)\n"
    "Exit status: 0, 1 if the state cannot be read, 2 for wrong arguments.\n"
    "Example: kodo flows newsletter --by name -o wide\n"
    "\n"
    STATE_ARG_HELP;

static const char counts_usage[] =
    "usage: kodo counts [-o json] [--watch[=S]] [SERVICE ...]\n"
    "\n"
    "Count the flows by organization, tag, state and registry they came by, the largest\n"
    "first; -o json: the answer of GET /counts, which counts distinct names; --watch:\n"
    "every S seconds (2) again.\n"
    "Exit status: 0, 1 if the state cannot be read, 2 for wrong arguments.\n"
    "Example: kodo counts my.yaml\n"
    "\n"
    STATE_ARG_HELP;

struct flows_args {
	const char *by;
	uint64_t pp, p;
	struct table *table;
	struct query_mistake mistake;
};

static enum kodo_err
take_number(struct inspect *in, const char *name, uint64_t least, uint64_t *n, struct why *why)
{
	const char *text;
	char *end;
	enum kodo_err err = state_arg_take(&in->state_arg, name, &text, why);

	if (err != KODO_OK || text == NULL)
		return err;
	errno = 0;
	*n = strtoull(text, &end, 10);
	if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || *n < least)
		return why_set(why, KODO_EINVAL, "%s needs a number, at least %u", name,
		    (unsigned)least);
	return KODO_OK;
}

static enum kodo_err
flows_prepare(struct inspect *in, void *arg, struct why *why)
{
	struct flows_args *args = arg;
	enum kodo_err err = state_arg_take(&in->state_arg, "--by", &args->by, why);

	if (err == KODO_OK)
		err = take_number(in, "--pp", 1, &args->pp, why);
	return err == KODO_OK ? take_number(in, "--p", 0, &args->p, why) : err;
}

static enum kodo_err
put_row(struct search_sink *s, const struct row *row, struct str node)
{
	struct flows_args *args = s->arg;
	char tags[512];
	size_t i, n = 0;

	(void)node;
	for (i = 0; i < row->n_tags && n + row->tags[i].len + 2 < sizeof(tags); i++) {
		if (i > 0)
			tags[n++] = ' ';
		memcpy(tags + n, row->tags[i].p, row->tags[i].len);
		n += row->tags[i].len;
	}
	table_put(args->table, row->name);
	table_put(args->table, row->organization);
	table_put(args->table, row->author);
	table_put(args->table, (struct str){ tags, n });
	table_put(args->table, row->url);
	table_end_row(args->table);
	return KODO_OK;
}

static void
begin_json(struct search_sink *s, const struct search_result *res)
{
	const struct flows_args *args = s->arg;

	buf_printf(&s->out->buf, "{\"total\":%llu,\"filtered\":%llu,\"p\":%llu,\"pp\":%llu,"
	    "\"items\":[", (unsigned long long)res->total, (unsigned long long)res->filtered,
	    (unsigned long long)args->p, (unsigned long long)args->pp);
}

static enum kodo_err
print_json(struct inspect *in, struct flows_args *args, const struct search_query *fq)
{
	struct sink out = SINK_INIT(registry_state(in->registry));
	struct search_sink s = { .out = &out, .begin = begin_json, .arg = args };
	struct search_result res;
	enum kodo_err err = search_flows(&in->view, in->state_arg.a, fq, &s, &res);

	buf_puts(&out.buf, "],\"by\":");
	json_put_str(&out.buf, order_text(fq->by));
	buf_puts(&out.buf, ",\"q\":");
	json_put_str(&out.buf, query_note(fq->q));
	if (in->what.p != NULL) {
		buf_puts(&out.buf, ",\"did_you_mean\":");
		json_put_str(&out.buf, res.meant);
	}
	buf_putc(&out.buf, '}');
	return inspect_end_json(&out, err == KODO_OK ? sink_end(&out) : err);
}

static void
say_mistake(const struct query_mistake *m)
{
	if (m->reason == NULL)
		return;
	fprintf(stderr, "kodo flows: searched as words; as a query it is wrong");
	if (m->column > 0)
		fprintf(stderr, " at column %zu", m->column);
	fprintf(stderr, ": %s", m->reason);
	if (m->meant != NULL)
		fprintf(stderr, "; did you mean %s?", m->meant);
	fputc('\n', stderr);
}

static enum kodo_err
print_table(struct inspect *in, struct flows_args *args, const struct search_query *fq)
{
	static const struct table_column columns[] = { { "NAME", TABLE_TEXT, 0 },
		{ "ORGANIZATION", TABLE_TEXT, 1 }, { "AUTHOR", TABLE_TEXT, 3 },
		{ "TAGS", TABLE_TEXT, 2 }, { "URL", TABLE_WHOLE, 0 }, { NULL, 0, 0 } };
	struct search_sink s = { .each = put_row, .arg = args };
	struct search_result res = { 0 };
	uint64_t pages;
	enum kodo_err err;

	args->table = table_new(in->state_arg.a, columns);
	err = args->table == NULL ? KODO_ENOMEM :
	    search_flows(&in->view, in->state_arg.a, fq, &s, &res);
	if (err == KODO_OK)
		err = table_print(args->table, in->output);
	if (err != KODO_OK || in->output == TABLE_NAMES)
		return err;
	pages = res.filtered == 0 ? 1 : (res.filtered - 1) / args->pp + 1;
	printf("%llu of %llu flows", (unsigned long long)res.filtered,
	    (unsigned long long)res.total);
	if (pages > 1)
		printf(", page %llu of %llu (--p %llu)", (unsigned long long)args->p + 1,
		    (unsigned long long)pages, (unsigned long long)args->p);
	putchar('\n');
	say_mistake(&args->mistake);
	if (res.meant.p != NULL)
		fprintf(stderr, "kodo flows: nothing has \"%.*s\"; these have \"%.*s\"\n",
		    STR_ARG(in->what), STR_ARG(res.meant));
	return KODO_OK;
}

static enum kodo_err
flows_body(struct inspect *in, void *arg, struct why *why)
{
	struct flows_args *args = arg;
	struct search_query fq = { .p = args->p, .pp = args->pp };
	const struct search_asked asked = { .words = in->what };
	enum kodo_err err;

	if (!utf8_valid(in->what) || !utf8_valid(str_of(args->by)))
		return why_set(why, KODO_EINVAL, "the query is no UTF-8");
	err = search_compile(in->state_arg.a, &asked, &fq.q, &args->mistake, why);
	if (err == KODO_OK)
		err = search_order(in->state_arg.a, fq.q, str_of(args->by), &fq.by);
	if (err == KODO_OK)
		err = in->is_json ? print_json(in, args, &fq) : print_table(in, args, &fq);
	if (err == KODO_ETOOBIG)
		why_set(why, err, "the query takes too many steps: use fewer tests or simpler "
		    "regular expressions");
	return err;
}

int
cmd_flows(int argc, char *argv[])
{
	static const struct inspect_command command = {
		.usage = flows_usage, .has_what = true, .outputs = OUTPUT_ALL, .can_watch = true,
		.prepare = flows_prepare, .body = flows_body,
	};
	struct flows_args args = { .pp = 20 };

	return inspect_run(&command, argc, argv, &args);
}

static void
put_facets(struct table *t, const char *kind, const struct facet_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		table_put(t, str_of(kind));
		table_put_u64(t, l->top[i].flows);
		table_put(t, l->top[i].text);
		table_end_row(t);
	}
	if (l->n_all <= l->n)
		return;
	table_put(t, str_of(kind));
	table_put(t, STR("..."));
	table_put_u64(t, l->n_all - l->n);
	table_end_row(t);
}

static enum kodo_err
counts_body(struct inspect *in, void *arg, struct why *why)
{
	static const struct table_column columns[] = { { "OF", TABLE_TEXT, 0 },
		{ "FLOWS", TABLE_TEXT, 0 }, { "NAME", TABLE_WHOLE, 0 }, { NULL, 0, 0 } };
	struct sink out = SINK_INIT(NULL);
	struct facets facets;
	struct query *all;
	struct table *t;
	unsigned k;
	enum kodo_err err;

	(void)arg;
	(void)why;
	if (in->is_json)
		return inspect_end_json(&out, counts_put(&in->view, &out));
	err = query_compile(in->state_arg.a, STR_NULL, &all);
	if (err == KODO_OK)
		err = facets_count(&in->view, in->state_arg.a, all, &facets);
	t = err == KODO_OK ? table_new(in->state_arg.a, columns) : NULL;
	if (t == NULL)
		return err == KODO_OK ? KODO_ENOMEM : err;
	table_put(t, STR("total"));
	table_put_u64(t, in->view.head.total);
	table_end_row(t);
	for (k = 0; k < FACET_KINDS; k++)
		put_facets(t, facet_name(k), &facets.of[k]);
	return table_print(t, in->output);
}

int
cmd_counts(int argc, char *argv[])
{
	static const struct inspect_command command = {
		.usage = counts_usage, .body = counts_body,
		.outputs = OUTPUT_JSON, .can_watch = true,
	};

	return inspect_run(&command, argc, argv, NULL);
}
