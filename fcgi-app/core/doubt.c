/*
 * Originals have no versions and pass on what they hear, old or new: where one says something else
 * than what is known, only its whole list tells. It is asked for by connecting to it, which also
 * takes back what we told it of nodes that we see through it by now, and may have told it wrongly.
 *
 * Originals that echo each other's words for ever raise doubts for ever: the first is followed at
 * once, each further one waits twice as long, until ten minutes were calm.
 */
#include <stdlib.h>

#include "doubt.h"

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
}
