#include <stdio.h>

#include "core/isotime.h"
#include "http/handlers.h"
#include "http/template.h"

#define TEXTS	4u

/* Where www/ is not installed. */
static const char bare_flows[] =
    "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Flows</title>\n"
    "<p>{{filtered}} of {{total}} flows</p>\n<table border=\"1\">\n"
    "{{#item}}<tr><td>{{organization}}<td>"
    "<a href=\"{{url}}\">{{name}}</a><td>{{author}}<td>{{description}}"
    "<td>{{#tags}}{{.}} {{/tags}}</tr>\n{{/item}}</table>\n</html>\n";
static const char bare_flow[] =
    "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{{name}}</title>\n"
    "<h1>{{name}}</h1>\n<p>{{description}}</p>\n<p>{{author}} {{organization}}</p>\n"
    "<p>{{#tags}}{{.}} {{/tags}}</p>\n</html>\n";

/* What the places of a template stand for: a number or time is rendered into text. */
struct values {
	const struct page_flows *page;	/* may be NULL */
	const struct row *row;		/* may be NULL */
	struct str organization;	/* of the service */
	char texts[TEXTS][ISOTIME_BYTES];	/* used in turn: a value outlives the next few */
	unsigned n;
};

static char *
next_text(struct values *v)
{
	return v->texts[v->n++ % TEXTS];
}

static struct str
number(struct values *v, uint64_t n)
{
	char *text = next_text(v);

	return (struct str){ text,
		(size_t)snprintf(text, ISOTIME_BYTES, "%llu", (unsigned long long)n) };
}

static struct str
moment(struct values *v, int64_t us)
{
	char *text = next_text(v);

	return us == 0 ? STR_NULL : (struct str){ text, isotime_format(us, false, text) };
}

static struct str
filled(struct str s)
{
	return s.len == 0 ? STR_NULL : s;
}

static struct str
row_value(struct values *v, struct str name, size_t i)
{
	const struct row *r = v->row;

	const struct {
		const char *name;
		struct str text;
	} texts[] = {
		{ "organization", r->organization },
		{ "url", r->url },
		{ "name", r->name },
		{ "author", r->author },
		{ "description", r->description },
	};
	const struct {
		const char *name;
		int64_t us;
	} times[] = {
		{ "created", r->created_us },
		{ "modified", r->modified_us },
		{ "heartbeat", r->heartbeat_us },
	};
	size_t j;

	if (str_eq(name, STR("tags")))
		return i < r->n_tags ? r->tags[i] : STR_NULL;
	for (j = 0; i == 0 && j < sizeof(texts) / sizeof(texts[0]); j++)
		if (str_eq(name, str_of(texts[j].name)))
			return filled(texts[j].text);
	for (j = 0; i == 0 && j < sizeof(times) / sizeof(times[0]); j++)
		if (str_eq(name, str_of(times[j].name)))
			return moment(v, times[j].us);
	return STR_NULL;
}

/* Pages are counted from 1 for people, from 0 in addresses. */
static struct str
page_number(struct values *v, struct str name)
{
	const struct page_flows *f = v->page;
	uint64_t last = f->filtered == 0 ? 0 : (f->filtered - 1) / f->pp;

	if (str_eq(name, STR("total")))
		return number(v, f->total);
	if (str_eq(name, STR("filtered")))
		return number(v, f->filtered);
	if (str_eq(name, STR("pp")))
		return number(v, f->pp);
	if (str_eq(name, STR("page")))
		return number(v, f->p == INT64_MAX ? f->p : f->p + 1);
	if (str_eq(name, STR("pages")))
		return number(v, last + 1);
	if (str_eq(name, STR("previous")) && f->p > 0)
		return number(v, f->p > last ? last : f->p - 1);
	if (str_eq(name, STR("next")) && f->p < last)
		return number(v, f->p + 1);
	return STR_NULL;
}

static struct str
page_value(struct values *v, struct str name)
{
	const struct page_flows *f = v->page;
	const struct {
		const char *name;
		struct str text;
	} texts[] = {
		{ "service", f->url },
		{ "base", f->base },
		{ "q", f->q },
		{ "by", f->by },
		{ "by_note", f->by_note },
		/* said only where it tells something new: what was searched instead */
		{ "q_note", str_eq(f->q, f->q_note) ? STR_NULL : f->q_note },
		{ "service_organization", v->organization },
	};
	size_t j;

	for (j = 0; j < sizeof(texts) / sizeof(texts[0]); j++)
		if (str_eq(name, str_of(texts[j].name)))
			return filled(texts[j].text);
	return page_number(v, name);
}

static struct str
value(void *arg, struct str name, size_t i)
{
	struct values *v = arg;
	struct str found = STR_NULL;

	if (v->row != NULL)
		found = row_value(v, name, i);
	if (found.p == NULL && v->page != NULL && i == 0)
		found = page_value(v, name);
	return found;
}

static void
put(struct str part, struct buf *out, const struct page_flows *f, const struct row *row,
    struct str organization)
{
	struct values v = { .page = f, .row = row, .organization = organization };
	const struct template_source from = { value, &v };

	template_render(part, out, &from);
}

static struct str
text_of(const char *file, const char *bare)
{
	struct str text = template_load(file);

	return text.p == NULL ? str_of(bare) : text;
}

uint64_t
page_stamp(const char *name)
{
	return template_stamp(name);
}

enum kodo_err
page_flows_begin(struct call *c, struct page_flows *f)
{
	(void)template_split(
	    text_of("flows.html", bare_flows), "item", &f->head, &f->item, &f->tail);
	put(f->head, &c->res->body.buf, f, NULL, f->organization);
	return sink_step(&c->res->body);
}

enum kodo_err
page_flows_row(struct call *c, const struct page_flows *f, const struct row *row)
{
	put(f->item, &c->res->body.buf, f, row, f->organization);
	return sink_step(&c->res->body);
}

enum kodo_err
page_flows_end(struct call *c, const struct page_flows *f)
{
	put(f->tail, &c->res->body.buf, f, NULL, f->organization);
	return sink_step(&c->res->body);
}

enum kodo_err
page_flow(struct call *c, const struct row *row, const struct page_flows *service)
{
	put(text_of("flow.html", bare_flow), &c->res->body.buf, service, row,
	    service->organization);
	return sink_step(&c->res->body);
}
