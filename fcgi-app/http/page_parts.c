#include "core/base/json.h"
#include "core/config/option_import.h"
#include "core/views/item.h"
#include "core/views/search.h"
#include "http/page.h"
#include "http/page_parts.h"

static enum kodo_err
put_flow(struct search_sink *s, const struct row *r, struct str node)
{
	struct page_flows *f = s->arg;
	struct template_values *row;

	(void)node;
	if (f->n == f->max || str_eq(r->url, f->but))
		return KODO_OK;
	f->n++;
	row = template_values_row(f->values, f->list);
	template_values_put(row, "url", r->url);
	template_values_put(row, "name", r->name);
	template_values_put_short(row, "description", r->description, f->characters);
	template_values_put(row, "author", r->author);
	template_values_put(row, "state", r->state);
	template_values_put_flag(row, "is_silent", r->alive_us == 0 && r->state.len > 0);
	return KODO_OK;
}

enum kodo_err
page_parts_put_flows(struct view *v, struct page_flows *f, struct str organization, uint64_t p,
    uint64_t pp)
{
	struct search_query q = { .p = p, .pp = pp };
	const struct query_narrowing of = { .organization = organization };
	struct search_sink s = { .each = put_flow, .arg = f };
	struct search_result res = { 0 };
	enum kodo_err err = query_compile(f->a, STR_NULL, &q.q);

	if (err == KODO_OK)
		err = query_narrow(f->a, q.q, &of);
	if (err == KODO_OK)
		err = order_parse(f->a, STR_NULL, &q.by);
	if (err == KODO_OK)
		err = search_flows(v, f->a, &q, &s, &res);
	f->filtered = res.filtered;
	return err;
}

void
page_parts_put_node(struct template_values *t, const struct options *o, const char *name,
    struct str url)
{
	const bool is_below = str_starts(url, o->url);
	const struct str rest = is_below ? str_skip(url, o->url.len) : STR_NULL;

	template_values_put(t, name, url);
	template_values_put_flag(t, "is_ours",
	    is_below && (rest.len == 0 || str_starts(rest, STR(OPTION_IMPORT_PATH))));
}

enum kodo_err
page_parts_list_registries(struct call *c, struct view *v, struct template_values *t)
{
	struct item_registry *all;
	struct template_values *row;
	size_t n, i;
	enum kodo_err err = item_registries(v, c->a, &all, &n);

	for (i = 0; err == KODO_OK && i < n; i++) {
		row = template_values_row(t, "registry");
		template_values_put(row, "url", all[i].url);
		template_values_put_time(row, "since", all[i].since_us);
		template_values_put_flag(row, "is_here", all[i].since_us == 0);
	}
	template_values_put_flag(t, "is_listed", n > 0);
	return err;
}

enum kodo_err
page_parts_put_registries(struct call *c, struct view *v, struct buf *b)
{
	struct item_registry *all;
	size_t n, i;
	enum kodo_err err = item_registries(v, c->a, &all, &n);

	if (err != KODO_OK)
		return err;
	buf_puts(b, ",\"registries\":[");
	for (i = 0; i < n; i++) {
		buf_puts(b, i > 0 ? ",{\"url\":" : "{\"url\":");
		json_put_str(b, all[i].url);
		buf_puts(b, ",\"since\":");
		json_put_time(b, all[i].since_us, true);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
	return KODO_OK;
}

enum kodo_err
page_parts_missing(struct call *c, struct view *v, bool is_page, const char *reason)
{
	struct template_values *t;
	enum kodo_err err;

	if (!is_page || page_stamp("refused.html") == 0) {
		response_fail(c->res, 404, reason);
		return KODO_OK;
	}
	err = page_begin(c, v, "Not found", &t);
	if (err != KODO_OK)
		return err;
	c->res->status = 404;
	template_values_put_u64(t, "status", 404);
	template_values_put(t, "reason", str_of(reason));
	return page_put(c, "refused.html", t);
}
