/*
 * POST /ard/search: flows by a text in natural language, the best first.
 */
#include "core/base/json.h"
#include "core/records/peer.h"
#include "core/trust/moderation.h"
#include "core/views/flows_each.h"
#include "core/views/peer_status.h"
#include "http/bridges/ard_search.h"
#include "http/handlers.h"

#define DEFAULT_SIZE	10u
#define REFERRALS_MAX	100u
#define PEERS_MAX	1000u	/* looked at for them */

enum kodo_err
ard_search_body(struct ard_query *q, struct jread *j, struct str text, const char *const names[],
    size_t n, struct str values[])
{
	struct jread_fault fault;
	struct str json;

	if (!jread_check(text, &json, &fault) || jread_kind(json) != JREAD_OBJECT) {
		q->wrong = "the body is no JSON object";
		return KODO_EINVAL;
	}
	return jread_fields(j, json, names, n, values);
}

enum kodo_err
ard_search_number(struct ard_query *q, struct jread *j, struct str json, uint64_t max,
    const char *wrong, uint64_t *out)
{
	const enum jread_kind kind = jread_kind(json);
	bool negative = false;
	enum kodo_err err = KODO_OK;

	if (kind == JREAD_ABSENT || kind == JREAD_NULL)
		return KODO_OK;
	if (kind == JREAD_NUMBER)
		err = jread_integer(j, json, out, &negative);
	if (kind != JREAD_NUMBER || err == KODO_EINVAL || negative || *out < 1 || *out > max)
		q->wrong = wrong;
	return err == KODO_EINVAL ? KODO_OK : err;
}

/* --- search --- */

struct search {
	struct call *c;
	struct view *v;
	struct ard_query q;
	struct query *compiled;
	struct order *by;
	struct cursor *after;	/* NULL: the first page */
	struct sorter *sorter;
	uint64_t size;
	uint64_t n;		/* behind after */
	struct str federation, token;
};

/* The best has the lowest rank. */
static enum kodo_err
search_rank(struct search *s, const struct flows_node *n, uint32_t flow, struct row *row)
{
	unsigned score = 0;
	enum kodo_err err = flows_row(s->c->a, n, flow, QUERY_BIT(QUERY_RANK), row);

	if (err == KODO_OK)
		err = ard_query_score(&s->q, row, &score);
	row->rank = 101 - (int64_t)score;
	return err;
}

/* With the fields of the order, behind search_rank. */
static enum kodo_err
search_row(struct search *s, const struct flows_node *n, uint32_t flow, struct row *row)
{
	const int64_t rank = row->rank;
	enum kodo_err err = flows_row(s->c->a, n, flow, order_needs(s->by), row);

	row->rank = rank;
	return err;
}

static enum kodo_err
search_keep(struct flows_each *e, const struct flows_node *n, uint32_t flow)
{
	const uint64_t ref = (uint64_t)n->id << 32 | flow;
	struct search *s = e->arg;
	struct row row;
	enum kodo_err err = search_rank(s, n, flow, &row);

	/* what holds a word inside of others alone has not got it */
	if (err != KODO_OK || row.rank > 100)
		return err;
	/* so it is behind the cursor, too, as all in the sorter are */
	if (sorter_is_beyond(s->sorter, STR_NULL, row.rank)) {
		s->n++;
		return KODO_OK;
	}
	err = search_row(s, n, flow, &row);
	if (err != KODO_OK || (s->after != NULL && !cursor_is_behind(s->after, &row, ref)))
		return err;
	s->n++;
	return sorter_add(s->sorter, &row, ref);
}

static enum kodo_err
put_result(struct search *s, uint64_t ref, bool is_first, struct str *next)
{
	struct buf *b = &s->c->res->body.buf;
	struct flows_node n;
	struct statement winner;
	struct bridge_flow f;
	struct row row;
	enum kodo_err err = record_get_seen(&s->v->t, (uint32_t)(ref >> 32), &winner);

	if (err == KODO_OK)
		err = flows_node_open(s->v, (uint32_t)(ref >> 32), &winner, ~0u, &n);
	if (err == KODO_OK)
		err = search_rank(s, &n, (uint32_t)ref, &row);
	if (err == KODO_OK)
		err = search_row(s, &n, (uint32_t)ref, &row);
	if (err == KODO_OK)
		err = cursor_write(s->c->a, s->by, &row, ref, next);
	f = (struct bridge_flow){ .node = n.p.url, .version = winner.version };
	if (err == KODO_OK)
		err = flows_row(s->c->a, &n, (uint32_t)ref, ~0u, &f.row);
	if (err == KODO_OK)
		err = identifier_of(s->c->a, n.p.url, f.row.url, &f.id);
	buf_puts(b, is_first ? "" : ",");
	if (err == KODO_OK)
		err = ard_entry_put(s->c, s->v->options, &f);
	if (err != KODO_OK)
		return err;
	buf_puts(b, ",\"score\":");
	json_put_u64(b, (uint64_t)(101 - row.rank));
	buf_putc(b, ',');
	bridge_put_link(b, "source", s->v->options->url, "/ard/");
	buf_putc(b, '}');
	return sink_step(&s->c->res->body);
}

static enum kodo_err
put_results(struct search *s, struct str *next)
{
	struct flows_each e = { .v = s->v, .q = s->compiled, .fields = order_needs(s->by),
		.arg = s, .each = search_keep };
	const uint64_t *refs = NULL;
	size_t i, n = 0;
	enum kodo_err err = sorter_new(s->c->a, s->by, 0, s->size, &s->sorter);

	if (err == KODO_OK)
		err = flows_each(&e);
	if (err == KODO_OK)
		err = sorter_result(s->sorter, &refs, &n);
	if (err == KODO_OK)
		buf_puts(&s->c->res->body.buf, "{\"results\":[");
	for (i = 0; i < n && err == KODO_OK; i++)
		err = put_result(s, refs[i], i == 0, next);
	if (s->n <= s->size)
		*next = STR_NULL;
	return err;
}

/* Peers that have what they were told by others, too: registries. */
static enum kodo_err
put_referrals(struct search *s)
{
	const uint32_t is_registry = PEER_FEED | PEER_KODO;
	struct buf *b = &s->c->res->body.buf;
	struct moderation m;
	struct peer p;
	uint32_t id = 0;
	size_t n = 0, n_seen = 0;
	enum kodo_err err = moderation_get(&s->v->t, s->c->a, &m);

	buf_puts(b, ",\"referrals\":[");
	while (err == KODO_OK && n < REFERRALS_MAX && n_seen < PEERS_MAX) {
		err = peer_next(&s->v->t, s->c->a, &id, &p);
		n_seen++;
		if (err != KODO_OK || (p.flags & is_registry) != is_registry ||
		    (p.flags & PEER_DROPPED) != 0 || !peer_status_is_shown(&p) ||
		    moderation_verdict(moderation_of_peer(&m, &p)) != VERDICT_SHOWN)
			continue;
		buf_puts(b, n++ > 0 ? "," : "");
		err = ard_entry_put_registry(s->c, p.url, p.organization, NULL);
	}
	buf_putc(b, ']');
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static enum kodo_err
read_texts(struct search *s, struct jread *j, struct str federation, struct str token)
{
	static const char *const ways[] = { "auto", "referrals", "none" };
	const bool is_given = jread_kind(federation) == JREAD_TEXT;
	size_t i = 0;
	enum kodo_err err = KODO_OK;

	s->federation = STR("auto");
	if (is_given)
		err = jread_text(j, s->c->a, federation, &s->federation);
	while (i < 3 && !str_eq(s->federation, str_of(ways[i])))
		i++;
	if (i == 3 || (!is_given && jread_kind(federation) != JREAD_ABSENT))
		s->q.wrong = "federation: auto, referrals or none";
	if (err == KODO_OK && jread_kind(token) == JREAD_TEXT)
		err = jread_text(j, s->c->a, token, &s->token);
	else if (jread_kind(token) != JREAD_ABSENT && jread_kind(token) != JREAD_NULL)
		s->q.wrong = "pageToken: a text";
	return err;
}

/* What is asked for. KODO_EINVAL: it is refused. */
static enum kodo_err
read_search(struct search *s, struct jread *j)
{
	static const char *const names[] = { "query", "federation", "pageSize", "pageToken" };
	struct str values[4];
	enum kodo_err err = ard_search_body(&s->q, j, s->c->text, names, 4, values);

	if (err == KODO_OK)
		err = ard_query_read(&s->q, j, values[0], true);
	if (err == KODO_OK)
		err = ard_search_number(&s->q, j, values[2], ARD_PAGE_MAX,
		    "pageSize: from 1 to 100", &s->size);
	if (err == KODO_OK)
		err = read_texts(s, j, values[1], values[3]);
	if (err == KODO_OK)
		err = order_parse_ranked(s->c->a, STR_NULL, &s->by);
	if (err == KODO_OK && s->token.len > 0 && s->q.wrong == NULL) {
		err = cursor_read(s->c->a, s->by, s->token, &s->after);
		if (err == KODO_EINVAL)
			s->q.wrong = "pageToken: of no page";
	}
	return err == KODO_OK || err == KODO_EINVAL ? ard_query_compile(&s->q, &s->compiled) : err;
}

enum kodo_err
ard_search_end(struct call *c, const struct ard_query *q, enum kodo_err err)
{
	if (err == KODO_ETOOBIG)
		response_fail(c->res, 400, "the search takes too many steps");
	else if (err == KODO_EINVAL)
		response_fail(c->res, 400, q->wrong);
	else
		return err == KODO_OK ? sink_end(&c->res->body) : err;
	return KODO_OK;
}

static enum kodo_err
put_search(struct call *c, struct view *v)
{
	struct search s = { .c = c, .v = v, .q = ARD_QUERY_INIT(c->a, v->options),
		.size = DEFAULT_SIZE };
	struct jread *j = jread_new();
	struct str next = STR_NULL;
	enum kodo_err err = j == NULL ? KODO_ENOMEM : read_search(&s, j);

	if (err == KODO_OK)
		err = put_results(&s, &next);
	if (err == KODO_OK) {
		buf_putc(&c->res->body.buf, ']');
		if (str_eq(s.federation, STR("referrals")))
			err = put_referrals(&s);
		if (next.p != NULL) {
			buf_putc(&c->res->body.buf, ',');
			json_put_text(&c->res->body.buf, "pageToken", next);
		}
		buf_putc(&c->res->body.buf, '}');
	}
	jread_free(j);
	ard_query_free(&s.q);
	return ard_search_end(c, &s.q, err);
}

enum kodo_err
handle_ard_search(struct call *c)
{
	return call_with_view(c, put_search);
}
