#include "core/base/hash.h"
#include "core/records/digest.h"
#include "core/records/outbox.h"
#include "provider_help.h"

/* The digest of statements with those texts. */
static const char *
sum_of(const char *const *texts)
{
	static char hex[DIGEST_SIZE];
	uint64_t sum = 0;

	for (; *texts != NULL; texts++)
		sum += hash_text(HASH_STORED, str_of(*texts));
	snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)sum);
	return hex;
}

#define SUM(...) sum_of((const char *const[]){ __VA_ARGS__, NULL })
#define NONE "0000000000000000"

static const char *
notified(uint32_t peer)
{
	char *hex = arena_alloc(scratch.a, DIGEST_SIZE);

	memset(hex, 'x', DIGEST_SIZE);
	must(digest_notified(&db.t, scratch.a, peer, false, hex));
	return hex;
}

static const char *
stated(uint32_t peer)
{
	char *hex = arena_alloc(scratch.a, DIGEST_SIZE);

	memset(hex, 'x', DIGEST_SIZE);
	must(digest_stated(&db.t, peer, STR_NULL, false, false, hex));
	return hex;
}

static void
nothing_is_zeroes(void **state)
{
	(void)state;
	self_put();
	assert_string_equal(notified(1), NONE);
	assert_string_equal(stated(1), NONE);
	provider_put("a");
	assert_string_equal(notified(1), NONE);
	assert_string_equal(stated(1), NONE);
}

/* Both sides reckon the same of the same statements, whatever their order and ids. */
static void
sides_agree(void **state)
{
	uint32_t a, b, c;

	(void)state;
	self_put();
	a = provider_put("a");
	b = provider_put("b");
	c = provider_put("c");
	says(a, 1, "one", true);
	says(a, 2, "two", true);
	says(b, 11, "two", true);
	says(b, 12, "one", true);
	assert_string_equal(stated(a), stated(b));
	assert_string_equal(stated(a), SUM("one", "two"));
	assert_string_equal(notified(a), SUM("one", "two"));
	says(c, 21, "three", true);
	assert_string_equal(stated(c), SUM("three"));
	assert_string_equal(notified(c), SUM("one", "one", "two", "two"));
	assert_string_not_equal(stated(a), stated(c));
}

static void
notified_is_what_is_seen_of_others(void **state)
{
	uint32_t a, b, c;

	(void)state;
	self_put();
	a = provider_put("a");
	b = provider_put("b");
	c = provider_put("c");
	says(PEER_SELF, 9, "own", true);
	says(a, 1, "one", true);
	says(b, 1, "other", false);
	says(b, 2, "two", true);
	assert_string_equal(notified(a), SUM("own", "two"));
	assert_string_equal(notified(b), SUM("own", "one"));
	assert_string_equal(notified(c), SUM("own", "one", "two"));
	assert_string_equal(stated(b), SUM("other", "two")); /* seen or not */
	assert_string_equal(stated(PEER_SELF), SUM("own"));
}

/* A node that the peer did not take counts as not there; one that it is still to get counts. */
static void
paused_is_not_notified(void **state)
{
	uint32_t a, b;

	(void)state;
	self_put();
	a = provider_put("a");
	b = provider_put("b");
	says(a, 1, "one", true);
	says(a, 2, "two", true);
	says(a, 3, "three", true);
	must(outbox_put(&db.t, b, 2, 5));
	assert_string_equal(notified(b), SUM("one", "two", "three"));
	must(outbox_pause(&db.t, b, 2, 5, STR("no")));
	assert_string_equal(notified(b), SUM("one", "three"));
	must(outbox_put(&db.t, b, 1, 5)); /* of both kinds */
	assert_string_equal(notified(b), SUM("one", "three"));
	must(outbox_put(&db.t, b, 3, 5));
	must(outbox_pause(&db.t, b, 3, 5, STR("no")));
	assert_string_equal(notified(b), SUM("one"));
	assert_string_equal(notified(99), SUM("one", "two", "three"));
}

/* What is denied is not notified; others' words of it are not passed on, so each keeps its own. */
static void
denied_is_not_notified(void **state)
{
	struct statement s;
	char hex[DIGEST_SIZE];
	uint32_t a, b;

	(void)state;
	self_put();
	a = provider_put("a");
	b = provider_put("b");
	says(a, 1, "one", true);
	says(a, 2, "two", true);
	says(b, 1, "less", false);
	must(record_get_seen(&db.t, 1, &s));
	must(arena_str(scratch.a, s.bytes, &s.bytes));
	must(record_del_winner(&db.t, 1, VERDICT_SHOWN));
	must(record_put_winner(&db.t, 1, VERDICT_HIDDEN, &s));
	assert_string_equal(notified(b), SUM("one", "two"));
	must(digest_stated(&db.t, b, STR_NULL, true, false, hex));
	assert_string_equal(hex, NONE); /* it was told of the winner */
	must(record_del_winner(&db.t, 1, VERDICT_HIDDEN));
	must(record_put_winner(&db.t, 1, VERDICT_DENIED, &s));
	assert_string_equal(notified(b), SUM("two"));
	must(digest_stated(&db.t, b, STR_NULL, true, false, hex));
	assert_string_equal(hex, SUM("less"));
}

/* An owner that has a key is seen against what is over it; nobody else learns to give that up. */
static void
kept_is_not_taken(void **state)
{
	static const struct flow flow = { .url = STR("/f"), .name = STR("f") };
	const struct str node = pack("http://a:1", &flow, 1);
	struct statement kept, over = said(0, 9, "over"), tie = said(0, 1, "zzz");
	struct peer p;
	char hex[DIGEST_SIZE], all[DIGEST_SIZE];
	uint32_t a, b, c;

	(void)state;
	self_put();
	a = provider_put("http://a:1");
	b = provider_put("http://b:1");
	c = provider_put("http://c:1");
	kept = (struct statement){ .version = 1, .peer = a, .bytes = node, .order = 1 };
	must(place_put(&db.t, a, 1, 1));
	must(record_put_seen(&db.t, 1, &kept));
	memcpy(all, notified(c), sizeof(all));
	over.peer = over.order = b;
	must(place_put(&db.t, b, over.order, 1));
	must(record_put_shadow(&db.t, 1, b, &over));
	/* without a key it is another's turn to give in */
	assert_string_equal(notified(b), all);
	p = get(a);
	p.trust.key = STR("key");
	put(&p);
	assert_string_equal(notified(b), NONE);
	assert_string_equal(notified(c), all);
	must(digest_stated(&db.t, b, STR_NULL, true, false, hex));
	assert_string_equal(hex, SUM("over"));
	/* of equal versions the greater */
	tie.peer = tie.order = b;
	must(record_put_shadow(&db.t, 1, b, &tie));
	assert_string_equal(notified(b), NONE);
	must(digest_stated(&db.t, b, STR_NULL, true, false, hex));
	assert_string_equal(hex, SUM("zzz"));
	tie.version = 0;
	must(record_put_shadow(&db.t, 1, b, &tie));
	assert_string_equal(notified(b), all);
	must(digest_stated(&db.t, b, STR_NULL, true, false, hex));
	assert_string_equal(hex, NONE);
}

/* A peer of before entries drops them: what it keeps is compared, not what was sent. */
static void
entries_are_of_who_keeps_them(void **state)
{
	static const struct flow bare = { .url = STR("/f"), .name = STR("f") };
	static const struct flow rich = {
		.url = STR("/f"), .name = STR("f"), .entry = STR("http://h/f")
	};
	const struct str with = pack("http://a:1", &rich, 1);
	const struct str without = pack("http://a:1", &bare, 1);
	struct statement s;
	char keeps[DIGEST_SIZE], drops[DIGEST_SIZE], hex[DIGEST_SIZE];
	uint32_t a, b;

	(void)state;
	self_put();
	a = provider_put("http://a:1");
	b = provider_put("http://b:1");
	s = (struct statement){ .version = 1, .peer = a, .bytes = with, .order = 1 };
	must(place_put(&db.t, a, 1, 1));
	must(record_put_seen(&db.t, 1, &s));
	must(digest_notified(&db.t, scratch.a, b, true, keeps));
	must(digest_notified(&db.t, scratch.a, b, false, drops));
	snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)hash_text(HASH_STORED, with));
	assert_string_equal(keeps, hex);
	snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)hash_text(HASH_STORED, without));
	assert_string_equal(drops, hex);
	/* it says again what it was told, as it keeps it, and counts that as notified */
	s = (struct statement){ .version = 1, .peer = b, .bytes = without, .order = b };
	must(place_put(&db.t, b, s.order, 1));
	must(record_put_shadow(&db.t, 1, b, &s));
	must(digest_stated(&db.t, b, STR_NULL, true, false, hex));
	assert_string_equal(hex, drops);
	/* of who keeps them it is another word, against which it has learnt something */
	must(digest_stated(&db.t, b, STR_NULL, true, true, hex));
	assert_string_equal(hex, NONE);
}

static void
damage_is_told(void **state)
{
	char hex[DIGEST_SIZE];
	unsigned char k[8];
	uint32_t a;

	(void)state;
	must(digest_notified(&db.t, scratch.a, 1, false, hex)); /* before the first start */
	assert_string_equal(hex, NONE);
	self_put();
	a = provider_put("a");
	provider_put("b");
	says(a, 1, "one", true);
	must(place_put(&db.t, a, 1000, 5));
	assert_int_equal(digest_stated(&db.t, a, STR_NULL, false, false, hex), KODO_ECORRUPT);
	must(place_del(&db.t, a, 1000));
	says(99, 6, "six", true); /* there is no such peer */
	assert_int_equal(digest_notified(&db.t, scratch.a, 2, false, hex), KODO_ECORRUPT);
	must(record_del_seen(&db.t, 6));
	raw_put(T_OUT, key_u32_u32(k, 2, 1), STR("short"));
	hex[0] = '\0';
	assert_int_equal(digest_notified(&db.t, scratch.a, 2, false, hex), KODO_ECORRUPT);
	assert_string_equal(hex, NONE);
	/* behind a paused one */
	must(outbox_put(&db.t, 2, 0, 5));
	must(outbox_put(&db.t, 2, 3, 5));
	must(outbox_pause(&db.t, 2, 0, 5, STR("no")));
	assert_int_equal(digest_notified(&db.t, scratch.a, 2, false, hex), KODO_ECORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RECORDS_TEST(nothing_is_zeroes),
		RECORDS_TEST(sides_agree),
		RECORDS_TEST(notified_is_what_is_seen_of_others),
		RECORDS_TEST(paused_is_not_notified),
		RECORDS_TEST(denied_is_not_notified),
		RECORDS_TEST(kept_is_not_taken),
		RECORDS_TEST(entries_are_of_who_keeps_them),
		RECORDS_TEST(damage_is_told),
	};

	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
