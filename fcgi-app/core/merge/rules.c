#include <stdlib.h>
#include <string.h>

#include "core/merge/rules.h"

/* --- what is seen --- */

static const struct statement *
seen_of(const struct rules_node *n)
{
	return n->seen == RULES_NONE ? NULL : &n->all[n->seen].said;
}

/* Is that what is seen? */
static bool
is_seen(const struct rules_node *n, struct str bytes)
{
	return n->seen != RULES_NONE && str_eq(seen_of(n)->bytes, bytes);
}

uint64_t
rules_known_version(const struct rules_node *n)
{
	uint64_t version = n->seen == RULES_NONE ? 0 : seen_of(n)->version;
	size_t i;

	/* what wins need not be what is seen: rule 7 */
	for (i = 0; i < n->n && n->is_keyed; i++)
		if (n->all[i].said.version > version)
			version = n->all[i].said.version;
	return n->is_gone && n->tomb.version > version ? n->tomb.version : version;
}

size_t
rules_find(const struct rules_node *n, uint32_t peer)
{
	size_t i;

	for (i = 0; i < n->n; i++)
		if (n->all[i].said.peer == peer)
			return i;
	return RULES_NONE;
}

/*
 * Does x win against y? The own node; the higher version; of equal ones the bytewise greater text,
 * then what is seen already; without versions whoever connected first.
 */
static bool
is_better(const struct rules_node *n, size_t x, size_t y, uint32_t seen_peer)
{
	const struct statement *a = &n->all[x].said, *b = &n->all[y].said;
	int order;

	if (a->peer == n->own || b->peer == n->own)
		return a->peer == n->own;
	if (a->version != b->version)
		return a->version > b->version;
	if (a->version == 0)
		return n->all[x].place < n->all[y].place;
	order = str_cmp(a->bytes, b->bytes);
	return order > 0 || (order == 0 && a->peer == seen_peer);
}

/* The best statement; RULES_NONE where there is none. */
static size_t
best_of(const struct rules_node *n, uint32_t seen_peer)
{
	size_t best = RULES_NONE, i;

	for (i = 0; i < n->n; i++)
		if (best == RULES_NONE || is_better(n, i, best, seen_peer))
			best = i;
	return best;
}

/* A tombstone hides all but the own node and what is newer. */
static bool
is_hidden(const struct rules_node *n, const struct statement *s)
{
	return n->is_gone && n->tomb.version > 0 && s->peer != n->own &&
	    s->version <= n->tomb.version;
}

static void
tomb_put(struct rules_node *n, const struct rules_word *w, uint32_t peer, uint64_t version)
{
	n->is_gone = true;
	n->tomb = (struct statement) {
		.version = version, .at_us = w->now_us, .peer = peer, .bytes = w->url
	};
}

static uint64_t
version_over(const struct rules_word *w, uint64_t known)
{
	const uint64_t now = w->now_us > 0 ? (uint64_t)w->now_us : 0;

	return now > known + 1 ? now : known + RULES_GIVEN;
}

/* --- the numbered rules --- */

/*
 * 3, where the owner is connected: a link ended on the way to somebody else, not the node. What its
 * owner said last lies here, and is raised over the tombstone, for the owner may be away. was: what
 * was seen. Returns whether it is raised.
 */
static bool
rule_3_owner_stays(struct rules_node *n, const struct rules_word *w,
    const struct rules_speaker *by, const struct statement *was, uint64_t tomb_version)
{
	const size_t at = by->peer == n->owner ? RULES_NONE : rules_find(n, n->owner);

	if (at == RULES_NONE || was == NULL || was->version == 0 ||
	    tomb_version != was->version + 1 || !str_eq(n->all[at].said.bytes, was->bytes))
		return false;
	n->all[at].said.version = version_over(w, tomb_version);
	n->seen = at;
	return true;
}

/*
 * 1. The known version never falls. Where a peer withdraws what was seen from it, or lowers its
 * version, a tombstone of known + 1 takes its place (the owner's side removes with a version of its
 * own): others may say the same version because of this registry. Returns whether it does. was:
 * what was seen; best: what would be seen now, NULL for nothing.
 */
static bool
rule_1_known_never_falls(struct rules_node *n, const struct rules_word *w,
    const struct rules_speaker *by, const struct statement *was, const struct statement *best)
{
	const size_t at = rules_find(n, by->peer);
	uint64_t version = 0;

	if (was->peer != by->peer || (at != RULES_NONE && n->all[at].said.version >= was->version))
		return false;
	if (best != NULL && (was->version == 0 || best->version > was->version))
		return false;
	if (n->is_gone && n->tomb.version > 0 && n->tomb.version >= was->version)
		return false;
	if (was->version > 0)
		version = by->has_authority ? version_over(w, was->version) :
		    was->version + 1;
	if (rule_3_owner_stays(n, w, by, was, version))
		return false;
	/* made here: its cause does not know it */
	tomb_put(n, w, PEER_SELF, version);
	return true;
}

/*
 * 2. Tombstones are refuted, not trusted: who says something else than what is seen must learn of
 * it. A legacy peer would only echo it.
 */
static void
rule_2_refute(struct rules_node *n, const struct rules_word *w, const struct rules_speaker *by,
    struct rules_effects *fx)
{
	if (is_seen(n, w->bytes) || by->is_echoing || rules_known_version(n) == 0)
		return;
	/* the speaker sent this tombstone before its state was lost: now it is ours to send */
	if (n->is_gone && n->tomb.peer == by->peer)
		tomb_put(n, w, PEER_SELF, n->tomb.version);
	fx->notify_speaker = true;
}

/*
 * 3. An owner's last word is the highest. Where the owner's side speaks, its word is raised over
 * all that is known, unless it is what is seen.
 */
static uint64_t
rule_3_owner_last(const struct rules_node *n, const struct rules_word *w)
{
	const uint64_t known = rules_known_version(n);

	if (w->version > known)
		return w->version;
	return known > 0 && is_seen(n, w->bytes) ? known : version_over(w, known);
}

/*
 * 3, at the owner's place: somebody else spoke of our own node with a version that is not below
 * ours. The own node is raised over it, or, where no flows are offered, a tombstone that hides all.
 */
static void
rule_3_own_raised(struct rules_node *n, const struct rules_word *w, uint64_t version,
    struct rules_effects *fx)
{
	const struct statement *seen = seen_of(n);

	if (version < rules_known_version(n))
		return;
	if (seen != NULL && seen->peer == n->own) {
		n->all[n->seen].said.version = version_over(w, version);
	} else {
		fx->ask_others = seen != NULL;
		tomb_put(n, w, PEER_SELF, version_over(w, version));
		n->seen = RULES_NONE;
	}
	fx->notify_all = true;
	fx->skip = PEER_SELF;
}

/* --- taking in a word --- */

/* What wins by versions and tombstones. seen_peer: of whom it is seen. */
static void
winner_find(struct rules_node *n, uint32_t seen_peer)
{
	n->seen = best_of(n, seen_peer);
	if (n->seen != RULES_NONE && is_hidden(n, seen_of(n)))
		n->seen = RULES_NONE;
}

/*
 * Find the winner after a change of what the speaker says, and note who must learn of another. was:
 * what was seen before, NULL for nothing.
 */
static void
seen_choose(struct rules_node *n, const struct rules_word *w, const struct rules_speaker *by,
    const struct statement *was, uint32_t skip, struct rules_effects *fx)
{
	const struct statement *is;

	winner_find(n, was == NULL ? PEER_TOMB : was->peer);
	if (was != NULL && rule_1_known_never_falls(n, w, by, was, seen_of(n)))
		n->seen = RULES_NONE;
	else if (n->seen != RULES_NONE)
		n->is_gone = false;
	is = seen_of(n);
	if (was == NULL && is == NULL)
		return;
	if (was == NULL || is == NULL || !str_eq(was->bytes, is->bytes))
		fx->ask_others = true;
	else if (was->version == is->version)
		return;
	fx->notify_all = true;
	fx->skip = is != NULL ? is->peer : skip;
}

/*
 * An update of a peer that echoes may be what was said long ago: where it says something else than
 * what is known it is not taken in, or two contents of a node would chase each other through a ring
 * for ever. Only its whole list counts.
 */
static bool
is_doubtful(const struct rules_node *n, const struct rules_word *w, const struct rules_speaker *by)
{
	if (w->is_list || !by->is_echoing || (n->seen == RULES_NONE && rules_known_version(n) == 0))
		return false;
	return !is_seen(n, w->bytes);
}

/*
 * The version of what a peer relays without versions, so that all registries agree on which of two
 * contents came last. Of what is known from an owner's side it has no news.
 */
static uint64_t
relayed_version(
    const struct rules_node *n, const struct rules_word *w, const struct statement *before)
{
	const uint64_t known = rules_known_version(n);
	uint64_t now = w->now_us > 0 ? (uint64_t)w->now_us / 1000000 : 1;

	/* but its own word is never lowered, or it would end with the next one */
	if (known >= VERSION_RELAYED_END && (before == NULL || before->version < known))
		return 0;
	if (is_seen(n, w->bytes))
		return seen_of(n)->version;
	/* said again: no news */
	if (before != NULL && str_eq(before->bytes, w->bytes))
		return before->version;
	return now > known ? now : known + 1;
}

static uint64_t
version_of(const struct rules_node *n, const struct rules_word *w, const struct rules_speaker *by,
    const struct statement *before)
{
	/*
	 * said again while something else is seen by now: no news. Two legacy peers that differ
	 * would raise their words over each other's for ever.
	 */
	if (by->is_relaying && n->seen != RULES_NONE && before != NULL &&
	    str_eq(before->bytes, w->bytes) && !is_seen(n, w->bytes))
		return before->version;
	if (by->has_authority)
		return rule_3_owner_last(n, w);
	return by->is_echoing ? relayed_version(n, w, before) : w->version;
}

/* Where its statement does not win the speaker must learn, or the owner must speak again. */
static void
follow(struct rules_node *n, const struct rules_word *w, const struct rules_speaker *by,
    uint64_t version, struct rules_effects *fx)
{
	const uint64_t known = rules_known_version(n);
	const bool differs = !is_seen(n, w->bytes);
	const bool is_ours_seen = n->seen != RULES_NONE && seen_of(n)->peer == n->own;

	if (!by->is_our_node)
		rule_2_refute(n, w, by, fx);
	else if (!n->is_gone &&
	    (version > known || (version == known && (differs || !is_ours_seen))))
		rule_3_own_raised(n, w, version, fx);
	else
		fx->notify_speaker = differs && !by->is_echoing;
}

/* Does a copy speak of what its owner said later? Nothing is concluded from that. */
static bool
is_forgotten(const struct rules_speaker *by, const struct statement *before, uint64_t version)
{
	return by->is_older && !by->is_owner && before != NULL && version < before->version;
}

/* Each takes in a word of one kind; was: what was seen before it, NULL for nothing. */

static void
says(struct rules_node *n, const struct rules_word *w, const struct rules_speaker *by,
    const struct statement *was, struct rules_effects *fx)
{
	size_t at = rules_find(n, by->peer);
	const struct statement *before = at == RULES_NONE ? NULL : &n->all[at].said;
	struct statement *now;
	uint64_t version;

	if (is_doubtful(n, w, by)) {
		fx->is_void = true;
		fx->resync = was == NULL || was->version == 0 || was->peer == by->peer ||
		    by->is_owner;
		return;
	}
	version = version_of(n, w, by, before);
	if (is_forgotten(by, before, version)) {
		fx->is_void = true;
		return;
	}
	if (before != NULL && before->version == version && str_eq(before->bytes, w->bytes)) {
		/* repeated: as long as it does not win, the speaker must learn why */
		if (at != n->seen)
			follow(n, w, by, version, fx);
		return;
	}
	if (before == NULL) {
		at = n->n++;
		n->all[at].said = (struct statement){ .peer = by->peer };
	}
	n->all[at].place = by->place;
	now = &n->all[at].said;
	now->version = version;
	now->at_us = w->now_us;
	now->bytes = w->bytes;
	seen_choose(n, w, by, was, by->peer, fx);
	follow(n, w, by, version, fx);
}

/* The speaker says nothing any more. skip: who need not learn of a disappearance. */
static void
unsay(struct rules_node *n, const struct rules_word *w, const struct rules_speaker *by,
    const struct statement *was, uint32_t skip, struct rules_effects *fx)
{
	const size_t at = rules_find(n, by->peer);

	if (at != RULES_NONE)
		memmove(&n->all[at], &n->all[at + 1], (--n->n - at) * sizeof(*n->all));
	seen_choose(n, w, by, was, skip, fx);
}

static void
removes(struct rules_node *n, const struct rules_word *w, const struct rules_speaker *by,
    const struct statement *was, struct rules_effects *fx)
{
	const uint64_t known = rules_known_version(n);
	const bool is_own_seen = was != NULL && was->peer == n->own;
	const size_t at = rules_find(n, by->peer);

	if (is_forgotten(by, at == RULES_NONE ? NULL : &n->all[at].said, w->version)) {
		fx->is_void = true;
		return;
	}
	/* no news: what it said before is void, and where more is known here it must learn */
	if (is_own_seen || w->version < known || (w->version == known && was == NULL)) {
		unsay(n, w, by, was, PEER_SELF, fx);
		if (is_own_seen)
			rule_3_own_raised(n, w, w->version, fx);
		fx->notify_speaker = w->version < known;
		return;
	}
	if (rule_3_owner_stays(n, w, by, was, w->version)) {
		unsay(n, w, by, was, PEER_SELF, fx);
		return;
	}
	tomb_put(n, w, by->peer, w->version);
	unsay(n, w, by, was, by->peer, fx);
	/* a newer tombstone than ours travels on */
	if (was == NULL) {
		fx->notify_all = fx->ask_others = true;
		fx->skip = by->peer;
	}
}

/* A legacy peer takes back what it has just stated: it may echo an end of before its word. */
static bool
is_hasty(const struct rules_node *n, const struct rules_word *w, const struct rules_speaker *by)
{
	const size_t at = rules_find(n, by->peer);

	return at != RULES_NONE && by->is_echoing && !by->is_owner && !w->is_list &&
	    llabs(w->now_us - n->all[at].said.at_us) < RULES_ECHO_US;
}

static void
withdraws(struct rules_node *n, const struct rules_word *w, const struct rules_speaker *by,
    const struct statement *was, struct rules_effects *fx)
{
	fx->resync = is_hasty(n, w, by);
	unsay(n, w, by, was, by->peer, fx);
}

/* What the tombstone hid may be seen again. */
static void
expires(struct rules_node *n, const struct rules_word *w, const struct rules_speaker *by,
    const struct statement *was, struct rules_effects *fx)
{
	n->is_gone = false;
	seen_choose(n, w, by, was, PEER_SELF, fx);
}

/* The highest version that no wrong clock has made. */
static uint64_t
sound_version(const struct rules_node *n, uint64_t limit)
{
	uint64_t sound = n->is_gone && n->tomb.version <= limit ? n->tomb.version : 0;
	size_t i;

	for (i = 0; i < n->n; i++)
		if (n->all[i].said.version <= limit && n->all[i].said.version > sound)
			sound = n->all[i].said.version;
	return sound;
}

/*
 * The clock that made versions of the far future is right again. Its own words, and those of owners
 * that it was told, get versions of today; what others relayed goes, for they have to say it anew.
 */
static void
resets(struct rules_node *n, const struct rules_word *w, const struct rules_speaker *by,
    const struct statement *was, struct rules_effects *fx)
{
	const size_t at = rules_find(n, by->peer);
	uint64_t sound = sound_version(n, w->version);
	const bool is_hidden_now = at != RULES_NONE && is_hidden(n, &n->all[at].said);

	(void)was;
	if (n->is_gone && n->tomb.version > w->version) {
		tomb_put(n, w, PEER_SELF, version_over(w, sound));
		sound = n->tomb.version;
	}
	if (at != RULES_NONE && n->all[at].said.version > w->version) {
		if (!is_hidden_now && (by->peer == n->own || by->is_owner))
			n->all[at].said.version = version_over(w, sound);
		else
			memmove(&n->all[at], &n->all[at + 1],
			    (--n->n - at) * sizeof(*n->all));
	}
	winner_find(n, PEER_TOMB);
	if (n->seen != RULES_NONE)
		n->is_gone = false;
	fx->notify_all = true;
}

/* --- rule 7 --- */

/* Is what the owner says seen against the winner? NULL: it is not. */
static struct statement *
kept_of(const struct rules_node *n)
{
	const size_t own = n->is_keyed ? rules_find(n, n->owner) : RULES_NONE;

	return own == RULES_NONE || is_seen(n, n->all[own].said.bytes) ? NULL : &n->all[own].said;
}

/* Where its own is seen against the winner, its removal is over all that is known. */
static void
rule_7_owner_removes(struct rules_node *n, const struct rules_word *w,
    const struct rules_speaker *by, struct rules_effects *fx)
{
	const uint64_t known = rules_known_version(n);
	const bool is_over = w->kind == RULES_REMOVES && w->version > known;

	if (is_over)
		tomb_put(n, w, by->peer, w->version);
	else
		tomb_put(n, w, PEER_SELF, version_over(w, known));
	n->seen = RULES_NONE;
	unsay(n, w, by, NULL, by->peer, fx);
	fx->notify_all = fx->ask_others = true;
	fx->skip = by->peer;
}

/*
 * Does the speaker say something else than kept, and would not be brought to that by learning of
 * kept? *must_learn: it would be.
 */
static bool
is_against(const struct rules_node *n, const struct rules_word *w, const struct rules_speaker *by,
    const struct statement *kept, bool *must_learn)
{
	const size_t at = rules_find(n, by->peer);
	bool differs = w->kind != RULES_EXPIRES, is_over = true;

	if (w->kind == RULES_REMOVES) {
		is_over = w->version >= kept->version;
	} else if (at != RULES_NONE) {
		differs = !str_eq(n->all[at].said.bytes, kept->bytes);
		is_over = is_better(n, at, rules_find(n, n->owner), kept->peer);
	}
	*must_learn = differs && !is_over && !by->is_echoing;
	return differs && is_over;
}

/* What follows from that another than what won was seen (was), or is. */
static void
effects_of_shown(const struct rules_node *n, const struct statement *was, uint32_t skip,
    struct rules_effects *fx)
{
	const struct statement *is = seen_of(n);
	const bool is_there = was != NULL && is != NULL;
	const bool is_same = is_there ? str_eq(was->bytes, is->bytes) : was == is;

	fx->ask_others = !is_same;
	fx->notify_all = !is_same || (is_there && was->version != is->version);
	fx->skip = !fx->notify_all ? PEER_SELF : is != NULL ? is->peer : skip;
}

/*
 * 7. The owner alone changes and removes its node, where it is connected itself and has a key: what
 * it said last is seen, whatever wins by versions and tombstones, and has the version that was seen
 * with that text. It is not raised for that: two registries would do it in turns for ever. Who
 * speaks against it need not learn of it, and could only repeat that; the owner is asked, whose
 * word is raised over all that is known (rule 3). An older copy has to hear it again first. was:
 * what was seen, NULL for nothing; was_kept: against the winner.
 */
static void
rule_7_owner_alone(struct rules_node *n, const struct rules_word *w,
    const struct rules_speaker *by, const struct statement *was, bool was_kept,
    struct rules_effects *fx)
{
	struct statement *kept = n->is_unheard ? NULL : kept_of(n);

	if (kept != NULL)
		n->seen = rules_find(n, n->owner);
	if (fx->is_void || w->kind == RULES_RESETS || (kept == NULL && !was_kept))
		return;
	if (kept != NULL) {
		if (was != NULL && str_eq(was->bytes, kept->bytes) &&
		    was->version > kept->version)
			kept->version = was->version;
		fx->ask_owner = is_against(n, w, by, kept, &fx->notify_speaker);
	}
	effects_of_shown(n, was, by->peer, fx);
}

void
rules_apply(struct rules_node *n, const struct rules_word *w, const struct rules_speaker *by,
    struct rules_effects *fx)
{
	static void (*const kinds[])(struct rules_node *n, const struct rules_word *w,
	    const struct rules_speaker *by, const struct statement *was,
	    struct rules_effects *fx) = {
		[RULES_SAYS] = says,
		[RULES_REMOVES] = removes,
		[RULES_WITHDRAWS] = withdraws,
		[RULES_EXPIRES] = expires,
		[RULES_RESETS] = resets,
	};
	struct statement shown = { .version = 0 }, was = { .version = 0 };
	const bool had_shown = n->seen != RULES_NONE;
	bool had, was_kept;

	if (had_shown)
		shown = *seen_of(n);
	*fx = (struct rules_effects){ .skip = PEER_SELF };
	/* the other rules know of versions and tombstones alone */
	if (n->is_keyed)
		winner_find(n, had_shown ? shown.peer : PEER_TOMB);
	was_kept = kept_of(n) != NULL;
	if (was_kept && by->peer == n->owner &&
	    (w->kind == RULES_REMOVES || w->kind == RULES_WITHDRAWS)) {
		rule_7_owner_removes(n, w, by, fx);
		return;
	}
	had = n->seen != RULES_NONE;
	if (had)
		was = *seen_of(n);
	kinds[w->kind](n, w, by, had ? &was : NULL, fx);
	rule_7_owner_alone(n, w, by, had_shown ? &shown : NULL, was_kept, fx);
}
