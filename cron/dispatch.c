#include <assert.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/isotime.h"
#include "core/base/limit.h"
#include "core/base/log.h"
#include "core/cluster/link.h"
#include "core/base/spawn.h"
#include "core/exchange/outcome.h"
#include "core/exchange/schedule.h"
#include "core/exchange/stranger.h"
#include "core/exchange/traffic.h"
#include "core/trust/pin.h"
#include "cron/ceiling.h"
#include "cron/dispatch.h"
#include "cron/flow_asker.h"
#include "cron/importer.h"
#include "cron/job_log.h"
#include "cron/key_fetch.h"
#include "cron/rounds.h"
#include "cron/sender.h"

#define TICK_US		1000000ll
/* of the log; two peers in one slot only cost more lines */
#define FAILURE_SLOTS	1024u
#define PROBE_MAX_S	5u	/* a greeting is small */
#define PROBE_HEAD_BYTES 80u	/* beside its url: method, Host, User-Agent, Accept */
#define LOOK_WAIT_US	(10ll * 1000000)

/*
 * Transfers at a time, and the turn that each has for certain. One that takes longer makes room if
 * others wait: a good one goes on among those that fail, or else it has failed.
 */
static const struct {
	unsigned slots;
	int64_t turn_us;
} pools[POOL_MAX] = {
	[POOL_GOOD] = { 64, 1000000 },	/* another continent, and TLS */
	[POOL_FAILING] = { 48, 5000000 },
	[POOL_STRANGERS] = { 16, 1000000 },
	[POOL_LIVENESS] = { 48, 5000000 },	/* all its time: one given up would count */
};
#define PEER_SLOTS	(64u + 48 + 16 + 48)
#define KEY_SLOT	PEER_SLOTS
#define FLOW_SLOT	(KEY_SLOT + 1)	/* the first of FLOW_SLOTS */
#define IMPORT_SLOT	(FLOW_SLOT + FLOW_SLOTS)	/* the first of IMPORT_SLOTS */
static_assert(SENDER_SLOTS == IMPORT_SLOT + IMPORT_SLOTS, "a slot for each");

enum { WAKE_FD, STOP_FD, SERVICE_FD };

struct slot {
	bool busy;
	enum schedule_pool pool;
	uint32_t host;		/* of a stranger, see ceiling.h; else 0 */
	uint32_t look_host;	/* of one that is asked for a sign of life; else 0 */
	int64_t began_us;	/* monotonic */
	uint64_t token;		/* of a cluster, by which it was sent */
	struct arena *arena;	/* holds job, and what was signed of it */
	struct exchange_job job;
	struct signature_fields signature;
};

struct dispatch {
	struct registry *registry;
	struct sender *sender;
	struct ceiling *ceiling;
	struct key_fetch *keys;
	struct flow_asker *flows;
	struct importer *imports;
	struct arena *scratch;	/* for a job, until it has a slot */
	const struct dispatch_watch *watch;
	struct slot slots[PEER_SLOTS];
	unsigned n_busy[POOL_MAX];
	unsigned n_failures;	/* of the state, in a row */
	int64_t paused_us;	/* monotonic: the state is left alone until then */
	int64_t ticked_us;
	struct rounds rounds;
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
	for (i = 0; i < PEER_SLOTS; i++) {
		d->slots[i].arena = arena_new();
		if (d->slots[i].arena == NULL)
			goto out;
	}
	d->scratch = arena_new();
	if (d->scratch != NULL)
		err = ceiling_new(&d->ceiling);
	if (err == KODO_OK)
		err = sender_new(&d->sender);
	if (err == KODO_OK) {
		d->keys = key_fetch_new(r, d->sender, KEY_SLOT);
		d->flows = flow_asker_new(r, d->sender, FLOW_SLOT);
		d->imports = importer_new(r, d->sender, IMPORT_SLOT);
		err = d->keys == NULL || d->flows == NULL || d->imports == NULL ? KODO_ENOMEM
										: KODO_OK;
	}
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
	for (i = 0; i < PEER_SLOTS; i++)
		arena_free(d->slots[i].arena);
	arena_free(d->scratch);
	key_fetch_free(d->keys);
	flow_asker_free(d->flows);
	importer_free(d->imports);
	ceiling_free(d->ceiling);
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
n_busy(const struct dispatch *d)
{
	unsigned n = key_fetch_is_busy(d->keys) + flow_asker_n_busy(d->flows) +
	    importer_n_busy(d->imports);
	int pool;

	for (pool = 0; pool < POOL_MAX; pool++)
		n += d->n_busy[pool];
	return n;
}

/* Who is not to be found now: those that are put off, too. */
static unsigned
list_busy(
    const struct dispatch *d, const struct put_offs *off, uint32_t busy[PEER_SLOTS + PUT_OFFS])
{
	unsigned n = 0, i;

	for (i = 0; i < off->n; i++)
		busy[n++] = off->all[i].peer;

	for (i = 0; i < PEER_SLOTS; i++)
		if (d->slots[i].busy)
			busy[n++] = d->slots[i].job.peer;
	return n;
}

/* --- sending --- */

/* The lines of the head by which the message is signed, the last one followed by NULL. */
static enum kodo_err
sign(struct dispatch *d, const struct options *o, struct slot *slot,
    const char *lines[SIGNATURE_FIELDS + 1])
{
	const struct exchange_job *job = &slot->job;
	const struct signed_message m = { .body = job->body,
		.method = job->is_post ? STR("POST") : STR("GET") };
	struct own_key own;
	unsigned i, n = 0;
	enum kodo_err err;

	lines[0] = NULL;
	/* a sign-off may be of the url that it had before */
	slot->signature = (struct signature_fields){ .to = job->to,
		.from = job->leave_url.p != NULL ? job->leave_url : o->url };
	err = own_key_get(registry_state(d->registry), isotime_now_us(), &own);
	if (err == KODO_OK)
		err = signature_make(slot->arena, &own, &m, isotime_now_us(), &slot->signature);
	/* `kodo check` names the reason; who knows no key of ours takes it all the same */
	if (err != KODO_OK) {
		slot->signature.signature = STR_NULL;
		return err == KODO_ENOMEM ? err : KODO_OK;
	}
	for (i = 0; i < SIGNATURE_FIELDS; i++) {
		const struct str value = *signature_field(&slot->signature, i);

		if (value.len == 0)
			continue;
		lines[n] = arena_printf(
		    slot->arena, "%s: %.*s", signature_names[i], STR_ARG(value));
		if (lines[n++] == NULL)
			return KODO_ENOMEM;
	}
	lines[n] = NULL;
	return KODO_OK;
}

/* Whose word the answer is; in the slot's arena. */
static enum kodo_err
judge(struct slot *slot, const struct sender_head *head, struct exchange_result *res)
{
	const struct signed_message m = { .status = res->status, .body = res->body,
		.request_signature = slot->signature.signature };
	struct speaker *who = arena_zalloc(slot->arena, sizeof(*who));
	const char *why = NULL;
	enum kodo_err err;

	if (who == NULL)
		return KODO_ENOMEM;
	res->who = who;
	who->has_address = head->has_address;
	who->address = head->address;
	if (res->status == 0)
		return KODO_OK;
	err = signature_check(&m, &head->signature, &who->signer, &why);
	who->is_signed = err == KODO_OK;
	if (err == KODO_EINVAL)
		log_debug("the answer of %.*s: %s", STR_ARG(slot->job.url), why);
	if (who->is_signed)
		err = arena_str(slot->arena, head->signature.from, &who->from);
	return err == KODO_ENOMEM ? err : KODO_OK;
}

static enum kodo_err
start(struct dispatch *d, const struct lifetime *lifetime, struct slot *slot)
{
	const char *lines[SIGNATURE_FIELDS + 1];
	struct sender_limits limits = { .head = lines };
	int64_t limit_us = lifetime->until_us - lifetime->began_us;
	const struct options *o;
	enum kodo_err err;

	err = registry_options(d->registry, &o);
	if (err != KODO_OK)
		return err;
	limits.timeout_s = o->timeout_s;
	limits.allow_private = slot->job.is_target || option_allows_private(o);
	limits.answer_max_bytes =
	    slot->job.is_target ? LIMIT_ANSWER_BYTES : LIMIT_ANSWER_OTHERS_BYTES;
	if ((slot->pool == POOL_STRANGERS || job_is_small(&slot->job)) &&
	    limits.timeout_s > PROBE_MAX_S)
		limits.timeout_s = PROBE_MAX_S;
	/* an attempt longer than --for would be begun by each runner and ended by none */
	if (!lifetime->stay && limits.timeout_s * 1000000ll > limit_us)
		limits.timeout_s = (unsigned)(limit_us / 1000000);
	if (limits.timeout_s == 0)
		limits.timeout_s = 1;
	err = sign(d, o, slot, lines);
	if (err == KODO_OK)
		err = sender_start(d->sender, (unsigned)(slot - d->slots), &slot->job, &limits);
	if (err != KODO_OK)
		return err;
	slot->busy = true;
	slot->began_us = clock_mono_us();
	slot->token = link_token();
	d->n_busy[slot->pool]++;
	job_log_sending(&slot->job, d->failures[slot->job.peer % FAILURE_SLOTS]);
	return KODO_OK;
}

/* Store the results of the transfers that have ended. */
static void
finish_ended(struct dispatch *d)
{
	struct exchange_result res;
	struct sender_head head;
	enum kodo_err err;
	bool wake;
	unsigned i;

	while (sender_take(d->sender, &i, &res, &head)) {
		const uint64_t token = link_token();
		struct slot *slot;

		if (i >= PEER_SLOTS) {
			if (i == KEY_SLOT)
				key_fetch_end(d->keys, &res, isotime_now_us());
			else if (i < IMPORT_SLOT)
				flow_asker_end(d->flows, i, &res, isotime_now_us());
			else
				importer_end(d->imports, i, &res, &head, isotime_now_us());
			sender_release(d->sender, i);
			continue;
		}
		slot = &d->slots[i];
		traffic_count(&slot->job, &res);
		job_log_outcome(&slot->job, &res, &d->failures[slot->job.peer % FAILURE_SLOTS]);
		err = judge(slot, &head, &res);
		/* what was sent by a lease that is over, another machine may have sent since */
		link_set_token(slot->token);
		if (err == KODO_OK)
			err = outcome_take(d->registry, slot->arena, &slot->job, &res,
			    isotime_now_us(), &wake);
		link_set_token(token);
		sender_release(d->sender, i);
		slot->busy = false;
		d->n_busy[slot->pool]--;
		ceiling_end(d->ceiling, slot->host);
		if (err != KODO_OK)
			pause_after(d, "cannot store the result of a message", err);
	}
}

/* --- slots --- */

/* Of a pool that has some in flight. */
static struct slot *
oldest_in(struct dispatch *d, enum schedule_pool pool)
{
	struct slot *oldest = NULL;
	unsigned i;

	for (i = 0; i < PEER_SLOTS; i++) {
		struct slot *slot = &d->slots[i];

		if (slot->busy && slot->pool == pool &&
		    (oldest == NULL || slot->began_us < oldest->began_us))
			oldest = slot;
	}
	return oldest;
}

/* How long until the pool has room for one more? At most 0: now. */
static int64_t
room_wait_us(struct dispatch *d, enum schedule_pool pool)
{
	if (d->n_busy[pool] < pools[pool].slots)
		return 0;
	return oldest_in(d, pool)->began_us + pools[pool].turn_us - clock_mono_us();
}

/* A free slot for the pool, after room_wait_us said so. */
static struct slot *
room_make(struct dispatch *d, enum schedule_pool pool)
{
	struct slot *slot;

	if (d->n_busy[pool] == pools[pool].slots) {
		slot = oldest_in(d, pool);
		if (pool == POOL_GOOD && d->n_busy[POOL_FAILING] < pools[POOL_FAILING].slots) {
			slot->pool = POOL_FAILING;
			d->n_busy[POOL_GOOD]--;
			d->n_busy[POOL_FAILING]++;
		} else {
			sender_give_up(d->sender, (unsigned)(slot - d->slots));
			finish_ended(d);
		}
	}
	for (slot = d->slots; slot->busy;)
		slot++;
	return slot;
}

/*
 * Has its host no room? Then it comes later, or not at all. One at a time to a host is asked for
 * signs of life: a thousand peers may share one.
 */
static bool
put_off(
    struct dispatch *d, const struct exchange_job *job, uint32_t host, struct put_offs *off)
{
	const bool is_look = job->kind == EXCHANGE_LOOK;
	enum ceiling_verdict verdict = CEILING_WAIT;
	int64_t wait_us = LOOK_WAIT_US;
	bool is_asked = false;
	unsigned i;

	for (i = 0; is_look && i < PEER_SLOTS && !is_asked; i++)
		is_asked = d->slots[i].busy && d->slots[i].look_host != 0 &&
		    d->slots[i].look_host == ceiling_host(job->url);
	if (!is_asked)
		verdict = ceiling_ask(d->ceiling, host, job->url.len + PROBE_HEAD_BYTES,
		    clock_mono_us(), &wait_us);
	if (verdict == CEILING_GO)
		return false;
	off->all[off->n++] = (struct put_off){ job->peer, job->kind,
		verdict == CEILING_DROP ? INT64_MAX : wait_us };
	return true;
}

/* Start what is due in a pool, as far as it has room; note when more will be. */
static enum kodo_err
pool_fill(struct dispatch *d, const struct lifetime *lifetime, struct lifetime_state *state,
    enum schedule_pool pool)
{
	enum kodo_err err = KODO_OK;
	uint32_t busy[PEER_SLOTS + PUT_OFFS], host;
	struct put_offs off = { .n = 0 };
	struct exchange_job job;
	int64_t wait_us = 0;

	while (err == KODO_OK && off.n < PUT_OFFS &&
	    (wait_us = room_wait_us(d, pool)) <= 0) {
		arena_reset(d->scratch);
		err = schedule_next_in(d->registry, d->scratch, isotime_now_us(), pool, busy,
		    list_busy(d, &off, busy), &job, &state->next_due_us, &state->active_due_us);
		if (err != KODO_OK)
			break;
		host = pool == POOL_STRANGERS || job.is_stranger ? ceiling_host(job.url) : 0;
		if (!put_off(d, &job, host, &off)) {
			struct slot *slot = room_make(d, pool);
			struct arena *unused = slot->arena;

			*slot = (struct slot){ .pool = pool, .host = host, .arena = d->scratch,
				.look_host = pool == POOL_LIVENESS ? ceiling_host(job.url) : 0,
				.job = job };
			d->scratch = unused;
			err = start(d, lifetime, slot);
			if (err != KODO_OK)
				ceiling_end(d->ceiling, host);
		}
	}
	if (err == KODO_ENOTFOUND)
		err = KODO_OK;
	if (err == KODO_OK && off.n > 0)
		err = stranger_put_off(d->registry, &off, isotime_now_us());
	if (off.n > 0)
		wait_us = 1;	/* when their times are is found then */
	if (wait_us > 0 && isotime_now_us() + wait_us < state->next_due_us)
		state->next_due_us = isotime_now_us() + wait_us;
	return err;
}

/* Start every due message with an idle peer and a free slot; note when the next one is due. */
static void
fill(struct dispatch *d, const struct lifetime *lifetime, struct lifetime_state *state)
{
	enum kodo_err err = KODO_OK;
	int pool;

	state->next_due_us = state->active_due_us = LIFETIME_NEVER;
	for (pool = 0; err == KODO_OK && pool < POOL_MAX; pool++)
		err = pool_fill(d, lifetime, state, (enum schedule_pool)pool);
	if (err == KODO_OK) {
		d->n_failures = 0;
		key_fetch_begin(d->keys, isotime_now_us(), &state->active_due_us);
		importer_begin(d->imports, isotime_now_us(), &state->active_due_us,
		    &state->next_due_us);
		if (state->active_due_us < state->next_due_us)
			state->next_due_us = state->active_due_us;
		/* while a runner is there: no flow is worth one */
		flow_asker_begin(d->flows, isotime_now_us(), &state->next_due_us);
		return;
	}
	pause_after(d, "cannot read the pending messages", err);
	state->next_due_us = LIFETIME_NEVER;
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

/*
 * Does this machine send for its cluster? If not, or not any more, what is in flight is abandoned:
 * nobody else is told of it, and who sends now begins with it.
 */
static bool
may_send(struct dispatch *d)
{
	unsigned i;

	if (link_may_send(registry_state(d->registry)))
		return true;
	for (i = 0; i < PEER_SLOTS; i++)
		if (d->slots[i].busy)
			sender_give_up(d->sender, i);
	return false;
}

enum dispatch_end
dispatch_run(struct dispatch *d, const struct lifetime *lifetime, int wake_fd)
{
	struct lifetime_state state = { LIFETIME_NEVER, LIFETIME_NEVER, 0 };
	enum lifetime_end end = LIFETIME_GOES_ON;

	while (!d->stopped && !store_is_outdated(registry_store(d->registry))) {
		int64_t mono_us = clock_mono_us(), max_us = LIFETIME_AHEAD_US;
		bool more = false;

		tick(d);
		if (!may_send(d)) {
			finish_ended(d);
			wait(d, wake_fd, TICK_US);
			continue;
		}
		more = rounds_run(&d->rounds, d->registry, mono_us);
		if (mono_us < d->paused_us)
			max_us = d->paused_us - mono_us;
		else if (end == LIFETIME_GOES_ON)
			fill(d, lifetime, &state);
		state.n_busy = n_busy(d);
		end = lifetime_judge(lifetime, &state, clock_mono_us(), isotime_now_us());
		/* the state as last read may be out of date */
		if ((more || mono_us < d->paused_us) && end == LIFETIME_IDLE)
			end = LIFETIME_GOES_ON;
		if (end == LIFETIME_IDLE || end == LIFETIME_LIMIT)
			return end == LIFETIME_IDLE ? DISPATCH_IDLE : DISPATCH_LIMIT;
		if (d->watch->tick != NULL && max_us > TICK_US)
			max_us = TICK_US;
		if (more)
			max_us = 0;
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
	if (err == KODO_OK || importer_is_due(d->imports, now_us))
		return true;
	return err == KODO_ENOTFOUND && lifetime_is_worth(lifetime, active_us, now_us);
}
