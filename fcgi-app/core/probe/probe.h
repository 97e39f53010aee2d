/*
 * Does a flow itself answer? What came of asking its address (option probe), beside the nodes, so
 * that nothing of it travels: by node and flow in T_PROBE. How hosts want to be asked is in
 * host.h.
 */
#ifndef KODO_PROBE_PROBE_H
#define KODO_PROBE_PROBE_H

#include "core/flow/packed.h"
#include "core/storage/store.h"

enum probe_verdict {
	PROBE_UNKNOWN,	/* it was not asked, or must not be */
	PROBE_ANSWERS,
	PROBE_GATED,	/* who asks must be let in */
	PROBE_GONE,
	PROBE_FAILS,
	PROBE_VERDICTS
};
/* null, "answers", "gated", "gone", "fails" */
extern const struct str probe_names[PROBE_VERDICTS];

/* Of a status of HTTP; 0: there was no answer. PROBE_UNKNOWN: it tells nothing of the flow. */
enum probe_verdict probe_judge(unsigned status);

struct probe_result {
	int64_t at_us;	/* when it was asked; 0: never */
	enum probe_verdict verdict;
};

/* When it is to be asked again: a day later, or an hour where it failed. */
bool probe_is_due(const struct probe_result *r, int64_t now_us);

/* The results of a node's flows; null: there are none. Points into the map. */
enum kodo_err probe_results_get(struct txn *t, uint32_t node, struct str *out) MUST_CHECK;
struct probe_result probe_result_of(struct str results, const struct packed *p, uint32_t flow);

/* A flow among those of its node, whatever its number becomes. */
uint64_t probe_flow_id(const struct packed *p, uint32_t flow);

/*
 * Store the result of a flow, and drop those of flows that the node has no more. *changed: its
 * verdict was another.
 */
enum kodo_err probe_result_put(struct txn *t, uint32_t node, const struct packed *p, uint64_t flow,
    struct probe_result result, bool *changed) MUST_CHECK;
/* Of a node that is no more. */
enum kodo_err probe_results_del(struct txn *t, uint32_t node) MUST_CHECK;

#endif
