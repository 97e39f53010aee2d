/* What is to be sent next: jobs out of the peers' work. What came of them is in exchange_done.c. */
#include "exchange_int.h"
#include "json.h"
#include "look.h"

/* A due time further ahead than any backoff or look: the clock was set back, so it is due. */
#define ACTIVE_AHEAD_US (BACKOFF_MAX_US * 12 / 10)
#define QUIET_AHEAD_US (PARKED_US * 13 / 10)

static const char *const paths[] = {
	[EXCHANGE_DISCONNECT] = "/disconnect",
	[EXCHANGE_CONNECT] = "/connect",
	[EXCHANGE_RECONNECT] = "/reconnect",
	[EXCHANGE_REMOVE] = "/disconnect",
	[EXCHANGE_UPDATE] = "/update",
	[EXCHANGE_LOOK] = "/map",
};

/* --- bodies --- */

struct builder {
	struct view *v;
	struct arena *a;
	const struct peer *p;
	struct exchange_job *job;
	struct buf body;
	struct kodo_member kodo;
	bool is_first;
	uint64_t max_bytes;
	uint32_t *ids;
	size_t n_ids, cap_ids;
	bool is_full; /* more nodes than fit */
};

static enum kodo_err
id_add(struct builder *b, uint32_t node)
{
	if (b->n_ids == b->cap_ids) {
		size_t cap = b->cap_ids == 0 ? 64 : b->cap_ids * 2;
		uint32_t *grown = arena_alloc(b->a, cap * sizeof(*grown));

		if (grown == NULL)
			return KODO_ENOMEM;
		if (b->n_ids > 0)
			memcpy(grown, b->ids, b->n_ids * sizeof(*grown));
		b->ids = grown;
		b->cap_ids = cap;
	}
	b->ids[b->n_ids++] = node;
	return KODO_OK;
}

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

	if (b->is_full)
		return KODO_OK;
	err = packed_open(s->bytes, &p);
	if (err != KODO_OK)
		return err;
	if (!b->is_first)
		buf_putc(&b->body, ',');
	packed_put_node(&b->body, &p, source->created_us, source->modified_us);
	if (b->body.len > b->max_bytes && !b->is_first) {
		b->body.len = before;
		b->is_full = true;
		return KODO_OK;
	}
	b->is_first = false;
	kodo_put_version(&b->kodo, p.url, s->version);
	b->job->n_nodes++;
	b->job->n_flows += p.n_flows;
	return buf_failed(&b->body) ? b->body.err : id_add(b, node);
}

/*
 * Does the node with that url belong to p, an original? Then it need not hear of it, and would only
 * echo it; of its removal as if it left itself.
 */
static bool
is_own_of_original(const struct peer *p, struct str url)
{
	return (p->flags & PEER_OURS) == 0 && str_eq(url, p->url);
}

static bool
is_node_of_original(const struct peer *p, struct str bytes)
{
	struct packed pk;

	return packed_open(bytes, &pk) == KODO_OK && is_own_of_original(p, pk.url);
}

/* What p told us itself it need not hear from us: it could only come back as a ghost. */
static enum kodo_err
connect_node(void *arg, uint32_t node, const struct statement *s, const struct peer *source)
{
	struct builder *b = arg;

	if (source->id == b->p->id || is_node_of_original(b->p, s->bytes))
		return KODO_OK;
	return node_append(b, node, s, source);
}

static enum kodo_err
connect_build(struct builder *b)
{
	enum kodo_err err;

	greeting_open(b, NULL, 0);
	buf_puts(&b->body, ",\"nodes\":[");
	err = registry_each_seen(&b->v->t, b->a, connect_node, b);
	buf_putc(&b->body, ']');
	kodo_end(&b->kodo, &b->body, b->is_full ? b->job->gen : 0, b->is_full, STR_NULL);
	buf_putc(&b->body, '}');
	b->job->is_partial = b->is_full;
	return err;
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
	const struct peer *p = b->p;
	const char *end = memchr(p->leave_urls.p, '\n', p->leave_urls.len);
	struct str url = { p->leave_urls.p,
		end == NULL ? p->leave_urls.len : (size_t)(end - p->leave_urls.p) };

	b->job->leave_url = url;
	wire_put_disconnect(&b->body, url, &url, 1);
	kodo_end(&b->kodo, &b->body, 0, false, STR_NULL);
	buf_putc(&b->body, '}');
	return KODO_OK;
}

/* --- telling of changes: first what is gone, then what is there --- */

/* the own node apart: its url in a disconnect means that the whole service leaves */
enum tell { TELL_NOTHING, TELL_GONE, TELL_OWN_GONE, TELL_NODE };

static enum kodo_err
tell_of(struct builder *b, uint32_t node, struct known *kn, enum tell *out)
{
	enum kodo_err err = claim_known(&b->v->t, node, kn);

	*out = TELL_NOTHING;
	if (err != KODO_OK)
		return err;
	if (kn->is_seen)
		*out = kn->winner.peer == b->p->id || is_node_of_original(b->p, kn->winner.bytes)
		    ? TELL_NOTHING
		    : TELL_NODE;
	else if (kn->is_gone && kn->tomb.peer != b->p->id &&
	    !is_own_of_original(b->p, kn->tomb.bytes))
		*out = str_eq(kn->tomb.bytes, b->v->options->url) ? TELL_OWN_GONE : TELL_GONE;
	return KODO_OK;
}

/*
 * Call each for the entries of T_OUT of the peer that are of kind, and note how many entries there
 * are of all kinds.
 */
static enum kodo_err
out_walk(struct builder *b, enum tell kind,
    enum kodo_err (*each)(struct builder *, uint32_t, const struct known *), size_t *n)
{
	unsigned char kb[8];
	struct cursor c;
	struct known kn;
	enum tell what;
	struct str k, v;
	enum kodo_err err = cursor_open(&b->v->t, T_OUT, &c);

	*n = 0;
	if (err != KODO_OK)
		return err;
	for (err = cursor_seek(&c, key_u32_u32(kb, b->p->id, 0), &k, &v);
	    err == KODO_OK && get_be32(k.p) == b->p->id && !b->is_full;
	    err = cursor_next(&c, &k, &v)) {
		uint32_t node = get_be32(k.p + 4);

		err = tell_of(b, node, &kn, &what);
		if (err == KODO_OK && what == kind) {
			err = each(b, node, &kn);
			*n += !b->is_full; /* the one that had no room is not in it */
		}
		if (err != KODO_OK)
			break;
	}
	cursor_close(&c);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static enum kodo_err
gone_append(struct builder *b, uint32_t node, const struct known *kn)
{
	if (b->body.len + kn->tomb.bytes.len > b->max_bytes && !b->is_first) {
		b->is_full = true;
		return KODO_OK;
	}
	if (!b->is_first)
		buf_putc(&b->body, ',');
	b->is_first = false;
	json_put_str(&b->body, kn->tomb.bytes);
	kodo_put_gone(&b->kodo, kn->tomb.bytes, kn->tomb.version);
	return id_add(b, node);
}

static enum kodo_err
remove_build(struct builder *b, size_t *n)
{
	enum kodo_err err;

	buf_puts(&b->body, "{\"provider\":");
	json_put_str(&b->body, b->v->options->url);
	buf_puts(&b->body, ",\"url\":[");
	err = out_walk(b, TELL_GONE, gone_append, n);
	buf_putc(&b->body, ']');
	kodo_end(&b->kodo, &b->body, 0, false, STR_NULL);
	buf_putc(&b->body, '}');
	return err;
}

static enum kodo_err
update_node(struct builder *b, uint32_t node, const struct known *kn)
{
	struct peer source;
	enum kodo_err err = peer_get(&b->v->t, b->a, kn->winner.peer, &source);

	return err == KODO_OK ? node_append(b, node, &kn->winner, &source) : err;
}

static enum kodo_err
own_gone_append(struct builder *b, uint32_t node, const struct known *kn)
{
	kodo_put_gone(&b->kodo, kn->tomb.bytes, kn->tomb.version);
	return id_add(b, node);
}

static enum kodo_err
update_build(struct builder *b, size_t *n)
{
	uint64_t piece = b->p->out_piece;
	size_t n_own;
	enum kodo_err err;

	b->job->piece = piece;
	greeting_open(b, NULL, 0);
	buf_puts(&b->body, ",\"nodes\":[");
	err = out_walk(b, TELL_NODE, update_node, n);
	buf_putc(&b->body, ']');
	if (err == KODO_OK && !b->is_full) {
		err = out_walk(b, TELL_OWN_GONE, own_gone_append, &n_own);
		*n += n_own;
	}
	kodo_end(&b->kodo, &b->body, piece, b->is_full, STR_NULL);
	buf_putc(&b->body, '}');
	b->job->is_partial = b->is_full;
	return err;
}

/* Start over with an empty body. */
static void
builder_reset(struct builder *b)
{
	buf_reset(&b->body);
	buf_reset(&b->kodo.versions);
	buf_reset(&b->kodo.gone);
	b->is_first = true;
	b->is_full = false;
	b->n_ids = 0;
	b->job->n_nodes = b->job->n_flows = 0;
}

/*
 * What T_OUT asks for. Where nothing is left to say (the peer itself said it meanwhile), the job is
 * EXCHANGE_NOTHING, whose end clears the entries.
 */
static enum kodo_err
tell_build(struct builder *b)
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
	if (err == KODO_OK && n == 0 && b->p->out_piece == 0)
		b->job->kind = EXCHANGE_NOTHING;
	if (err != KODO_OK || n == b->job->n_nodes || (b->p->flags & PEER_OURS) != 0)
		return err;
	/* an original learns only from a whole list that we offer nothing ourselves any more */
	builder_reset(b);
	b->job->kind = EXCHANGE_CONNECT;
	return connect_build(b);
}

/* An original is only asked for its map; one of us is told our digest. */
static enum kodo_err
look_build(struct builder *b)
{
	char digest[LOOK_DIGEST_SIZE];
	enum kodo_err err;

	b->job->is_post = (b->p->flags & PEER_OURS) != 0;
	if (!b->job->is_post)
		return KODO_OK;
	err = look_digest_told(&b->v->t, b->a, b->p->id, digest);
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
	if (p->work[WORK_LEAVE] != 0) {
		b->job->kind = EXCHANGE_DISCONNECT;
		err = leave_build(b);
	} else if (p->work[WORK_CONNECT] != 0) {
		b->job->kind = EXCHANGE_CONNECT;
		err = connect_build(b);
	} else if (p->work[WORK_RECONNECT] != 0) {
		b->job->kind = EXCHANGE_RECONNECT;
		err = reconnect_build(b);
	} else if (p->work[WORK_TELL] != 0) {
		err = tell_build(b);
	} else if ((p->flags & PEER_DOUBTED) != 0) {
		b->job->kind = EXCHANGE_NOTHING;
		err = KODO_OK;
	} else {
		b->job->kind = EXCHANGE_LOOK;
		err = look_build(b);
	}
	return err == KODO_OK && buf_failed(&b->body) ? b->body.err : err;
}

/*
 * How large a body may be. One of us takes a connect in pieces of any size, and so does whoever has
 * nothing of ours yet; an original that has forgets what is not in the first.
 */
static uint64_t
ceiling_of(const struct peer *p)
{
	bool in_pieces = (p->flags & PEER_OURS) != 0 || p->connected_us == 0;
	uint64_t most = in_pieces ? CEILING_PIECE_BYTES : CEILING_START_BYTES;

	return p->ceiling_bytes != 0 && p->ceiling_bytes < most ? p->ceiling_bytes : most;
}

static enum kodo_err
job_make(struct view *v, struct arena *a, const struct peer *p, struct exchange_job *job)
{
	struct builder b = {
		.v = v, .a = a, .p = p, .job = job, .body = BUF_INIT(0), .is_first = true
	};
	bool is_update;
	char *url;
	enum kodo_err err;

	*job = (struct exchange_job){ .peer = p->id, .gen = v->head.state };
	kodo_begin(&b.kodo, &v->head, p);
	b.max_bytes = ceiling_of(p);
	err = job_build(&b);
	job->nodes = b.ids;
	job->n_ids = b.n_ids;
	if (err == KODO_OK && job->is_post)
		err = arena_str(a, buf_str(&b.body), &job->body);
	if (err == KODO_OK && job->kind != EXCHANGE_NOTHING) {
		is_update = job->kind == EXCHANGE_LOOK && job->is_post;
		url = arena_printf(
		    a, "%.*s%s", STR_ARG(p->url), paths[is_update ? EXCHANGE_UPDATE : job->kind]);
		job->url = str_of(url);
		err = url == NULL ? KODO_ENOMEM : KODO_OK;
	}
	buf_free(&b.body);
	buf_free(&b.kodo.versions);
	buf_free(&b.kodo.gone);
	return err;
}

static bool
is_busy(uint32_t peer, const uint32_t *busy, size_t n_busy)
{
	size_t i;

	for (i = 0; i < n_busy; i++)
		if (busy[i] == peer)
			return true;
	return false;
}

struct due {
	uint32_t peer;
	bool found;
	int64_t next_us;   /* earliest that is not due yet, of peers that are not busy */
	int64_t active_us; /* earliest active one, busy peers included */
};

/* Look through T_DUE for the first peer that is due and not busy. */
static enum kodo_err
due_find(struct txn *t, int64_t now_us, const uint32_t *busy, size_t n_busy, struct due *out)
{
	struct cursor c;
	struct str k, v;
	enum kodo_err err = cursor_open(t, T_DUE, &c);

	*out = (struct due){ .next_us = INT64_MAX, .active_us = INT64_MAX };
	if (err != KODO_OK)
		return err;
	for (err = cursor_seek(&c, STR_NULL, &k, &v); err == KODO_OK;
	    err = cursor_next(&c, &k, &v)) {
		enum due_class class = (enum due_class)(unsigned char)k.p[0];
		int64_t at = (int64_t)get_be64(k.p + 1);
		uint32_t peer = get_be32(k.p + 9);

		if (at > now_us + (class == DUE_ACTIVE ? ACTIVE_AHEAD_US : QUIET_AHEAD_US))
			at = now_us;
		if (class == DUE_ACTIVE && at < out->active_us)
			out->active_us = at;
		if (is_busy(peer, busy, n_busy))
			continue;
		if (at <= now_us && !out->found) {
			out->found = true;
			out->peer = peer;
		} else if (at < out->next_us) {
			out->next_us = at;
		}
	}
	cursor_close(&c);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static enum kodo_err
next_in_view(struct view *v, struct arena *a, int64_t now_us, const uint32_t *busy, size_t n_busy,
    struct exchange_job *job, struct due *d)
{
	struct peer p;
	enum kodo_err err = due_find(&v->t, now_us, busy, n_busy, d);

	if (err == KODO_OK && d->found)
		err = peer_get(&v->t, a, d->peer, &p);
	return err == KODO_OK && d->found ? job_make(v, a, &p, job) : err;
}

enum kodo_err
exchange_next(struct registry *r, struct arena *a, int64_t now_us, const uint32_t *busy,
    size_t n_busy, struct exchange_job *job, int64_t *next_due_us, int64_t *active_due_us)
{
	struct due d;
	struct view v;
	bool wake;
	enum kodo_err err;

	*next_due_us = INT64_MAX;
	for (;;) {
		err = view_begin(r, now_us, &v);
		if (err != KODO_OK)
			return err;
		err = next_in_view(&v, a, now_us, busy, n_busy, job, &d);
		view_end(&v);
		if (err != KODO_OK || !d.found || job->kind != EXCHANGE_NOTHING)
			break;
		/* nothing to send: entries are to be cleared, or a doubt becomes work */
		err = exchange_done(r, a, job,
		    &(struct exchange_result){ .status = 204, .body = STR_NULL }, now_us, &wake);
		if (err != KODO_OK)
			return err;
	}
	*next_due_us = d.next_us;
	if (active_due_us != NULL)
		*active_due_us = d.active_us;
	return err == KODO_OK && !d.found ? KODO_ENOTFOUND : err;
}
