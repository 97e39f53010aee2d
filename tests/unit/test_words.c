#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/base/limit.h"
#include "core/base/utf8.h"
#include "core/words/words.h"
#include "core/flow/packed.h"

static struct arena *arena;

static int
set_up(void **state)
{
	(void)state;
	arena = arena_new();
	return arena == NULL;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static struct words *
compile(const char *text)
{
	struct words *w;
	struct why why = { "" };

	if (words_compile(arena, str_of(text), &w, &why) != KODO_OK)
		fail_msg("%s: %s", text, why.text);
	return w;
}

/* A flow as it is stored. */
static void
pack(const struct str *organization, const struct flow *flow, struct str *folded,
    struct packed_bounds *bounds)
{
	const struct node node = { .url = STR("http://h"), .organization = *organization,
		.flows = flow, .n_flows = 1 };
	struct buf b = BUF_INIT(0);
	struct packed_flow f;
	struct packed p;
	struct str bytes;

	packed_write(&b, &node);
	assert_int_equal(arena_str(arena, buf_str(&b), &bytes), KODO_OK);
	buf_free(&b);
	assert_int_equal(packed_open(bytes, &p), KODO_OK);
	assert_int_equal(packed_flow(&p, 0, &f), KODO_OK);
	assert_int_equal(packed_bounds_of(&p, &f, bounds), KODO_OK);
	*folded = f.folded;
}

static const struct str report_tags[] = { { "finance", 7 }, { "quarter end", 11 } };
static const struct flow report = { { "/r", 2 }, { "Budget Report", 13 },
	{ "Drafts the monthly report, e-mails it.", 38 }, { "anna.b@x.org", 12 }, report_tags, 2,
	STR_NULL, NULL, 0 };

struct sought {
	uint32_t keys[WORDS_KEYS_MAX];
	size_t n;
};

static void
key_found(void *arg, uint32_t key)
{
	struct sought *s = arg;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->keys[i] == key)
			s->keys[i--] = s->keys[--s->n];
}

/* What an index would pass over must not have the words. */
static void
keys_are_there(const struct words *w, struct str folded)
{
	struct sought s;

	s.n = words_keys(w, s.keys);
	words_keys_of_texts(folded, key_found, &s);
	assert_int_equal(s.n, 0);
}

static uint32_t
rank_of(const char *text)
{
	const struct str organization = STR("Acme Labs");
	const struct words *w = compile(text);
	struct packed_bounds bounds;
	struct str folded, needle;
	uint64_t vain = 0;
	uint32_t rank;

	assert_non_null(w);
	pack(&organization, &report, &folded, &bounds);
	rank = words_rank(w, folded, &bounds, &vain);
	needle = words_needle(w);
	if (rank > 0) {
		assert_true(words_may_be(w, folded));
		assert_true(needle.len == 0 || words_next(w, folded) != NULL);
		keys_are_there(w, folded);
	}
	return rank;
}

static void
words_are_ranked_by_place(void **state)
{
	static const struct {
		const char *words;
		unsigned rank;	/* 1 and the sum of: name 0, tag 2, author and organization 4,
				 * description 6, each 1 more for the begin of a word; 0: no */
	} cases[] = {
		{ "budget", 1 }, { "BUDGET", 1 }, { "budg", 2 }, { "report", 1 }, { "rep", 2 },
		{ "finance", 3 }, { "fin", 4 }, { "end", 3 }, { "quarter", 3 },
		{ "anna", 5 }, { "ann", 6 }, { "b", 2 }, { "org", 5 }, { "acme", 5 }, { "lab", 6 },
		{ "monthly", 7 }, { "month", 8 }, { "e-mails", 7 }, { "e-mail", 8 }, { "mails", 7 },
		{ "udget", 0 }, { "onthly", 0 }, { "other", 0 },
		{ "budget finance", 3 }, { "finance budget", 3 }, { "  finance\t\n budget ", 3 },
		{ "budget other", 0 }, { "budget budget", 1 },
		{ "monthly finance anna", 13 },
		{ "\"monthly report\"", 7 }, { "\"report monthly\"", 0 }, { "\"monthly rep\"", 0 },
		{ "\"monthly report", 7 }, { "\"monthly  REPORT\"", 7 }, { "\"budget\"", 1 },
		{ "\"budg\"", 0 }, { "\"labs budget\"", 0 }, { "\"quarter end\"", 3 },
		{ "\xe2\x80\x9cmonthly report\xe2\x80\x9d", 7 },
		{ "-other", 1 }, { "-budget", 0 }, { "-budg", 0 }, { "budget -other", 1 },
		{ "budget -finance", 0 }, { "budget -\"monthly report\"", 0 },
		{ "budget -\"report monthly\"", 1 }, { "\xe2\x80\x93" "finance", 0 },
		{ "tag:finance", 3 }, { "tag:fin", 4 }, { "tags:end", 3 }, { "tag:budget", 0 },
		{ "name:report", 1 }, { "description:report", 7 }, { "author:anna", 5 },
		{ "org:\"acme labs\"", 5 }, { "organization:acme", 5 }, { "ORG:acme", 5 },
		{ "org:\"acme lab\"", 0 }, { "org:anna", 0 }, { "-tag:finance", 0 },
		{ "-tag:budget", 1 }, { "-org:acme", 0 },
		{ "budget - & !", 1 }, { "colour:finance", 0 },
	};
	size_t i;
	uint32_t rank;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rank = rank_of(cases[i].words);
		if (rank != cases[i].rank)
			fail_msg("%s: %u instead of %u", cases[i].words, rank, cases[i].rank);
	}
}

/* Has a flow of that description the words? */
static bool
has(const char *description, const char *words)
{
	const struct flow flow = { STR("/f"), STR("F"), str_of(description), STR_NULL, NULL, 0,
		STR_NULL, NULL, 0 };
	const struct str organization = STR_NULL;
	struct packed_bounds bounds;
	struct str folded;
	uint64_t vain = 0;

	pack(&organization, &flow, &folded, &bounds);
	if (words_rank(compile(words), folded, &bounds, &vain) == 0)
		return false;
	keys_are_there(compile(words), folded);
	return true;
}

static void
words_have_keys(void **state)
{
	static const struct {
		const char *words;
		size_t n;	/* two for each of 3, 4 and 6 bytes, the longest two of a word */
	} cases[] = {
		{ "ab", 0 }, { "abc", 2 }, { "abcd", 2 }, { "abcde", 2 }, { "abcdef", 4 },
		{ "abcdefgh", 4 }, { "abc defg", 4 }, { "\"abc defg\"", 4 }, { "-abc", 0 },
		{ "tag:abcdef", 4 }, { ".net", 0 }, { "c++", 2 }, { "\xc3\xbc" "ber", 2 },
		{ "\xe6\x8a\xa5\xe5\x91\x8a", 4 },
	};
	uint32_t keys[WORDS_KEYS_MAX];
	struct sought s;
	char many[32 * 8];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (words_keys(compile(cases[i].words), keys) != cases[i].n)
			fail_msg("%s: %zu keys", cases[i].words,
			    words_keys(compile(cases[i].words), keys));
	for (i = 0; i < 31; i++)
		snprintf(many + 7 * i, 8, "abcd%02zu ", i);
	assert_int_equal(words_keys(compile(many), keys), WORDS_KEYS_MAX);
	s.n = words_keys(compile("budgetary"), s.keys);
	words_keys_of_texts(STR("the budget of a bud"), key_found, &s);
	assert_int_equal(s.n, 0);	/* the first six bytes are the same */
	s.n = words_keys(compile("budget"), s.keys);
	words_keys_of_texts(STR("abudget bud get budge t"), key_found, &s);
	assert_int_equal(s.n, 2);
}

static void
words_begin_where_people_see_it(void **state)
{
	(void)state;
	assert_true(has("snake_case_name", "case"));
	assert_true(has("l\xe2\x80\x99" "agent", "agent"));
	assert_true(has("l\xe2\x80\x99" "agent", "l'agent"));
	assert_true(has("c++ and c#", "c++"));
	assert_true(has("c++ and c#", "c#"));
	assert_false(has("c++ and c#", "c+++"));
	assert_true(has("\xc3\x9c" "bersetzt Rechnungen", "\xc3\xbc" "bersetzt"));
	assert_false(has("\xc3\x9c" "bersetzt Rechnungen", "bersetzt"));
	assert_false(has("caf\xc3\xa9s", "\xc3\xa9s"));
	assert_true(has("caf\xc3\xa9", "cafe\xcc\x81"));
	/* scripts without blanks: anywhere */
	assert_true(has("\xe8\xaf\xb7\xe5\x86\x99\xe6\x8a\xa5\xe5\x91\x8a",
	    "\xe6\x8a\xa5\xe5\x91\x8a"));
	assert_true(has("ai\xe5\x8a\xa9\xe6\x89\x8b", "\xe5\x8a\xa9\xe6\x89\x8b"));
	assert_true(has("a\xc2\xa0phrase\xe3\x80\x80here", "\"a phrase here\""));
	assert_true(has("\xf0\x9f\x9a\x80 fast", "\xf0\x9f\x9a\x80"));
}

static void
nothing_is_no_filter(void **state)
{
	static const char *const texts[] = { "", "  ", "-", "- -", "\"\"", "\"", "&|!",
		"\xe2\x80\x93" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (compile(texts[i]) != NULL)
			fail_msg("`%s` looks for something", texts[i]);
	assert_non_null(compile("tag:"));	/* no value: the word as it stands */
}

static void
ceilings_are_said(void **state)
{
	char text[4 * LIMIT_WORD_BYTES];
	struct words *w;
	struct why why;
	size_t i;

	(void)state;
	for (i = 0; i < LIMIT_WORDS; i++)
		memcpy(text + 2 * i, "a ", 2);
	assert_int_equal(words_compile(arena, (struct str){ text, 2 * i }, &w, &why), KODO_OK);
	text[2 * i] = 'a';
	assert_int_equal(words_compile(arena, (struct str){ text, 2 * i + 1 }, &w, &why),
	    KODO_EINVAL);
	assert_non_null(strstr(why.text, "More than 32 words"));
	memset(text, 'x', sizeof(text));
	assert_int_equal(words_compile(arena, (struct str){ text, LIMIT_WORD_BYTES }, &w, &why),
	    KODO_OK);
	assert_int_equal(words_compile(arena, (struct str){ text, LIMIT_WORD_BYTES + 1 }, &w, &why),
	    KODO_EINVAL);
	assert_non_null(strstr(why.text, "at most 256 bytes"));
}

/* Bounds are where the fields end that were folded one by one. */
static void
bounds_are_those_of_the_fields(void **state)
{
	static const struct str odd_tags[] = { { "a\"b", 3 }, { "\xc3\x84\\", 3 }, { "", 0 } };
	/* with them there are blanks, too, where an author of two letters would end */
	static const struct str blanks[] = { { "a", 1 }, { "b", 1 } };
	static const struct flow flows[] = {
		{ { "/a", 2 }, { "K\xe2\x84\xaa" "elvin", 9 }, { "ab", 2 }, { "cd", 2 }, NULL, 0,
		    STR_NULL, NULL, 0 },
		{ { "/a", 2 }, { "\xc4\xb0stanbul", 9 }, { NULL, 0 }, { "", 0 }, odd_tags, 3,
		    STR_NULL, NULL, 0 },
		{ { "/a", 2 }, { "plain name", 10 }, { "some text", 9 }, { "null", 4 }, NULL, 0,
		    STR_NULL, NULL, 0 },
		{ { "/a", 2 }, { "n", 1 }, { NULL, 0 }, { NULL, 0 }, odd_tags, 1,
		    STR_NULL, NULL, 0 },
		{ { "/a", 2 }, { "\"q\\\n\x01", 5 }, { "\xc8\xba \xe4\xb8\xad", 6 },
		    { "x y  z", 6 }, odd_tags + 1, 2,
		    STR_NULL, NULL, 0 },
		{ { "/a", 2 }, { "", 0 }, { "", 0 }, { "", 0 }, NULL, 0,
		    STR_NULL, NULL, 0 },
		{ { "/a", 2 }, { "n", 1 }, { "x y", 3 }, { NULL, 0 }, blanks, 2,
		    STR_NULL, NULL, 0 },
		{ { "/a", 2 }, { "exactly eight and more", 22 }, { "a description", 13 },
		    { "somebody@example.org", 20 }, report_tags, 2,
		    STR_NULL, NULL, 0 },
	};
	static const struct str organizations[] = { { NULL, 0 }, { "", 0 }, { "Org \"1\"", 7 },
		{ "\xc3\x96rg \xe2\x84\xaa", 8 }, { "eight ch", 8 } };
	struct packed_bounds bounds;
	struct str folded;
	size_t i, k, j, at, lens[PACKED_BOUNDS - 1];

	(void)state;
	for (i = 0; i < sizeof(flows) / sizeof(flows[0]); i++)
		for (k = 0; k < sizeof(organizations) / sizeof(organizations[0]); k++) {
			const struct str fields[] = { organizations[k], flows[i].name,
				flows[i].author, flows[i].description };

			pack(&organizations[k], &flows[i], &folded, &bounds);
			for (j = 0, at = 0; j < PACKED_BOUNDS - 1; j++) {
				struct buf b = BUF_INIT(0);

				utf8_fold(&b, fields[j]);
				lens[j] = b.len;
				buf_free(&b);
				at += lens[j];
				if (bounds.end[j] != at)
					fail_msg("flow %zu of %zu: field %zu ends at %zu, not %zu",
					    i, k, j, bounds.end[j], at);
				at++;
			}
			assert_int_equal(bounds.end[PACKED_BOUND_TAGS], folded.len);
		}
}

static void
hits_are_marked(void **state)
{
	static const struct {
		const char *words, *text, *want;
		enum packed_bound field;
	} cases[] = {
		{ "rep budget", "Budget Report", "[Budget] [Rep]ort", PACKED_BOUND_NAME },
		{ "report", "a reporter reports", "a [report]er [report]s", PACKED_BOUND_NAME },
		{ "tag:report", "Report", "Report", PACKED_BOUND_NAME },
		{ "tag:report", "Report", "[Report]", PACKED_BOUND_TAGS },
		{ "-report budget", "budget report", "[budget] report", PACKED_BOUND_NAME },
		{ "\"monthly report\"", "The Monthly  report, monthly",
		    "The [Monthly  report], monthly", PACKED_BOUND_DESCRIPTION },
		{ "re rep repo", "report", "[repo]rt", PACKED_BOUND_NAME },
		{ "stanbul istanbul", "\xc4\xb0stanbul \xc3\x84" "b",
		    "[\xc4\xb0stanbul] \xc3\x84" "b", PACKED_BOUND_NAME },
		{ "a", "<a> & 'a", "<[a]> & '[a]", PACKED_BOUND_NAME },
		{ "nothing", "", "", PACKED_BOUND_NAME },
	};
	const struct words_span *spans;
	struct str text;
	size_t i, k, n, at;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = BUF_INIT(0);

		text = str_of(cases[i].text);
		assert_int_equal(words_mark(arena, compile(cases[i].words), cases[i].field, text,
		    &spans, &n), KODO_OK);
		for (k = 0, at = 0; k < n; k++) {
			assert_true(spans[k].from >= at && spans[k].to <= text.len);
			buf_put(&b, text.p + at, spans[k].from - at);
			buf_printf(&b, "[%.*s]", (int)(spans[k].to - spans[k].from),
			    text.p + spans[k].from);
			at = spans[k].to;
		}
		buf_put(&b, text.p + at, text.len - at);
		assert_string_equal(buf_z(&b), cases[i].want);
		buf_free(&b);
	}
}

static void
near_words_are_found(void **state)
{
	static const struct {
		const char *words, *want;	/* NULL: nothing */
	} cases[] = {
		{ "buget", "budget" }, { "budgett", "budget" }, { "bidget", "budget" },
		{ "bugdet", "budget" }, { "ubdget", "budget" }, { "budgte", "budget" },
		{ "xbudget", "budget" }, { "udget", "budget" }, { "budge", NULL },
		{ "bxdgxt", NULL }, { "budget", NULL }, { "reprot bugdet", "report budget" },
		{ "finanse -other", "finance -other" }, { "-bugdet", NULL },
		{ "tag:finanse", "tag:finance" }, { "tag:bugdet", NULL }, { "fx", NULL },
		{ "mothl", "monthl" }, { "\"monthly reprt\"", NULL },
	};
	const struct str organization = STR("Acme Labs");
	struct packed_bounds bounds;
	struct words_near *near;
	struct str folded, meant;
	size_t i;

	(void)state;
	pack(&organization, &report, &folded, &bounds);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(words_near_new(arena, compile(cases[i].words), &near), KODO_OK);
		assert_int_equal(words_near_add(near, folded, &bounds), KODO_OK);
		assert_int_equal(words_near_end(near, &meant), KODO_OK);
		if (!str_eq(meant, str_of(cases[i].want)))
			fail_msg("%s: `%.*s` instead of `%s`", cases[i].words, STR_ARG(meant),
			    cases[i].want == NULL ? "" : cases[i].want);
	}
}

/* What is compared in vain is in proportion to what it says. */
static void
vain_work_is_counted(void **state)
{
	char *text = malloc(60002);
	struct packed_bounds bounds = { { 0, 1, 2, 60003, 60004 } };
	uint64_t vain = 0;
	size_t i;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < 60000; i += 2)
		memcpy(text + i, "a ", 2);
	assert_int_equal(words_rank(compile("\"a a a a a a a a a a a a a a a a b\""),
	    (struct str){ text, 60000 }, &bounds, &vain), 0);
	assert_in_range(vain, 30000 * 30, 30000 * 60);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_ranked_by_place),
		cmocka_unit_test(words_have_keys),
		cmocka_unit_test(words_begin_where_people_see_it),
		cmocka_unit_test(nothing_is_no_filter),
		cmocka_unit_test(ceilings_are_said),
		cmocka_unit_test(bounds_are_those_of_the_fields),
		cmocka_unit_test(hits_are_marked),
		cmocka_unit_test(near_words_are_found),
		cmocka_unit_test(vain_work_is_counted),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
