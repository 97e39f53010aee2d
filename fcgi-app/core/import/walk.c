#include <stdlib.h>

#include "core/base/log.h"
#include "core/base/url.h"
#include "core/import/place.h"
#include "core/import/walk_private.h"
#include "core/merge/statement.h"
#include "core/records/known.h"

/*
 * Of a registry that can say what changed since, all is asked for once a day: what it took out
 * without a word is found then.
 */
#define FULL_US		(24 * HOUR_US)
/* clocks differ, and what is written just now may show later: so much is asked for again */
#define OVERLAP_US	(5 * 60 * 1000000ll)
#define FAILURE_US	(60 * 1000000ll)	/* the first wait, doubled each time */
/* nodes that end in one transaction, fewer if they have that many flows; records after them */
#define ENDS_AT_ONCE	200u
#define END_FLOWS	5000u
#define FORGOTTEN_AT_ONCE 5000u

/* --- what a source is --- */

/* The sources: those of the option, then those that are stored and not among them. */
struct sources {
	struct arena *a;
	const struct options *o;
	int64_t restored_us;	/* when this state was an older copy; 0: never */
	struct source *all;
	size_t n, cap;
};

static struct source *
sources_find(const struct sources *l, struct str slug)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (str_eq(l->all[i].slug, slug))
			return &l->all[i];
	return NULL;
}

static enum kodo_err
sources_add(struct sources *l, const struct source *s)
{
	struct source *all = arena_grow(l->a, l->all, l->n, &l->cap, sizeof(*all));

	if (all == NULL)
		return KODO_ENOMEM;
	l->all = all;
	all[l->n++] = *s;
	return KODO_OK;
}

/* What is stored of it, with the option's text where that is another. */
static enum kodo_err
option_source(struct sources *l, struct txn *t, struct str text)
{
	struct option_import o;
	struct source s;
	struct str slug;
	enum kodo_err err = option_import_read(text, &o, NULL);

	if (err == KODO_OK)
		err = place_of_source(l->a, o.url, &slug);
	/* a second one of that slug would take the nodes of the first: check/environment says so */
	if (err != KODO_OK || sources_find(l, slug) != NULL)
		return err == KODO_EINVAL ? KODO_OK : err;
	err = source_get(t, l->a, slug, &s);
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	s.slug = slug;
	s.flags &= ~(unsigned)SOURCE_ONCE;
	if (!str_eq(s.text, text)) {
		s.text = text;
		s.root = s.etag = STR_NULL;
		s.kind = IMPORT_ANY;
		s.since_us = s.full_us = s.due_us = 0;
		if (s.phase == SOURCE_WALKS)
			s.phase = SOURCE_IDLE;
	}
	if (s.phase == SOURCE_ENDS)
		s.phase = SOURCE_IDLE;
	return sources_add(l, &s);
}

static enum kodo_err
stored_source(void *arg, const struct source *stored)
{
	struct sources *l = arg;
	struct source s = *stored;
	enum kodo_err err = arena_str(l->a, stored->slug, &s.slug);

	if (err != KODO_OK || sources_find(l, s.slug) != NULL)
		return err;
	if ((s.flags & SOURCE_ONCE) == 0 || !l->o->registry)
		s.phase = SOURCE_ENDS;
	return sources_add(l, &s);
}

/* t: a transaction of any kind; those that are stored alone have texts in the map. */
static enum kodo_err
sources_read(struct sources *l, struct txn *t)
{
	size_t i;
	enum kodo_err err = KODO_OK;

	for (i = 0; l->o->registry && i < l->o->n_imports && err == KODO_OK; i++)
		err = option_source(l, t, l->o->imports[i]);
	return err == KODO_OK ? source_each(t, stored_source, l) : err;
}

/* --- a walk --- */

enum kodo_err
walk_peer(struct change *ch, struct source *s, struct peer **out)
{
	const char *name = arena_printf(ch->a, IMPORT_TAG "%.*s", STR_ARG(s->slug));
	enum kodo_err err = name == NULL ? KODO_ENOMEM
	    : change_peer_make(ch, str_of(name), str_of(name), out);

	if (err != KODO_OK)
		return err;
	s->peer = (*out)->id;
	(*out)->flags |= PEER_IMPORT | PEER_KODO | PEER_ENTRIES | PEER_PROVEN;
	if ((*out)->created_us == 0)
		(*out)->created_us = (*out)->modified_us = ch->now_us;
	(*out)->in.at_us = ch->now_us;
	return KODO_OK;
}

/* Its nodes go where this service is now. */
static enum kodo_err
own_url_follow(struct change *ch, struct source *s, struct peer *p)
{
	enum kodo_err err = KODO_OK;

	if (s->own_url.p != NULL && !str_eq(s->own_url, ch->o->url))
		err = statement_drop_all(ch, p);
	s->own_url = ch->o->url;
	return err;
}

static enum kodo_err
walk_begin(struct change *ch, struct source *s)
{
	struct option_import o;
	struct peer *p;
	enum kodo_err err = option_import_read(s->text, &o, NULL);

	if (err == KODO_OK)
		err = walk_peer(ch, s, &p);
	if (err == KODO_OK)
		err = own_url_follow(ch, s, p);
	if (err != KODO_OK)
		return err;
	s->flags &= ~(unsigned)(SOURCE_FULL | SOURCE_WHOLE);
	if (s->kind != IMPORT_MCP || s->since_us == 0 || s->full_us > ch->now_us ||
	    s->began_us < (int64_t)ch->head.restored_us ||
	    ch->now_us - s->full_us > FULL_US)
		s->flags |= SOURCE_FULL;
	s->phase = SOURCE_WALKS;
	s->walk++;
	s->began_us = s->due_us = ch->now_us;
	s->tries = s->requests = s->n_new = s->n_changed = s->n_gone = 0;
	s->loop_power = s->loop_steps = 0;
	s->loop_hash = s->bytes = s->settled = 0;
	s->example = s->error = STR_NULL;
	memset(s->refused, 0, sizeof(s->refused));
	return walk_queue_begin(ch->a, s, &o, &s->queue);
}

static int64_t
hours_of(const struct source *s)
{
	struct option_import o;

	/* it was read before */
	return option_import_read(s->text, &o, NULL) == KODO_OK ? o.hours : 1;
}

/* The longest time that passes until something is done for it again. */
static int64_t
wait_most_us(const struct source *s)
{
	const int64_t us = hours_of(s) * HOUR_US;

	return us > FULL_US ? us : FULL_US;
}

void
walk_end(struct source *s, int64_t now_us, unsigned retry_after_s)
{
	const int64_t most_us = wait_most_us(s);
	int64_t wait_us = FAILURE_US;
	uint32_t i;

	s->phase = SOURCE_SETTLES;
	s->settled = 0;
	s->queue = STR_NULL;
	if (s->error.p == NULL) {
		s->flags |= SOURCE_WHOLE;
		s->failures = 0;
		s->due_us = now_us + hours_of(s) * HOUR_US;
		return;
	}
	/* it may be another thing by now; but what that has would sweep what this one brought */
	if (s->requests <= 1 && s->n_entries == 0)
		s->root = s->etag = STR_NULL;
	for (i = 0; i < s->failures && wait_us < most_us; i++)
		wait_us *= 2;
	if (wait_us < retry_after_s * 1000000ll)
		wait_us = retry_after_s * 1000000ll;
	s->failures++;
	s->due_us = now_us + (wait_us < most_us ? wait_us : most_us);
}

/* --- what is due --- */

static bool
is_busy(const struct str *busy, size_t n, struct str slug)
{
	size_t i;

	for (i = 0; i < n && !str_eq(busy[i], slug); i++)
		;
	return i < n;
}

/* When something is to be done for it. */
static int64_t
source_due_us(const struct source *s, const struct sources *l, int64_t now_us)
{
	const bool is_old = s->began_us < l->restored_us && l->restored_us <= now_us;

	if (s->phase == SOURCE_SETTLES || s->phase == SOURCE_ENDS ||
	    (s->flags & SOURCE_NOW) != 0 ||
	    (s->own_url.p != NULL && !str_eq(s->own_url, l->o->url)))
		return s->phase == SOURCE_WALKS ? s->due_us : now_us;
	/* a time that no walk has set: the clock was set back */
	if (s->phase != SOURCE_IDLE || (s->flags & SOURCE_ONCE) == 0)
		return is_old || s->due_us > now_us + wait_most_us(s) + OVERLAP_US ? now_us
									   : s->due_us;
	return INT64_MAX;
}

/* The first one of them that is due. NULL: none. */
static struct source *
due_find(struct sources *l, int64_t now_us, const struct str *busy, size_t n_busy,
    int64_t *due_us)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		const int64_t at_us = source_due_us(&l->all[i], l, now_us);

		if (is_busy(busy, n_busy, l->all[i].slug))
			continue;
		if (at_us <= now_us)
			return &l->all[i];
		if (at_us < *due_us)
			*due_us = at_us;
	}
	return NULL;
}

/* Begins a walk where none is on its way, and says what is next. */
static enum kodo_err
next_fn(struct change *ch, void *arg)
{
	struct walk_next *n = arg;
	struct walk_work *w = &n->work;
	struct sources l = { .a = ch->a, .o = ch->o };
	struct source *s;
	struct option_import o;
	struct url here, named;
	enum kodo_err err = sources_read(&l, ch->t);

	s = err == KODO_OK ? sources_find(&l, n->slug) : NULL;
	if (s == NULL)
		return err == KODO_OK ? KODO_ENOTFOUND : err;
	if (s->phase == SOURCE_IDLE) {
		err = walk_begin(ch, s);
		if (err == KODO_OK)
			err = source_put(ch->t, s);
	}
	if (err != KODO_OK)
		return err;
	*w = (struct walk_work){ .step = WALK_SETTLE, .walk = s->walk };
	if (s->phase == SOURCE_WALKS && walk_queue_first(s->queue, &w->doc)) {
		w->step = WALK_FETCH;
		w->is_listed = option_import_read(s->text, &o, NULL) == KODO_OK &&
		    url_parse(o.url, &named, NULL) == KODO_OK &&
		    url_parse(w->doc.url, &here, NULL) == KODO_OK &&
		    str_eq(here.host, named.host) && here.port == named.port;
		err = arena_str(ch->a, w->doc.url, &w->doc.url);
		if (err == KODO_OK && s->root.p != NULL && str_eq(s->root, w->doc.url))
			err = arena_str(ch->a, s->etag, &w->etag);
	}
	return err == KODO_OK ? arena_str(ch->a, s->slug, &w->slug) : err;
}

const struct change_type change_walk_next = { .kind = CHANGE_WALK_NEXT, .fn = next_fn };

enum kodo_err
walk_next(struct registry *r, struct arena *a, int64_t now_us, const struct str *busy,
    size_t n_busy, struct walk_work *out, int64_t *due_us)
{
	struct walk_next next = { .slug = STR_NULL };
	const bool is_kept = true;
	struct change_run run = { .type = &change_walk_next, .r = r, .now_us = now_us,
		.arg = &next, .is_kept = &is_kept };
	struct sources l = { .a = a };
	struct source *s = NULL;
	struct view v;
	enum kodo_err err = view_begin(r, now_us, &v);

	if (err != KODO_OK)
		return err;
	l.o = v.options;
	l.restored_us = (int64_t)v.head.restored_us;
	err = sources_read(&l, &v.t);
	if (err == KODO_OK)
		s = due_find(&l, now_us, busy, n_busy, due_us);
	if (s != NULL)
		err = arena_str(a, s->slug, &next.slug);
	view_end(&v);
	if (err != KODO_OK || s == NULL)
		return err == KODO_OK ? KODO_ENOTFOUND : err;
	err = registry_change(&run);
	*out = next.work;
	if (err == KODO_OK)
		err = arena_str(a, out->slug, &out->slug);
	if (err == KODO_OK)
		err = arena_str(a, out->doc.url, &out->doc.url);
	return err == KODO_OK ? arena_str(a, out->etag, &out->etag) : err;
}

/* --- settling --- */

/* Nothing of it is wanted any more. */
static enum kodo_err
source_end(struct change *ch, struct source *s, struct peer *p, bool *is_ended)
{
	struct scan scan;
	struct place at = { .order = 0 };
	const uint64_t total = ch->head.total;
	unsigned i;
	bool found = true;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < ENDS_AT_ONCE && ch->head.total + END_FLOWS > total && found &&
	    err == KODO_OK; i++) {
		scan = place_scan(ch->t, p->id);
		found = place_next(&scan, &at);
		err = scan_end(&scan);
		if (err == KODO_OK && found)
			err = statement_drop(ch, p, at.node);
	}
	if (err == KODO_OK && !found)
		err = source_forget(ch->t, p->id, FORGOTTEN_AT_ONCE, &found);
	*is_ended = !found;
	if (err != KODO_OK || found)
		return err;
	p->flags &= ~(unsigned)PEER_IMPORT;
	return source_del(ch->t, s->slug);
}

static void
source_rest(struct source *s, int64_t now_us)
{
	s->phase = SOURCE_IDLE;
	s->done_us = now_us;
	if ((s->flags & SOURCE_WHOLE) != 0)
		s->since_us = s->began_us - OVERLAP_US;
	if ((s->flags & (SOURCE_WHOLE | SOURCE_FULL)) == (SOURCE_WHOLE | SOURCE_FULL))
		s->full_us = s->began_us;
	s->flags &= ~(unsigned)SOURCE_NOW;
}

static enum kodo_err
settle_fn(struct change *ch, void *arg)
{
	struct walk_settling *g = arg;
	struct sources l = { .a = ch->a, .o = ch->o };
	struct source *s;
	struct peer *p = NULL;
	bool more = false;
	enum kodo_err err = sources_read(&l, ch->t);

	g->is_done = g->is_ended = false;
	s = err == KODO_OK ? sources_find(&l, g->slug) : NULL;
	if (s == NULL || (s->phase != SOURCE_SETTLES && s->phase != SOURCE_ENDS))
		return err;
	err = walk_peer(ch, s, &p);
	if (err == KODO_OK && s->phase == SOURCE_ENDS) {
		g->s = *s;
		return source_end(ch, s, p, &g->is_ended);
	}
	if (err == KODO_OK)
		err = own_url_follow(ch, s, p);
	if (g->is_full)
		s->error = STR(SETTLE_FULL);
	else if (err == KODO_OK)
		err = settle_some(ch, s, p, g->rivals, &more);
	if (err == KODO_OK && !more)
		source_rest(s, ch->now_us);
	g->is_done = !more;
	g->s = *s;
	g->n_refused = source_n_refused(s);
	return err == KODO_OK ? source_put(ch->t, s) : err;
}

const struct change_type change_walk_settle = { .kind = CHANGE_WALK_SETTLE, .fn = settle_fn };

static void
say_done(const struct source *s, uint32_t refused)
{
	if (s->error.p != NULL)
		log_warning("import of %.*s: %.*s; tried again later", STR_ARG(s->slug),
		    STR_ARG(s->error));
	else if (s->n_new + s->n_changed + s->n_gone > 0 || refused > 0)
		log_info("import of %.*s: %llu entries; %u new, %u changed, %u gone, %u refused%s"
		    "%.*s; %u requests, %llu KiB", STR_ARG(s->slug),
		    (unsigned long long)s->n_entries, s->n_new, s->n_changed, s->n_gone, refused,
		    s->example.p == NULL ? "" : ", the first one ", STR_ARG(s->example),
		    s->requests, (unsigned long long)s->bytes >> 10);
}

enum kodo_err
walk_settle(struct registry *r, const struct walk_work *w, const struct settle_rivals *rivals,
    int64_t now_us)
{
	struct walk_settling g = { .slug = w->slug, .rivals = rivals };
	bool is_kept = true;
	struct change_run run = { .type = &change_walk_settle, .r = r, .now_us = now_us, .arg = &g,
		.is_kept = &is_kept };
	enum kodo_err err = registry_change(&run);

	if (err == KODO_EFULL) {
		g.is_full = true;
		err = registry_change(&run);
	}
	if (err == KODO_OK && g.is_done)
		say_done(&g.s, g.n_refused);
	if (err == KODO_OK && g.is_ended)
		log_info("import of %.*s: ended, and its entries with it", STR_ARG(g.s.slug));
	return err;
}

enum kodo_err
walk_rivals(struct registry *r, struct arena *a, struct str slug, struct settle_rivals *out,
    uint64_t *position)
{
	struct view v;
	enum kodo_err err = view_begin(r, 0, &v);

	*out = (struct settle_rivals){ .n = 0 };
	if (err != KODO_OK)
		return err;
	*position = v.head.logged;
	err = settle_rivals_find(&v.t, a, v.options->url, slug, out);
	view_end(&v);
	return err;
}
