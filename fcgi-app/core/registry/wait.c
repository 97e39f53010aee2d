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
		if (p->out.work[i] != 0 && p->out.work[i] <= ticket && p->out.tried[i] < p->out.work[i])
			return true;
	return false;
}

enum kodo_err
wait_is_tried(struct registry *r, uint64_t ticket, int64_t now_us, bool *out)
{
	struct arena *a = arena_new();
	struct cursor c;
	struct peer p;
	struct str k, v;
	struct txn t;
	enum kodo_err err;

	*out = true;
	if (a == NULL)
		return KODO_ENOMEM;
	err = store_begin(r->store, STORE_READ, &t);
	if (err != KODO_OK)
		goto out;
	err = cursor_open(&t, T_DUE, &c);
	for (err = err == KODO_OK ? cursor_seek(&c, STR_NULL, &k, &v) : err; err == KODO_OK && *out;
	    err = cursor_next(&c, &k, &v)) {
		if ((unsigned char)k.p[0] != DUE_ACTIVE)
			break;
		err = peer_get(&t, a, get_be32(k.p + 9), &p);
		if (err != KODO_OK && err != KODO_ENOTFOUND)
			break;
		*out = err == KODO_ENOTFOUND || !is_untried(&p, ticket, now_us);
	}
	cursor_close(&c);
	err = store_end(&t, err == KODO_ENOTFOUND ? KODO_OK : err);
out:
	arena_free(a);
	return err;
}
