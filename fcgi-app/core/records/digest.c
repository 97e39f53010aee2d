#include <stdio.h>

#include "core/base/hash.h"
#include "core/records/digest.h"
#include "core/records/outbox.h"
#include "core/records/walk.h"

struct digest {
	struct txn *t;
	uint32_t peer;
	bool has_paused;
	bool keeps_entries;	/* the peer does */
	bool is_subscriber;
	uint32_t own; /* the peer's own node, 0: none */
	uint64_t sum;		/* of hashes: does not depend on the order of the nodes */
};

/* The node as the peer keeps it. */
static struct str
kept(const struct digest *d, struct str bytes)
{
	return d->keeps_entries ? packed_digested(bytes) : packed_base(bytes);
}

/* Would x win against y by their versions? */
static bool
is_over(const struct statement *x, const struct statement *y)
{
	return x->version != y->version ? x->version > y->version
					: str_cmp(x->bytes, y->bytes) > 0;
}

/* Has the peer something over that, so that it does not take it? Only an owner's is seen then. */
static enum kodo_err
is_refused(struct digest *d, uint32_t node, const struct statement *s, const struct peer *source,
    bool *out)
{
	struct statement theirs;
	struct packed pk;
	enum kodo_err err = KODO_OK;

	*out = false;
	if (source->trust.key.len > 0)
		err = packed_open(s->bytes, &pk);
	if (err != KODO_OK || source->trust.key.len == 0 || !str_eq(pk.url, source->url))
		return err;
	err = record_get_shadow(d->t, node, d->peer, &theirs);
	*out = err == KODO_OK && !str_eq(theirs.bytes, s->bytes) && is_over(&theirs, s);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static enum kodo_err
notified_add(void *arg, uint32_t node, const struct statement *s, const struct peer *source)
{
	struct outbox_entry entry = { .why = STR_NULL };
	struct digest *d = arg;
	bool no;
	enum kodo_err err;

	if (source->id == d->peer)
		return KODO_OK;
	err = is_refused(d, node, s, source, &no);
	if (err != KODO_OK || no)
		return err;
	if (d->has_paused)
		err = outbox_get(d->t, d->peer, node, &entry);
	if (err == KODO_ENOTFOUND || (err == KODO_OK && entry.why.p == NULL)) {
		d->sum += hash_text(HASH_STORED, kept(d, s->bytes));
		err = KODO_OK;
	}
	return err;
}

enum kodo_err
digest_notified(struct txn *t, struct arena *a, uint32_t peer, bool keeps_entries,
    char out[DIGEST_SIZE])
{
	struct digest d = { .t = t, .peer = peer, .keeps_entries = keeps_entries };
	bool to_notify;
	enum kodo_err err = outbox_has(t, peer, &to_notify, &d.has_paused);

	if (err == KODO_OK)
		err = walk_passed_on(t, a, notified_add, &d);

	snprintf(out, DIGEST_SIZE, "%016llx", (unsigned long long)d.sum);
	return err;
}

/*
 * What is not seen any more, for somebody else said something newer, that peer has learnt: it does
 * not count it among what it notifies. But the owner's is seen against what is over it (rule 7),
 * and that nobody has learnt to give up.
 */
static enum kodo_err
stated_add(void *arg, uint32_t node, const struct statement *s)
{
	struct digest *d = arg;
	struct statement winner;
	enum verdict verdict;
	enum kodo_err err = KODO_ENOTFOUND;

	if (d->is_subscriber || node == d->own)
		err = record_get_winner(d->t, node, &winner, &verdict);
	/* a tombstone hides the owner's word: its connect raises it */
	if (err == KODO_ENOTFOUND && node == d->own)
		return KODO_OK;
	if (err == KODO_ENOTFOUND ||
	    (err == KODO_OK && (str_eq(kept(d, winner.bytes), s->bytes) || is_over(s, &winner) ||
		(verdict == VERDICT_DENIED && node != d->own)))) {
		d->sum += hash_text(HASH_STORED, s->bytes);
		err = KODO_OK;
	}
	return err;
}

enum kodo_err
digest_stated(struct txn *t, uint32_t peer, struct str key, bool is_subscriber, bool keeps_entries,
    char out[DIGEST_SIZE])
{
	struct digest d = { .t = t, .peer = peer, .keeps_entries = keeps_entries,
		.is_subscriber = is_subscriber };
	enum kodo_err err = key.p == NULL ? KODO_ENOTFOUND : node_find(t, key, &d.own);

	if (err == KODO_ENOTFOUND)
		d.own = 0;
	if (err == KODO_OK || err == KODO_ENOTFOUND)
		err = walk_stated(t, peer, stated_add, &d);

	snprintf(out, DIGEST_SIZE, "%016llx", (unsigned long long)d.sum);
	return err;
}
