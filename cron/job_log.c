#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/path.h"
#include "core/exchange/failure.h"
#include "cron/job_log.h"

#define DETAIL_BYTES	200u	/* of an answer, for the log */

bool
job_is_small(const struct exchange_job *job)
{
	return job->kind == EXCHANGE_PROBE || job->kind == EXCHANGE_PROVE ||
	    job->kind == EXCHANGE_LOOK;
}

static bool
is_routine(const struct exchange_job *job)
{
	return job_is_small(job) || job->kind == EXCHANGE_DIGEST_CHECK;
}

/* After a logged failure the next line of that peer is its success. */
void
job_log_sending(const struct exchange_job *job, uint64_t last_failure)
{
	enum log_level level = last_failure == 0 ? LOG_INFO : LOG_DEBUG;

	if (is_routine(job))
		log_debug("%s %.*s", job->is_post ? "digest check at" : "look at",
		    STR_ARG(job->url));
	else if (job->kind == EXCHANGE_CONNECT || job->kind == EXCHANGE_UPDATE)
		log_at(level, "%.*s with nodes: %zu, flows: %zu", STR_ARG(job->url), job->n_nodes,
		    job->n_flows);
	else
		log_at(level, "%.*s", STR_ARG(job->url));
}

/* The same failure again, every 8 s for ever, is for debugging only. */
static enum log_level
failure_level(
    const struct exchange_job *job, const struct exchange_result *res, uint64_t *logged)
{
	const struct hash_key key = { job->peer, (uint64_t)res->status };
	uint64_t h = hash_text(key, job->url) ^
	    hash_text(key, res->error == NULL ? STR_NULL : str_of(res->error));

	if (*logged == h)
		return LOG_DEBUG;
	*logged = h;
	return LOG_WARNING;
}

void
job_log_outcome(
    const struct exchange_job *job, const struct exchange_result *res, uint64_t *last_failure)
{
	struct str detail = res->body;
	char moved[FAILURE_BYTES];
	enum log_level level;

	if (res->status == 200 || res->status == 201 || res->status == 204) {
		*last_failure = 0;
		/* what whoever offers flows waits for at the screen */
		if (job->kind == EXCHANGE_CONNECT && job->is_target && job->n_flows > 0)
			log_info("listed by %.*s", STR_ARG(path_folder(job->url)));
		log_at(is_routine(job) ? LOG_DEBUG : LOG_INFO, "succeed with %.*s",
		    STR_ARG(job->url));
		return;
	}
	/* strangers could fill the log */
	level = job_is_small(job) ? LOG_DEBUG : failure_level(job, res, last_failure);
	if (res->status == 0) {
		log_at(level, "failed with %.*s: %s", STR_ARG(job->url), res->error);
		return;
	}
	if (detail.len > DETAIL_BYTES)
		detail.len = DETAIL_BYTES;
	failure_redirect(job->url, res->moved, job->is_target ? "connect" : NULL, moved);
	if (moved[0] != '\0')
		detail = str_of(moved);
	log_at(level, "failed with %.*s: %u %.*s", STR_ARG(job->url), res->status, (int)detail.len,
	    detail.p == NULL ? "" : detail.p);
}
