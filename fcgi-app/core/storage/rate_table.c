#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/isotime.h"
#include "core/base/log.h"
#include "core/storage/rate_table.h"

#define MAGIC		UINT64_C(0x6b6f646f72617401)	/* with the version of the layout */
#define SETS		8192u
#define WAYS		8u		/* of a set, a line of the processor's cache */
#define TICK_US		25
#define MINUTE		((uint64_t)60 * 1000000 / TICK_US)
#define AGAIN_MS	10000		/* until a file that could not be opened is tried again */
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

/* --- the file --- */

/* One that another process has put there meanwhile stays: it may be in use. */
static enum kodo_err
file_make(const char *path, mode_t mode)
{
	struct rate_file *f = calloc(1, sizeof(*f));
	char made[PATH_BYTES + 32];
	int saved;
	enum kodo_err err;

	if (f == NULL)
		return KODO_ENOMEM;
	f->magic = MAGIC;
	arc4random_buf(&f->key, sizeof(f->key));
	f->since_s = (uint64_t)(isotime_now_us() / 1000000);
	/* written whole, so that no page of it is missing on the disk later */
	snprintf(made, sizeof(made), "%s.%ld", path, (long)getpid());
	err = path_replace_text(made, mode, (struct str){ (const char *)f, sizeof(*f) });
	free(f);
	if (err != KODO_OK)
		return err;
	if (link(made, path) != 0 && errno != EEXIST)
		err = path_errno(errno);
	saved = errno;
	unlink(made);
	errno = saved;
	return err;
}

/* Is the file still in its folder, and whole? Reading beyond its end would be SIGBUS. */
static bool
is_whole(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink > 0 &&
	    st.st_size == (off_t)sizeof(struct rate_file);
}

/* KODO_ENOTFOUND: there is none. KODO_ECORRUPT: it has another size or begin. KODO_EIO. */
static enum kodo_err
file_open(const char *path, int flags, int *fd)
{
	uint64_t magic = 0;

	*fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*fd == -1)
		return errno == ENOENT ? KODO_ENOTFOUND : errno == ELOOP ? KODO_ECORRUPT : KODO_EIO;
	if (is_whole(*fd) && pread(*fd, &magic, sizeof(magic), 0) == sizeof(magic) &&
	    magic == MAGIC)
		return KODO_OK;
	close(*fd);
	*fd = -1;
	return KODO_ECORRUPT;
}

void
rate_table_close(struct rate_table *t)
{
	if (t->map != NULL)
		munmap(t->map, sizeof(*t->map));
	if (t->fd != -1)
		close(t->fd);
	t->map = NULL;
	t->fd = -1;
}

static enum kodo_err
table_map(struct rate_table *t, const struct state *s)
{
	char path[PATH_BYTES];
	void *map;
	enum kodo_err err = state_file(s, RATE_TABLE_FILE, path);

	if (err != KODO_OK)
		return err;
	err = file_open(path, O_RDWR, &t->fd);
	if (err == KODO_ECORRUPT)
		unlink(path);
	if (err == KODO_ENOTFOUND || err == KODO_ECORRUPT) {
		err = file_make(path, s->file_mode);
		if (err == KODO_OK)
			err = file_open(path, O_RDWR, &t->fd);
	}
	if (err != KODO_OK)
		return err;
	map = mmap(NULL, sizeof(*t->map), PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
	if (map == MAP_FAILED)
		return KODO_ENOMEM;
	t->map = map;
	return KODO_OK;
}

/* Is there a table to be used now? Another process may have replaced the file. */
static bool
table_is_ready(struct rate_table *t, const struct state *s)
{
	struct why why = { "" };
	enum kodo_err err;

	if (t->map != NULL && is_whole(t->fd) && t->map->magic == MAGIC)
		return true;
	rate_table_close(t);
	if (t->tried_ms != 0 && clock_mono_ms() - t->tried_ms < AGAIN_MS)
		return false;
	errno = 0;
	err = table_map(t, s);
	if (err == KODO_OK) {
		t->tried_ms = 0;
		t->complaint.text[0] = '\0';
		return true;
	}
	why_set(&why, err, "%s/%s cannot be used (%s), so no rate is limited: remove it, or see "
	    "`kodo check`", s->path, RATE_TABLE_FILE,
	    errno != 0 ? strerror(errno) : kodo_err_text(err));
	log_complain(&t->complaint, &why, err);
	rate_table_close(t);
	t->tried_ms = clock_mono_ms();
	return false;
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
	unsigned i;

	if (!table_is_ready(t, s))
		return v;
	hash = hash_text(t->map->key, key);
	tag = hash >> TAG_SHIFT;
	tag = tag == 0 ? 1 : tag;
	for (i = 0; i < TRIES; i++) {
		now = (uint64_t)clock_mono_us() / TICK_US & TIME_MASK;
		bucket = bucket_find(t->map->sets[hash % SETS], tag, now, &word);
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
	uint64_t halves[2];

	if (t->map == NULL)
		return;
	memcpy(halves, address, sizeof(halves));
	atomic_fetch_add_explicit(&t->map->n_refused, 1, memory_order_relaxed);
	atomic_store_explicit(&t->map->last_s, (uint64_t)now_us / 1000000, memory_order_relaxed);
	atomic_store_explicit(&t->map->last[0], halves[0], memory_order_relaxed);
	atomic_store_explicit(&t->map->last[1], halves[1], memory_order_relaxed);
}

enum kodo_err
rate_table_report(const struct state *s, struct rate_report *out)
{
	struct rate_file head;
	char path[PATH_BYTES];
	uint64_t halves[2];
	ssize_t n;
	int fd;
	enum kodo_err err = state_file(s, RATE_TABLE_FILE, path);

	*out = (struct rate_report){ 0 };
	if (err == KODO_OK)
		err = file_open(path, O_RDONLY, &fd);
	if (err != KODO_OK)
		return err;
	n = pread(fd, &head, offsetof(struct rate_file, sets), 0);
	close(fd);
	if (n != (ssize_t)offsetof(struct rate_file, sets))
		return KODO_EIO;
	out->n = head.n_refused;
	out->since_s = (int64_t)head.since_s;
	out->last_s = (int64_t)head.last_s;
	halves[0] = head.last[0];
	halves[1] = head.last[1];
	memcpy(&out->last, halves, sizeof(out->last));
	return KODO_OK;
}
