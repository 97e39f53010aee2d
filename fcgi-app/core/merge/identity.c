#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/merge/identity.h"
#include "core/records/codec.h"

#define META_IDENTITIES	"identities"
#define ENTRIES_MAX	32u	/* peers of which it is known; the one that rests longest goes */
#define IDENTITIES_MAX	3u
/* one may come back by a message that was late, and its successor after it */
#define TURNS_MIN	3u
#define REST_US		(3600ll * 1000000)

struct entry {
	uint32_t peer;
	uint32_t turns;			/* how often one came back */
	int64_t at_us;			/* of the last turn */
	uint64_t identities[IDENTITIES_MAX];	/* the last one first; 0: none */
};

struct list {
	struct entry entries[ENTRIES_MAX];
	unsigned n;
};

/* What is left of the list: who has not changed for an hour is one. */
static enum kodo_err
list_get(struct txn *t, int64_t now_us, struct list *out)
{
	struct reader r;
	struct str v;
	unsigned i;
	enum kodo_err err = meta_get(t, META_IDENTITIES, &v);

	out->n = 0;
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	r = reader_of(v);
	while (r.p < r.end && out->n < ENTRIES_MAX) {
		struct entry *e = &out->entries[out->n];

		e->peer = read_u32(&r);
		e->turns = read_u32(&r);
		e->at_us = read_time(&r);
		for (i = 0; i < IDENTITIES_MAX; i++)
			e->identities[i] = read_u64(&r);
		/* it serves a warning alone: nothing is refused for it */
		if (r.bad)
			return KODO_OK;
		out->n += llabs(now_us - e->at_us) < REST_US;
	}
	return KODO_OK;
}

static enum kodo_err
list_put(struct txn *t, const struct list *l)
{
	struct buf b = BUF_INIT(0);
	unsigned i, k;
	enum kodo_err err;

	for (i = 0; i < l->n; i++) {
		buf_put_u32(&b, l->entries[i].peer);
		buf_put_u32(&b, l->entries[i].turns);
		buf_put_u64(&b, (uint64_t)l->entries[i].at_us);
		for (k = 0; k < IDENTITIES_MAX; k++)
			buf_put_u64(&b, l->entries[i].identities[k]);
	}
	err = buf_failed(&b) ? b.err : meta_put(t, META_IDENTITIES, buf_str(&b));
	buf_free(&b);
	return err;
}

static struct entry *
entry_find(struct list *l, uint32_t peer)
{
	unsigned i;

	for (i = 0; i < l->n; i++)
		if (l->entries[i].peer == peer)
			return &l->entries[i];
	return NULL;
}

static struct entry *
entry_add(struct list *l, uint32_t peer)
{
	struct entry *e = &l->entries[0];
	unsigned i;

	for (i = 1; i < l->n; i++)
		if (l->entries[i].at_us < e->at_us)
			e = &l->entries[i];
	if (l->n < ENTRIES_MAX)
		e = &l->entries[l->n++];
	*e = (struct entry){ .peer = peer };
	return e;
}

static uint64_t
identity_of(uint64_t epoch, struct str organization)
{
	return epoch != 0 ? epoch : hash_text(HASH_STORED, organization);
}

/* It comes first; the others move up to where it was. true: it was there. */
static bool
identity_to_front(struct entry *e, uint64_t identity)
{
	unsigned i = 0, at;
	bool found;

	while (i < IDENTITIES_MAX - 1 && e->identities[i] != identity)
		i++;
	found = e->identities[i] == identity;
	for (at = i; at > 0; at--)
		e->identities[at] = e->identities[at - 1];
	e->identities[0] = identity;
	return found;
}

enum kodo_err
identity_note(struct change *ch, const struct peer *p, const struct wire_body *b)
{
	const uint64_t identity = identity_of(b->epoch, b->from.organization);
	/* of a target that only answers nothing is known before */
	const bool is_first = p->in.at_us == 0;
	const uint64_t before = is_first ? identity : identity_of(p->in.epoch, p->organization);
	struct list l;
	struct entry *e;
	enum kodo_err err = list_get(ch->t, ch->now_us, &l);

	if (err != KODO_OK)
		return err;
	e = entry_find(&l, p->id);
	if (e == NULL && identity == before && !(is_first && peer_is_live_target(p)))
		return KODO_OK;
	if (e == NULL) {
		e = entry_add(&l, p->id);
		e->identities[0] = before;
	} else if (e->identities[0] == identity) {
		return KODO_OK;
	}
	e->at_us = ch->now_us;
	if (e->identities[0] != identity && identity_to_front(e, identity) &&
	    ++e->turns == TURNS_MIN)
		log_warning("two services speak under one url, %.*s: give each its own",
		    STR_ARG(p->url));
	return list_put(ch->t, &l);
}

enum kodo_err
identity_is_shared(struct txn *t, uint32_t peer, int64_t now_us, bool *out)
{
	struct list l;
	const struct entry *e;
	enum kodo_err err = list_get(t, now_us, &l);

	*out = false;
	if (err != KODO_OK)
		return err;
	e = entry_find(&l, peer);
	*out = e != NULL && e->turns >= TURNS_MIN;
	return KODO_OK;
}
