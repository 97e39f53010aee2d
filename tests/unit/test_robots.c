/* robots.txt, by RFC 9309 and its examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/robots.h"

struct one {
	const char *text, *path;
	bool allows;
};

static void
check(const struct one *rows, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (robots_allows(str_of(rows[i].text), STR("kodo"), str_of(rows[i].path)) !=
		    rows[i].allows)
			fail_msg("%s for %s", rows[i].text, rows[i].path);
}
#define CHECK(rows)	check(rows, sizeof(rows) / sizeof((rows)[0]))

static void
groups(void **state)
{
	static const struct one rows[] = {
		{ "", "/", true },
		{ "nonsense\n\n:\n#\nuser-agent\nDisallow: /", "/", true },
		{ "User-agent: *\nDisallow: /", "/x", false },
		{ "User-agent: *\nDisallow: /", "/robots.txt", true },
		{ "User-agent: *\nDisallow:", "/x", true },
		{ "user-AGENT : KoDo # us\r\nDISALLOW\t: /x # so\r\n", "/x/y", false },
		{ "User-agent: kodo/1.0\rDisallow: /x\r", "/x", false },
		{ "\xef\xbb\xbfUser-agent: kodo\nDisallow: /", "/", false },
		/* the own group alone counts, even where it has nothing to say */
		{ "User-agent: *\nDisallow: /\n\nUser-agent: kodo\nAllow: /", "/x", true },
		{ "User-agent: kodo\n\nUser-agent: *\nDisallow: /", "/x", false },
		{ "User-agent: kodo\nDisallow: /y\n\nUser-agent: *\nDisallow: /", "/x", true },
		{ "User-agent: other\nUser-agent: kodo\nDisallow: /", "/x", false },
		{ "User-agent: kodo\nDisallow: /x\nUser-agent: other\nDisallow: /y", "/y", true },
		{ "User-agent: kodo\nDisallow: /x\nUser-agent: o\nAllow: /\nUser-agent: kodo\n"
		  "Disallow: /y", "/y", false },
		{ "User-agent: kodo\nDisallow: /x\nUser-agent: o\nAllow: /\nUser-agent: kodo\n"
		  "Disallow: /y", "/x", false },
		/* other lines end no group */
		{ "User-agent: kodo\nSitemap: https://x/y\nUser-agent: o\nDisallow: /", "/x",
		    false },
		{ "User-agent: kodobot\nDisallow: /", "/x", true },
		{ "User-agent: kod\nDisallow: /", "/x", true },
		{ "User-agent: \nDisallow: /", "/x", true },
	};

	(void)state;
	CHECK(rows);
}

#define MINE(rules)	"User-agent: kodo\n" rules

static void
patterns(void **state)
{
	static const struct one rows[] = {
		{ MINE("Disallow: /x\nAllow: /x/y"), "/x/y/z", true },
		{ MINE("Disallow: /x\nAllow: /x/y"), "/x/z", false },
		{ MINE("Allow: /x/y\nDisallow: /x/y"), "/x/y", true },
		{ MINE("Disallow: /x/y\nAllow: /x/y"), "/x/y", true },
		{ MINE("Disallow: /X"), "/x", true },
		{ MINE("Disallow: *.gif$"), "/a/b.gif", false },
		{ MINE("Disallow: *.gif$"), "/a/b.gif?x", true },
		{ MINE("Disallow: /a*b*c"), "/a-b-b-cc", false },
		{ MINE("Disallow: /a*b*c"), "/a-c-b", true },
		{ MINE("Disallow: /a*$"), "/a", false },
		{ MINE("Disallow: /a*ab$"), "/aabaab", false },
		{ MINE("Disallow: /$"), "/", false },
		{ MINE("Disallow: /$"), "/x", true },
		{ MINE("Disallow: *"), "/", false },
		{ MINE("Disallow: $"), "/", true },
		/* of RFC 9309, 2.2.2 */
		{ MINE("Disallow: /foo/bar?baz=quz"), "/foo/bar?baz=quz", false },
		{ MINE("Disallow: /foo/bar?baz=https://foo.bar"),
		    "/foo/bar?baz=https%3A%2F%2Ffoo.bar", false },
		{ MINE("Disallow: /foo/bar/\xe3\x83\x84"), "/foo/bar/%E3%83%84", false },
		{ MINE("Disallow: /foo/bar/%E3%83%84"), "/foo/bar/%e3%83%84x", false },
		{ MINE("Disallow: /foo/bar/%62%61%7A"), "/foo/bar/baz", false },
		{ MINE("Disallow: /a%2ab"), "/a*b", false },
		{ MINE("Disallow: /a%2ab"), "/axb", true },
		{ MINE("Disallow: /100%"), "/100%", false },
		{ MINE("Disallow: /100%2"), "/100%2", false },
	};

	(void)state;
	CHECK(rows);
}

/* A file made to take long is refused soon, whatever it says. */
static void
hostile(void **state)
{
	struct buf text = BUF_INIT(0), path = BUF_INIT(0);
	clock_t began = clock();
	unsigned i;

	(void)state;
	buf_puts(&path, "/");
	for (i = 0; i < 2000; i++)
		buf_putc(&path, 'a');
	buf_puts(&text, "User-agent: *\n");
	while (text.len < ROBOTS_MAX_BYTES) {
		buf_puts(&text, "Allow: /*");
		for (i = 0; i < 1000; i++)
			buf_putc(&text, 'a');
		buf_puts(&text, "b*\n");
	}
	assert_false(buf_failed(&text));
	assert_false(robots_allows(buf_str(&text), STR("kodo"), buf_str(&path)));
	assert_true(clock() - began < CLOCKS_PER_SEC);
	buf_free(&text);
	buf_free(&path);
}

/* What is cut off at the end reads nothing beyond it, where a page begins that cannot be read. */
static void
cut_off(void **state)
{
	static const char text[] = "User-agent: *\r\nDisallow: /%41*%4$\nAllow: /a%\n";
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *two = mmap(
	    NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	(void)state;
	assert_true(two != MAP_FAILED && mprotect(two + page, page, PROT_NONE) == 0);
	for (i = 0; i < sizeof(text); i++) {
		char *copy = two + page - i;

		memcpy(copy, text, i);
		(void)!robots_allows((struct str){ copy, i }, STR("kodo"), STR("/A%4"));
	}
	assert_int_equal(munmap(two, 2 * page), 0);
}

/* Nobody must read more of one than that, and what is behind it counts for nothing. */
static void
too_long(void **state)
{
	struct buf text = BUF_INIT(0);

	(void)state;
	buf_puts(&text, "User-agent: *\n");
	while (text.len < ROBOTS_MAX_BYTES)
		buf_puts(&text, "# a comment\n");
	buf_puts(&text, "Disallow: /\n");
	assert_true(robots_allows(buf_str(&text), STR("kodo"), STR("/x")));
	buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups),
		cmocka_unit_test(patterns),
		cmocka_unit_test(hostile),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
