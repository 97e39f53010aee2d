#include "core/base/url.h"
#include "core/records/known.h"
#include "core/records/outbox.h"
#include "core/registry/registry_private.h"
#include "core/views/provenance.h"

/* More say than this of no node; of those beyond it is not told. */
#define CLAIMS_MAX	1000u

struct search {
	struct view *v;
	struct arena *a;
	struct provenance *out;
	uint32_t node;
	struct statement winner;	/* if out->is_seen */
};

static const char *
why_hidden(const struct search *s, const struct statement *loser)
{
	if (!s->out->is_seen)
		return "hidden: the node was removed later";
	if (s->winner.peer == PEER_SELF)
		return "hidden: the own node wins";
	if (s->winner.version > loser->version)
		return loser->version == 0 ? "hidden: another has a version"
					   : "hidden: another has a higher version";
	return loser->version == 0 ? "hidden: another connected first"
				   : "hidden: of equal versions the greater text wins";
}

static const char *
why_wins(const struct statement *winner)
{
	if (winner->peer == PEER_SELF)
		return "wins: it is the own node";
	if (winner->version == 0)
		return "wins: nobody has a version, and it connected first";
	return winner->version < VERSION_RELAYED_END
	    ? "wins: nobody has an owner's version, and it was the last news"
	    : "wins: it has the highest version";
}

static enum kodo_err
statement_add(struct search *s, const struct statement *st, bool wins)
{
	struct provenance *o = s->out;
	struct provenance_statement *c = &o->statements[o->n_statements];
	struct packed p;
	struct peer peer;
	enum kodo_err err;

	if (o->n_statements == CLAIMS_MAX)
		return KODO_OK;
	err = packed_open(st->bytes, &p);
	if (err == KODO_OK)
		err = peer_get(&s->v->t, s->a, st->peer, &peer);
	if (err == KODO_OK && o->url.p == NULL)
		err = arena_str(s->a, p.url, &o->url);
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
	c->peer = st->peer == PEER_SELF ? s->v->options->url : peer.url;
	c->organization =
	    st->peer == PEER_SELF ? s->v->options->organization : peer.organization;
	c->wins = wins;
	c->why = wins ? why_wins(st) : why_hidden(s, st);
	c->version = st->version;
	c->at_us = st->at_us;
	c->n_flows = p.n_flows;
	o->n_statements++;
	return KODO_OK;
}

static enum kodo_err
add_shadows(struct search *s)
{
	struct scan scan = record_scan_shadows(&s->v->t, s->node);
	struct record rec;

	while (record_next(&scan, &rec))
		if (!rec.is_tomb)
			scan.err = statement_add(s, &rec.said, false);
	return scan_end(&scan);
}

static enum kodo_err
add_unnotified(struct search *s)
{
	struct provenance *o = s->out;
	struct outbox_entry entry;
	struct peer p;
	uint32_t id = 0;
	enum kodo_err err = KODO_OK;

	while (o->n_unnotified < CLAIMS_MAX && o->n_refusals < CLAIMS_MAX && err == KODO_OK &&
	    (err = peer_next(&s->v->t, s->a, &id, &p)) == KODO_OK) {
		err = outbox_get(&s->v->t, p.id, s->node, &entry);
		if (err == KODO_OK && entry.why.p == NULL) {
			o->unnotified[o->n_unnotified++] = p.url;
		} else if (err == KODO_OK) {
			o->refusals[o->n_refusals].peer = p.url;
			err = arena_str(s->a, entry.why, &o->refusals[o->n_refusals++].why);
		} else if (err == KODO_ENOTFOUND) {
			err = KODO_OK;
		}
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static enum kodo_err
find(struct search *s, struct str url)
{
	struct str key;
	enum kodo_err err = url_key(s->a, url, &key);
	const char *flows;

	if (err == KODO_OK)
		err = node_find(&s->v->t, key, &s->node);
	if (err != KODO_ENOTFOUND)
		return err;
	/* perhaps it is the url of a flow */
	flows = memmem(url.p, url.len, "/flows/", 7);
	return flows == NULL ? err : find(s, (struct str){ url.p, (size_t)(flows - url.p) });
}

enum kodo_err
provenance_find(struct view *v, struct arena *a, struct str url, struct provenance *out)
{
	struct search s = { .v = v, .a = a, .out = out };
	struct known known;
	enum kodo_err err;

	*out = (struct provenance){ .is_seen = false };
	out->statements = arena_alloc(a, CLAIMS_MAX * sizeof(*out->statements));
	out->unnotified = arena_alloc(a, CLAIMS_MAX * sizeof(*out->unnotified));
	out->refusals = arena_alloc(a, CLAIMS_MAX * sizeof(*out->refusals));
	if (out->statements == NULL || out->unnotified == NULL || out->refusals == NULL)
		return KODO_ENOMEM;
	err = find(&s, url);
	if (err == KODO_OK)
		err = known_get(&v->t, s.node, &known);
	if (err != KODO_OK)
		return err;
	out->is_seen = known.is_seen;
	out->is_gone = known.is_gone;
	if (known.is_gone) {
		out->gone_version = known.tomb.version;
		out->gone_us = known.tomb.at_us;
		err = arena_str(a, known.tomb.bytes, &out->url);
	}
	s.winner = known.winner;
	if (err == KODO_OK && known.is_seen)
		err = statement_add(&s, &known.winner, true);
	if (err == KODO_OK)
		err = add_shadows(&s);
	return err == KODO_OK ? add_unnotified(&s) : err;
}
