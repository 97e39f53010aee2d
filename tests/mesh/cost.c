/*
 * What one change costs: shapes of registries, each with a node; all converge; then one node's
 * flows change. At most two messages may pass over each link, for two that feed may notify each
 * other at the same time; one where only one way leads to each; none over a link whose end is not
 * to see the node; and afterwards none.
 */
#include <string.h>

#include "core/registry/startup.h"
#include "mesh.h"

#define SHAPES 11u

static const struct {
	const char *name;
	unsigned n; /* registries */
	unsigned connect[8];
	unsigned providers; /* those that do not feed, as bits */
	unsigned most;	    /* messages a link */
} shapes[SHAPES] = {
	{ "chain of 4", 4, { 2, 4, 8, 0 }, 0, 1 },
	{ "star of 4", 4, { 0, 1, 1, 1 }, 0, 1 },
	{ "star of 5", 5, { 0, 1, 1, 1, 1 }, 0, 1 },
	{ "ring of 3", 3, { 2, 4, 1 }, 0, 2 },
	{ "ring of 4", 4, { 2, 4, 8, 1 }, 0, 2 },
	{ "ring of 5", 5, { 2, 4, 8, 16, 1 }, 0, 2 },
	{ "full mesh of 4", 4, { 14, 12, 8, 0 }, 0, 2 },
	{ "mesh of 4, both ways", 4, { 14, 13, 11, 7 }, 0, 2 },
	{ "two rings sharing one", 5, { 2 | 8, 4, 1, 16, 1 }, 0, 2 },
	{ "provider to registry", 2, { 0, 1 }, 2, 1 },
	{ "registry to provider", 2, { 2, 0 }, 2, 1 },
};

/*
 * Where a history has no room for a node at each registry, one has none, a different one for each
 * of as many seeds.
 */
static void
shape_make(struct history *h, unsigned shape, uint64_t seed)
{
	unsigned n = shapes[shape].n, i;

	*h = (struct history){ .seed = seed, .n = 2 * n < MESH_MAX ? 2 * n : MESH_MAX };
	for (i = 0; i < n; i++) {
		h->role[i] =
		    (shapes[shape].providers & 1u << i) != 0 ? ROLE_HYBRID : ROLE_REGISTRY;
		h->connect[i] = shapes[shape].connect[i];
	}
	for (i = n; i < h->n; i++) {
		h->role[i] = ROLE_NODE;
		h->connect[i] = 1u << (i + seed) % n;
	}
}

static void
network_start(struct mesh *m)
{
	unsigned i;

	m->is_perfect = true;
	for (i = 0; i < m->h->n; i++) {
		m->services[i].flows_variant = 1 + i;
		service_start(&m->services[i], START_NOW);
	}
	/* past the first digest checks: one that meets a change is followed by a connect */
	mesh_run_until(m, PEER_CHECK_AHEAD_US);
}

/* How many messages of a change at the node may pass between the two registries. */
static unsigned
link_limit(const struct mesh *m, unsigned shape, unsigned node, unsigned i, unsigned j)
{
	bool both_see = (model_sources(m, i) & model_sources(m, j) & 1u << node) != 0;

	return both_see ? shapes[shape].most : 0;
}

/* One change at each node in turn. */
static void
changes_count(struct mesh *m, unsigned shape, unsigned *most, double *all)
{
	unsigned n = shapes[shape].n, i, j, k, sum;

	for (k = n; k < m->h->n; k++) {
		struct op op = { .kind = OP_FLOWS, .service = k, .value = 100 + k };

		memset(m->link, 0, sizeof(m->link));
		mesh_apply(m, &op);
		mesh_run_until(m, m->now_us + 10 * SECOND_US);
		if (m->now_us - m->last_sent_us < 9 * SECOND_US)
			mesh_fail(m, "%s: not silent\n", shapes[shape].name);
		for (i = 0, sum = 0; i < n; i++)
			for (j = i + 1; j < n; j++) {
				unsigned sent = (unsigned)(m->link[i][j] + m->link[j][i]);

				sum += sent;
				*most = sent > *most ? sent : *most;
				if (sent > link_limit(m, shape, k, i, j))
					mesh_fail(m, "%s: %u messages between s%u and s%u\n",
					    shapes[shape].name, sent, i, j);
			}
		*all += (double)sum / (m->h->n - n);
	}
}

bool
cost_try(const char *dir, uint64_t n_seeds, bool is_printed, char fault[4096])
{
	uint64_t seed;
	unsigned shape, most;
	double all;

	fault[0] = '\0';
	for (shape = 0; shape < SHAPES; shape++) {
		most = 0;
		all = 0.0;
		for (seed = 1; seed <= n_seeds && fault[0] == '\0'; seed++) {
			struct mesh m;
			struct history h;

			shape_make(&h, shape, seed);
			mesh_begin(&m, &h, dir, false);
			network_start(&m);
			changes_count(&m, shape, &most, &all);
			model_check(&m);
			memcpy(fault, m.fault, sizeof(m.fault));
			mesh_end(&m);
		}
		if (is_printed)
			printf("%-22s at most %u messages per link and change, %.2f in all\n",
			    shapes[shape].name, most, all / (double)n_seeds);
	}
	return fault[0] == '\0';
}
