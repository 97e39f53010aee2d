#include <stdlib.h>

#include "core/merge/resync.h"

#define RESYNC_CALM_US (600ll * 1000000)
#define RESYNC_ECHO_US 2000000ll
#define RESYNC_ASKED_US 10000000ll
#define RESYNC_ASKS 4u /* an owner is not paused for what others say of it */

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
	const int64_t most = p->resync.n > PEER_PATIENCE ? PEER_PAUSE_US : PEER_BACKOFF_MAX_US;
	const int64_t wait_us = peer_backoff_us(p->resync.n + 1, most);

	if ((p->flags & PEER_RESYNC) != 0)
		return;
	/* an echo comes as soon as the last list was asked for; what comes later is a change */
	if (llabs(ch->now_us - p->resync.at_us) > RESYNC_CALM_US ||
	    llabs(ch->now_us - p->resync.at_us) > 2 * wait_us + RESYNC_ECHO_US)
		p->resync.n = 0;
	if (p->resync.n == 0) {
		resync_start(ch, p);
		return;
	}
	p->flags |= PEER_RESYNC;
	p->out.check_us = p->resync.at_us + wait_us;
	ch->is_due = true; /* the runner must learn of the time */
}

/* Anybody can have an owner asked, and a connect, ours or its, moves all that is here or there. */
static bool
may_confirm(const struct change *ch, const struct peer *p)
{
	const bool is_acked = peer_is_live_target(p) && p->out.connected_us != 0;

	return peer_dialect(p)->has_versions && (p->flags & PEER_FEED) != 0 && ch->o->feed &&
	    (is_acked || ((p->flags & PEER_CONNECTS) != 0 && change_is_subscriber(ch, p) &&
	    !peer_is_stranger(p)));
}

void
resync_ask(struct change *ch, struct peer *p)
{
	const bool had = peer_has_work(p);
	const bool connects = (p->flags & PEER_CONNECTS) != 0;
	int64_t *at_us = &p->resync.at_us;

	/* it is asked soon */
	if (may_confirm(ch, p) && *at_us > ch->now_us && p->out.check_us != 0 &&
	    p->out.check_us <= *at_us)
		return;
	/* of one that connects itself our connect brings no word, unless it feeds */
	if ((p->out.work[WORK_CONNECT] != 0 && !connects) || p->out.work[WORK_RECONNECT] != 0 ||
	    ch->o->retry == 0)
		return;
	if (llabs(ch->now_us - *at_us) > RESYNC_CALM_US)
		p->resync.n = 0;
	if (p->resync.n > 0)
		*at_us += peer_backoff_us(p->resync.n, PEER_BACKOFF_MAX_US);
	if (p->resync.n == 0 || *at_us < ch->now_us)
		*at_us = ch->now_us;
	if (p->resync.n < RESYNC_ASKS)
		p->resync.n++;
	if (may_confirm(ch, p)) {
		resync_check(ch, p, *at_us);
		return;
	}
	if (!connects && peer_is_live_target(p))
		p->out.acked_url = ch->o->url;
	change_want(ch, p, !connects && peer_is_live_target(p) ? WORK_CONNECT : WORK_RECONNECT,
	    false);
	if (!had && p->out.due_us < *at_us)
		p->out.due_us = *at_us;
}

bool
resync_is_asked(const struct change *ch, const struct peer *p)
{
	return may_confirm(ch, p) && p->resync.n > 0 && p->resync.at_us <= ch->now_us &&
	    ch->now_us - p->resync.at_us < RESYNC_ASKED_US;
}

void
resync_check(struct change *ch, struct peer *p, int64_t at_us)
{
	if (p->out.check_us != 0 && p->out.check_us <= ch->now_us) {
		p->flags |= PEER_CHECK_AGAIN;
	} else if (p->out.check_us == 0 || p->out.check_us > at_us) {
		p->out.check_us = at_us;
		ch->is_due = true;
	}
}

/*
 * A peer may answer so that the same is wanted again, and do that for ever: a connect with 201 and
 * each update with 404, or with the number of an older message, or with another tombstone. The
 * first time is free, the next ones wait as after failures.
 */
void
resync_pace(struct change *ch, struct peer *p)
{
	const int64_t most = p->resync.n > PEER_PATIENCE ? PEER_PAUSE_US : PEER_BACKOFF_MAX_US;
	int64_t *at_us = &p->resync.at_us;

	if (llabs(ch->now_us - *at_us) > RESYNC_CALM_US)
		p->resync.n = 0;
	if (p->resync.n == 0 || *at_us > ch->now_us + most) /* or the clock was set back */
		*at_us = ch->now_us;
	if (*at_us <= ch->now_us) { /* else it is waited for already */
		if (p->resync.n >= PEER_PATIENCE)
			*at_us += PEER_PAUSE_US;
		else if (p->resync.n > 0)
			*at_us += peer_backoff_us(p->resync.n, PEER_BACKOFF_MAX_US);
		p->resync.n++;
		if (*at_us < ch->now_us)
			*at_us = ch->now_us;
	}
	if (p->resync.n > PEER_PATIENCE) {
		p->flags |= PEER_PAUSED;
		p->out.error = STR("each of its answers causes another resync");
	}
	p->out.due_us = *at_us;
}

void
resync_restart(struct change *ch, struct peer *p)
{
	if (peer_is_live_target(p))
		change_want_connect(ch, p);
	else if ((p->flags & PEER_PROVIDER) != 0)
		change_want(ch, p, WORK_RECONNECT, true);
	else
		return;
	resync_pace(ch, p);
}

void
resync_repeat(struct change *ch, struct peer *p)
{
	const bool both_feed = (p->flags & PEER_FEED) != 0 && ch->o->feed;

	resync_restart(ch, p);
	/* else the answer to our connect brings its list */
	if (peer_is_live_target(p) && (p->flags & PEER_CONNECTS) != 0 && !both_feed)
		change_want(ch, p, WORK_RECONNECT, false);
}
