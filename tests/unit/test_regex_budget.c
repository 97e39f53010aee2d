/*
 * Regular expressions made to take for ever, over 100,000 flows: each is answered, or refused as
 * too much, within a bound of processor time. HOSTILE=1000 (make hostile) tries that many and holds
 * them to 50 ms; without it fewer are tried with a bound that slow and busy machines meet.
 */
#include <time.h>

#include "core/query/query.h"
#include "core/query/regex.h"
#include "core/registry/requests.h"
#include "core/registry/startup.h"
#include "core/storage/sink.h"
#include "core/views/search.h"
#include "registry_help.h"

#define FLOWS		100000u
#define NODE_FLOWS	100u
#define SOME		50u
#define STRICT_MS	50.0
#define LAX_MS		500.0

/* What is known to be slow somewhere; X is where what does not match comes. */
static const char *const classics[] = { "(a+)+$X", "(.*)*X", "(\\w+\\s?)*X", "(.*.*)*X",
	"^(([a-z])+.)+[A-Z]([a-z])+$", "(a|aa)+$X", "(?=(\\w+))\\1*X", "(.*?,){11}X",
	"(\\w*)*?\\1X", ".*.*.*.*.*.*X", "((a*)*)*X", "(?i)(?:(.)(?!.*\\1))+X", "(?:a?){30}a{30}X",
	"(a(?1)?a)+X", "(?s)(.+)\\1\\1X", "(?:(?=.*X)|.)+X", "(?<!q)(?:a|.|e|,)*?X",
	"^(?:.?){300}X", "(?:.{1,30}){1,30}X", "(\\p{L}+|\\s+|\\w+)*X", "(.{1,9}){9}\\1X",
	"((?:[^z]|[^y])*)*X", "(?(?=.*X)a|(.+)+X)", "(\\S+\\s*)*(\\S+\\s*)*X" };

/* Pieces of others; Y is a piece again. */
static const char *const pieces[] = { "(Y)+", "(Y)*", "(Y|Y)*", "(?:Y)+?", "(?=Y)", "(?!Y)",
	"(?:Y){1,20}", "Y?Y", "(?>Y)*", "(Y)\\1*", "[a-z]+", "\\w*", ".*", ".+?", "a", "e*",
	"[^,]*", "\\s?", "(?:a|e|i|o|u|.)*", "(?<=[aeiou]|\\b)Y", "[a-eg-kmo-su-z0-9@ .,-]*",
	"\\p{L}+", "(?i:Y)", "(?:Y|Y|Y|Y)*", "\\b", "[[:alpha:]]*", "(?:Y){0,200}", "[\\p{L}\\d]*",
	"(?|Y|Y)+" };

static const char *const fields[] = { "description", "name", "author", "url" };

#define COUNT(list)	(sizeof(list) / sizeof((list)[0]))

static unsigned seed = 20260113;

static unsigned
any(size_t n)
{
	return (unsigned)(((unsigned long long)rand_r(&seed) * n) / (RAND_MAX + 1ull));
}

static double
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
put_piece(struct buf *b, unsigned depth)
{
	const char *p = pieces[any(COUNT(pieces))];

	while (depth == 0 && strchr(p, 'Y') != NULL)
		p = pieces[any(COUNT(pieces))];
	for (; *p != '\0'; p++)
		if (*p == 'Y')
			put_piece(b, depth - 1);
		else
			buf_putc(b, *p);
}

static void
put_pattern(struct buf *b, unsigned number)
{
	static const char *const none[] = { "[\\x{1}-\\x{3}]", "z{9}", "(*F)", "$.",
		"\\d\\d\\d\\d\\d\\d" };
	const char *p = number < COUNT(classics) ? classics[number] : "YYX", *end;

	if (any(8) == 0)
		p = "(YX|YX|YX)*YX";
	for (; *p != '\0'; p++) {
		if (*p == 'Y') {
			put_piece(b, 1 + any(3));
		} else if (*p == 'X') {
			for (end = none[any(COUNT(none))]; *end != '\0'; end++)
				buf_putc(b, *end);
		} else {
			buf_putc(b, *p);
		}
	}
}

/* One or two tests, each backslash doubled as a text in q wants it. */
static void
put_query(struct buf *b, unsigned number)
{
	struct buf pattern = BUF_INIT(0);
	unsigned i, n = 1 + (any(5) == 0);
	size_t k;

	for (i = 0; i < n; i++) {
		buf_reset(&pattern);
		put_pattern(&pattern, number);
		buf_printf(b, "%s%s%s =~ \"", i > 0 ? " or " : "", any(9) == 0 ? "not " : "",
		    fields[any(4) == 0 ? any(COUNT(fields)) : 0]);
		for (k = 0; k < pattern.len; k++) {
			if (pattern.p[k] == '\\')
				buf_putc(b, '\\');
			buf_putc(b, pattern.p[k]);
		}
		buf_putc(b, '"');
	}
	buf_free(&pattern);
}

static void
put_node(struct buf *b, unsigned number)
{
	static const char *const words[] = { "agent", "planner", "media", "security", "analysis",
		"aaaaaaaaaaaaaaaa", "search", "writer", "e-mails", "weather", "medical", "music" };
	unsigned i, k;

	buf_printf(b, "%s{\"url\":\"http://n%u:1\",\"flows\":[", number > 0 ? "," : "", number);
	for (i = 0; i < NODE_FLOWS; i++) {
		buf_printf(b, "%s{\"url\":\"/flow-%u\",\"name\":\"%s %s %u\",\"author\":"
		    "\"%s.%s@example.com\",\"tags\":[\"x\"],\"description\":\"Made",
		    i > 0 ? "," : "", i, words[any(12)], words[any(12)], any(1000),
		    words[any(12)], words[any(12)]);
		for (k = 5 + any(20); k > 0; k--)
			buf_printf(b, "%s %s", any(6) == 0 ? "," : "", words[any(12)]);
		buf_puts(b, ".\"}");
	}
	buf_puts(b, "]}");
}

static int
fill(void **state)
{
	struct buf b = BUF_INIT(0);
	struct arena *keep;
	struct wire_body body;
	struct fixture *f;
	struct receipt in;
	unsigned i;

	fixture_setup(state);
	f = *state;
	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	buf_putc(&b, '[');
	for (i = 0; i < FLOWS / NODE_FLOWS; i++)
		put_node(&b, i);
	buf_putc(&b, ']');
	keep = f->a;
	f->a = arena_new();
	body = body_of(f, "http://p:1", false, buf_z(&b), NULL);
	must(registry_connect(f->r, &body, f->now_us, &in));
	arena_free(f->a);
	f->a = keep;
	buf_free(&b);
	return 0;
}

/* Answer q; processor time in ms. */
static double
ask(struct fixture *f, const char *q, bool *is_regex, bool *refused)
{
	struct search_query fq = { .p = 0, .pp = 10 };
	struct sink out = SINK_INIT(registry_state(f->r));
	struct search_sink s = { .out = &out };
	struct search_result res;
	double ms = cpu_ms();
	struct view v;
	enum kodo_err err;

	arena_reset(f->a);
	must(query_compile(f->a, str_of(q), &fq.q));
	must(order_parse(f->a, STR_NULL, &fq.by));
	must(view_begin(f->r, f->now_us, &v));
	err = search_flows(&v, f->a, &fq, &s, &res);
	view_end(&v);
	ms = cpu_ms() - ms;
	*is_regex = query_fulltext(fq.q).p == NULL;
	*refused = err == KODO_ETOOBIG;
	assert_true(err == KODO_OK || *refused);
	sink_free(&out);
	return ms;
}

static void
test_hostile(void **state)
{
	const char *many = getenv("HOSTILE");
	unsigned n = many != NULL ? (unsigned)strtoul(many, NULL, 10) : SOME, i;
	unsigned n_refused = 0, n_regex = 0;
	double bound_ms = many != NULL ? STRICT_MS : LAX_MS, ms, worst_ms = 0, sum_ms = 0;
	struct buf b = BUF_INIT(0);
	bool is_regex, refused;

	for (i = 0; i < n; i++) {
		buf_reset(&b);
		put_query(&b, i);
		ms = ask(*state, buf_z(&b), &is_regex, &refused);
		n_regex += is_regex;
		n_refused += refused;
		sum_ms += ms;
		worst_ms = ms > worst_ms ? ms : worst_ms;
		if (ms > bound_ms)
			fail_msg("%.1f ms: %s", ms, buf_z(&b));
	}
	print_message("# %u expressions, %u refused, %.1f ms each, worst %.1f ms\n", n_regex,
	    n_refused, sum_ms / n, worst_ms);
	assert_true(n_regex * 10 >= n * 9);
	assert_true(n_refused * 10 >= n);
	buf_free(&b);
}

/* What people write is answered whole, however many flows there are. */
static void
test_honest(void **state)
{
	static const char *const list[] = { "name =~ \"^[A-M]\"", "name =~ \"(?i)^planner [a-m]\"",
		"author =~ \"^[a-m].*@example\"", "description =~ \"search|writer\"",
		"description =~ \"\\\\bmedia\\\\b\"", "description =~ \"(?i)made .* music\"",
		"name =~ \"[0-9]{3}$\"", "url =~ \"/flow-1[0-9]$\"",
		"name =~ \"^(media|music)\" and description =~ \"weather|medical\"",
		"description =~ \"^\\\\w+ \\\\w+, (music|media)\"",
		"author =~ \"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\\\.[A-Za-z]{2,}$\"",
		"name =~ \"[A-Za-z-]+ [0-9]+$\"" };
	bool is_regex, refused;
	size_t i;

	for (i = 0; i < COUNT(list); i++) {
		ask(*state, list[i], &is_regex, &refused);
		if (!is_regex || refused)
			fail_msg("refused: %s", list[i]);
	}
}

/* Match text as a row of its own; KODO_ETOOBIG: refused. */
static enum kodo_err
match_row(struct regex_pool *pool, struct regex *re, struct str text)
{
	bool matches;
	enum kodo_err err;

	regex_pool_row(pool);
	err = regex_match(pool, re, text, &matches);
	assert_true(err == KODO_OK || err == KODO_ETOOBIG);
	return err;
}

/* Alternatives of piece, as many as fit, and something that does not match. */
static struct regex *
compile_many(struct regex_pool *pool, struct arena *a, const char *piece, unsigned n)
{
	struct buf b = BUF_INIT(0);
	struct regex *re;
	const char *reason;
	struct str pattern;
	size_t offset;

	buf_puts(&b, "(?:");
	while (n-- > 0)
		buf_printf(&b, "%s%s", piece, n > 0 ? "|" : ")[\\x{1}-\\x{3}]");
	must(arena_str(a, buf_str(&b), &pattern));
	buf_free(&b);
	must(regex_compile(pool, pattern, &re, &reason, &offset));
	return re;
}

/*
 * Texts that are cheap wherever the count is taken (the first, and each 32nd), and costly else: the
 * clock ends it. Also with many expressions, each of which has a count of its own.
 */
static void
test_deceiving(void **state)
{
	static const char *const costs[] = { "(?=[[:alpha:]]*)", "(?=\\w*)", "\\w*+x", "a(?=.*)",
		"(?:a(?=\\w*))*", "(?=[\\pN\\pN\\pN\\pN\\pN\\pN\\pN\\pN\\pL]*)",
		"(?:(?=[[:alpha:]]*)){1,20}a" };
	static const size_t lens[] = { 100, 250, 500, 1000, 2000, 65000 };
	struct fixture *f = *state;
	struct regex_pool *pool;
	enum kodo_err err;
	struct regex *re[20];
	static char text[65000];
	unsigned i, k, n, row;
	double ms, worst_ms = 0;

	memset(text, 'a', sizeof(text));
	for (i = 0; i < COUNT(costs); i++)
		for (k = 0; k < COUNT(lens) * 2; k++) {
			arena_reset(f->a);
			pool = regex_pool_new(f->a);
			assert_non_null(pool);
			for (n = 0; n < COUNT(re); n++)
				re[n] = compile_many(pool, f->a, costs[i], k % 2 == 0 ? 1 : 40);
			err = KODO_OK;
			ms = cpu_ms();
			for (row = 1; row < 2000 && err == KODO_OK && cpu_ms() - ms < 2000; row++)
				for (n = 0; n < COUNT(re) && err == KODO_OK; n++)
					err = match_row(pool, re[n], (struct str){ text,
					    row <= 32 || row % 32 == 0 ? 1 : lens[k / 2] });
			ms = cpu_ms() - ms;
			worst_ms = ms > worst_ms ? ms : worst_ms;
			if (ms > LAX_MS)
				fail_msg("%.1f ms: %s, %zu bytes", ms, costs[i], lens[k / 2]);
		}
	print_message("# worst %.1f ms\n", worst_ms);
}

/* What nothing could end is not taken. */
static void
test_unendable(void **state)
{
	struct fixture *f = *state;
	struct regex_pool *pool;
	struct regex *re;
	const char *reason;
	struct buf b = BUF_INIT(0);
	size_t offset, i;
	static const char *const refused[] = { "a\\X", "(*sr:\\w+)", "(*atomic_script_run:a)" };

	arena_reset(f->a);
	pool = regex_pool_new(f->a);
	assert_non_null(pool);
	for (i = 0; i < COUNT(refused); i++) {
		assert_int_equal(
		    regex_compile(pool, str_of(refused[i]), &re, &reason, &offset), KODO_EINVAL);
		assert_string_equal(reason, "\\X and script runs are not supported");
		assert_int_equal(offset, i == 0);
	}
	must(regex_compile(pool, STR("\\Q\\X(*sr:\\E"), &re, &reason, &offset));
	buf_putc(&b, '[');
	for (i = 0; i < 100; i++)
		buf_puts(&b, "\\pN");
	buf_puts(&b, "]");
	assert_int_equal(regex_compile(pool, buf_str(&b), &re, &reason, &offset), KODO_EINVAL);
	assert_string_equal(reason, "character class is too long");
	buf_free(&b);
}

#define TEN_CLASSES	"\\pN\\pN\\pN\\pN\\pN\\pN\\pN\\pN\\pN\\pN"

/* One long text, at the first row: the interpreter is ended too. */
static void
test_long_text(void **state)
{
	static const char *const costs[] = { "\\w*", "(a)*",
		"[" TEN_CLASSES TEN_CLASSES TEN_CLASSES "\\pL]*" };
	struct fixture *f = *state;
	struct regex_pool *pool;
	struct regex *re;
	static char text[65536];
	unsigned i;
	double ms;

	memset(text, 'a', sizeof(text));
	for (i = 0; i < COUNT(costs); i++) {
		arena_reset(f->a);
		pool = regex_pool_new(f->a);
		assert_non_null(pool);
		ms = cpu_ms();
		re = compile_many(pool, f->a, costs[i], 20);
		assert_int_equal(
		    match_row(pool, re, (struct str){ text, sizeof(text) }), KODO_ETOOBIG);
		ms = cpu_ms() - ms;
		if (ms > LAX_MS / 2)
			fail_msg("%.1f ms: %s", ms, costs[i]);
	}
}

/* Time that the processor is with others, or a disk, is not charged. */
static void
test_waiting(void **state)
{
	struct fixture *f = *state;
	struct regex_pool *pool;
	unsigned i;
	struct regex *re;

	arena_reset(f->a);
	pool = regex_pool_new(f->a);
	assert_non_null(pool);
	re = compile_many(pool, f->a, "[A-M]", 1);
	for (i = 0; i < 2000; i++) {
		if (i % 500 == 30)
			usleep(100000);
		must(match_row(pool, re, STR("a name of some 30 letters, not more")));
	}
}

/* An expression that takes much, but not too much, is answered however slow the machine is. */
static void
test_counted(void **state)
{
	struct fixture *f = *state;
	struct regex_pool *pool;
	const char *reason;
	struct regex *re;
	uint64_t steps[2];
	unsigned i, k;
	size_t offset;

	for (k = 0; k < 2; k++) {
		arena_reset(f->a);
		pool = regex_pool_new(f->a);
		assert_non_null(pool);
		must(regex_compile(pool, STR("a+\\d"), &re, &reason, &offset));
		for (i = 0; i < 1000; i++)
			must(match_row(pool, re, STR("aaaaaaaaaaaaaaaa aaaaaaaaaaaaaaaa aa1")));
		steps[k] = regex_pool_steps(pool);
	}
	assert_true(steps[0] > 1000);
	assert_int_equal(steps[0], steps[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_honest),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_deceiving),
		cmocka_unit_test(test_unendable),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_counted),
	};

	return cmocka_run_group_tests(tests, fill, fixture_teardown);
}
