/* What a document has brought. */
#include <stdio.h>

#include "core/base/hash.h"
#include "core/base/url.h"
#include "core/import/walk_private.h"
#include "core/merge/statement.h"

#define TRIES_MAX	3u		/* of a document, while its walk is on */
#define TRY_US		(2 * 1000000ll)	/* the first wait between them, four times as long each */
#define TRY_MAX_S	600u
#define EXAMPLE_BYTES	200u
#define ENTRIES_AT_ONCE	2000u

/* A document as it was read, before anything is stored. */
struct batch {
	struct arena *a;
	struct import_entry *entries;
	size_t n_entries, cap_entries;
	struct import_doc *docs;
	size_t n_docs, cap_docs;
	uint32_t refused[IMPORT_REFUSALS];
	struct str example;
	enum import_kind kind;
	struct why why;		/* why it cannot be read; empty: it can */
};

static enum kodo_err
take_entry(void *arg, const struct import_entry *e)
{
	struct batch *b = arg;
	struct import_entry *all =
	    arena_grow(b->a, b->entries, b->n_entries, &b->cap_entries, sizeof(*all));

	if (all == NULL)
		return KODO_ENOMEM;
	b->entries = all;
	all[b->n_entries++] = *e;
	return KODO_OK;
}

static enum kodo_err
take_doc(void *arg, const struct import_doc *doc)
{
	struct batch *b = arg;
	struct import_doc *all = arena_grow(b->a, b->docs, b->n_docs, &b->cap_docs, sizeof(*all));

	if (all == NULL)
		return KODO_ENOMEM;
	b->docs = all;
	all[b->n_docs++] = *doc;
	return KODO_OK;
}

static enum kodo_err
example_note(struct arena *a, struct str *example, enum import_refusal why, struct str id)
{
	if (example->p != NULL)
		return KODO_OK;
	id.len = id.len < EXAMPLE_BYTES ? id.len : EXAMPLE_BYTES;
	*example = str_of(arena_printf(a, "%.*s: %s", STR_ARG(id), import_refusal_text(why)));
	return example->p == NULL ? KODO_ENOMEM : KODO_OK;
}

static enum kodo_err
take_refusal(void *arg, enum import_refusal why, struct str id)
{
	struct batch *b = arg;

	b->refused[why]++;
	return example_note(b->a, &b->example, why, id);
}

static enum kodo_err
batch_read(struct batch *b, const struct walk_work *w, struct str body)
{
	struct import_reader r = { .a = b->a, .j = jread_new(), .doc = w->doc, .slug = w->slug,
		.entry = take_entry, .refuse = take_refusal, .follow = take_doc, .arg = b };
	enum kodo_err err = r.j == NULL ? KODO_ENOMEM : import_read(&r, body, &b->why);

	b->kind = r.doc.kind;
	jread_free(r.j);
	return err == KODO_EINVAL ? KODO_OK : err;
}

/* --- storing --- */

static enum kodo_err
space_mark(struct change *ch, uint32_t peer, struct str name)
{
	struct source_space space;
	enum kodo_err err = source_space_get(ch->t, peer, source_hash(name), &space);

	if (err == KODO_OK && space.is_changed && str_eq(space.space, name))
		return KODO_OK;
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	space.is_changed = true;
	space.space = name;
	return source_space_put(ch->t, peer, &space);
}

static enum kodo_err
entry_end(struct change *ch, struct source *s, const struct import_entry *e, size_t was)
{
	enum kodo_err err = source_entry_del(ch->t, s->peer, e->space, e->slug);

	source_hold(s, was, 0);
	s->n_gone++;
	s->n_entries -= s->n_entries > 0;
	return err == KODO_OK ? space_mark(ch, s->peer, e->space) : err;
}

static enum kodo_err
too_many(struct change *ch, struct source *s, const struct import_entry *e)
{
	s->refused[IMPORT_TOO_MANY]++;
	return example_note(ch->a, &s->example, IMPORT_TOO_MANY, e->id);
}

/* It has been stored, and is over the ceiling of bytes with that: it goes. */
static enum kodo_err
over_stored(struct change *ch, struct source *s, const struct import_entry *e, size_t n_bytes,
    bool is_new)
{
	enum kodo_err err = too_many(ch, s, e);

	if (err != KODO_OK)
		return err;
	if (!is_new)
		return entry_end(ch, s, e, n_bytes);
	source_hold(s, n_bytes, 0);
	return source_entry_del(ch->t, s->peer, e->space, e->slug);
}

/* *again: the walk has seen it before. */
static enum kodo_err
entry_store(struct change *ch, struct source *s, const struct import_entry *e,
    const struct option_import *o, bool *again)
{
	struct source_entry was;
	int64_t first_us = ch->now_us;
	size_t n_was = 0, n_now = 0;
	bool is_same, is_new;
	enum kodo_err err = source_entry_get(ch->t, s->peer, e->space, e->slug, &was);

	*again = false;
	is_new = err == KODO_ENOTFOUND;
	if (err != KODO_OK && !is_new)
		return err;
	if (!is_new) {
		first_us = was.first_us;
		n_was = was.n_bytes;
		*again = was.walk == s->walk;
	}
	if (e->is_gone)
		return is_new ? KODO_OK : entry_end(ch, s, e, n_was);
	if (is_new && s->n_entries >= o->items)
		return too_many(ch, s, e);
	err = source_entry_put(ch->t, s->peer, first_us, s->walk, e, &is_same, &n_now);
	source_hold(s, n_was, n_now);
	if (err != KODO_OK || is_same)
		return err;
	if (n_now > n_was && s->held >> 20 >= o->mib)
		return over_stored(ch, s, e, n_now, is_new);
	s->n_entries += is_new;
	s->n_new += is_new;
	s->n_changed += !is_new;
	return space_mark(ch, s->peer, e->space);
}

static enum kodo_err
entries_store(
    struct change *ch, struct source *s, struct walk_page *t, const struct option_import *o)
{
	size_t i;
	bool again;
	enum kodo_err err = KODO_OK;

	t->live_now = t->n_live;
	t->again_now = t->n_again;
	for (i = 0; i < t->n_entries && err == KODO_OK; i++) {
		const struct import_entry *e = &t->entries[i];

		err = entry_store(ch, s, e, o, &again);
		/* what is refused or gone is not stored, so nobody knows whether it came before */
		t->live_now += !e->is_gone;
		t->again_now += again && !e->is_gone;
	}
	return err;
}

/* Are there entries, all of which were seen before in this walk? */
static bool
is_repeated(const struct walk_page *t)
{
	return t->live_now > 0 && t->again_now == t->live_now;
}

/*
 * Has this page been fetched before? As Brent finds cycles (BIT 20, 1980): one earlier page is
 * remembered, ever later ones, so a circle of any length is found within three rounds.
 */
static bool
loop_note(struct source *s, struct str url)
{
	const uint64_t hash = hash_text(HASH_STORED, url);

	if (s->loop_power > 0 && hash == s->loop_hash)
		return true;
	if (s->loop_power == 0 || ++s->loop_steps >= s->loop_power) {
		s->loop_power = s->loop_power == 0 ? 1 : s->loop_power * 2;
		s->loop_steps = 0;
		s->loop_hash = hash;
	}
	return false;
}

/* The documents that are left, and those that this one names. */
static enum kodo_err
queue_follow(struct change *ch, struct source *s, const struct walk_page *b, struct str left)
{
	struct buf queue = BUF_INIT(0);
	size_t i;
	enum kodo_err err = KODO_OK;

	/* the next page first: its place is soon out of date */
	for (i = 0; i < b->n_docs; i++)
		if (b->docs[i].is_next)
			walk_queue_put(&queue, &b->docs[i]);
	buf_put_str(&queue, left);
	for (i = 0; i < b->n_docs && err == KODO_OK; i++) {
		if (b->docs[i].is_next)
			continue;
		if (queue.len + b->docs[i].url.len < QUEUE_BYTES) {
			walk_queue_put(&queue, &b->docs[i]);
			continue;
		}
		s->refused[IMPORT_TOO_MANY]++;
		err = example_note(ch->a, &s->example, IMPORT_TOO_MANY, b->docs[i].url);
	}
	if (err == KODO_OK)
		err = buf_failed(&queue) ? queue.err : arena_str(ch->a, buf_str(&queue), &s->queue);
	buf_free(&queue);
	return err;
}

/* The first document that could be read is what the source is; the other ways are dropped. */
static void
root_find(struct source *s, enum import_kind kind, const struct import_doc *doc)
{
	if (s->root.p != NULL)
		return;
	s->root = kind == IMPORT_MCP ? walk_queue_root(s, doc->url) : doc->url;
	s->kind = kind;
	s->queue.len -= walk_queue_rest(s->queue).len;
}

/* A ceiling of the walk that is reached; NULL: none. */
static const char *
ceiling_of(const struct source *s, const struct option_import *o, int64_t now_us)
{
	if (s->bytes >> 20 >= o->mib)
		return "its answers are over the ceiling mib";
	if (now_us - s->began_us > o->minutes * 60000000ll)
		return "it takes longer than the ceiling minutes";
	/* pages of ten entries, and manifests */
	if (s->requests > o->items / 10 + 1000)
		return "it has too many pages for the ceiling items";
	return NULL;
}

/* The walk is not whole, for what is wrong in the first document of the queue. The first counts. */
static enum kodo_err
problem_note(struct change *ch, struct source *s, struct str problem)
{
	struct import_doc doc;
	struct str url;

	if (s->error.p == NULL && walk_queue_first(s->queue, &doc)) {
		url = url_less_query(doc.url);
		s->error = str_of(
		    arena_printf(ch->a, "%.*s: %.*s", STR_ARG(url), STR_ARG(problem)));
	}
	return s->error.p == NULL ? KODO_ENOMEM : KODO_OK;
}

static enum kodo_err
stop(struct change *ch, struct source *s, const struct walk_answer *answer, struct str problem)
{
	enum kodo_err err = problem_note(ch, s, problem);

	walk_end(s, ch->now_us, answer->retry_after_s);
	return err;
}

/*
 * The document cannot be had, or read: the next way, another try, what else there is to be read, or
 * the end of the walk.
 */
static enum kodo_err
fail(struct change *ch, struct source *s, const struct walk_answer *answer, struct str problem,
    bool may_pass)
{
	const struct str rest = walk_queue_rest(s->queue);
	struct option_import o;
	enum kodo_err err;

	/* who is busy may have it all the same */
	if (s->root.p == NULL && rest.len > 0 && answer->status != 0 && answer->status != 429 &&
	    answer->status != 503) {
		s->queue = rest;
		return KODO_OK;
	}
	if (may_pass && s->root.p != NULL && s->tries < TRIES_MAX &&
	    answer->retry_after_s <= TRY_MAX_S) {
		s->due_us = ch->now_us + (TRY_US << 2 * s->tries);
		if (s->due_us < ch->now_us + answer->retry_after_s * 1000000ll)
			s->due_us = ch->now_us + answer->retry_after_s * 1000000ll;
		s->tries++;
		return KODO_OK;
	}
	err = option_import_read(s->text, &o, NULL);
	if (err != KODO_OK || s->root.p == NULL || rest.len == 0 ||
	    ceiling_of(s, &o, ch->now_us) != NULL)
		return err == KODO_OK ? stop(ch, s, answer, problem) : err;
	err = problem_note(ch, s, problem);
	s->queue = rest;
	s->tries = 0;
	return err;
}

/* What stands behind the entries: where the walk goes on. */
static enum kodo_err
walk_go_on(struct change *ch, struct source *s, const struct walk_page *t,
    const struct option_import *o)
{
	const char *over;
	enum kodo_err err;

	/* of ARD several documents may name one agent */
	if (t->work->doc.is_next && ((is_repeated(t) && s->kind != IMPORT_ARD) ||
	    loop_note(s, t->work->doc.url)))
		return fail(ch, s, t->answer, STR("its pages begin again"), false);
	over = ceiling_of(s, o, ch->now_us);
	if (over != NULL)
		return stop(ch, s, t->answer, str_of(over));
	err = queue_follow(ch, s, t, walk_queue_rest(s->queue));
	if (err == KODO_OK && s->queue.len == 0) {
		s->etag = s->requests == 1 ? t->answer->etag : STR_NULL;
		walk_end(s, ch->now_us, 0);
	}
	return err;
}

static enum kodo_err
store(struct change *ch, struct source *s, struct walk_page *t)
{
	/* its entries, their nodes, and what is found by their words */
	const uint64_t room = SETTLE_LEFT_BYTES + 4 * t->n_bytes;
	struct option_import o;
	unsigned i;
	enum kodo_err err = option_import_read(s->text, &o, NULL);

	s->tries = 0;
	root_find(s, (enum import_kind)t->kind, &t->work->doc);
	for (i = 0; t->is_first && i < t->n_refused; i++)
		s->refused[i] += t->refused[i];
	if (s->example.p == NULL)
		s->example = t->example;
	if (err == KODO_OK && t->n_entries > 0 && change_room(ch, room) < room)
		return stop(ch, s, t->answer, STR(SETTLE_FULL));
	if (err == KODO_OK)
		err = entries_store(ch, s, t, &o);
	return err != KODO_OK || !t->is_last ? err : walk_go_on(ch, s, t, &o);
}

static enum kodo_err
take_fn(struct change *ch, void *arg)
{
	struct walk_page *t = arg;
	const struct walk_answer *answer = t->answer;
	const struct str problem = answer->problem;
	struct source s;
	struct import_doc doc;
	enum kodo_err err = source_get(ch->t, ch->a, t->work->slug, &s);

	/* it was ended meanwhile, or begun anew; or another machine has fetched this, too */
	if (err == KODO_ENOTFOUND || (err == KODO_OK && (s.phase != SOURCE_WALKS ||
	    s.walk != t->work->walk || !walk_queue_first(s.queue, &doc) ||
	    !str_eq(doc.url, t->work->doc.url)))) {
		t->is_over = true;
		return KODO_OK;
	}
	if (err != KODO_OK)
		return err;
	s.requests += t->is_first;
	s.bytes += t->is_first ? t->n_bytes : 0;
	s.due_us = ch->now_us;
	if (answer->status == 304 && t->work->etag.p != NULL) {
		/* nothing is concluded from what was not sent */
		s.flags &= ~(unsigned)SOURCE_FULL;
		walk_end(&s, ch->now_us, 0);
	} else if (problem.p == NULL && answer->status != 200) {
		err = fail(ch, &s, answer, STR("it answers 304, which nobody asked for"), false);
	} else if (problem.p != NULL && answer->is_ours) {
		err = stop(ch, &s, answer, problem);
	} else if (problem.p != NULL) {
		err = fail(ch, &s, answer, problem, !answer->is_final && (answer->status == 0 ||
		    answer->status == 429 || answer->status >= 500));
	} else if (t->why != NULL) {
		err = fail(ch, &s, answer, str_of(t->why), false);
	} else {
		err = store(ch, &s, t);
	}
	return err == KODO_OK ? source_put(ch->t, &s) : err;
}

const struct change_type change_walk_take = { .kind = CHANGE_WALK_TAKE, .fn = take_fn };

enum kodo_err
walk_take(struct registry *r, const struct walk_work *w, const struct walk_answer *answer,
    int64_t now_us)
{
	struct batch b = { .a = arena_new() };
	struct walk_page t = { .work = w, .answer = answer, .n_bytes = answer->body.len,
		.n_refused = IMPORT_REFUSALS, .is_first = true };
	struct change_run run = { .type = &change_walk_take, .r = r, .now_us = now_us, .arg = &t };
	size_t from = 0;
	enum kodo_err err = KODO_OK;

	if (b.a == NULL)
		return KODO_ENOMEM;
	if (answer->problem.p == NULL && answer->status == 200)
		err = batch_read(&b, w, answer->body);
	t.kind = b.kind;
	t.why = b.why.text[0] == '\0' ? NULL : b.why.text;
	t.example = b.example;
	memcpy(t.refused, b.refused, sizeof(t.refused));
	/* one transaction at least; others write between two of them */
	while (err == KODO_OK && !t.is_over && !t.is_last) {
		t.entries = b.n_entries == 0 ? NULL : &b.entries[from];
		t.n_entries = b.n_entries - from;
		t.is_last = t.n_entries <= ENTRIES_AT_ONCE;
		if (!t.is_last)
			t.n_entries = ENTRIES_AT_ONCE;
		t.docs = b.docs;
		t.n_docs = t.is_last ? b.n_docs : 0;
		err = registry_change(&run);
		from += t.n_entries;
		t.is_first = false;
		t.n_live = t.live_now;
		t.n_again = t.again_now;
	}
	arena_free(b.a);
	return err;
}
