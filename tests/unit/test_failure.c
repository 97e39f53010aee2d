/* What is said of an attempt that failed, and what can be done about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/exchange/failure.h"

#define T	"http://t:1"

static void
redirects(void **state)
{
	static const struct {
		const char *asked, *moved, *said;
	} rows[] = {
		{ T "/connect", NULL, "" },
		{ T "/connect", "https://r.example/connect",
		    "redirects to https://r.example/connect; write https://r.example into "
		    "connect" },
		{ T "/connect", "https://t:1/connect",
		    "redirects to https://t:1/connect; write https://t:1 into connect" },
		{ T "/update", "http://t:1/kodo/update",
		    "redirects to http://t:1/kodo/update; write http://t:1/kodo into connect" },
		{ T "/deep/connect", "http://t:1/connect",
		    "redirects to http://t:1/connect; write http://t:1 into connect" },
		{ T "/", "https://r.example/",
		    "redirects to https://r.example/; write https://r.example into connect" },
		{ T "/connect", "https://r.example/connect/",
		    "redirects to https://r.example/connect/; write https://r.example into "
		    "connect" },
		/* to what is no other address of a registry */
		{ T "/connect", T "/connect/", "redirects to " T "/connect/" },
		{ T "/connect", T "/connect", "redirects to " T "/connect" },
		{ T "/", T "//", "redirects to " T "//" },
		{ T "/connect", "https://sso.example/login?next=secret#x",
		    "redirects to https://sso.example/login" },
		{ T "/connect", "http://a/\xe2\x80\xae\n/connect",
		    "redirects to http://a/\xe2\x80\xae /connect; write http://a/\xe2\x80\xae "
		    " into connect" },
		/* the key is nobody's business */
		{ T "/check?key=abc", "https://t/check?key=abc",
		    "redirects to https://t/check; write https://t into connect" },
	};
	char out[FAILURE_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		failure_redirect(str_of(rows[i].asked), rows[i].moved, "connect", out);
		assert_string_equal(out, rows[i].said);
	}
	failure_redirect(STR(T "/update"), "https://t/update", NULL, out);
	assert_string_equal(out, "redirects to https://t/update");
}

static void
long_redirect(void **state)
{
	char to[2 * FAILURE_BYTES] = "https://r.example/", out[FAILURE_BYTES];

	(void)state;
	memset(to + strlen(to), 'x', FAILURE_BYTES);
	memcpy(to + strlen(to), "/connect", sizeof("/connect"));
	failure_redirect(STR(T "/connect"), to, "connect", out);
	assert_null(strstr(out, "write"));
	assert_in_range(strlen(out), 100, FAILURE_BYTES - 1);
}

static void
words_and_remedies(void **state)
{
	static const struct {
		bool is_target;
		struct exchange_result res;
		const char *words, *remedy;
	} rows[] = {
		{ true, { .status = 301, .moved = "https://r/connect" },
		    "HTTP status 301: redirects to https://r/connect; write https://r into connect",
		    "correct its url" },
		{ false, { .status = 308, .moved = "https://r/connect" },
		    "HTTP status 308: redirects to https://r/connect", "correct its url" },
		{ true, { .status = 301 }, "HTTP status 301: ", "see that it runs and answers" },
		{ true, { .status = 400, .body = { "<h1>The plain HTTP request was sent to HTTPS "
		    "port", 49 } }, "HTTP status 400: <h1>The plain HTTP request was sent to HTTPS "
		    "port", "it speaks https: correct its url" },
		{ true, { .status = 404, .body = { "a\nb", 3 } }, "HTTP status 404: a b",
		    "no registry answers there: correct its url" },
		{ true, { .error = "Couldn't connect to server" }, "Couldn't connect to server",
		    "no program listens there: start the service, or open the firewall" },
		{ true, { .error = NULL }, "no answer", "see that it runs and answers" },
	};
	char out[FAILURE_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct exchange_job job = { .url = STR(T "/connect"),
			.is_target = rows[i].is_target };

		failure_words(&job, &rows[i].res, out);
		assert_string_equal(out, rows[i].words);
		assert_string_equal(failure_remedy(out), rows[i].remedy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(redirects),
		cmocka_unit_test(long_redirect),
		cmocka_unit_test(words_and_remedies),
	};

	return cmocka_run_group_tests_name("failure", tests, NULL, NULL);
}
