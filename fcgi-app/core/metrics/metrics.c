#include <stdatomic.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/metrics/metrics.h"
#include "core/storage/shared_file.h"

#define MAGIC		UINT64_C(0x6b6f646f6d657401)	/* with the version of the layout */
#define PROBES		64u	/* slots that are looked at for a counter */
#define NAME_BYTES	256u

/* The key of a slot is the hash of a counter's name, 0: it is free. It is set once and stays. */
struct slot {
	_Atomic uint64_t key, value;
};

struct metrics_file {
	uint64_t magic, unused;
	struct slot slots[METRICS_SLOTS];
};

static const struct shared_file_kind kind = { METRICS_FILE, MAGIC, sizeof(struct metrics_file),
	"so nothing is counted", NULL };

static struct {
	const struct state *state;
	struct shared_file file;
} metrics = { NULL, SHARED_FILE_INIT };

const int64_t metrics_bounds_us[METRICS_BUCKETS - 1] = {
	250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000,
	5000000, 10000000,
};

void
metrics_use(const struct state *s)
{
	shared_file_close(&metrics.file, &kind);
	metrics.file = (struct shared_file)SHARED_FILE_INIT;
	metrics.state = s;
}

bool
metrics_are_ready(void)
{
	return metrics.state != NULL && !metrics.state->is_read_only &&
	    shared_file_is_ready(&metrics.file, metrics.state, &kind);
}

/* As of metrics_are_ready; NULL: there are none. */
static struct slot *
slots_known(void)
{
	struct metrics_file *f = metrics.file.map;

	return f == NULL ? NULL : f->slots;
}

static struct slot *
slots_ready(void)
{
	return metrics_are_ready() ? slots_known() : NULL;
}

struct name {
	size_t len;
	char text[NAME_BYTES];
};

/* A NUL is in no label. What is too long counts for what begins so. */
static void
name_add(struct name *n, const char *text)
{
	size_t len = strlen(text) + 1;

	if (len > sizeof(n->text) - n->len)
		len = sizeof(n->text) - n->len;
	memcpy(n->text + n->len, text, len);
	n->len += len;
}

static void
name_set(struct name *n, const struct metric *m)
{
	unsigned i;

	n->len = 0;
	name_add(n, m->family);
	for (i = 0; i < METRICS_LABELS && m->labels[i] != NULL; i++)
		name_add(n, m->labels[i]);
}

static uint64_t
key_of(const struct metric *m)
{
	struct name n;

	name_set(&n, m);
	return hash_text(HASH_STORED, (struct str){ n.text, n.len });
}

/* That of a part of a histogram. */
static uint64_t
key_of_part(uint64_t key, unsigned part)
{
	return key + part * UINT64_C(0x9e3779b97f4a7c15);
}

/* NULL: it is in no slot, and with make there is none for it. */
static _Atomic uint64_t *
value_of(struct slot *slots, uint64_t key, bool make)
{
	unsigned i;

	key = key == 0 ? 1 : key;
	for (i = 0; i < PROBES; i++) {
		struct slot *s = &slots[(key + i) % METRICS_SLOTS];
		uint64_t there = atomic_load_explicit(&s->key, memory_order_relaxed);

		if (there == 0 && !make)
			return NULL;
		/* another process may take the slot meanwhile, perhaps for the same counter */
		if (there == 0 && atomic_compare_exchange_strong(&s->key, &there, key))
			return &s->value;
		if (there == key)
			return &s->value;
	}
	return NULL;
}

static void
add(struct slot *slots, uint64_t key, uint64_t n)
{
	_Atomic uint64_t *value = value_of(slots, key, true);

	if (value != NULL)
		atomic_fetch_add_explicit(value, n, memory_order_relaxed);
}

static uint64_t
get(struct slot *slots, uint64_t key)
{
	_Atomic uint64_t *value = value_of(slots, key, false);

	return value == NULL ? 0 : atomic_load_explicit(value, memory_order_relaxed);
}

/* A bucket of a histogram is part 1 and following, the sum the part behind them. */
static void
add_time(struct slot *slots, uint64_t key, uint64_t us)
{
	unsigned i = 0;

	while (i < METRICS_BUCKETS - 1 && us > (uint64_t)metrics_bounds_us[i])
		i++;
	add(slots, key_of_part(key, METRICS_BUCKETS + 1), us);
	add(slots, key_of_part(key, i + 1), 1);
}

void
metrics_count(const struct metric_count *counts, size_t n)
{
	struct slot *slots = slots_ready();
	size_t i;

	for (i = 0; i < n && slots != NULL; i++) {
		const uint64_t key = key_of(&counts[i].metric);

		if (counts[i].is_time)
			add_time(slots, key, counts[i].n);
		else
			add(slots, key, counts[i].n);
	}
}

void
metrics_add(const struct metric *m, uint64_t n)
{
	const struct metric_count one = { *m, false, n };

	metrics_count(&one, 1);
}

uint64_t
metrics_get(const struct metric *m)
{
	struct slot *slots = slots_known();

	return slots == NULL ? 0 : get(slots, key_of(m));
}

bool
metrics_get_times(const struct metric *m, struct metrics_histogram *out)
{
	struct slot *slots = slots_known();
	const uint64_t key = key_of(m);
	unsigned i;

	*out = (struct metrics_histogram){ .count = 0 };
	if (slots == NULL)
		return false;
	/* the sum comes first and is never missing where there is a time */
	if (value_of(slots, key_of_part(key, METRICS_BUCKETS + 1), false) == NULL)
		return false;
	for (i = 0; i < METRICS_BUCKETS; i++) {
		out->buckets[i] = get(slots, key_of_part(key, i + 1));
		out->count += out->buckets[i];
	}
	out->sum_us = get(slots, key_of_part(key, METRICS_BUCKETS + 1));
	return out->count > 0;
}

void
metrics_note(const char *name, uint64_t n)
{
	const struct metric m = { "note", { name } };
	struct slot *slots = slots_ready();
	_Atomic uint64_t *value;

	if (slots == NULL)
		return;
	value = value_of(slots, key_of(&m), true);
	if (value != NULL)
		atomic_store_explicit(value, n, memory_order_relaxed);
}

uint64_t
metrics_noted(const char *name)
{
	const struct metric m = { "note", { name } };

	return metrics_get(&m);
}
