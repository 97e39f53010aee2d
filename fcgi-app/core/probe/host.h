/*
 * How hosts want to be asked (T_PROBE_HOST): when the next request may go to one, and what the
 * robots.txt of a scheme, host and port says of us.
 */
#ifndef KODO_PROBE_HOST_H
#define KODO_PROBE_HOST_H

#include "core/storage/store.h"

/* as robots.txt knows us */
#define PROBE_AGENT		"kodo"
/* of one that is longer nothing is kept, and nothing is asked */
#define PROBE_ROBOTS_BYTES	65536u
#define PROBE_PACE_US		(60ll * 1000000)	/* between two requests to a host */
#define PROBE_WAIT_MAX_US	(86400ll * 1000000)	/* that a Retry-After may ask for */

/* What requests are paced by, whatever the port; and whose robots.txt it is. 0: it is no url. */
uint64_t probe_host_id(struct str url);
uint64_t probe_origin_id(struct str url);

/* May a request go to it now? */
enum kodo_err probe_pace_get(
    struct txn *t, uint64_t host, int64_t now_us, bool *is_free) MUST_CHECK;
enum kodo_err probe_pace_put(struct txn *t, uint64_t host, int64_t next_us) MUST_CHECK;

/* RFC 9309, 2.3.1 */
enum probe_rule {
	PROBE_RULE_TEXT,
	PROBE_RULE_ALLOW,	/* there is none (4xx) */
	PROBE_RULE_FORBID	/* it cannot be had, leads elsewhere, or is too long */
};
enum probe_rule probe_rule_of(unsigned status, bool is_cut);

struct probe_robots {
	int64_t at_us;		/* when it was asked for; 0: never */
	enum probe_rule rule;
	struct str text;	/* points into the map */
};
enum kodo_err probe_robots_get(
    struct txn *t, uint64_t origin, struct probe_robots *out) MUST_CHECK;
enum kodo_err probe_robots_put(
    struct txn *t, uint64_t origin, const struct probe_robots *r) MUST_CHECK;
/* A day old, or an hour where it could not be had. */
bool probe_robots_is_old(const struct probe_robots *r, int64_t now_us);
bool probe_robots_allows(const struct probe_robots *r, struct str url);

/* Forget what is over. Some at a time: *more. */
enum kodo_err probe_hosts_tidy(struct txn *t, int64_t now_us, bool *more) MUST_CHECK;

#endif
