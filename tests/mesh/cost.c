/*
 * What one change costs: shapes of registries that feed, each with a node; all converge; then one
 * node's flows change. At most two messages may pass over each link between two registries (both
 * may have told the other before they heard), and afterwards none.
 */
#include <string.h>

#include "mesh.h"

#define SHAPES 6u

static const struct {
	const char *name;
	unsigned n; /* registries */
	unsigned connect[8];
} shapes[SHAPES] = {
	{ "chain of 4", 4, { 2, 4, 8, 0 } },
	{ "star of 4", 4, { 0, 1, 1, 1 } },
	{ "ring of 3", 3, { 2, 4, 1 } },
	{ "ring of 4", 4, { 2, 4, 8, 1 } },
	{ "full mesh of 4", 4, { 14, 12, 8, 0 } },
	{ "mesh of 4, both ways", 4, { 14, 13, 11, 7 } },
};

static void
shape_make(struct history *h, unsigned shape, uint64_t seed)
{
	unsigned n = shapes[shape].n, i;

	*h = (struct history){ .seed = seed, .n = 2 * n };
	for (i = 0; i < n; i++) {
		h->role[i] = ROLE_REGISTRY;
		h->connect[i] = shapes[shape].connect[i];
		h->role[n + i] = ROLE_NODE;
		h->connect[n + i] = 1u << i;
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
	mesh_run_until(m, 60 * SECOND_US);
}

/* One change at each node in turn. */
static void
changes_count(struct mesh *m, unsigned shape, unsigned *most, unsigned long *all)
{
	unsigned n = shapes[shape].n, i, j, k;

	for (k = 0; k < n; k++) {
		struct op op = { .kind = OP_FLOWS, .service = n + k, .value = 100 + k };

		memset(m->link, 0, sizeof(m->link));
		mesh_apply(m, &op);
		mesh_run_until(m, m->now_us + 10 * SECOND_US);
		if (m->now_us - m->last_sent_us < 9 * SECOND_US)
			mesh_fail(m, "%s: not silent\n", shapes[shape].name);
		for (i = 0; i < n; i++)
			for (j = i + 1; j < n; j++) {
				unsigned sent = (unsigned)(m->link[i][j] + m->link[j][i]);

				*all += sent;
				*most = sent > *most ? sent : *most;
				if (sent > 2)
					mesh_fail(m, "%s: %u messages between s%u and s%u\n",
					    shapes[shape].name, sent, i, j);
			}
	}
}

bool
cost_try(const char *dir, uint64_t n_seeds, bool is_told, char fault[4096])
{
	uint64_t seed;
	unsigned shape, most;
	unsigned long all;

	fault[0] = '\0';
	for (shape = 0; shape < SHAPES; shape++) {
		most = 0;
		all = 0;
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
		if (is_told)
			printf("%-22s at most %u messages per link and change, %.2f in all\n",
			    shapes[shape].name, most,
			    (double)all / (double)(n_seeds * shapes[shape].n));
	}
	return fault[0] == '\0';
}
