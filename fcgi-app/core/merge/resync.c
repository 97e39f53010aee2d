/*
 * Originals have no versions and pass on what they hear, old or new: where one says something else
 * than what is known, only its whole list tells. It is asked for by connecting to it, which also
 * takes back what we told it of nodes that we see through it by now, and may have told it wrongly.
 *
 * Originals that echo each other's words for ever raise doubts for ever: the first is followed at
 * once, each further one waits twice as long, until ten minutes were calm.
 */
#include <stdlib.h>

#include "core/merge/resync.h"

#define DOUBT_CALM_US (600ll * 1000000)

void
doubt_ask(struct edit *e, struct peer *p)
{
	p->flags &= ~(unsigned)PEER_DOUBTED;
	p->look_us = 0;
	p->doubted_us = e->now_us;
	p->doubts++;
	edit_want_connect(e, p);
}

void
doubt_drop(struct peer *p)
{
	if ((p->flags & PEER_DOUBTED) == 0)
		return;
	p->flags &= ~(unsigned)PEER_DOUBTED;
	p->look_us = 0;
}

void
doubt_raise(struct edit *e, struct peer *p)
{
	int64_t wait = PEER_BACKOFF_US;
	uint32_t i;

	if (llabs(e->now_us - p->doubted_us) > DOUBT_CALM_US)
		p->doubts = 0;
	if ((p->flags & PEER_DOUBTED) != 0)
		return;
	if (p->doubts == 0) {
		doubt_ask(e, p);
		return;
	}
	for (i = 0; i < p->doubts && wait < PEER_PARKED_US; i++)
		wait *= 2;
	p->flags |= PEER_DOUBTED;
	p->look_us = p->doubted_us + (wait < PEER_PARKED_US ? wait : PEER_PARKED_US);
	e->is_due = true; /* the runner must learn of the time */
}

/*
 * A peer may answer so that the same is wanted again, and do that for ever: a connect with 201 and
 * each update with 404, or with the number of an older message, or with another tombstone. The
 * first time is free, the next ones wait as after failures.
 */
void
doubt_pace(struct edit *e, struct peer *p)
{
	int64_t wait = PEER_BACKOFF_US,
		most = p->doubts > PEER_PATIENCE ? PEER_PARKED_US : PEER_BACKOFF_MAX_US;
	uint32_t i;

	if (llabs(e->now_us - p->doubted_us) > DOUBT_CALM_US)
		p->doubts = 0;
	if (p->doubts == 0 || p->doubted_us > e->now_us + most) /* or the clock was set back */
		p->doubted_us = e->now_us;
	if (p->doubted_us <= e->now_us) { /* else it is waited for already */
		for (i = 1; i < p->doubts && wait < PEER_BACKOFF_MAX_US; i++)
			wait *= 2;
		if (p->doubts >= PEER_PATIENCE)
			wait = PEER_PARKED_US;
		if (p->doubts++ > 0)
			p->doubted_us += wait;
		if (p->doubted_us < e->now_us)
			p->doubted_us = e->now_us;
	}
	if (p->doubts > PEER_PATIENCE) {
		p->flags |= PEER_PARKED;
		p->error = STR("its answers make us begin again and again");
	}
	p->due_us = p->doubted_us;
}

void
doubt_restart(struct edit *e, struct peer *p)
{
	if ((p->flags & (PEER_TARGET | PEER_LEFT)) == PEER_TARGET)
		edit_want_connect(e, p);
	else if ((p->flags & PEER_PROVIDER) != 0)
		edit_want(e, p, WORK_RECONNECT, true);
	else
		return;
	doubt_pace(e, p);
}
