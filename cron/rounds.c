#include "core/base/isotime.h"
#include "core/base/log.h"
#include "core/exchange/flow_probe.h"
#include "core/registry/expire.h"
#include "core/registry/liveness_round.h"
#include "cron/backups.h"
#include "cron/rounds.h"

#define EXPIRE_US	(600ll * 1000000)
#define LIVENESS_US	(60ll * 1000000)
/* so long messages may have to wait for it; and it for the next try, after a failure */
#define MODERATION_LIMIT_US	200000ll
#define MODERATION_PAUSE_US	(60ll * 1000000)

/* Expire tombstones. A failure costs only time: the next one does the same. */
static void
expire(struct rounds *d, struct registry *r, int64_t mono_us)
{
	enum kodo_err err;

	if (mono_us < d->expire_us)
		return;
	d->expire_us = mono_us + EXPIRE_US;
	err = expire_run(r, isotime_now_us());
	if (err != KODO_OK)
		log_warning("cannot forget old removals: %s", kodo_err_text(err));
	err = flow_probe_tidy(r, isotime_now_us());
	if (err != KODO_OK)
		log_warning("cannot forget hosts that were asked: %s", kodo_err_text(err));
}

/* Who is silent, and for how long? By the clock that people read, which may have been set. */
static void
liveness(struct rounds *d, struct registry *r)
{
	const int64_t now_us = isotime_now_us();
	bool more;
	enum kodo_err err;

	if (now_us >= d->liveness_us && now_us - d->liveness_us < LIVENESS_US)
		return;
	err = liveness_round(r, now_us, &more);
	d->liveness_us = more ? 0 : now_us;
	if (err != KODO_OK)
		log_warning("cannot look at signs of life: %s", kodo_err_text(err));
}

/* What is denied and hidden, where it has not followed yet. true: there is more of it. */
static bool
moderation(struct rounds *d, struct registry *r, int64_t mono_us)
{
	bool more;
	enum kodo_err err;

	if (mono_us < d->moderation_us)
		return false;
	err = moderate_follow(r, &d->pass, isotime_now_us(), MODERATION_LIMIT_US, &more);
	if (err == KODO_OK)
		return more;
	d->moderation_us = mono_us + MODERATION_PAUSE_US;
	log_warning("not all follows what is denied and hidden: %s", kodo_err_text(err));
	return false;
}

static void
backups(struct rounds *d, struct registry *r, int64_t mono_us)
{
	if (mono_us >= d->backups_us)
		d->backups_us = mono_us + backups_run(r, isotime_now_us()) * 1000000ll;
}

bool
rounds_run(struct rounds *d, struct registry *r, int64_t mono_us)
{
	expire(d, r, mono_us);
	liveness(d, r);
	backups(d, r, mono_us);
	return moderation(d, r, mono_us);
}
