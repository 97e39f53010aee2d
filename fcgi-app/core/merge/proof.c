#include "core/merge/proof.h"
#include "core/merge/statement.h"

bool
proof_ask(struct change *ch, struct peer *p, enum pin_verdict verdict)
{
	const int64_t soon_us = p->out.failed_us + PEER_HEARD_US;

	if (!pin_ask(p, verdict, ch->now_us))
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
	enum kodo_err err = KODO_OK;

	if ((p->flags & PEER_VOUCHED) != 0 || (key.len == 0 && p->trust.proved_us != 0))
		return KODO_OK;
	if (!str_eq(p->trust.key, key)) {
		if (p->trust.key.len > 0)
			err = statement_drop_all(ch, p);
		if (err == KODO_OK)
			err = arena_str(ch->a, key, &p->trust.key);
		p->trust.since_us = ch->now_us;
	}
	p->trust.proved_us = key.len > 0 ? ch->now_us : 0;
	return err;
}
