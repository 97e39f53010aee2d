/*
 * All state of the page is in its address, whose parameters mean for people what they mean for
 * machines.
 */
#include "core/base/utf8.h"
#include "http/asked.h"
#include "http/flows_facets.h"
#include "http/flows_page.h"
#include "http/page.h"
#include "http/page_parts.h"
#include "http/template.h"

/* Where www/ is not installed. */
static const char bare_flows[] =
    "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Flows</title>\n"
    "<p>{{filtered}} of {{total}} flows</p>\n<table border=\"1\">\n"
    "{{#item}}<tr><td>{{organization}}<td>"
    "<a href=\"{{@url}}\">{{name}}</a><td>{{author}}<td>{{description}}"
    "<td>{{#tags}}{{.}} {{/tags}}</tr>\n{{/item}}</table>\n</html>\n";

/* --- addresses --- */

static void
put_param(struct buf *b, const char *name, struct str value)
{
	if (value.len == 0)
		return;
	buf_printf(b, "%s%s=", b->len > 0 ? "&" : "", name);
	template_put_percent(b, value);
}

/* What the list is narrowed to. */
struct choice {
	const char *name;	/* of the parameter */
	struct str text;
};

#define CHOICES_MAX	(LIMIT_TAGS + 4)

static size_t
list_choices(const struct params *n, struct choice out[CHOICES_MAX])
{
	const struct choice once[] = {
		{ "organization", n->text[PARAM_ORGANIZATION] },
		{ "state", n->text[PARAM_NODE_STATE] },
		{ "registry", n->text[PARAM_REGISTRY] },
		{ "alive", n->number[PARAM_ALIVE] != 0 ? STR("1") : STR_NULL },
	};
	size_t i, count = 0;

	for (i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		if (once[i].text.len > 0)
			out[count++] = once[i];
	for (i = 0; i < n->n_tags; i++)
		out[count++] = (struct choice){ "tag", n->tags[i] };
	return count;
}

/* The query string of this list without the page number, and without choice number skip. */
static void
put_address(struct template_values *to, const char *name, const struct flows_page *f,
    const struct params *n, size_t skip, struct arena *a)
{
	struct choice choices[CHOICES_MAX];
	const size_t count = list_choices(n, choices);
	struct buf b = BUF_INIT(0);
	struct str text;
	size_t i;

	put_param(&b, "q", f->q);
	put_param(&b, "words", f->words);
	put_param(&b, "by", f->by);
	if (f->pp != 10)
		buf_printf(&b, "%spp=%llu", b.len > 0 ? "&" : "", (unsigned long long)f->pp);
	for (i = 0; i < count; i++)
		if (i != skip)
			put_param(&b, choices[i].name, choices[i].text);
	if (b.len > 0)
		buf_putc(&b, '&');
	if (!buf_failed(&b) && arena_str(a, buf_str(&b), &text) == KODO_OK)
		template_values_put(to, name, text);
	buf_free(&b);
}

/* --- the form --- */

static void
put_orders(struct template_values *values, struct str by, bool is_ranked)
{
	static const struct {
		const char *by, *label;
	} rows[] = {
		{ "", "name" }, /* or rank */
		{ "name,url", "name" },
		{ "name:d", "name, from Z to A" },
		{ "organization,name", "organization" },
		{ "author,name", "author" },
		{ "created:d,name", "newest" },
		{ "modified:d,name", "last changed" },
	};
	struct template_values *row;
	bool found = false, is;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (i == 1 && !is_ranked)
			continue;
		is = str_eq(by, str_of(rows[i].by));
		found |= is;
		row = template_values_row(values, "order");
		template_values_put(row, "value", str_of(rows[i].by));
		template_values_put(row, "label",
		    i == 0 && is_ranked ? STR("best match") : str_of(rows[i].label));
		template_values_put_flag(row, "selected", is);
	}
	if (found)
		return;
	row = template_values_row(values, "order");
	template_values_put(row, "value", by);
	template_values_put(row, "label", by);
	template_values_put_flag(row, "selected", true);
}

static void
put_sizes(struct template_values *values, uint64_t pp)
{
	static const uint64_t sizes[] = { 10, 20, 50, 100 };
	struct template_values *row;
	bool found = false;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		row = template_values_row(values, "size");
		template_values_put_u64(row, "value", sizes[i]);
		template_values_put_flag(row, "selected", sizes[i] == pp);
		found |= sizes[i] == pp;
	}
	if (found)
		return;
	row = template_values_row(values, "size");
	template_values_put_u64(row, "value", pp);
	template_values_put_flag(row, "selected", true);
}

/* What was searched for, where it is not what may have been meant. */
static void
put_mistake(struct flows_page *f, const struct query *q)
{
	const struct str text = f->q.len > 0 ? f->q : f->words;
	const struct query_mistake *m = &f->mistake;
	size_t at;

	template_values_put_flag(f->values, "as_text",
	    utf8_trim(f->q).len > 0 && m->reason == NULL && query_column(q) > 0);
	template_values_put(f->values, "meant", f->meant);
	if (order_has_error(f->order))
		template_values_put(f->values, "by_wrong", f->by);
	if (m->reason == NULL)
		return;
	template_values_put_flag(f->values, "mistake", true);
	template_values_put(f->values, "reason", str_of(m->reason));
	template_values_put(f->values, "field", str_of(m->meant));
	template_values_put_flag(f->values, "as_words", f->q.len == 0);
	if (m->column == 0)
		return;
	at = utf8_bytes(text, m->column - 1);
	template_values_put_u64(f->values, "column", m->column);
	template_values_put(f->values, "q_before", (struct str){ text.p, at });
	template_values_put(f->values, "q_after", (struct str){ text.p + at, text.len - at });
}

static void
put_chosen(struct flows_page *f, const struct params *n, struct arena *a)
{
	struct choice choices[CHOICES_MAX];
	const size_t count = list_choices(n, choices);
	struct template_values *row;
	size_t i;

	put_address(f->values, "keep", f, n, SIZE_MAX, a);
	for (i = 0; i < count; i++) {
		row = template_values_row(f->values, "chosen");
		template_values_put(row, "name", str_of(choices[i].name));
		template_values_put(row, "text", choices[i].text);
		put_address(row, "without", f, n, i, a);
	}
}

/* The address of the same flows as a feed, which has its own order and size. */
static void
put_feed(struct flows_page *f, const struct params *n, struct arena *a)
{
	const struct flows_page plain = { .q = f->q, .words = f->words, .pp = 10 };

	template_values_put_flag(f->values, "feed", true);
	put_address(f->values, "which", &plain, n, SIZE_MAX, a);
}

/* --- the page --- */

enum kodo_err
flows_page_form(struct call *c, struct view *v, struct flows_page *f, const struct query *q)
{
	const struct params *n = &c->params;
	struct search_asked asked = asked_of(&c->params);
	struct words *text;
	enum kodo_err err = page_begin(c, v, "Flows", &f->values);

	if (err != KODO_OK)
		return err;
	if (f->meant.p != NULL)
		asked.words = f->meant;
	f->marks = query_words(q);
	if (f->marks == NULL && query_fulltext(q).len > 0) {
		err = words_of_text(c->a, query_fulltext(q), &text);
		if (err == KODO_ENOMEM)
			return err;
		f->marks = text;
	}
	template_values_put(f->values, "q", f->q.len > 0 ? f->q : f->words);
	template_values_put(f->values, "about", f->q.len > 0 ? f->q : f->words);
	put_mistake(f, q);
	put_chosen(f, n, c->a);
	put_feed(f, n, c->a);
	put_orders(f->values, order_has_error(f->order) ? STR_NULL : f->by,
	    query_words(q) != NULL);
	put_sizes(f->values, f->pp);
	return flows_facets_put(v, f->values, &asked);
}

/*
 * Pages are counted from 1 for people, from 0 in addresses. One behind a place (is_after) has no
 * number: those before it may have come and gone.
 */
static void
put_numbers(struct flows_page *f, bool is_after)
{
	uint64_t last = f->filtered == 0 ? 0 : (f->filtered - 1) / f->pp;
	struct template_values *to = f->values;

	template_values_put_count(to, "total", f->total);
	template_values_put_count(to, "filtered", f->filtered);
	template_values_put_u64(to, "pp", f->pp);
	template_values_put_flag(to, "none", f->filtered == 0);
	template_values_put_flag(to, "beyond", f->filtered > 0 && f->p > last && !is_after);
	template_values_put_flag(to, "is_after", is_after);
	if (is_after)
		return;
	template_values_put_count(to, "page", f->p == INT64_MAX ? f->p : f->p + 1);
	template_values_put_count(to, "pages", last + 1);
	template_values_put_flag(to, "many_pages", last > 0);
	if (f->p > 0)
		template_values_put_u64(to, "previous", f->p > last ? last : f->p - 1);
	if (f->p < last) {
		template_values_put_u64(to, "next", f->p + 1);
		template_values_put_u64(to, "last", last);
	}
}

static struct str
text_of(const char *file, const char *bare)
{
	struct str text = template_load(file);

	return text.p == NULL ? str_of(bare) : text;
}

enum kodo_err
flows_page_begin(struct call *c, struct flows_page *f)
{
	template_values_put(f->values, "by_note",
	    order_has_error(f->order) ? STR("name, url") : order_text(f->order));
	put_numbers(f, c->params.text[PARAM_AFTER].len > 0);
	f->row = arena_new();
	if (f->row == NULL || template_values_failed(f->values))
		return KODO_ENOMEM;
	(void)template_split(
	    text_of("flows.html", bare_flows), "item", &f->head, &f->item, &f->tail);
	template_values_render(f->values, f->head, &c->res->body.buf);
	return sink_step(&c->res->body);
}

void
flows_page_values(struct template_values *t, const struct row *r)
{
	template_values_put(t, "organization", r->organization);
	template_values_put(t, "url", r->url);
	template_values_put(t, "name", r->name);
	template_values_put(t, "author", r->author);
	template_values_put(t, "description", r->description);
	template_values_put_list(t, "tags", r->tags, r->n_tags);
	template_values_put_flag(t, "has_tags", r->n_tags > 0);
	template_values_put_time(t, "created", r->created_us);
	template_values_put_time(t, "modified", r->modified_us);
	template_values_put_time(t, "heartbeat", r->heartbeat_us);
	template_values_put(t, "state", r->state);
	template_values_put_flag(t, "is_silent", r->alive_us == 0 && r->state.len > 0);
	template_values_put_time(t, "heard", r->heard_us);
	template_values_put(t, "probe", r->probe);
}

/* A text in parts, those with the words searched for and the others. */
static enum kodo_err
put_marked(const struct flows_page *f, struct template_values *t, const char *name,
    enum packed_bound field, struct str text)
{
	const struct words_span *spans = NULL;
	struct template_values *row;
	size_t i, n = 0, at = 0;
	enum kodo_err err = KODO_OK;

	if (f->marks != NULL && text.len > 0)
		err = words_mark(f->row, f->marks, field, text, &spans, &n);
	for (i = 0; i <= n && text.len > 0; i++) {
		const size_t from = i < n ? spans[i].from : text.len;

		row = template_values_row(t, name);
		template_values_put(row, "plain", (struct str){ text.p + at, from - at });
		if (i < n)
			template_values_put(row, "hit",
			    (struct str){ text.p + from, spans[i].to - from });
		at = i < n ? spans[i].to : at;
	}
	return err;
}

static enum kodo_err
put_marks(const struct flows_page *f, struct template_values *t, const struct row *r)
{
	const struct {
		const char *name;
		enum packed_bound field;
		struct str text;
	} texts[] = {
		{ "name_parts", PACKED_BOUND_NAME, r->name },
		{ "author_parts", PACKED_BOUND_AUTHOR, r->author },
		{ "organization_parts", PACKED_BOUND_ORGANIZATION, r->organization },
		{ "description_parts", PACKED_BOUND_DESCRIPTION, r->description },
	};
	struct template_values *tag;
	size_t i;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]) && err == KODO_OK; i++)
		err = put_marked(f, t, texts[i].name, texts[i].field, texts[i].text);
	for (i = 0; i < r->n_tags && err == KODO_OK; i++) {
		tag = template_values_row(t, "tag");
		template_values_put(tag, "text", r->tags[i]);
		err = put_marked(f, tag, "parts", PACKED_BOUND_TAGS, r->tags[i]);
	}
	return err;
}

enum kodo_err
flows_page_row(struct call *c, struct flows_page *f, const struct row *row, struct str node)
{
	struct template_values *below;

	arena_reset(f->row);
	below = template_values_below(f->values, f->row);
	if (below == NULL)
		return KODO_ENOMEM;
	flows_page_values(below, row);
	page_parts_put_node(below, f->options, "node", node);
	if (put_marks(f, below, row) != KODO_OK || template_values_failed(below))
		return KODO_ENOMEM;
	template_values_render(below, f->item, &c->res->body.buf);
	return sink_step(&c->res->body);
}

enum kodo_err
flows_page_end(struct call *c, struct flows_page *f)
{
	if (c->params.text[PARAM_AFTER].len > 0)
		template_values_put(f->values, "after", f->next);
	template_values_render(f->values, f->tail, &c->res->body.buf);
	return sink_step(&c->res->body);
}

void
flows_page_free(struct flows_page *f)
{
	arena_free(f->row);
	f->row = NULL;
}
