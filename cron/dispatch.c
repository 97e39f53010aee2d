#include <poll.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/isotime.h"
#include "core/base/log.h"
#include "core/exchange/outcome.h"
#include "core/exchange/schedule.h"
#include "core/registry/expire.h"
#include "cron/dispatch.h"
#include "cron/sender.h"

#define TICK_US		1000000ll
#define TIDY_LOOK_US	(600ll * 1000000)
/* peers that share one are told about more often, no more */
#define SAID_SLOTS	1024u
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
	int64_t tidy_us;	/* monotonic: look then whether something is to be forgotten */
	bool stopped;
	/* what was said last about a peer's failing, so that it is said once */
	uint64_t said[SAID_SLOTS];
};

enum kodo_err
dispatch_new(struct registry *r, const struct dispatch_watch *watch, struct dispatch **out)
{
	struct dispatch *p = calloc(1, sizeof(*p));
	enum kodo_err err = KODO_ENOMEM;
	unsigned i;

	*out = NULL;
	if (p == NULL)
		return KODO_ENOMEM;
	p->registry = r;
	p->watch = watch;
	for (i = 0; i < SENDER_SLOTS; i++) {
		p->slots[i].arena = arena_new();
		if (p->slots[i].arena == NULL)
			goto out;
	}
	p->scratch = arena_new();
	if (p->scratch != NULL)
		err = sender_new(&p->sender);
out:
	if (err != KODO_OK) {
		dispatch_free(p);
		return err;
	}
	*out = p;
	return KODO_OK;
}

void
dispatch_free(struct dispatch *p)
{
	unsigned i;

	if (p == NULL)
		return;
	sender_free(p->sender);		/* before the bodies that it sends */
	for (i = 0; i < SENDER_SLOTS; i++)
		arena_free(p->slots[i].arena);
	arena_free(p->scratch);
	free(p);
}

/* The state could not be read or written: say so and leave it alone for a while. */
static void
pause_after(struct dispatch *p, const char *what, enum kodo_err err)
{
	int64_t pause_us = lifetime_pause_us(++p->n_failures);

	log_at(p->n_failures == 1 ? LOG_ERROR : LOG_DEBUG, "%s: %s; next try in %d s", what,
	    kodo_err_text(err), (int)(pause_us / 1000000));
	p->paused_us = clock_mono_us() + pause_us;
}

static unsigned
list_busy(const struct dispatch *p, uint32_t busy[SENDER_SLOTS])
{
	unsigned n = 0, i;

	for (i = 0; i < SENDER_SLOTS; i++)
		if (p->slots[i].busy)
			busy[n++] = p->slots[i].job.peer;
	return n;
}

/* --- log lines --- */

/* An attempt after a failure was told about: the next line about that peer shall be its success. */
static void
log_sending(const struct dispatch *p, const struct exchange_job *job)
{
	enum log_level level = p->said[job->peer % SAID_SLOTS] == 0 ? LOG_INFO : LOG_DEBUG;

	if (job->kind == EXCHANGE_DIGEST_CHECK)
		log_debug("digest check at %.*s", STR_ARG(job->url));
	else if (job->kind == EXCHANGE_CONNECT || job->kind == EXCHANGE_UPDATE)
		log_at(level, "%.*s with nodes: %zu, flows: %zu", STR_ARG(job->url), job->n_nodes,
		    job->n_flows);
	else
		log_at(level, "%.*s", STR_ARG(job->url));
}

/* A failure that repeats itself every 8 s for ever is one line, then for those who debug. */
static enum log_level
failure_level(struct dispatch *p, const struct exchange_job *job, const struct exchange_result *res)
{
	uint64_t *said = &p->said[job->peer % SAID_SLOTS];
	const struct hash_key key = { job->peer, (uint64_t)res->status };
	uint64_t h = hash_text(key, job->url) ^
	    hash_text(key, res->error == NULL ? STR_NULL : str_of(res->error));

	if (*said == h)
		return LOG_DEBUG;
	*said = h;
	return LOG_WARNING;
}

static void
log_outcome(struct dispatch *p, const struct exchange_job *job, const struct exchange_result *res)
{
	struct str detail = res->body;
	enum log_level level;

	if (res->status == 200 || res->status == 201 || res->status == 204) {
		p->said[job->peer % SAID_SLOTS] = 0;
		log_at(job->kind == EXCHANGE_DIGEST_CHECK ? LOG_DEBUG : LOG_INFO, "succeed with %.*s",
		    STR_ARG(job->url));
		return;
	}
	level = failure_level(p, job, res);
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
 * Whether the connection may lead to a private address. exchange.c has judged the url by its text;
 * a name may stand for such an address all the same. Where the operator names a target himself, it
 * is his word that counts.
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
start(struct dispatch *p, const struct lifetime *lifetime, unsigned i)
{
	struct slot *slot = &p->slots[i];
	struct sender_limits limits = { .header = NULL };
	const struct options *o;
	enum kodo_err err;

	err = registry_options(p->registry, &o);
	if (err != KODO_OK)
		return err;
	limits.timeout_s = o->timeout_s;
	limits.allow_private = may_be_private(o, &slot->job);
	/* else an attempt that outlasts --for would be begun by each runner and ended by none */
	if (!lifetime->stay && limits.timeout_s * 1000000ll > lifetime->until_us - lifetime->began_us)
		limits.timeout_s = (unsigned)((lifetime->until_us - lifetime->began_us) / 1000000);
	if (limits.timeout_s == 0)
		limits.timeout_s = 1;
	err = sender_start(p->sender, i, &slot->job, &limits);
	if (err != KODO_OK)
		return err;
	slot->busy = true;
	p->n_busy++;
	log_sending(p, &slot->job);
	return KODO_OK;
}

/* Start everything that is due and has a peer and a slot free; note when there will be more. */
static enum kodo_err
fill(struct dispatch *p, const struct lifetime *lifetime, struct lifetime_state *look)
{
	enum kodo_err err = KODO_OK;
	uint32_t busy[SENDER_SLOTS];
	unsigned i;

	look->next_due_us = look->active_due_us = LIFETIME_NEVER;
	for (i = 0; i < SENDER_SLOTS; i++) {
		struct slot *slot = &p->slots[i];

		if (slot->busy)
			continue;
		arena_reset(slot->arena);
		err = schedule_next(p->registry, slot->arena, isotime_now_us(), busy,
		    list_busy(p, busy), &slot->job, &look->next_due_us, &look->active_due_us);
		if (err == KODO_OK)
			err = start(p, lifetime, i);
		if (err != KODO_OK)
			break;
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/* Put back what came of those that have ended. */
static void
finish_ended(struct dispatch *p)
{
	struct exchange_result res;
	enum kodo_err err;
	bool wake;
	unsigned i;

	while (sender_take(p->sender, &i, &res)) {
		struct slot *slot = &p->slots[i];

		log_outcome(p, &slot->job, &res);
		err = outcome_take(
		    p->registry, slot->arena, &slot->job, &res, isotime_now_us(), &wake);
		sender_release(p->sender, i);
		slot->busy = false;
		p->n_busy--;
		if (err != KODO_OK)
			pause_after(p, "cannot store the result of a message", err);
	}
}

static void
wait(struct dispatch *p, int wake_fd, int64_t wait_us)
{
	int fds[] = {
		[WAKE_FD] = wake_fd,
		[STOP_FD] = p->watch->stop_fd,
		[SERVICE_FD] = p->watch->service_fd,
	};
	unsigned n_fds = p->watch->service_fd >= 0 ? SERVICE_FD + 1 : SERVICE_FD, ready;

	ready = sender_wait(p->sender, fds, n_fds, wait_us);
	if (ready & 1u << WAKE_FD)
		state_wake_drain(wake_fd);
	if (ready & (1u << STOP_FD | 1u << SERVICE_FD))
		p->stopped = true;
}

static void
tick(struct dispatch *p)
{
	int64_t now_us = clock_mono_us();

	state_reap();
	if (p->watch->tick == NULL || now_us - p->ticked_us < TICK_US)
		return;
	p->watch->tick(p->watch->arg, p->registry);
	p->ticked_us = now_us;
}

/* What time alone changes. That it fails now costs nothing but time. */
static void
tidy(struct dispatch *p, int64_t mono_us)
{
	enum kodo_err err;

	if (mono_us < p->tidy_us)
		return;
	p->tidy_us = mono_us + TIDY_LOOK_US;
	err = expire_run(p->registry, isotime_now_us());
	if (err != KODO_OK)
		log_warning("cannot forget old removals: %s", kodo_err_text(err));
}

enum dispatch_end
dispatch_run(struct dispatch *p, const struct lifetime *lifetime, int wake_fd)
{
	struct lifetime_state look = { LIFETIME_NEVER, LIFETIME_NEVER, 0 };
	enum epoch_end end = LIFETIME_GOES_ON;

	while (!p->stopped) {
		int64_t mono_us = clock_mono_us(), max_us = LIFETIME_AHEAD_US;
		enum kodo_err err;

		tick(p);
		tidy(p, mono_us);
		if (mono_us < p->paused_us)
			max_us = p->paused_us - mono_us;
		else if (end == LIFETIME_GOES_ON) {
			err = fill(p, lifetime, &look);
			if (err == KODO_OK)
				p->n_failures = 0;
			else {
				pause_after(p, "cannot read the pending messages", err);
				look.next_due_us = LIFETIME_NEVER;
			}
		}
		look.n_busy = p->n_busy;
		end = lifetime_judge(lifetime, &look, clock_mono_us(), isotime_now_us());
		if (mono_us < p->paused_us && end == LIFETIME_IDLE)
			end = LIFETIME_GOES_ON;	/* what was read before the failure may not hold */
		if (end == LIFETIME_IDLE || end == LIFETIME_LIMIT)
			return end == LIFETIME_IDLE ? DISPATCH_IDLE : DISPATCH_LIMIT;
		if (p->watch->tick != NULL && max_us > TICK_US)
			max_us = TICK_US;
		wait(p, wake_fd,
		    lifetime_wait_us(lifetime, &look, clock_mono_us(), isotime_now_us(), max_us));
		finish_ended(p);
	}
	return DISPATCH_STOPPED;
}

bool
dispatch_is_due(struct dispatch *p, const struct lifetime *lifetime)
{
	struct exchange_job job;
	int64_t next_us = LIFETIME_NEVER, active_us = LIFETIME_NEVER, now_us = isotime_now_us();
	enum kodo_err err;

	arena_reset(p->scratch);
	err = schedule_next(p->registry, p->scratch, now_us, NULL, 0, &job, &next_us, &active_us);
	if (err == KODO_OK)
		return true;
	return err == KODO_ENOTFOUND && lifetime_is_worth(lifetime, active_us, now_us);
}
