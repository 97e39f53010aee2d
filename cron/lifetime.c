#include "cron/lifetime.h"

#define PAST_DUE_US	50000	/* until work that is due and could not be started is tried again */
#define PAUSE_US	1000000ll
#define PAUSE_MAX_US	(30 * 1000000ll)

bool
lifetime_is_worth(const struct lifetime *l, int64_t active_due_us, int64_t wall_us)
{
	int64_t ahead_us = l->once ? 0 : LIFETIME_AHEAD_US;

	/* subtracted on the side that cannot overflow: "never" is the greatest number */
	return active_due_us != LIFETIME_NEVER && active_due_us - ahead_us <= wall_us;
}

enum lifetime_end
lifetime_judge(
    const struct lifetime *l, const struct lifetime_state *s, int64_t mono_us, int64_t wall_us)
{
	if (l->stay)
		return LIFETIME_GOES_ON;
	if (mono_us >= l->until_us + LIFETIME_CLOSING_US)
		return LIFETIME_LIMIT;
	if (mono_us >= l->until_us)
		return s->n_busy > 0 ? LIFETIME_CLOSING : LIFETIME_LIMIT;
	if (s->n_busy > 0 || lifetime_is_worth(l, s->active_due_us, wall_us))
		return LIFETIME_GOES_ON;
	return LIFETIME_IDLE;
}

static int64_t
min_us(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t
lifetime_wait_us(const struct lifetime *l, const struct lifetime_state *s, int64_t mono_us,
    int64_t wall_us, int64_t max_us)
{
	int64_t wait_us = max_us;

	if (s->next_due_us <= wall_us)
		wait_us = min_us(wait_us, PAST_DUE_US);
	else if (s->next_due_us != LIFETIME_NEVER)
		wait_us = min_us(wait_us, s->next_due_us - wall_us);
	if (!l->stay)
		wait_us = min_us(
		    wait_us, mono_us < l->until_us ? l->until_us - mono_us : LIFETIME_CLOSING_US);
	return wait_us > 0 ? wait_us : 0;
}

int64_t
lifetime_pause_us(unsigned n)
{
	int64_t pause_us = PAUSE_US;

	while (n > 1 && pause_us < PAUSE_MAX_US) {
		pause_us *= 2;
		n--;
	}
	return min_us(pause_us, PAUSE_MAX_US);
}
