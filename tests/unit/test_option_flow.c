/* The addresses of own flows in a loader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "option_load.h"

#define FLOW(member) "- flows:\n  - name: y\n    " member "\n"

/* A path that no link leads to, an address that nobody can call: what to write instead. */
static void
test_bad_addresses(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ FLOW("url: https://a.example:8443/chat?x=1"),
		    "/l.yaml:3: url of a flow is its path below /flows: write url: "
		    "\"/chat\", and entry: \"https://a.example:8443/chat?x=1\"" },
		{ FLOW("url: http://a.example/"), "below /flows: write url: /NAME, and entry: " },
		{ FLOW("url: ftp://a/b"), "/l.yaml:3: url of a flow is its path below /flows, as" },
		{ FLOW("url: /a?b=c"), "/l.yaml:3: url of a flow has a query: write the path" },
		{ FLOW("url: '/a#b'"), "/l.yaml:3: url of a flow has a fragment: write the path" },
		{ FLOW("url: /a b"), "/l.yaml:3: url of a flow has a blank: write - or %20 for" },
		{ FLOW("url: \"/a\\tb\""), "/l.yaml:3: url of a flow has a blank" },
		{ FLOW("url: /a\n    entry: http://u:p@a"),
		    "/l.yaml:4: entry of a flow: no url, user information: \"http://u:p@a\"" },
		{ FLOW("url: /a\n    entry: http://a b"),
		    "/l.yaml:4: entry of a flow: no url, blank" },
		{ FLOW("url: /a\n    entry: \"http://a\\u0001\""),
		    "entry of a flow: no url, blank or" },
		{ FLOW("url: /a\n    entry: 'http://a#b'"), "entry of a flow: no url, fragment" },
		{ FLOW("url: /a\n    entry: https:///b"), "entry of a flow: no url, missing host" },
		{ FLOW("url: /a\n    entry: javascript:alert(1)"),
		    "/l.yaml:4: entry of a flow: expected where the agent is, with http:// or" },
		{ FLOW("url: /a\n    entry: localhost:9000"), "got \"localhost:9000\"" },
		{ FLOW("url: /a\n    entry: a.example/chat"), "got \"a.example/chat\"" },
		{ FLOW("url: /a\n    entry: a:b:c:d"), "got \"a:b:c:d\"" },
		{ FLOW("url: /a\n    entry: 'a:'"), "got \"a:\"" },
		{ FLOW("url: /a\n    entry: //a/b"), "got \"//a/b\"" },
		{ FLOW("url: /a\n    entry: http://a\n    Entry: http://b"),
		    "/l.yaml:5: entry of a flow is given twice" },
	};
	struct buf b = BUF_INIT(0);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		scratch_write("l.yaml", rows[i].text);
		assert_int_equal(service("l.yaml"), KODO_EINVAL);
		check_why(rows[i].why);
	}
	buf_puts(&b, FLOW("url: /a\n    entry: http://a/"));
	b.len--;
	while (b.len < 2200)
		buf_putc(&b, 'x');
	scratch_write("l.yaml", buf_z(&b));
	assert_int_equal(service("l.yaml"), KODO_EINVAL);
	check_why("/l.yaml:4: entry of a flow is over 2048 bytes");
	buf_free(&b);
}

static void
test_entries(void **state)
{
	(void)state;
	load_text("- flows:\n  - {url: /a, name: A, entry: 'HTTPS://h:1/a?b=c'}\n"
		    "  - {url: /b, name: B, entry: ''}\n  - {url: /c, name: C, entry: ~}\n"
		    "  - {url: /d, name: D, entry: 'my-env:p.m_1:f'}\n");
	check_str(o.flows[0].entry, "HTTPS://h:1/a?b=c");
	check_str(o.flows[1].entry, NULL);
	check_str(o.flows[2].entry, NULL);
	check_str(o.flows[3].entry, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bad_addresses),
		TEST(test_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
