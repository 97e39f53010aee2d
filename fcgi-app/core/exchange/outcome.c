/* What came of a job (DESIGN.md, "What an answer means"). */
#include <stdio.h>

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/utf8.h"
#include "core/exchange/digest_check.h"
#include "core/exchange/exchange_private.h"
#include "core/merge/ingest.h"
#include "core/merge/resync.h"
#include "core/merge/statement.h"
#include "core/records/walk.h"

enum meaning { MEANS_DONE, MEANS_RETRY, MEANS_PARK, MEANS_CONNECT, MEANS_LEFT, MEANS_HALVE };

#define ANY_KIND ((1u << (EXCHANGE_NOTHING + 1)) - 1)
#define KIND(k) (1u << (k))

/* The first row that fits decides. big: only for bodies over HALVE_OVER_BYTES. */
static const struct {
	unsigned kinds;
	unsigned status; /* 0: no answer; 1: any other */
	bool big;
	enum meaning meaning;
} meanings[] = {
	{ ANY_KIND, 200, false, MEANS_DONE },
	{ ANY_KIND, 201, false, MEANS_DONE },
	{ ANY_KIND, 204, false, MEANS_DONE },
	{ KIND(EXCHANGE_DISCONNECT), 404, false, MEANS_DONE },
	{ KIND(EXCHANGE_RECONNECT), 404, false, MEANS_LEFT },
	{ KIND(EXCHANGE_UPDATE) | KIND(EXCHANGE_REMOVE) | KIND(EXCHANGE_LOOK), 404, false,
	    MEANS_CONNECT },
	{ ANY_KIND, 413, false, MEANS_HALVE },
	{ KIND(EXCHANGE_UPDATE), 400, false, MEANS_HALVE }, /* down to the node at fault */
	{ ANY_KIND, 400, false, MEANS_PARK },
	{ ANY_KIND, 404, false, MEANS_PARK },
	{ ANY_KIND, 405, false, MEANS_PARK },
	{ ANY_KIND, 501, false, MEANS_PARK },
	{ ANY_KIND, 500, true, MEANS_HALVE },
	{ ANY_KIND, 502, true, MEANS_HALVE },
	{ ANY_KIND, 503, true, MEANS_HALVE },
	{ ANY_KIND, 0, true, MEANS_HALVE }, /* a reset; see meaning_of */
	{ ANY_KIND, 1, false, MEANS_RETRY },
};

static enum meaning
meaning_of(const struct exchange_job *job, const struct exchange_result *res)
{
	bool big = job->body.len > HALVE_OVER_BYTES;
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
	[EXCHANGE_REMOVE] = WORK_TELL,
	[EXCHANGE_UPDATE] = WORK_TELL,
	[EXCHANGE_NOTHING] = WORK_TELL,
};

/* span plus up to percent of it; the spread comes from what differs between peers and attempts. */
static int64_t
jittered(int64_t span_us, unsigned percent, const struct edit *e, const struct peer *p)
{
	uint64_t h = (e->head.state_id ^ p->id * 0x9e3779b97f4a7c15u) + (uint64_t)e->now_us;

	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	h ^= h >> 33;
	return span_us + span_us / 100 * (int64_t)(h % (percent + 1));
}

static void
look_later(struct edit *e, struct peer *p)
{
	if ((p->flags & PEER_DOUBTED) != 0)
		return;
	p->look_us =
	    (p->flags & PEER_TARGET) != 0 && (p->flags & PEER_LEFT) == 0 && p->connected_us != 0
	    ? e->now_us + jittered(PEER_PARKED_US, PARKED_JITTER, e, p)
	    : 0;
}

/* --- failures --- */

/* What a peer wrote, as a line that people and JSON can have. */
static void
line_of(struct str text, char *out, size_t size)
{
	size_t pos = 0, n = 0;

	while (pos < text.len && n + 4 < size) {
		uint32_t cp = utf8_next(text, &pos);

		n += utf8_put(cp < ' ' || cp == 0x7f ? ' ' : cp, out + n);
	}
	out[n] = '\0';
}

static void
why_failed(const struct outcome *oc, char *out, size_t size)
{
	const struct exchange_result *res = oc->res;
	char line[200];

	line_of(res->body, line, sizeof(line));
	if (res->status == 0)
		snprintf(out, size, "%s", res->error != NULL ? res->error : "no answer");
	else
		snprintf(out, size, "HTTP status %u: %s", res->status, line);
}

static enum kodo_err
error_keep(struct edit *e, struct peer *p, const struct outcome *oc)
{
	char text[300];

	why_failed(oc, text, sizeof(text));
	return arena_str(e->a, str_of(text), &p->error);
}

/* Not before 5 minutes again; logged once. */
static enum kodo_err
peer_park(struct edit *e, struct peer *p, struct outcome *oc)
{
	enum kodo_err err = error_keep(e, p, oc);

	if ((p->flags & PEER_PARKED) == 0)
		snprintf(oc->note, sizeof(oc->note),
		    "gave up %.*s for now (%.*s), next try in 5 minutes", STR_ARG(oc->job->url),
		    STR_ARG(p->error));
	p->flags |= PEER_PARKED;
	p->due_us = e->now_us + jittered(PEER_PARKED_US, PARKED_JITTER, e, p);
	if (oc->job->kind == EXCHANGE_CONNECT) {
		p->connected_us = 0;
		look_later(e, p);
	}
	return err;
}

static enum kodo_err
peer_retry(struct edit *e, struct peer *p, struct outcome *oc)
{
	int64_t wait = PEER_BACKOFF_US;
	uint32_t i;

	if (oc->job->kind == EXCHANGE_LOOK)
		return KODO_OK;
	if (p->attempts < UINT32_MAX)
		p->attempts++;
	if (e->o->retry >= 0 && p->attempts >= (uint32_t)e->o->retry)
		return peer_park(e, p, oc);
	for (i = 1; i < p->attempts && wait < PEER_BACKOFF_MAX_US; i++)
		wait *= 2;
	p->due_us = e->now_us +
	    jittered(wait < PEER_BACKOFF_MAX_US ? wait : PEER_BACKOFF_MAX_US, BACKOFF_JITTER, e, p);
	return error_keep(e, p, oc);
}

/* --- successes --- */

struct rest {
	struct edit *e;
	const struct exchange_job *job;
	uint32_t peer;
	size_t at;
};

/*
 * job->nodes are in the order of the walk; where the view was changed meanwhile, some are told
 * twice.
 */
static enum kodo_err
rest_tell(void *arg, uint32_t node, const struct statement *s, const struct peer *source)
{
	struct rest *q = arg;

	(void)s;
	if (source->id == q->peer)
		return KODO_OK;
	if (q->at < q->job->n_ids && q->job->nodes[q->at] == node) {
		q->at++;
		return KODO_OK;
	}
	return edit_tell_one(q->e, node, q->peer);
}

/* What an acknowledged connect means, beside its answer. */
static enum kodo_err
connect_acked(struct edit *e, struct peer *p, struct outcome *oc)
{
	const struct exchange_job *job = oc->job;
	struct rest rest = { .e = e, .job = job, .peer = p->id };
	enum kodo_err err;

	if (p->work[WORK_CONNECT] <= job->gen)
		p->work[WORK_CONNECT] = 0;
	p->out_piece = job->is_partial ? job->gen : 0;
	if ((p->flags & PEER_TARGET) != 0 && (p->flags & PEER_LEFT) == 0) {
		p->connected_us = e->now_us;
		look_later(e, p);
	}
	told_forget(p);
	err = told_clear(e, p, job->gen,
	    peer_dialect(p)->has_versions || oc->body.has_kodo ? TOLD_KEEP_GONE : TOLD_KEEP_NOTHING);
	if (err == KODO_OK && job->is_partial)
		err = walk_seen(e->t, e->a, rest_tell, &rest);
	return err;
}

static void
leave_acked(struct peer *p, const struct exchange_job *job)
{
	struct str *urls = &p->leave_urls;

	/* the first line is what was signed off */
	if (urls->len > job->leave_url.len && urls->p[job->leave_url.len] == '\n' &&
	    memcmp(urls->p, job->leave_url.p, job->leave_url.len) == 0)
		*urls = (struct str){ urls->p + job->leave_url.len + 1,
			urls->len - job->leave_url.len - 1 };
	if (urls->len == 0) {
		*urls = STR_NULL;
		p->work[WORK_LEAVE] = 0;
	}
}

/*
 * Tombstones in an answer are for the nodes that we told of, also where we do not take in what the
 * peer offers.
 */
static enum kodo_err
answer_gone(struct edit *e, struct peer *p, const struct wire_body *b)
{
	size_t i;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < b->n_gone && err == KODO_OK; i++)
		err = statement_take_gone(e, p, b->gone[i].url, b->gone[i].key, b->gone[i].version);
	return err;
}

/* What the answer says: who it is, and, between two that feed, what it offers. */
static enum kodo_err
answer_take(struct edit *e, struct peer *p, struct outcome *oc)
{
	struct wire_body *b = &oc->body;
	bool takes = oc->has_nodes && b->from.feed && e->o->registry && e->o->feed &&
	    oc->job->kind == EXCHANGE_CONNECT && (p->flags & PEER_LEFT) == 0;
	uint64_t wanted;
	enum kodo_err err = KODO_OK;

	if (!oc->has_body)
		return KODO_OK;
	if (b->has_kodo)
		p->flags |= PEER_KODO;
	err = intake_recall(e, b);
	if (err != KODO_OK)
		return err;
	if (!str_eq(b->from_key, p->key) && !str_eq(b->from_key, e->o->url_key))
		err = arena_str(e->a, b->from_key, &p->alias);
	if (err == KODO_OK && oc->job->kind == EXCHANGE_DISCONNECT && b->life != 0)
		err = intake_heard(e, p, b);
	if (err == KODO_OK && !takes)
		return answer_gone(e, p, b);
	if (err == KODO_OK && intake_is_late(p, b)) {
		/* overtaken by what the target said since, which does not hold all of it */
		doubt_restart(e, p);
		return KODO_OK;
	}
	/* another state than before needs no connect: it has our list, and this is its own */
	wanted = p->work[WORK_CONNECT];
	if (err == KODO_OK)
		err = intake_heard(e, p, b);
	p->work[WORK_CONNECT] = wanted;
	if (err == KODO_OK)
		err = provider_note(e, p, &b->from);
	return err == KODO_OK ? intake_connect(e, p, b) : err;
}

static enum kodo_err
job_done(struct edit *e, struct peer *p, struct outcome *oc)
{
	const struct exchange_job *job = oc->job;
	enum kodo_err err = KODO_OK;
	bool agrees;

	p->flags &= ~(unsigned)PEER_PARKED;
	p->attempts = 0;
	p->error = STR_NULL;
	p->due_us = e->now_us;
	if (job->kind != EXCHANGE_NOTHING)
		p->out_us = e->now_us;
	if (p->ceiling_bytes != 0 && ++p->successes >= CEILING_DOUBLE_AFTER) {
		p->successes = 0;
		p->ceiling_bytes =
		    p->ceiling_bytes >= CEILING_START_BYTES / 2 ? 0 : p->ceiling_bytes * 2;
	}
	switch (job->kind) {
	case EXCHANGE_DISCONNECT:
		leave_acked(p, job);
		break;
	case EXCHANGE_CONNECT:
		err = connect_acked(e, p, oc);
		break;
	case EXCHANGE_RECONNECT:
		if (p->work[WORK_RECONNECT] <= job->gen)
			p->work[WORK_RECONNECT] = 0;
		break;
	case EXCHANGE_UPDATE:
		if (told_is_piece_over(oc, p))
			p->out_piece = 0;
		err = told_park_all(e, p, oc);
		if (err == KODO_OK && job->part.of != 0)
			err = told_part(e, p, oc);
		if (err == KODO_OK)
			err = told_end(e, p, job);
		break;
	case EXCHANGE_REMOVE:
		err = told_end(e, p, job);
		break;
	case EXCHANGE_NOTHING:
		if (p->work[WORK_TELL] == 0) {
			doubt_ask(e, p);
			break;
		}
		err = told_park_all(e, p, oc);
		if (err == KODO_OK)
			err = told_clear(e, p, job->gen, TOLD_KEEP_PARKED);
		break;
	case EXCHANGE_LOOK:
		err = look_agrees(e, p, &oc->body, oc->has_body, oc->job, oc->res, &agrees);
		if (err == KODO_OK && !agrees)
			doubt_restart(e, p);
		break;
	}
	return err == KODO_OK ? answer_take(e, p, oc) : err;
}

/* The only node of a body was not taken, and nothing smaller can be sent of it. */
static enum kodo_err
node_refused(struct edit *e, struct peer *p, struct outcome *oc)
{
	const struct exchange_job *job = oc->job;
	bool is_verdict = oc->res->status == 400 || oc->res->status == 413;
	char failed[300], why[400];

	/* it may be the server that is out of order, not the body that is too big */
	if (!is_verdict && p->attempts + 1 < NODE_TRIES)
		return peer_retry(e, p, oc);
	p->attempts = 0;
	p->due_us = e->now_us;
	why_failed(oc, failed, sizeof(failed));
	snprintf(why, sizeof(why), "not taken, %zu bytes (%s)", job->body.len, failed);
	return told_park(
	    e, p, oc, job->part.of != 0 ? job->part.node : job->nodes[0], str_of(why));
}

/* Can less of the only node of a body be sent? To one of us, in parts; not if it is at fault. */
static bool
is_divisible(const struct peer *p, const struct outcome *oc)
{
	const struct exchange_job *job = oc->job;

	return peer_dialect(p)->takes_chunks && oc->res->status != 400 && job->n_flows > 1 &&
	    job->body.len / 2 >= CEILING_MIN_BYTES;
}

/* A body was too much for the peer, or one of its nodes is at fault: half of it next time. */
static enum kodo_err
job_halve(struct edit *e, struct peer *p, struct outcome *oc)
{
	const struct exchange_job *job = oc->job;
	size_t half = job->body.len / 2;

	if (job->kind != EXCHANGE_UPDATE && job->kind != EXCHANGE_CONNECT)
		return peer_retry(e, p, oc);
	if (job->n_nodes == 1 && job->kind == EXCHANGE_UPDATE && !is_divisible(p, oc))
		return node_refused(e, p, oc);
	/* an update is halved down to one node, however small */
	if (job->n_nodes == 0 || (half < CEILING_MIN_BYTES && job->kind == EXCHANGE_CONNECT))
		return peer_park(e, p, oc);
	p->ceiling_bytes = (uint32_t)half;
	p->successes = 0;
	p->due_us = e->now_us;
	return KODO_OK;
}

/*
 * Does the answer make us say again what it answers? That may go on for ever, unless it is a node
 * in parts, of which something else is known there until the last one is.
 */
static bool
is_contested(const struct edit *e, const struct peer *p, const struct exchange_job *job)
{
	if ((job->kind != EXCHANGE_UPDATE && job->kind != EXCHANGE_REMOVE) ||
	    p->work[WORK_TELL] != e->head.state)
		return false;
	return p->part_id == 0 || p->part_id != job->part.id || p->part_next <= job->part.from;
}

static enum kodo_err
done_fn(struct edit *e, void *arg)
{
	struct outcome *oc = arg;
	const struct exchange_job *job = oc->job;
	struct peer *p;
	enum kodo_err err = edit_peer(e, job->peer, &p);

	oc->note[0] = '\0';
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err; /* it left meanwhile */
	/* whatever comes of it: what was due may not stay so, in the past or by a clock set back */
	if (p->look_us > e->now_us + QUIET_AHEAD_US)
		p->look_us = e->now_us + PEER_PARKED_US;
	if (job->kind == EXCHANGE_LOOK)
		look_later(e, p);
	else
		p->tried[work_of[job->kind]] = job->gen;
	switch (meaning_of(job, oc->res)) {
	case MEANS_DONE:
		err = job_done(e, p, oc);
		break;
	case MEANS_HALVE:
		err = job_halve(e, p, oc);
		break;
	case MEANS_PARK:
		p->attempts++;
		err = peer_park(e, p, oc);
		break;
	case MEANS_CONNECT:
		/*
		 * a connect is told first, then what it does not hold; another gets all when it
		 * connects
		 */
		if ((p->flags & (PEER_TARGET | PEER_LEFT)) != PEER_TARGET)
			err = edit_unwant(e, p, WORK_TELL);
		told_forget(p);
		look_later(e, p);
		doubt_restart(e, p);
		break;
	case MEANS_LEFT:
		p->work[WORK_RECONNECT] = 0;
		if ((p->flags & PEER_TARGET) == 0 || p->connected_us == 0)
			err = statement_drop_all(e, p);
		break;
	case MEANS_RETRY:
		err = peer_retry(e, p, oc);
		break;
	}
	if (err == KODO_OK && is_contested(e, p, job))
		doubt_pace(e, p);
	if (err == KODO_OK && peer_has_work(p) && p->due_us <= e->now_us)
		e->is_due = true;
	return err;
}

/* Read the answer before the transaction; whatever is wrong with it, the status counts. */
static void
answer_read(struct arena *a, struct outcome *oc, int64_t now_us)
{
	struct wire_refusal no;

	if (oc->res->status < 200 || oc->res->status > 299 || oc->res->body.len == 0)
		return;
	if (oc->job->kind == EXCHANGE_CONNECT &&
	    wire_read(a, WIRE_CONNECT, oc->res->body, now_us, STR_NULL, &oc->body, &no) == KODO_OK)
		oc->has_body = oc->has_nodes = true;
	else if (oc->job->is_post &&
	    wire_read(a, WIRE_DEFAULT, oc->res->body, now_us, STR_NULL, &oc->body, &no) == KODO_OK)
		oc->has_body = true;
}

enum kodo_err
exchange_done(struct registry *r, struct arena *a, const struct exchange_job *job,
    const struct exchange_result *res, int64_t now_us, bool *wake)
{
	struct outcome oc = { .r = r, .job = job, .res = res };
	struct edit_run run = { .r = r, .now_us = now_us, .fn = done_fn, .arg = &oc };
	enum kodo_err err;

	answer_read(a, &oc, now_us);
	err = registry_edit(&run);
	*wake = run.is_due;
	if (err == KODO_OK && oc.note[0] != '\0')
		log_warning("%s", oc.note);
	return err;
}
