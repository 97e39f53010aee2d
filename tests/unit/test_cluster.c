/* Entries and their application, beside what KODO_TEST_TWIN does with all other tests. */
#include <fcntl.h>
#include <sys/stat.h>

#include "core/cluster/entry_private.h"
#include "core/cluster/poison.h"
#include "core/cluster/snapshot.h"
#include "core/registry/registry_private.h"
#include "core/registry/requests.h"
#include "registry_help.h"

#define PROVIDER "http://p:1"

/* Write the entry of a change instead of making it. */
static enum kodo_err
write_only(void *arg, struct change_run *run)
{
	must(entry_write(arg, run, UINT64_MAX));
	return KODO_ENOTFOUND;
}

/* The entry of a connect of that url with a node, as of that time. */
static struct str
connect_entry(struct fixture *f, const char *url, int64_t at_us)
{
	struct buf out = BUF_INIT(0);
	struct receipt in;
	struct str entry;
	struct wire_body b = body_of(f, url, false,
	    arena_printf(f->a, "[%s]", node_json(f, url, "N", 2)), NULL);

	registry_submit_by(f->r, write_only, &out);
	must(registry_connect(f->r, &b, at_us, &in));
	registry_submit_by(f->r, NULL, NULL);
	must(arena_str(f->a, buf_str(&out), &entry));
	buf_free(&out);
	return entry;
}

/* The one of an update by nobody: it is refused. */
static struct str
stranger_entry(struct fixture *f)
{
	struct buf out = BUF_INIT(0);
	struct receipt in;
	struct str entry;
	struct wire_body b = body_of(f, "http://nobody:1", false, "[]", NULL);

	registry_submit_by(f->r, write_only, &out);
	must(registry_update(f->r, &b, f->now_us, &in));
	registry_submit_by(f->r, NULL, NULL);
	must(arena_str(f->a, buf_str(&out), &entry));
	buf_free(&out);
	return entry;
}

static void
digest_of(struct fixture *f, char out[STATE_DIGEST_SIZE])
{
	twin_digest(f->r, out);
}

static void
start(struct fixture *f)
{
	fixture_options(f, "http://r:1", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
}

static enum kodo_err
apply(struct fixture *f, uint64_t revision, const struct str *entries, size_t n)
{
	struct str results[8];

	assert_true(n <= 8);
	return cluster_apply(f->r, f->a, revision, entries, n, results);
}

static uint64_t
applied(struct fixture *f)
{
	uint64_t revision;

	must(cluster_applied_now(f->r, &revision));
	return revision;
}

/* Once each, in order, all of a revision or nothing; what is refused leaves nothing behind. */
static void
a_revision_is_applied_once(void **state)
{
	struct fixture *f = *state;
	char before[STATE_DIGEST_SIZE], after[STATE_DIGEST_SIZE];
	struct str two[3], results[3];
	struct receipt in = { .known = false };
	struct change_post q = { .out = &in };
	struct change_run run = { .type = &change_connect, .r = f->r, .arg = &q };

	start(f);
	two[0] = connect_entry(f, PROVIDER, f->now_us);
	two[1] = stranger_entry(f);
	two[2] = connect_entry(f, "http://q:1", f->now_us);
	assert_int_equal(applied(f), 0);
	must(cluster_apply(f->r, f->a, 7, two, 3, results));
	assert_int_equal(applied(f), 7);
	assert_int_equal(total_of(f), 5);
	assert_int_equal(entry_result_read(results[0], &run), KODO_OK);
	assert_true(in.known && run.is_view_changed);
	run.type = &change_update;
	assert_int_equal(entry_result_read(results[1], &run), KODO_ENOTFOUND);
	assert_false(in.known);
	digest_of(f, before);
	assert_int_equal(apply(f, 7, two, 3), KODO_ECONFLICT);
	assert_int_equal(apply(f, 6, two, 1), KODO_ECONFLICT);
	must(apply(f, 9, NULL, 0));
	assert_int_equal(applied(f), 9);
	digest_of(f, after);
	assert_string_equal(before, after);
	must(cluster_forget(f->r));
	assert_int_equal(applied(f), 0);
	digest_of(f, after);
	assert_string_equal(before, after);
}

/* What is no entry, or of another build, is never half applied. */
static void
what_is_not_understood_stops(void **state)
{
	struct fixture *f = *state;
	char before[STATE_DIGEST_SIZE], after[STATE_DIGEST_SIZE];
	struct entry_head h;
	struct str two[2];
	size_t n;
	char *cut;

	start(f);
	two[0] = connect_entry(f, PROVIDER, f->now_us);
	digest_of(f, before);
	for (n = 0; n < two[0].len; n++) {
		two[1] = (struct str){ two[0].p, n };
		assert_int_equal(apply(f, 5, two, 2), KODO_EINVAL);
	}
	cut = arena_zalloc(f->a, two[0].len + 1);
	memcpy(cut, two[0].p, two[0].len);
	two[1] = (struct str){ cut, two[0].len + 1 };	/* a byte is left over */
	assert_int_equal(apply(f, 5, two, 2), KODO_EINVAL);
	two[1].len = two[0].len;
	cut[0] = ENTRY_FORMAT + 1;
	assert_int_equal(entry_head_read(two[1], &h), KODO_EVERSION);
	assert_int_equal(apply(f, 5, two, 2), KODO_EVERSION);
	cut[0] = ENTRY_FORMAT;
	cut[1] = CHANGE_KINDS;
	assert_int_equal(apply(f, 5, two, 2), KODO_EVERSION);
	cut[1] = two[0].p[1];
	digest_of(f, after);
	assert_string_equal(before, after);
	assert_int_equal(applied(f), 0);
	must(apply(f, 5, &two[1], 1));
	assert_int_equal(total_of(f), 3);
}

static struct peer
provider(struct fixture *f)
{
	struct str key;
	struct peer p;
	struct view v;

	must(url_key(f->a, STR(PROVIDER), &key));
	must(view_begin(f->r, f->now_us, &v));
	must(peer_find(&v.t, f->a, key, &p));
	view_end(&v);
	return p;
}

/* Of two proposers one has its clock behind: what is shown of a node does not go back. */
static void
times_shown_do_not_go_back(void **state)
{
	struct fixture *f = *state;
	const int64_t day_us = 86400ll * 1000000;
	struct str entry;

	start(f);
	entry = connect_entry(f, PROVIDER, f->now_us + day_us);
	must(apply(f, 1, &entry, 1));
	assert_true(provider(f).created_us == f->now_us + day_us);
	entry = connect_entry(f, PROVIDER, f->now_us);
	must(apply(f, 2, &entry, 1));
	assert_true(provider(f).created_us == f->now_us + day_us);
	assert_true(provider(f).modified_us == f->now_us + day_us);
	entry = connect_entry(f, PROVIDER, f->now_us + 2 * day_us);
	must(apply(f, 3, &entry, 1));
	assert_true(provider(f).modified_us == f->now_us + 2 * day_us);
	/* but no clock is believed that far */
	assert_true(peer_time_on(f->now_us + 60 * day_us, f->now_us) == f->now_us);
}

/* Whether there is room is for the proposer to say: all machines do the same. */
static void
room_is_that_of_the_entry(void **state)
{
	struct fixture *f = *state;
	struct str entry, result;
	struct receipt in = { .known = false };
	struct change_post q = { .out = &in };
	struct change_run run = { .type = &change_connect, .r = f->r, .arg = &q };
	struct entry e;
	struct buf b = BUF_INIT(0);

	start(f);
	entry = connect_entry(f, PROVIDER, f->now_us);
	must(entry_read(f->a, entry, &e));
	assert_true(e.head.room_bytes == UINT64_MAX);
	q.b = ((struct change_post *)e.arg)->b;
	run.now_us = f->now_us;
	must(entry_write(&b, &run, 1000));
	entry = buf_str(&b);
	must(cluster_apply(f->r, f->a, 1, &entry, 1, &result));
	assert_int_equal(entry_result_read(result, &run), KODO_ENOTFOUND);
	assert_non_null(strstr(in.refusal, "nearly full"));
	assert_int_equal(total_of(f), 1);
	buf_free(&b);
}

static void
skips_name_their_revision(void **state)
{
	struct fixture *f = *state;
	char before[STATE_DIGEST_SIZE], after[STATE_DIGEST_SIZE];
	bool is_skipped;
	unsigned i;
	struct buf b = BUF_INIT(0);
	struct entry_head h;
	struct str entry;

	start(f);
	entry_write_skip(&b, f->now_us, 4711);
	entry = buf_str(&b);
	must(entry_head_read(entry, &h));
	assert_int_equal(h.kind, CHANGE_SKIP);
	assert_int_equal(h.skipped, 4711);
	must(cluster_is_skipped(f->r, 4711, &is_skipped));
	assert_false(is_skipped);
	for (i = 0; i <= CLUSTER_SKIPS; i++)
		must(cluster_skip(f->r, 4711 + i));
	assert_int_equal(applied(f), 4711 + CLUSTER_SKIPS);
	for (i = 0; i <= CLUSTER_SKIPS + 1; i++) {
		must(cluster_is_skipped(f->r, 4711 + i, &is_skipped));
		assert_int_equal(is_skipped, i > 0 && i <= CLUSTER_SKIPS);
	}
	must(cluster_forget(f->r));
	must(cluster_is_skipped(f->r, 4711 + CLUSTER_SKIPS, &is_skipped));
	assert_false(is_skipped);
	digest_of(f, before);
	must(apply(f, 4712, &entry, 1));
	digest_of(f, after);
	assert_string_equal(before, after);
	buf_free(&b);
}

static uint64_t
poison(struct fixture *f)
{
	uint64_t begun, revision;

	must(poison_find(f->r, &begun, &revision));
	assert_true(revision == 0 || begun == revision);
	return revision;
}

/* From the note to what came of it, and no longer. */
static void
others_see_that_a_revision_is_being_applied(void **state)
{
	struct fixture *f = *state;
	const struct state *s = registry_state(f->r);
	char path[PATH_BYTES];

	start(f);
	assert_false(poison_is_begun(f->r));
	must(poison_note(s, 5));
	assert_true(poison_is_begun(f->r));
	must(apply(f, 5, NULL, 0));
	assert_false(poison_is_begun(f->r));
	must(poison_note(s, 6));
	must(poison_returned(s, 6));
	assert_false(poison_is_begun(f->r));
	must(state_file(s, "applying", path));
	unlink(path);
}

/* A process that ends within the same revision twice does not try it a third time. */
static void
poison_is_found_at_the_second_start(void **state)
{
	struct fixture *f = *state;
	const struct state *s = registry_state(f->r);
	char path[PATH_BYTES];

	start(f);
	assert_int_equal(poison(f), 0);
	must(poison_note(s, 5));
	assert_int_equal(poison(f), 0);
	/* killed before it came to it: that says nothing */
	assert_int_equal(poison(f), 0);
	assert_int_equal(poison(f), 0);
	must(poison_note(s, 5));
	assert_int_equal(poison(f), 5);
	assert_int_equal(poison(f), 5);
	must(apply(f, 5, NULL, 0));
	assert_int_equal(poison(f), 0);
	/* it failed, and ended nothing: as on a full disk */
	must(poison_note(s, 5));
	must(poison_returned(s, 5));
	assert_int_equal(poison(f), 0);
	must(poison_note(s, 5));
	assert_int_equal(poison(f), 0);
	must(poison_returned(s, 5));
	assert_int_equal(poison(f), 0);
	/* another one is counted anew; what was done is no poison */
	must(poison_note(s, 6));
	assert_int_equal(poison(f), 0);
	must(poison_note(s, 6));
	must(apply(f, 6, NULL, 0));
	must(poison_note(s, 7));
	assert_int_equal(poison(f), 0);
	must(state_file(s, "applying", path));
	unlink(path);
}

/* Of several in one transaction, 8 to 11, 9 ends the process: it is looked for, one by one. */
static void
poison_among_others_is_found_at_the_third_start(void **state)
{
	struct fixture *f = *state;
	const struct state *s = registry_state(f->r);
	uint64_t begun, revision;
	char path[PATH_BYTES];

	start(f);
	must(poison_note(s, 11));
	must(poison_find(f->r, &begun, &revision));
	assert_int_equal(begun, 11);
	assert_int_equal(revision, 0);
	must(poison_note(s, 8));
	must(apply(f, 8, NULL, 0));
	must(poison_note(s, 9));
	must(poison_find(f->r, &begun, &revision));
	assert_int_equal(begun, 9);
	assert_int_equal(revision, 0);
	must(poison_note(s, 9));
	must(poison_find(f->r, &begun, &revision));
	assert_int_equal(revision, 9);
	must(state_file(s, "applying", path));
	unlink(path);
}

/* A state has its number from the log; one that has begun keeps it. */
static void
epoch_is_set_at_the_begin(void **state)
{
	struct fixture *f = *state;
	struct view v;

	must(registry_epoch_set(f->r, 77, f->now_us));
	start(f);
	must(view_begin(f->r, f->now_us, &v));
	assert_int_equal(v.head.state_id, 77);
	view_end(&v);
	assert_int_equal(registry_epoch_set(f->r, 78, f->now_us), KODO_ECONFLICT);
}

/* A copy of the state in a folder of its own, cut off after n bytes. */
static void
copy_make(struct fixture *f, const char *folder, off_t n)
{
	struct why why = { "" };
	char path[256];
	int fd;

	mkdir(folder, 0700);
	snprintf(path, sizeof(path), "%s/data.mdb", folder);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	must(cluster_snapshot_write(f->r, fd, &why));
	if (n > 0)
		assert_int_equal(ftruncate(fd, n), 0);
	close(fd);
}

static void
folder_remove(const char *folder)
{
	static const char *const names[] = { "data.mdb", "lock.mdb", "write.lock", "key", "words" };
	char path[256];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

/* Its own records stay, all others are the copy's; what is older, or damaged, changes nothing. */
static void
snapshot_takes_the_place_of_the_state(void **state)
{
	struct fixture *f = *state;
	char copy[80], place[80], words[96], mine[STATE_DIGEST_SIZE], theirs[STATE_DIGEST_SIZE];
	struct registry *was = f->r, *other;
	struct receipt in;
	struct wire_body b;
	struct str entry;
	int i, fd;
	struct why why = { "" };
	uint64_t revision;
	bool is_current;

	snprintf(copy, sizeof(copy), "%s.copy", f->dir);
	snprintf(place, sizeof(place), "%s.other", f->dir);
	start(f);
	entry = connect_entry(f, PROVIDER, f->now_us);
	must(apply(f, 5, &entry, 1));
	digest_of(f, theirs);
	copy_make(f, copy, 0);
	/* another machine, with a file and nodes of its own */
	must(registry_open(str_of(place), STORE_MAKE, &why, &other));
	must(startup_apply(other, &f->o, STR("its stamp"), START_NOW, f->now_us, NULL, &why));
	b = body_of(f, "http://lost:1", true,
	    arena_printf(f->a, "[%s]", node_json(f, "http://lost:1", "L", 9)), NULL);
	for (i = 0; i < 3; i++)
		must(registry_connect(other, &b, f->now_us + i, &in));
	/* what was made of the state that was there is not of the copy */
	snprintf(words, sizeof(words), "%s/words", place);
	fd = open(words, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	must(cluster_snapshot_install(other, str_of(copy), &why));
	assert_int_equal(access(words, F_OK), -1);
	twin_digest(other, mine);
	assert_string_equal(mine, theirs);
	must(cluster_applied_now(other, &revision));
	assert_int_equal(revision, 5);
	must(registry_is_current(other, STR("its stamp"), &is_current));
	assert_true(is_current);
	must(cluster_snapshot_install(other, str_of(copy), &why));	/* it is no older */
	/* both go on alike */
	entry = connect_entry(f, "http://q:1", f->now_us);
	must(apply(f, 6, &entry, 1));
	f->r = other;
	must(apply(f, 6, &entry, 1));
	twin_digest(other, mine);
	f->r = was;
	digest_of(f, theirs);
	assert_string_equal(mine, theirs);
	f->r = other;
	must(apply(f, 7, NULL, 0));
	f->r = was;
	assert_int_equal(cluster_snapshot_install(other, str_of(copy), &why), KODO_ECONFLICT);
	twin_digest(other, mine);
	assert_string_equal(mine, theirs);
	must(apply(f, 8, NULL, 0));
	copy_make(f, copy, 9000);
	assert_true(cluster_snapshot_install(other, str_of(copy), &why) != KODO_OK);
	twin_digest(other, mine);
	assert_string_equal(mine, theirs);
	registry_close(other);
	folder_remove(copy);
	folder_remove(place);
}

/* More than half of the map, twice: what goes and what comes are there at once. */
static void
a_large_snapshot_fits(void **state)
{
	struct fixture *f = *state;
	char copy[80], name[8], before[STATE_DIGEST_SIZE], after[STATE_DIGEST_SIZE];
	char *const large = calloc(1, 1 << 20);
	struct why why = { "" };
	struct store_stat st;
	struct txn t;
	unsigned i;

	assert_non_null(large);
	start(f);
	snprintf(copy, sizeof(copy), "%s.copy", f->dir);
	store_set_map_max(registry_store(f->r), 64 << 20);
	must(store_begin(registry_store(f->r), STORE_WRITE, &t));
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "x%u", i);
		memset(large, (int)i, 1 << 20);
		must(store_put(&t, T_META, str_of(name), (struct str){ large, 1 << 20 }));
	}
	must(store_end(&t, KODO_OK));
	must(apply(f, 5, NULL, 0));
	digest_of(f, before);
	copy_make(f, copy, 0);
	for (i = 0; i < 2; i++) {
		must(cluster_snapshot_install(f->r, str_of(copy), &why));
		digest_of(f, after);
		assert_string_equal(before, after);
		must(store_stat(registry_store(f->r), &st));
		assert_int_equal(st.map_max_bytes, 64 << 20);
	}
	free(large);
	folder_remove(copy);
}

/* A change of one process alone goes nowhere else. */
static void
local_changes_stay(void **state)
{
	struct fixture *f = *state;
	static const struct change_type local = { .kind = CHANGE_LOCAL };
	struct change_run run = { .type = &local, .r = f->r };
	struct buf b = BUF_INIT(0);

	assert_int_equal(entry_write(&b, &run, 0), KODO_EINVAL);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

/* Each kind that changes something has a row, which is of that kind. */
static void
every_kind_has_its_row(void **state)
{
	const struct change_type *type;
	int k;

	(void)state;
	for (k = CHANGE_LOCAL + 1; k < CHANGE_KINDS; k++) {
		if (k == CHANGE_SKIP)
			continue;
		type = entry_rows[k].type;
		assert_non_null(type);
		assert_int_equal(type->kind, k);
		assert_true((type->fn != NULL) != (type->plain != NULL));
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup_alone, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_revision_is_applied_once),
		T(what_is_not_understood_stops),
		T(times_shown_do_not_go_back),
		T(room_is_that_of_the_entry),
		T(skips_name_their_revision),
		T(poison_is_found_at_the_second_start),
		T(poison_among_others_is_found_at_the_third_start),
		T(others_see_that_a_revision_is_being_applied),
		T(epoch_is_set_at_the_begin),
		T(snapshot_takes_the_place_of_the_state),
		T(a_large_snapshot_fits),
		T(local_changes_stay),
		T(every_kind_has_its_row),
	};

	return cmocka_run_group_tests_name("cluster", tests, NULL, NULL);
}
