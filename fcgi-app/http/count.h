/* Requests, counted in core/metrics: families of /metrics whose labels are of the tables here. */
#ifndef KODO_COUNT_H
#define KODO_COUNT_H

#include "core/metrics/metrics.h"
#include "http/call.h"
#include "http/router.h"

#define COUNT_REQUESTS	"kodo_requests"			/* route, method, status, pool */
#define COUNT_SECONDS	"kodo_request_duration_seconds"	/* route, method, pool */
#define COUNT_REFUSALS	"kodo_refusals"			/* reason */

/* A request is answered, which began then (clock_mono_us). */
void count_request(const struct call *c, int64_t began_us);

/* A route as a label: its path, or `other`, for NULL: nothing a client sends is one. */
#define COUNT_ROUTE_BYTES	64
const char *count_route(const struct route *r, char out[COUNT_ROUTE_BYTES]);
const char *count_method(enum method m);
extern const char *const count_pools[2];

#endif
