#include "core/registry/registry_private.h"
#include "core/registry/wait.h"

/*
 * Is there work of p that was wanted up to ticket and not tried since, or something in the log of
 * changes? A peer that waits for its next attempt was tried.
 */
static bool
is_untried(const struct peer *p, uint64_t ticket, uint64_t logged, int64_t now_us)
{
	int i;

	if (p->out.attempts > 0 && p->out.due_us > now_us)
		return false;
	for (i = 0; i < WORK_MAX; i++)
		if (p->out.work[i] != 0 && p->out.work[i] <= ticket &&
		    p->out.tried[i] < p->out.work[i])
			return true;
	return (p->flags & PEER_NOTIFIED) != 0 && peer_pos(p) < logged &&
	    p->out.tried[WORK_NOTIFY] < logged;
}

static enum kodo_err
all_tried(struct txn *t, struct arena *a, uint64_t ticket, uint64_t logged, int64_t now_us,
    bool *out)
{
	struct scan s = peer_scan_due_from(t, DUE_ACTIVE, 0);
	struct peer_due due;
	struct peer p;

	*out = true;
	/* one that fails was tried, and strangers are not waited for */
	while (*out && peer_next_due(&s, &due)) {
		s.err = peer_get(t, a, due.peer, &p);
		if (s.err == KODO_OK)
			*out = !is_untried(&p, ticket, logged, now_us);
		else if (s.err == KODO_ENOTFOUND)
			s.err = KODO_OK;
	}
	return scan_end(&s);
}

/* Has every subscriber without other work got what was logged up to there? */
static enum kodo_err
none_behind(struct txn *t, uint64_t logged, bool *out)
{
	struct scan s = peer_scan_behind(t);
	struct peer_behind first;

	*out = !(peer_next_behind(&s, &first) && first.pos < logged);
	return scan_end(&s);
}

static enum kodo_err
tried_in(struct txn *t, struct arena *a, uint64_t ticket, int64_t now_us, bool *out)
{
	struct head h;
	enum kodo_err err = head_get(t, &h);
	const uint64_t logged = h.notified < ticket ? h.notified : ticket;

	if (err == KODO_OK)
		err = all_tried(t, a, ticket, logged, now_us, out);
	return err == KODO_OK && *out ? none_behind(t, logged, out) : err;
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
	if (err == KODO_OK)
		err = store_end(&t, tried_in(&t, a, ticket, now_us, out));
	arena_free(a);
	return err;
}
