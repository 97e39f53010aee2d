/*
 * usage: replay LOG [--clock SECONDS] [--batch N] [--litter]
 *
 * Makes again what the simulator wrote with --log: each state from its entries alone. After every
 * entry its result and the digest of the state must be what they were there. Prints how many
 * entries that were; exit status 1 at the first difference.
 *
 * What must not matter: --clock: the clocks of this process are set apart by so much. --batch: up
 * to N entries of a state in one transaction; digests are compared after it. --litter: the file has
 * other pages, as other things are written in between. Keys of hashes differ in each process, and
 * so may allocators (MALLOC_PERTURB_ and other variables of malloc).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/cluster/apply.h"
#include "core/cluster/entry_private.h"
#include "tests/mesh/entry_log.h"

#define SERVICES	256u
#define BATCH_MAX	64u
#define LITTER_BYTES	700u

struct service {
	struct registry *r;
	char dir[128];
	/* read, and not yet applied */
	struct str entries[BATCH_MAX], wanted[BATCH_MAX];
	char digest[STATE_DIGEST_SIZE];
	unsigned n;
};

static struct service services[SERVICES];
static struct arena *arena;	/* of what waits */
static char scratch[64];
static unsigned batch = 1;
static bool is_littered;
static uint64_t revision, n_entries, n_read;
static long ahead_s;

/* The program's own, in place of that of the library. */
int
clock_gettime(clockid_t id, struct timespec *ts)
{
	const int rc = (int)syscall(SYS_clock_gettime, id, ts);

	ts->tv_sec += ahead_s;
	return rc;
}

static void
fail(const char *what, unsigned service)
{
	printf("FAILED: %s, service %u, record %llu\n", what, service,
	    (unsigned long long)n_read);
	exit(1);
}

/* Of which kind the entry is, and its two results. */
static void
result_fail(const struct service *s, unsigned k, struct str result, unsigned i)
{
	const struct str sides[] = { s->wanted[k], result };
	struct entry_head h;
	size_t side, at;

	if (entry_head_read(s->entries[k], &h) == KODO_OK)
		printf("kind %d\n", (int)h.kind);
	for (side = 0; side < 2; side++) {
		for (at = 0; at < sides[side].len; at++)
			printf("%02x ", (unsigned char)sides[side].p[at]);
		printf("\n");
	}
	fail("another result", i);
}

static void
path_of(const struct service *s, const char *name, char out[192])
{
	snprintf(out, 192, "%s/%s", s->dir, name);
}

static void
replica_open(struct service *s, unsigned i)
{
	struct why why = { "" };

	snprintf(s->dir, sizeof(s->dir), "%s/s%u", scratch, i);
	if (registry_open(str_of(s->dir), STORE_MAKE, &why, &s->r) != KODO_OK) {
		printf("%s\n", why.text);
		fail("cannot open", i);
	}
}

static void
replica_close(struct service *s)
{
	registry_close(s->r);
	s->r = NULL;
}

static void
replica_wipe(struct service *s)
{
	static const char *const names[] = { "data.mdb", "lock.mdb", "write.lock", "key", "copy" };
	char path[192];
	size_t i;

	replica_close(s);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_of(s, names[i], path);
		unlink(path);
	}
	rmdir(s->dir);
}

static void
file_copy(struct service *s, const char *from, const char *to, unsigned i)
{
	char in_path[192], out_path[192], block[65536];
	FILE *in, *out;
	size_t n;

	replica_close(s);
	path_of(s, from, in_path);
	path_of(s, to, out_path);
	in = fopen(in_path, "rb");
	out = fopen(out_path, "wb");
	if (in == NULL || out == NULL)
		fail("cannot copy", i);
	while ((n = fread(block, 1, sizeof(block), in)) > 0)
		if (fwrite(block, 1, n, out) != n)
			fail("cannot copy", i);
	fclose(in);
	if (fclose(out) != 0)
		fail("cannot copy", i);
}

/* Pages are taken and given back, in a table that is of one machine alone. */
static enum kodo_err
litter_fn(struct txn *t, void *arg)
{
	static const char text[LITTER_BYTES];
	unsigned char key[8];
	unsigned i;
	enum kodo_err err = KODO_OK;

	(void)arg;
	for (i = 0; i < 1 + n_entries % 7 && err == KODO_OK; i++)
		err = store_put(t, T_PROBE_HOST, key_u64(key, n_entries * 8 + i),
		    (struct str){ text, LITTER_BYTES - n_entries % 300 });
	return err == KODO_OK ? store_del(t, T_PROBE_HOST, key_u64(key, n_entries / 2 * 8)) : err;
}

static void
digest_compare(struct service *s, unsigned i)
{
	char digest[STATE_DIGEST_SIZE];
	struct txn t;

	if (store_begin(registry_store(s->r), STORE_READ, &t) != KODO_OK ||
	    store_end(&t, state_digest(&t, digest)) != KODO_OK)
		fail("no digest", i);
	if (strcmp(digest, s->digest) != 0)
		fail("another digest", i);
}

static void
batch_apply(unsigned i)
{
	struct service *s = &services[i];
	struct str results[BATCH_MAX];
	struct arena *a = arena_new();
	unsigned k;

	if (s->n == 0 || a == NULL) {
		arena_free(a);
		return;
	}
	if (s->r == NULL)
		replica_open(s, i);
	if (is_littered && store_write(registry_store(s->r), litter_fn, NULL) != KODO_OK)
		fail("cannot litter", i);
	if (cluster_apply(s->r, a, ++revision, s->entries, s->n, results) != KODO_OK)
		fail("not applied", i);
	for (k = 0; k < s->n; k++)
		if (!str_eq(results[k], s->wanted[k]))
			result_fail(s, k, results[k], i);
	digest_compare(s, i);
	n_entries += s->n;
	s->n = 0;
	arena_free(a);
}

static void
entry_take(FILE *log, const struct entry_record *rec)
{
	struct service *s = &services[rec->service];
	char *text = arena_alloc(arena, (size_t)rec->n_entry + rec->n_result);

	if (text == NULL || fread(text, 1, (size_t)rec->n_entry + rec->n_result, log) !=
	    (size_t)rec->n_entry + rec->n_result)
		fail("the log ends within an entry", rec->service);
	s->entries[s->n] = (struct str){ text, rec->n_entry };
	s->wanted[s->n++] = (struct str){ text + rec->n_entry, rec->n_result };
	memcpy(s->digest, rec->digest, sizeof(s->digest));
	/* not always as many */
	if (s->n == 1 + n_read % batch || s->n == BATCH_MAX)
		batch_apply(rec->service);
}

static void
record_take(FILE *log, const struct entry_record *rec)
{
	struct service *s = &services[rec->service];

	if (rec->mark == MARK_ENTRY) {
		entry_take(log, rec);
		return;
	}
	batch_apply(rec->service);
	if (rec->mark == MARK_COPIED)
		file_copy(s, "data.mdb", "copy", rec->service);
	else if (rec->mark == MARK_RESTORED)
		file_copy(s, "copy", "data.mdb", rec->service);
	else if (s->dir[0] != '\0')
		replica_wipe(s);
}

static bool
any_waits(void)
{
	unsigned i;

	for (i = 0; i < SERVICES; i++)
		if (services[i].n > 0)
			return true;
	return false;
}

static void
arguments_read(int argc, char **argv)
{
	int i;

	for (i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--litter") == 0)
			is_littered = true;
		else if (strcmp(argv[i], "--clock") == 0 && i + 1 < argc)
			ahead_s = strtol(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--batch") == 0 && i + 1 < argc)
			batch = (unsigned)strtoul(argv[++i], NULL, 10);
	}
	if (batch == 0 || batch > BATCH_MAX)
		batch = BATCH_MAX;
}

int
main(int argc, char **argv)
{
	struct entry_record rec;
	FILE *log = argc > 1 ? fopen(argv[1], "rb") : NULL;
	unsigned i;

	if (log == NULL) {
		fprintf(stderr, "usage: see the head of replay.c\n");
		return 2;
	}
	arguments_read(argc, argv);
	snprintf(scratch, sizeof(scratch), "%s/kodo-replay-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	arena = arena_new();
	if (mkdtemp(scratch) == NULL || arena == NULL)
		fail("no scratch folder", 0);
	log_setup(STR("replay"), LOG_OFF, STR_NULL, LOG_OFF, 0);
	for (; fread(&rec, sizeof(rec), 1, log) == 1; n_read++) {
		record_take(log, &rec);
		if (!any_waits())
			arena_reset(arena);
	}
	for (i = 0; i < SERVICES; i++) {
		batch_apply(i);
		if (services[i].dir[0] != '\0')
			replica_wipe(&services[i]);
	}
	rmdir(scratch);
	arena_free(arena);
	fclose(log);
	printf("%llu entries\n", (unsigned long long)n_entries);
	return 0;
}
