/* Answers to POST /connect, /update, /disconnect, /reconnect. */
#include "core/base/json.h"
#include "core/base/limit.h"
#include "core/base/log.h"
#include "core/liveness/node_state.h"
#include "core/merge/ingest.h"
#include "core/records/digest.h"
#include "core/records/known.h"
#include "core/records/node_chunks.h"
#include "core/records/walk.h"
#include "core/registry/registry_private.h"
#include "core/registry/reply.h"
#include "core/wire/kodo_member.h"

#define REST_AFTER_US 2000000ll

struct answer {
	struct view v;
	struct arena *a;
	struct sink *out;
	const struct wire_body *b;
	struct kodo_member kodo;
	bool is_first;
	bool is_late; /* see ingest_is_late */
	bool is_older; /* the caller: see PEER_OLDER */
	bool is_subscriber; /* the caller is notified */
	bool is_behind; /* the caller: something is on its way to it */
	uint64_t nodes_bytes;
	uint32_t caller; /* its peer id, PEER_TOMB if not known */
	struct arena_ids rest; /* nodes that the answer had no room for */
};

static enum kodo_err
node_add(void *arg, uint32_t node, const struct statement *s, const struct peer *source)
{
	struct answer *w = arg;
	struct buf *out = &w->out->buf;
	size_t before = out->len;
	struct node_state liveness = { .since_us = 0 };
	struct packed p;
	enum kodo_err err;

	const bool is_back = source->id == w->caller && w->is_older;

	/*
	 * never send a kodo peer its own statements, but what it may have forgotten; the original
	 * answers with all
	 */
	if (!is_back && ((w->b->has_kodo && source->id == w->caller) || !w->b->from.feed))
		return KODO_OK;
	err = packed_open(s->bytes, &p);
	if (err != KODO_OK)
		return err;
	if (w->nodes_bytes + packed_range_size(&p, 0, p.n_flows) > LIMIT_ANSWER_NODES_BYTES)
		return arena_ids_add(w->a, &w->rest, node);
	if (!w->is_first)
		buf_putc(out, ',');
	w->is_first = false;
	packed_put_node(out, &p, source->created_us, source->modified_us);
	kodo_put_version(&w->kodo, p.url, s->version, is_back);
	if (w->b->has_kodo)
		err = node_state_get(&w->v.t, node, &liveness);
	if (err != KODO_OK)
		return err;
	if (liveness.since_us != 0)
		kodo_put_silent(&w->kodo, p.url, liveness.since_us);
	w->nodes_bytes += out->len - before;
	return sink_step(w->out);
}

/* Tombstones that are newer than what the caller said. */
static enum kodo_err
gone_add(struct answer *w)
{
	struct known kn;
	uint32_t node;
	size_t i;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < w->b->n_nodes && err == KODO_OK; i++) {
		err = node_find(&w->v.t, w->b->nodes[i].key, &node);
		if (err == KODO_OK)
			err = known_get(&w->v.t, node, &kn);
		if (err == KODO_OK && kn.is_gone && !kn.is_seen)
			kodo_put_gone(&w->kodo, kn.tomb.bytes, kn.tomb.version);
		if (err == KODO_ENOTFOUND)
			err = KODO_OK;
	}
	return err;
}

/* How much there is of the node that comes in chunks; in a line what is wrong with it. */
static enum kodo_err
chunks_put(struct answer *w, struct str *line)
{
	struct node_chunks chunks;
	char *text;
	enum kodo_err err;

	if (!w->b->has_chunk || w->is_late || w->caller == PEER_TOMB)
		return KODO_OK;
	err = node_chunks_get(&w->v.t, w->caller, &chunks);
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	w->kodo.has_taken = true;
	if (err == KODO_ENOTFOUND || !str_eq(chunks.id, w->b->chunk.id))
		return KODO_OK;
	w->kodo.taken = chunks.has;
	if (chunks.bytes <= LIMIT_NODE_BYTES)
		return KODO_OK;
	text = arena_printf(w->a, "left out %.*s: it is over %u bytes when stored",
	    STR_ARG(chunks.key), LIMIT_NODE_BYTES);
	if (text == NULL)
		return KODO_ENOMEM;
	*line = str_of(text);
	log_warning("%s, from %.*s", text, STR_ARG(w->b->from.url));
	return KODO_OK;
}

/* Two lines less than a body may have, for the count of the rest and for that of a chunk. */
#define LEFT_OUT_MAX	(LIMIT_MESSAGES - 2u)

/* The lines about what was left out of the request. */
static enum kodo_err
message_make(struct answer *w, struct greeting *g)
{
	const size_t all = w->b->n_left_out;
	size_t n = all < LEFT_OUT_MAX ? all : LEFT_OUT_MAX, i;
	struct str *lines = arena_zalloc(w->a, (n + 2) * sizeof(*lines));
	enum kodo_err err;

	if (lines == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < n; i++) {
		char *line = arena_printf(w->a, "left out %.*s: %.*s",
		    STR_ARG(w->b->left_out[i].url), STR_ARG(w->b->left_out[i].reason));

		if (line == NULL)
			return KODO_ENOMEM;
		lines[i] = str_of(line);
	}
	if (n < all) {
		char *line = arena_printf(w->a, "left out %zu more", all - n);

		if (line == NULL)
			return KODO_ENOMEM;
		lines[n++] = str_of(line);
	}
	err = chunks_put(w, &lines[n]);
	g->message = lines;
	g->n_message = n + (lines[n].p != NULL);
	return err;
}

static enum kodo_err
kodo_put(struct answer *w, bool with_nodes)
{
	char has[DIGEST_SIZE], told[DIGEST_SIZE];
	struct str view = STR_NULL;
	const struct options *o = w->v.options;
	enum kodo_err err = w->is_late ? KODO_OK : gone_add(w);

	if (err == KODO_OK && !w->is_late && w->b->view.p != NULL && w->caller != PEER_TOMB) {
		err = digest_stated(&w->v.t, w->caller, w->b->from_key, w->is_subscriber,
		    w->b->keeps_entries, has);
		view = str_of(has);
		/* what is held back would be missed, and all be asked for */
		if (err == KODO_OK && o->registry && o->feed && w->b->from.feed && !w->is_behind &&
		    w->v.head.held_us == 0) {
			err = digest_notified(
			    &w->v.t, w->a, w->caller, w->b->keeps_entries, told);
			w->kodo.told = str_of(told);
		}
	}
	kodo_end(&w->kodo, &w->out->buf, with_nodes && w->rest.n > 0 ? w->v.head.state : 0,
	    w->rest.n > 0, view);
	return err;
}

static enum kodo_err
answer_put(struct answer *w, bool with_nodes, bool idle_false)
{
	struct greeting g;
	struct peer p;
	enum kodo_err err;

	view_greeting(&w->v, &g);
	if (idle_false)
		g.idle = false;
	w->caller = PEER_TOMB;
	err = peer_find(&w->v.t, w->a, w->b->from_key, &p);
	if (err == KODO_OK)
		w->caller = p.id;
	else if (err != KODO_ENOTFOUND)
		return err;
	w->is_behind = w->caller != PEER_TOMB && peer_has_work(&p);
	w->is_subscriber = w->caller != PEER_TOMB && peer_is_subscriber(&p) &&
	    (peer_is_live_target(&p) || (w->v.options->registry && w->v.options->feed));
	w->is_older = w->caller != PEER_TOMB && (p.flags & PEER_OLDER) != 0;
	w->is_late = w->caller != PEER_TOMB && ingest_is_late(&p, w->b);
	err = message_make(w, &g);
	if (err != KODO_OK)
		return err;
	if (w->caller == PEER_TOMB)
		p = (struct peer){ .id = PEER_TOMB };
	if (ingest_is_copy_again(&p, w->b)) {
		p.in.epoch = w->b->epoch;
		p.in.sequence = LIMIT_VERSION_MAX;
	}
	kodo_begin(&w->kodo, head_epoch(&w->v.head), w->v.head.state, w->v.head.former, p.in.epoch,
	    p.in.sequence);
	buf_putc(&w->out->buf, '{');
	wire_put_greeting(&w->out->buf, &g);
	/*
	 * whoever sent a message that comes late does not wait for its answer; if it does, its
	 * state is a copy, which it is to learn, and nothing else
	 */
	if (with_nodes && (w->b->from.feed || w->is_older) && !w->is_late) {
		buf_puts(&w->out->buf, ",\"nodes\":[");
		err = walk_passed_on(&w->v.t, w->a, node_add, w);
		buf_putc(&w->out->buf, ']');
	}
	if (err == KODO_OK && w->b->has_kodo)
		err = kodo_put(w, with_nodes);
	buf_putc(&w->out->buf, '}');
	return err == KODO_OK ? sink_end(w->out) : err;
}

static enum kodo_err
rest_fn(struct change *ch, void *arg)
{
	const struct change_rest *w = arg;
	struct peer *p;
	size_t i;
	enum kodo_err err = change_peer(ch, w->caller, &p);

	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err; /* it left meanwhile */
	if (w->has_kodo)
		p->out.list = w->list;
	p->chunk.id = 0;
	for (i = 0; i < w->nodes.n && err == KODO_OK; i++)
		err = change_notify(ch, w->nodes.all[i], w->caller);
	/* the answer is to be there first */
	if (err == KODO_OK && p->out.attempts == 0 && p->out.due_us < ch->now_us + REST_AFTER_US)
		p->out.due_us = ch->now_us + REST_AFTER_US;
	return err;
}

const struct change_type change_rest = { .kind = CHANGE_REST, .fn = rest_fn };

enum kodo_err
reply_put(struct registry *r, const struct wire_body *b, bool is_connect, bool idle_false,
    int64_t now_us, struct sink *out, bool *rest)
{
	struct answer w = { .a = arena_new(), .out = out, .b = b, .is_first = true };
	struct change_rest later;
	struct change_run run = { .type = &change_rest, .r = r, .now_us = now_us, .arg = &later };
	enum kodo_err err = KODO_ENOMEM;

	if (w.a != NULL)
		err = view_begin(r, now_us, &w.v);
	if (err == KODO_OK) {
		err = answer_put(&w, is_connect, idle_false);
		view_end(&w.v);
	}
	/*
	 * what had no room follows as updates; if this is lost in a crash, so is the answer, and
	 * the caller connects again
	 */
	*rest = w.rest.n > 0;
	later = (struct change_rest){ w.caller, b->has_kodo, w.v.head.state, w.rest };
	if (err == KODO_OK && *rest)
		err = registry_change(&run);
	kodo_free(&w.kodo);
	arena_free(w.a);
	return err;
}

enum kodo_err
reply_put_later(struct registry *r, int64_t now_us, struct sink *out)
{
	const struct str line = STR("accepted here, not yet by the cluster");
	struct greeting g;
	struct view v;
	enum kodo_err err = view_begin(r, now_us, &v);

	if (err != KODO_OK)
		return err;
	view_greeting(&v, &g);
	g.idle = false;
	g.message = &line;
	g.n_message = 1;
	buf_putc(&out->buf, '{');
	wire_put_greeting(&out->buf, &g);
	buf_putc(&out->buf, '}');
	view_end(&v);
	return sink_end(out);
}
