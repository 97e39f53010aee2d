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

#define RESYNC_CALM_US (600ll * 1000000)

void
resync_start(struct change *ch, struct peer *p)
{
	p->flags &= ~(unsigned)PEER_RESYNC;
	p->out.check_us = 0;
	p->resync.at_us = ch->now_us;
	p->resync.n++;
	change_want_connect(ch, p);
}

void
resync_cancel(struct peer *p)
{
	if ((p->flags & PEER_RESYNC) == 0)
		return;
	p->flags &= ~(unsigned)PEER_RESYNC;
	p->out.check_us = 0;
}

void
resync_raise(struct change *ch, struct peer *p)
{
	int64_t wait = PEER_BACKOFF_US;
	uint32_t i;

	if (llabs(ch->now_us - p->resync.at_us) > RESYNC_CALM_US)
		p->resync.n = 0;
	if ((p->flags & PEER_RESYNC) != 0)
		return;
	if (p->resync.n == 0) {
		resync_start(ch, p);
		return;
	}
	for (i = 0; i < p->resync.n && wait < PEER_PAUSE_US; i++)
		wait *= 2;
	p->flags |= PEER_RESYNC;
	p->out.check_us = p->resync.at_us + (wait < PEER_PAUSE_US ? wait : PEER_PAUSE_US);
	ch->is_due = true; /* the runner must learn of the time */
}

/*
 * A peer may answer so that the same is wanted again, and do that for ever: a connect with 201 and
 * each update with 404, or with the number of an older message, or with another tombstone. The
 * first time is free, the next ones wait as after failures.
 */
void
doubt_pace(struct change *ch, struct peer *p)
{
	int64_t wait = PEER_BACKOFF_US,
		most = p->resync.n > PEER_PATIENCE ? PEER_PAUSE_US : PEER_BACKOFF_MAX_US;
	uint32_t i;

	if (llabs(ch->now_us - p->resync.at_us) > RESYNC_CALM_US)
		p->resync.n = 0;
	if (p->resync.n == 0 || p->resync.at_us > ch->now_us + most) /* or the clock was set back */
		p->resync.at_us = ch->now_us;
	if (p->resync.at_us <= ch->now_us) { /* else it is waited for already */
		for (i = 1; i < p->resync.n && wait < PEER_BACKOFF_MAX_US; i++)
			wait *= 2;
		if (p->resync.n >= PEER_PATIENCE)
			wait = PEER_PAUSE_US;
		if (p->resync.n++ > 0)
			p->resync.at_us += wait;
		if (p->resync.at_us < ch->now_us)
			p->resync.at_us = ch->now_us;
	}
	if (p->resync.n > PEER_PATIENCE) {
		p->flags |= PEER_PAUSED;
		p->out.error = STR("its answers make us begin again and again");
	}
	p->out.due_us = p->resync.at_us;
}

void
doubt_restart(struct change *ch, struct peer *p)
{
	if ((p->flags & (PEER_TARGET | PEER_LEFT)) == PEER_TARGET)
		change_want_connect(ch, p);
	else if ((p->flags & PEER_PROVIDER) != 0)
		change_want(ch, p, WORK_RECONNECT, true);
	else
		return;
	doubt_pace(ch, p);
}
