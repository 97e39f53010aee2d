#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/cluster/apply.h"
#include "http/asked.h"
#include "http/call.h"
#include "http/follow.h"
#include "http/router.h"
#include "http/shutdown.h"

#define SLOTS_FILE	"followers"	/* in the state folder; a byte is a slot */
#define SLOTS_MAX	1000u		/* as the option's */
#define LOOK_ENTRIES	500u	/* of the changelog, for a follower at a time */
#define LOOK_US		5000	/* for all of a process at a time: requests wait meanwhile */
#define ALONE_MAX	4u		/* slots for followers that take a process each */

/* --- slots --- */

/* Those of all processes together. The kernel frees them with the process. */
static struct {
	int fd;
	bool is_mine[SLOTS_MAX];
} slots = { .fd = -1 };

static bool
slots_open(const struct state *s)
{
	if (slots.fd < 0)
		slots.fd = state_open_file(s, SLOTS_FILE, O_RDWR);
	return slots.fd >= 0;
}

static bool
slot_lock(int slot, short type)
{
	struct flock byte = { .l_type = type, .l_whence = SEEK_SET, .l_start = slot, .l_len = 1 };

	return fcntl(slots.fd, F_OFD_SETLK, &byte) == 0;
}

/* -1: none of n is free. */
static int
slot_take(const struct state *s, unsigned n)
{
	unsigned i;

	if (n == 0 || !slots_open(s))
		return -1;
	for (i = 0; i < n && i < SLOTS_MAX; i++)
		if (!slots.is_mine[i] && slot_lock((int)i, F_WRLCK)) {
			slots.is_mine[i] = true;
			return (int)i;
		}
	return -1;
}

static void
slot_free(int slot)
{
	if (slot < 0)
		return;
	slots.is_mine[slot] = false;
	(void)slot_lock(slot, F_UNLCK);
}

unsigned
follow_used(const struct state *s)
{
	return state_locked_bytes(s, SLOTS_FILE, 0, SLOTS_MAX);
}

/* --- followers --- */

static void
place_set(struct follower *f, const struct view *v)
{
	f->behind = v->head.logged;
	f->view = v->head.view;
	f->seen = store_seen(&v->t);
}

static unsigned
slots_wanted(const struct options *o, bool is_alone)
{
	return is_alone && o->followers > ALONE_MAX ? ALONE_MAX : o->followers;
}

struct follower *
follow_begin(struct view *v, const struct follow_wish *w)
{
	struct follower *f;

	if (shutdown_wanted())
		return NULL;
	f = calloc(1, sizeof(*f) + w->query.len);
	if (f == NULL)
		return NULL;
	f->slot = slot_take(registry_state(v->registry), slots_wanted(v->options, w->is_alone));
	if (f->slot < 0 || (!query_is_all(w->compiled) &&
	    changes_told_new(v, w->compiled, &f->told) != KODO_OK)) {
		follow_end(f);
		return NULL;
	}
	place_set(f, v);
	f->state_id = v->head.state_id;
	f->end_ms = clock_mono_ms() + w->wait_ms;
	f->query_len = w->query.len;
	if (w->query.len > 0)
		memcpy(f->query, w->query.p, w->query.len);
	return f;
}

bool
follow_gives_way(const struct call *c, const struct route *r)
{
	static const enum param scans[] = { PARAM_Q, PARAM_WORDS, PARAM_BY, PARAM_ORGANIZATION,
		PARAM_NODE_STATE, PARAM_REGISTRY, PARAM_SEARCH, PARAM_UPDATED_SINCE,
		PARAM_INCLUDE_DELETED, PARAM_FILTER, PARAM_ORDER_BY };
	const struct params *p = &c->params;
	size_t i;

	if (!c->transport->takes_turns || c->follower != NULL || (r->flags & ROUTE_SCANS) == 0)
		return false;
	if ((r->flags & ROUTE_TEXT) != 0)
		return true;
	for (i = 0; i < sizeof(scans) / sizeof(scans[0]); i++)
		if (p->text[scans[i]].len > 0)
			return true;
	return p->n_tags > 0 || p->number[PARAM_ALIVE] != 0 || p->number[PARAM_FACETS] != 0;
}

struct follower *
follow_turn(struct str text)
{
	struct follower *f = calloc(1, sizeof(*f) + text.len);

	if (f == NULL)
		return NULL;
	f->slot = -1;
	f->is_turn = true;
	f->query_len = text.len;
	if (text.len > 0)
		memcpy(f->query, text.p, text.len);
	return f;
}

struct follower *
follow_revision(
    struct registry *r, const struct options *o, uint64_t least, unsigned wait_ms, bool is_alone)
{
	struct follower *f = shutdown_wanted() ? NULL : calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->slot = slot_take(registry_state(r), slots_wanted(o, is_alone));
	if (f->slot < 0) {
		follow_end(f);
		return NULL;
	}
	f->least = least;
	f->end_ms = clock_mono_ms() + wait_ms;
	return f;
}

struct str
follow_text(const struct follower *f)
{
	return f->is_turn && f->query_len > 0 ? (struct str){ f->query, f->query_len } : STR_NULL;
}

void
follow_end(struct follower *f)
{
	if (f == NULL)
		return;
	slot_free(f->slot);
	changes_told_free(f->told);
	free(f);
}

bool
follow_is_quiet(const struct view *v, struct follower *f)
{
	if (v->head.state_id != f->state_id || v->head.view != f->view)
		return false;
	/* what was logged is only for peers */
	place_set(f, v);
	return true;
}

/* The query of the request, which was read once without a fault. */
static enum kodo_err
compile(struct arena *a, const struct follower *f, struct query **out)
{
	struct param_errors errors;
	struct search_asked asked;
	struct params params;
	enum kodo_err err = param_read(a, (struct str){ f->query, f->query_len },
	    CHANGES_WHICH, &params, &errors);

	if (err != KODO_OK)
		return err;
	asked = asked_of(&params);
	return search_compile(a, &asked, out, NULL, NULL);
}

/* Is there something for f behind its place? If not, the place moves on. */
static enum kodo_err
look_behind(struct view *v, struct arena *a, struct follower *f, bool *out)
{
	struct changes_query cq = { .behind = f->behind, .limit = 1, .told = f->told,
		.look_max = LOOK_ENTRIES };
	struct changes found;
	enum kodo_err err;

	err = compile(a, f, &cq.q);
	if (err == KODO_OK)
		err = changes_find(v, a, &cq, &found);
	if (err != KODO_OK)
		return err;
	*out = found.n > 0;
	if (!*out && found.is_more)
		f->behind = found.at;
	else if (!*out)
		place_set(f, v);
	return KODO_OK;
}

/* What is left when the time is over is for the next time. */
static void
look_all(struct view *v, struct arena *a, struct follower *f)
{
	const int64_t end_us = clock_mono_us() + LOOK_US;

	for (; f != NULL && clock_mono_us() < end_us; f = f->next) {
		if (f->is_due || f->least > 0 || f->seen == store_seen(&v->t) ||
		    follow_is_quiet(v, f))
			continue;
		/* what fails here fails in the answer, too, and is told there */
		if (v->head.state_id != f->state_id ||
		    look_behind(v, a, f, &f->is_due) != KODO_OK)
			f->is_due = true;
		arena_reset(a);
	}
}

static bool
is_reached(struct registry *r, uint64_t least)
{
	uint64_t applied = 0;

	return cluster_applied_now(r, &applied) == KODO_OK && applied >= least;
}

void
follow_look(struct registry *r, struct follower *first)
{
	const bool ends = shutdown_wanted() || r == NULL ||
	    store_is_outdated(registry_store(r));
	const int64_t now_ms = clock_mono_ms();
	struct arena *a;
	struct follower *f;
	struct view v;
	bool is_news = false;

	for (f = first; f != NULL; f = f->next) {
		if (ends || now_ms >= f->end_ms)
			f->is_due = f->is_over = true;
		else if (f->least > 0)
			f->is_due = f->is_due || is_reached(r, f->least);
		is_news = is_news || (!f->is_due && f->least == 0 &&
		    f->seen != store_last(registry_store(r)));
	}
	a = is_news ? arena_new() : NULL;
	if (a == NULL)
		return;
	if (view_begin(r, 0, &v) == KODO_OK) {
		look_all(&v, a, first);
		view_end(&v);
	}
	arena_free(a);
}
