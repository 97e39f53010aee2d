#include <stddef.h>

#include "core/base/limit.h"
#include "core/records/codec.h"
#include "core/records/peer_private.h"
#include "core/records/url_ids.h"

void
peer_init(struct peer *p, struct head *h, struct str url, struct str key)
{
	*p = (struct peer){ .id = (uint32_t)h->next_peer++, .url = url, .key = key };
}

const struct peer_dialect *
peer_dialect(const struct peer *p)
{
	static const struct peer_dialect
	    kodo = { .has_versions = true, .takes_chunks = true, .hears_itself = true },
	    legacy = { .has_versions = false, .takes_chunks = false, .hears_itself = false };

	return (p->flags & PEER_KODO) != 0 ? &kodo : &legacy;
}

bool
peer_has_work(const struct peer *p)
{
	int i;

	for (i = 0; i < WORK_MAX; i++)
		if (p->out.work[i] != 0)
			return true;
	return false;
}

bool
peer_is_stranger(const struct peer *p)
{
	return (p->flags & (PEER_TARGET | PEER_PROVEN)) == 0 && p->out.work[WORK_LEAVE] == 0;
}

bool
peer_is_watched(const struct peer *p)
{
	return (p->flags & PEER_PROVIDER) != 0 ||
	    ((p->flags & PEER_TO_ASK) != 0 && p->liveness.silent_us != 0);
}

bool
peer_is_live_target(const struct peer *p)
{
	return (p->flags & (PEER_TARGET | PEER_LEFT)) == PEER_TARGET;
}

int64_t
peer_time_on(int64_t was_us, int64_t now_us)
{
	return was_us > now_us && was_us - now_us <= LIMIT_VERSION_AHEAD_US ? was_us : now_us;
}

int64_t
peer_backoff_us(uint32_t failures, int64_t max_us)
{
	int64_t wait = PEER_BACKOFF_US;
	uint32_t i;

	for (i = 1; i < failures && wait < max_us; i++)
		wait *= 2;
	return wait < max_us ? wait : max_us;
}

int64_t
peer_pause_us(const struct peer *p, bool is_refused)
{
	if (p->out.failures >= PEER_SHORT_TRIES)
		return PEER_PAUSE_US;
	if (is_refused || (!peer_is_subscriber(p) && p->out.work[WORK_LEAVE] == 0))
		return PEER_LONG_PAUSE_US;
	return PEER_SHORT_PAUSE_US;
}

bool
peer_is_idle(const struct peer *p)
{
	return p->id != PEER_SELF && !peer_has_work(p) &&
	    (p->flags & (PEER_TARGET | PEER_PROVIDER | PEER_TO_ASK | PEER_IMPORT)) == 0;
}

bool
peer_is_subscriber(const struct peer *p)
{
	if ((p->flags & PEER_PROVIDER) == 0)
		return peer_is_live_target(p);
	return (p->flags & (PEER_FEED | PEER_DROPPED)) == PEER_FEED ||
	    (peer_is_live_target(p) && (p->flags & PEER_REGISTRY) != 0);
}

/*
 * The fields of a record, in the order in which they are stored; texts come last but for a rest,
 * which is there where it is not 0, and which former builds pass over.
 */
static const struct record_field fields[] = {
#define FIELD(type, member) { type, offsetof(struct peer, member) }
	FIELD(FIELD_U32, flags),
	FIELD(FIELD_U32, out.attempts),
	FIELD(FIELD_U32, out.ceiling_bytes),
	FIELD(FIELD_U32, out.successes),
	FIELD(FIELD_U32, resync.n),
	FIELD(FIELD_U64, order),
	FIELD(FIELD_U64, in.list),
	FIELD(FIELD_U64, in.list_order),
	FIELD(FIELD_U64, out.list),
	FIELD(FIELD_U64, out.pos),
	FIELD(FIELD_U64, out.gone_pos),
	FIELD(FIELD_U64, in.epoch),
	FIELD(FIELD_U64, in.sequence),
	FIELD(FIELD_U64, in.connect_sequence),
	FIELD(FIELD_U64, in.former_epoch),
	FIELD(FIELD_TIME, in.older_us),
	FIELD(FIELD_TIME, in.skew_us),
	FIELD(FIELD_U64, chunk.id),
	FIELD(FIELD_U32, chunk.node),
	FIELD(FIELD_U32, chunk.next),
	FIELD(FIELD_U32, chunk.tries),
	FIELD(FIELD_U64, holds.nodes),
	FIELD(FIELD_U64, holds.flows),
	FIELD(FIELD_U64, holds.bytes),
	FIELD(FIELD_TIME, created_us),
	FIELD(FIELD_TIME, modified_us),
	FIELD(FIELD_TIME, in.registered_us),
	FIELD(FIELD_TIME, out.connected_us),
	FIELD(FIELD_TIME, in.at_us),
	FIELD(FIELD_TIME, out.at_us),
	FIELD(FIELD_TIME, out.failed_us),
	FIELD(FIELD_U64, out.failures),
	FIELD(FIELD_TIME, out.due_us),
	FIELD(FIELD_TIME, out.check_us),
	FIELD(FIELD_TIME, resync.at_us),
	FIELD(FIELD_TIME, trust.since_us),
	FIELD(FIELD_TIME, trust.proved_us),
	FIELD(FIELD_TIME, trust.asked_us),
	FIELD(FIELD_TIME, trust.refused_us),
	FIELD(FIELD_TIME, liveness.due_us),
	FIELD(FIELD_TIME, liveness.silent_us),
	FIELD(FIELD_TIME, liveness.fell_us),
	FIELD(FIELD_U64, liveness.shown_us),
	FIELD(FIELD_U32, liveness.tries),
	FIELD(FIELD_U64, out.work[WORK_PROVE]),
	FIELD(FIELD_U64, out.tried[WORK_PROVE]),
	FIELD(FIELD_U64, out.work[WORK_LEAVE]),
	FIELD(FIELD_U64, out.tried[WORK_LEAVE]),
	FIELD(FIELD_U64, out.work[WORK_CONNECT]),
	FIELD(FIELD_U64, out.tried[WORK_CONNECT]),
	FIELD(FIELD_U64, out.work[WORK_RECONNECT]),
	FIELD(FIELD_U64, out.tried[WORK_RECONNECT]),
	FIELD(FIELD_U64, out.work[WORK_NOTIFY]),
	FIELD(FIELD_U64, out.tried[WORK_NOTIFY]),
	FIELD(FIELD_TEXT, url),
	FIELD(FIELD_TEXT, key),
	FIELD(FIELD_TEXT, alias),
	FIELD(FIELD_TEXT, organization),
	FIELD(FIELD_TEXT, in.address),
	FIELD(FIELD_TEXT, out.leave_urls),
	FIELD(FIELD_TEXT, out.acked_url),
	FIELD(FIELD_TEXT, out.error),
	FIELD(FIELD_TEXT, trust.key),
	FIELD(FIELD_TEXT, trust.addresses),
	FIELD(FIELD_REST, out.asked_us),
#undef FIELD
};

static void
peer_encode(struct buf *b, const struct peer *p)
{
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		field_write(b, &fields[i], p);
}

/* p is zeroed; its texts point into v. with_texts: else only what stands before them. */
static enum kodo_err
peer_read(struct str v, bool with_texts, struct peer *p)
{
	struct reader r = reader_of(v);
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (fields[i].type == FIELD_TEXT && !with_texts)
			break;
		field_read(&r, &fields[i], p);
	}
	return r.bad ? KODO_ECORRUPT : KODO_OK;
}

static enum kodo_err
peer_decode(struct arena *a, uint32_t id, struct str v, struct peer *p)
{
	enum kodo_err err;
	size_t i;

	memset(p, 0, sizeof(*p));
	p->id = id;
	err = peer_read(v, true, p);
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]) && err == KODO_OK; i++)
		if (fields[i].type == FIELD_TEXT) {
			struct str *text = (void *)((char *)p + fields[i].at);

			err = arena_str(a, *text, text);
		}
	peer_remember_due(p);
	p->filed.alias = p->alias;
	return err;
}

enum kodo_err
peer_get(struct txn *t, struct arena *a, uint32_t id, struct peer *out)
{
	unsigned char k[4];
	struct str v;
	enum kodo_err err = store_get(t, T_PEER, key_u32(k, id), &v);

	return err != KODO_OK ? err : peer_decode(a, id, v, out);
}

static enum kodo_err
get_stored(struct txn *t, uint32_t id, bool with_texts, struct peer *out)
{
	unsigned char k[4];
	struct str v;
	enum kodo_err err = store_get(t, T_PEER, key_u32(k, id), &v);

	*out = (struct peer){ .id = id };
	return err == KODO_OK ? peer_read(v, with_texts, out) : err;
}

enum kodo_err
peer_get_numbers(struct txn *t, uint32_t id, struct peer *out)
{
	return get_stored(t, id, false, out);
}

enum kodo_err
peer_get_mapped(struct txn *t, uint32_t id, struct peer *out)
{
	return get_stored(t, id, true, out);
}

enum kodo_err
peer_get_times(struct txn *t, uint32_t id, int64_t *created_us, int64_t *modified_us)
{
	struct peer p;
	enum kodo_err err = peer_get_numbers(t, id, &p);

	*created_us = p.created_us;
	*modified_us = p.modified_us;
	return err;
}

enum kodo_err
peer_find(struct txn *t, struct arena *a, struct str key, struct peer *out)
{
	uint32_t id;
	enum kodo_err err = id_find(t, T_PEER_URL, key, &id);

	return err != KODO_OK ? err : peer_get(t, a, id, out);
}

enum kodo_err
peer_next(struct txn *t, struct arena *a, uint32_t *id, struct peer *out)
{
	unsigned char kb[4];
	struct str k, v;
	enum kodo_err err;

	if (*id == PEER_SELF)
		*id = PEER_SELF + 1;
	err = scan_first(scan_from(t, T_PEER, key_u32(kb, *id), 0), &k, &v);
	if (err == KODO_OK)
		err = k.len == 4 && get_be32(k.p) != UINT32_MAX
		    ? peer_decode(a, get_be32(k.p), v, out)
		    : KODO_ECORRUPT;
	if (err == KODO_OK)
		*id = out->id + 1;
	return err;
}

/* --- places --- */

enum kodo_err
peer_place_put(struct txn *t, struct head *h, struct peer *p)
{
	unsigned char k[8], v[4];

	p->order = h->next_order++;
	return store_put(t, T_PROVIDER, key_u64(k, p->order), key_u32(v, p->id));
}

enum kodo_err
peer_place_del(struct txn *t, struct peer *p)
{
	unsigned char k[8];
	const uint64_t order = p->order;

	p->order = 0;
	return order == 0 ? KODO_OK : store_del(t, T_PROVIDER, key_u64(k, order));
}

/* p is found by that key, unless another peer is. */
static enum kodo_err
url_set(struct txn *t, const struct peer *p, struct str key)
{
	unsigned char k[4];
	struct str v;
	uint32_t id;
	enum kodo_err err = id_find(t, T_PEER_URL, key, &id);

	if (err == KODO_OK && id != p->id)
		err = store_get(t, T_PEER, key_u32(k, id), &v);
	return err == KODO_ENOTFOUND ? id_set(t, T_PEER_URL, key, p->id) : err;
}

static enum kodo_err
url_unset(struct txn *t, const struct peer *p, struct str key)
{
	uint32_t id;
	enum kodo_err err = id_find(t, T_PEER_URL, key, &id);

	if (err == KODO_OK && id == p->id)
		return id_set(t, T_PEER_URL, key, 0);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

enum kodo_err
peer_put(struct txn *t, struct peer *p)
{
	struct buf b = BUF_INIT(0);
	unsigned char k[4];
	enum kodo_err err;

	/*
	 * work goes before a digest check: a check that fell due earlier would have the work tried
	 * outside of its backoff, and a check in the past without end
	 */
	if (p->out.check_us != 0 && peer_has_work(p) && p->out.check_us <= p->out.due_us)
		p->out.check_us = p->out.due_us + 1;
	peer_encode(&b, p);
	err = buf_failed(&b) ? b.err : store_put(t, T_PEER, key_u32(k, p->id), buf_str(&b));
	buf_free(&b);
	if (err == KODO_OK && p->id != PEER_SELF)
		err = url_set(t, p, p->key);
	if (err == KODO_OK && p->filed.alias.p != NULL && !str_eq(p->filed.alias, p->alias))
		err = url_unset(t, p, p->filed.alias);
	if (err == KODO_OK && p->alias.p != NULL)
		err = url_set(t, p, p->alias);
	p->filed.alias = p->alias;
	return err == KODO_OK && p->id != PEER_SELF ? peer_index(t, p, false) : err;
}

enum kodo_err
peer_del(struct txn *t, struct peer *p)
{
	unsigned char k[4];
	enum kodo_err err = store_del(t, T_PEER, key_u32(k, p->id));

	if (err == KODO_OK)
		err = url_unset(t, p, p->key);
	if (err == KODO_OK && p->filed.alias.p != NULL)
		err = url_unset(t, p, p->filed.alias);
	return err == KODO_OK ? peer_index(t, p, true) : err;
}
