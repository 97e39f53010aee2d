#include "core/merge/statement.h"
#include "core/registry/expire.h"
#include "core/registry/registry_private.h"
#include "core/trust/pin.h"

#define META_TIDIED	"tidied"	/* when this was done last, 8 bytes big-endian */
#define TIDY_EVERY_US	(3600ll * 1000000)
#define DAY_US		(86400ll * 1000000)

static enum kodo_err
tidied_get(struct registry *r, int64_t *at_us)
{
	struct str v;
	struct txn t;
	enum kodo_err err = store_begin(r->store, STORE_READ, &t);

	*at_us = 0;
	if (err != KODO_OK)
		return err;
	err = meta_get(&t, META_TIDIED, &v);
	if (err == KODO_OK && v.len == sizeof(uint64_t))
		*at_us = (int64_t)get_be64(v.p);
	return store_end(&t, err == KODO_ENOTFOUND ? KODO_OK : err);
}

/*
 * Epoch and sequence of a peer that signed off, or was never known, are remembered, so that a
 * message held up on the way does not bring it back. It is forgotten when two passes in a row find
 * it idle: no clock must be right for that.
 */
static enum kodo_err
peers_fade(struct change *ch, int64_t before_us)
{
	struct peer found, *p;
	uint32_t id = 0;
	enum kodo_err err;

	while ((err = peer_next(ch->t, ch->a, &id, &found)) == KODO_OK) {
		/* of who is remembered for its key nothing changes most of the time */
		if (!peer_is_idle(&found) || ((found.flags & PEER_FADING) != 0 &&
		    found.trust.key.len > 0 && found.in.at_us >= before_us))
			continue;
		err = change_peer(ch, found.id, &p);
		if (err != KODO_OK)
			return err;
		/* who may speak for a url is remembered for longer; so long nothing is replayed */
		if (p->in.at_us < before_us)
			pin_forget(p);
		if ((p->flags & PEER_FADING) != 0 && p->trust.key.len == 0)
			p->in.epoch = 0;
		p->flags |= PEER_FADING;
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static enum kodo_err
tidy_fn(struct change *ch, void *arg)
{
	unsigned char now[8];
	const int64_t before_us = ch->now_us - (int64_t)ch->o->tombstone_days * DAY_US;
	enum kodo_err err = statement_expire(ch, before_us);

	(void)arg;
	if (err == KODO_OK)
		err = peers_fade(ch, before_us);
	if (err == KODO_OK)
		err = meta_put(ch->t, META_TIDIED, key_u64(now, (uint64_t)ch->now_us));
	return err;
}

const struct change_type change_expire = { .kind = CHANGE_EXPIRE, .fn = tidy_fn,
	.cause = WITHDRAWN_EXPIRED };

enum kodo_err
expire_run(struct registry *r, int64_t now_us)
{
	struct change_run run = { .type = &change_expire, .r = r, .now_us = now_us };
	int64_t at_us;
	enum kodo_err err = tidied_get(r, &at_us);

	/* a time ahead of now: the clock was set back */
	if (err != KODO_OK || (at_us <= now_us && at_us > now_us - TIDY_EVERY_US))
		return err;
	return registry_change(&run);
}
