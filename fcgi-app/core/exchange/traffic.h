/* Messages to peers, counted in core/metrics: a family of /metrics. */
#ifndef KODO_TRAFFIC_H
#define KODO_TRAFFIC_H

#include "core/exchange/job.h"

#define TRAFFIC_METRIC	"kodo_messages"	/* kind, answer */
#define TRAFFIC_KINDS	(EXCHANGE_LOOK + 1)

/* By the class of their status. */
enum traffic_answer { TRAFFIC_NONE, TRAFFIC_1XX, TRAFFIC_2XX, TRAFFIC_3XX, TRAFFIC_4XX,
    TRAFFIC_5XX, TRAFFIC_ANSWERS };

extern const char *const traffic_kinds[TRAFFIC_KINDS];
extern const char *const traffic_answers[TRAFFIC_ANSWERS];	/* "none", "1xx" .. "5xx" */

/* A message was answered, or not. */
void traffic_count(const struct exchange_job *job, const struct exchange_result *res);

#endif
