/*
 * What must be seen where, from the history alone: who offers what, and who notifies whom.
 *
 * X notifies Y if X is configured to connect to Y, has not left, and Y is a registry (feeding or
 * not). Y notifies X in return if both feed. So a node and a hybrid notify their targets only, and
 * two registries that feed notify each other. A registry shows its own flows and those of all from
 * which a path of such edges leads to it.
 */
#include <stdlib.h>
#include <string.h>

#include "mesh.h"

static bool
is_registry(const struct mesh *m, unsigned i)
{
	return m->services[i].role != ROLE_NODE;
}

static bool
feeds(const struct mesh *m, unsigned i)
{
	return m->services[i].role == ROLE_REGISTRY;
}

/* Is the link that x is configured for there? */
static bool
is_linked(const struct mesh *m, unsigned x, unsigned y)
{
	return (m->services[x].connect & 1u << y) != 0 && !m->services[x].has_left &&
	    is_registry(m, y);
}

bool
model_notifies(const struct mesh *m, unsigned x, unsigned y)
{
	return is_linked(m, x, y) || (is_linked(m, y, x) && feeds(m, x) && feeds(m, y));
}

unsigned
model_sources(const struct mesh *m, unsigned i)
{
	unsigned set = 1u << i, before = 0, x, y;

	while (set != before) {
		before = set;
		for (y = 0; y < m->h->n; y++)
			for (x = 0; (set & 1u << y) != 0 && x < m->h->n; x++)
				if (x != y && model_notifies(m, x, y))
					set |= 1u << x;
	}
	return set;
}

static int
line_cmp(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

bool
model_is_mistaken(const struct mesh *m, unsigned x, unsigned y)
{
	return (m->services[x].connect & 1u << y) != 0 && !m->h->is_legacy[y] &&
	    !is_registry(m, y);
}

static unsigned
legacy_peers_of(const struct mesh *m)
{
	unsigned n = 0, i;

	for (i = 0; i < m->h->n; i++)
		n += m->h->is_legacy[i];
	return n;
}

bool
model_is_loose(const struct mesh *m)
{
	return legacy_peers_of(m) > 0;
}

bool
model_is_held(const struct mesh *m, unsigned i, unsigned j)
{
	return (m->lied & 1u << j) == 0 ||
	    (m->services[j].flows_variant != 0 && is_linked(m, j, i));
}

char *
model_wanted(const struct mesh *m, unsigned i, struct arena *a)
{
	unsigned set = model_sources(m, i), j;
	char *lines[MESH_MAX], *all = arena_printf(a, "%s", "");
	size_t n = 0, k;

	if (!is_registry(m, i) || legacy_peers_of(m) > 0)
		return NULL;
	for (j = 0; j < m->h->n; j++) {
		const struct service *s = &m->services[j];

		if ((set & 1u << j) != 0 && s->flows_variant != 0 && model_is_held(m, i, j))
			lines[n++] = mesh_view_line(
			    a, m->h, service_url(m, j, s->url_variant), j, s->flows_variant);
	}
	qsort(lines, n, sizeof(lines[0]), line_cmp);
	for (k = 0; k < n; k++)
		all = arena_printf(a, "%s%s\n", all, lines[k]);
	return all;
}

/* Among legacy peers only kodo peers can be held to anything: two that are linked agree. */
static void
model_agree(struct mesh *m, struct arena *a)
{
	char *view[MESH_MAX] = { NULL };
	unsigned i, j;

	for (i = 0; i < m->h->n; i++)
		if (!m->h->is_legacy[i] && feeds(m, i))
			view[i] = service_view(&m->services[i], a);
	for (i = 0; i < m->h->n; i++)
		for (j = 0; j < m->h->n; j++)
			if (view[i] != NULL && view[j] != NULL && is_linked(m, i, j) &&
			    strcmp(view[i], view[j]) != 0)
				mesh_fail(m, "s%u shows\n%sbut s%u\n%s", i, view[i], j, view[j]);
}

/* And of a node with kodo peers only they know whether it is there, whatever legacy peers echo. */
static void
model_nodes(struct mesh *m, struct arena *a)
{
	unsigned i, j, k;

	for (i = 0; i < m->h->n; i++) {
		unsigned target = MESH_MAX;
		char *line;

		if (m->h->role[i] != ROLE_NODE)
			continue;
		for (k = 0; k < m->h->n; k++)
			if ((m->services[i].connect & 1u << k) != 0)
				target = k;
		if (target == MESH_MAX || m->h->is_legacy[target])
			continue;
		line = mesh_view_line(
		    a, m->h, service_url(m, i, 0), i, m->services[i].flows_variant);
		for (j = 0; j < m->h->n; j++) {
			bool wanted = !m->services[i].has_left && m->services[i].flows_variant != 0;
			const char *view;

			if (m->h->is_legacy[j] || !feeds(m, j) ||
			    (j != target && !is_linked(m, j, target) && !is_linked(m, target, j)))
				continue;
			view = service_view(&m->services[j], a);
			if ((strstr(view, wanted ? line : service_url(m, i, 0)) != NULL) != wanted)
				mesh_fail(m, "s%u is %s, but s%u shows\n%s", i,
				    wanted ? "there" : "gone", j, view);
		}
	}
}

/*
 * A node that connects to a legacy peer is there too, in one form or another. Only where there is
 * one legacy peer: two may lose it among themselves.
 */
static void
model_strangers(struct mesh *m, struct arena *a)
{
	unsigned i, j, k;

	for (i = 0; i < m->h->n; i++)
		for (k = 0; k < m->h->n; k++) {
			if (m->h->role[i] != ROLE_NODE || m->services[i].flows_variant == 0 ||
			    m->services[i].has_left || (m->services[i].connect & 1u << k) == 0 ||
			    !m->h->is_legacy[k])
				continue;
			if (m->h->more_flows[i] > 0 && m->h->ceiling_bytes[k] > 0)
				continue; /* it does not take the node */
			for (j = 0; j < m->h->n; j++)
				if (!m->h->is_legacy[j] && feeds(m, j) &&
				    (is_linked(m, j, k) || is_linked(m, k, j)) &&
				    strstr(service_view(&m->services[j], a),
					service_url(m, i, m->services[i].url_variant)) == NULL)
					mesh_fail(m, "s%u is at s%u, but s%u shows\n%s", i, k, j,
					    service_view(&m->services[j], a));
		}
}

void
model_check(struct mesh *m)
{
	struct arena *a = arena_new();
	unsigned i;

	if (legacy_peers_of(m) > 0) {
		model_agree(m, a);
		model_nodes(m, a);
	}
	if (legacy_peers_of(m) == 1)
		model_strangers(m, a);
	for (i = 0; i < m->h->n && m->fault[0] == '\0'; i++) {
		struct service *s = &m->services[i];
		char *pending, *view, *wanted;

		if (m->h->is_legacy[i])
			continue;
		service_check(s);
		service_check_nodes(s);
		pending = service_pending(s, a);
		if (pending != NULL)
			mesh_fail(m, "s%u has work left: %s\n", i, pending);
		wanted = model_wanted(m, i, a);
		if (wanted == NULL)
			continue;
		view = service_view(s, a);
		if (strcmp(view, wanted) != 0)
			mesh_fail(m, "s%u shows\n%sand not\n%s", i, view, wanted);
	}
	arena_free(a);
}
