#include "core/exchange/stranger.h"
#include "core/liveness/liveness.h"
#include "core/registry/registry_private.h"

enum kodo_err
stranger_drop(struct change *ch, struct peer *p)
{
	enum kodo_err err = KODO_OK;
	int i;

	for (i = 0; i < WORK_MAX && err == KODO_OK; i++)
		err = change_unwant(ch, p, (enum peer_work)i);
	p->flags |= PEER_DROPPED;
	p->out.attempts = 0;
	return err;
}

static enum kodo_err
put_off(struct change *ch, const struct put_off *q)
{
	struct peer *p;
	enum kodo_err err = change_peer(ch, q->peer, &p);

	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	if (q->kind == EXCHANGE_LOOK) {
		p->liveness.due_us = ch->now_us +
		    (q->wait_us == INT64_MAX ? LIVENESS_SELDOM_US : q->wait_us);
		return KODO_OK;
	}
	if (q->wait_us == INT64_MAX)
		return stranger_drop(ch, p);
	p->out.due_us = ch->now_us + q->wait_us;
	return KODO_OK;
}

static enum kodo_err
put_off_fn(struct change *ch, void *arg)
{
	const struct put_offs *o = arg;
	unsigned i;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < o->n && err == KODO_OK; i++)
		err = put_off(ch, &o->all[i]);
	return err;
}

const struct change_type change_put_off = { .kind = CHANGE_PUT_OFF, .fn = put_off_fn };

enum kodo_err
stranger_put_off(struct registry *r, const struct put_offs *offs, int64_t now_us)
{
	struct put_offs o = *offs;
	struct change_run run = { .type = &change_put_off, .r = r, .now_us = now_us,
		.arg = &o };

	return registry_change(&run);
}
