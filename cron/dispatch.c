#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/isotime.h"
#include "core/base/log.h"
#include "core/base/spawn.h"
#include "core/exchange/outcome.h"
#include "core/exchange/schedule.h"
#include "core/registry/expire.h"
#include "cron/dispatch.h"
#include "cron/sender.h"

#define TICK_US		1000000ll
#define EXPIRE_US	(600ll * 1000000)
/* of the log; two peers in one slot only cost more lines */
#define FAILURE_SLOTS	1024u
#define DETAIL_BYTES	200u	/* of an answer, for the log */

enum { WAKE_FD, STOP_FD, SERVICE_FD };

struct slot {
	bool busy;
	struct arena *arena;	/* holds job */
	struct exchange_job job;
};

struct dispatch {
	struct registry *registry;
	struct sender *sender;
	struct arena *scratch;
	const struct dispatch_watch *watch;
	struct slot slots[SENDER_SLOTS];
	unsigned n_busy;
	unsigned n_failures;	/* of the state, in a row */
	int64_t paused_us;	/* monotonic: the state is left alone until then */
	int64_t ticked_us;
	int64_t expire_us;	/* monotonic: when tombstones expire next */
	bool stopped;
	/* hash of a peer's last logged failure, so that it is logged once; 0: none */
	uint64_t failures[FAILURE_SLOTS];
};

enum kodo_err
dispatch_new(struct registry *r, const struct dispatch_watch *watch, struct dispatch **out)
{
	struct dispatch *d = calloc(1, sizeof(*d));
	enum kodo_err err = KODO_ENOMEM;
	unsigned i;

	*out = NULL;
	if (d == NULL)
		return KODO_ENOMEM;
	d->registry = r;
	d->watch = watch;
	for (i = 0; i < SENDER_SLOTS; i++) {
		d->slots[i].arena = arena_new();
		if (d->slots[i].arena == NULL)
			goto out;
	}
	d->scratch = arena_new();
	if (d->scratch != NULL)
		err = sender_new(&d->sender);
out:
	if (err != KODO_OK) {
		dispatch_free(d);
		return err;
	}
	*out = d;
	return KODO_OK;
}

void
dispatch_free(struct dispatch *d)
{
	unsigned i;

	if (d == NULL)
		return;
	sender_free(d->sender);		/* before the bodies that it sends */
	for (i = 0; i < SENDER_SLOTS; i++)
		arena_free(d->slots[i].arena);
	arena_free(d->scratch);
	free(d);
}

/* The state could not be read or written: log it, and try again after a pause. */
static void
pause_after(struct dispatch *d, const char *what, enum kodo_err err)
{
	int64_t pause_us = lifetime_pause_us(++d->n_failures);

	log_at(d->n_failures == 1 ? LOG_ERROR : LOG_DEBUG, "%s: %s; next try in %d s", what,
	    kodo_err_text(err), (int)(pause_us / 1000000));
	d->paused_us = clock_mono_us() + pause_us;
}

static unsigned
list_busy(const struct dispatch *d, uint32_t busy[SENDER_SLOTS])
{
	unsigned n = 0, i;

	for (i = 0; i < SENDER_SLOTS; i++)
		if (d->slots[i].busy)
			busy[n++] = d->slots[i].job.peer;
	return n;
}

/* --- log lines --- */

/* After a logged failure the next line of that peer is its success. */
static void
log_sending(const struct dispatch *d, const struct exchange_job *job)
{
	enum log_level level = d->failures[job->peer % FAILURE_SLOTS] == 0 ? LOG_INFO : LOG_DEBUG;

	if (job->kind == EXCHANGE_DIGEST_CHECK)
		log_debug("digest check at %.*s", STR_ARG(job->url));
	else if (job->kind == EXCHANGE_CONNECT || job->kind == EXCHANGE_UPDATE)
		log_at(level, "%.*s with nodes: %zu, flows: %zu", STR_ARG(job->url), job->n_nodes,
		    job->n_flows);
	else
		log_at(level, "%.*s", STR_ARG(job->url));
}

/* The same failure again, every 8 s for ever, is for debugging only. */
static enum log_level
failure_level(
    struct dispatch *d, const struct exchange_job *job, const struct exchange_result *res)
{
	uint64_t *logged = &d->failures[job->peer % FAILURE_SLOTS];
	const struct hash_key key = { job->peer, (uint64_t)res->status };
	uint64_t h = hash_text(key, job->url) ^
	    hash_text(key, res->error == NULL ? STR_NULL : str_of(res->error));

	if (*logged == h)
		return LOG_DEBUG;
	*logged = h;
	return LOG_WARNING;
}

static void
log_outcome(struct dispatch *d, const struct exchange_job *job, const struct exchange_result *res)
{
	struct str detail = res->body;
	enum log_level level;

	if (res->status == 200 || res->status == 201 || res->status == 204) {
		d->failures[job->peer % FAILURE_SLOTS] = 0;
		log_at(job->kind == EXCHANGE_DIGEST_CHECK ? LOG_DEBUG : LOG_INFO,
		    "succeed with %.*s", STR_ARG(job->url));
		return;
	}
	level = failure_level(d, job, res);
	if (res->status == 0) {
		log_at(level, "failed with %.*s: %s", STR_ARG(job->url), res->error);
		return;
	}
	if (detail.len > DETAIL_BYTES)
		detail.len = DETAIL_BYTES;
	log_at(level, "failed with %.*s: %u %.*s", STR_ARG(job->url), res->status, (int)detail.len,
	    detail.p == NULL ? "" : detail.p);
}

/* --- sending --- */

/*
 * May the connection lead to a private address? The text of the url was checked before, but a name
 * may resolve to such an address all the same. A target that the options name may have any.
 */
static bool
may_be_private(const struct options *o, const struct exchange_job *job)
{
	struct options any = *o;

	any.n_accept = 0;
	return job->is_target ||
	    option_allows_peer(&any, STR("http://127.0.0.1:1"), NULL) == KODO_OK;
}

static enum kodo_err
start(struct dispatch *d, const struct lifetime *lifetime, unsigned i)
{
	struct slot *slot = &d->slots[i];
	struct sender_limits limits = { .header = NULL };
	int64_t limit_us = lifetime->until_us - lifetime->began_us;
	const struct options *o;
	enum kodo_err err;

	err = registry_options(d->registry, &o);
	if (err != KODO_OK)
		return err;
	limits.timeout_s = o->timeout_s;
	limits.allow_private = may_be_private(o, &slot->job);
	/* an attempt longer than --for would be begun by each runner and ended by none */
	if (!lifetime->stay && limits.timeout_s * 1000000ll > limit_us)
		limits.timeout_s = (unsigned)(limit_us / 1000000);
	if (limits.timeout_s == 0)
		limits.timeout_s = 1;
	err = sender_start(d->sender, i, &slot->job, &limits);
	if (err != KODO_OK)
		return err;
	slot->busy = true;
	d->n_busy++;
	log_sending(d, &slot->job);
	return KODO_OK;
}

/* Start every due message with an idle peer and a free slot; note when the next one is due. */
static void
fill(struct dispatch *d, const struct lifetime *lifetime, struct lifetime_state *state)
{
	enum kodo_err err = KODO_OK;
	uint32_t busy[SENDER_SLOTS];
	unsigned i;

	state->next_due_us = state->active_due_us = LIFETIME_NEVER;
	for (i = 0; err == KODO_OK && i < SENDER_SLOTS; i++) {
		struct slot *slot = &d->slots[i];

		if (slot->busy)
			continue;
		arena_reset(slot->arena);
		err = schedule_next(d->registry, slot->arena, isotime_now_us(), busy,
		    list_busy(d, busy), &slot->job, &state->next_due_us, &state->active_due_us);
		if (err == KODO_OK)
			err = start(d, lifetime, i);
	}
	if (err == KODO_OK || err == KODO_ENOTFOUND) {
		d->n_failures = 0;
		return;
	}
	pause_after(d, "cannot read the pending messages", err);
	state->next_due_us = LIFETIME_NEVER;
}

/* Store the results of the transfers that have ended. */
static void
finish_ended(struct dispatch *d)
{
	struct exchange_result res;
	enum kodo_err err;
	bool wake;
	unsigned i;

	while (sender_take(d->sender, &i, &res)) {
		struct slot *slot = &d->slots[i];

		log_outcome(d, &slot->job, &res);
		err = outcome_take(
		    d->registry, slot->arena, &slot->job, &res, isotime_now_us(), &wake);
		sender_release(d->sender, i);
		slot->busy = false;
		d->n_busy--;
		if (err != KODO_OK)
			pause_after(d, "cannot store the result of a message", err);
	}
}

static void
wait(struct dispatch *d, int wake_fd, int64_t wait_us)
{
	int fds[] = {
		[WAKE_FD] = wake_fd,
		[STOP_FD] = d->watch->stop_fd,
		[SERVICE_FD] = d->watch->service_fd,
	};
	unsigned n_fds = d->watch->service_fd >= 0 ? SERVICE_FD + 1 : SERVICE_FD, ready;

	ready = sender_wait(d->sender, fds, n_fds, wait_us);
	if (ready & 1u << WAKE_FD)
		state_wake_drain(wake_fd);
	if (ready & (1u << STOP_FD | 1u << SERVICE_FD))
		d->stopped = true;
}

static void
tick(struct dispatch *d)
{
	int64_t now_us = clock_mono_us();

	spawn_reap();
	if (d->watch->tick == NULL || now_us - d->ticked_us < TICK_US)
		return;
	d->watch->tick(d->watch->arg, d->registry);
	d->ticked_us = now_us;
}

/* Expire tombstones. A failure costs only time: the next one does the same. */
static void
expire(struct dispatch *d, int64_t mono_us)
{
	enum kodo_err err;

	if (mono_us < d->expire_us)
		return;
	d->expire_us = mono_us + EXPIRE_US;
	err = expire_run(d->registry, isotime_now_us());
	if (err != KODO_OK)
		log_warning("cannot forget old removals: %s", kodo_err_text(err));
}

enum dispatch_end
dispatch_run(struct dispatch *d, const struct lifetime *lifetime, int wake_fd)
{
	struct lifetime_state state = { LIFETIME_NEVER, LIFETIME_NEVER, 0 };
	enum lifetime_end end = LIFETIME_GOES_ON;

	while (!d->stopped) {
		int64_t mono_us = clock_mono_us(), max_us = LIFETIME_AHEAD_US;

		tick(d);
		expire(d, mono_us);
		if (mono_us < d->paused_us)
			max_us = d->paused_us - mono_us;
		else if (end == LIFETIME_GOES_ON)
			fill(d, lifetime, &state);
		state.n_busy = d->n_busy;
		end = lifetime_judge(lifetime, &state, clock_mono_us(), isotime_now_us());
		if (mono_us < d->paused_us && end == LIFETIME_IDLE)
			end = LIFETIME_GOES_ON;	/* the state as last read may be out of date */
		if (end == LIFETIME_IDLE || end == LIFETIME_LIMIT)
			return end == LIFETIME_IDLE ? DISPATCH_IDLE : DISPATCH_LIMIT;
		if (d->watch->tick != NULL && max_us > TICK_US)
			max_us = TICK_US;
		wait(d, wake_fd,
		    lifetime_wait_us(lifetime, &state, clock_mono_us(), isotime_now_us(), max_us));
		finish_ended(d);
	}
	return DISPATCH_STOPPED;
}

bool
dispatch_is_due(struct dispatch *d, const struct lifetime *lifetime)
{
	struct exchange_job job;
	int64_t next_us = LIFETIME_NEVER, active_us = LIFETIME_NEVER, now_us = isotime_now_us();
	enum kodo_err err;

	arena_reset(d->scratch);
	err = schedule_next(d->registry, d->scratch, now_us, NULL, 0, &job, &next_us, &active_us);
	if (err == KODO_OK)
		return true;
	return err == KODO_ENOTFOUND && lifetime_is_worth(lifetime, active_us, now_us);
}
