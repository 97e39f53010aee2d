/*
 * Signs of life in a network that has healed. In a calm one all are fresh, and nothing is sent.
 * Then, as the seed has it, services end or are cut off, for half an hour or for days:
 *
 * 1. who is reached is shown, and fresh, at each moment, whatever happens to others;
 * 2. who is not reached is fresh for three rounds at most; so is what only it can tell of;
 * 3. each of these changes is one message a link at most, in each direction;
 * 4. who ends is withdrawn after expire_days, a day here, but not where so many fell silent at once
 *    that it may be the own line, and there after four days;
 * 5. who ends while all others are away is fresh for three rounds from their return;
 * 6. when all is healed, all are fresh everywhere, and what is shown is what must be.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/url.h"
#include "core/liveness/liveness.h"
#include "core/liveness/node_state.h"
#include "core/records/known.h"
#include "core/registry/liveness_round.h"
#include "mesh.h"

#define MINUTE_US	(60 * SECOND_US)
#define DAY_US		(1440 * MINUTE_US)
#define CALM_US		(20 * MINUTE_US)
/* three rounds, the look after which it is silent, and the way from registry to registry */
#define SILENCE_US	(15 * MINUTE_US + 30 * SECOND_US)
/* three rounds without a break in its own watch, and a round in which it is done */
#define EXPIRY_US	(SILENCE_US + 4 * MINUTE_US)
#define CHANCE_US	(14 * MINUTE_US)
#define REST_US		(15 * MINUTE_US)	/* in which nothing changes any more */
#define BACK_US		(10 * MINUTE_US)	/* a digest check is due, and what follows */
#define OUTAGES		2u
#define NOT_SHOWN	1ll			/* no time of a silence */

enum outage {
	OUTAGE_ONE,
	OUTAGE_MANY,
	OUTAGE_LINK,
	OUTAGE_HALVES,
	OUTAGE_UNPLUGGED,
	OUTAGES_MAX
};
static const char *const outage_names[OUTAGES_MAX] = {
	"one has ended", "many have ended", "a link is cut", "halves are cut off",
	"one is unplugged"
};
static const unsigned outage_days[] = { 0, 2, 2, 5 };

struct life {
	struct mesh *m;
	uint64_t random;
	const char *when;
	int64_t since[MESH_MAX][MESH_MAX];	/* what the first has of the second */
	bool is_shown[MESH_MAX][MESH_MAX];	/* in the calm */
	bool is_reached[MESH_MAX][MESH_MAX];
	uint64_t seen[MESH_MAX];		/* number of the view that was read */
	unsigned n_changes[MESH_MAX];		/* of since at each, as links are counted */
};

void
liveness_runs(struct service *s)
{
	struct mesh *m = s->mesh;
	enum kodo_err err = KODO_OK;
	bool more = m->now_us >= s->round_us;

	if (more)
		s->round_us = m->now_us + MINUTE_US;
	while (more && err == KODO_OK)
		err = liveness_round(s->r, service_now(s), &more);
	if (err != KODO_OK)
		mesh_fail(m, "s%u: signs of life: %s\n", s->i, kodo_err_text(err));
	if (m->looks != NULL)
		m->looks(s, m->looker);
}

static bool
is_registry(const struct life *l, unsigned i)
{
	return l->m->services[i].role != ROLE_NODE && l->m->services[i].is_up;
}

/* What the registry of v has of a service. */
static int64_t
since_of(struct life *l, struct view *v, struct arena *a, unsigned other)
{
	const struct service *o = &l->m->services[other];
	struct node_state state = { .since_us = NOT_SHOWN };
	struct known kn = { .is_seen = false };
	struct str key;
	uint32_t node;
	enum kodo_err err =
	    url_key(a, str_of(service_url(l->m, other, o->url_variant)), &key);

	if (err == KODO_OK)
		err = node_find(&v->t, key, &node);
	if (err == KODO_OK)
		err = known_get(&v->t, node, &kn);
	if (err == KODO_OK && kn.is_seen)
		err = node_state_get(&v->t, node, &state);
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		abort();
	return state.since_us;
}

static const char *
state_name(int64_t since)
{
	return since == NOT_SHOWN ? "not shown" : liveness_names[liveness_state_of(since, since)];
}

static void
must_be(struct life *l, unsigned i, unsigned j, bool is_so, const char *what)
{
	if (!is_so)
		mesh_fail(l->m, "%s: s%u has s%u as %s, which must be %s\n", l->when, i, j,
		    state_name(l->since[i][j]), what);
}

/* After whatever s may have changed. Who speaks to it, and can, is fresh there, always. */
static void
one_look(struct service *s, void *arg)
{
	struct life *l = arg;
	const unsigned i = s->i;
	struct arena *a;
	struct view v;
	unsigned j;

	if (!is_registry(l, i))
		return;
	if (view_begin(s->r, service_now(s), &v) != KODO_OK)
		abort();
	a = store_seen(&v.t) == l->seen[i] ? NULL : arena_new();
	l->seen[i] = store_seen(&v.t);
	for (j = 0; j < l->m->h->n && a != NULL; j++) {
		const int64_t since = i == j ? NOT_SHOWN : since_of(l, &v, a, j);

		if (since != l->since[i][j])
			mesh_trace(l->m, "  s%u has s%u as %s", i, j, state_name(since));
		l->n_changes[i] += since != l->since[i][j];
		l->since[i][j] = since;
		if (l->is_shown[i][j] && l->is_reached[i][j] && model_notifies(l->m, j, i))
			must_be(l, i, j, since == 0, "fresh, as it is reached");
	}
	view_end(&v);
	arena_free(a);
}

static void
pass(struct life *l, int64_t us)
{
	struct mesh *m = l->m;
	unsigned i;

	for (i = 0; i < m->h->n; i++)
		one_look(&m->services[i], l);
	mesh_run_until(m, m->now_us + us);
}

static void
count_begin(struct life *l)
{
	memset(l->m->link, 0, sizeof(l->m->link));
	memset(l->n_changes, 0, sizeof(l->n_changes));
}

/* Of all links that nothing has happened to. */
static void
count_end(struct life *l)
{
	struct mesh *m = l->m;
	unsigned i, j;

	for (i = 0; i < m->h->n; i++)
		for (j = 0; j < m->h->n; j++)
			if (l->is_reached[i][j] && !model_is_mistaken(m, i, j) &&
			    m->link[i][j] > l->n_changes[i])
				mesh_fail(m, "%s: %lu messages from s%u to s%u, of %u changes\n",
				    l->when, m->link[i][j], i, j, l->n_changes[i]);
}

/*
 * Where may which be fresh, and where must it? At a registry that its owner speaks to, if it can.
 * Elsewhere it may where one tells of it who can, and may have it fresh; it must where all of those
 * can that may tell of it, and must have it fresh: one of them is believed.
 */
static void
fresh_find(const struct life *l, bool may[MESH_MAX][MESH_MAX], bool must[MESH_MAX][MESH_MAX])
{
	const struct mesh *m = l->m;
	unsigned i, j, k, round;

	for (i = 0; i < m->h->n; i++)
		for (j = 0; j < m->h->n; j++) {
			const bool is_direct = model_notifies(m, j, i);

			may[i][j] = is_direct && l->is_reached[i][j];
			must[i][j] = !is_direct || may[i][j];
		}
	for (round = 0; round < m->h->n; round++)
		for (i = 0; i < m->h->n; i++)
			for (j = 0; j < m->h->n; j++)
				for (k = 0; k < m->h->n; k++) {
					if (k == i || k == j || model_notifies(m, j, i) ||
					    !model_notifies(m, k, i))
						continue;
					may[i][j] |= l->is_reached[i][k] && may[k][j];
					must[i][j] &= l->is_reached[i][k] && must[k][j];
				}
}

/* An outage has lasted for three rounds and more. */
static void
silence_check(struct life *l)
{
	bool may[MESH_MAX][MESH_MAX], must[MESH_MAX][MESH_MAX];
	struct mesh *m = l->m;
	unsigned i, j;

	fresh_find(l, may, must);
	for (i = 0; i < m->h->n; i++)
		for (j = 0; j < m->h->n && is_registry(l, i); j++) {
			if (!l->is_shown[i][j])
				continue;
			must_be(l, i, j, may[i][j] || l->since[i][j] != 0, "silent");
			must_be(l, i, j, !must[i][j] || l->since[i][j] == 0, "fresh");
		}
}

/* Has it ever answered i? Of others anybody may have made as many as he likes. */
static bool
is_proven(struct life *l, unsigned i, unsigned j)
{
	struct service *s = &l->m->services[i], *o = &l->m->services[j];
	struct arena *a = arena_new();
	struct peer p = { .flags = 0 };
	struct str key;
	struct view v;
	enum kodo_err err;

	if (a == NULL || view_begin(s->r, service_now(s), &v) != KODO_OK)
		abort();
	err = url_key(a, str_of(service_url(l->m, j, o->url_variant)), &key);
	if (err == KODO_OK)
		err = peer_find(&v.t, a, key, &p);
	view_end(&v);
	arena_free(a);
	return err == KODO_OK && !peer_is_stranger(&p);
}

/* So many fell silent at i at once that it may be its own line, as far as that goes. */
static bool
is_suspect(struct life *l, unsigned i, unsigned n_days)
{
	unsigned n = 0, n_fallen = 0, j;

	for (j = 0; j < l->m->h->n; j++)
		if (j != i && model_notifies(l->m, j, i) && is_proven(l, i, j)) {
			n++;
			n_fallen += !l->is_reached[i][j];
		}
	return n_fallen >= 3 && n_fallen * 100 > n * 15 && n_days < 4;
}

/* After days of it: who has ended is withdrawn, but where it is kept, and by way of there. */
static void
expiry_check(struct life *l, unsigned n_days)
{
	struct mesh *m = l->m;
	bool is_kept[MESH_MAX] = { false }, is_kept_by_any;
	unsigned i, j;

	for (i = 0; i < m->h->n; i++)
		is_kept[i] = is_registry(l, i) && is_suspect(l, i, n_days);
	for (j = 0; j < m->h->n; j++) {
		is_kept_by_any = false;
		for (i = 0; i < m->h->n; i++)
			is_kept_by_any |= is_kept[i] && l->since[i][j] != NOT_SHOWN;
		for (i = 0; i < m->h->n; i++) {
			if (!l->is_shown[i][j] || !is_registry(l, i) || m->services[j].is_up)
				continue;
			if (is_kept[i] && model_notifies(m, j, i))
				must_be(l, i, j, l->since[i][j] != NOT_SHOWN,
				    "shown, as it may be the own line");
			else if (!is_kept_by_any)
				must_be(l, i, j, l->since[i][j] == NOT_SHOWN, "withdrawn");
		}
	}
}

/* --- what happens --- */

static void
cut(struct life *l, unsigned i, unsigned j)
{
	l->m->is_cut[i][j] = l->m->is_cut[j][i] = true;
}

static void
outage_make(struct life *l, enum outage kind)
{
	struct mesh *m = l->m;
	const unsigned n = m->h->n, one = mesh_below(&l->random, n),
		other = mesh_below(&l->random, n);
	const unsigned some = 1u + mesh_below(&l->random, (1u << n) - 2);
	unsigned i, j;

	if (kind == OUTAGE_ONE)
		service_stop(&m->services[one]);
	if (kind == OUTAGE_LINK)
		cut(l, one, other);
	for (i = 0; i < n; i++) {
		if (kind == OUTAGE_MANY && (some >> i & 1) != 0)
			service_stop(&m->services[i]);
		if (kind == OUTAGE_UNPLUGGED)
			cut(l, one, i);
		for (j = 0; j < i && kind == OUTAGE_HALVES; j++)
			if ((some >> i & 1) != (some >> j & 1))
				cut(l, i, j);
	}
	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
			l->is_reached[i][j] = m->services[i].is_up && m->services[j].is_up &&
			    (i == j || !m->is_cut[i][j]);
}

static void
outage_end(struct life *l)
{
	struct mesh *m = l->m;
	unsigned i;

	memset(m->is_cut, 0, sizeof(m->is_cut));
	for (i = 0; i < m->h->n; i++)
		if (!m->services[i].is_up)
			service_start(&m->services[i], START_IF_CHANGED);
}

/* It comes while all sleep, for days: then nobody is silent before it had its chance. */
static void
chance_check(struct life *l)
{
	struct mesh *m = l->m;
	unsigned i, j;

	mesh_sleep(m, 2 * DAY_US);
	pass(l, CHANCE_US);
	for (i = 0; i < m->h->n; i++)
		for (j = 0; j < m->h->n && is_registry(l, i); j++)
			if (l->is_shown[i][j])
				must_be(l, i, j, l->since[i][j] == 0, "fresh, as it had no chance");
	/* the watch begins anew within a minute */
	pass(l, SILENCE_US + MINUTE_US - CHANCE_US);
}

static void
outage_try(struct life *l)
{
	const enum outage kind = (enum outage)mesh_below(&l->random, OUTAGES_MAX);
	const unsigned n_days = outage_days[mesh_below(&l->random, 4)];
	bool all[MESH_MAX][MESH_MAX];

	memcpy(all, l->is_reached, sizeof(all));
	l->when = outage_names[kind];
	mesh_trace(l->m, "--- %s, for %u days", l->when, n_days);
	count_begin(l);
	outage_make(l, kind);
	if (mesh_below(&l->random, 3) == 0)
		chance_check(l);
	else
		pass(l, SILENCE_US);
	silence_check(l);
	pass(l, REST_US);
	silence_check(l);
	count_end(l);
	if (n_days > 0) {
		mesh_sleep(l->m, (int64_t)n_days * DAY_US);
		pass(l, EXPIRY_US);
		expiry_check(l, n_days);
	}
	l->when = "it is over";
	mesh_trace(l->m, "--- it is over");
	count_begin(l);
	outage_end(l);
	pass(l, BACK_US);
	if (n_days == 0)
		count_end(l);
	memcpy(l->is_reached, all, sizeof(all));
	silence_check(l);
	if (l->m->fault[0] == '\0')
		model_check(l->m);
}

void
liveness_check(struct mesh *m)
{
	struct life l = { .m = m, .random = m->h->seed ^ 0x11febea7u, .when = "healed" };
	unsigned i, j;

	for (i = 0; i < m->h->n; i++)
		if (m->h->is_legacy[i])
			return;
	m->looks = one_look;
	m->looker = &l;
	pass(&l, CALM_US);
	for (i = 0; i < m->h->n; i++)
		for (j = 0; j < m->h->n; j++) {
			l.is_shown[i][j] = is_registry(&l, i) && l.since[i][j] != NOT_SHOWN;
			l.is_reached[i][j] = true;
		}
	silence_check(&l);
	count_begin(&l);
	pass(&l, CALM_US);
	count_end(&l);
	for (i = 0; i < OUTAGES && m->fault[0] == '\0'; i++)
		outage_try(&l);
	m->looks = NULL;
}
