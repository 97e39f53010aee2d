#include "core/merge/proof.h"
#include "core/merge/statement.h"

/* Has the admin given its key? What its url shows counts for nothing then. */
static bool
is_given(const struct change *ch, const struct peer *p)
{
	unsigned char key[OPTION_KEY_BYTES];

	return (p->flags & PEER_VOUCHED) != 0 || option_key_of(ch->o, p->key, key);
}

bool
proof_ask(struct change *ch, struct peer *p, enum pin_verdict verdict)
{
	const int64_t soon_us = p->out.failed_us + PEER_HEARD_US;

	if (is_given(ch, p) || !pin_ask(p, verdict, ch->now_us))
		return false;
	change_want(ch, p, WORK_PROVE, false);
	if (p->out.due_us > soon_us)
		p->out.due_us = soon_us > ch->now_us ? soon_us : ch->now_us;
	ch->is_due = true;
	return true;
}

enum kodo_err
proof_take(struct change *ch, struct peer *p, struct str key)
{
	return is_given(ch, p) || (key.len == 0 && p->trust.proved_us != 0)
	    ? KODO_OK : proof_set(ch, p, key);
}

enum kodo_err
proof_set(struct change *ch, struct peer *p, struct str key)
{
	const enum withdrawal_cause cause = ch->gone.cause;
	struct withdrawal *w;
	enum kodo_err err = KODO_OK;

	if (!str_eq(p->trust.key, key)) {
		/* who said it is not who is there; and who is there may say its own */
		if ((p->flags & PEER_PROVIDER) != 0) {
			if (cause == WITHDRAWN_BY_WORD)
				ch->gone.cause = WITHDRAWN_KEY;
			err = withdrawal_begin(&ch->gone, p, false, &w);
			if (err == KODO_OK)
				err = statement_drop_all(ch, p);
			ch->gone.cause = cause;
			change_want(ch, p, WORK_RECONNECT, false);
		}
		if (key.len == 0)
			p->trust.addresses = STR_NULL;
		if (err == KODO_OK)
			err = arena_str(ch->a, key, &p->trust.key);
		p->trust.since_us = ch->now_us;
	}
	p->trust.proved_us = key.len > 0 ? ch->now_us : 0;
	return err;
}
