#include <string.h>

#include "mesh.h"

const char *const history_kinds[HISTORY_KINDS] = { "ours", "one", "two", "long", "roles", "far",
	"lies" };

#define LENGTH_US (120 * SECOND_US)
#define LONG_LENGTH_US (1500 * SECOND_US)
#define ROLES_LENGTH_US (500 * SECOND_US) /* down for longer than until a digest check */

uint64_t
mesh_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

unsigned
mesh_below(uint64_t *state, unsigned n)
{
	return n == 0 ? 0 : (unsigned)(mesh_random(state) % n);
}

static bool
is_of_kodo(enum history_kind kind)
{
	return kind != HISTORY_ONE_LEGACY && kind != HISTORY_TWO_LEGACY;
}

/* --- services --- */

static enum role
role_make(uint64_t *rnd, unsigned i)
{
	static const enum role dice[] = { ROLE_REGISTRY, ROLE_REGISTRY, ROLE_REGISTRY, ROLE_HYBRID,
		ROLE_HYBRID, ROLE_NODE, ROLE_NODE };

	return i == 0 ? ROLE_REGISTRY : dice[mesh_below(rnd, sizeof(dice) / sizeof(dice[0]))];
}

/* Nobody connects to a node: it would be refused for ever, which is not what is tried here. */
static unsigned
targets_make(const struct history *h, uint64_t *rnd, unsigned i)
{
	unsigned density = 20 + mesh_below(rnd, 50), set = 0, j;

	for (j = 0; j < h->n; j++)
		if (j != i && h->role[j] != ROLE_NODE && mesh_below(rnd, 100) < density)
			set |= 1u << j;
	if (set == 0 && i > 0)
		for (j = i; j > 0 && set == 0; j--)
			if (h->role[j - 1] != ROLE_NODE)
				set = 1u << (j - 1);
	return set;
}

static void
services_make(struct history *h, uint64_t *rnd)
{
	bool has_fat = mesh_below(rnd, 4) == 0;
	unsigned i;

	h->n = 2 + mesh_below(rnd, 7);
	for (i = 0; i < h->n; i++)
		h->role[i] = role_make(rnd, i);
	for (i = 0; i < h->n; i++) {
		h->connect[i] = targets_make(h, rnd, i);
		h->is_fat[i] = has_fat && mesh_below(rnd, 2) == 0;
		h->ceiling_bytes[i] =
		    has_fat && mesh_below(rnd, 2) == 0 ? 8500 + mesh_below(rnd, 4000) : 0;
	}
}

/*
 * Some fat nodes are several times a ceiling; in a ring, that of a legacy peer.
 * The last dice, so that the seeds of all other histories mean what they meant.
 */
static void
slices_make(struct history *h, uint64_t *rnd, enum history_kind kind)
{
	const bool is_ours = is_of_kodo(kind);
	bool has_any = mesh_below(rnd, is_ours ? 2 : 4) == 0;
	unsigned i;

	for (i = 0; i < h->n && has_any; i++) {
		if (!is_ours) {
			h->is_fat[i] = !h->is_legacy[i] && mesh_below(rnd, 2) == 0;
			/* not of kodo peers: a legacy peer has nothing but whole lists to send */
			h->ceiling_bytes[i] =
			    h->is_legacy[i] && mesh_below(rnd, 2) == 0 ? 8500 : 0;
		}
		if (h->is_fat[i] && mesh_below(rnd, 3) != 0)
			h->more_flows[i] = 4 + mesh_below(rnd, 16);
	}
}

/* A ring of registries, some of them legacy peers, each with a node of kodo or two. */
static void
ring_make(struct history *h, uint64_t *rnd, unsigned n_legacy)
{
	unsigned ring = 3 + mesh_below(rnd, 3), i;

	h->n = ring + 1 + mesh_below(rnd, MESH_MAX - 1 - ring);
	for (i = 0; i < h->n; i++) {
		h->role[i] = i < ring ? ROLE_REGISTRY : ROLE_NODE;
		h->connect[i] = i < ring ? 1u << (i + 1) % ring : 1u << mesh_below(rnd, ring);
	}
	for (i = 0; i < n_legacy; i++)
		h->is_legacy[(i * (1 + mesh_below(rnd, ring - 1))) % ring] = true;
}

/* --- what happens --- */

static bool
is_target_of_any(const struct history *h, unsigned i)
{
	unsigned j;

	for (j = 0; j < h->n; j++)
		if ((h->connect[j] & 1u << i) != 0)
			return true;
	return false;
}

static enum op_kind
kind_make(uint64_t *rnd, enum history_kind kind)
{
	static const enum op_kind dice[] = { OP_FLOWS, OP_FLOWS, OP_FLOWS, OP_STOP, OP_STOP,
		OP_START, OP_START, OP_START, OP_WIPE, OP_LEAVE, OP_CUT, OP_CUT, OP_JOIN, OP_JOIN,
		OP_CLOCK, OP_TARGETS, OP_URL };
	static const enum op_kind lies[] = { OP_LIE, OP_LIE, OP_FLOWS };
	static const enum op_kind more[] = { OP_ROLE, OP_ROLE, OP_RESET, OP_TURN, OP_FAR };

	if (kind == HISTORY_LIES && mesh_below(rnd, 2) == 0)
		return lies[mesh_below(rnd, 3)];
	/* the last only of far */
	if ((kind == HISTORY_ROLES || kind == HISTORY_FAR) && mesh_below(rnd, 3) == 0)
		return more[mesh_below(rnd, kind == HISTORY_FAR ? 5 : 4)];

	return dice[mesh_below(rnd, sizeof(dice) / sizeof(dice[0]))];
}

static int64_t
clock_make(uint64_t *rnd)
{
	static const int64_t spans[] = { 1, 60, 3600, 86400, 5 * 86400 };
	int64_t span = spans[mesh_below(rnd, 5)];

	return (int64_t)mesh_below(rnd, (unsigned)(2 * span)) - span;
}

/* no_wipe: services with something to sign off, which only their state knows of. */
static void
op_make(struct history *h, uint64_t *rnd, enum history_kind kind, unsigned *no_wipe, struct op *op)
{
	op->kind = kind_make(rnd, kind);
	op->service = mesh_below(rnd, h->n);
	op->other = mesh_below(rnd, h->n);
	op->value = 1 + mesh_below(rnd, 1000);
	switch (op->kind) {
	case OP_FLOWS:
		if (mesh_below(rnd, 4) == 0)
			op->value = 0;
		break;
	case OP_CLOCK:
		op->value = clock_make(rnd);
		break;
	case OP_TARGETS:
		op->value = mesh_below(rnd, 3) == 0 ? h->connect[op->service]
						    : targets_make(h, rnd, op->service);
		*no_wipe |= 1u << op->service;
		break;
	case OP_URL:
		/* others would try it under its old url for ever */
		op->value = mesh_below(rnd, 3);
		if (is_target_of_any(h, op->service) || h->role[op->service] != ROLE_NODE)
			op->kind = OP_START;
		else
			*no_wipe |= 1u << op->service;
		break;
	case OP_ROLE:
		op->value = op->service == 0 ? ROLE_REGISTRY : mesh_below(rnd, ROLE_MAX);
		break;
	case OP_TURN:
		*no_wipe |= 1u << op->service | 1u << op->other;
		break;
	case OP_FAR:
	case OP_RESET:
	case OP_START:
	case OP_STOP:
	case OP_WIPE:
	case OP_LEAVE:
	case OP_CUT:
	case OP_JOIN:
	case OP_LIE:
	case OP_MAX:
		break;
	}
}

static void
ops_sort(struct history *h)
{
	unsigned i, j;

	for (i = 1; i < h->n_ops; i++) {
		struct op op = h->ops[i];

		for (j = i; j > 0 && h->ops[j - 1].at_us > op.at_us; j--)
			h->ops[j] = h->ops[j - 1];
		h->ops[j] = op;
	}
}

static bool
has_moved(const struct history *h, unsigned service)
{
	unsigned i;

	for (i = 0; i < h->n_ops; i++)
		if (h->ops[i].kind == OP_URL && h->ops[i].service == service)
			return true;
	return false;
}

static void
ops_make(struct history *h, uint64_t *rnd, enum history_kind kind)
{
	const bool is_mild = !is_of_kodo(kind);
	unsigned n = mesh_below(rnd, is_mild ? 9 : 25), no_wipe = 0, i;
	/* some histories are over in a breath, so that everything meets in flight */
	int64_t length_us = mesh_below(rnd, 3) == 0 ? 2 * SECOND_US : LENGTH_US;
	bool has_url = false;

	if (kind == HISTORY_LONG)
		length_us = LONG_LENGTH_US;
	else if ((kind == HISTORY_ROLES || kind == HISTORY_FAR) && mesh_below(rnd, 3) == 0)
		length_us = ROLES_LENGTH_US;
	for (i = 0; i < h->n; i++) {
		h->ops[h->n_ops++] = (struct op) {
			.at_us = mesh_below(rnd, 3000) * 1000ll, .kind = OP_START, .service = i
		};
		h->ops[h->n_ops++] = (struct op) {
			.kind = OP_FLOWS, .service = i, .value = mesh_below(rnd, 5) == 0 ? 0 : 1 + i
		};
	}
	for (i = 0; i < n; i++) {
		struct op op = { .at_us = SECOND_US +
			    (int64_t)(mesh_random(rnd) % (uint64_t)length_us) };

		op_make(h, rnd, kind, &no_wipe, &op);
		if (!is_mild || op.kind == OP_FLOWS ||
		    (h->role[op.service] == ROLE_NODE &&
			(op.kind == OP_LEAVE || op.kind == OP_START)))
			h->ops[h->n_ops++] = op;
	}
	for (i = 0; i < h->n_ops; i++)
		if (h->ops[i].kind == OP_WIPE && (no_wipe & 1u << h->ops[i].service) != 0)
			h->ops[i].kind = OP_START;
	/* nobody connects to one that has had several urls */
	for (i = 0; i < h->n_ops; i++)
		if (h->ops[i].kind == OP_TURN && has_moved(h, h->ops[i].service))
			h->ops[i].kind = OP_START;
	/* an older copy would try a service under a url that it has no more, for ever */
	for (i = 0; i < h->n_ops; i++)
		has_url |= h->ops[i].kind == OP_URL;
	for (i = 0; has_url && i < h->n_ops; i++)
		if (h->ops[i].kind == OP_WIPE)
			h->ops[i].value &= ~1ll;
	ops_sort(h);
}

void
history_make(struct history *h, uint64_t seed, enum history_kind kind)
{
	static const unsigned faults[] = { 0, 5, 20, 40 };
	const bool is_ours = is_of_kodo(kind);
	uint64_t rnd = seed * 2654435761u + (uint64_t)kind;

	*h = (struct history){ .kind = kind, .seed = seed };
	if (is_ours)
		services_make(h, &rnd);
	else
		ring_make(h, &rnd, (unsigned)kind);
	h->fault_percent = is_ours ? faults[mesh_below(&rnd, 4)] : 0;
	ops_make(h, &rnd, kind);
	slices_make(h, &rnd, kind);
}

/* --- in words --- */

static void
set_print(FILE *out, unsigned set)
{
	unsigned i;

	for (i = 0; i < MESH_MAX; i++)
		if ((set & 1u << i) != 0)
			fprintf(out, " s%u", i);
}

static void
op_print(const struct op *op, unsigned i, FILE *out)
{
	static const char *const words[OP_MAX] = { "flows", "start", "stop", "wipe", "leave", "cut",
		"join", "clock", "targets", "url", "role", "reset", "far", "turn", "lie" };

	fprintf(out, "  %2u  %9.3f s  s%u %s", i, (double)op->at_us / 1e6, op->service,
	    words[op->kind]);
	if (op->kind == OP_CUT || op->kind == OP_JOIN || op->kind == OP_TURN ||
	    op->kind == OP_LIE)
		fprintf(out, " s%u", op->other);
	else if (op->kind == OP_TARGETS)
		set_print(out, (unsigned)op->value);
	else if (op->kind == OP_WIPE && op->value % 2 != 0)
		fprintf(out, ", or an older copy restored");
	else if (op->kind == OP_FLOWS || op->kind == OP_CLOCK || op->kind == OP_URL ||
	    op->kind == OP_ROLE || op->kind == OP_FAR)
		fprintf(out, " %lld", (long long)op->value);
	fputc('\n', out);
}

void
history_print(const struct history *h, FILE *out)
{
	static const char *const roles[ROLE_MAX] = { "node", "hybrid", "registry" };
	unsigned i;

	fprintf(out, "seed %llu, faults %u %%\n", (unsigned long long)h->seed, h->fault_percent);
	for (i = 0; i < h->n; i++) {
		fprintf(out, "  s%u %s%s%s, connects to", i, h->is_legacy[i] ? "legacy " : "",
		    roles[h->role[i]],
		    h->more_flows[i] != 0 ? " (very fat)" : h->is_fat[i] ? " (fat)" : "");
		set_print(out, h->connect[i]);
		if (h->ceiling_bytes[i] != 0)
			fprintf(out, ", takes %u bytes", h->ceiling_bytes[i]);
		fputc('\n', out);
	}
	for (i = 0; i < h->n_ops; i++)
		if (!h->is_dropped[i])
			op_print(&h->ops[i], i, out);
}
