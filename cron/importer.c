#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/url.h"
#include "core/import/walk.h"
#include "cron/importer.h"

#define TIMEOUT_MAX_S	60u
#define PAUSE_US	(10 * 1000000ll)	/* after a failure of ours */
#define STEPS_US	100000ll
#define LOOK_US		(5 * 1000000ll)	/* between looks at what others say */

struct fetch {
	bool is_busy;
	struct arena *a;
	struct walk_work work;
	struct exchange_job job;
};

struct importer {
	struct registry *registry;
	struct sender *sender;
	unsigned first;
	struct fetch slots[IMPORT_SLOTS];
	unsigned n_busy;
	struct arena *a;	/* of one look */
	/* whose namespaces are settled at present, and with which rivals */
	struct arena *rivals_arena;
	struct settle_rivals rivals;
	uint64_t rivals_at;	/* position in the log of changes until which they are known */
	char settling[WALK_SLUG_BYTES];
	uint64_t walk;
	uint64_t watched;	/* position in the log of changes */
	enum walk_watched seen;	/* what came of the last look at it */
	int64_t looked_us, paused_us;
};

struct importer *
importer_new(struct registry *r, struct sender *s, unsigned first)
{
	struct importer *m = calloc(1, sizeof(*m));
	bool is_whole;
	unsigned i;

	if (m == NULL)
		return NULL;
	*m = (struct importer){ .registry = r, .sender = s, .first = first, .a = arena_new(),
		.rivals_arena = arena_new(), .watched = WALK_STORED };
	is_whole = m->a != NULL && m->rivals_arena != NULL;
	for (i = 0; i < IMPORT_SLOTS; i++) {
		m->slots[i].a = arena_new();
		is_whole &= m->slots[i].a != NULL;
	}
	if (is_whole)
		return m;
	importer_free(m);
	return NULL;
}

void
importer_free(struct importer *m)
{
	unsigned i;

	if (m == NULL)
		return;
	for (i = 0; i < IMPORT_SLOTS; i++)
		arena_free(m->slots[i].a);
	arena_free(m->a);
	arena_free(m->rivals_arena);
	free(m);
}

unsigned
importer_n_busy(const struct importer *m)
{
	return m->n_busy;
}

/* Begin a fetch of what work says, in a free slot. */
static enum kodo_err
start(struct importer *m, const struct walk_work *work)
{
	const struct options *o;
	struct fetch *f = m->slots;
	const char *condition = NULL, *agent;
	enum kodo_err err;

	while (f->is_busy)
		f++;
	arena_reset(f->a);
	f->work = *work;
	err = arena_str(f->a, work->slug, &f->work.slug);
	if (err == KODO_OK)
		err = arena_str(f->a, work->doc.url, &f->work.doc.url);
	if (err == KODO_OK)
		err = arena_str(f->a, work->etag, &f->work.etag);
	if (err == KODO_OK)
		err = registry_options(m->registry, &o);
	if (err != KODO_OK)
		return err;
	agent = arena_printf(f->a, "User-Agent: kodo-import (+%.*s)", STR_ARG(o->url));
	if (work->etag.len > 0)
		condition = arena_printf(f->a, "If-None-Match: %.*s", STR_ARG(work->etag));
	if (agent == NULL || (work->etag.len > 0 && condition == NULL))
		return KODO_ENOMEM;
	{
		const char *const head[] = { agent, "Accept: application/json, */*;q=0.1",
			condition, NULL };
		const struct sender_limits limits = { .head = head,
			.timeout_s = o->timeout_s < TIMEOUT_MAX_S ? o->timeout_s : TIMEOUT_MAX_S,
			.answer_max_bytes = IMPORT_PAGE_BYTES,
			.allow_private = work->is_listed || option_allows_private(o) };

		f->job = (struct exchange_job){ .url = f->work.doc.url };
		err = sender_start(m->sender, m->first + (unsigned)(f - m->slots), &f->job,
		    &limits);
	}
	f->is_busy = err == KODO_OK;
	m->n_busy += f->is_busy;
	log_debug("import of %.*s: fetching %.*s", STR_ARG(f->work.slug), STR_ARG(f->job.url));
	return err;
}

/* One step of a source whose documents have come. */
static enum kodo_err
settle(struct importer *m, const struct walk_work *work, int64_t now_us)
{
	enum kodo_err err = KODO_OK;

	if (!str_eq(work->slug, str_of(m->settling)) || work->walk != m->walk) {
		arena_reset(m->rivals_arena);
		err = walk_rivals(m->registry, m->rivals_arena, work->slug, &m->rivals,
		    &m->rivals_at);
		str_copy(m->settling, sizeof(m->settling), work->slug);
		m->walk = work->walk;
	}
	/* what was said meanwhile is looked at when the namespaces are settled */
	if (m->watched > m->rivals_at)
		m->watched = m->rivals_at;
	return err == KODO_OK ? walk_settle(m->registry, work, &m->rivals, now_us) : err;
}

/* The sources that are being fetched. */
static size_t
list_busy(const struct importer *m, struct str busy[IMPORT_SLOTS])
{
	size_t n = 0;
	unsigned i;

	for (i = 0; i < IMPORT_SLOTS; i++)
		if (m->slots[i].is_busy)
			busy[n++] = m->slots[i].work.slug;
	return n;
}

bool
importer_is_due(struct importer *m, int64_t now_us)
{
	struct str busy[IMPORT_SLOTS];
	struct walk_work work;
	int64_t due_us = INT64_MAX;

	arena_reset(m->a);
	return walk_next(m->registry, m->a, now_us, busy, list_busy(m, busy), &work, &due_us) ==
	    KODO_OK;
}

/* Steps that need no network for as long as messages may wait, and fetches until all slots are. */
static enum kodo_err
look(struct importer *m, int64_t now_us, int64_t *due_us, int64_t *look_us)
{
	const int64_t until_us = clock_mono_us() + STEPS_US;
	struct str busy[IMPORT_SLOTS];
	struct walk_work work;
	bool is_step = false;
	enum kodo_err err = KODO_OK;

	if (now_us < m->looked_us || now_us - m->looked_us >= LOOK_US) {
		err = walk_watch(m->registry, &m->watched, now_us, &m->seen);
		/* at once, if there is more */
		m->looked_us = m->seen == WALK_MORE ? now_us - LOOK_US : now_us;
	}
	while (err == KODO_OK && m->n_busy < IMPORT_SLOTS && clock_mono_us() < until_us) {
		arena_reset(m->a);
		err = walk_next(
		    m->registry, m->a, now_us, busy, list_busy(m, busy), &work, due_us);
		if (err != KODO_OK)
			break;
		if (m->seen == WALK_IDLE)
			m->seen = WALK_SEEN;	/* there is a source now */
		is_step = work.step == WALK_SETTLE;
		err = is_step ? settle(m, &work, now_us) : start(m, &work);
	}
	if (is_step)
		*due_us = now_us;
	/* what others say wakes nobody */
	if (m->seen != WALK_IDLE && m->looked_us + LOOK_US < *look_us)
		*look_us = m->looked_us + LOOK_US;
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

void
importer_begin(struct importer *m, int64_t now_us, int64_t *due_us, int64_t *look_us)
{
	enum kodo_err err;

	if (m->paused_us > now_us && m->paused_us <= now_us + PAUSE_US) {
		if (m->paused_us < *due_us)
			*due_us = m->paused_us;
		return;
	}
	err = look(m, now_us, due_us, look_us);
	if (err == KODO_OK)
		return;
	log_warning("cannot store what is imported: %s", kodo_err_text(err));
	m->paused_us = now_us + PAUSE_US;
	if (m->paused_us < *due_us)
		*due_us = m->paused_us;
}

/* Why there is no answer that could be read, in a. Null: there is one. */
static struct str
problem_of(struct arena *a, const struct exchange_result *res)
{
	const char *text = NULL;
	struct str moved;

	if (res->status == 0)
		text = res->error == NULL ? "no answer" : res->error;
	else if (res->status == 304)
		return STR_NULL;
	else if (res->moved != NULL) {
		moved = url_less_query(str_of(res->moved));
		text = arena_printf(a, "it has moved to %.*s; name that", STR_ARG(moved));
	} else if (res->status != 200)
		text = arena_printf(a, "it answers %u", res->status);
	else if (res->body.p == NULL || res->body.len == 0)
		text = arena_printf(a, "its answer is empty, or over %u MiB",
		    IMPORT_PAGE_BYTES >> 20);
	else
		return STR_NULL;
	return str_of(text == NULL ? "memory ran out" : text);
}

void
importer_end(struct importer *m, unsigned slot, const struct exchange_result *res,
    const struct sender_head *head, int64_t now_us)
{
	struct fetch *f = &m->slots[slot - m->first];
	const struct walk_answer answer = { .status = res->status, .body = res->body,
		.etag = head->etag.len > 0 ? head->etag : STR_NULL,
		.problem = problem_of(f->a, res), .is_final = head->is_private,
		.retry_after_s = res->retry_after_s };
	const struct walk_answer full = {
		.problem = STR(SETTLE_FULL), .is_final = true, .is_ours = true
	};
	enum kodo_err err = walk_take(m->registry, &f->work, &answer, now_us);

	/* fetched again at once, it would not go in either */
	if (err == KODO_EFULL)
		err = walk_take(m->registry, &f->work, &full, now_us);
	f->is_busy = false;
	m->n_busy--;
	if (err == KODO_OK)
		return;
	log_warning("cannot store what is imported from %.*s: %s", STR_ARG(f->work.slug),
	    kodo_err_text(err));
	m->paused_us = now_us + PAUSE_US;
}
