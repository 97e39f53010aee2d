/*
 * Whatever a peer does for whatever time, attempts at it stay within the backoff: two days of
 * simulated time against a target that misbehaves in one way, while nodes of ours come, change and
 * go.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/records/record.h"
#include "core/registry/requests.h"
#include "core/registry/startup.h"
#include "registry_help.h"

#define SECOND_US 1000000ll
#define MINUTE_US (60 * SECOND_US)
#define TARGET "http://t:1"
#define SPAN_US (2 * 86400 * SECOND_US)
#define CHANGE_EVERY_US (7 * 3600 * SECOND_US / 5)
/* nine failures in a row within a minute, then a pause; as many that begin again */
#define PER_MINUTE 20u
/*
 * What follows each change, the first hour of failures, then an attempt every 5 minutes and a
 * digest check every minute.
 */
#define IN_ALL \
	(SPAN_US / CHANGE_EVERY_US * 2 * PER_MINUTE + 60 * PER_MINUTE + \
	    SPAN_US / (5 * MINUTE_US) + SPAN_US / MINUTE_US)
/* where successes come between, each hour may be a first one */
#define WITH_SUCCESS (SPAN_US / (8 * SECOND_US))

struct reply {
	unsigned status;
	const char *body;
};

struct target {
	struct fixture *f;
	int64_t began_us;
	uint64_t n; /* attempts at it so far */
};

static const char *
greeting(struct fixture *f, const char *kodo)
{
	return arena_printf(f->a,
	    "{\"url\":\"" TARGET "\",\"organization\":null,\"registry\":true,\"feed\":true,"
	    "\"idle\":true,\"now\":\"2025-01-13T14:00:00Z\",\"message\":[],\"nodes\":[],"
	    "\"kodo\":%s}", kodo);
}

/* --- ways to misbehave; for the first ten minutes all is in order, see reply_of --- */

static struct reply
is_down(const struct target *t, const struct exchange_job *job)
{
	(void)t, (void)job;
	return (struct reply){ 0, "" };
}

static struct reply
says_404(const struct target *t, const struct exchange_job *job)
{
	(void)t, (void)job;
	return (struct reply){ 404, "<html>" };
}

static struct reply
says_405(const struct target *t, const struct exchange_job *job)
{
	(void)t, (void)job;
	return (struct reply){ 405, "<html>" };
}

static struct reply
says_413(const struct target *t, const struct exchange_job *job)
{
	(void)t, (void)job;
	return (struct reply){ 413, "" };
}

static struct reply
says_500(const struct target *t, const struct exchange_job *job)
{
	(void)t, (void)job;
	return (struct reply){ 500, "" };
}

static struct reply
says_no_json(const struct target *t, const struct exchange_job *job)
{
	(void)t, (void)job;
	return (struct reply){ 200, "<html>" };
}

static struct reply
takes_connects_only(const struct target *t, const struct exchange_job *job)
{
	return (struct reply){ job->kind == EXCHANGE_CONNECT ? 201 : 404,
		job->kind == EXCHANGE_CONNECT ? greeting(t->f, "{\"life\":77,\"sent\":5}") : "" };
}

static struct reply
takes_digest_checks_only(const struct target *t, const struct exchange_job *job)
{
	(void)t;
	return (struct reply){ job->kind == EXCHANGE_DIGEST_CHECK ? 200 : 503, "{}" };
}

/* Each answer is older than the one before. */
static struct reply
goes_back(const struct target *t, const struct exchange_job *job)
{
	(void)job;
	return (struct reply){ 200, greeting(t->f,
	    arena_printf(t->f->a, "{\"life\":77,\"sent\":%llu}",
		(unsigned long long)(1000000 - t->n))) };
}

static struct reply
is_another_each_time(const struct target *t, const struct exchange_job *job)
{
	(void)job;
	return (struct reply){ 200, greeting(t->f,
	    arena_printf(t->f->a, "{\"life\":%llu,\"sent\":5,\"view\":\"x\"}",
		(unsigned long long)(100 + t->n))) };
}

/* It acknowledges more than was sent. */
static struct reply
acknowledges_more(const struct target *t, const struct exchange_job *job)
{
	struct head h;
	struct view v;

	(void)job;
	must(view_begin(t->f->r, t->f->now_us, &v));
	h = v.head;
	view_end(&v);
	return (struct reply){ 200, greeting(t->f,
	    arena_printf(t->f->a, "{\"life\":77,\"sent\":5,\"heard_life\":%llu,\"heard\":%llu}",
		(unsigned long long)head_epoch(&h), (unsigned long long)h.state + 1000)) };
}

/* Our own node is gone, under the version that we will have next. */
static struct reply
buries_us(const struct target *t, const struct exchange_job *job)
{
	(void)job;
	return (struct reply){ 200, greeting(t->f,
	    arena_printf(t->f->a,
		"{\"life\":77,\"sent\":%llu,\"gone\":{\"http://localhost:3367\":%llu}}",
		(unsigned long long)t->n + 5, (unsigned long long)t->f->now_us + t->n)) };
}

static struct reply
comes_and_goes(const struct target *t, const struct exchange_job *job)
{
	static const unsigned statuses[] = { 0, 404, 500, 200, 405, 201, 413, 0, 503, 400 };
	bool is_up = (t->f->now_us - t->began_us) / (11 * MINUTE_US) % 3 == 0;

	(void)job;
	if (is_up)
		return (struct reply){ 200, greeting(t->f, "{\"life\":77,\"sent\":5}") };
	return (struct reply){ statuses[t->n * 7 / 3 % 10], "" };
}

/* --- the days --- */

static void
node_changes(struct fixture *f, unsigned n)
{
	struct wire_body b;
	struct receipt in;
	uint64_t ticket;

	if (n % 3 == 2) {
		b = disconnect_of(f, "http://n:1", "[\"http://n:1\"]", NULL);
		must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
		return;
	}
	b = body_of(f, "http://n:1", false,
	    arena_printf(f->a, "[%s]", node_json(f, "http://n:1", "N", 1 + n % 5)), NULL);
	must(registry_connect(f->r, &b, f->now_us, &in));
}

static struct reply
reply_of(const struct target *t, const struct exchange_job *job,
    struct reply (*fn)(const struct target *t, const struct exchange_job *job), bool is_legacy)
{
	if (t->f->now_us - t->began_us > 10 * MINUTE_US)
		return fn(t, job);
	return (struct reply){ job->kind == EXCHANGE_CONNECT ? 201 : 200,
		is_legacy ? "" : greeting(t->f, "{\"life\":77,\"sent\":5}") };
}

/* A legacy peer that awaits a resync changes its statement. */
static void
contradict(struct fixture *f, unsigned n)
{
	struct wire_body b = body_of(f, TARGET, true,
	    arena_printf(f->a, "[%s]", node_json(f, "http://m:1", "M", 1 + n % 4)), NULL);
	struct receipt in;

	if (n == 0)
		must(registry_connect(f->r, &b, f->now_us, &in));
	else
		must(registry_update(f->r, &b, f->now_us, &in));
}

/* What was due in a while is far ahead then. */
static void
clock_set_back(struct target *t, int64_t *change_us, int64_t *minute_us)
{
	const int64_t span_us = 8 * MINUTE_US;

	t->f->now_us -= span_us;
	t->began_us -= span_us;
	*change_us -= span_us;
	*minute_us -= span_us;
}

static void
days_pass(struct fixture *f, const char *name,
    struct reply (*fn)(const struct target *t, const struct exchange_job *job), bool is_legacy)
{
	struct target t = { .f = f, .began_us = f->now_us };
	int64_t due_us, change_us = f->now_us, minute_us = 0;
	unsigned n_changes = 0, in_minute = 0;
	struct exchange_job job;
	struct reply reply;
	enum kodo_err err;
	bool wake;

	fixture_options(f, "http://localhost:3367", true, true, TARGET, 1);
	fixture_apply(f, START_NOW);
	while (f->now_us < t.began_us + SPAN_US) {
		arena_reset(f->a);
		fixture_options(f, "http://localhost:3367", true, true, TARGET, 1);
		if (f->now_us >= change_us) {
			if (is_legacy && f->now_us - t.began_us < 10 * MINUTE_US)
				contradict(f, n_changes);
			node_changes(f, n_changes++);
			change_us += n_changes < 8 ? 70 * SECOND_US : CHANGE_EVERY_US;
			if (n_changes % 5 == 4)
				clock_set_back(&t, &change_us, &minute_us);
		}
		err = schedule_next(f->r, f->a, f->now_us, NULL, 0, &job, &due_us, NULL);
		if (err == KODO_ENOTFOUND) {
			f->now_us = due_us < change_us ? due_us : change_us;
			continue;
		}
		must(err);
		t.n += str_starts(job.url, STR(TARGET "/")) ? 1 : 0;
		if (f->now_us - minute_us >= MINUTE_US) {
			minute_us = f->now_us;
			in_minute = 0;
		}
		in_minute += str_starts(job.url, STR(TARGET "/")) ? 1 : 0;
		if (in_minute > PER_MINUTE || t.n > (fn == comes_and_goes ? WITH_SUCCESS : IN_ALL))
			fail_msg("%s: %u attempts in a minute, %llu in %lld minutes", name,
			    in_minute, (unsigned long long)t.n,
			    (long long)((f->now_us - t.began_us) / MINUTE_US));
		f->now_us += 2000; /* the way there and back */
		reply = reply_of(&t, &job, fn, is_legacy);
		must(outcome_take(f->r, f->a, &job,
		    &(struct exchange_result){ .status = reply.status,
			.body = str_of(reply.body), .error = "refused" }, f->now_us, &wake));
	}
	if (t.n < SPAN_US / CHANGE_EVERY_US)
		fail_msg("%s: %llu attempts", name, (unsigned long long)t.n);
	check_clean(f);
}

#define WAYS \
	WAY(is_down) WAY(says_404) WAY(says_405) WAY(says_413) WAY(says_500) WAY(says_no_json) \
	WAY(takes_connects_only) WAY(takes_digest_checks_only) WAY(goes_back) \
	WAY(is_another_each_time) WAY(acknowledges_more) WAY(buries_us) WAY(comes_and_goes)

#define WAY(fn) \
	static void test_##fn(void **state) \
	{ \
		days_pass(*state, #fn, fn, false); \
	} \
	static void legacy_##fn(void **state) \
	{ \
		days_pass(*state, "legacy " #fn, fn, true); \
	}
WAYS
#undef WAY

int
main(void)
{
#define WAY(fn) \
	cmocka_unit_test_setup_teardown(test_##fn, fixture_setup, fixture_teardown), \
	cmocka_unit_test_setup_teardown(legacy_##fn, fixture_setup, fixture_teardown),
	const struct CMUnitTest tests[] = { WAYS };

	log_setup(STR("backoff"), LOG_OFF, STR_NULL, LOG_OFF, 0);
	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
