#include "core/liveness/node_state.h"
#include "core/merge/alive.h"
#include "core/merge/holds.h"
#include "core/merge/resolve.h"
#include "core/probe/probe.h"
#include "core/merge/resync.h"
#include "core/records/changelog.h"
#include "core/records/flow_rows.h"
#include "core/records/known.h"
#include "core/records/url_ids.h"

/* One word on its way. */
struct resolution {
	struct change *ch;
	uint32_t node;
	const struct rules_speaker *by;
	const struct rules_word *w;
	struct rules_node n;
	size_t cap;
	/* before the word */
	bool was_seen, was_gone;
	enum verdict was_verdict, verdict;
	struct statement was, tomb;	 /* tomb.bytes points into the map */
	struct statement before;	 /* of the speaker; peer PEER_TOMB: none */
	uint32_t *others;		 /* whom rules_effects.ask_others means */
	size_t n_others;
	size_t n_judged;		 /* of n.all, see stating_next */
};

/* --- loading --- */

/* The place of a peer among the providers. */
static enum kodo_err
place_of(struct change *ch, uint32_t peer, uint64_t *out)
{
	struct peer *p;
	enum kodo_err err = change_peer(ch, peer, &p);

	*out = err == KODO_OK ? p->order : UINT64_MAX;
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static enum kodo_err
statement_add(struct resolution *r, const struct statement *s)
{
	/* one more than there is: a word may add one */
	struct rules_statement *all =
	    arena_grow(r->ch->a, r->n.all, r->n.n + 1, &r->cap, sizeof(*all));

	if (all == NULL)
		return KODO_ENOMEM;
	r->n.all = all;
	all = &all[r->n.n++];
	*all = (struct rules_statement){ .said = *s };
	return s->version == 0 ? place_of(r->ch, s->peer, &all->place) : KODO_OK;
}

static enum kodo_err
shadows_load(struct resolution *r)
{
	struct scan s = record_scan_shadows(r->ch->t, r->node);
	struct record rec;

	while (record_next(&s, &rec)) {
		if (rec.is_tomb) {
			r->n.is_gone = true;
			r->n.tomb = rec.said;
		} else {
			s.err = statement_add(r, &rec.said);
		}
	}
	return scan_end(&s);
}

/* The owner, where another speaks than the only one that states the node. */
static enum kodo_err
owner_find(struct resolution *r, struct str key)
{
	struct peer *p;
	uint32_t id;
	enum kodo_err err = KODO_ENOTFOUND;

	r->n.owner = PEER_TOMB;
	/* where all is forgotten the owner's own statement ends too */
	if (!r->ch->is_forgetting && !change_is_own(r->ch, key) && r->n.n > 0 &&
	    (r->n.n > 1 || r->n.is_gone || r->n.all[0].said.peer != r->before.peer))
		err = id_find(r->ch->t, T_PEER_URL, key, &id);
	if (err == KODO_OK)
		err = rules_find(&r->n, id) == RULES_NONE ? KODO_ENOTFOUND
							  : change_peer(r->ch, id, &p);
	/* not by its alias */
	if (err != KODO_OK || !str_eq(p->key, key))
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	r->n.owner = id;
	r->n.is_keyed = p->trust.key.len > 0 && r->ch->o->trust != TRUST_OPEN;
	r->n.is_unheard = p->in.at_us < (int64_t)r->ch->head.restored_us;
	return KODO_OK;
}

/* All that is known of the node; its texts point into the map. */
static enum kodo_err
load(struct resolution *r, struct str key)
{
	const bool is_fresh = r->node >= r->ch->fresh;
	size_t at;
	enum kodo_err err = KODO_ENOTFOUND;

	if (!is_fresh)
		err = record_get_winner(r->ch->t, r->node, &r->was, &r->was_verdict);
	r->was_seen = err == KODO_OK;
	r->verdict = r->was_verdict;
	r->n.seen = r->was_seen ? 0 : RULES_NONE;
	r->cap = 4;
	r->n.all = arena_zalloc(r->ch->a, r->cap * sizeof(*r->n.all));
	if (r->n.all == NULL)
		return KODO_ENOMEM;
	if (r->was_seen)
		err = statement_add(r, &r->was);
	else if (err == KODO_ENOTFOUND)
		err = KODO_OK;
	if (err == KODO_OK && !is_fresh)
		err = shadows_load(r);
	if (err == KODO_OK)
		err = change_own_speaker(r->ch, key, &r->n.own);
	if (err != KODO_OK)
		return err;
	if (is_fresh)
		r->ch->fresh = r->node + 1;
	r->was_gone = r->n.is_gone;
	r->tomb = r->n.tomb;
	at = rules_find(&r->n, r->by->peer);
	r->before = at == RULES_NONE ? (struct statement){ .peer = PEER_TOMB } : r->n.all[at].said;
	return owner_find(r, key);
}

/* Note who says something else than what is seen, as long as the map can be read. */
static enum kodo_err
others_note(struct resolution *r)
{
	const struct rules_node *n = &r->n;
	size_t i;

	r->others = arena_alloc(r->ch->a, (n->n + 1) * sizeof(*r->others));
	if (r->others == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < n->n; i++)
		if (n->all[i].said.peer != PEER_SELF &&
		    (n->seen == RULES_NONE ||
			!str_eq(n->all[i].said.bytes, n->all[n->seen].said.bytes)))
			r->others[r->n_others++] = n->all[i].said.peer;
	return KODO_OK;
}

/* --- moderation --- */

/* The peers that state what wins, one after the other. */
static enum kodo_err
stating_next(void *arg, const struct peer **out)
{
	struct resolution *r = arg;
	const struct str bytes = r->n.all[r->n.seen].said.bytes;
	struct peer *p = NULL;
	enum kodo_err err = KODO_OK;

	while (r->n_judged < r->n.n && !str_eq(r->n.all[r->n_judged].said.bytes, bytes))
		r->n_judged++;
	if (r->n_judged < r->n.n)
		err = change_peer(r->ch, r->n.all[r->n_judged++].said.peer, &p);
	*out = p;
	return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
}

/* What becomes of the winner is (NULL: there is none). */
static enum kodo_err
verdict_find(struct resolution *r, struct str key, const struct statement *is)
{
	const struct moderation *m;
	const struct moderation_entry *e = NULL;
	enum kodo_err err = KODO_OK;

	if (is != NULL && is->peer != PEER_SELF) {
		err = change_moderation(r->ch, &m);
		if (err == KODO_OK)
			err = moderation_of_winner(m, key, is, stating_next, r, &e);
	}
	r->verdict = moderation_verdict(e);
	return err;
}

/* Is the winner now where it was not before? Then all must learn of it, whatever was said. */
static bool
is_judged_anew(const struct resolution *r)
{
	return r->was_seen && r->n.seen != RULES_NONE && r->was_verdict != r->verdict;
}

/* --- writing --- */

/* Write the winner s (NULL: none) in the place of old (NULL: none was). */
static enum kodo_err
winner_put(struct resolution *r, const struct statement *old, const struct statement *s)
{
	enum kodo_err err = KODO_OK;

	if (old != NULL && (s == NULL || r->verdict != r->was_verdict))
		err = record_del_winner(r->ch->t, r->node, r->was_verdict);
	if (err == KODO_OK && s != NULL)
		err = record_put_winner(r->ch->t, r->node, r->verdict, s);
	return err;
}

/*
 * Make winner (NULL: nothing) what wins instead of was (NULL: nothing did). Where only the version
 * or the source is another, no rows are apart, and the default order is left alone; what is not
 * shown has none.
 */
static enum kodo_err
seen_put(struct resolution *r, const struct statement *winner_was, const struct statement *winner)
{
	const struct statement *old = r->was_verdict == VERDICT_SHOWN ? winner_was : NULL;
	const struct statement *s = r->verdict == VERDICT_SHOWN ? winner : NULL;
	const uint32_t node = r->node;
	struct change *ch = r->ch;
	struct packed was, is;
	uint32_t *out = NULL, *in = NULL;
	size_t n_out = 0, n_in = 0;
	enum kodo_err err = KODO_OK;

	if (old != NULL)
		err = packed_open(old->bytes, &was);
	if (err == KODO_OK && s != NULL)
		err = packed_open(s->bytes, &is);
	if (err == KODO_OK && old != NULL)
		err = flow_rows_apart(ch->a, &was, s == NULL ? NULL : &is, &out, &n_out);
	if (err == KODO_OK && s != NULL)
		err = flow_rows_apart(ch->a, &is, old == NULL ? NULL : &was, &in, &n_in);
	if (err == KODO_OK && old != NULL)
		ch->head.total -= was.n_flows;
	if (err == KODO_OK && s != NULL)
		ch->head.total += is.n_flows;
	if (err == KODO_OK && n_out > 0)
		err = flow_order_remove(&ch->order, node, old->bytes, out, n_out);
	if (err == KODO_OK)
		err = winner_put(r, winner_was, winner);
	if (err == KODO_OK && n_in > 0)
		err = flow_order_add(&ch->order, node, s->bytes, in, n_in);
	return err;
}

static bool
is_same(const struct statement *x, const struct statement *y)
{
	return x->peer == y->peer && x->version == y->version && x->order == y->order &&
	    str_eq(x->bytes, y->bytes);
}

static bool
is_same_or_none(bool is_there, const struct statement *before, const struct statement *now)
{
	return is_there == (now != NULL) && (now == NULL || is_same(before, now));
}

/* The speaker's place in T_STATED: the one that it had, a new one at the end, or none. */
static enum kodo_err
place_write(struct resolution *r, struct statement *now, bool renumber)
{
	struct change *ch = r->ch;
	const bool had = r->before.peer != PEER_TOMB;
	enum kodo_err err = KODO_OK;

	if (had && (now == NULL || renumber))
		err = place_del(ch->t, r->by->peer, r->before.order);
	if (err == KODO_OK && had && now == NULL)
		err = node_told_put(ch->t, r->by->peer, r->node, 0);
	if (err != KODO_OK || now == NULL || (had && !renumber))
		return err;
	now->order = ch->head.next_order++;
	return place_put(ch->t, r->by->peer, now->order, r->node);
}

/*
 * Put the records where they belong: what wins into its table, the others into T_SHADOW. now: what
 * the speaker says, NULL for nothing; is: what is seen, NULL for nothing. Nothing that is written
 * may point into the map.
 */
static enum kodo_err
records_write(struct resolution *r, const struct statement *now, const struct statement *is)
{
	const struct statement *was = r->was_seen ? &r->was : NULL;
	const bool had_shadow =
	    r->before.peer != PEER_TOMB && (was == NULL || was->peer != r->before.peer);
	enum kodo_err err = KODO_OK;

	if (now != NULL && now != is && !(had_shadow && is_same(now, &r->before)))
		err = record_put_shadow(r->ch->t, r->node, now->peer, now);
	else if (had_shadow && (now == NULL || now == is))
		err = record_del_shadow(r->ch->t, r->node, r->before.peer);
	if (err == KODO_OK && is != NULL && is != now && (was == NULL || was->peer != is->peer))
		err = record_del_shadow(r->ch->t, r->node, is->peer);
	if (err == KODO_OK && was != NULL && was->peer != r->by->peer &&
	    (is == NULL || is->peer != was->peer))
		err = record_put_shadow(r->ch->t, r->node, was->peer, was);
	if (err != KODO_OK || (is_same_or_none(was != NULL, was, is) && !is_judged_anew(r)))
		return err;
	return seen_put(r, was, is);
}

/* Texts that are written, or read after something was written, must not lie in the map. */
static enum kodo_err
texts_keep(struct resolution *r, struct statement *now, struct statement *is)
{
	struct arena *a = r->ch->a;
	enum kodo_err err = KODO_OK;

	if (r->n.is_gone)
		err = arena_str(a, r->n.tomb.bytes, &r->n.tomb.bytes);
	/* a word does not lie in the map, and may be large */
	if (err == KODO_OK && now != NULL && now->bytes.p != r->w->bytes.p)
		err = arena_str(a, now->bytes, &now->bytes);
	if (err == KODO_OK && is != NULL && is != now)
		err = arena_str(a, is->bytes, &is->bytes);
	if (err == KODO_OK && r->was_seen)
		err = arena_str(a, r->was.bytes, &r->was.bytes);
	return err;
}

static bool
is_same_tomb(const struct resolution *r)
{
	const struct statement *t = &r->n.tomb;

	return r->was_gone == r->n.is_gone && (!r->n.is_gone || (t->version == r->tomb.version &&
	    t->peer == r->tomb.peer && t->at_us == r->tomb.at_us));
}

static enum kodo_err
tomb_write(struct resolution *r)
{
	if (is_same_tomb(r))
		return KODO_OK;
	return r->n.is_gone ? record_put_shadow(r->ch->t, r->node, PEER_TOMB, &r->n.tomb)
			    : record_del_shadow(r->ch->t, r->node, PEER_TOMB);
}

static void
highest_note(struct resolution *r, const struct statement *now)
{
	uint64_t *highest = &r->ch->head.highest;
	const uint64_t known = rules_known_version(&r->n);

	if (known > *highest)
		*highest = known;
	if (now != NULL && now->version > *highest)
		*highest = now->version;
}

/* Is something else shown than before? */
static bool
is_view_changed(const struct resolution *r, const struct statement *is)
{
	const bool was_shown = r->was_seen && r->was_verdict == VERDICT_SHOWN;
	const bool is_shown = is != NULL && r->verdict == VERDICT_SHOWN;

	return was_shown != is_shown ||
	    (is_shown && (r->was.peer != is->peer || !str_eq(r->was.bytes, is->bytes)));
}

/* Is it shown no more? */
static bool
is_withdrawn(const struct resolution *r, const struct statement *is)
{
	return r->was_seen && r->was_verdict == VERDICT_SHOWN &&
	    (is == NULL || r->verdict != VERDICT_SHOWN);
}

/* It goes by the word of p, or, where nobody spoke, with that of who stated it. */
static enum kodo_err
withdrawal_note(struct resolution *r, struct peer *p, struct str key)
{
	enum kodo_err err = p != NULL ? KODO_OK : change_peer(r->ch, r->was.peer, &p);

	if (err == KODO_OK || err == KODO_ENOTFOUND)
		err = withdrawal_add(&r->ch->gone, p, false, key, r->was.version);
	return err;
}

/* Write what the word of p (NULL: nobody's) changed. */
static enum kodo_err
difference_write(struct resolution *r, struct peer *p, struct str key, bool renumber)
{
	const size_t at = rules_find(&r->n, r->by->peer);
	struct statement *now = at == RULES_NONE ? NULL : &r->n.all[at].said;
	struct statement *is = r->n.seen == RULES_NONE ? NULL : &r->n.all[r->n.seen].said;
	enum kodo_err err = verdict_find(r, key, is);

	if (err != KODO_OK || (!(renumber && now != NULL) && is_same_tomb(r) &&
	    is_same_or_none(r->before.peer != PEER_TOMB, &r->before, now) &&
	    is_same_or_none(r->was_seen, &r->was, is) && !is_judged_anew(r)))
		return err;
	highest_note(r, now);
	holds_move(p, &r->before, now);
	err = texts_keep(r, now, is);
	if (err == KODO_OK)
		err = place_write(r, now, renumber);
	if (err == KODO_OK)
		err = tomb_write(r);
	if (err == KODO_OK)
		err = records_write(r, now, is);
	r->ch->is_view_changed |= is_view_changed(r, is);
	if (err == KODO_OK && is_withdrawn(r, is))
		err = withdrawal_note(r, p, key);
	return err;
}

/* --- what follows --- */

/* The owner says its own again, which is then raised over all that is known. */
static enum kodo_err
owner_ask(struct resolution *r)
{
	struct peer *p;
	enum kodo_err err = change_peer(r->ch, r->n.owner, &p);

	if (err == KODO_OK)
		resync_ask(r->ch, p);
	return err;
}

/*
 * Who says something else than what is seen, but is not told of changes (an owner that is a node, a
 * provider that does not feed), is asked to connect again: an owner's word is then raised over all
 * that is known, others learn from our answer.
 */
static enum kodo_err
others_ask(struct resolution *r)
{
	struct peer *p;
	size_t i;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < r->n_others && err == KODO_OK; i++) {
		err = change_peer(r->ch, r->others[i], &p);
		if (err == KODO_OK && (p->flags & PEER_PROVIDER) != 0 &&
		    !change_is_subscriber(r->ch, p))
			change_want(r->ch, p, WORK_RECONNECT, false);
	}
	return err;
}

static enum kodo_err
effects_carry_out(struct resolution *r, struct peer *p, const struct rules_effects *fx)
{
	enum kodo_err err = KODO_OK;

	if (fx->resync)
		resync_raise(r->ch, p);
	if (fx->notify_all || is_judged_anew(r))
		err = change_notify_all(
		    r->ch, r->node, fx->notify_all ? fx->skip : PEER_SELF);
	if (err == KODO_OK && fx->ask_others)
		err = others_ask(r);
	if (err == KODO_OK && fx->ask_owner)
		err = owner_ask(r);
	if (err == KODO_OK && fx->notify_speaker)
		err = change_notify(r->ch, r->node, r->by->peer);
	return err;
}

/* Does the node come from another peer than before? */
static bool
is_other_source(const struct resolution *r)
{
	const bool is_seen = r->n.seen != RULES_NONE;

	return r->was_seen != is_seen ||
	    (is_seen && r->was.peer != r->n.all[r->n.seen].said.peer);
}

/* Does the node's owner itself speak here, under a key? Nobody without one speaks for it then. */
static enum kodo_err
owner_is_keyed(struct change *ch, const struct peer *p, struct str key, bool *out)
{
	struct peer *owner;
	enum kodo_err err = KODO_ENOTFOUND;

	*out = false;
	if (p != NULL && !peer_dialect(p)->has_versions && ch->o->trust != TRUST_OPEN)
		err = change_peer_find(ch, key, &owner);
	if (err == KODO_OK)
		*out = (owner->flags & PEER_PROVIDER) != 0 && owner->trust.key.len > 0;
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static struct rules_speaker
speaker_of(const struct change *ch, const struct peer *p, struct str key, bool is_keyed)
{
	const bool is_our_node = change_is_own(ch, key);
	const struct peer_dialect *d;
	bool feeds;

	if (p == NULL)
		return (struct rules_speaker){ .peer = PEER_TOMB };
	d = peer_dialect(p);
	feeds = (p->flags & PEER_FEED) != 0;
	return (struct rules_speaker){ .peer = p->id,
		.place = p->order,
		.is_owner = str_eq(p->key, key),
		.is_our_node = is_our_node,
		/*
		 * the owner, this service with what it imports, and a legacy provider that does
		 * not feed: it passes on what its own nodes said, and since nobody sends it the
		 * view, it is no echo; but this service's nodes are not behind it
		 */
		.has_authority = !ch->is_forgetting && (p->id == PEER_SELF || str_eq(p->key, key) ||
		    (p->flags & PEER_IMPORT) != 0 ||
		    (!d->has_versions && !feeds && !is_our_node && !is_keyed)),
		.is_relaying = p->id != PEER_SELF && !d->has_versions && !str_eq(p->key, key),
		.is_echoing = p->id != PEER_SELF && !d->has_versions && feeds,
		.is_older = (p->flags & PEER_OLDER) != 0 };
}

/*
 * A legacy peer of before entries echoes what is seen without them: it knows no better. What it
 * says of its own node, and what is seen from it, is its word as it stands.
 */
static enum kodo_err
echo_complete(struct resolution *r, struct rules_word *w)
{
	const struct statement *seen =
	    r->n.seen == RULES_NONE ? NULL : &r->n.all[r->n.seen].said;

	if (w->kind != RULES_SAYS || !r->by->is_echoing || r->by->is_owner || seen == NULL ||
	    seen->peer == r->by->peer || seen->bytes.len == w->bytes.len ||
	    !str_eq(packed_base(seen->bytes), w->bytes))
		return KODO_OK;
	return arena_str(r->ch->a, seen->bytes, &w->bytes);
}

enum kodo_err
resolve_word(struct change *ch, struct peer *p, uint32_t node, struct str key,
    const struct rules_word *w, bool renumber)
{
	bool is_keyed;
	enum kodo_err err = owner_is_keyed(ch, p, key, &is_keyed);
	const struct rules_speaker by = speaker_of(ch, p, key, is_keyed);
	struct rules_word word = *w;
	struct resolution r = { .ch = ch, .node = node, .by = &by, .w = &word };
	struct rules_effects fx;

	if (err == KODO_OK)
		err = load(&r, key);
	if (err == KODO_OK)
		err = echo_complete(&r, &word);
	if (err != KODO_OK)
		return err;
	rules_apply(&r.n, &word, &by, &fx);
	if (fx.ask_others)
		err = others_note(&r);
	if (err == KODO_OK && !fx.is_void)
		err = difference_write(&r, p, key, renumber);
	if (err == KODO_OK)
		err = effects_carry_out(&r, p, &fx);
	/* whether its owner speaks here matters as much as from whom it comes */
	if (err == KODO_OK && (is_other_source(&r) || (p != NULL && str_eq(p->key, key))))
		err = alive_settle(ch, node);
	if (err != KODO_OK || r.n.n > 0 || r.n.is_gone)
		return err;
	err = changelog_del(ch->t, &ch->head, node);
	if (err == KODO_OK)
		err = probe_results_del(ch->t, node);
	return err == KODO_OK ? node_forget(ch->t, key) : err;
}

enum kodo_err
resolve_judge(struct change *ch, uint32_t node, struct str key)
{
	static const struct rules_speaker nobody = { .peer = PEER_TOMB };
	static const struct rules_word nothing = { .kind = RULES_EXPIRES };
	struct resolution r = { .ch = ch, .node = node, .by = &nobody, .w = &nothing };
	enum kodo_err err = load(&r, key);

	if (err == KODO_OK)
		err = difference_write(&r, NULL, key, false);
	if (err == KODO_OK && is_judged_anew(&r))
		err = change_notify_all(ch, node, PEER_SELF);
	return err;
}
