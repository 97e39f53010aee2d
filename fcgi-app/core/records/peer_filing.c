#include "core/records/codec.h"
#include "core/records/peer_private.h"

/* With `retry: -1` a peer is never paused, but stops to count after as many attempts. */
static bool
is_quiet(const struct peer *p)
{
	return (p->flags & PEER_PAUSED) != 0 || p->out.attempts > PEER_PATIENCE;
}

/* Which class the peer's work has in T_DUE, and its digest check or resync. */
static enum due_class
peer_class(const struct peer *p)
{
	if (peer_is_stranger(p))
		return DUE_STRANGER;
	if (is_quiet(p))
		return DUE_PAUSED;
	return p->out.attempts > 0 ? DUE_FAILING : DUE_ACTIVE;
}

static enum due_class
peer_check_class(const struct peer *p)
{
	return is_quiet(p) || p->out.attempts > 0 ? DUE_PAUSED : DUE_CHECK;
}

/* Is p found by its position? Other work has a time, and takes the changelog along. */
static bool
is_by_position(const struct peer *p)
{
	return (p->flags & PEER_NOTIFIED) != 0 && !peer_has_work(p);
}

struct tally_of
peer_tally(const struct peer *p)
{
	/* who has left is remembered as long as its key */
	const bool is_made = (p->flags & PEER_PROVIDER) != 0 || p->trust.key.len > 0;

	/* and is no stranger for a quota: of those LIMIT_SIGNED_OFF are remembered at most */
	return (struct tally_of){ .is_stranger = peer_is_stranger(p) && !peer_is_idle(p),
		.is_unproven = peer_is_stranger(p) && (p->flags & PEER_PROVIDER) != 0,
		.client = is_made ? tally_client(p->in.address) : STR_NULL };
}

static void
filings_of(const struct peer *p, struct peer_filing out[PEER_FILINGS])
{
	const bool is_watched = peer_is_watched(p);

	out[FILED_WORK] = (struct peer_filing){ peer_has_work(p), peer_class(p), p->out.due_us };
	out[FILED_CHECK] = (struct peer_filing){ p->out.check_us != 0, peer_check_class(p),
		p->out.check_us };
	out[FILED_LIVENESS] = (struct peer_filing){ is_watched,
		p->liveness.silent_us != 0 ? DUE_SILENT : DUE_LIVENESS, p->liveness.due_us };
}

void
peer_remember_due(struct peer *p)
{
	p->filed.has_pos = is_by_position(p);
	p->filed.pos = peer_pos(p);
	filings_of(p, p->filed.due);
	p->filed.tally = peer_tally(p);
	p->filed.address = p->in.address;
	p->filed.addresses = p->trust.addresses;
	p->filed.nodes = p->holds.nodes;
}

uint64_t
peer_pos(const struct peer *p)
{
	return p->out.pos < p->out.gone_pos ? p->out.pos : p->out.gone_pos;
}

/* Key of T_DUE: class, due time, peer. */
static struct str
due_key(unsigned char out[13], enum due_class class, int64_t due_us, uint32_t peer)
{
	unsigned char rest[12];

	out[0] = (unsigned char)class;
	key_u64(rest, (uint64_t)due_us);
	key_u32(rest + 8, peer);
	memcpy(out + 1, rest, sizeof(rest));
	return (struct str){ (const char *)out, 13 };
}

struct scan
peer_scan_due_from(struct txn *t, enum due_class class, int64_t at_us)
{
	unsigned char k[13];

	return scan_from(t, T_DUE, due_key(k, class, at_us, 0), 1);
}

struct scan
peer_scan_due_after(struct txn *t, const struct peer_due *at)
{
	unsigned char k[13];

	return scan_from(t, T_DUE, due_key(k, at->class, at->at_us, at->peer + 1), 1);
}

static enum kodo_err
due_move(struct txn *t, uint32_t peer, const struct peer_filing *was, const struct peer_filing *is)
{
	unsigned char k[13];
	enum kodo_err err = KODO_OK;

	if (was->is == is->is && (!is->is || (was->class == is->class && was->us == is->us)))
		return KODO_OK;
	if (was->is)
		err = store_del(t, T_DUE, due_key(k, was->class, was->us, peer));
	if (err == KODO_OK && is->is)
		err = store_put(t, T_DUE, due_key(k, is->class, is->us, peer), STR(""));
	return err;
}

static struct str
behind_key(unsigned char out[12], uint64_t pos, uint32_t peer)
{
	unsigned char first[8];

	memcpy(out, key_u64(first, pos).p, sizeof(first));
	key_u32(out + 8, peer);
	return (struct str){ (const char *)out, 12 };
}

static enum kodo_err
behind_move(struct txn *t, const struct peer *p, bool is)
{
	unsigned char k[12];
	enum kodo_err err = KODO_OK;

	if (p->filed.has_pos == is && (!is || p->filed.pos == peer_pos(p)))
		return KODO_OK;
	if (p->filed.has_pos)
		err = store_del(t, T_BEHIND, behind_key(k, p->filed.pos, p->id));
	if (err == KODO_OK && is)
		err = store_put(t, T_BEHIND, behind_key(k, peer_pos(p), p->id), STR(""));
	return err;
}

enum kodo_err
peer_index(struct txn *t, struct peer *p, bool gone)
{
	const struct tally_of is = peer_tally(p), none = { .is_stranger = false };
	struct peer_filing due[PEER_FILINGS];
	enum kodo_err err = KODO_OK;
	int i;

	filings_of(p, due);
	for (i = 0; i < PEER_FILINGS && err == KODO_OK; i++) {
		due[i].is = due[i].is && !gone;
		err = due_move(t, p->id, &p->filed.due[i], &due[i]);
	}
	if (err == KODO_OK)
		err = behind_move(t, p, !gone && is_by_position(p));
	if (err == KODO_OK)
		err = tally_move(t, &p->filed.tally, gone ? &none : &is);
	peer_remember_due(p);
	return err;
}

bool
peer_is_due_at(const struct peer *p, const struct peer_due *at)
{
	int i;

	for (i = 0; i < PEER_FILINGS; i++)
		if (at->peer == p->id && p->filed.due[i].is &&
		    p->filed.due[i].class == at->class && p->filed.due[i].us == at->at_us)
			return true;
	return false;
}

bool
peer_is_behind_at(const struct peer *p, const struct peer_behind *at)
{
	return at->peer == p->id && p->filed.has_pos && p->filed.pos == at->pos;
}

static bool
is_there(struct txn *t, enum store_table table, struct str key)
{
	struct str v;

	return store_get(t, table, key, &v) == KODO_OK;
}

bool
peer_is_filed(struct txn *t, const struct peer *p, unsigned *n_due)
{
	unsigned char k[13];
	bool all = true;
	int i;

	*n_due = 0;
	for (i = 0; i < PEER_FILINGS; i++) {
		const struct peer_filing *f = &p->filed.due[i];

		*n_due += f->is;
		all = all && (!f->is || is_there(t, T_DUE, due_key(k, f->class, f->us, p->id)));
	}
	return all &&
	    (!p->filed.has_pos || is_there(t, T_BEHIND, behind_key(k, p->filed.pos, p->id)));
}
