#include <stddef.h>
#include <stdlib.h>

#include "node_model.h"

/* versions made for what legacy peers relay count seconds and are below this; others are above */
#define SECONDS_END 1000000000000u
/* an end that a legacy peer echoes is younger than this */
#define ECHO_US 60000000

const struct model_statement *
node_model_of(const struct node_model *m, uint32_t peer)
{
	unsigned i;

	for (i = 0; i < m->n; i++)
		if (m->statements[i].peer == peer)
			return &m->statements[i];
	return NULL;
}

const struct model_statement *
node_model_seen(const struct node_model *m)
{
	return m->seen == MODEL_NOBODY ? NULL : node_model_of(m, m->seen);
}

uint64_t
node_model_known(const struct node_model *m)
{
	const struct model_statement *seen = node_model_seen(m);
	uint64_t known = seen == NULL ? 0 : seen->version;
	unsigned i;

	/* there what others state is known, though it is not seen */
	for (i = 0; i < m->n && m->is_keyed && node_model_of(m, m->owner) != NULL; i++)
		if (m->statements[i].version > known)
			known = m->statements[i].version;
	return m->is_gone && m->gone_version > known ? m->gone_version : known;
}

/* Is that text seen? */
static bool
shows(const struct node_model *m, struct str text)
{
	const struct model_statement *seen = node_model_seen(m);

	return seen != NULL && str_eq(seen->text, text);
}

/* --- what is seen --- */

/* x over y: 1; y over x: -1; nothing decides: 0. */
static int
compare(const struct model_statement *x, const struct model_statement *y)
{
	int c;

	if ((x->peer == MODEL_OWN) != (y->peer == MODEL_OWN))
		return x->peer == MODEL_OWN ? 1 : -1;
	if (x->version != y->version)
		return x->version > y->version ? 1 : -1;
	if (x->version == 0)
		return x->place == y->place ? 0 : x->place < y->place ? 1 : -1;
	c = str_cmp(x->text, y->text);
	return (c > 0) - (c < 0);
}

/* A statement that no other is over, and no tombstone. */
static bool
may_be_seen(const struct node_model *m, const struct model_statement *s)
{
	unsigned i;

	for (i = 0; i < m->n; i++)
		if (compare(&m->statements[i], s) > 0)
			return false;
	return s->peer == MODEL_OWN || !m->is_gone || m->gone_version == 0 ||
	    s->version > m->gone_version;
}

/* By versions and tombstones alone. */
static void
choose(struct node_model *m, uint32_t first)
{
	const struct model_statement *stays = node_model_seen(m), *theirs = node_model_of(m, first);
	unsigned i;

	if (stays != NULL && stays->version > 0 && may_be_seen(m, stays))
		return;
	m->seen = MODEL_NOBODY;
	if (theirs != NULL && may_be_seen(m, theirs)) {
		m->seen = first;
		return;
	}
	for (i = 0; i < m->n && m->seen == MODEL_NOBODY; i++)
		if (may_be_seen(m, &m->statements[i]))
			m->seen = m->statements[i].peer;
}

const struct model_statement *
node_model_kept(const struct node_model *m)
{
	const struct model_statement *own = m->is_keyed ? node_model_of(m, m->owner) : NULL;
	struct node_model by_versions = *m;

	if (own == NULL)
		return NULL;
	choose(&by_versions, m->seen);
	return shows(&by_versions, own->text) ? NULL : own;
}

void
node_model_choose(struct node_model *m, uint32_t first)
{
	const struct model_statement *kept = node_model_kept(m);

	choose(m, first);
	if (kept != NULL)
		m->seen = m->owner;
}

static void
bury(struct node_model *m, uint64_t version, uint32_t from, int64_t now_us)
{
	m->is_gone = true;
	m->gone_version = version;
	m->gone_from = from;
	m->gone_us = now_us;
}

/* --- who is who --- */

static bool
is_legacy(const struct model_word *w)
{
	return w->side >= MODEL_LEGACY_FEEDING;
}

static bool
is_owner(const struct model_word *w)
{
	return w->side == MODEL_KODO_OWNER || w->side >= MODEL_LEGACY_OWNER;
}

/* The owner, this service, and who speaks for the owners behind it, of whom this is none. */
static bool
is_owners_side(const struct model_word *w)
{
	return w->side == MODEL_SERVICE || is_owner(w) ||
	    (w->side == MODEL_LEGACY_SILENT && !w->is_our_node);
}

static bool
echoes(const struct model_word *w)
{
	return w->side == MODEL_LEGACY_FEEDING || w->side == MODEL_LEGACY_OWNER;
}

/* --- versions --- */

static uint64_t
later(uint64_t at_least, int64_t now)
{
	return now > 0 && (uint64_t)now > at_least ? (uint64_t)now : at_least;
}

/* known + 1 is left to links that end */
static uint64_t
raised(uint64_t known, int64_t now)
{
	return later(known + 2, now);
}

/* The version under which a word is stored. */
static uint64_t
version_of(const struct node_model *m, const struct model_word *w)
{
	const struct model_statement *before = node_model_of(m, w->peer);
	const struct model_statement *seen = node_model_seen(m);
	const bool is_repeated = before != NULL && str_eq(before->text, w->text);
	const uint64_t known = node_model_known(m);

	/* legacy peers on others' nodes: a repetition is no news */
	if (is_legacy(w) && !is_owner(w) && is_repeated && seen != NULL && !shows(m, w->text))
		return before->version;
	/* an owner's last word is the highest, unless it is what is seen */
	if (is_owners_side(w)) {
		if (w->version > known || (known > 0 && shows(m, w->text)))
			return w->version > known ? w->version : known;
		return raised(known, w->now_us);
	}
	if (!echoes(w))
		return w->version;
	/* news gets a version here, in seconds, which is below any owner's word */
	if (known >= SECONDS_END && (before == NULL || before->version < known))
		return 0;
	if (shows(m, w->text))
		return seen->version;
	return is_repeated ? before->version : later(known + 1, w->now_us / 1000000);
}

/* --- words --- */

/* The speaker's statement from now on; text null: none. */
static void
put(struct node_model *m, const struct model_word *w, struct str text, uint64_t version)
{
	struct model_statement now = { w->peer, version, w->place, text, w->now_us };
	unsigned i, k = 0;
	bool had = false;

	for (i = 0; i < m->n; i++) {
		if (m->statements[i].peer != w->peer)
			m->statements[k++] = m->statements[i];
		else if (text.p != NULL)
			m->statements[k++] = now;
		had |= m->statements[i].peer == w->peer;
	}
	m->n = k;
	if (!had && text.p != NULL)
		m->statements[m->n++] = now;
}

/*
 * A link ended, which is what known + 1 means, and the owner, who said last what was seen, is here:
 * its statement is raised.
 */
static bool
owner_stays(struct node_model *m, const struct model_word *w, const struct model_statement *was,
    uint64_t version)
{
	unsigned i;

	if (m->owner == MODEL_NOBODY || m->owner == w->peer || was->version == 0 ||
	    version != was->version + 1)
		return false;
	for (i = 0; i < m->n; i++)
		if (m->statements[i].peer == m->owner &&
		    str_eq(m->statements[i].text, was->text)) {
			m->statements[i].version = raised(version, w->now_us);
			m->seen = m->owner;
			return true;
		}
	return false;
}

/*
 * The statement changes, and the winner with it. A winning statement that is withdrawn or lowered
 * leaves a tombstone of known + 1, whatever others state under the same version.
 */
static void
change(struct node_model *m, const struct model_word *w, struct str text, uint64_t version,
    uint32_t skip, struct model_outcome *out)
{
	const struct model_statement *seen = node_model_seen(m), *is;
	const struct model_statement none = { .peer = MODEL_NOBODY };
	const struct model_statement was = seen == NULL ? none : *seen;
	const bool is_lowered = was.peer == w->peer && (text.p == NULL || version < was.version);
	bool changes;

	put(m, w, text, version);
	m->seen = node_model_of(m, was.peer) == NULL ? MODEL_NOBODY : was.peer;
	choose(m, w->peer);
	is = node_model_seen(m);
	if (was.peer != MODEL_NOBODY && is_lowered && m->seen != MODEL_OWN &&
	    !(m->is_gone && m->gone_version > 0 && m->gone_version >= was.version) &&
	    (is == NULL || (was.version > 0 && is->version <= was.version))) {
		const uint64_t end = was.version == 0 ? 0
		    : is_owners_side(w) ? raised(was.version, w->now_us) : was.version + 1;

		if (!owner_stays(m, w, &was, end)) {
			m->seen = MODEL_NOBODY;
			bury(m, end, MODEL_OWN, w->now_us);
		}
	}
	is = node_model_seen(m);
	if (is != NULL)
		m->is_gone = false;
	/* others learn of another text, another version, an end */
	if (was.peer == MODEL_NOBODY && is == NULL)
		return;
	changes = was.peer == MODEL_NOBODY || is == NULL || !str_eq(was.text, is->text);
	out->asks_others |= changes;
	if (!changes && was.version == is->version)
		return;
	out->notifies_all = true;
	/* a peer is not notified of its own winning statement */
	out->but = is != NULL ? is->peer : skip;
}

/* A service raises its own node, or where it offers none a tombstone, over other statements. */
static void
defend(struct node_model *m, const struct model_word *w, uint64_t version,
    struct model_outcome *out)
{
	const struct model_word nobody = { .peer = MODEL_NOBODY, .now_us = w->now_us };
	unsigned i;

	if (m->seen != MODEL_OWN) {
		bury(m, raised(version, w->now_us), MODEL_OWN, w->now_us);
		change(m, &nobody, STR_NULL, 0, MODEL_OWN, out);
	}
	for (i = 0; i < m->n; i++)
		if (m->statements[i].peer == MODEL_OWN)
			m->statements[i].version = raised(version, w->now_us);
	out->notifies_all = true;
	out->but = MODEL_OWN;
}

/* A peer whose statement differs from the winner must learn of it. */
static void
refute(struct node_model *m, const struct model_word *w, uint64_t version,
    struct model_outcome *out)
{
	const bool differs = !shows(m, w->text);
	const uint64_t known = node_model_known(m);

	if (w->side == MODEL_SERVICE)
		return;
	if (!w->is_our_node) {
		/* without versions nothing decides against it; an echo is not corrected */
		if (!differs || echoes(w) || known == 0)
			return;
		if (m->is_gone && m->gone_from == w->peer)
			bury(m, m->gone_version, MODEL_OWN, w->now_us);
		out->notifies_speaker = true;
	} else if ((m->is_gone && version <= m->gone_version) || version < known ||
	    (m->seen == MODEL_OWN && version == known && !differs)) {
		/* its tombstone, or its own node, is over that already */
		out->notifies_speaker = differs && !echoes(w);
	} else {
		defend(m, w, version, out);
	}
}

static void
take_statement(struct node_model *m, const struct model_word *w, struct model_outcome *out)
{
	const struct model_statement *before = node_model_of(m, w->peer);
	const struct model_statement *seen = node_model_seen(m);
	const bool is_news = seen == NULL && node_model_known(m) == 0;
	uint64_t version;

	/* an update of one that echoes may be an echo: its whole list decides */
	if (echoes(w) && !w->is_list && !is_news && !shows(m, w->text)) {
		out->is_void = true;
		/* but where another stands for what is seen, under a version, there is no hurry */
		out->asks_list =
		    is_owner(w) || seen == NULL || seen->version == 0 || m->seen == w->peer;
		return;
	}
	version = version_of(m, w);
	if (before != NULL && before->version == version && str_eq(before->text, w->text)) {
		if (m->seen != w->peer)
			refute(m, w, version, out);
		return;
	}
	change(m, w, w->text, version, w->peer, out);
	refute(m, w, version, out);
}

static void
hear_removal(struct node_model *m, const struct model_word *w, struct model_outcome *out)
{
	const uint64_t known = node_model_known(m);
	const bool was_seen = m->seen != MODEL_NOBODY;

	if (m->seen == MODEL_OWN) {
		put(m, w, STR_NULL, 0);
		if (w->version >= known)
			defend(m, w, w->version, out);
		else
			out->notifies_speaker = true;
		return;
	}
	if (was_seen && owner_stays(m, w, node_model_seen(m), w->version)) {
		put(m, w, STR_NULL, 0);
		out->notifies_all = true;
		out->but = m->owner;
		return;
	}
	/* at equal versions a tombstone is over a text */
	if (w->version > known || (w->version == known && was_seen)) {
		bury(m, w->version, w->peer, w->now_us);
		change(m, w, STR_NULL, 0, w->peer, out);
		if (!was_seen) {
			out->notifies_all = out->asks_others = true;
			out->but = w->peer;
		}
		return;
	}
	change(m, w, STR_NULL, 0, MODEL_OWN, out);
	out->notifies_speaker = w->version < known;
}

static void
take(struct node_model *m, const struct model_word *w, struct model_outcome *out)
{
	const struct model_statement *before;

	switch (w->kind) {
	case MODEL_SAYS:
		take_statement(m, w, out);
		break;
	case MODEL_REMOVES:
		hear_removal(m, w, out);
		break;
	case MODEL_WITHDRAWS:
		before = node_model_of(m, w->peer);
		/* one that echoes takes back what it has just stated: its list is to tell */
		out->asks_list = w->side == MODEL_LEGACY_FEEDING && !w->is_list &&
		    before != NULL && llabs(w->now_us - before->said_us) < ECHO_US;
		change(m, w, STR_NULL, 0, w->peer, out);
		break;
	case MODEL_EXPIRES:
		m->is_gone = false;
		change(m, w, STR_NULL, 0, MODEL_OWN, out);
		break;
	}
}

/* The owner gives up its node, of which others state more: that ends too. */
static void
end_all(struct node_model *m, const struct model_word *w, struct model_outcome *out)
{
	const uint64_t known = node_model_known(m);
	const bool is_higher = w->kind == MODEL_REMOVES && w->version > known;

	put(m, w, STR_NULL, 0);
	m->seen = MODEL_NOBODY;
	if (is_higher)
		bury(m, w->version, w->peer, w->now_us);
	else
		bury(m, raised(known, w->now_us), MODEL_OWN, w->now_us);
	out->notifies_all = out->asks_others = true;
	out->but = w->peer;
}

/* Others learn of what is seen now, where that is not what was seen before. */
static void
tell(const struct node_model *m, const struct model_word *w, const struct model_statement *was,
    struct model_outcome *out)
{
	const struct model_statement none = { .peer = MODEL_NOBODY };
	const struct model_statement *is = node_model_seen(m) == NULL ? &none : node_model_seen(m);
	const bool same_text = (was->peer == MODEL_NOBODY) == (is->peer == MODEL_NOBODY) &&
	    str_eq(was->text, is->text);

	out->asks_others = !same_text;
	out->notifies_all = !same_text || was->version != is->version;
	out->but = MODEL_OWN;
	if (out->notifies_all)
		out->but = is->peer == MODEL_NOBODY ? w->peer : is->peer;
}

/*
 * Others are over the owner, and its statement stays: as before, under the version that it was
 * seen with. was: what was seen before.
 */
static void
keep(struct node_model *m, const struct model_word *w, const struct model_statement *was,
    struct model_outcome *out)
{
	const struct model_statement *theirs = node_model_of(m, w->peer);
	struct model_statement *own = m->statements;

	while (own->peer != m->owner)
		own++;
	if (was->peer != MODEL_NOBODY && str_eq(was->text, own->text) &&
	    own->version < was->version)
		own->version = was->version;
	out->notifies_speaker = out->asks_owner = false;
	/* who has less learns of it; who has more does not take it, so that the owner is asked */
	if (w->kind == MODEL_REMOVES && w->version < own->version)
		out->notifies_speaker = !echoes(w);
	else if (theirs != NULL && w->kind == MODEL_SAYS && str_eq(theirs->text, own->text))
		return;
	else if (theirs != NULL && w->kind == MODEL_SAYS && compare(theirs, own) < 0)
		out->notifies_speaker = !echoes(w);
	else
		out->asks_owner = w->kind != MODEL_EXPIRES;
}

void
node_model_take(struct node_model *m, const struct model_word *w, struct model_outcome *out)
{
	const struct model_statement *seen = node_model_seen(m);
	const struct model_statement was =
	    seen == NULL ? (struct model_statement){ .peer = MODEL_NOBODY } : *seen;
	const bool was_kept = node_model_kept(m) != NULL;
	bool is_kept;

	*out = (struct model_outcome){ .but = MODEL_OWN };
	if (was_kept && w->peer == m->owner &&
	    (w->kind == MODEL_REMOVES || w->kind == MODEL_WITHDRAWS)) {
		end_all(m, w, out);
		return;
	}
	if (was_kept)
		choose(m, was.peer);
	take(m, w, out);
	is_kept = node_model_kept(m) != NULL;
	if (is_kept)
		m->seen = m->owner;
	if (out->is_void || (!is_kept && !was_kept))
		return;
	if (is_kept)
		keep(m, w, &was, out);
	tell(m, w, &was, out);
}
