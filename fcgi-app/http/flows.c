#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/views/counts.h"
#include "core/views/search.h"
#include "http/page.h"

/* A /flows request on its way. */
struct listing {
	struct call *call;
	const struct search_query *query;
	struct page_flows page;		/* for HTML */
	int64_t began_us;
	enum kodo_err err;
};

static void
begin_json(struct search_sink *s, const struct search_result *res)
{
	struct listing *l = s->arg;
	struct buf *b = &s->out->buf;

	buf_puts(b, "{\"total\":");
	json_put_u64(b, res->total);
	buf_puts(b, ",\"filtered\":");
	json_put_u64(b, res->filtered);
	buf_puts(b, ",\"p\":");
	json_put_u64(b, l->query->p);
	buf_puts(b, ",\"pp\":");
	json_put_u64(b, l->query->pp);
	buf_puts(b, ",\"items\":[");
}

static void
begin_html(struct search_sink *s, const struct search_result *res)
{
	struct listing *l = s->arg;

	l->page.total = res->total;
	l->page.filtered = res->filtered;
	l->err = page_flows_begin(l->call, &l->page);
}

static enum kodo_err
each_html(struct search_sink *s, const struct row *row)
{
	struct listing *l = s->arg;

	if (l->err == KODO_OK)
		l->err = page_flows_row(l->call, &l->page, row);
	return l->err;
}

/* The text that query_explain writes; null where there is no filter. */
static void
put_understood(struct buf *b, const struct query *q)
{
	struct buf text = BUF_INIT(0);

	query_explain(q, &text);
	json_put_str(b, text.len > 0 ? buf_str(&text) : STR_NULL);
	if (buf_failed(&text) && b->err == KODO_OK)
		b->err = text.err;
	buf_free(&text);
}

static void
put_explain(struct buf *b, const struct listing *l, const struct search_result *res)
{
	static const char *const ways[] = {
		[SEARCH_ORDER] = "order", [SEARCH_NEEDLE] = "needle", [SEARCH_SCAN] = "scan"
	};

	buf_puts(b, ",\"explain\":{\"query\":");
	put_understood(b, l->query->q);
	buf_puts(b, ",\"index\":");
	json_put_str(b, str_of(ways[res->way]));
	buf_puts(b, ",\"needle\":");
	json_put_str(b, query_needle(l->query->q));
	buf_puts(b, ",\"rows\":");
	json_put_u64(b, res->looked_at);
	buf_puts(b, ",\"us\":");
	json_put_u64(b, (uint64_t)(clock_mono_us() - l->began_us));
	buf_putc(b, '}');
}

static enum kodo_err
put_json(struct call *c, struct view *v, struct listing *l, struct search_result *res)
{
	struct search_sink s = { .out = &c->res->body, .begin = begin_json, .arg = l };
	struct buf *b = &c->res->body.buf;
	enum kodo_err err;

	err = search_flows(v, c->a, l->query, &s, res);
	if (err != KODO_OK)
		return err;
	buf_puts(b, "],\"by\":");
	json_put_str(b, order_text(l->query->by));
	buf_puts(b, ",\"q\":");
	json_put_str(b, query_note(l->query->q));
	if (c->params.number[PARAM_EXPLAIN] != 0)
		put_explain(b, l, res);
	buf_putc(b, '}');
	return sink_end(&c->res->body);
}

static enum kodo_err
put_html(struct call *c, struct view *v, struct listing *l, struct search_result *res)
{
	struct search_sink s = {
		.out = &c->res->body, .begin = begin_html, .each = each_html, .arg = l
	};
	enum kodo_err err;

	l->page.q = c->params.text[PARAM_Q];
	l->page.by = c->params.text[PARAM_BY];
	l->page.by_note = order_text(l->query->by);
	l->page.p = l->query->p;
	l->page.pp = l->query->pp;
	c->res->type = TYPE_HTML;
	err = page_flows_narrow(c, v, &l->page, l->query->q);
	if (err == KODO_OK)
		err = search_flows(v, c->a, l->query, &s, res);
	if (err == KODO_OK)
		err = l->err;
	if (err == KODO_OK)
		err = page_flows_end(c, &l->page);
	page_flows_free(&l->page);
	return err != KODO_OK ? err : sink_end(&c->res->body);
}

static void
log_page(const struct search_query *q, const struct search_result *res)
{
	uint64_t last = res->filtered == 0 ? 0 : (res->filtered - 1) / q->pp;
	uint64_t n = q->p > last ? 0 : res->filtered - q->p * q->pp;

	log_debug("return /flows with page %llu/%llu and %llu/%llu records",
	    (unsigned long long)q->p, (unsigned long long)last,
	    (unsigned long long)(n < q->pp ? n : q->pp), (unsigned long long)res->filtered);
}

/* The page, from a view that has been begun. */
static enum kodo_err
put_page(struct call *c, struct view *v, bool html)
{
	struct search_query q = { .p = (uint64_t)c->params.number[PARAM_P],
		.pp = (uint64_t)c->params.number[PARAM_PP] };
	struct listing l = { .call = c, .query = &q, .began_us = clock_mono_us() };
	struct search_result res = { 0 };
	uint64_t variant = hash_text(HASH_KEPT, c->req->query);
	enum kodo_err err;

	if (html)
		variant ^= page_stamp("flows.html") | 1;
	c->res->is_page = html;
	/* what it took is another each time: asked for, it is not remembered */
	if ((html || c->params.number[PARAM_EXPLAIN] == 0) &&
	    etag_settle(c, v, ETAG_VIEW, variant))
		return KODO_OK;
	err = query_compile(c->a, c->params.text[PARAM_Q], &q.q);
	if (err == KODO_OK)
		err = order_parse(c->a, c->params.text[PARAM_BY], &q.by);
	if (err == KODO_OK)
		err = html ? put_html(c, v, &l, &res) : put_json(c, v, &l, &res);
	if (err == KODO_OK)
		log_page(&q, &res);
	return err;
}

enum kodo_err
handle_flows(struct call *c)
{
	struct view v;
	enum kodo_err err;

	if (c->params.number[PARAM_PP] < 1 || c->params.number[PARAM_P] < 0) {
		response_fail(c->res, 400, "Pagination parameters must be positive integers.");
		return KODO_OK;
	}
	err = view_begin(c->registry, c->now_us, &v);
	if (err != KODO_OK)
		return err;
	err = put_page(c, &v, page_is_wanted(c));
	view_end(&v);
	if (err != KODO_ETOOBIG)
		return err;
	response_fail(c->res, 400,
	    "The query takes too many steps: use fewer tests or simpler regular expressions.");
	return KODO_OK;
}

enum kodo_err
handle_flow(struct call *c)
{
	struct str path = { c->req->path.p + sizeof("/flows/") - 1,
		c->req->path.len - (sizeof("/flows/") - 1) };
	struct view v;
	struct row row;
	enum kodo_err err;

	err = view_begin(c->registry, c->now_us, &v);
	if (err != KODO_OK)
		return err;
	err = search_own_flow(&v, c->a, path, &row);
	if (err == KODO_OK)
		err = page_flow(c, &v, &row);
	view_end(&v);
	if (err != KODO_ENOTFOUND)
		return err;
	response_fail(c->res, 404, "Not Found");
	return KODO_OK;
}

enum kodo_err
handle_counts(struct call *c)
{
	struct view v;
	enum kodo_err err;

	err = view_begin(c->registry, c->now_us, &v);
	if (err != KODO_OK)
		return err;
	if (!etag_settle(c, &v, ETAG_VIEW, 0))
		err = counts_put(&v, &c->res->body);
	view_end(&v);
	return err;
}
