#include "cron/lifetime.h"

#define PAST_DUE_US	50000	/* look again at work that is due and could not be started */
#define PAUSE_US	1000000ll
#define PAUSE_MAX_US	(30 * 1000000ll)

bool
life_is_worth(const struct life *l, int64_t active_due_us, int64_t wall_us)
{
	int64_t ahead_us = l->once ? 0 : LIFE_AHEAD_US;

	/* subtracted on the side that cannot overflow: "never" is the greatest number */
	return active_due_us != LIFE_NEVER && active_due_us - ahead_us <= wall_us;
}

enum life_end
life_judge(const struct life *l, const struct life_look *look, int64_t mono_us, int64_t wall_us)
{
	if (l->stay)
		return LIFE_GOES_ON;
	if (mono_us >= l->until_us + LIFE_CLOSING_US)
		return LIFE_LIMIT;
	if (mono_us >= l->until_us)
		return look->n_busy > 0 ? LIFE_CLOSING : LIFE_LIMIT;
	if (look->n_busy > 0 || life_is_worth(l, look->active_due_us, wall_us))
		return LIFE_GOES_ON;
	return LIFE_IDLE;
}

static int64_t
min_us(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t
life_wait_us(const struct life *l, const struct life_look *look, int64_t mono_us, int64_t wall_us,
    int64_t max_us)
{
	int64_t wait_us = max_us;

	if (look->next_due_us <= wall_us)
		wait_us = min_us(wait_us, PAST_DUE_US);
	else if (look->next_due_us != LIFE_NEVER)
		wait_us = min_us(wait_us, look->next_due_us - wall_us);
	if (!l->stay)
		wait_us = min_us(
		    wait_us, mono_us < l->until_us ? l->until_us - mono_us : LIFE_CLOSING_US);
	return wait_us > 0 ? wait_us : 0;
}

int64_t
life_pause_us(unsigned n)
{
	int64_t pause_us = PAUSE_US;

	while (n > 1 && pause_us < PAUSE_MAX_US) {
		pause_us *= 2;
		n--;
	}
	return min_us(pause_us, PAUSE_MAX_US);
}
