#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/base/limit.h"
#include "core/exchange/build.h"
#include "core/exchange/look.h"
#include "core/exchange/news.h"
#include "core/exchange/place.h"
#include "core/merge/rules.h"
#include "core/records/digest.h"
#include "core/records/known.h"
#include "core/records/walk.h"
#include "core/wire/kodo_member.h"

struct builder {
	struct view *v;
	struct arena *a;
	const struct peer *p;
	struct exchange_job *job;
	struct buf body;
	struct kodo_member kodo;
	bool is_first;
	uint64_t max_bytes;
	struct arena_ids ids;
	size_t n_put;	 /* nodes and removals in it */
	size_t n_before; /* bytes before the first node */
	bool has_passed; /* nodes were passed over that alone are more than fits */
	struct news news;
	struct exchange_pause *pauses;
	size_t n_pauses, cap_pauses;
};

static void
greeting_open(struct builder *b, const struct str *message, size_t n)
{
	struct greeting g;

	view_greeting(b->v, &g);
	g.message = message;
	g.n_message = n;
	buf_putc(&b->body, '{');
	wire_put_greeting(&b->body, &g);
}

/* The node is not sent to p: why, in words. */
static enum kodo_err
pause_add(struct builder *b, uint32_t node, const char *why)
{
	struct exchange_pause *pauses =
	    arena_grow(b->a, b->pauses, b->n_pauses, &b->cap_pauses, sizeof(*pauses));

	if (pauses == NULL || why == NULL)
		return KODO_ENOMEM;
	b->pauses = pauses;
	b->pauses[b->n_pauses++] = (struct exchange_pause){ node, str_of(why) };
	return KODO_OK;
}

/* What a body may have, however far it was halved for another reason. */
static uint64_t
room_of(const struct builder *b)
{
	uint64_t max = b->max_bytes > BUILD_MIN_BYTES ? b->max_bytes : BUILD_MIN_BYTES;

	return max > b->n_before ? max - b->n_before : 0;
}

/* Would a body have room for the node if there were nothing else in it? */
static bool
fits_alone(const struct builder *b, const struct packed *p)
{
	return packed_range_size(p, 0, p->n_flows) <= room_of(b);
}

/*
 * Append a node, unless the body has its size already; a node that is too big for any body goes
 * alone.
 */
static enum kodo_err
node_append(struct builder *b, uint32_t node, const struct statement *s, const struct peer *source)
{
	size_t before = b->body.len;
	struct packed p;
	enum kodo_err err;

	if (b->news.is_full)
		return KODO_OK;
	err = packed_open(s->bytes, &p);
	if (err != KODO_OK)
		return err;
	if (!b->is_first)
		buf_putc(&b->body, ',');
	packed_put_node(&b->body, &p, source->created_us, source->modified_us);
	if (b->body.len > b->max_bytes && !b->is_first) {
		b->body.len = before;
		b->news.is_full = true;
		return KODO_OK;
	}
	b->is_first = false;
	b->n_put++;
	kodo_put_version(&b->kodo, p.url, s->version, s->peer == b->p->id);
	b->job->n_nodes++;
	b->job->n_flows += p.n_flows;
	err = look_put(b->v, b->p, &b->kodo, node, p.url, false);
	if (err != KODO_OK)
		return err;
	return buf_failed(&b->body) ? b->body.err : arena_ids_add(b->a, &b->ids, node);
}

/*
 * Never send p its own statements: after a removal they would come back. A node that alone is too
 * much follows as an update.
 */
static enum kodo_err
connect_node(void *arg, uint32_t node, const struct statement *s, const struct peer *source)
{
	struct builder *b = arg;
	struct packed p;
	enum kodo_err err;

	if (rule_4_state_travels(s, NULL, b->p->id, (b->p->flags & PEER_OLDER) != 0) ==
		RULES_NO_NEWS ||
	    news_is_own_of_legacy(b->p, s->bytes))
		return KODO_OK;
	err = packed_open(s->bytes, &p);
	if (err == KODO_OK && !fits_alone(b, &p)) {
		b->has_passed = true;
		return KODO_OK;
	}
	return err == KODO_OK ? node_append(b, node, s, source) : err;
}

static enum kodo_err
reconnect_build(struct builder *b)
{
	static const struct str please = { "please reconnect", 16 };

	greeting_open(b, &please, 1);
	kodo_end(&b->kodo, &b->body, 0, false, STR_NULL);
	buf_putc(&b->body, '}');
	return KODO_OK;
}

static enum kodo_err
leave_build(struct builder *b)
{
	struct str url = b->p->out.leave_urls;
	const char *end = url.len == 0 ? NULL : memchr(url.p, '\n', url.len);

	if (url.len == 0)
		return KODO_ECORRUPT;
	url.len = end == NULL ? url.len : (size_t)(end - url.p);
	b->job->leave_url = url;
	wire_put_disconnect(&b->body, url, &url, 1);
	kodo_end(&b->kodo, &b->body, 0, false, STR_NULL);
	buf_putc(&b->body, '}');
	return KODO_OK;
}

/* --- what is new: first what is gone, then what is there --- */

/* *n: how many of them are in the body now. */
static enum kodo_err
out_walk(struct builder *b, enum news_kind kind, uint64_t *pos,
    enum kodo_err (*each)(void *, uint32_t, const struct known *), size_t *n)
{
	const size_t n_put = b->n_put;
	enum kodo_err err;

	b->news.each = each;
	err = news_walk(&b->news, kind, pos);
	*n = b->n_put - n_put;
	return err;
}

static enum kodo_err
gone_append(void *arg, uint32_t node, const struct known *kn)
{
	struct builder *b = arg;
	if (b->body.len + kn->tomb.bytes.len > b->max_bytes && !b->is_first) {
		b->news.is_full = true;
		return KODO_OK;
	}
	if (!b->is_first)
		buf_putc(&b->body, ',');
	b->is_first = false;
	b->n_put++;
	json_put_str(&b->body, kn->tomb.bytes);
	kodo_put_gone(&b->kodo, kn->tomb.bytes, kn->tomb.version);
	return arena_ids_add(b->a, &b->ids, node);
}

static enum kodo_err
remove_build(struct builder *b, size_t *n)
{
	enum kodo_err err;

	buf_puts(&b->body, "{\"provider\":");
	json_put_str(&b->body, b->v->options->url);
	buf_puts(&b->body, ",\"url\":[");
	err = out_walk(b, NEWS_GONE, &b->job->gone_pos, gone_append, n);
	buf_putc(&b->body, ']');
	kodo_end(&b->kodo, &b->body, 0, false, STR_NULL);
	buf_putc(&b->body, '}');
	return err;
}

/* Which contents of a node, under which version: chunks of two never make one node. */
static uint64_t
contents_id(const struct statement *s)
{
	uint64_t h = hash_text((struct hash_key){ s->version, 0 }, s->bytes);

	return h == 0 ? 1 : h;
}

/* The next flows of a node that goes in chunks: nothing else is in the body. */
static enum kodo_err
chunk_append(struct builder *b, uint32_t node, const struct statement *s, const struct packed *p,
    const struct peer *source)
{
	/* what stands after the node: its version, the chunk and the rest of `kodo` */
	const size_t after = 512 + 6 * p->url.len;
	struct exchange_chunk *chunk = &b->job->chunk;
	char *id;
	enum kodo_err err;

	*chunk = (struct exchange_chunk){ .node = node, .id = contents_id(s), .of = p->n_flows,
		.at = b->news.at };
	if (b->p->chunk.id == chunk->id && b->p->chunk.node == node &&
	    b->p->chunk.next < p->n_flows)
		chunk->from = b->p->chunk.next;
	chunk->to = packed_range_end(
	    p, chunk->from, room_of(b) > after ? (size_t)room_of(b) - after : 0);
	packed_put_range(
	    &b->body, p, chunk->from, chunk->to, source->created_us, source->modified_us);
	kodo_put_version(&b->kodo, p->url, s->version, false);
	err = look_put(b->v, b->p, &b->kodo, node, p->url, false);
	if (err != KODO_OK)
		return err;
	id = arena_printf(b->a, "%016llx", (unsigned long long)chunk->id);
	if (id == NULL)
		return KODO_ENOMEM;
	b->kodo.chunk = (struct wire_range){ str_of(id), chunk->from, chunk->of };
	b->is_first = false;
	b->news.is_in_chunks = true;
	b->n_put++;
	b->job->n_nodes = 1;
	b->job->n_flows = chunk->to - chunk->from;
	return buf_failed(&b->body) ? b->body.err : KODO_OK;
}

/*
 * A node that alone is more than p takes goes to a kodo peer in chunks. A legacy peer may take it
 * yet, for a ceiling is a guess; beyond what any of them takes it is not tried.
 */
static enum kodo_err
big_append(struct builder *b, uint32_t node, const struct statement *s, const struct packed *p,
    const struct peer *source)
{
	const size_t size = packed_range_size(p, 0, p->n_flows);

	/* no chunks of what the peer may have forgotten */
	if (s->peer == b->p->id)
		return KODO_OK;
	if (!b->is_first) {
		b->news.is_full = true;
		return KODO_OK;
	}
	if (!peer_dialect(b->p)->takes_chunks && size > BUILD_MAX_BYTES)
		return pause_add(b, node,
		    arena_printf(b->a, "not sent: %zu bytes, and %u are taken", size,
			BUILD_MAX_BYTES));
	if (!peer_dialect(b->p)->takes_chunks || p->n_flows < 2)
		return node_append(b, node, s, source);
	if (p->bytes.len > LIMIT_NODE_BYTES)
		return pause_add(b, node,
		    arena_printf(b->a, "not sent: %zu bytes when stored, and %u are taken",
			p->bytes.len, LIMIT_NODE_BYTES));
	return chunk_append(b, node, s, p, source);
}

static enum kodo_err
update_node(void *arg, uint32_t node, const struct known *kn)
{
	struct builder *b = arg;
	struct peer source;
	struct packed p;
	enum kodo_err err = peer_get(&b->v->t, b->a, kn->winner.peer, &source);

	if (err == KODO_OK)
		err = packed_open(kn->winner.bytes, &p);
	if (err != KODO_OK)
		return err;
	if (b->news.is_in_chunks || b->kodo.silent.len > b->max_bytes) {
		b->news.is_full = true; /* a chunk stands alone */
		return KODO_OK;
	}
	if (b->news.is_liveness) {
		b->n_put++;
		return look_put(b->v, b->p, &b->kodo, node, p.url, true);
	}
	return fits_alone(b, &p) ? node_append(b, node, &kn->winner, &source)
				 : big_append(b, node, &kn->winner, &p, &source);
}

static enum kodo_err
own_gone_append(void *arg, uint32_t node, const struct known *kn)
{
	struct builder *b = arg;
	b->n_put++;
	kodo_put_gone(&b->kodo, kn->tomb.bytes, kn->tomb.version);
	return arena_ids_add(b->a, &b->ids, node);
}

static enum kodo_err
own_gone_build(struct builder *b, size_t *n)
{
	uint32_t node;
	struct known kn;
	enum kodo_err err = out_walk(b, NEWS_OWN_GONE, NULL, own_gone_append, n);

	if (err != KODO_OK || b->news.own_at == 0)
		return err;
	err = node_find(&b->v->t, b->v->options->url_key, &node);
	if (err == KODO_OK)
		err = known_get(&b->v->t, node, &kn);
	if (err == KODO_OK)
		err = own_gone_append(b, node, &kn);
	b->job->gone_pos = b->news.own_at;
	++*n;
	return err;
}

static enum kodo_err
update_build(struct builder *b, size_t *n)
{
	uint64_t list_id = b->p->out.list;
	size_t n_own;
	enum kodo_err err;

	b->job->list_id = list_id;
	greeting_open(b, NULL, 0);
	buf_puts(&b->body, ",\"nodes\":[");
	b->n_before = b->body.len;
	err = out_walk(b, NEWS_NODE, &b->job->pos, update_node, n);
	buf_putc(&b->body, ']');
	if (b->job->chunk.to < b->job->chunk.of)
		b->news.is_full = true;
	if (err == KODO_OK && !b->news.is_full) {
		err = own_gone_build(b, &n_own);
		*n += n_own;
	}
	kodo_end(&b->kodo, &b->body, list_id, b->news.is_full, STR_NULL);
	buf_putc(&b->body, '}');
	b->job->is_partial = b->news.is_full;
	return err;
}

/* Start over with an empty body. */
static void
builder_reset(struct builder *b)
{
	buf_reset(&b->body);
	buf_reset(&b->kodo.versions);
	buf_reset(&b->kodo.back);
	buf_reset(&b->kodo.gone);
	buf_reset(&b->kodo.silent);
	b->is_first = true;
	b->news.is_full = b->news.is_in_chunks = b->has_passed = false;
	b->ids.n = b->n_put = b->n_pauses = 0;
	b->job->pos = b->p->out.pos;
	b->job->n_nodes = b->job->n_flows = 0;
}

/* The whole list, in the order of GET /connect. */
static enum kodo_err
list_build(struct builder *b, enum kodo_err (*walk)(struct builder *b))
{
	enum kodo_err err;

	greeting_open(b, NULL, 0);
	buf_puts(&b->body, ",\"nodes\":[");
	b->n_before = b->body.len;
	err = walk(b);
	buf_putc(&b->body, ']');
	b->job->is_partial = b->news.is_full || b->has_passed;
	kodo_end(&b->kodo, &b->body, b->job->is_partial ? b->job->gen : 0, b->job->is_partial,
	    STR_NULL);
	buf_putc(&b->body, '}');
	return err;
}

static enum kodo_err
seen_walk(struct builder *b)
{
	b->job->pos = b->v->head.logged;
	return walk_passed_on(&b->v->t, b->a, connect_node, b);
}

/* Append the node of the list chunk at hand; a node that alone is too much ends it. */
static enum kodo_err
list_node(void *arg, uint32_t node, const struct known *kn)
{
	struct builder *b = arg;
	struct peer source;
	enum kodo_err err = peer_get(&b->v->t, b->a, kn->winner.peer, &source);

	if (err == KODO_OK)
		err = connect_node(b, node, &kn->winner, &source);
	if (b->has_passed)
		b->news.is_full = true;
	return err;
}

static enum kodo_err
first_walk(struct builder *b)
{
	b->job->pos = 0;
	b->news.each = list_node;
	return news_walk_all(&b->news, &b->job->pos);
}

/*
 * A list that is more than fits goes in the order of the changelog, so that a position tells what
 * is still to be sent.
 */
static enum kodo_err
connect_build(struct builder *b)
{
	enum kodo_err err = list_build(b, seen_walk);

	/* what is not in its list is gone for a legacy peer; who was not notified had nothing */
	if (!peer_dialect(b->p)->has_versions || (b->p->flags & PEER_NOTIFIED) == 0)
		b->job->gone_pos = b->v->head.logged;
	if (err != KODO_OK || !b->job->is_partial)
		return err;
	builder_reset(b);
	return list_build(b, first_walk);
}

/*
 * What is new for the peer. Where nothing is (it caused the changes itself), the job is
 * EXCHANGE_NOTHING, which moves its position on.
 */
static enum kodo_err
news_build(struct builder *b)
{
	size_t n;
	enum kodo_err err;

	b->job->kind = EXCHANGE_REMOVE;
	err = remove_build(b, &n);
	if (err != KODO_OK || n > 0)
		return err;
	builder_reset(b);
	b->job->kind = EXCHANGE_UPDATE;
	err = update_build(b, &n);
	if (err == KODO_OK && n == 0 && b->p->out.list == 0)
		b->job->kind = EXCHANGE_NOTHING;
	if (err != KODO_OK || n == b->job->n_nodes || peer_dialect(b->p)->has_versions)
		return err;
	/* only a whole list tells a legacy peer that we offer no flows ourselves any more */
	builder_reset(b);
	b->job->kind = EXCHANGE_CONNECT;
	return connect_build(b);
}

/* A legacy peer is only asked for its map; a kodo peer gets our digest. */
static enum kodo_err
digest_check_build(struct builder *b)
{
	char digest[DIGEST_SIZE];
	enum kodo_err err;

	b->job->is_post = peer_dialect(b->p)->has_versions;
	if (!b->job->is_post)
		return KODO_OK;
	err = digest_notified(
	    &b->v->t, b->a, b->p->id, (b->p->flags & PEER_ENTRIES) != 0, digest);
	if (err == KODO_OK)
		err = arena_str(b->a, str_of(digest), &b->job->view);
	greeting_open(b, NULL, 0);
	buf_puts(&b->body, ",\"nodes\":[]");
	kodo_end(&b->kodo, &b->body, 0, false, b->job->view);
	buf_putc(&b->body, '}');
	return err;
}

/* --- choosing --- */

static enum kodo_err
job_build(struct builder *b)
{
	const struct peer *p = b->p;
	enum kodo_err err;

	b->job->is_post = true;
	if (peer_is_stranger(p) && peer_has_work(p)) {
		b->job->kind = EXCHANGE_PROBE;
		b->job->is_post = false;
		err = KODO_OK;
	} else if (p->out.work[WORK_PROVE] != 0) {
		b->job->kind = EXCHANGE_PROVE;
		b->job->is_post = false;
		err = KODO_OK;
	} else if (p->out.work[WORK_LEAVE] != 0) {
		b->job->kind = EXCHANGE_DISCONNECT;
		err = leave_build(b);
	} else if (p->out.work[WORK_CONNECT] != 0) {
		b->job->kind = EXCHANGE_CONNECT;
		err = connect_build(b);
	} else if (p->out.work[WORK_RECONNECT] != 0) {
		b->job->kind = EXCHANGE_RECONNECT;
		err = reconnect_build(b);
	} else if (p->out.work[WORK_NOTIFY] != 0 || news_is_behind(b->v, p)) {
		err = news_build(b);
	} else if ((p->flags & PEER_RESYNC) != 0) {
		b->job->kind = EXCHANGE_RESYNC;
		err = KODO_OK;
	} else if (b->v->head.held_us != 0) {
		b->job->kind = EXCHANGE_RELEASE; /* the digests would differ by it */
		err = KODO_OK;
	} else {
		b->job->kind = EXCHANGE_DIGEST_CHECK;
		err = digest_check_build(b);
	}
	return err == KODO_OK && buf_failed(&b->body) ? b->body.err : err;
}

/*
 * How large a body may be. A kodo peer takes a list in chunks of any size, and so does a peer that
 * has nothing of ours yet; a legacy peer that has forgets what is not in the first.
 */
static uint64_t
ceiling_of(const struct peer *p)
{
	bool in_pieces = peer_dialect(p)->takes_chunks || p->out.connected_us == 0;
	uint64_t most = in_pieces ? BUILD_CHUNK_BYTES : BUILD_MAX_BYTES;

	return p->out.ceiling_bytes != 0 && p->out.ceiling_bytes < most ? p->out.ceiling_bytes
									: most;
}

enum kodo_err
build_job(struct view *v, struct arena *a, const struct peer *p, struct exchange_job *job)
{
	struct builder b = { .v = v,
		.a = a,
		.p = p,
		.job = job,
		.body = BUF_INIT(0),
		.is_first = true,
		.news = { .v = v, .p = p, .arg = &b } };
	enum kodo_err err;

	*job = (struct exchange_job){ .peer = p->id,
		.gen = v->head.state,
		.begun_us = v->now_us,
		.pin = p->trust.key,
		.pos = p->out.pos,
		.gone_pos = p->out.gone_pos };
	job->is_target = (p->flags & PEER_TARGET) != 0;
	kodo_begin(&b.kodo, head_epoch(&v->head), v->head.state, v->head.former, p->in.epoch,
	    p->in.sequence);
	b.max_bytes = ceiling_of(p);
	err = job_build(&b);
	job->nodes = b.ids.all;
	job->n_ids = b.ids.n;
	job->pauses = b.pauses;
	job->n_pauses = b.n_pauses;
	if (err == KODO_OK && job->is_post)
		err = arena_str(a, buf_str(&b.body), &job->body);
	if (err == KODO_OK && job->kind < EXCHANGE_NOTHING)
		err = place_set(a, p, job);
	buf_free(&b.body);
	kodo_free(&b.kodo);
	return err;
}

