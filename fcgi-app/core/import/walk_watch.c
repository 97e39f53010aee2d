/* What others say of imported nodes; and what people ask for. */
#include <stdio.h>

#include "core/base/log.h"
#include "core/base/url.h"
#include "core/import/place.h"
#include "core/import/walk_private.h"
#include "core/merge/statement.h"
#include "core/records/changelog.h"
#include "core/records/known.h"

#define WATCH_AT_ONCE	1000u

struct looking {
	struct arena *a;
	struct txn *t;
	const struct options *o;
	struct walk_doubts found;
	size_t cap;
	uint64_t stored;		/* place in the log */
	bool any, any_settles;		/* sources */
};

/* The node's url, whether it is there or gone. */
static enum kodo_err
node_url(struct txn *t, uint32_t node, struct known *kn, struct str *url)
{
	struct packed p;
	enum kodo_err err = known_get(t, node, kn);

	*url = STR_NULL;
	if (err == KODO_OK && kn->is_seen) {
		err = packed_open(kn->winner.bytes, &p);
		*url = p.url;
	} else if (err == KODO_OK && kn->is_gone) {
		*url = kn->tomb.bytes;
	}
	return err;
}

static enum kodo_err
doubt_note(struct looking *w, uint32_t node)
{
	struct place_parts parts;
	struct source s;
	struct walk_doubt *all;
	struct known kn;
	struct str url;
	bool is_own;
	enum kodo_err err = node_url(w->t, node, &kn, &url);

	if (err != KODO_OK || url.p == NULL || !place_read(url, &parts))
		return err;
	is_own = str_eq(parts.before, w->o->url);
	err = source_get(w->t, w->a, parts.slug, &s);
	if (err == KODO_ENOTFOUND && is_own)
		err = KODO_OK;	/* s.peer is 0 */
	if (err != KODO_OK || (is_own && (!kn.is_seen || kn.winner.peer == s.peer)))
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	all = arena_grow(w->a, w->found.all, w->found.n, &w->cap, sizeof(*all));
	if (all == NULL)
		return KODO_ENOMEM;
	w->found.all = all;
	all += w->found.n++;
	all->node = node;
	all->is_own = is_own;
	err = arena_str(w->a, parts.slug, &all->slug);
	return err == KODO_OK ? arena_str(w->a, parts.space, &all->space) : err;
}

/* It was stated before the url was ours, or by a former build: rules_apply lets nobody do it. */
static enum kodo_err
own_settle(struct change *ch, uint32_t node)
{
	struct known kn;
	struct str url, key = STR_NULL;
	enum kodo_err err = node_url(ch->t, node, &kn, &url);

	if (err == KODO_OK && !kn.is_seen)
		return KODO_OK;
	if (err == KODO_OK)
		err = arena_str(ch->a, url, &url);
	if (err == KODO_OK)
		err = url_key(ch->a, url, &key);
	if (err == KODO_OK)
		err = statement_take_end(ch, PEER_SELF, url, key, kn.version);
	return err == KODO_EINVAL ? KODO_ECORRUPT : err;
}

static enum kodo_err
doubt_settle(struct change *ch, const struct walk_doubt *d)
{
	struct source_space space;
	struct source s;
	struct peer *p;
	size_t n_bytes = 0;
	enum kodo_err err =
	    d->is_own ? own_settle(ch, d->node) : source_get(ch->t, ch->a, d->slug, &s);

	if (d->is_own)
		return err;
	if (err == KODO_OK && s.phase == SOURCE_ENDS)
		return KODO_OK;
	if (err == KODO_OK)
		err = source_space_get(ch->t, s.peer, source_hash(d->space), &space);
	if (err == KODO_OK)
		err = walk_peer(ch, &s, &p);
	if (err == KODO_OK && str_eq(space.space, d->space) && !space.is_changed)
		err = settle_space(ch, &s, p, &space, d->node, &n_bytes);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static enum kodo_err
doubts_fn(struct change *ch, void *arg)
{
	const struct walk_doubts *w = arg;
	size_t i;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < w->n && err == KODO_OK; i++)
		err = doubt_settle(ch, &w->all[i]);
	return err == KODO_OK && w->is_to_store
	    ? source_watched_put(ch->t, ch->o->url, w->position) : err;
}

const struct change_type change_walk_doubts = { .kind = CHANGE_WALK_DOUBTS, .fn = doubts_fn };

static enum kodo_err
source_count(void *arg, const struct source *s)
{
	struct looking *w = arg;

	w->any = true;
	w->any_settles |= s->phase == SOURCE_SETTLES;
	return KODO_OK;
}

/* The entries of the log behind *position, so many of them. */
static enum kodo_err
doubts_find(struct looking *w, uint64_t *position)
{
	struct scan s = changelog_scan(w->t, *position);
	struct changelog_entry e;
	unsigned n = 0;
	enum kodo_err err;

	while (n++ < WATCH_AT_ONCE && changelog_next(&s, &e)) {
		s.err = doubt_note(w, e.node);
		*position = e.at;
	}
	err = scan_end(&s);
	log_debug("imports: looked at %u nodes that were changed", n - 1);
	return err;
}

enum kodo_err
walk_watch(
    struct registry *r, uint64_t *position, int64_t now_us, enum walk_watched *out)
{
	struct looking w = { .a = arena_new() };
	struct change_run run = { .type = &change_walk_doubts, .r = r, .now_us = now_us,
		.arg = &w.found };
	struct view v;
	enum kodo_err err;

	if (w.a == NULL)
		return KODO_ENOMEM;
	err = view_begin(r, now_us, &v);
	if (err != KODO_OK) {
		arena_free(w.a);
		return err;
	}
	w.t = &v.t;
	w.o = v.options;
	err = source_each(&v.t, source_count, &w);
	if (err == KODO_OK)
		err = source_watched_get(&v.t, v.options->url, &w.stored);
	if (*position == WALK_STORED)
		*position = w.stored;
	if (err == KODO_OK && !w.any)
		*position = v.head.logged;
	if (err == KODO_OK && w.any && *position < v.head.logged)
		err = doubts_find(&w, position);
	/* what a settling source is to look at again is not behind it yet */
	w.found.position = *position;
	w.found.is_to_store = w.any && !w.any_settles && *position > w.stored &&
	    (w.found.n > 0 || *position - w.stored >= WATCH_AT_ONCE);
	*out = !w.any ? WALK_IDLE : *position < v.head.logged ? WALK_MORE : WALK_SEEN;
	view_end(&v);
	if (err == KODO_OK && (w.found.n > 0 || w.found.is_to_store))
		err = registry_change(&run);
	arena_free(w.a);
	return err;
}

/* --- by hand --- */

/* Is it one of the option? *text: as that has it; null: it is none. */
static enum kodo_err
option_find_slug(struct change *ch, struct str slug, struct str *text)
{
	struct option_import o;
	struct str other;
	size_t i;
	enum kodo_err err = KODO_OK;

	*text = STR_NULL;
	for (i = 0; i < ch->o->n_imports && err == KODO_OK; i++) {
		if (option_import_read(ch->o->imports[i], &o, NULL) != KODO_OK)
			continue;
		err = place_of_source(ch->a, o.url, &other);
		if (err == KODO_OK && str_eq(other, slug)) {
			*text = ch->o->imports[i];
			return KODO_OK;
		}
	}
	return err;
}

static enum kodo_err
wish_fn(struct change *ch, void *arg)
{
	struct walk_wish *w = arg;
	struct option_import o;
	struct source s;
	struct str slug = STR_NULL, listed;
	enum kodo_err err = option_import_read(w->text, &o, NULL);

	if (err == KODO_OK)
		err = place_of_source(ch->a, o.url, &slug);
	if (err != KODO_OK)
		return err;
	str_copy(w->slug, WALK_SLUG_BYTES, slug);
	err = option_find_slug(ch, slug, &listed);
	if (err != KODO_OK)
		return err;
	err = source_get(ch->t, ch->a, slug, &s);
	if (err == KODO_ENOTFOUND && w->is_over)
		return err;
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	s.slug = slug;
	if (w->is_over || (listed.p != NULL && memchr(w->text.p, '#', w->text.len) != NULL &&
	    !str_eq(listed, w->text))) {
		if (listed.p != NULL)
			return KODO_ECONFLICT;
		s.phase = SOURCE_ENDS;
		s.flags = 0;
		return source_put(ch->t, &s);
	}
	if (listed.p == NULL)
		s.flags |= SOURCE_ONCE;
	if (!str_eq(s.text, listed.p != NULL ? listed : w->text)) {
		s.root = s.etag = STR_NULL;
		s.kind = IMPORT_ANY;
		s.since_us = s.full_us = 0;
		s.phase = s.phase == SOURCE_WALKS ? SOURCE_IDLE : s.phase;
		s.text = listed.p != NULL ? listed : w->text;
	}
	s.flags |= SOURCE_NOW;
	s.due_us = ch->now_us;
	s.phase = s.phase == SOURCE_ENDS ? SOURCE_IDLE : s.phase;
	return source_put(ch->t, &s);
}

const struct change_type change_walk_wish = { .kind = CHANGE_WALK_WISH, .fn = wish_fn };

static enum kodo_err
wish(struct registry *r, struct walk_wish *w, int64_t now_us, char slug[WALK_SLUG_BYTES])
{
	struct change_run run = { .type = &change_walk_wish, .r = r, .now_us = now_us, .arg = w };
	const enum kodo_err err = registry_change(&run);

	str_copy(slug, WALK_SLUG_BYTES, str_of(w->slug));
	return err;
}

enum kodo_err
walk_want(struct registry *r, struct str text, int64_t now_us, char slug[WALK_SLUG_BYTES])
{
	return wish(r, &(struct walk_wish){ .text = text }, now_us, slug);
}

enum kodo_err
walk_forget(struct registry *r, struct str text, int64_t now_us, char slug[WALK_SLUG_BYTES])
{
	return wish(r, &(struct walk_wish){ .text = text, .is_over = true }, now_us, slug);
}
