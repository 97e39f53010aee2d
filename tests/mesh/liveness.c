/*
 * Signs of life in a network that has healed: who is there is fresh everywhere, who ends is silent
 * everywhere after three rounds, and fresh again soon after it is back. Each of these changes is
 * one message a link at most, in each direction, and where nothing changes there is none.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/url.h"
#include "core/liveness/liveness.h"
#include "core/liveness/node_state.h"
#include "core/records/known.h"
#include "mesh.h"

#define MINUTE_US	60000000ll
#define CALM_US		(20 * MINUTE_US)
#define SILENCE_US	(25 * MINUTE_US)	/* 15 min, the tries in between, and the way */
#define BACK_US		(2 * MINUTE_US)

/* What s has of the node of another; 1: nothing, as it does not show it. */
static int64_t
since_of(struct service *s, unsigned other)
{
	const struct service *o = &s->mesh->services[other];
	struct arena *a = arena_new();
	struct node_state state = { .since_us = 1 };
	struct known kn = { .is_seen = false };
	struct str key;
	struct view v;
	uint32_t node;
	enum kodo_err err;

	if (a == NULL || view_begin(s->r, service_now(s), &v) != KODO_OK)
		abort();
	err = url_key(a, str_of(service_url(s->mesh, other, o->url_variant)), &key);
	if (err == KODO_OK)
		err = node_find(&v.t, key, &node);
	if (err == KODO_OK)
		err = known_get(&v.t, node, &kn);
	if (err == KODO_OK && kn.is_seen)
		err = node_state_get(&v.t, node, &state);
	view_end(&v);
	arena_free(a);
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		abort();
	return state.since_us;
}

/* silent: who must be, MESH_MAX for nobody. */
static void
all_look(struct mesh *m, unsigned silent, const char *when)
{
	unsigned i, j;

	for (i = 0; i < m->h->n; i++)
		for (j = 0; j < m->h->n && i != silent; j++) {
			const int64_t since_us = i == j ? 1 : since_of(&m->services[i], j);

			if (since_us != 1 && (j == silent ? since_us < 2 : since_us != 0))
				mesh_fail(m, "%s: s%u has s%u as %s\n", when, i, j,
				    since_us > 1 ? "silent" : since_us < 0 ? "unknown" : "fresh");
		}
}

/* Let time pass, in which each link carries so many messages at most; those of one are its own. */
static void
pass(struct mesh *m, int64_t us, unsigned own, unsigned most, const char *when)
{
	unsigned i, j;

	memset(m->link, 0, sizeof(m->link));
	mesh_run_until(m, m->now_us + us);
	for (i = 0; i < m->h->n; i++)
		for (j = 0; j < m->h->n; j++)
			if (i != own && j != own && !model_is_mistaken(m, i, j) &&
			    m->link[i][j] > most)
				mesh_fail(m, "%s: %lu messages from s%u to s%u\n", when,
				    m->link[i][j], i, j);
}

/* A node, with flows, that stays; others of the network do not hang on it. */
static unsigned
victim_of(const struct mesh *m)
{
	unsigned i, k;

	for (k = 0; k < m->h->n; k++) {
		i = (unsigned)((m->h->seed + k) % m->h->n);
		if (m->services[i].connect != 0 && m->services[i].flows_variant != 0 &&
		    !m->services[i].has_left && m->services[i].role == ROLE_NODE)
			return i;
	}
	return MESH_MAX;
}

void
liveness_check(struct mesh *m)
{
	unsigned i, victim = victim_of(m);

	for (i = 0; i < m->h->n; i++)
		if (m->h->is_legacy[i])
			return;
	mesh_run_until(m, m->now_us + CALM_US);
	all_look(m, MESH_MAX, "healed");
	if (victim == MESH_MAX || m->fault[0] != '\0')
		return;
	pass(m, CALM_US, MESH_MAX, 0, "healed");
	service_stop(&m->services[victim]);
	pass(m, SILENCE_US, victim, 1, "one ended");
	all_look(m, victim, "one ended");
	service_start(&m->services[victim], START_IF_CHANGED);
	pass(m, BACK_US, victim, 1, "it is back");
	all_look(m, MESH_MAX, "it is back");
}
