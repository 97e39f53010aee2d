/* What a watch tells, cut, twice and late, comes into the state once and in order. */
#include "core/cluster/entry_private.h"
#include "cron/cluster/context.c"
#include "cron/cluster/follow.c"
#include "cron/cluster/log_size.c"
#include "registry_help.h"

/* --- the rest of the process --- */

static struct {
	bool is_watching;
	uint64_t from;
	void (*fn)(void *arg, const struct etcd_message *m);
	void *arg;
	unsigned n_refused;	/* so often proposers were told that nobody knows */
	unsigned n_applied;	/* entries whose proposers were told */
	uint64_t applied[16];
} rest;

enum kodo_err
etcd_watch(struct etcd *e, struct str key, struct str end, uint64_t from,
    void (*fn)(void *arg, const struct etcd_message *m), void *arg)
{
	(void)e, (void)key, (void)end;
	rest.is_watching = true;
	rest.from = from;
	rest.fn = fn;
	rest.arg = arg;
	return KODO_OK;
}

void
etcd_watch_end(struct etcd *e)
{
	(void)e;
	rest.is_watching = false;
}

bool
etcd_is_watching(const struct etcd *e)
{
	(void)e;
	return rest.is_watching;
}

enum kodo_err
etcd_range(struct etcd *e, struct str key, struct str end, unsigned limit, bool keys_only,
    struct etcd_done done)
{
	(void)e, (void)key, (void)end, (void)limit, (void)keys_only, (void)done;
	return KODO_EBUSY;
}

void
lead_event(struct leader *l, struct str key, const struct etcd_kv *kv)
{
	(void)l, (void)key, (void)kv;
}

void
lead_applied(struct leader *l)
{
	(void)l;
}

bool
compare_wants(const struct comparer *c, uint64_t revision)
{
	(void)c, (void)revision;
	return false;
}

void
compare_applied(struct comparer *c, uint64_t before, uint64_t revision)
{
	(void)c, (void)before, (void)revision;
}

void
propose_applied(struct proposer *p, struct str key, uint64_t revision, struct str result)
{
	(void)p, (void)key, (void)result;
	assert_true(rest.n_applied < 16);
	rest.applied[rest.n_applied++] = revision;
}

void
propose_refuse(struct proposer *p, bool queued_too)
{
	(void)p;
	assert_false(queued_too);
	rest.n_refused++;
}

/* --- what is told --- */

struct told_log {
	struct fixture *f;
	struct context e;
};

static void
begin(struct told_log *l, struct fixture *f)
{
	fixture_options(f, "http://r:1", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	memset(&rest, 0, sizeof(rest));
	*l = (struct told_log){ .f = f, .e = { .state = registry_state(f->r), .registry = f->r,
		.prefix = "k/c/", .is_joined = true, .quota = 1 << 30 } };
	must(follow_new(&l->e, &l->e.follower));
	follow_tick(l->e.follower);
	assert_true(rest.is_watching);
	assert_int_equal(rest.from, 1);
}

static void
end(struct told_log *l)
{
	char path[PATH_BYTES];

	follow_free(l->e.follower);
	must(state_file(registry_state(l->f->r), "applying", path));
	unlink(path);
}

/* The value of the entry of that number: another url connects. */
static enum kodo_err
write_only(void *arg, struct change_run *run)
{
	must(entry_write(arg, run, UINT64_MAX));
	return KODO_ENOTFOUND;
}

static struct etcd_kv
entry(struct told_log *l, unsigned n, uint64_t revision)
{
	struct fixture *f = l->f;
	const char *url = arena_printf(f->a, "http://p%u:1", n);
	struct buf out = BUF_INIT(0);
	struct etcd_kv kv = { .mod_revision = revision,
		.key = str_of(arena_printf(f->a, "k/c/log/m/b/%016u", n)) };
	struct receipt in;
	struct wire_body b = body_of(f, url, false,
	    arena_printf(f->a, "[%s]", node_json(f, url, "N", 2)), NULL);

	buf_putc(&out, 'E');
	registry_submit_by(f->r, write_only, &out);
	must(registry_connect(f->r, &b, f->now_us, &in));
	registry_submit_by(f->r, NULL, NULL);
	must(arena_str(f->a, buf_str(&out), &kv.value));
	buf_free(&out);
	return kv;
}

static void
tell(const struct etcd_kv *events, size_t n, bool is_fragment)
{
	const struct etcd_message m = { .events = events, .n = n, .is_fragment = is_fragment };

	rest.fn(rest.arg, &m);
}

static void
assert_applied(const struct told_log *l, unsigned n, uint64_t revision)
{
	assert_int_equal(rest.n_applied, n);
	assert_int_equal(l->e.applied, revision);
	assert_int_equal(l->e.seen, revision);
}

static void
messages_that_came_meanwhile_are_applied_at_once(void **state)
{
	struct told_log l;
	struct etcd_kv kv[3];
	unsigned i;

	begin(&l, *state);
	for (i = 0; i < 3; i++) {
		kv[i] = entry(&l, i + 1, 10 + i);
		tell(&kv[i], 1, false);
	}
	assert_int_equal(rest.n_applied, 0);
	follow_tick(l.e.follower);
	assert_applied(&l, 3, 12);
	/* all under the last one */
	assert_int_equal(rest.applied[0], 12);
	tell(kv, 3, false);
	follow_tick(l.e.follower);
	assert_applied(&l, 3, 12);
	end(&l);
}

static void
a_revision_in_pieces_waits_for_the_last(void **state)
{
	struct told_log l;
	struct etcd_kv kv[3];

	begin(&l, *state);
	kv[0] = entry(&l, 1, 10);
	kv[1] = entry(&l, 2, 11);
	kv[2] = entry(&l, 3, 11);
	tell(kv, 2, true);
	follow_tick(l.e.follower);
	assert_int_equal(rest.n_applied, 0);
	assert_int_equal(l.e.seen, 9);
	tell(&kv[2], 1, false);
	follow_tick(l.e.follower);
	assert_applied(&l, 3, 11);
	end(&l);
}

/* etcd-io/etcd#15271, while what came before is not applied yet. */
static void
a_watch_that_goes_back_doubles_nothing(void **state)
{
	struct told_log l;
	struct etcd_kv kv[4];
	unsigned i;

	begin(&l, *state);
	for (i = 0; i < 4; i++)
		kv[i] = entry(&l, i + 1, 10 + i);
	tell(kv, 3, false);
	tell(kv, 1, false);
	tell(kv + 1, 3, false);
	follow_tick(l.e.follower);
	assert_applied(&l, 4, 13);
	end(&l);
}

/* It was committed, and memory ran out behind that: the next attempt finds it there. */
static void
what_is_there_is_no_hindrance(void **state)
{
	struct told_log l;
	struct etcd_kv kv;
	struct str value;

	begin(&l, *state);
	kv = entry(&l, 1, 10);
	value = str_skip(kv.value, 1);
	must(cluster_apply(l.f->r, l.f->a, 10, &value, 1, &(struct str){ NULL, 0 }));
	l.e.is_stuck = true;
	tell(&kv, 1, false);
	follow_tick(l.e.follower);
	assert_int_equal(l.e.applied, 10);
	assert_true(context_can_apply(&l.e));
	assert_int_equal(rest.n_refused, 1);
	end(&l);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup_alone, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(messages_that_came_meanwhile_are_applied_at_once),
		T(a_revision_in_pieces_waits_for_the_last),
		T(a_watch_that_goes_back_doubles_nothing),
		T(what_is_there_is_no_hindrance),
	};

	return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
