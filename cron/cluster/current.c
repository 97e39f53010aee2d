/*
 * One linearizable call asks for the revision of etcd, for all who have come before it was made:
 * what they see when that is applied is as new as anything that was acknowledged before they came.
 */
#include "cron/cluster/current.h"

#define ASKED	UINT64_MAX	/* instead of a revision: a call is under way */

void
current_wait(struct client *c)
{
	c->waits = WAITS_CURRENT;
	c->may_later = false;	/* as a body before it could */
	c->until = 0;
}

static void
on_revision(void *arg, const struct etcd_answer *an)
{
	struct proposer *p = arg;
	unsigned i;

	p->is_asking = false;
	if (an->err == KODO_OK)
		context_note_quorum(p->e);
	for (i = 0; i < PROPOSE_CLIENTS; i++)
		if (p->clients[i].waits == WAITS_CURRENT && p->clients[i].until == ASKED)
			p->clients[i].until = an->err == KODO_OK ? an->revision : 0;
}

static void
ask(struct proposer *p)
{
	const struct etcd_done done = { on_revision, p };
	char key[KEY_BYTES];
	unsigned i;

	p->is_asking = etcd_range(p->e->etcd, context_key(p->e, key, "format"), STR_NULL, 1, true,
	    done) == KODO_OK;
	for (i = 0; p->is_asking && i < PROPOSE_CLIENTS; i++)
		if (p->clients[i].waits == WAITS_CURRENT && p->clients[i].until == 0)
			p->clients[i].until = ASKED;
}

void
current_tick(struct proposer *p)
{
	struct context *e = p->e;
	const bool can = e->is_joined && context_takes_writes(e) && !e->status.is_catching_up;
	const bool is_queued = e->options.durability == DURABILITY_LOCAL && context_can_apply(e);
	bool is_any = false;
	unsigned i;

	for (i = 0; i < PROPOSE_CLIENTS; i++) {
		struct client *c = &p->clients[i];

		if (c->waits != WAITS_CURRENT)
			continue;
		if (!can)
			client_answer(c, is_queued ? KODO_ELATER : KODO_EBUSY, 0, STR(""));
		else if (c->until == 0)
			is_any = true;
		else if (c->until <= e->seen)
			client_answer(c, KODO_OK, e->seen, STR(""));
	}
	if (is_any && !p->is_asking)
		ask(p);
}
