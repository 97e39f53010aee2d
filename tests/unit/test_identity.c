/* Two services under one url, and what looks like them. */
#include "core/merge/identity.h"
#include "core/records/peer.h"
#include "epochs_help.h"

#define A	11u
#define B	22u
#define C	33u

static unsigned sent;

static void
says_of(struct fixture *f, unsigned life)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"life\":%u,\"sent\":%u}", life, ++sent);
	f->now_us += 1000000;
	(void)says(f, "/connect", "[]", text);
}

/* A legacy peer is known by its organization. */
static void
legacy_says(struct fixture *f, const char *organization)
{
	char *json = arena_printf(f->a, "{\"url\":\"" PEER "\",\"organization\":\"%s\","
	    "\"registry\":true,\"feed\":true,\"idle\":true,\"now\":\"2025-11-24T16:00:00Z\","
	    "\"message\":[],\"nodes\":[]}", organization);
	struct wire_refusal no;
	struct wire_body b;
	struct receipt in;

	must(wire_read(
	    f->a, WIRE_CONNECT, str_of(json), f->now_us, f->o.url_key, &b, &no));
	f->now_us += 1000000;
	must(registry_connect(f->r, &b, f->now_us, &in));
}

static void
find_two(void *arg, enum finding kind, const char *line)
{
	if (kind == FINDING_WARNING &&
	    strstr(line, PEER ": two services speak under one url; give each its own") != NULL)
		++*(unsigned *)arg;
}

static bool
are_two(struct fixture *f)
{
	unsigned n = 0;

	must(integrity_check(f->r, f->now_us, find_two, &n));
	return n == 1;
}

static void
two_in_turns(void **state)
{
	struct fixture *f = *state;

	start(f);
	says_of(f, A);
	says_of(f, B);
	says_of(f, A);
	says_of(f, B);
	assert_false(are_two(f));
	says_of(f, A);
	assert_true(are_two(f));
	f->now_us += 3601ll * 1000000;
	assert_false(are_two(f));
	says_of(f, A);
	assert_false(are_two(f));
}

static void
three_in_turns(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	start(f);
	for (i = 0; i < 6; i++)
		says_of(f, i % 3 == 0 ? A : i % 3 == 1 ? B : C);
	assert_true(are_two(f));
}

static void
legacy_ones(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	start(f);
	for (i = 0; i < 5; i++)
		legacy_says(f, i % 2 == 0 ? "One" : "Other");
	assert_true(are_two(f));
}

static void
kodo_and_legacy(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	start(f);
	for (i = 0; i < 3; i++) {
		says_of(f, A);
		legacy_says(f, "Other");
	}
	assert_true(are_two(f));
}

/* States are lost again and again; a message of the one before comes late. */
static void
lost_states(void **state)
{
	static const unsigned lives[] = { A, B, A, B, B, B };
	struct fixture *f = *state;
	unsigned i;

	start(f);
	for (i = 0; i < sizeof(lives) / sizeof(lives[0]); i++)
		says_of(f, lives[i]);
	for (i = 0; i < 10; i++) {
		says_of(f, 100 + i);
		says_of(f, 100 + i);
	}
	assert_false(are_two(f));
}

/* Two registries behind one address, each with a state of its own: only their answers tell. */
static void
two_that_answer(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	unsigned i;

	fixture_options(f, "http://localhost:3366", false, false, PEER, 1);
	for (i = 0; i < 5; i++) {
		fixture_apply(f, START_NOW);
		answers(f, EXCHANGE_CONNECT,
		    i % 2 == 0 ? "{\"life\":1,\"sent\":9}" : "{\"life\":2,\"sent\":9}");
		assert_int_equal(next(f, &job), KODO_ENOTFOUND);
		assert_int_equal(are_two(f), i == 4);
		f->now_us += 10ll * 1000000;
	}
}

/* The list of them has an end, and keeps those that go on. */
static void
many_peers(void **state)
{
	struct fixture *f = *state;
	struct wire_body b;
	struct receipt in;
	char url[32];
	unsigned i;

	start(f);
	for (i = 0; i < 200; i++) {
		says_of(f, i % 2 == 0 ? A : B);
		snprintf(url, sizeof(url), "http://many:%u", i / 2 + 1);
		b = body_of(f, url, true, "[]", i % 2 == 0 ? "{\"life\":1}" : "{\"life\":2}");
		must(registry_connect(f->r, &b, f->now_us, &in));
	}
	assert_true(are_two(f));
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(two_in_turns),
		T(three_in_turns),
		T(legacy_ones),
		T(kodo_and_legacy),
		T(lost_states),
		T(two_that_answer),
		T(many_peers),
	};

	return cmocka_run_group_tests_name("identities", tests, NULL, NULL);
}
