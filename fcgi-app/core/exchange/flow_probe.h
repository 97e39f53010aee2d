/*
 * Which flows of providers are to be asked whether they answer (option probe), and what their
 * answers mean. Asked are those of nodes whose owner is connected here, has answered under its url,
 * and is not silent; one request a host and minute, that for its robots.txt included.
 */
#ifndef KODO_FLOW_PROBE_H
#define KODO_FLOW_PROBE_H

#include "core/exchange/job.h"
#include "core/probe/probe.h"
#include "core/registry/change_type.h"
#include "core/registry/registry.h"

struct flow_ask {
	struct str url;		/* where to ask */
	bool is_robots;		/* for its robots.txt, else for a flow */
	bool is_target;		/* of a peer that the operator names in `connect` */
	uint32_t node;
	uint64_t flow, host, origin;	/* probe/probe.h, probe/host.h */
};

/* CHANGE_PROBE */
struct change_probe {
	uint32_t node;
	uint64_t flow;
	struct probe_result result;
};
extern const struct change_type change_probe;

/*
 * Up to max of what is due, at most one a host, in a; their hosts are held for two minutes.
 * *from: where to begin among the providers, 0 at first; then where to go on. Bounded: some is
 * left for the next time.
 */
enum kodo_err flow_probe_pick(struct registry *r, struct arena *a, uint64_t *from, int64_t now_us,
    struct flow_ask *asks, size_t max, size_t *n) MUST_CHECK;

/* What came of it, asked at begun_us. */
enum kodo_err flow_probe_note(struct registry *r, const struct flow_ask *ask,
    const struct exchange_result *res, int64_t begun_us, int64_t now_us) MUST_CHECK;

/* Forget what was known of hosts and is out of date. */
enum kodo_err flow_probe_tidy(struct registry *r, int64_t now_us) MUST_CHECK;

#endif
