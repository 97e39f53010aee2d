#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/isotime.h"
#include "core/storage/rate_table.h"

#define MAGIC		UINT64_C(0x6b6f646f72617401)	/* with the version of the layout */
#define SETS		8192u
#define WAYS		8u		/* of a set, a line of the processor's cache */
#define TICK_US		25
#define MINUTE		((uint64_t)60 * 1000000 / TICK_US)
#define TRIES		16u		/* each one lost was won by another process */

/*
 * A bucket: 23 bits of the hash of its key, a bit for `is limited, which was logged`, and 40 bits
 * of monotonic time: when the bucket is full again (the theoretical arrival time of the generic
 * cell rate algorithm). It wraps round in 318 days; a time that no bucket of today can have is of
 * another boot, or damaged, and counts as full.
 */
#define TIME_MASK	((UINT64_C(1) << 40) - 1)
#define LIMITED		(UINT64_C(1) << 40)
#define TAG_SHIFT	41u

struct rate_file {
	uint64_t magic;
	struct hash_key key;	/* random: nobody can tell who shares a set with whom */
	uint64_t since_s;
	_Atomic uint64_t n_refused;
	_Atomic uint64_t last_s;
	_Atomic uint64_t last[2];	/* an address; both halves may be of different requests */
	_Atomic uint64_t sets[SETS][WAYS];
};

static void
fill(void *begin)
{
	struct rate_file *f = begin;

	arc4random_buf(&f->key, sizeof(f->key));
	f->since_s = (uint64_t)(isotime_now_us() / 1000000);
}

static const struct shared_file_kind kind = { RATE_TABLE_FILE, MAGIC, sizeof(struct rate_file),
	"so no rate is limited", fill };

void
rate_table_close(struct rate_table *t)
{
	shared_file_close(&t->file, &kind);
}

/* --- buckets --- */

/* How many ticks a bucket lacks now, at most those of a minute. */
static uint64_t
lack_of(uint64_t word, uint64_t now)
{
	const uint64_t lack = (word - now) & TIME_MASK;

	return lack > MINUTE ? 0 : lack;
}

/* The bucket of that tag; else the fullest one of its set. */
static _Atomic uint64_t *
bucket_find(_Atomic uint64_t set[WAYS], uint64_t tag, uint64_t now, uint64_t *word)
{
	uint64_t least = UINT64_MAX, fullest = 0;
	unsigned i, at = 0;

	for (i = 0; i < WAYS; i++) {
		*word = atomic_load_explicit(&set[i], memory_order_relaxed);
		if (*word >> TAG_SHIFT == tag)
			return &set[i];
		if (lack_of(*word, now) < least) {
			least = lack_of(*word, now);
			fullest = *word;
			at = i;
		}
	}
	*word = fullest;
	return &set[at];
}

struct rate_verdict
rate_table_take(struct rate_table *t, const struct state *s, struct str key, unsigned per_minute)
{
	const uint64_t step = MINUTE / per_minute;
	struct rate_verdict v = { .wait_s = 0 };
	_Atomic uint64_t *bucket;
	uint64_t hash, tag, now, word, lack, is_limited;
	struct rate_file *f;
	unsigned i;

	if (!shared_file_is_ready(&t->file, s, &kind))
		return v;
	f = t->file.map;
	hash = hash_text(f->key, key);
	tag = hash >> TAG_SHIFT;
	tag = tag == 0 ? 1 : tag;
	for (i = 0; i < TRIES; i++) {
		now = (uint64_t)clock_mono_us() / TICK_US & TIME_MASK;
		bucket = bucket_find(f->sets[hash % SETS], tag, now, &word);
		lack = word >> TAG_SHIFT == tag ? lack_of(word, now) : 0;
		is_limited = lack > MINUTE / 2 && word >> TAG_SHIFT == tag ? word & LIMITED : 0;
		v = (struct rate_verdict){ 0 };
		if (lack + step > MINUTE) {
			v.wait_s = (unsigned)((lack + step - MINUTE) * TICK_US / 1000000) + 1;
			v.begins = is_limited == 0;
			if (!v.begins)
				return v;
			is_limited = LIMITED;
		} else {
			lack += step;
		}
		if (atomic_compare_exchange_weak(bucket, &word,
			tag << TAG_SHIFT | is_limited | ((now + lack) & TIME_MASK)))
			return v;
	}
	return (struct rate_verdict){ 0 };
}

/* --- the report --- */

void
rate_table_note(struct rate_table *t, const struct in6_addr *address, int64_t now_us)
{
	struct rate_file *f = t->file.map;
	uint64_t halves[2];

	if (f == NULL)
		return;
	memcpy(halves, address, sizeof(halves));
	atomic_fetch_add_explicit(&f->n_refused, 1, memory_order_relaxed);
	atomic_store_explicit(&f->last_s, (uint64_t)now_us / 1000000, memory_order_relaxed);
	atomic_store_explicit(&f->last[0], halves[0], memory_order_relaxed);
	atomic_store_explicit(&f->last[1], halves[1], memory_order_relaxed);
}

enum kodo_err
rate_table_report(const struct state *s, struct rate_report *out)
{
	struct rate_file head;
	uint64_t halves[2];
	enum kodo_err err =
	    shared_file_read(s, &kind, &head, offsetof(struct rate_file, sets));

	*out = (struct rate_report){ 0 };
	if (err != KODO_OK)
		return err;
	out->n = head.n_refused;
	out->since_s = (int64_t)head.since_s;
	out->last_s = (int64_t)head.last_s;
	halves[0] = head.last[0];
	halves[1] = head.last[1];
	memcpy(&out->last, halves, sizeof(out->last));
	return KODO_OK;
}
