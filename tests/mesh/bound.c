/*
 * How long after the healing every registry shows what it must, and goes on to. Of histories
 * without legacy peers: legacy peers are held to less.
 */
#include <stdlib.h>
#include <string.h>

#include "core/records/head.h"
#include "core/storage/store.h"
#include "mesh.h"

#define WORST 10u
/* what is asked for, in seconds */
#define USUAL 10.0  /* but one in a thousand */
#define MOST 30.0   /* and any */
#define CHECKED 90.0 /* after a digest check, of those that count apart */

/* Where a state was deleted one digest check may have to find that out: those count apart. */
struct noted {
	enum history_kind kind;
	uint64_t seed, luck;
	double seconds;
};
static struct group {
	struct noted *all;
	size_t n, cap;
} groups[2];
static const char *const group_names[] = { "", ", a state deleted or a clock far ahead" };

static uint64_t
view_number(struct service *s)
{
	struct head h = { 0 };
	struct txn t;
	enum kodo_err err = store_begin(registry_store(s->r), STORE_READ, &t);

	if (err == KODO_OK)
		err = store_end(&t, head_get(&t, &h));
	if (err != KODO_OK)
		mesh_fail(s->mesh, "s%u: head: %s\n", s->i, kodo_err_text(err));
	return h.view;
}

void
bound_look(struct service *s)
{
	struct mesh *m = s->mesh;
	const unsigned bit = 1u << s->i, before = m->wrong;
	const char *wanted = m->wanted[s->i].text;
	struct arena *a;
	uint64_t number;

	if (m->healed_us == 0 || wanted == NULL || s->r == NULL)
		return;
	number = view_number(s);
	if (number == m->wanted[s->i].looked)
		return;
	m->wanted[s->i].looked = number;
	a = arena_new();
	m->wrong = strcmp(service_view(s, a), wanted) == 0 ? before & ~bit : before | bit;
	arena_free(a);
	if (before != 0 && m->wrong == 0)
		m->right_us = m->now_us;
	if ((m->wrong & bit) != (before & bit))
		mesh_trace(m, "    s%u is %s", s->i, (m->wrong & bit) != 0 ? "wrong" : "right");
}

void
bound_begin(struct mesh *m)
{
	unsigned i;

	m->healed_us = m->right_us = m->now_us;
	m->wanted_arena = arena_new();
	for (i = 0; i < m->h->n; i++) {
		m->wanted[i].text = model_wanted(m, i, m->wanted_arena);
		m->wanted[i].looked = UINT64_MAX;
		bound_look(&m->services[i]);
	}
}

void
bound_note(const struct mesh *m)
{
	struct group *g = &groups[m->has_lost];

	if (m->healed_us == 0 || m->wrong != 0 || model_is_loose(m))
		return;
	if (g->n == g->cap) {
		g->cap = g->cap == 0 ? 1024 : g->cap * 2;
		g->all = realloc(g->all, g->cap * sizeof(*g->all));
		if (g->all == NULL)
			abort();
	}
	g->all[g->n++] = (struct noted){ .kind = m->h->kind, .seed = m->h->seed, .luck = m->h->luck,
		.seconds = (double)(m->right_us - m->healed_us) / 1e6 };
}

static int
noted_cmp(const void *x, const void *y)
{
	const struct noted *a = x, *b = y;

	return (a->seconds > b->seconds) - (a->seconds < b->seconds);
}

static double
share_within(const struct group *g, double seconds)
{
	size_t n = 0;

	while (n < g->n && g->all[n].seconds <= seconds)
		n++;
	return 100.0 * (double)n / (double)g->n;
}

/* Are the times as they must be? */
static bool
is_bounded(const struct group *g, bool is_apart)
{
	size_t late = 0, i;

	if (g->n == 0)
		return true;
	for (i = 0; i < g->n; i++)
		late += g->all[i].seconds > USUAL;
	if (is_apart)
		return g->all[g->n - 1].seconds <= CHECKED;
	return g->all[g->n - 1].seconds <= MOST && (late <= 1 || late * 1000 <= g->n);
}

static void
group_print(const struct group *g, const char *name, const char *apart, FILE *out)
{
	const struct noted *late;
	size_t i;

	if (g->n == 0)
		return;
	qsort(g->all, g->n, sizeof(*g->all), noted_cmp);
	fprintf(out,
	    "# %s%s: %zu histories right after %.1f s (median), %.1f s (99 %%), %.1f s (worst); "
	    "%.2f %% within 10 s, %.2f %% within 15 s, %.2f %% within 30 s\n",
	    name, apart, g->n, g->all[g->n / 2].seconds, g->all[g->n * 99 / 100].seconds,
	    g->all[g->n - 1].seconds, share_within(g, 10), share_within(g, 15),
	    share_within(g, 30));
	for (i = 0; i < WORST && i < g->n && g->all[g->n - 1 - i].seconds > 10; i++) {
		late = &g->all[g->n - 1 - i];
		fprintf(out, "# %s %llu/%llu\t%.1f s\n", history_kinds[late->kind],
		    (unsigned long long)late->seed, (unsigned long long)late->luck, late->seconds);
	}
}

bool
bound_print(const char *name, FILE *out)
{
	bool is_good = true;
	size_t i;

	for (i = 0; i < 2; i++) {
		group_print(&groups[i], name, group_names[i], out);
		if (!is_bounded(&groups[i], i > 0)) {
			fprintf(out, "# %s: too late\n", name);
			is_good = false;
		}
		free(groups[i].all);
		groups[i] = (struct group){ NULL, 0, 0 };
	}
	return is_good;
}
