#include <stdio.h>
#include <stdlib.h>

#include "core/base/limit.h"
#include "core/base/url.h"
#include "core/check/integrity.h"
#include "core/exchange/failure.h"
#include "core/merge/identity.h"
#include "core/records/changelog.h"
#include "core/records/codec.h"
#include "core/records/flow_order.h"
#include "core/records/known.h"
#include "core/records/node_chunks.h"
#include "core/records/outbox.h"
#include "core/records/peer.h"
#include "core/records/url_ids.h"
#include "core/trust/moderation.h"
#include "core/trust/pin.h"

#define LATE_US	(180 * 1000000ll)	/* cron runs each minute */
#define FAILED_OFTEN 3u			/* within two seconds */
#define HEARD_US	(600 * 1000000ll)	/* ten digest checks */
#define DAMAGED_MAX 1000u /* records that are named; LMDB may stay at a damaged page */
#define REFUSED_US	(3600ll * 1000000)	/* so long it is worth a line */
#define REMEDY	STORE_RESTORE

struct integrity {
	struct view *v;
	struct arena *a;
	void (*say)(void *arg, enum finding kind, const char *line);
	void *arg;
	uint64_t n_nodes, n_flows;
	uint64_t n_damaged; /* records of nodes that cannot be read */
	uint64_t n_logged; /* nodes and tombstones: what the log of changes must have */
};

#define say(to, ...) finding_say((to)->say, (to)->arg, __VA_ARGS__)

/* How a scan of a table ended; a damaged entry is a finding. */
static enum kodo_err
table_end(struct integrity *f, enum kodo_err err, enum store_table table)
{
	if (err != KODO_ECORRUPT)
		return err;
	say(f, FINDING_ERROR, "an entry of table %s cannot be read; " REMEDY,
	    store_table_name(table));
	return KODO_OK;
}

/* --- statements --- */

static void
say_damaged(struct integrity *f, uint32_t node, enum store_table table)
{
	f->n_damaged++;
	say(f, FINDING_ERROR, "the record of node %u in table %s cannot be read; " REMEDY, node,
	    store_table_name(table));
}

/* Is the node found by its url? */
static enum kodo_err
node_url_check(struct integrity *f, uint32_t node, struct str url)
{
	struct str key;
	uint32_t id;
	enum kodo_err err;

	arena_reset(f->a);
	err = url_key(f->a, url, &key);
	if (err == KODO_OK)
		err = node_find(&f->v->t, key, &id);
	if (err == KODO_ENOMEM)
		return err;
	if (err != KODO_OK || id != node)
		say(f, FINDING_ERROR, "%.*s is not found by its url; " REMEDY, STR_ARG(url));
	return KODO_OK;
}

/* Can a record be opened, is it in the list of its provider, and its node found by its url? */
static enum kodo_err
statement_check(struct integrity *f, enum store_table table, const struct record *rec)
{
	struct packed p;
	struct str stated;
	struct known kn;
	unsigned char kb[12];

	/* one entry for both where an owner's is seen beside a tombstone */
	f->n_logged += (rec->is_tomb || table != T_SHADOW) -
	    (rec->is_tomb && known_get(&f->v->t, rec->node, &kn) == KODO_OK && kn.is_seen);
	if (rec->is_tomb)
		return node_url_check(f, rec->node, rec->said.bytes);
	if (packed_check(rec->said.bytes, NULL) != KODO_OK ||
	    packed_open(rec->said.bytes, &p) != KODO_OK) {
		say_damaged(f, rec->node, table);
		return KODO_OK;
	}
	if (store_get(&f->v->t, T_STATED, key_u32_u64(kb, rec->said.peer, rec->said.order),
		&stated) != KODO_OK ||
	    stated.len != 4 || get_be32(stated.p) != rec->node)
		say(f, FINDING_ERROR, "%.*s is not in the list of its provider; " REMEDY,
		    STR_ARG(p.url));
	if (table == T_NODE) {
		f->n_nodes++;
		f->n_flows += p.n_flows;
	}
	return node_url_check(f, rec->node, p.url);
}

static enum kodo_err
table_check(struct integrity *f, enum store_table table)
{
	struct scan s = scan_prefix(&f->v->t, table, STR_NULL);
	struct record rec = { .node = 0 };

	for (;;) {
		if (record_next(&s, &rec)) {
			s.err = statement_check(f, table, &rec);
			continue;
		}
		if (s.err != KODO_ECORRUPT || f->n_damaged == DAMAGED_MAX)
			return table_end(f, scan_end(&s), table);
		say_damaged(f, rec.node, table);
		s.err = KODO_OK; /* the next one may be whole */
	}
}

static enum kodo_err
statements_check(struct integrity *f)
{
	static const enum store_table tables[] = { T_NODE, T_HIDDEN, T_DENIED, T_SHADOW };
	enum kodo_err err = KODO_OK;
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]) && err == KODO_OK; i++)
		err = table_check(f, tables[i]);
	return err;
}

/* Is there a statement for each place in the lists of providers? */
static enum kodo_err
places_check(struct integrity *f)
{
	struct scan s = scan_prefix(&f->v->t, T_STATED, STR_NULL);
	struct statement said;

	while (scan_next_sized(&s, 12, 4))
		if (known_statement(&f->v->t, get_be32(s.v.p), get_be32(s.k.p), &said) !=
			KODO_OK ||
		    said.order != get_be64(s.k.p + 4))
			say(f, FINDING_ERROR,
			    "peer %u lists node %u without a statement of it; " REMEDY,
			    get_be32(s.k.p), get_be32(s.v.p));
	return table_end(f, scan_end(&s), T_STATED);
}

/* --- urls --- */

static enum kodo_err
peer_url_check(void *arg, uint32_t id, struct str key)
{
	struct integrity *f = arg;
	struct peer p;
	enum kodo_err err;

	arena_reset(f->a);
	err = peer_find(&f->v->t, f->a, key, &p);
	if (err == KODO_ENOMEM)
		return err;
	if (err != KODO_OK || p.id != id || (!str_eq(p.key, key) && !str_eq(p.alias, key)))
		say(f, FINDING_ERROR, "%.*s leads to peer %u, which is another or none; " REMEDY,
		    STR_ARG(key), id);
	return KODO_OK;
}

static enum kodo_err
node_known_check(void *arg, uint32_t id, struct str key)
{
	struct integrity *f = arg;
	struct statement said;
	enum verdict verdict;
	struct scan s;
	bool is_known;
	uint32_t found;
	enum kodo_err err = node_find(&f->v->t, key, &found);

	is_known = err == KODO_OK && found == id;
	if (is_known)
		err = record_get_winner(&f->v->t, id, &said, &verdict);
	if (is_known && err == KODO_ENOTFOUND) {
		s = record_scan_shadows(&f->v->t, id);
		is_known = scan_next(&s);
		err = scan_end(&s);
	}
	if (!is_known && (err == KODO_OK || err == KODO_ENOTFOUND))
		say(f, FINDING_ERROR, "%.*s leads to node %u, which is another or none; " REMEDY,
		    STR_ARG(key), id);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static enum kodo_err
urls_check(struct integrity *f)
{
	enum kodo_err err =
	    table_end(f, id_each(&f->v->t, T_PEER_URL, peer_url_check, f), T_PEER_URL);

	if (err == KODO_OK)
		err = table_end(
		    f, id_each(&f->v->t, T_NODE_URL, node_known_check, f), T_NODE_URL);
	return err;
}

/* --- peers --- */

static enum kodo_err
providers_check(struct integrity *f)
{
	struct scan s = scan_prefix(&f->v->t, T_PROVIDER, STR_NULL);
	struct peer p;

	while (scan_next_sized(&s, 8, 4))
		if (peer_get(&f->v->t, f->a, get_be32(s.v.p), &p) != KODO_OK ||
		    (p.flags & PEER_PROVIDER) == 0 || p.order != get_be64(s.k.p))
			say(f, FINDING_ERROR,
			    "a place in the order of providers leads to none; " REMEDY);
	return table_end(f, scan_end(&s), T_PROVIDER);
}

/* Is a peer found by its keys and, if a provider, in its place? */
static bool
is_peer_found(struct integrity *f, const struct peer *p)
{
	unsigned char kb[8];
	struct peer found;
	struct str v;

	if (peer_find(&f->v->t, f->a, p->key, &found) != KODO_OK || found.id != p->id)
		return false;
	if (p->alias.p != NULL && peer_find(&f->v->t, f->a, p->alias, &found) != KODO_OK)
		return false;
	return (p->flags & PEER_PROVIDER) == 0 ||
	    (store_get(&f->v->t, T_PROVIDER, key_u64(kb, p->order), &v) == KODO_OK &&
		v.len == 4 && get_be32(v.p) == p->id);
}

static enum kodo_err
count_records(struct integrity *f, enum store_table table, uint64_t *n)
{
	struct scan s = scan_prefix(&f->v->t, table, STR_NULL);

	*n = 0;
	while (scan_next(&s))
		++*n;
	return table_end(f, scan_end(&s), table);
}

/* Versions count time: whoever is far ahead is not taken in by others. */
static void
clocks_compare(struct integrity *f, const struct peer *p)
{
	const long long hours = llabs(p->in.skew_us) / 3600000000ll;
	const char *where = p->in.skew_us > 0 ? "ahead of" : "behind";

	if (hours == 0 || llabs(f->v->now_us - p->in.at_us) > HEARD_US)
		return;
	say(f, FINDING_WARNING,
	    "%.*s: its clock is %lld %s %s ours%s; set the one that is wrong, by NTP",
	    STR_ARG(p->url), hours < 48 ? hours : hours / 24, hours < 48 ? "hours" : "days", where,
	    llabs(p->in.skew_us) > LIMIT_VERSION_AHEAD_US
		? ", and what comes from over 30 days ahead is left out"
		: "");
}

/* How it goes with the messages to p, and what can be done about it. true: it is paused. */
static bool
sending_check(struct integrity *f, const struct peer *p)
{
	char *words = arena_strz(f->a, p->out.error.p == NULL ? STR("") : p->out.error);
	const bool is_paused = (p->flags & PEER_PAUSED) != 0;
	const char *remedy = failure_remedy(words == NULL ? "" : words);

	if (is_paused)
		say(f, FINDING_WARNING, "%.*s: paused, tried again later (%.*s); %s",
		    STR_ARG(p->url), STR_ARG(p->out.error), remedy);
	else if (peer_is_stranger(p))
		return false;
	else if (peer_has_work(p) && p->out.due_us < f->v->now_us - LATE_US)
		say(f, FINDING_WARNING,
		    "%.*s: messages are due since %lld min and no runner sends them; see that cron "
		    "starts kodo-reconnect", STR_ARG(p->url),
		    (long long)(f->v->now_us - p->out.due_us) / 60000000);
	else if (peer_has_work(p) && p->out.attempts >= FAILED_OFTEN)
		say(f, FINDING_WARNING, "%.*s: %u attempts failed (%.*s); %s", STR_ARG(p->url),
		    p->out.attempts, STR_ARG(p->out.error), remedy);
	else if (peer_is_live_target(p) && p->out.connected_us != 0 && p->alias.p == NULL &&
	    (p->flags & PEER_PROVEN) == 0)
		say(f, FINDING_WARNING,
		    "%.*s: takes our connect and does not answer as a registry; correct connect",
		    STR_ARG(p->url));
	return is_paused;
}

static void
identity_check(struct integrity *f, const struct peer *p)
{
	bool are_two;

	if (identity_is_shared(&f->v->t, p->id, f->v->now_us, &are_two) != KODO_OK)
		say(f, FINDING_ERROR, "the record of who speaks cannot be read; " REMEDY);
	else if (are_two)
		say(f, FINDING_WARNING,
		    "%.*s: two services speak under one url; give each its own",
		    STR_ARG(p->url));
}

/* Was somebody else refused who spoke for it? */
static void
trust_check(struct integrity *f, const struct peer *p)
{
	if (p->trust.refused_us != 0 && llabs(f->v->now_us - p->trust.refused_us) < REFUSED_US)
		say(f, FINDING_WARNING,
		    "%.*s: somebody spoke for it without its key, or from elsewhere, and was "
		    "refused; if that was its owner, see `kodo help trust`", STR_ARG(p->url));
}

static void
trust_count(struct integrity *f, const unsigned n[PIN_LEVELS])
{
	char text[100];
	size_t len = 0;
	int level;

	for (level = PIN_LEVELS - 1; level >= 0; level--)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s: %u",
		    len == 0 ? "" : ", ", pin_level_name((enum pin_level)level), n[level]);
	say(f, FINDING_OK, "peers by how they are known: %s", text);
}

static enum kodo_err
peers_check(struct integrity *f)
{
	unsigned n_by_level[PIN_LEVELS] = { 0 };
	struct peer p;
	uint32_t id = 0, n = 0, paused = 0;
	uint64_t n_due = 0, n_subscribers = 0, in_due, in_subscriber;
	unsigned due;
	enum kodo_err err;

	while ((err = peer_next(&f->v->t, f->a, &id, &p)) == KODO_OK) {
		n++;
		if (!peer_is_filed(&f->v->t, &p, &due))
			say(f, FINDING_ERROR,
			    "%.*s is not filed as due, or as a subscriber; " REMEDY,
			    STR_ARG(p.url));
		if (p.out.pos > f->v->head.logged || p.out.gone_pos > f->v->head.logged)
			say(f, FINDING_ERROR, "%.*s has got what has not happened yet; " REMEDY,
			    STR_ARG(p.url));
		if (!is_peer_found(f, &p))
			say(f, FINDING_ERROR,
			    "%.*s is not found by its url, or among the providers; " REMEDY,
			    STR_ARG(p.url));
		clocks_compare(f, &p);
		identity_check(f, &p);
		trust_check(f, &p);
		n_by_level[pin_level(f->v->options, &p)]++;
		n_due += due;
		n_subscribers += p.filed.has_pos;
		paused += sending_check(f, &p);
	}
	if (err != KODO_ENOTFOUND) {
		say(f, FINDING_ERROR, "a record of the table of peers cannot be read; " REMEDY);
		return KODO_OK;
	}
	say(f, FINDING_OK, "peers: %u, paused: %u", n, paused);
	trust_count(f, n_by_level);
	err = count_records(f, T_DUE, &in_due);
	if (err == KODO_OK)
		err = count_records(f, T_BEHIND, &in_subscriber);
	if (err == KODO_OK && (in_due != n_due || in_subscriber != n_subscribers))
		say(f, FINDING_ERROR,
		    "peers are filed as due, or as subscribers, and are not; " REMEDY);
	return err;
}

/* --- what is to be sent, what came in part, and counts --- */

static void
say_chunks(void *arg, uint32_t peer, const char *what)
{
	say((struct integrity *)arg, FINDING_ERROR,
	    "a node that peer %u sends in chunks: %s; " REMEDY, peer, what);
}

static enum kodo_err
chunks_check(struct integrity *f)
{
	return table_end(f, node_chunks_check(&f->v->t, say_chunks, f), T_NODE_CHUNK);
}

/* Entries of the outbox, paused ones too, must be of known peers. */
static enum kodo_err
outbox_check(struct integrity *f)
{
	struct scan s = outbox_scan_all(&f->v->t);
	struct outbox_entry entry;
	struct peer p = { .id = PEER_TOMB };
	uint64_t paused = 0;
	enum kodo_err err;

	while (outbox_next(&f->v->t, &s, &entry)) {
		if (entry.peer != p.id &&
		    peer_get(&f->v->t, f->a, entry.peer, &p) != KODO_OK)
			say(f, FINDING_ERROR,
			    "peer %u has entries in the outbox, and there is no such peer; " REMEDY,
			    entry.peer);
		p.id = entry.peer;
		if (entry.why.p != NULL)
			paused++;
	}
	err = table_end(f, scan_end(&s), T_OUT);
	if (paused > 0)
		say(f, FINDING_WARNING,
		    "nodes that a peer does not take: %llu; see kodo peers and kodo explain URL",
		    (unsigned long long)paused);
	return err;
}

/* The log of changes has an entry for each node and tombstone, no other, and none ahead. */
static enum kodo_err
changes_check(struct integrity *f)
{
	struct scan s = scan_prefix(&f->v->t, T_CHANGED, STR_NULL);
	struct changelog_entry ahead;
	struct statement said;
	enum verdict verdict;
	uint64_t n;
	enum kodo_err err;

	while (scan_next_sized(&s, 4, CHANGELOG_LAST_BYTES)) {
		s.err = record_get_winner(&f->v->t, get_be32(s.k.p), &said, &verdict);
		if (s.err == KODO_ENOTFOUND)
			s.err = record_get_shadow(&f->v->t, get_be32(s.k.p), PEER_TOMB, &said);
	}
	err = scan_end(&s);
	if (err == KODO_OK)
		err = changelog_check(&f->v->t, &n);
	if (err == KODO_OK && n != f->n_logged)
		err = KODO_ECORRUPT;
	if (err == KODO_OK) {
		s = changelog_scan(&f->v->t, f->v->head.logged);
		if (changelog_next(&s, &ahead))
			s.err = KODO_ECORRUPT;
		err = scan_end(&s);
	}
	if (err == KODO_ENOTFOUND || err == KODO_ECORRUPT) {
		say(f, FINDING_ERROR, "the log of changes is damaged; " REMEDY);
		err = KODO_OK;
	}
	return err;
}

/* Of nodes that cannot be read neither the number of flows is known, nor what orders them. */
static enum kodo_err
order_check(struct integrity *f)
{
	struct why why = { "" };
	uint64_t in_order;
	enum kodo_err err;

	if (f->n_damaged > 0)
		return KODO_OK;
	if (f->n_flows != f->v->head.total)
		say(f, FINDING_ERROR, "the total is %llu flows, a recount %llu; " REMEDY,
		    (unsigned long long)f->v->head.total, (unsigned long long)f->n_flows);
	err = flow_order_check(&f->v->t, &in_order, &why);
	if (err != KODO_OK)
		say(f, FINDING_ERROR, "%s; " REMEDY,
		    why.text[0] != '\0' ? why.text : kodo_err_text(err));
	else if (in_order != f->n_flows)
		say(f, FINDING_ERROR, "the default order has %llu flows, a recount %llu; " REMEDY,
		    (unsigned long long)in_order, (unsigned long long)f->n_flows);
	return err == KODO_ENOMEM ? err : KODO_OK;
}

/* How many winners of a table are not where the list wants them. */
static enum kodo_err
astray_count(struct integrity *f, const struct moderation *m, enum verdict verdict, uint64_t *n)
{
	struct scan s = record_scan_winners(&f->v->t, verdict, 0);
	struct arena *a = arena_new();
	const struct moderation_entry *e;
	struct record rec;
	enum verdict at;
	enum kodo_err err;

	if (a == NULL)
		s.err = KODO_ENOMEM;
	while (s.err == KODO_OK && record_next(&s, &rec)) {
		s.err = moderation_of_stored(&f->v->t, a, m, rec.node, &e, &at);
		if (s.err == KODO_OK)
			*n += moderation_verdict(e) != verdict;
		arena_reset(a);
	}
	err = scan_end(&s);
	arena_free(a);
	return err;
}

static enum kodo_err
moderation_check(struct integrity *f)
{
	uint64_t hidden = 0, denied = 0, n_astray = 0;
	struct moderation m;
	int verdict;
	enum kodo_err err = moderation_get(&f->v->t, f->a, &m);

	if (err == KODO_OK)
		err = count_records(f, T_HIDDEN, &hidden);
	if (err == KODO_OK)
		err = count_records(f, T_DENIED, &denied);
	if (err != KODO_OK || (m.n == 0 && hidden == 0 && denied == 0))
		return table_end(f, err, T_META);
	for (verdict = 0; verdict < VERDICTS && err == KODO_OK && f->n_damaged == 0; verdict++)
		err = astray_count(f, &m, (enum verdict)verdict, &n_astray);
	say(f, FINDING_OK, "nodes denied: %llu, hidden: %llu, by entries: %zu; see kodo deny",
	    (unsigned long long)denied, (unsigned long long)hidden, m.n);
	if (n_astray > 0)
		say(f, FINDING_WARNING, "%llu nodes do not follow yet what is denied and hidden; "
		    "give the last kodo deny, hide or allow again", (unsigned long long)n_astray);
	return table_end(f, err, T_META);
}

static enum kodo_err
counts_check(struct integrity *f)
{
	enum kodo_err err = order_check(f);

	say(f, FINDING_OK, "nodes: %llu, flows: %llu, view: %llu, state: %llu",
	    (unsigned long long)f->n_nodes, (unsigned long long)f->n_flows,
	    (unsigned long long)f->v->head.view, (unsigned long long)f->v->head.state);
	return err;
}

static enum kodo_err
store_check(struct integrity *f, struct registry *r)
{
	struct store_stat st;
	enum kodo_err err = store_stat(registry_store(r), &st);

	if (err != KODO_OK)
		return err;
	say(f, FINDING_OK, "%s", st.lmdb_version);
	say(f, FINDING_OK, "map: %llu MiB used of %llu, at most %llu",
	    (unsigned long long)st.used_bytes >> 20, (unsigned long long)st.map_bytes >> 20,
	    (unsigned long long)st.map_max_bytes >> 20);
	if (st.used_bytes > st.map_max_bytes - st.map_max_bytes / 10)
		say(f, FINDING_WARNING, "the map is nearly full; raise map_max_mib");
	say(f, FINDING_OK, "readers: %u of %u, cleared: %u", st.readers, st.readers_max,
	    st.readers_cleared);
	return KODO_OK;
}

enum kodo_err
integrity_check(struct registry *r, int64_t now_us,
    void (*say_line)(void *arg, enum finding kind, const char *line), void *arg)
{
	static enum kodo_err (*const checks[])(struct integrity *) = {
		statements_check, places_check, peers_check, providers_check, urls_check,
		outbox_check, chunks_check, changes_check, moderation_check, counts_check,
	};
	struct integrity f = { .a = arena_new(), .say = say_line, .arg = arg };
	struct view v;
	size_t i;
	enum kodo_err err = KODO_ENOMEM;

	if (f.a != NULL)
		err = store_check(&f, r);
	if (err == KODO_OK)
		err = view_begin(r, now_us, &v);
	if (err == KODO_OK) {
		f.v = &v;
		for (i = 0; i < sizeof(checks) / sizeof(checks[0]) && err == KODO_OK; i++)
			err = checks[i](&f);
		view_end(&v);
	}
	arena_free(f.a);
	return err;
}
