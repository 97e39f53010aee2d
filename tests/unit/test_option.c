#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "option_load.h"

static void
test_defaults(void **state)
{
	(void)state;
	load("");
	check_str(o.url, "http://localhost:3366");
	check_str(o.url_key, "http://localhost:3366");
	check_str(o.organization, NULL);
	check_str(o.loader, NULL);
	assert_false(o.loader_is_program);
	assert_int_equal(o.n_connect, 0);
	assert_true(o.registry && o.feed && !o.cache_reset);
	check_path(o.cache_data, "data/cache.json");
	check_path(o.state_path, "data/cache.lmdb");
	check_path(o.log_file, "data/kodo.log");
	check_path(o.exec_data, "data/exec");
	assert_int_equal(o.screen_level, LOG_INFO);
	assert_int_equal(o.log_file_level, LOG_INFO);
	check_str(o.listen_host, "localhost");
	assert_int_equal(o.listen_port, 3366);
	assert_int_equal(o.timeout_s, 30);
	assert_int_equal(o.retry, 9);
	assert_int_equal(o.workers, 2);
	assert_int_equal(o.wait, 1);
	assert_int_equal(o.body_max_mib, 10);
	assert_int_equal(o.map_max_mib, 8192);
	assert_int_equal(o.log_max_mib, 10);
	assert_int_equal(o.trigger, TRIGGER_AUTO);
	assert_int_equal(o.tombstone_days, 30);
	assert_int_equal(o.loader_s, 300);
	assert_int_equal(o.n_accept, 0);
	assert_int_equal(o.private_peers, PRIVATE_AUTO);
	assert_int_equal(o.n_flows, 0);
}

static void
test_precedence(void **state)
{
	(void)state;
	scratch_write(".env", "KODO_ORGANIZATION=env file\nKODO_TIMEOUT=1\nOTHER=x\n");
	load("");
	check_str(o.organization, "env file");
	assert_int_equal(o.timeout_s, 1);
	setenv("KODO_ORGANIZATION", "environment", 1);
	load("");
	check_str(o.organization, "environment");
	assert_int_equal(o.timeout_s, 1);
	load("--organization argument");
	check_str(o.organization, "argument");
	scratch_write("l.yaml", "- organization: loader\n");
	load("--organization argument l.yaml");
	check_str(o.organization, "loader");
	check_path(o.loader, "l.yaml");
	/* null is not given */
	scratch_write("l.yaml", "- organization: ~\n");
	load("--organization argument l.yaml");
	check_str(o.organization, "argument");
	/* empty as well */
	setenv("KODO_ORGANIZATION", "", 1);
	load("");
	check_str(o.organization, "env file");
	setenv("KODO_LOADER", "l.yaml", 1);
	load("");
	check_path(o.loader, "l.yaml");
}

static void
test_arguments(void **state)
{
	(void)state;
	scratch_write("l.yaml", "");
	load("-u http://a:1/ -C http://b:2 -C http://c:3,http://d:4/ -o O -R -f -c -d x.json -l "
	    "debug l.yaml");
	check_str(o.url, "http://a:1");
	assert_int_equal(o.n_connect, 3);
	check_str(o.connect[0], "http://b:2");
	check_str(o.connect[2], "http://d:4");
	check_str(o.organization, "O");
	assert_true(o.registry && o.feed && o.cache_reset);
	check_path(o.cache_data, "x.json");
	check_path(o.state_path, "x.lmdb");
	assert_int_equal(o.screen_level, LOG_DEBUG);
	check_path(o.loader, "l.yaml");
	load("--url=http://a:1 --cache-file y --level=error --reset false --no-feed --no-registry");
	check_path(o.state_path, "y.lmdb");
	assert_int_equal(o.screen_level, LOG_ERROR);
	assert_true(!o.registry && !o.feed && !o.cache_reset);
	load(
	    "--cache-data y --screen_level warn --cache-reset --retry -1 -uhttp://q:9 -Rcf l.yaml");
	assert_int_equal(o.screen_level, LOG_WARNING);
	assert_int_equal(o.retry, -1);
	assert_true(o.cache_reset);
	check_str(o.url, "http://q:9");
	load("--registry l.yaml");
	check_path(o.loader, "l.yaml");
	load("--registry no --feed off");
	assert_false(o.registry);
	load("--feed=0 --registry=0 --listen [::1]:99 --accept http://a,http://b --private yes");
	check_str(o.listen_host, "::1");
	assert_int_equal(o.listen_port, 99);
	assert_int_equal(o.n_accept, 2);
	assert_int_equal(o.private_peers, PRIVATE_YES);
	assert_int_equal(rename("l.yaml", "-l.yaml"), 0);
	load("-- -l.yaml");
	check_path(o.loader, "-l.yaml");
}

static void
test_bad_arguments(void **state)
{
	static const char *const rows[][2] = {
		{ "--nosuch x", "\"--nosuch\": unknown option; kodo service --help lists them" },
		{ "--no-url", "\"--no-url\": unknown option" },
		{ "--no-feed=1", "\"--no-feed\": unknown option" },
		{ "-x", "\"-x\": unknown option" },
		{ "-Rx", "\"-Rx\": unknown option" },
		{ "--url", "\"--url\": a value must follow" },
		{ "-u", "\"-u\": a value must follow" },
		{ "--flows x", "\"--flows\": flows are given in a loader only" },
		{ "a.yaml b.yaml", "\"b.yaml\": a second loader; put several files into a folder" },
		{ "none.yaml", "/none.yaml" },
		{ "-u ftp://x:1", "-u: Invalid server URL, scheme must be http or https" },
		{ "--url http://:1", "--url: Invalid server URL, missing host" },
		{ "--url=", "--url: Invalid server URL, empty" },
		{ "--url http://x:1/?q", "--url: Invalid server URL, query" },
		{ "--timeout 0",
		    "--timeout: timeout: expected a number from 1 to 3600, got \"0\"" },
		{ "--timeout 3601", "expected a number from 1 to 3600" },
		{ "--timeout x", "got \"x\"" },
		{ "--timeout=", "got \"\"" },
		{ "--timeout 1x", "got \"1x\"" },
		{ "--timeout 99999999999999999999", "expected a number" },
		{ "--timeout -1", "got \"-1\"" },
		{ "--retry -2",
		    "--retry: retry: expected a number from -1 to 1000000, got \"-2\"" },
		{ "--retry -", "got \"-\"" },
		{ "--level loud",
		    "expected DEBUG, INFO, WARNING, ERROR, CRITICAL or OFF, got \"loud\"" },
		{ "--trigger never", "trigger: expected auto, cron or request, got \"never\"" },
		{ "--private maybe", "private: expected auto, true or false, got \"maybe\"" },
		{ "--registry=maybe", "registry: expected true or false, got \"maybe\"" },
		{ "--listen 3366", "listen: expected ADDRESS:PORT, got \"3366\"" },
		{ "--listen x:0", "with a port from 1 to 65535" },
		{ "--listen x:65536", "with a port from 1 to 65535" },
		{ "--listen ::1:80", "an IPv6 address in brackets" },
		{ "--listen a/b:80", "listen: expected ADDRESS:PORT" },
		{ "--connect nonsense", "--connect: connect: no url, " },
		{ "--accept http://:1", "--accept: accept: no url, missing host: \"http://:1\"" },
		{ "--log-file=", "log_file: expected a path" },
		{ "--no-registry", "--no-registry: Cannot feed (True) as a node: set feed: false" },
		{ "--no-registry --feed", "--feed: Cannot feed (True) as a node" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (service(rows[i][0]) == KODO_OK)
			scratch_fail("%s is taken", rows[i][0]);
		check_why(rows[i][1]);
	}
	assert_int_equal(service("none.yaml"), KODO_ENOTFOUND);
	assert_int_equal(service("--url \xff"), KODO_EINVAL);
	check_why("\"--url\": the value is not UTF-8");
}

static void
test_listen(void **state)
{
	(void)state;
	load("--listen :80");
	check_str(o.listen_host, "0.0.0.0");
	load("--listen 127.0.0.1:8080 --url https://example.org:443/kodo/");
	check_str(o.listen_host, "127.0.0.1");
	assert_int_equal(o.listen_port, 8080);
	check_str(o.url, "https://example.org:443/kodo");
	check_str(o.url_key, "https://example.org/kodo");
	load("--url http://[::1]:5");
	check_str(o.listen_host, "::1");
	assert_int_equal(o.listen_port, 5);
}

static void
test_port_of_the_scheme(void **state)
{
	static const struct {
		const char *args;
		unsigned port;
		bool can_listen;
	} rows[] = {
		{ "--url http://x", 80, true },
		{ "--url https://x", 443, false },
		{ "--url https://x:8443/kodo", 8443, false },
		{ "--url https://x --listen :3366", 3366, true },
	};
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		load(rows[i].args);
		assert_int_equal(o.listen_port, rows[i].port);
		why.text[0] = '\0';
		assert_int_equal(option_check_listen(&o, &why),
		    rows[i].can_listen ? KODO_OK : KODO_EINVAL);
		check_why(rows[i].can_listen ? "" : "listen: 127.0.0.1:3366");
	}
}

static void
test_yaml_values(void **state)
{
	(void)state;
	load_text(
	    "registry: YES\nfeed: False\ncache_reset: On\norganization: 12\ntimeout: 5\nretry: -1\n"
	    "connect: 'http://a, http://b/ ,,'\nprivate: false\ntrigger: Cron\nscreen_level: "
	    "debug\n");
	assert_true(o.registry && !o.feed && o.cache_reset);
	check_str(o.organization, "12");
	assert_int_equal(o.timeout_s, 5);
	assert_int_equal(o.retry, -1);
	assert_int_equal(o.n_connect, 2);
	check_str(o.connect[1], "http://b");
	assert_int_equal(o.private_peers, PRIVATE_NO);
	assert_int_equal(o.trigger, TRIGGER_CRON);
	load_text("- connect:\n  - http://a\n  - https://b:1/x/\n- organization: ''\n");
	assert_int_equal(o.n_connect, 2);
	check_str(o.connect[1], "https://b:1/x");
	check_str(o.organization, NULL);
	load_text("- connect: []\n- flows: []\n");
	assert_int_equal(o.n_connect + o.n_flows, 0);
}

static void
test_connect_own(void **state)
{
	(void)state;
	load_text("url: http://LOCALHOST:3366/\nconnect:\n- http://a/\n- http://localhost:3366\n- "
		    "HTTP://A:80\n"
		    "- http://b\n- http://a\n");
	check_str(o.url, "http://LOCALHOST:3366");
	assert_int_equal(o.n_connect, 2);
	check_str(o.connect[0], "http://a");
	check_str(o.connect[1], "http://b");
}

static void
test_state_path(void **state)
{
	static const char *const rows[][2] = {
		{ "./data/3366.json", "data/3366.lmdb" },
		{ "x", "x.lmdb" },
		{ "x.json.json", "x.json.lmdb" },
		{ "x.lmdb", "x.lmdb.lmdb" },
		{ "link/../x.json", "link/../x.lmdb" },
		{ "d/", "d.lmdb" },
	};
	size_t i;

	(void)state;
	assert_int_equal(symlink("/usr", "link"), 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		load(arena_printf(scratch.a, "-d %s", rows[i][0]));
		check_path(o.state_path, rows[i][1]);
	}
	load("-d /srv/x/3367.json");
	check_str(o.state_path, "/srv/x/3367.lmdb");
	check_str(o.cache_data, "/srv/x/3367.json");
}

static void
test_warnings(void **state)
{
	(void)state;
	load_text("- ray_server: x\n- venv_dir: x\n");
	assert_non_null(strstr(
	    scratch_read("err"), "/l.yaml:1: option \"ray_server\" has no effect in this version"));
	assert_non_null(strstr(scratch_read("err"),
	    "/l.yaml:2: option \"venv_dir\" has no effect in this version"));
	setenv("KODO_RECONNECT", "/usr/bin/kodo-reconnect", 1);
	setenv("KODO_RAY_SERVER", "x", 1);
	load("");
	assert_null(strstr(scratch_read("err"), "KODO_RECONNECT"));
	assert_non_null(strstr(scratch_read("err"),
	    "KODO_RAY_SERVER in the environment: option \"ray_server\" has no"));
	setenv("KODO_AUTH_KEY", "x", 1);
	assert_int_equal(service(""), KODO_EINVAL);
	check_why("KODO_AUTH_KEY in the environment: option \"auth_key\" would restrict access");
}

static void
test_environment_errors(void **state)
{
	(void)state;
	setenv("KODO_TIMEOUT", "soon", 1);
	assert_int_equal(service(""), KODO_EINVAL);
	check_why("KODO_TIMEOUT in the environment: timeout: expected a number from 1 to 3600, got "
		    "\"soon\"");
	load("--timeout 4");
	setenv("KODO_TIMEOUT", "\xff", 1);
	assert_int_equal(service(""), KODO_EINVAL);
	check_why("KODO_TIMEOUT in the environment: the value is not UTF-8");
	unsetenv("KODO_TIMEOUT");
	scratch_write(".env", "KODO_CONECT=x\n");
	assert_int_equal(service(""), KODO_EINVAL);
	check_why("/.env:1: unknown option \"conect\", did you mean connect?");
	scratch_write(".env", "KODO_URL http://a:1\n");
	assert_int_equal(service(""), KODO_EINVAL);
	check_why("/.env:1: expected KEY=value");
	setenv("KODO_CONNECT", "[http://a", 1);
	scratch_write(".env", "");
	assert_int_equal(service(""), KODO_EINVAL);
	check_why("KODO_CONNECT in the environment: connect: expected a list as [");
	unsetenv("KODO_CONNECT");
	scratch_write(".env", "\nKODO_FLOWS=x\n");
	assert_int_equal(service(""), KODO_EINVAL);
	check_why("/.env:2: flows: expected a list of flows in a loader");
}

/* Names in any case, the one in capitals being stronger; lists as JSON. */
static void
test_foreign_environment(void **state)
{
	(void)state;
	scratch_write(".env", "nonsense\nexport PATH\nKodo_Timeout=7\nkodo_feed: false\n");
	setenv("kodo_organization", "low", 1);
	setenv("KODO_CONNECT", "[\"http://a:1\",\"http://b:1\"]", 1);
	load("");
	check_str(o.organization, "low");
	assert_int_equal(o.timeout_s, 7);
	assert_false(o.feed);
	assert_int_equal(o.n_connect, 2);
	check_str(o.connect[1], "http://b:1");
	assert_non_null(strstr(scratch_read("err"),
	    "/.env:1: passed over, for it is no KEY=value; and further lines"));
	setenv("KODO_ORGANIZATION", "HIGH", 1);
	load("-C [\"http://c\",\"http://d\"] -C http://e --Timeout 8");
	check_str(o.organization, "HIGH");
	unsetenv("kodo_organization");
	assert_int_equal(o.n_connect, 3);
	check_str(o.connect[1], "http://d");
	check_str(o.connect[2], "http://e");
	assert_int_equal(o.timeout_s, 8);
	load("-C []");
	assert_int_equal(o.n_connect, 0);
}

static void
check_peer(const char *url, const char *reason)
{
	enum kodo_err err;

	why.text[0] = '\0';
	err = option_allows_peer(&o, str_of(url), &why);
	if ((reason == NULL) != (err == KODO_OK))
		scratch_fail("%s: %s", url, why.text);
	if (reason != NULL)
		check_why(reason);
}

/* May a connection to a peer lead to loopback, by its name? */
static void
test_private(void **state)
{
	(void)state;
	load("--url http://localhost:3366");
	assert_true(option_allows_private(&o));
	load("--url http://localhost:3366 --accept https://example.org:443");
	assert_true(option_allows_private(&o));
	load("--url https://kodo.example.org:443");
	assert_false(option_allows_private(&o));
	load("--url https://kodo.example.org:443 --private true");
	assert_true(option_allows_private(&o));
	load("--url http://localhost:3366 --private false");
	assert_false(option_allows_private(&o));
}

static void
test_peers(void **state)
{
	(void)state;
	load("--url http://localhost:3366");
	check_peer("http://127.0.0.1:1", NULL);
	check_peer("https://example.org", NULL);
	check_peer("nonsense", "no url of a peer, ");
	load("--url https://example.com:443");
	check_peer("https://example.org", NULL);
	check_peer("http://10.0.0.1", "http://10.0.0.1 is a loopback, private or reserved address");
	check_peer("http://localhost:99", "is a loopback, private or reserved address");
	load("--url https://example.com:443 --private yes");
	check_peer("http://localhost:99", NULL);
	load("--url http://localhost:3366 --private no --connect http://127.0.0.1:3367/");
	check_peer("http://localhost:99", "is a loopback, private or reserved address");
	check_peer("http://127.0.0.1:3367", NULL);
	load("--url https://example.com:443 --accept https://Example.org,http://b:81/x/ -C "
	    "https://far.org");
	check_peer("https://example.org", NULL);
	check_peer("https://EXAMPLE.org:443/", NULL);
	check_peer("https://example.org/x", NULL);
	check_peer("https://example.org?x", NULL);
	check_peer("https://example.org.evil.net", "is not accepted as a peer here");
	check_peer("https://example.org:444", "is not accepted as a peer here");
	check_peer("http://example.org", "is not accepted as a peer here");
	check_peer("http://b:81/x", NULL);
	check_peer("http://b:81/x/y", NULL);
	check_peer("http://b:81/xy", "is not accepted as a peer here");
	check_peer("http://b:81/x/../y", "is not accepted as a peer here");
	check_peer("http://b:81", "is not accepted as a peer here");
	check_peer("https://far.org", NULL);
	check_peer("https://far.org/x", "is not accepted as a peer here");
}

/*
 * The sample in the tree is what the table gives, and both the sample and all that it offers are a
 * loader.
 */
static void
test_sample(void **state)
{
	struct buf b = BUF_INIT(0), all = BUF_INIT(0);
	const char *srcdir = getenv("SRCDIR"), *p, *at;

	(void)state;
	assert_non_null(srcdir);
	option_put_sample(&b);
	at = arena_printf(scratch.a, "%s/conf/kodo.yaml.sample", srcdir);
	assert_string_equal(buf_z(&b), scratch_read(at));
	load_text(buf_z(&b));
	assert_int_equal(o.n_flows, 0);
	for (p = buf_z(&b); *p != '\0'; p += strcspn(p, "\n") + 1) {
		const char *line =
		    strncmp(p, "# - ", 4) == 0 || strncmp(p, "#   ", 4) == 0 ? p + 2 : p;

		if (strncmp(p, "# - cluster:", 12) == 0)
			continue; /* does not go with `import` */
		buf_printf(&all, "%.*s\n", (int)strcspn(line, "\n"), line);
	}
	load_text(buf_z(&all));
	check_str(o.organization, "My Organization");
	assert_int_equal(o.n_connect, 1);
	assert_int_equal(o.n_flows, 1);
	assert_int_equal(o.flows[0].n_tags, 2);
	assert_int_equal(o.timeout_s, 30);
	buf_free(&b);
	buf_free(&all);
}

static void
test_help(void **state)
{
	struct buf b = BUF_INIT(0);
	const char *text;

	(void)state;
	option_put_help(&b);
	text = buf_z(&b);
	assert_non_null(strstr(text, "  -u, --url URL "));
	assert_non_null(strstr(text, "  -d, --cache-file PATH "));
	assert_non_null(strstr(text, "  -l, --level LEVEL "));
	assert_non_null(strstr(text, "      --log-max-mib MIB "));
	assert_non_null(strstr(text, "(./data/cache.json)\n"));
	assert_null(strstr(text, "flows:"));
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),
		TEST(test_precedence),
		TEST(test_arguments),
		TEST(test_bad_arguments),
		TEST(test_listen),
		TEST(test_port_of_the_scheme),
		TEST(test_yaml_values),
		TEST(test_connect_own),
		TEST(test_state_path),
		TEST(test_warnings),
		TEST(test_environment_errors),
		TEST(test_foreign_environment),
		TEST(test_peers),
		TEST(test_private),
		TEST(test_sample),
		TEST(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
