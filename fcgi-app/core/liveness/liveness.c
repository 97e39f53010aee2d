#include "core/liveness/liveness.h"

#define SUSPECT_LEAST	3u
#define SUSPECT_PERCENT	15u

const char *const liveness_names[LIVENESS_STATES] = { "unknown", "fresh", "silent", "lost" };

enum liveness_state
liveness_state_of(int64_t since_us, int64_t now_us)
{
	if (since_us == 0)
		return LIVENESS_FRESH;
	if (since_us < 0)
		return LIVENESS_UNKNOWN;
	return now_us - since_us < LIVENESS_LOST_US ? LIVENESS_SILENT : LIVENESS_LOST;
}

int64_t
liveness_heard_us(const struct peer *p)
{
	const bool counts = (p->flags & PEER_PROVEN) != 0 || p->trust.key.len > 0;

	return counts && p->in.at_us > p->out.at_us ? p->in.at_us : p->out.at_us;
}

int64_t
liveness_since_us(const struct peer *p)
{
	if (p->liveness.silent_us != 0)
		return p->liveness.silent_us;
	return liveness_heard_us(p) != 0 ? 0 : LIVENESS_NOT_KNOWN;
}

bool
liveness_is_heard(const struct peer *p, int64_t now_us)
{
	const int64_t heard_us = liveness_heard_us(p);

	return p->liveness.silent_us == 0 && heard_us != 0 && heard_us <= now_us &&
	    now_us - heard_us < LIVENESS_ASK_US;
}

bool
liveness_is_given_up(const struct peer *p)
{
	return p->liveness.due_us == LIVENESS_NEVER_US;
}

void
liveness_begin(struct peer *p, int64_t now_us)
{
	p->liveness.silent_us = p->liveness.fell_us = 0;
	p->liveness.tries = 0;
	p->liveness.due_us = now_us +
	    (liveness_heard_us(p) != 0 ? LIVENESS_ASK_US : LIVENESS_FIRST_US);
}

void
liveness_try_again(struct peer *p, int64_t now_us)
{
	p->liveness.tries = 0;
	p->liveness.fell_us = now_us;
	p->liveness.due_us = now_us + LIVENESS_FIRST_US;
}

void
liveness_look_later(struct peer *p, int64_t now_us)
{
	const int64_t heard_us = liveness_heard_us(p);

	/* spread, so that those that came together are not asked together for ever */
	p->liveness.due_us = (heard_us != 0 && heard_us <= now_us ? heard_us : now_us) +
	    LIVENESS_ASK_US + (int64_t)(p->id % 60) * 1000000;
}

/* A peer that is silent is asked ever more seldom. */
static int64_t
again_us(const struct peer *p, int64_t now_us)
{
	const int64_t wait_us = (now_us - p->liveness.fell_us) / 4;

	if (p->liveness.silent_us == 0)
		return peer_is_stranger(p) ? LIVENESS_STRANGER_US : LIVENESS_AGAIN_US;
	if (wait_us > LIVENESS_SELDOM_US)
		return LIVENESS_SELDOM_US;
	return wait_us > LIVENESS_ASK_US ? wait_us : LIVENESS_ASK_US;
}

static int64_t
max_us(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

bool
liveness_missed(struct peer *p, int64_t watch_us, int64_t now_us)
{
	const int64_t heard_us = liveness_heard_us(p) != 0 ? liveness_heard_us(p) : p->created_us;
	const int64_t end_us = max_us(heard_us, watch_us) + LIVENESS_SILENT_US;
	const bool falls = p->liveness.silent_us == 0 && p->liveness.tries > 0 && now_us >= end_us;

	p->liveness.tries++;
	if (falls) {
		p->liveness.silent_us = heard_us;
		p->liveness.fell_us = now_us;
	}
	p->liveness.due_us = p->liveness.silent_us != 0 && peer_is_stranger(p) ? LIVENESS_NEVER_US
	    : now_us + again_us(p, now_us);
	/* it is not called fresh any longer than that */
	if (now_us < end_us && end_us < p->liveness.due_us)
		p->liveness.due_us = end_us;
	return falls;
}

bool
liveness_is_suspect(uint64_t n_fallen, uint64_t n_peers)
{
	return n_fallen >= SUSPECT_LEAST && n_fallen * 100 > n_peers * SUSPECT_PERCENT;
}
