#include "core/base/url.h"
#include "core/records/changelog.h"
#include "core/records/known.h"
#include "core/records/outbox.h"
#include "core/records/peer.h"
#include "core/trust/pin.h"
#include "core/views/moderated.h"
#include "core/views/provenance.h"

#define SHOWN_MAX	1000u	/* of statements, and of peers; the rest is left out */

struct lookup {
	struct changelog_entry logged;
	struct view *v;
	struct arena *a;
	struct provenance *out;
	uint32_t node;
	struct statement winner;	/* if out->is_seen */
};

static const char *
why_hidden(const struct lookup *l, const struct statement *loser)
{
	const struct statement *winner = &l->winner;

	if (!l->out->is_seen)
		return "hidden: the node was removed later";
	if (winner->peer == PEER_SELF)
		return "hidden: the own node wins";
	if (winner->version < loser->version || (loser->version > 0 &&
	    winner->version == loser->version && str_cmp(winner->bytes, loser->bytes) < 0))
		return "hidden: the owner is connected here, and has a key";
	if (winner->version > loser->version)
		return loser->version == 0 ? "hidden: another statement has a version"
					   : "hidden: another statement has a higher version";
	return loser->version == 0 ? "hidden: another peer connected first"
				   : "hidden: of equal versions the greater content wins";
}

static const char *
why_wins(const struct statement *winner, bool is_keyed)
{
	if (winner->peer == PEER_SELF)
		return "wins: it is the own node";
	if (is_keyed)
		return "wins: the owner is connected here, and has a key";
	if (winner->version == 0)
		return "wins: no statement has a version, and its peer connected first";
	return winner->version < VERSION_RELAYED_END
	    ? "wins: it was relayed last, and none has an owner's version"
	    : "wins: it has the highest version";
}

static enum kodo_err
add_statement(struct lookup *l, const struct statement *st, bool wins)
{
	const struct options *options = l->v->options;
	const bool is_own = st->peer == PEER_SELF;
	struct provenance *o = l->out;
	struct provenance_statement *c = &o->statements[o->n_statements];
	struct packed p;
	struct peer peer;
	bool is_keyed;
	enum kodo_err err;

	if (o->n_statements == SHOWN_MAX)
		return KODO_OK;
	err = packed_open(st->bytes, &p);
	if (err == KODO_OK)
		err = peer_get(&l->v->t, l->a, st->peer, &peer);
	if (err == KODO_OK && o->url.p == NULL)
		err = arena_str(l->a, p.url, &o->url);
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
	is_keyed = str_eq(peer.url, p.url) && peer.trust.key.len > 0 &&
	    options->trust != TRUST_OPEN;
	c->peer = is_own ? options->url : peer.url;
	c->organization = is_own ? options->organization : peer.organization;
	c->trust = is_own ? "" : pin_level_name(pin_level(options, &peer));
	c->wins = wins;
	c->why = wins ? why_wins(st, is_keyed) : why_hidden(l, st);
	c->version = st->version;
	c->at_us = st->at_us;
	c->n_flows = p.n_flows;
	o->n_statements++;
	return KODO_OK;
}

static enum kodo_err
add_shadows(struct lookup *l)
{
	struct scan scan = record_scan_shadows(&l->v->t, l->node);
	struct record rec;

	while (record_next(&scan, &rec))
		if (!rec.is_tomb)
			scan.err = add_statement(l, &rec.said, false);
	return scan_end(&scan);
}

/* Has the changelog the node for p still? */
static bool
is_behind(const struct lookup *l, const struct peer *p)
{
	return (p->flags & PEER_NOTIFIED) != 0 && l->logged.at > p->out.pos &&
	    l->logged.skip != p->id && l->winner.peer != p->id;
}

/* The peers that are to be notified of the node, or refuse it. */
static enum kodo_err
add_unnotified(struct lookup *l)
{
	struct provenance *o = l->out;
	struct outbox_entry entry;
	struct peer p;
	uint32_t id = 0;
	enum kodo_err err = KODO_OK;

	while (o->n_unnotified < SHOWN_MAX && o->n_refusals < SHOWN_MAX && err == KODO_OK) {
		err = peer_next(&l->v->t, l->a, &id, &p);
		if (err != KODO_OK)
			return err == KODO_ENOTFOUND ? KODO_OK : err;
		err = outbox_get(&l->v->t, p.id, l->node, &entry);
		if (err == KODO_ENOTFOUND) {
			if (is_behind(l, &p))
				o->unnotified[o->n_unnotified++] = p.url;
			err = KODO_OK;
		} else if (err == KODO_OK && entry.why.p == NULL) {
			o->unnotified[o->n_unnotified++] = p.url;
		} else if (err == KODO_OK) {
			o->refusals[o->n_refusals].peer = p.url;
			err = arena_str(l->a, entry.why, &o->refusals[o->n_refusals++].why);
		}
	}
	return err;
}

static enum kodo_err
add_moderation(struct lookup *l)
{
	const struct moderation_entry *e;
	struct moderation m;
	enum verdict verdict;
	enum kodo_err err = moderation_get(&l->v->t, l->a, &m);

	if (err == KODO_OK)
		err = moderation_of_stored(&l->v->t, l->a, &m, l->node, &e, &verdict);
	return err == KODO_OK ? moderated_words(l->a, e, &l->out->moderated) : err;
}

static enum kodo_err
find(struct lookup *l, struct str url)
{
	struct str key;
	enum kodo_err err = url_key(l->a, url, &key);
	const char *flows;

	if (err == KODO_OK)
		err = node_find(&l->v->t, key, &l->node);
	if (err != KODO_ENOTFOUND)
		return err;
	/* it may be the url of a flow */
	flows = memmem(url.p, url.len, "/flows/", 7);
	return flows == NULL ? err : find(l, (struct str){ url.p, (size_t)(flows - url.p) });
}

enum kodo_err
provenance_find(struct view *v, struct arena *a, struct str url, struct provenance *out)
{
	struct lookup l = { .v = v, .a = a, .out = out };
	struct known known;
	enum kodo_err err;

	*out = (struct provenance){ .is_seen = false };
	out->statements = arena_alloc(a, SHOWN_MAX * sizeof(*out->statements));
	out->unnotified = arena_alloc(a, SHOWN_MAX * sizeof(*out->unnotified));
	out->refusals = arena_alloc(a, SHOWN_MAX * sizeof(*out->refusals));
	if (out->statements == NULL || out->unnotified == NULL || out->refusals == NULL)
		return KODO_ENOMEM;
	err = imported_find(&v->t, a, v->options->url, url, &out->imported);
	if (err == KODO_OK || err == KODO_ENOTFOUND)
		err = find(&l, url);
	/* it was left to another registry from the first on */
	if (err == KODO_ENOTFOUND && out->imported.source.p != NULL)
		return arena_str(a, url, &out->url);
	if (err == KODO_OK)
		err = known_get(&v->t, l.node, &known);
	if (err != KODO_OK)
		return err;
	out->is_seen = known.is_seen;
	out->is_gone = known.is_gone;
	if (known.is_gone) {
		out->gone_version = known.tomb.version;
		out->gone_us = known.tomb.at_us;
		err = arena_str(a, known.tomb.bytes, &out->url);
	}
	l.winner = known.winner;
	if (err == KODO_OK)
		err = changelog_get(&v->t, l.node, &l.logged);
	if (err == KODO_OK && known.is_seen)
		err = add_statement(&l, &known.winner, true);
	if (err == KODO_OK && known.is_seen)
		err = add_moderation(&l);
	if (err == KODO_OK)
		err = add_shadows(&l);
	return err == KODO_OK ? add_unnotified(&l) : err;
}

enum kodo_err
provenance_winner(struct view *v, struct arena *a, uint32_t node, const struct statement *winner,
    struct provenance_statement *out, size_t *n_others)
{
	struct provenance o = { .is_seen = true, .statements = out };
	struct lookup l = { .v = v, .a = a, .out = &o, .node = node, .winner = *winner };
	enum kodo_err err = add_statement(&l, winner, true);
	struct scan scan;
	struct record rec;

	*n_others = 0;
	if (err != KODO_OK)
		return err;
	scan = record_scan_shadows(&v->t, node);
	while (record_next(&scan, &rec))
		*n_others += !rec.is_tomb;
	return scan_end(&scan);
}
