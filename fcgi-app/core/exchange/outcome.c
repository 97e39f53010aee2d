#include <stdio.h>

#include "core/base/log.h"
#include "core/exchange/answer.h"
#include "core/exchange/build.h"
#include "core/exchange/digest_check.h"
#include "core/exchange/failure.h"
#include "core/exchange/look.h"
#include "core/exchange/outcome.h"
#include "core/merge/alive.h"
#include "core/merge/identity.h"
#include "core/merge/ingest.h"
#include "core/merge/resync.h"
#include "core/merge/rules.h"
#include "core/merge/statement.h"
#include "core/registry/registry_private.h"

enum meaning {
	MEANS_DONE,
	MEANS_RETRY,
	MEANS_PAUSE,
	MEANS_CONNECT,
	MEANS_LEFT,
	MEANS_HALVE,
	MEANS_SHOWN,
	MEANS_ELSEWHERE
};

#define CEILING_DOUBLE_AFTER 20u /* successes until a ceiling is tried higher */
#define NODE_TRIES 3u		 /* until a node that a peer seems to choke on is paused */
#define HALVE_OVER_BYTES 65536u	 /* a 500 or a reset to a body over this may be its size */

#define ANY_KIND ((1u << EXCHANGE_NOTHING) - 1)
#define KIND(k) (1u << (k))

/* The first row that fits decides. big: only for bodies over HALVE_OVER_BYTES. */
static const struct {
	unsigned kinds;
	unsigned status; /* 0: no answer; 1: any other */
	bool big;
	enum meaning meaning;
} meanings[] = {
	{ KIND(EXCHANGE_PROVE), 1, false, MEANS_SHOWN },
	{ ANY_KIND, 200, false, MEANS_DONE },
	{ ANY_KIND, 201, false, MEANS_DONE },
	{ ANY_KIND, 204, false, MEANS_DONE },
	{ KIND(EXCHANGE_PROBE), 1, false, MEANS_RETRY },
	{ KIND(EXCHANGE_DISCONNECT), 404, false, MEANS_DONE },
	{ KIND(EXCHANGE_RECONNECT), 404, false, MEANS_LEFT },
	{ KIND(EXCHANGE_UPDATE) | KIND(EXCHANGE_REMOVE) | KIND(EXCHANGE_DIGEST_CHECK), 404, false,
	    MEANS_CONNECT },
	{ ANY_KIND, 421, false, MEANS_ELSEWHERE },
	{ ANY_KIND, 413, false, MEANS_HALVE },
	{ KIND(EXCHANGE_UPDATE), 400, false, MEANS_HALVE }, /* down to the node at fault */
	{ ANY_KIND, 400, false, MEANS_PAUSE },
	{ ANY_KIND, 404, false, MEANS_PAUSE },
	{ ANY_KIND, 405, false, MEANS_PAUSE },
	{ ANY_KIND, 501, false, MEANS_PAUSE },
	{ ANY_KIND, 500, true, MEANS_HALVE },
	{ ANY_KIND, 502, true, MEANS_HALVE },
	{ ANY_KIND, 503, true, MEANS_HALVE },
	{ ANY_KIND, 0, true, MEANS_HALVE }, /* a reset; see meaning_of */
	{ ANY_KIND, 1, false, MEANS_RETRY },
};

static enum meaning
meaning_of(const struct outcome *oc)
{
	const struct exchange_job *job = oc->job;
	const struct exchange_result *res = oc->res;
	bool big = oc->sent_bytes > HALVE_OVER_BYTES;
	size_t i;

	for (i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if ((meanings[i].kinds & KIND(job->kind)) == 0 || (meanings[i].big && !big))
			continue;
		if (meanings[i].status == 0 && (res->status != 0 || !res->reset))
			continue;
		if (meanings[i].status == res->status || meanings[i].status == 1)
			return meanings[i].meaning;
	}
	return MEANS_RETRY;
}

static const enum peer_work work_of[] = {
	[EXCHANGE_DISCONNECT] = WORK_LEAVE,
	[EXCHANGE_CONNECT] = WORK_CONNECT,
	[EXCHANGE_RECONNECT] = WORK_RECONNECT,
	[EXCHANGE_REMOVE] = WORK_NOTIFY,
	[EXCHANGE_UPDATE] = WORK_NOTIFY,
};

/* --- successes --- */

/* What an acknowledged connect means, beside its answer. */
static enum kodo_err
connect_acked(struct change *ch, struct peer *p, struct outcome *oc)
{
	const struct exchange_job *job = oc->job;

	if (p->out.work[WORK_CONNECT] <= job->gen)
		p->out.work[WORK_CONNECT] = 0;
	p->out.list = job->is_partial ? job->gen : 0;
	if (peer_is_live_target(p)) {
		p->out.connected_us = ch->now_us;
		digest_check_later(ch, p);
	}
	return delivery_list(ch, p, job, peer_dialect(p)->has_versions || oc->body.has_kodo);
}

static enum kodo_err
leave_acked(struct change *ch, struct peer *p, struct outcome *oc)
{
	const struct exchange_job *job = oc->job;
	struct str *urls = &p->out.leave_urls;

	/* the first line is what was signed off */
	if (urls->len > job->leave_url.len && urls->p[job->leave_url.len] == '\n' &&
	    memcmp(urls->p, job->leave_url.p, job->leave_url.len) == 0)
		*urls = (struct str){ urls->p + job->leave_url.len + 1,
			urls->len - job->leave_url.len - 1 };
	if (urls->len == 0) {
		*urls = STR_NULL;
		p->out.work[WORK_LEAVE] = 0;
	}
	return digest_check_targets(ch);
}

static enum kodo_err
reconnect_acked(struct change *ch, struct peer *p, struct outcome *oc)
{
	(void)ch;
	if (p->out.work[WORK_RECONNECT] <= oc->job->gen)
		p->out.work[WORK_RECONNECT] = 0;
	return KODO_OK;
}

/*
 * Tombstones in an answer are for the nodes of our message, and count also where the peer's own
 * nodes are not taken in.
 */
static enum kodo_err
answer_gone(struct change *ch, struct peer *p, const struct wire_body *b)
{
	size_t i;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < b->n_gone && err == KODO_OK; i++)
		err = statement_take_gone(
		    ch, p, b->gone[i].url, b->gone[i].key, b->gone[i].version);
	return err;
}

/* What the answer says: who it is, and, between two that feed, what it offers. */
static enum kodo_err
answer_take(struct change *ch, struct peer *p, struct outcome *oc)
{
	struct wire_body *b = &oc->body;
	bool takes = oc->has_nodes && b->from.feed && ch->o->registry && ch->o->feed &&
	    oc->job->kind == EXCHANGE_CONNECT && (p->flags & PEER_LEFT) == 0;
	const bool is_other = oc->has_body && rule_6_is_lost(b->epoch, p->in.epoch);
	uint64_t wanted;
	enum kodo_err err = KODO_OK;

	if (!oc->has_body)
		return KODO_OK;
	ingest_dialect(p, b);
	/* a greeting to GET has no epoch, of whomever it is */
	err = oc->job->is_post ? identity_note(ch, p, b) : KODO_OK;
	if (err == KODO_OK)
		err = ingest_clock(ch, p, &b->from);
	if (err == KODO_OK)
		err = ingest_acknowledged(ch, p, b);
	if (err != KODO_OK)
		return err;
	err = answer_alias(ch, p, b->from_key);
	if (err == KODO_OK && !takes && !ingest_is_late(p, b) &&
	    (oc->job->kind == EXCHANGE_DISCONNECT || is_other))
		err = ingest_epoch(ch, p, b);
	/* what it has sent before this answer came was in doubt, and void */
	if (err == KODO_OK && is_other && !takes && (p->flags & PEER_OLDER) != 0)
		resync_repeat(ch, p);
	if (err == KODO_OK && !takes && !ingest_is_late(p, b))
		err = ingest_role(ch, p, &b->from);
	if (err == KODO_OK && !takes) {
		err = ingest_back(ch, p, b);
		return err == KODO_OK ? answer_gone(ch, p, b) : err;
	}
	if (err == KODO_OK && ingest_is_late(p, b)) {
		/* overtaken by what the target said since, which does not hold all of it */
		resync_restart(ch, p);
		return KODO_OK;
	}
	/* another state than before needs no connect: it has our list, and this is its own */
	wanted = p->out.work[WORK_CONNECT];
	if (err == KODO_OK)
		err = ingest_epoch(ch, p, b);
	p->out.work[WORK_CONNECT] = wanted;
	if (err == KODO_OK)
		err = ingest_greeting(ch, p, &b->from);
	return err == KODO_OK ? ingest_list(ch, p, b) : err;
}

static enum kodo_err
update_acked(struct change *ch, struct peer *p, struct outcome *oc)
{
	enum kodo_err err;

	if (delivery_is_list_complete(oc, p))
		p->out.list = 0;
	err = delivery_pause_all(ch, p, oc);
	if (err == KODO_OK && oc->job->chunk.of != 0)
		err = delivery_chunk(ch, p, oc);
	return err == KODO_OK ? delivery_done(ch, p, oc->job) : err;
}

static enum kodo_err
remove_acked(struct change *ch, struct peer *p, struct outcome *oc)
{
	return delivery_done(ch, p, oc->job);
}

static enum kodo_err
check_acked(struct change *ch, struct peer *p, struct outcome *oc)
{
	bool agrees;
	enum kodo_err err = digest_check_agrees(
	    ch, p, oc->has_body ? &oc->body : NULL, oc->job, oc->res, &agrees);

	if (err == KODO_OK && !agrees)
		resync_restart(ch, p);
	return err;
}

/* Now its work goes ahead, as it waits. */
static enum kodo_err
probe_acked(struct change *ch, struct peer *p, struct outcome *oc)
{
	p->flags &= ~(unsigned)PEER_DROPPED;
	return delivery_done(ch, p, oc->job);
}

/* What follows, by the kind of the job. */
static enum kodo_err (*const acked[])(struct change *, struct peer *, struct outcome *) = {
	[EXCHANGE_DISCONNECT] = leave_acked,
	[EXCHANGE_CONNECT] = connect_acked,
	[EXCHANGE_RECONNECT] = reconnect_acked,
	[EXCHANGE_REMOVE] = remove_acked,
	[EXCHANGE_UPDATE] = update_acked,
	[EXCHANGE_DIGEST_CHECK] = check_acked,
	[EXCHANGE_PROBE] = probe_acked,
};

/*
 * The peer has heard a later message of ours, the answer to one of its own: so this one came late
 * there, and was void (rule 5). For late sign-offs it does what is to be done.
 */
static bool
is_overtaken(const struct change *ch, const struct outcome *oc)
{
	return oc->has_body && oc->body.acked_epoch == head_epoch(&ch->head) &&
	    oc->body.acked > oc->job->gen &&
	    (KIND(oc->job->kind) & (KIND(EXCHANGE_CONNECT) | KIND(EXCHANGE_RECONNECT) |
		KIND(EXCHANGE_REMOVE) | KIND(EXCHANGE_UPDATE))) != 0;
}

static enum kodo_err
job_done(struct change *ch, struct peer *p, struct outcome *oc)
{
	bool is_its = oc->has_body && str_eq(oc->body.from_key, p->key);
	enum kodo_err err;

	if (answer_is_document(oc->job)) {
		err = answer_document(ch, p, oc, &is_its);
		if (err != KODO_OK)
			return err;
	}
	if (is_its)
		p->flags |= PEER_PROVEN;
	else if (oc->job->kind == EXCHANGE_PROBE)
		return failure_retry(ch, p, oc); /* somebody else's url */
	p->flags &= ~(unsigned)PEER_PAUSED;
	p->out.attempts = 0;
	p->out.failed_us = 0;
	p->out.failures = 0;
	p->out.error = STR_NULL;
	p->out.due_us = p->out.at_us = ch->now_us;
	err = alive_heard(ch, p);
	if (err != KODO_OK)
		return err;
	if (p->out.ceiling_bytes != 0 && ++p->out.successes >= CEILING_DOUBLE_AFTER) {
		p->out.successes = 0;
		p->out.ceiling_bytes =
		    p->out.ceiling_bytes >= BUILD_MAX_BYTES / 2 ? 0 : p->out.ceiling_bytes * 2;
	}
	if (is_overtaken(ch, oc))
		resync_pace(ch, p);
	else
		err = acked[oc->job->kind](ch, p, oc);
	return err == KODO_OK ? answer_take(ch, p, oc) : err;
}

/* The only node of a body was not taken, and nothing smaller can be sent of it. */
static enum kodo_err
node_refused(struct change *ch, struct peer *p, struct outcome *oc)
{
	const struct exchange_job *job = oc->job;
	bool is_verdict = oc->res->status == 400 || oc->res->status == 413;
	char failed[FAILURE_BYTES], why[FAILURE_BYTES + 40];
	enum kodo_err err;

	/* it may be the server that is out of order, not the body that is too big */
	if (!is_verdict && p->out.attempts + 1 < NODE_TRIES)
		return failure_retry(ch, p, oc);
	p->out.attempts = 0;
	p->out.due_us = ch->now_us;
	failure_words(job, oc->res, failed);
	snprintf(why, sizeof(why), "not taken, %zu bytes (%s)", oc->sent_bytes, failed);
	err = delivery_pause_all(ch, p, oc);
	if (err != KODO_OK)
		return err;
	return delivery_pause(
	    ch, p, oc, job->chunk.of != 0 ? job->chunk.node : job->nodes[0], str_of(why));
}

/* Can less of the only node of a body be sent? In chunks, unless the node is at fault. */
static bool
is_divisible(const struct peer *p, const struct outcome *oc)
{
	const struct exchange_job *job = oc->job;

	return peer_dialect(p)->takes_chunks && oc->res->status != 400 && job->n_flows > 1 &&
	    oc->sent_bytes / 2 >= BUILD_MIN_BYTES;
}

/* A body was too much for the peer, or one of its nodes is at fault: half of it next time. */
static enum kodo_err
job_halve(struct change *ch, struct peer *p, struct outcome *oc)
{
	const struct exchange_job *job = oc->job;
	size_t half = oc->sent_bytes / 2;

	if (job->kind != EXCHANGE_UPDATE && job->kind != EXCHANGE_CONNECT)
		return failure_retry(ch, p, oc);
	if (job->n_nodes == 1 && job->kind == EXCHANGE_UPDATE && !is_divisible(p, oc))
		return node_refused(ch, p, oc);
	/* an update is halved down to one node, however small */
	if (job->n_nodes == 0 || (half < BUILD_MIN_BYTES && job->kind == EXCHANGE_CONNECT))
		return failure_pause(ch, p, oc);
	p->out.ceiling_bytes = (uint32_t)half;
	p->out.successes = 0;
	p->out.due_us = ch->now_us;
	return KODO_OK;
}

/*
 * Does the answer make us send again what it answers? That may go on for ever, unless it is a node
 * in chunks, of which another statement wins there until the last one has come.
 */
static bool
is_contested(const struct change *ch, const struct peer *p, const struct exchange_job *job)
{
	const bool is_logged = ch->head.logged != ch->logged && ch->skip != p->id;

	if ((job->kind != EXCHANGE_UPDATE && job->kind != EXCHANGE_REMOVE) ||
	    (p->out.work[WORK_NOTIFY] < ch->began && !is_logged))
		return false;
	return p->chunk.id == 0 || p->chunk.id != job->chunk.id || p->chunk.next <= job->chunk.from;
}

/* A target that is no registry, as it said, does not take a connect until it says otherwise. */
static enum kodo_err
connect_give_up(struct change *ch, struct peer *p, struct outcome *oc)
{
	enum kodo_err err = failure_keep(ch, p, oc);

	p->out.work[WORK_CONNECT] = 0;
	p->out.connected_us = p->out.check_us = 0;
	p->out.due_us = ch->now_us;
	return err == KODO_OK ? change_unwant(ch, p, WORK_NOTIFY) : err;
}

/* It does not take a connect: what it is to say of itself does not wait for that. */
static enum kodo_err
connect_put_off(struct change *ch, struct peer *p, struct outcome *oc)
{
	p->out.work[WORK_CONNECT] = 0;
	p->out.connected_us = 0;
	p->out.due_us = ch->now_us;
	p->flags |= PEER_RESYNC;
	p->out.check_us = failure_next_us(ch, p, oc, PEER_SHORT_PAUSE_US);
	return failure_keep(ch, p, oc);
}

static enum kodo_err
job_refused(struct change *ch, struct peer *p, struct outcome *oc)
{
	enum kodo_err err = KODO_OK;

	if (failure_is_no_registry(oc) &&
	    (p->flags & (PEER_PROVIDER | PEER_REGISTRY)) == PEER_PROVIDER)
		return connect_give_up(ch, p, oc);
	/* unless it has been left meanwhile */
	if (failure_is_no_registry(oc) && p->out.work[WORK_CONNECT] != 0 &&
	    p->out.work[WORK_RECONNECT] != 0)
		return connect_put_off(ch, p, oc);
	/* whoever is there now has not said what came by answers */
	if (failure_is_no_registry(oc))
		err = ingest_drop_answers(ch, p);
	return err == KODO_OK ? failure_pause(ch, p, oc) : err;
}

/* The peer does not know us: a connect goes first, then what a list does not hold. */
static enum kodo_err
job_unknown(struct change *ch, struct peer *p, struct outcome *oc)
{
	enum kodo_err err = KODO_OK;

	(void)oc;
	/* one that is no target gets all when it connects */
	if (!peer_is_live_target(p))
		err = change_unwant(ch, p, WORK_NOTIFY);
	delivery_forget_chunks(p);
	digest_check_later(ch, p);
	resync_restart(ch, p);
	return err;
}

static enum kodo_err
peer_gone(struct change *ch, struct peer *p, struct outcome *oc)
{
	(void)oc;
	p->out.work[WORK_RECONNECT] = 0;
	/* what comes by its answers to our connects goes on to */
	if ((p->flags & PEER_TARGET) == 0 || p->out.connected_us == 0 ||
	    (p->flags & PEER_FEED) == 0 || !ch->o->feed)
		return statement_drop_all(ch, p);
	p->flags &= ~(unsigned)PEER_CONNECTS;
	return KODO_OK;
}

/*
 * Who is asked for its key alone and cannot be reached, as behind NAT, is asked again when it
 * connects again: no backoff of that stands before what it may be told later.
 */
static enum kodo_err
attempt_failed(struct change *ch, struct peer *p, struct outcome *oc)
{
	const uint64_t asked = p->out.work[WORK_PROVE];
	bool is_alone;

	p->out.work[WORK_PROVE] = 0;
	is_alone = asked != 0 && !peer_has_work(p);
	if (oc->job->kind == EXCHANGE_PROBE && is_alone &&
	    (oc->res->status == 0 || oc->res->status >= 500))
		return KODO_OK;
	p->out.work[WORK_PROVE] = asked;
	return failure_retry(ch, p, oc);
}

/* What follows, by the meaning of the answer. */
static enum kodo_err (*const follows[])(struct change *, struct peer *, struct outcome *) = {
	[MEANS_DONE] = job_done,
	[MEANS_RETRY] = attempt_failed,
	[MEANS_PAUSE] = job_refused,
	[MEANS_CONNECT] = job_unknown,
	[MEANS_LEFT] = peer_gone,
	[MEANS_HALVE] = job_halve,
	[MEANS_SHOWN] = answer_shown,
	[MEANS_ELSEWHERE] = answer_elsewhere,
};

static enum kodo_err
answer_follow(struct change *ch, struct peer *p, struct outcome *oc)
{
	struct exchange_result no;
	enum kodo_err err = answer_judge(ch, p, oc, &no);

	return err == KODO_OK ? follows[meaning_of(oc)](ch, p, oc) : err;
}

static enum kodo_err
take_fn(struct change *ch, void *arg)
{
	struct outcome *oc = arg;
	const struct exchange_job *job = oc->job;
	struct peer *p;
	enum kodo_err err = change_peer(ch, job->peer, &p);

	oc->note[0] = '\0';
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err; /* it left meanwhile */
	failure_asked(ch, p, oc->res);
	/* whatever comes of it: what was due may not stay so, in the past or by a clock set back */
	if (p->out.check_us > ch->now_us + PEER_QUIET_AHEAD_US)
		p->out.check_us = ch->now_us + PEER_CHECK_US;
	if (job->kind == EXCHANGE_DIGEST_CHECK)
		digest_check_later(ch, p);
	else if (job->is_post)
		p->out.tried[work_of[job->kind]] = job->gen;
	/* until it is delivered, what was due by the peer's position is work with a time */
	if ((job->kind == EXCHANGE_UPDATE || job->kind == EXCHANGE_REMOVE) &&
	    p->out.work[WORK_NOTIFY] == 0 && change_is_subscriber(ch, p))
		p->out.work[WORK_NOTIFY] = job->gen;
	err = job->kind == EXCHANGE_LOOK ? look_take(ch, p, oc) : answer_follow(ch, p, oc);
	if (err == KODO_OK && is_contested(ch, p, job)) {
		change_want(ch, p, WORK_NOTIFY, false);
		resync_pace(ch, p);
	}
	failure_hold(ch, p, oc);
	if (err == KODO_OK && peer_has_work(p) && p->out.due_us <= ch->now_us)
		ch->is_due = true;
	return err;
}

void
outcome_read(struct arena *a, struct outcome *oc, int64_t now_us)
{
	struct wire_refusal no;

	if (oc->res->status < 200 || oc->res->status > 299 || oc->res->body.len == 0)
		return;
	if (oc->job->kind == EXCHANGE_CONNECT &&
	    wire_read(a, WIRE_CONNECT, oc->res->body, now_us, STR_NULL, &oc->body, &no) == KODO_OK)
		oc->has_body = oc->has_nodes = true;
	else if ((oc->job->is_post || oc->job->kind != EXCHANGE_DIGEST_CHECK) &&
	    wire_read(a, WIRE_DEFAULT, oc->res->body, now_us, STR_NULL, &oc->body, &no) == KODO_OK)
		oc->has_body = true;
}

const struct change_type change_done = { .kind = CHANGE_DONE, .fn = take_fn };

enum kodo_err
outcome_take(struct registry *r, struct arena *a, const struct exchange_job *job,
    const struct exchange_result *res, int64_t now_us, bool *wake)
{
	struct outcome oc = { .job = job, .res = res, .sent_bytes = job->body.len };
	struct change_run run = { .type = &change_done, .r = r, .now_us = now_us, .arg = &oc };
	enum kodo_err err;

	outcome_read(a, &oc, now_us);
	err = registry_change(&run);
	*wake = run.is_due;
	if (err == KODO_OK && oc.note[0] != '\0')
		log_warning("%s", oc.note);
	return err;
}

/* --- nothing to send --- */

static enum kodo_err
clear_fn(struct change *ch, void *arg)
{
	struct outcome *oc = arg;
	struct peer *p;
	enum kodo_err err;

	if (oc->job->kind == EXCHANGE_RELEASE) {
		change_release(ch);
		return KODO_OK;
	}
	if (oc->job->kind == EXCHANGE_HEARD)
		return look_put_off_heard(ch, oc->job->peer);
	err = change_peer(ch, oc->job->peer, &p);
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	if (oc->job->kind == EXCHANGE_ASKED)
		return failure_put_off(ch, p, oc);
	if (oc->job->kind == EXCHANGE_RESYNC) {
		resync_start(ch, p);
		return KODO_OK;
	}
	err = delivery_pause_all(ch, p, oc);
	if (err == KODO_OK)
		err = delivery_done(ch, p, oc->job);
	return err == KODO_OK ? delivery_clear(ch, p, oc->job->gen, KEEP_PAUSED) : err;
}

const struct change_type change_clear = { .kind = CHANGE_CLEAR, .fn = clear_fn };

enum kodo_err
outcome_clear(struct registry *r, const struct exchange_job *job, int64_t now_us)
{
	struct outcome oc = { .job = job };
	struct change_run run = { .type = &change_clear, .r = r, .now_us = now_us, .arg = &oc };
	enum kodo_err err = registry_change(&run);

	if (err == KODO_OK && oc.note[0] != '\0')
		log_warning("%s", oc.note);
	return err;
}
