#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/limit.h"
#include "core/base/url.h"
#include "core/import/place.h"
#include "core/import/settle.h"
#include "core/liveness/node_state.h"
#include "core/merge/statement.h"
#include "core/records/known.h"

#define SPACES_AT_ONCE	200u
#define FLOWS_AT_ONCE	5000u
#define BYTES_AT_ONCE	(1u << 20)

/* --- the same elsewhere --- */

uint64_t
settle_place(struct str slug, struct str space)
{
	return source_hash(slug) * 31u ^ source_hash(space);
}

static int
rival_cmp(const void *x, const void *y)
{
	const struct settle_rival *a = x, *b = y;

	return a->place != b->place ? (a->place > b->place) - (a->place < b->place)
				    : (a->node > b->node) - (a->node < b->node);
}

/* Is it a place of a namespace that the source has? */
static enum kodo_err
is_of(struct txn *t, const struct source *s, const struct place_parts *parts, bool *out)
{
	struct source_space space;
	enum kodo_err err = !str_eq(parts->slug, s->slug) ? KODO_ENOTFOUND
	    : source_space_get(t, s->peer, source_hash(parts->space), &space);

	*out = err == KODO_OK;
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/* Of those of one place the first, as rival_of takes it. */
static void
rivals_sort(struct settle_rivals *all)
{
	size_t i, n = 0;

	if (all->n > 0)
		qsort(all->all, all->n, sizeof(*all->all), rival_cmp);
	for (i = 0; i < all->n; i++)
		if (n == 0 || all->all[n - 1].place != all->all[i].place)
			all->all[n++] = all->all[i];
	all->n = n;
}

enum kodo_err
settle_rivals_find(struct txn *t, struct arena *a, struct str own_url, struct str slug,
    struct settle_rivals *out)
{
	struct settle_rival *all;
	struct place_parts parts;
	struct source source;
	struct packed p;
	struct record rec;
	struct scan s;
	bool is_wanted;
	enum kodo_err err = source_get(t, a, slug, &source);

	*out = (struct settle_rivals){ .n = 0 };
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	s = record_scan_seen(t);
	while (record_next(&s, &rec)) {
		s.err = packed_open(rec.said.bytes, &p);
		if (s.err != KODO_OK || !place_read(p.url, &parts) ||
		    str_eq(parts.before, own_url))
			continue;
		s.err = is_of(t, &source, &parts, &is_wanted);
		if (s.err != KODO_OK || !is_wanted)
			continue;
		all = arena_grow(a, out->all, out->n, &out->cap, sizeof(*all));
		if (all == NULL) {
			s.err = KODO_ENOMEM;
			continue;
		}
		out->all = all;
		all += out->n++;
		all->place = settle_place(parts.slug, parts.space);
		all->node = rec.node;
	}
	rivals_sort(out);
	return scan_end(&s);
}

/* Do both have the same flows, but for what their urls begin with? */
static enum kodo_err
is_same_content(const struct packed *x, const struct packed *y, bool *out)
{
	struct packed_flow f, g;
	uint32_t i;
	enum kodo_err err = KODO_OK;

	*out = x->n_flows == y->n_flows && str_eq(x->organization, y->organization);
	for (i = 0; err == KODO_OK && *out && i < x->n_flows; i++) {
		err = packed_flow(x, i, &f);
		if (err == KODO_OK)
			err = packed_flow(y, i, &g);
		*out = err == KODO_OK &&
		    str_eq(str_skip(f.url, x->prefix_len), str_skip(g.url, y->prefix_len)) &&
		    str_eq(f.name, g.name) && str_eq(f.author, g.author) &&
		    str_eq(f.description, g.description) && str_eq(f.tags, g.tags) &&
		    str_eq(f.entry, g.entry);
	}
	return err;
}

/* May the node be shown in the place of ours? Its key is less than ours, it is alive, and has what
 * we have. */
static enum kodo_err
is_rival(struct change *ch, uint32_t node, struct str key, const struct place_parts *place,
    const struct packed *ours, bool *out)
{
	struct place_parts parts;
	struct node_state state;
	struct statement seen;
	struct packed p;
	struct str other = STR_NULL;
	enum kodo_err err = node == 0 ? KODO_ENOTFOUND : record_get_seen(ch->t, node, &seen);

	*out = false;
	if (err == KODO_OK)
		err = packed_open(seen.bytes, &p);
	if (err == KODO_OK)
		err = node_state_get(ch->t, node, &state);
	if (err == KODO_OK)
		err = url_key(ch->a, p.url, &other);
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND || err == KODO_EINVAL ? KODO_OK : err;
	if (state.since_us > 0 || str_cmp(other, key) >= 0 || !place_read(p.url, &parts) ||
	    !str_eq(parts.slug, place->slug) || !str_eq(parts.space, place->space))
		return KODO_OK;
	return is_same_content(&p, ours, out);
}

/* --- a node --- */

/* What the entries of the namespace are as flows, packed. *n: how many. */
static enum kodo_err
node_pack(struct change *ch, struct source *s, uint32_t peer, struct str space, struct str url,
    struct buf *out, uint32_t *n)
{
	struct packed_writer w = PACKED_WRITER_INIT;
	struct scan scan = source_entry_scan(ch->t, peer, space);
	const struct packed_end end = { .heartbeat_us = 0 };
	struct str organization = STR_NULL, tags[LIMIT_TAGS];
	struct source_entry e;
	bool is_begun = false;

	for (*n = 0; source_entry_next(&scan, &e);) {
		struct flow f = { .name = e.e.name, .description = e.e.description,
			.author = e.e.author, .tags = tags, .entry = e.e.target };
		char own[IMPORT_SLUG_BYTES + 2];

		if (!str_eq(e.e.space, space))
			continue;
		if (!is_begun) {
			is_begun = true;
			scan.err = arena_str(ch->a, e.e.organization, &organization);
			packed_begin(&w, url, organization);
		}
		if (scan.err == KODO_OK)
			scan.err = source_entry_tags(&e, tags, &f.n_tags);
		own[0] = '/';
		str_copy(own + 1, sizeof(own) - 1, e.e.slug);
		f.url = str_of(own);
		if (*n < LIMIT_NODE_FLOWS && packed_size(&w, &end) < LIMIT_NODE_BYTES / 2) {
			packed_add(&w, &f);
			++*n;
		} else {
			s->refused[IMPORT_TOO_MANY]++;
		}
	}
	if (is_begun)
		packed_end(&w, &end, out);
	packed_writer_free(&w);
	return scan_end(&scan);
}

static enum kodo_err
node_withdraw(struct change *ch, struct peer *p, struct str key)
{
	uint32_t node;
	enum kodo_err err = node_find(ch->t, key, &node);

	if (err == KODO_OK)
		err = statement_drop(ch, p, node);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/* Is it what the peer states, and shown? */
static enum kodo_err
is_stated(struct change *ch, const struct peer *p, struct str key, bool *out)
{
	struct known kn = { .is_seen = false };
	uint32_t node;
	enum kodo_err err = node_find(ch->t, key, &node);

	if (err == KODO_OK)
		err = known_get(ch->t, node, &kn);
	*out = err == KODO_OK && kn.is_seen && kn.winner.peer == p->id;
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/* A node that is there already may change, as those of others may. */
static enum kodo_err
has_room(struct change *ch, const struct peer *p, struct str key, size_t bytes, bool *out)
{
	const uint64_t room = SETTLE_LEFT_BYTES + 4 * bytes;

	*out = change_room(ch, room) >= room;
	return *out ? KODO_OK : is_stated(ch, p, key, out);
}

/* bytes: of the node as it should be. */
static enum kodo_err
node_choose(struct change *ch, struct source *s, struct peer *p, struct source_space *space,
    uint32_t rival, struct str key, struct str bytes)
{
	const struct place_parts place = { STR_NULL, s->slug, space->space };
	struct packed ours;
	uint32_t node = 0;
	bool is = false;
	enum kodo_err err = packed_open(bytes, &ours);

	if (err == KODO_OK)
		err = is_rival(ch, space->rival, key, &place, &ours, &is);
	if (err == KODO_OK && !is) {
		space->rival = rival;
		err = is_rival(ch, rival, key, &place, &ours, &is);
	}
	if (err != KODO_OK)
		return err;
	if (space->is_changed)
		p->modified_us = ch->now_us;
	if (is)
		return node_withdraw(ch, p, key);
	space->rival = 0;
	return statement_take(ch, p, key, bytes, 0, false, &node);
}

enum kodo_err
settle_space(struct change *ch, struct source *s, struct peer *p,
    const struct source_space *stored, uint32_t rival, size_t *n_bytes)
{
	struct source_space space = *stored;
	struct buf bytes = BUF_INIT(0);
	struct str url = STR_NULL, key = STR_NULL;
	bool is = false;
	uint32_t n = 0;
	enum kodo_err err = arena_str(ch->a, stored->space, &space.space);

	if (err == KODO_OK)
		err = place_node(ch->a, ch->o->url, s->slug, space.space, &url);
	if (err == KODO_OK)
		err = url_key(ch->a, url, &key);
	if (err == KODO_OK && !space.is_changed && rival == 0 && space.rival == 0)
		err = is_stated(ch, p, key, &is);
	if (err != KODO_OK || is)
		return err == KODO_ETOOBIG ? KODO_OK : err;
	err = node_pack(ch, s, p->id, space.space, url, &bytes, &n);
	if (err == KODO_OK && buf_failed(&bytes))
		err = bytes.err;
	*n_bytes += bytes.len;
	is = true;
	if (err == KODO_OK && n > 0)
		err = has_room(ch, p, key, bytes.len, &is);
	if (err == KODO_OK && !is)
		s->error = STR(SETTLE_FULL);
	else if (err == KODO_OK && n == 0)
		err = node_withdraw(ch, p, key);
	else if (err == KODO_OK)
		err = node_choose(ch, s, p, &space, rival, key, buf_str(&bytes));
	space.is_changed = !is;
	if (err == KODO_OK && n == 0)
		err = source_space_del(ch->t, p->id, space.space);
	else if (err == KODO_OK)
		err = source_space_put(ch->t, p->id, &space);
	buf_free(&bytes);
	return err;
}

/* --- many --- */

/* What the walk, which was of all, has not seen, is not there any more. */
static enum kodo_err
space_sweep(struct change *ch, struct source *s, uint32_t peer, struct source_space *space,
    uint64_t *n)
{
	struct scan scan = source_entry_scan(ch->t, peer, space->space);
	struct str *gone = NULL, *all;
	struct source_entry e;
	size_t n_gone = 0, cap = 0, i;
	enum kodo_err err;

	while (source_entry_next(&scan, &e)) {
		++*n;
		if (e.walk == s->walk || !str_eq(e.e.space, space->space))
			continue;
		all = arena_grow(ch->a, gone, n_gone, &cap, sizeof(*gone));
		if (all == NULL) {
			scan.err = KODO_ENOMEM;
			continue;
		}
		gone = all;
		scan.err = arena_str(ch->a, e.e.slug, &gone[n_gone++]);
		source_hold(s, e.n_bytes, 0);
	}
	err = scan_end(&scan);
	for (i = 0; i < n_gone && err == KODO_OK; i++)
		err = source_entry_del(ch->t, peer, space->space, gone[i]);
	space->is_changed |= n_gone > 0;
	s->n_gone += (uint32_t)n_gone;
	s->n_entries -= n_gone < s->n_entries ? n_gone : s->n_entries;
	return err;
}

static uint32_t
rival_of(const struct settle_rivals *rivals, struct str slug, struct str space)
{
	const uint64_t place = settle_place(slug, space);
	size_t from = 0, to = rivals->n;

	while (from < to) {
		const size_t at = from + (to - from) / 2;

		if (rivals->all[at].place < place)
			from = at + 1;
		else
			to = at;
	}
	return from < rivals->n && rivals->all[from].place == place ? rivals->all[from].node : 0;
}

enum kodo_err
settle_some(struct change *ch, struct source *s, struct peer *p,
    const struct settle_rivals *rivals, bool *more)
{
	const unsigned both = SOURCE_FULL | SOURCE_WHOLE;
	struct source_space found, space;
	struct scan scan;
	uint64_t hash = 0, n = 0;
	size_t n_bytes = 0;
	unsigned i;
	enum kodo_err err = KODO_OK;

	*more = true;
	for (i = 0; i < SPACES_AT_ONCE && n < FLOWS_AT_ONCE && n_bytes < BYTES_AT_ONCE && *more &&
	    err == KODO_OK; i++) {
		/* a scan cannot go on over a change */
		scan = source_space_scan(ch->t, p->id, s->settled);
		*more = source_space_next(&scan, &hash, &found);
		if (*more)
			scan.err = arena_str(ch->a, found.space, &space.space);
		err = scan_end(&scan);
		if (err != KODO_OK || !*more)
			break;
		space.is_changed = found.is_changed;
		space.rival = found.rival;
		if ((s->flags & both) == both)
			err = space_sweep(ch, s, p->id, &space, &n);
		if (err == KODO_OK)
			err = settle_space(
			    ch, s, p, &space, rival_of(rivals, s->slug, space.space), &n_bytes);
		*more = hash < UINT64_MAX;
		s->settled = hash + 1;
	}
	return err;
}
