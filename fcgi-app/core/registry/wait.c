#include "core/registry/registry_private.h"
#include "core/registry/wait.h"

/*
 * Is there work of p that was wanted up to ticket and not tried since? A peer that waits for its
 * next attempt was tried.
 */
static bool
is_untried(const struct peer *p, uint64_t ticket, int64_t now_us)
{
	int i;

	if (p->out.attempts > 0 && p->out.due_us > now_us)
		return false;
	for (i = 0; i < WORK_MAX; i++)
		if (p->out.work[i] != 0 && p->out.work[i] <= ticket &&
		    p->out.tried[i] < p->out.work[i])
			return true;
	return false;
}

static enum kodo_err
all_tried(struct txn *t, struct arena *a, uint64_t ticket, int64_t now_us, bool *out)
{
	struct scan s = peer_scan_due(t);
	struct peer_due due;
	struct peer p;

	*out = true;
	while (*out && peer_next_due(&s, &due) && due.class == DUE_ACTIVE) {
		s.err = peer_get(t, a, due.peer, &p);
		if (s.err == KODO_OK)
			*out = !is_untried(&p, ticket, now_us);
		else if (s.err == KODO_ENOTFOUND)
			s.err = KODO_OK;
	}
	return scan_end(&s);
}

/* Is a subscriber still to be sent what was logged up to ticket? */
static enum kodo_err
none_behind(struct txn *t, uint64_t ticket, bool *out)
{
	struct scan s = peer_scan_behind(t);
	struct peer_behind first;
	struct head h;

	s.err = head_get(t, &h);
	if (h.logged < ticket)
		ticket = h.logged;
	*out = *out && !(peer_next_behind(&s, &first) && first.pos < ticket);
	return scan_end(&s);
}

enum kodo_err
wait_is_tried(struct registry *r, uint64_t ticket, int64_t now_us, bool *out)
{
	struct arena *a = arena_new();
	struct txn t;
	enum kodo_err err = KODO_ENOMEM;

	*out = true;
	if (a != NULL)
		err = store_begin(r->store, STORE_READ, &t);
	if (err == KODO_OK) {
		err = all_tried(&t, a, ticket, now_us, out);
		if (err == KODO_OK)
			err = none_behind(&t, ticket, out);
		err = store_end(&t, err);
	}
	arena_free(a);
	return err;
}
