#include "core/records/codec.h"
#include "core/trust/rejudge.h"

#define META_REJUDGE	"rejudge"	/* the list of those that wait */
#define REJUDGE_MAX	1000u		/* of them; more cost less if all nodes are judged */

struct waiting {
	struct rejudge *all;
	size_t n;
};

static struct rejudge
entry_read(struct reader *r)
{
	const uint32_t peer = read_u32(r), ticket = read_u32(r);

	return (struct rejudge){ .peer = peer, .ticket = ticket, .order = read_u64(r) };
}

static enum kodo_err
list_get(struct txn *t, struct arena *a, struct waiting *out)
{
	struct reader r;
	struct str v;
	enum kodo_err err = meta_get(t, META_REJUDGE, &v);

	*out = (struct waiting){ .n = 0 };
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	out->all = arena_alloc(a, (REJUDGE_MAX + 1) * sizeof(*out->all));
	if (out->all == NULL)
		return KODO_ENOMEM;
	if (err == KODO_ENOTFOUND)
		return KODO_OK;
	for (r = reader_of(v); r.p < r.end && !r.bad && out->n < REJUDGE_MAX; out->n++)
		out->all[out->n] = entry_read(&r);
	return r.bad ? KODO_ECORRUPT : KODO_OK;
}

static enum kodo_err
list_put(struct txn *t, const struct waiting *w)
{
	struct buf b = BUF_INIT(0);
	size_t i;
	enum kodo_err err;

	for (i = 0; i < w->n; i++) {
		buf_put_u32(&b, w->all[i].peer);
		buf_put_u32(&b, w->all[i].ticket);
		buf_put_u64(&b, w->all[i].order);
	}
	err = buf_failed(&b) ? b.err : meta_put(t, META_REJUDGE, w->n > 0 ? buf_str(&b) : STR(""));
	buf_free(&b);
	return err;
}

/* All nodes are judged anew, as after a change of the list. */
static enum kodo_err
all_want(struct txn *t, const struct moderation *m, uint32_t ticket)
{
	struct moderation now = *m;

	now.unfinished = ticket != 0 ? ticket : 1;
	return moderation_put(t, &now);
}

bool
rejudge_may_be_due(const struct peer *p)
{
	return p->filed.nodes > 0 && (!str_eq(p->filed.address, p->in.address) ||
	    !str_eq(p->filed.addresses, p->trust.addresses));
}

enum kodo_err
rejudge_note(struct txn *t, struct arena *a, const struct moderation *m, const struct peer *p,
    uint32_t ticket, bool *is_due)
{
	struct peer was = *p;
	struct waiting w;
	size_t i;
	enum kodo_err err;

	was.in.address = p->filed.address;
	was.trust.addresses = p->filed.addresses;
	if (moderation_verdict(moderation_of_peer(m, &was)) ==
	    moderation_verdict(moderation_of_peer(m, p)))
		return KODO_OK;
	*is_due = true;
	err = list_get(t, a, &w);
	if (err != KODO_OK)
		return err;
	for (i = 0; i < w.n && w.all[i].peer != p->id;)
		i++;
	if (i == REJUDGE_MAX)
		return all_want(t, m, ticket);
	w.all[i] = (struct rejudge){ .peer = p->id, .ticket = ticket };
	w.n += i == w.n;
	return list_put(t, &w);
}

enum kodo_err
rejudge_first(struct txn *t, struct rejudge *out)
{
	struct reader r;
	struct str v;
	enum kodo_err err = meta_get(t, META_REJUDGE, &v);

	if (err != KODO_OK || v.len == 0)
		return err == KODO_OK ? KODO_ENOTFOUND : err;
	r = reader_of(v);
	*out = entry_read(&r);
	return r.bad ? KODO_ECORRUPT : KODO_OK;
}

enum kodo_err
rejudge_move(struct txn *t, struct arena *a, const struct rejudge *r, bool is_over)
{
	struct waiting w;
	enum kodo_err err = list_get(t, a, &w);

	if (err != KODO_OK || w.n == 0 || w.all[0].peer != r->peer || w.all[0].ticket != r->ticket)
		return err;
	w.all[0] = *r;
	if (is_over)
		memmove(w.all, w.all + 1, --w.n * sizeof(*w.all));
	return list_put(t, &w);
}
