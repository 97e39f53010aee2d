#include "core/base/clock.h"
#include "core/base/isotime.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/url.h"
#include "core/views/changes.h"
#include "core/views/item_extras.h"
#include "core/views/node_liveness.h"
#include "core/views/search.h"
#include "core/views/word_index.h"
#include "http/admin.h"
#include "http/asked.h"
#include "http/etag.h"
#include "http/feed.h"
#include "http/flows_facets.h"
#include "http/flows_page.h"
#include "http/handlers.h"
#include "http/instance.h"
#include "http/page.h"

#define LINK_BYTES	3000u	/* nginx takes 4,096 of all headers by default */

/* The answer to GET /flows, while its flows are found. */
struct flows_answer {
	struct call *call;
	const struct search_query *query;
	struct view *view;
	struct flows_page page;		/* for HTML */
	struct feed feed;		/* for Atom */
	int64_t began_us;
	enum kodo_err err;
	bool is_page;		/* for people, who see silent ones last */
	bool any_silent;	/* of the nodes shown */
};

static void
begin_json(struct search_sink *s, const struct search_result *res)
{
	struct flows_answer *f = s->arg;
	struct buf *b = &s->out->buf;

	buf_puts(b, "{\"total\":");
	json_put_u64(b, res->total);
	buf_puts(b, ",\"filtered\":");
	json_put_u64(b, res->filtered);
	buf_puts(b, ",\"p\":");
	json_put_u64(b, f->query->p);
	buf_puts(b, ",\"pp\":");
	json_put_u64(b, f->query->pp);
	buf_puts(b, ",\"items\":[");
}

static void
begin_html(struct search_sink *s, const struct search_result *res)
{
	struct flows_answer *f = s->arg;

	f->page.total = res->total;
	f->page.filtered = res->filtered;
	f->page.meant = res->meant;
	f->err = flows_page_form(f->call, f->view, &f->page, f->query->q);
	if (f->err == KODO_OK)
		f->err = flows_page_begin(f->call, &f->page);
}

static enum kodo_err
each_html(struct search_sink *s, const struct row *row, struct str node)
{
	struct flows_answer *f = s->arg;

	if (f->err == KODO_OK)
		f->err = flows_page_row(f->call, &f->page, row, node);
	return f->err;
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
put_explain(struct buf *b, const struct flows_answer *f, const struct search_result *res)
{
	buf_puts(b, ",\"explain\":{\"query\":");
	put_understood(b, f->query->q);
	buf_puts(b, ",\"index\":");
	json_put_str(b, str_of(search_way_names[res->way]));
	buf_puts(b, ",\"needle\":");
	json_put_str(b, query_needle(f->query->q));
	buf_puts(b, ",\"rows\":");
	json_put_u64(b, res->looked_at);
	buf_puts(b, ",\"steps\":");
	json_put_u64(b, query_steps(f->query->q));
	buf_puts(b, ",\"us\":");
	json_put_u64(b, (uint64_t)(clock_mono_us() - f->began_us));
	buf_putc(b, '}');
}

/* Which parameters of a request stand in an address that we write: a key in none. */
enum kept_params {
	KEPT_ALL,
	KEPT_WITHOUT_PLACE,
	KEPT_WHICH,		/* what says which flows, and in which form */
	KEPT_FOR_PEOPLE,
	KEPTS
};

static bool
is_kept(struct str param, enum kept_params kept)
{
	static const char *const out[KEPTS][6] = {
		[KEPT_ALL] = { "key=" },
		[KEPT_WITHOUT_PLACE] = { "key=", "p=", "after=" },
		[KEPT_WHICH] = { "key=", "p=", "after=", "pp=", "explain=" },
		[KEPT_FOR_PEOPLE] = { "key=", "p=", "after=", "pp=", "explain=", "format=" },
	};
	size_t i;

	for (i = 0; i < 6 && out[kept][i] != NULL; i++)
		if (str_starts(param, str_of(out[kept][i])))
			return false;
	return param.len > 0;
}

/*
 * This request's address at base with another place. Its parameters are encoded already, most of
 * them.
 */
static void
put_address(struct buf *b, const struct call *c, struct str base, enum kept_params kept,
    struct str cursor)
{
	struct str rest = c->req->query, one;
	const char *end, *before = "?";

	url_put_link(b, base);
	buf_puts(b, "/flows");
	while (rest.len > 0) {
		end = memchr(rest.p, '&', rest.len);
		one = (struct str){ rest.p, end == NULL ? rest.len : (size_t)(end - rest.p) };
		rest = end == NULL ? STR_NULL :
		    (struct str){ end + 1, rest.len - one.len - 1 };
		if (!is_kept(one, kept))
			continue;
		buf_puts(b, before);
		url_put_link(b, one);
		before = "&";
	}
	if (cursor.p == NULL)
		return;
	buf_printf(b, "%safter=", before);
	buf_put_str(b, cursor);
}

/* Say how to go on. A header must be short, or a web server refuses it. */
static enum kodo_err
put_link(struct call *c, const struct search_result *res)
{
	struct buf url = BUF_INIT(0);
	enum kodo_err err = KODO_OK;

	if (res->next.p == NULL)
		return KODO_OK;
	put_address(&url, c, instance_base(c->instance), KEPT_WITHOUT_PLACE, res->next);
	if (!buf_failed(&url) && url.len <= LINK_BYTES)
		err = arena_str(c->a, buf_str(&url), &c->res->next);
	buf_free(&url);
	return err;
}

static enum kodo_err
feed_address(struct flows_answer *f, enum kept_params kept, struct str cursor, struct str *out)
{
	struct buf url = BUF_INIT(0);
	enum kodo_err err = KODO_ENOMEM;

	put_address(&url, f->call, f->view->options->url, kept, cursor);
	if (!buf_failed(&url))
		err = arena_str(f->call->a, buf_str(&url), out);
	buf_free(&url);
	return err;
}

static void
begin_atom(struct search_sink *s, const struct search_result *res)
{
	struct flows_answer *f = s->arg;
	struct feed *feed = &f->feed;

	f->err = feed_address(f, KEPT_WHICH, STR_NULL, &feed->id);
	if (f->err == KODO_OK)
		f->err = feed_address(f, KEPT_ALL, STR_NULL, &feed->self);
	if (f->err == KODO_OK)
		f->err = feed_address(f, KEPT_FOR_PEOPLE, STR_NULL, &feed->page);
	if (f->err == KODO_OK && res->next.p != NULL)
		f->err = feed_address(f, KEPT_WITHOUT_PLACE, res->next, &feed->next);
}

static enum kodo_err
each_atom(struct search_sink *s, const struct row *row, struct str node)
{
	struct flows_answer *f = s->arg;

	if (f->err == KODO_OK)
		f->err = feed_entry(f->call, f->view, &f->feed, row, node);
	return f->err;
}

static enum kodo_err
put_atom(struct call *c, struct view *v, struct flows_answer *f, struct search_result *res)
{
	struct search_sink s = {
		.out = &c->res->body, .begin = begin_atom, .each = each_atom, .arg = f
	};
	enum kodo_err err;

	c->res->type = TYPE_ATOM;
	f->feed.q = c->params.text[PARAM_Q];
	err = search_flows(v, c->a, f->query, &s, res);
	if (err == KODO_OK)
		err = f->err;
	if (err == KODO_OK)
		err = feed_end(c, v, &f->feed);
	feed_free(&f->feed);
	return err != KODO_OK ? err : sink_end(&c->res->body);
}

static enum kodo_err
put_facets(struct call *c, struct view *v, const struct search_result *res, struct buf *b)
{
	struct search_asked asked = asked_of(&c->params);
	const struct facets *facets;
	enum kodo_err err;

	if (res->meant.p != NULL)
		asked.words = res->meant;
	err = flows_facets_find(v, &asked, &facets);
	if (err != KODO_OK || facets == NULL)
		return err;
	buf_puts(b, ",\"facets\":");
	facets_put(b, facets);
	return KODO_OK;
}

static enum kodo_err
put_json(struct call *c, struct view *v, struct flows_answer *f, struct search_result *res)
{
	struct search_sink s = { .out = &c->res->body, .begin = begin_json, .arg = f };
	struct buf *b = &c->res->body.buf;
	enum kodo_err err;

	err = search_flows(v, c->a, f->query, &s, res);
	if (err != KODO_OK)
		return err;
	buf_puts(b, "],\"by\":");
	json_put_str(b, order_text(f->query->by));
	buf_puts(b, ",\"q\":");
	json_put_str(b, query_note(f->query->q));
	if (c->params.text[PARAM_WORDS].p != NULL) {
		buf_puts(b, ",\"did_you_mean\":");
		json_put_str(b, res->meant);
	}
	if (c->params.number[PARAM_FACETS] != 0) {
		err = put_facets(c, v, res, b);
		if (err != KODO_OK)
			return err;
	}
	if (c->params.number[PARAM_EXPLAIN] != 0)
		put_explain(b, f, res);
	/* a client that pages by `after` is told in the body, however long it is */
	if (c->params.text[PARAM_AFTER].p != NULL) {
		buf_puts(b, ",\"next\":");
		json_put_str(b, res->next);
	}
	buf_putc(b, '}');
	return sink_end(&c->res->body);
}

static enum kodo_err
put_html(struct call *c, struct view *v, struct flows_answer *f, struct search_result *res)
{
	struct search_sink s = {
		.out = &c->res->body, .begin = begin_html, .each = each_html, .arg = f
	};
	enum kodo_err err;

	f->page.options = v->options;
	f->page.q = c->params.text[PARAM_Q];
	f->page.words = c->params.text[PARAM_WORDS];
	f->page.by = c->params.text[PARAM_BY];
	f->page.order = f->query->by;
	f->page.p = f->query->p;
	f->page.pp = f->query->pp;
	c->res->type = TYPE_HTML;
	err = search_flows(v, c->a, f->query, &s, res);
	if (err == KODO_OK)
		err = f->err;
	f->page.next = res->next;
	if (err == KODO_OK)
		err = flows_page_end(c, &f->page);
	flows_page_free(&f->page);
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

/* The answer to a page with too many flows. */
static enum kodo_err
refuse_page(struct call *c, const struct search_query *q)
{
	const char *text = arena_printf(c->a,
	    "A page holds at most %llu flows: use `pp=%llu`, and go on by `p` or `after`.",
	    (unsigned long long)q->max, (unsigned long long)q->max);

	response_refuse(c->res, REFUSAL_PAGE_MAX,
	    text == NULL ? "Too many flows for a page" : text);
	return KODO_OK;
}

/*
 * Was it given before the first node fell silent, or the last one was back, on a page that is
 * sorted by itself? Then in the order of then.
 */
static enum kodo_err
read_former(struct call *c, struct search_query *q, bool any_silent)
{
	struct order *by;
	enum kodo_err err =
	    order_parse(c->a, any_silent ? STR_NULL : STR(ORDER_ALIVE_FIRST), &by);

	if (err == KODO_OK)
		err = cursor_read(c->a, by, c->params.text[PARAM_AFTER], &q->after);
	if (err == KODO_OK)
		q->by = by;
	return err;
}

/* is_own: the order is that of the page itself. KODO_EINVAL: it is refused. */
static enum kodo_err
read_after(struct call *c, struct search_query *q, bool is_own, bool any_silent)
{
	const struct str after = c->params.text[PARAM_AFTER];
	enum kodo_err err = KODO_OK;

	q->p = 0;
	if (!cursor_can_hold(q->by)) {
		response_fail(c->res, 400,
		    "Flows in an order of descriptions or tags have no `after`: use p.");
		return KODO_EINVAL;
	}
	if (after.len > 0)
		err = cursor_read(c->a, q->by, after, &q->after);
	if (err == KODO_EINVAL && is_own)
		err = read_former(c, q, any_silent);
	if (err == KODO_EINVAL)
		response_fail(c->res, 400, "`after` is of another order, or of no page.");
	return err;
}

/* Its order; KODO_EINVAL: it is refused. */
static enum kodo_err
read_by(struct call *c, struct search_query *q, struct flows_answer *f)
{
	const bool is_feed = c->params.format == FORMAT_ATOM;
	struct str by = c->params.text[PARAM_BY];
	const bool is_own = by.len == 0 && !is_feed && query_words(q->q) == NULL;
	enum kodo_err err;

	if (is_feed && by.len == 0)
		by = STR(FEED_ORDER);
	/* on the page who is silent comes last */
	else if (is_own && f->any_silent)
		by = STR(ORDER_ALIVE_FIRST);
	err = search_order(c->a, q->q, by, &q->by);
	if (err == KODO_OK && is_feed && !feed_may_order(q->by, &f->feed.time)) {
		response_fail(c->res, 400,
		    "A feed is newest first: `by=changed:d`, `created:d`, `modified:d`, or "
		    "no `by`.");
		return KODO_EINVAL;
	}
	if (err != KODO_OK || c->params.text[PARAM_AFTER].p == NULL)
		return err;
	return read_after(c, q, is_own && f->is_page, f->any_silent);
}

static enum kodo_err (*const forms[FORMATS])(struct call *c, struct view *v,
    struct flows_answer *f, struct search_result *res) = {
	[FORMAT_JSON] = put_json, [FORMAT_HTML] = put_html, [FORMAT_ATOM] = put_atom
};

static void
renew_word_index(struct registry *r)
{
	static struct why complaint;
	struct why why = { "" };
	const enum kodo_err err = word_index_renew(r, isotime_now_us());

	if (err == KODO_OK) {
		complaint.text[0] = '\0';
		return;
	}
	why_set(&why, err, "the index of words cannot be written, so rare ones take longer: %s",
	    kodo_err_text(err));
	log_complain(&complaint, &why, err);
}

static enum kodo_err
put_flows(struct call *c, struct view *v)
{
	struct search_query q = { .p = (uint64_t)c->params.number[PARAM_P],
		.pp = (uint64_t)c->params.number[PARAM_PP] };
	struct flows_answer f = { .call = c, .query = &q, .view = v, .began_us = clock_mono_us() };
	struct search_result res = { 0 };
	uint64_t variant = asked_variant(c);
	enum param_format form = page_is_wanted(c) ? FORMAT_HTML : c->params.format;
	struct silent_nodes silent = { STR_NULL };
	bool given, is_admin = false;
	enum kodo_err err = KODO_OK;

	if (form == FORMAT_NONE)
		form = FORMAT_JSON;
	if (q.pp > v->options->page_max)
		err = admin_has_key(c, &given, &is_admin);
	if (err != KODO_OK)
		return err;
	if (!is_admin)
		q.max = v->options->page_max;
	if (form == FORMAT_HTML)
		variant ^= page_stamp("flows.html") | 1;
	c->res->is_page = form == FORMAT_HTML;
	c->res->view = changes_last(&v->head);
	/* an explanation has its time in it, so it is another each time */
	if ((form != FORMAT_JSON || c->params.number[PARAM_EXPLAIN] == 0) &&
	    etag_matches(c, v, ETAG_VIEW, variant))
		return KODO_OK;
	err = item_extras_read(c->params.text[PARAM_FIELDS], &q.extras);
	if (err != KODO_OK) {
		response_fail(c->res, 400, "`fields` may be: " ITEM_EXTRAS);
		return KODO_OK;
	}
	err = asked_compile(c, &f.page.mistake, &q.q);
	f.is_page = form == FORMAT_HTML;
	if (err == KODO_OK && f.is_page)
		err = node_liveness_silent(v, &silent);
	f.any_silent = silent.ids.len > 0;
	if (err == KODO_OK)
		err = read_by(c, &q, &f);
	if (err == KODO_EINVAL)
		return KODO_OK;
	if (err == KODO_OK) {
		err = forms[form](c, v, &f, &res);
		if (err == KODO_EINVAL)
			return refuse_page(c, &q);
	}
	if (err == KODO_OK)
		err = put_link(c, &res);
	if (err == KODO_OK)
		log_page(&q, &res);
	c->after = res.index_is_old ? renew_word_index : NULL;
	return err == KODO_ETOOBIG ? asked_refuse_steps(c) : err;
}

enum kodo_err
handle_flows(struct call *c)
{
	if (c->params.number[PARAM_PP] >= 1 && c->params.number[PARAM_P] >= 0)
		return call_with_view(c, put_flows);
	response_fail(c->res, 400, "Pagination parameters must be positive integers.");
	return KODO_OK;
}
