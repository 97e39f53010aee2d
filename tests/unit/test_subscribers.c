/* A change costs the same for one subscriber and for thousands: of each there is a position. */
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "core/base/log.h"
#include "exchange_help.h"

#define FROM	"http://from.example:80"
#define NODES	50u
#define ROUNDS	60u
#define MANY	10000u
#define EMPTY	20000u

static int64_t
cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000ll + ts.tv_nsec / 1000;
}

/* A kodo peer that feeds, has answered, and knows all there is. */
static void
subscriber_set(const struct fixture *f, const struct head *h, unsigned i, struct peer *p)
{
	(void)f, (void)i;
	p->flags = PEER_FEED | PEER_KODO | PEER_REGISTRY | PEER_NOTIFIED | PEER_PROVEN;
	p->out.pos = p->out.gone_pos = h->logged;
}

/* The registry is fresh, with so many subscribers, and FROM has connected. */
static void
begin(struct fixture *f, unsigned n)
{
	struct wire_body b;
	struct receipt in;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	fixture_put_peers(f, n, subscriber_set);
	b = body_of(f, FROM, false, "[]", "{\"life\":5,\"sent\":1}");
	must(registry_connect(f->r, &b, f->now_us, &in));
}

/* Nodes below FROM, each with that many flows; the processor time of taking them in. */
static int64_t
update(struct fixture *f, unsigned n, unsigned flows, unsigned round)
{
	struct buf nodes = BUF_INIT(0);
	struct wire_body b;
	struct receipt in;
	int64_t began_us;
	unsigned i;

	for (i = 0; i < n; i++) {
		buf_puts(&nodes, i > 0 ? "," : "[");
		buf_puts(&nodes, node_json(f, arena_printf(f->a, FROM "/%u", i),
		    arena_printf(f->a, "r%u", round), flows));
	}
	buf_putc(&nodes, ']');
	b = body_of(f, FROM, false, arena_strz(f->a, buf_str(&nodes)),
	    arena_printf(f->a, "{\"life\":5,\"sent\":%u}", round + 2));
	buf_free(&nodes);
	f->now_us += SECOND_US;
	began_us = cpu_us();
	must(registry_update(f->r, &b, f->now_us, &in));
	assert_true(in.known);
	return cpu_us() - began_us;
}

static int64_t
bytes_of(struct fixture *f)
{
	struct stat st;
	char path[256];

	snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	assert_int_equal(stat(path, &st), 0);
	return (int64_t)st.st_blocks * 512;
}

/* In turns, as other work slows down both. Half more is for that, 20 % are wanted. */
static void
post_costs_the_same(void **state)
{
	static const unsigned subscribers[] = { 1, MANY };
	void *fresh[2] = { NULL, NULL };
	int64_t best[2] = { INT64_MAX, INT64_MAX }, took;
	unsigned round, i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(fixture_setup(&fresh[i]), 0);
		begin(fresh[i], subscribers[i]);
	}
	for (round = 0; round < ROUNDS; round++)
		for (i = 0; i < 2; i++) {
			took = update(fresh[i], NODES, 1, round);
			best[i] = took < best[i] ? took : best[i];
		}
	for (i = 0; i < 2; i++) {
		assert_int_equal(total_of(fresh[i]), 1 + NODES);
		assert_int_equal(fixture_teardown(&fresh[i]), 0);
	}
	print_message("%u nodes: %lld us with 1 subscriber, %lld with %u\n", NODES,
	    (long long)best[0], (long long)best[1], MANY);
	assert_true(2 * best[1] < 3 * best[0]);
}

static int64_t
growth_of(unsigned subscribers, int64_t *us)
{
	void *fresh = NULL;
	int64_t before;

	assert_int_equal(fixture_setup(&fresh), 0);
	begin(fresh, subscribers);
	before = bytes_of(fresh);
	*us = update(fresh, EMPTY, 0, 0);
	before = bytes_of(fresh) - before;
	assert_int_equal(fixture_teardown(&fresh), 0);
	return before;
}

/* 20,000 nodes and 300 subscribers were 295 MiB once, and 67 s. */
static void
state_grows_by_the_nodes_alone(void **state)
{
	int64_t few_us, many_us, few = growth_of(0, &few_us), many = growth_of(300, &many_us);

	(void)state;
	print_message("%u nodes: %.1f MiB and %lld ms with none, %.1f MiB and %lld ms with 300\n",
	    EMPTY, (double)few / 1048576, (long long)few_us / 1000, (double)many / 1048576,
	    (long long)many_us / 1000);
	assert_true(few > 0 && many - few < 1048576);
	assert_true(many_us < 2 * few_us + 100000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(post_costs_the_same),
		cmocka_unit_test(state_grows_by_the_nodes_alone),
	};

	log_setup(STR("subscribers"), LOG_OFF, STR_NULL, LOG_OFF, 0);
	return cmocka_run_group_tests_name("subscribers", tests, NULL, NULL);
}
