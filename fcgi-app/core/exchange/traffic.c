#include "core/exchange/traffic.h"
#include "core/metrics/metrics.h"

const char *const traffic_kinds[TRAFFIC_KINDS] = {
	[EXCHANGE_DISCONNECT] = "disconnect",
	[EXCHANGE_CONNECT] = "connect",
	[EXCHANGE_RECONNECT] = "reconnect",
	[EXCHANGE_REMOVE] = "remove",
	[EXCHANGE_UPDATE] = "update",
	[EXCHANGE_DIGEST_CHECK] = "digest_check",
	[EXCHANGE_PROBE] = "probe",
	[EXCHANGE_PROVE] = "prove",
	[EXCHANGE_LOOK] = "look",
};

const char *const traffic_answers[TRAFFIC_ANSWERS] = {
	"none", "1xx", "2xx", "3xx", "4xx", "5xx"
};

void
traffic_count(const struct exchange_job *job, const struct exchange_result *res)
{
	const unsigned class = res->status / 100;

	if (job->kind >= TRAFFIC_KINDS)
		return;
	metrics_add(&(struct metric){ TRAFFIC_METRIC, { traffic_kinds[job->kind],
		traffic_answers[class < TRAFFIC_ANSWERS ? class : TRAFFIC_NONE] } }, 1);
}
