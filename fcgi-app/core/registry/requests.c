#include "core/base/limit.h"
#include "core/merge/identity.h"
#include "core/merge/ingest.h"
#include "core/merge/proof.h"
#include "core/merge/quota.h"
#include "core/merge/resync.h"
#include "core/merge/rules.h"
#include "core/merge/statement.h"
#include "core/records/known.h"
#include "core/registry/registry_private.h"
#include "core/registry/requests.h"
#include "core/registry/target_private.h"

#define SIGN_OFF_BYTES	65536u	/* of a body, where a cluster is to take it of an unknown peer */
#define META_SIGNED_OFF	"signed_off"	/* ids of peers, the oldest first, 4 bytes each */

static enum kodo_err
post_run(struct registry *r, const struct change_type *type, const struct wire_body *b,
    int64_t now_us, struct receipt *out, uint64_t *ticket)
{
	struct change_post q = { .b = b, .out = out };
	struct change_run run = { .type = type, .r = r, .now_us = now_us, .arg = &q,
		.is_kept = &q.is_kept };
	struct packed p;
	enum kodo_err err;
	size_t i;

	*out = (struct receipt){ 0 };
	err = registry_change(&run);
	if (err == KODO_ENOTFOUND && !out->known)
		err = KODO_OK;	/* whoever is not known, or refused, costs no commit */
	/* when it was applied it was none that is refused: it is to come again */
	if (err == KODO_OK && q.is_refused && out->refusal == NULL)
		err = KODO_EBUSY;
	out->wake = run.is_due;
	out->changed = run.is_view_changed;
	out->view = run.view;
	out->state = run.state;
	out->n_withdrawn = run.n_withdrawn;
	if (ticket != NULL)
		*ticket = run.state;
	if (b == NULL)
		return err;
	out->n_nodes = b->n_nodes;
	for (i = 0; i < b->n_nodes; i++)
		if (packed_open(b->nodes[i].bytes, &p) == KODO_OK)
			out->n_flows += p.n_flows;
	return err;
}

static enum kodo_err
speaker_note(struct change *ch, struct change_post *q, struct peer *p)
{
	enum kodo_err err = pin_take(ch->a, p, q->b->speaker, false, ch->now_us);

	q->out->level = pin_level(ch->o, p);
	return err;
}

/*
 * May whoever sent the body speak for its url? KODO_ENOTFOUND: no, and nothing is to be written;
 * q->out->refusal is set then, as where *may becomes false.
 */
static enum kodo_err
admit(struct change *ch, struct change_post *q, bool *may)
{
	const struct speaker *who = q->b->speaker;
	enum pin_verdict verdict;
	struct peer *p;
	enum kodo_err err;

	*may = true;
	if (who == NULL)
		return KODO_OK;
	err = change_peer_find(ch, q->b->from_key, &p);
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	verdict = pin_judge(ch->o, q->b->from_key, p, who);
	if (verdict == PIN_COUNTS)
		return p != NULL ? speaker_note(ch, q, p) : KODO_OK;
	*may = false;
	q->out->code = (enum refusal)(REFUSAL_OTHER_KEY + (verdict - PIN_OTHER_KEY));
	q->is_kept = true;
	q->out->refusal = pin_words(ch->a, verdict, q->b->from.url, p, who);
	if (q->out->refusal == NULL)
		return KODO_ENOMEM;
	return p != NULL && proof_ask(ch, p, verdict) ? KODO_OK : KODO_ENOTFOUND;
}

/*
 * A body that is refused, of a url whose key is to be asked for: a /reconnect that says nothing is
 * proposed in its place. Should it count when it is applied, the url is called, and nothing else.
 */
static enum kodo_err
look_short(struct change *ch, struct change_run *run)
{
	struct change_post *q = run->arg;
	const struct greeting g = { .url = q->b->from.url, .feed = true, .registry = true,
		.now_us = ch->now_us };
	struct wire_body *w = &q->short_body;
	struct buf json = BUF_INIT(0);
	enum kodo_err err;

	*w = (struct wire_body){ .source = { STR_NULL, WIRE_DEFAULT, ch->now_us },
		.speaker = q->b->speaker, .from = g, .from_key = q->b->from_key };
	buf_putc(&json, '{');
	wire_put_greeting(&json, &g);
	buf_putc(&json, '}');
	err = buf_failed(&json) ? json.err : arena_str(ch->a, buf_str(&json), &w->source.json);
	buf_free(&json);
	q->b = w;
	q->is_refused = true;
	run->type = &change_reconnect;
	return err;
}

/* What a look at any body begins with. *may: it goes on; else what it returns is the end. */
static enum kodo_err
look_begin(struct change *ch, struct change_run *run, bool *may)
{
	struct change_post *q = run->arg;
	const enum kodo_err err = admit(ch, q, may);

	return err == KODO_OK && !*may ? look_short(ch, run) : err;
}

/* Note who speaks. *is_void: the body comes late, or in doubt; nothing of it counts. */
static enum kodo_err
note_speaker(struct change *ch, struct peer *p, const struct wire_body *b, bool *is_void)
{
	enum kodo_err err = identity_note(ch, p, b);

	if (err != KODO_OK)
		return err;
	/* anybody may have made it: what it says of a state is asked of the peer */
	if (ingest_is_doubtful(ch, p, b)) {
		*is_void = rule_6_is_lost(b->epoch, p->in.epoch);
		ingest_call_back(ch, p);
	} else {
		err = ingest_acknowledged(ch, p, b);
	}
	*is_void |= err == KODO_OK && ingest_is_late(p, b);
	if (err == KODO_OK && !*is_void)
		err = ingest_clock(ch, p, &b->from);
	return err == KODO_OK && !*is_void ? ingest_epoch(ch, p, b) : err;
}

/* The network has repeated a connect: nobody waits for the answer. */
static bool
is_connect_again(const struct peer *p, const struct wire_body *b)
{
	return b->epoch != 0 && b->epoch == p->in.epoch && b->sequence == p->in.connect_sequence;
}

/* KODO_ENOTFOUND: a quota is used up, q->out->refusal is set, and nothing is to be written. */
static enum kodo_err
may_become_provider(struct change *ch, struct change_post *q, struct peer *p)
{
	const struct speaker *who = q->b->speaker;
	const struct str address = who == NULL || !who->has_address ? STR_NULL
	    : (struct str){ (const char *)&who->address, sizeof(who->address) };
	struct quota_refusal no;
	enum kodo_err err = quota_provider(ch, p, address, &no);

	if (err == KODO_ETOOBIG) {
		q->out->known = false;
		q->is_kept = true;
		q->out->code = no.is_full ? REFUSAL_NO_ROOM : REFUSAL_QUOTA;
		q->out->refusal = arena_strz(ch->a, str_of(no.why.text));
		return q->out->refusal == NULL ? KODO_ENOMEM : KODO_ENOTFOUND;
	}
	return err == KODO_OK ? arena_str(ch->a, address, &p->in.address) : err;
}

static void
note_left_out(const struct change *ch, struct change_post *q)
{
	q->is_kept |= ch->n_left_out > 0;
	q->out->left_out = ch->left_out;
	q->out->n_left_out = ch->n_left_out;
}

static enum kodo_err
connect_fn(struct change *ch, void *arg)
{
	struct change_post *q = arg;
	bool is_void = false, is_repeat, may;
	struct peer *p;
	enum kodo_err err = admit(ch, q, &may);

	if (err != KODO_OK || !may)
		return err;
	err = change_peer_make(ch, q->b->from.url, q->b->from_key, &p);
	q->out->known = true;
	if (err == KODO_OK && q->b->speaker != NULL)
		err = speaker_note(ch, q, p);
	if (err != KODO_OK)
		return err;
	p->out.asked_us = 0;	/* whoever connects is no longer busy */
	/* it has come with a key: does its url show that? */
	if (p->trust.key.len > 0 && p->trust.proved_us == 0 && ch->o->trust != TRUST_OPEN)
		(void)proof_ask(ch, p, PIN_COUNTS);
	is_repeat = is_connect_again(p, q->b);
	err = note_speaker(ch, p, q->b, &is_void);
	if (err != KODO_OK || is_void)
		return err;
	err = may_become_provider(ch, q, p);
	if (err == KODO_OK)
		err = ingest_greeting(ch, p, &q->b->from);
	if (err != KODO_OK)
		return err;
	p->flags |= PEER_CONNECTS;
	p->in.connect_sequence = q->b->sequence;
	p->in.registered_us = ch->now_us;
	/* it has spoken: what it was asked to say is said, and the answer tells it the rest */
	if (!is_repeat)
		p->out.work[WORK_RECONNECT] = 0;
	err = ingest_list(ch, p, q->b);
	note_left_out(ch, q);
	return err;
}

static enum kodo_err
connect_look(struct change *ch, struct change_run *run)
{
	struct change_post *q = run->arg;
	struct peer *p;
	bool may;
	enum kodo_err err = look_begin(ch, run, &may);

	if (err == KODO_OK && may)
		err = change_peer_make(ch, q->b->from.url, q->b->from_key, &p);
	return err == KODO_OK && may ? may_become_provider(ch, q, p) : err;
}

const struct change_type change_connect = { .kind = CHANGE_CONNECT, .fn = connect_fn,
	.look = connect_look, .is_audited = true };

enum kodo_err
registry_connect(struct registry *r, const struct wire_body *b, int64_t now_us, struct receipt *out)
{
	return post_run(r, &change_connect, b, now_us, out, NULL);
}

/*
 * A legacy target knows us since our connect, of which the answer is not there yet, and it does not
 * repeat an update: after it the answer is out of date.
 */
static bool
is_answer_due(const struct change *ch, const struct peer *p)
{
	return peer_is_live_target(p) && !peer_dialect(p)->has_versions &&
	    p->out.work[WORK_CONNECT] != 0 && ch->o->registry && ch->o->feed;
}

static enum kodo_err
update_fn(struct change *ch, void *arg)
{
	struct change_post *q = arg;
	bool is_void = false, may;
	struct peer *p;
	enum kodo_err err = admit(ch, q, &may);

	if (err != KODO_OK || !may)
		return err;
	err = change_peer_find(ch, q->b->from_key, &p);
	if (err == KODO_OK && (p->flags & PEER_PROVIDER) == 0) {
		if (!is_answer_due(ch, p))
			return KODO_ENOTFOUND;
		resync_raise(ch, p);
		return KODO_OK;
	}
	if (err != KODO_OK)
		return err;
	q->out->known = true;
	err = note_speaker(ch, p, q->b, &is_void);
	if (err == KODO_OK && !is_void)
		err = ingest_role(ch, p, &q->b->from);
	/* what it says ends with a role that does not feed */
	if (err != KODO_OK || is_void || (p->flags & PEER_PROVIDER) == 0)
		return err;
	err = ingest_update(ch, p, q->b);
	note_left_out(ch, q);
	return err;
}

static enum kodo_err
update_look(struct change *ch, struct change_run *run)
{
	const struct change_post *q = run->arg;
	struct peer *p;
	bool may;
	enum kodo_err err = look_begin(ch, run, &may);

	if (err == KODO_OK && may)
		err = change_peer_find(ch, q->b->from_key, &p);
	return err == KODO_OK && may && (p->flags & PEER_PROVIDER) == 0 && !is_answer_due(ch, p)
	    ? KODO_ENOTFOUND : err;
}

const struct change_type change_update = { .kind = CHANGE_UPDATE, .fn = update_fn,
	.look = update_look, .is_audited = true };

enum kodo_err
registry_update(struct registry *r, const struct wire_body *b, int64_t now_us, struct receipt *out)
{
	return post_run(r, &change_update, b, now_us, out, NULL);
}

/* Does the sender itself sign off? */
static bool
is_own_among(const struct wire_body *b)
{
	size_t i;

	for (i = 0; i < b->n_urls; i++)
		if (str_eq(b->urls[i], b->from_key))
			return true;
	return false;
}

/*
 * Somebody whom we do not know, for our state was lost, signs off. What others say of its own node
 * may have come from here: its word ends that too.
 */
static enum kodo_err
owner_gone(struct change *ch, struct peer *p, const struct wire_body *b)
{
	struct known kn;
	uint32_t node;
	enum kodo_err err;

	if (!is_own_among(b))
		return KODO_OK;
	err = node_find(ch->t, b->from_key, &node);
	if (err == KODO_OK)
		err = known_get(ch->t, node, &kn);
	if (err == KODO_OK && kn.is_seen && kn.winner.peer != PEER_SELF && kn.version > 0)
		err = statement_take_end(ch, p->id, p->url, p->key, kn.version);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/* Nothing of p is known any more; it is forgotten once LIMIT_SIGNED_OFF others came after it. */
static enum kodo_err
signed_off_add(struct change *ch, const struct peer *p)
{
	struct buf b = BUF_INIT(0);
	unsigned char kb[4];
	struct peer *oldest;
	struct str ids;
	enum kodo_err err = meta_get(ch->t, META_SIGNED_OFF, &ids);

	if (err == KODO_ENOTFOUND)
		ids = STR("");
	else if (err != KODO_OK)
		return err;
	err = KODO_OK;
	for (; ids.len >= LIMIT_SIGNED_OFF * sizeof(kb) && err == KODO_OK;
	    ids = (struct str){ ids.p + sizeof(kb), ids.len - sizeof(kb) }) {
		err = change_peer(ch, get_be32(ids.p), &oldest);
		if (err == KODO_OK && peer_is_idle(oldest)) {
			if (oldest->trust.proved_us == 0)
				pin_forget(oldest);
			if (oldest->trust.key.len == 0)
				oldest->in.epoch = 0;
		}
		if (err == KODO_ENOTFOUND)
			err = KODO_OK;
	}
	buf_put_str(&b, ids);
	buf_put_str(&b, key_u32(kb, p->id));
	if (err == KODO_OK)
		err = buf_failed(&b) ? b.err : meta_put(ch->t, META_SIGNED_OFF, buf_str(&b));
	buf_free(&b);
	return err;
}

/* Who signs off: one that we know, or one that could have been. */
static enum kodo_err
sender_find(struct change *ch, const struct wire_body *b, struct peer **out, bool *is_new)
{
	enum kodo_err err = change_peer_find(ch, b->from_key, out);

	*is_new = err == KODO_ENOTFOUND;
	if (!*is_new || b->epoch == 0 || option_allows_peer(ch->o, b->from.url, NULL) != KODO_OK)
		return err;
	return change_peer_make(ch, b->from.url, b->from_key, out);
}

/* Our own link to a target that signs off goes on, though not at once: it may be going away. */
static void
link_go_on(struct change *ch, struct peer *p)
{
	if (!peer_is_live_target(p) || ch->o->retry == 0)
		return;
	/* of one that does not answer, it is tried again as it is, however often it signs off */
	if (p->out.work[WORK_CONNECT] != 0 && p->out.failed_us != 0) {
		p->out.work[WORK_CONNECT] = ch->head.state;
		return;
	}
	resync_restart(ch, p);
	if (p->out.due_us < ch->now_us + PEER_HEARD_US)
		p->out.due_us = ch->now_us + PEER_HEARD_US;
}

/* A sign-off that was overtaken by an answer; or of a copy of an older state, which forgot us. */
static enum kodo_err
late_sign_off(struct change *ch, struct peer *p, const struct wire_body *b)
{
	if (!is_own_among(b))
		return KODO_OK;
	/* its own link has ended; what comes by answers goes on to, where we have one to it */
	if (b->sequence > p->in.connect_sequence) {
		p->flags &= ~(unsigned)PEER_CONNECTS;
		p->out.work[WORK_RECONNECT] = 0; /* it connects no more: our link asks */
		if (!peer_is_live_target(p))
			return ingest_drop_answers(ch, p);
	}
	if (peer_is_live_target(p))
		ingest_call_back(ch, p);
	return KODO_OK;
}

static enum kodo_err
disconnect_fn(struct change *ch, void *arg)
{
	struct change_post *q = arg;
	const struct wire_body *b = q->b;
	struct peer *p;
	uint32_t node;
	size_t i;
	bool is_new, may;
	enum kodo_err err = admit(ch, q, &may);

	if (err != KODO_OK || !may)
		return err;
	err = sender_find(ch, b, &p, &is_new);
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	q->out->known = (p->flags & PEER_PROVIDER) != 0;
	/* anybody can sign off */
	if (q->out->known)
		err = ingest_acknowledged(ch, p, b);
	if (err == KODO_OK && ingest_is_late(p, b))
		return late_sign_off(ch, p, b);
	if (err != KODO_OK)
		return err;
	/* of an unknown peer too: its connect may still be on the way */
	err = ingest_epoch(ch, p, b);
	if (err != KODO_OK)
		return err;
	if (!q->out->known) {
		/* the answer to our connect, which is under way, will be late */
		if (is_own_among(b))
			link_go_on(ch, p);
		err = owner_gone(ch, p, b);
		return err == KODO_OK && is_new ? signed_off_add(ch, p) : err;
	}
	ingest_dialect(p, b);
	if (is_own_among(b)) {
		q->out->removed = true;
		p->out.work[WORK_PROVE] = 0;
		err = statement_drop_all(ch, p);
		link_go_on(ch, p);
		return err == KODO_OK && peer_is_idle(p) ? signed_off_add(ch, p) : err;
	}
	/* tombstones first: a removal without its version would make one of its own */
	for (i = 0; i < b->n_gone && err == KODO_OK; i++)
		err = statement_take_gone(
		    ch, p, b->gone[i].url, b->gone[i].key, b->gone[i].version);
	for (i = 0; i < b->n_urls && err == KODO_OK; i++) {
		err = node_find(ch->t, b->urls[i], &node);
		if (err == KODO_OK)
			err = statement_drop(ch, p, node);
		else if (err == KODO_ENOTFOUND)
			err = KODO_OK;
	}
	return err;
}

static enum kodo_err
disconnect_look(struct change *ch, struct change_run *run)
{
	const struct change_post *q = run->arg;
	struct peer *p;
	bool is_new, may;
	enum kodo_err err = look_begin(ch, run, &may);

	if (err == KODO_OK && may)
		err = sender_find(ch, q->b, &p, &is_new);
	/* who is not known signs off in less */
	return err == KODO_OK && may && is_new && q->b->source.json.len > SIGN_OFF_BYTES
	    ? KODO_ENOTFOUND : err;
}

const struct change_type change_disconnect = { .kind = CHANGE_DISCONNECT, .fn = disconnect_fn,
	.look = disconnect_look, .is_audited = true };

enum kodo_err
registry_disconnect(struct registry *r, const struct wire_body *b, int64_t now_us,
    struct receipt *out, uint64_t *ticket)
{
	return post_run(r, &change_disconnect, b, now_us, out, ticket);
}

/* A kodo peer asks those that connect to it: if we do not, it must forget us (404). */
static bool
is_caller(const struct peer *p, const struct wire_body *b)
{
	const unsigned roles = PEER_TARGET | (b->has_kodo ? 0u : PEER_PROVIDER);

	return (p->flags & roles) != 0 || p->out.work[WORK_LEAVE] != 0;
}

static enum kodo_err
reconnect_fn(struct change *ch, void *arg)
{
	struct change_post *q = arg;
	bool is_void = false, may;
	struct peer *p;
	enum kodo_err err = admit(ch, q, &may);

	if (err != KODO_OK || !may)
		return err;
	err = change_peer_find(ch, q->b->from_key, &p);
	if (err == KODO_OK && !is_caller(p, q->b))
		return KODO_ENOTFOUND;
	if (err != KODO_OK)
		return err;
	q->out->known = true;
	err = note_speaker(ch, p, q->b, &is_void);
	if (err == KODO_OK && !is_void)
		err = ingest_role(ch, p, &q->b->from);
	if (err != KODO_OK || is_void)
		return err;
	/* a kodo peer asks those that it knows: it missed our sign-off, or this comes late */
	if ((p->flags & PEER_LEFT) != 0 && q->b->has_kodo && p->out.work[WORK_LEAVE] == 0)
		return target_sign_off(ch, p, ch->o->url);
	/* until our sign-off is acknowledged, its reconnect only shows that it can be reached */
	if (p->out.work[WORK_LEAVE] != 0) {
		change_want(ch, p, WORK_LEAVE, true);
		return KODO_OK;
	}
	p->flags &= ~(unsigned)PEER_LEFT;
	change_want_connect(ch, p);
	return KODO_OK;
}

static enum kodo_err
reconnect_look(struct change *ch, struct change_run *run)
{
	const struct change_post *q = run->arg;
	struct peer *p;
	bool may;
	enum kodo_err err = look_begin(ch, run, &may);

	if (err == KODO_OK && may)
		err = change_peer_find(ch, q->b->from_key, &p);
	return err == KODO_OK && may && !is_caller(p, q->b) ? KODO_ENOTFOUND : err;
}

const struct change_type change_reconnect = { .kind = CHANGE_RECONNECT, .fn = reconnect_fn,
	.look = reconnect_look, .is_audited = true };

enum kodo_err
registry_reconnect(
    struct registry *r, const struct wire_body *b, int64_t now_us, struct receipt *out)
{
	return post_run(r, &change_reconnect, b, now_us, out, NULL);
}

static enum kodo_err
leave_fn(struct change *ch, void *arg)
{
	struct change_post *q = arg;
	struct peer found, *p;
	uint32_t id = 0;
	enum kodo_err err;

	q->out->known = true;
	while ((err = peer_next(ch->t, ch->a, &id, &found)) == KODO_OK) {
		if (!peer_is_live_target(&found))
			continue;
		err = change_peer(ch, found.id, &p);
		if (err == KODO_OK)
			err = target_leave(ch, p, ch->o->url);
		if (err != KODO_OK)
			return err;
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

const struct change_type change_leave = { .kind = CHANGE_LEAVE, .fn = leave_fn };

enum kodo_err
registry_leave(struct registry *r, int64_t now_us, uint64_t *ticket, struct receipt *out)
{
	return post_run(r, &change_leave, NULL, now_us, out, ticket);
}
