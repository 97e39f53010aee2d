#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/limit.h"
#include "option_load.h"

struct bad {
	const char *text, *why;
};

static void
check_bad(const struct bad *rows, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		scratch_write("l.yaml", rows[i].text);
		if (service("l.yaml") != KODO_EINVAL)
			scratch_fail("%s is taken", rows[i].text);
		check_why(rows[i].why);
	}
}

static void
test_bad_yaml(void **state)
{
	static const struct bad rows[] = {
		{ "- url: http://a:1\n- conect: x\n",
		    "/l.yaml:2: unknown option \"conect\", did you mean connect?" },
		{ "- xyzzy:\n    - 1\n", "/l.yaml:1: unknown option \"xyzzy\"" },
		{ "- auth_token: x\n",
		    "/l.yaml:1: option \"auth_token\" would restrict access, which is not" },
		{ "- loader: x\n", "/l.yaml:1: a loader cannot name a loader" },
		{ "- url: http://a:1\n\n- url: http://b:1\n",
		    "/l.yaml:3: \"url\" is given twice, first in line 1" },
		{ "- url: [x]\n", "/l.yaml:1: url: expected a single value" },
		{ "- registry: maybe\n",
		    "/l.yaml:1: registry: expected true or false, got \"maybe\"" },
		{ "- registry: {a: b}\n", "/l.yaml:1: registry: expected a single value" },
		{ "- feed: true\n- registry: no\n", "/l.yaml:1: Cannot feed (True) as a node" },
		{ "\n- registry: false\n",
		    "/l.yaml:2: Cannot feed (True) as a node: set feed: false, or registry: true" },
		{ "- connect: {a: b}\n", "/l.yaml:1: connect: expected a list of urls" },
		{ "- connect:\n  - http://a\n  - [b]\n", "/l.yaml:3: connect: expected a url" },
		{ "- connect:\n  - http://a\n  - http://a b\n",
		    "/l.yaml:3: connect: no url, blank or control" },
		{ "- connect: [http://a#b]\n", "connect: no url, fragment: \"http://a#b\"" },
		{ "- timeout: 1.5\n",
		    "/l.yaml:1: timeout: expected a number from 1 to 3600, got \"1.5\"" },
		{ "- flows: x\n", "/l.yaml:1: flows: expected a list" },
		{ "- flows:\n  - x\n", "/l.yaml:2: a flow: expected url, name and so on" },
		{ "- flows:\n  - name: x\n", "/l.yaml:2: a flow without url" },
		{ "- flows:\n  - url: x\n    name:\n", "/l.yaml:2: a flow without name" },
		{ "- flows:\n  - url: ''\n    name: x\n", "/l.yaml:2: a flow with an empty url" },
		{ "- flows:\n  - url: x\n    nam: y\n",
		    "/l.yaml:3: unknown member \"nam\" of a flow: expected url" },
		{ "- flows:\n  - url: x\n    name: [y]\n",
		    "/l.yaml:3: name of a flow: expected a text" },
		{ "- flows:\n  - url: x\n    name: y\n    tags: z\n",
		    "/l.yaml:4: tags of a flow: expected a list" },
		{ "- flows:\n  - url: x\n    name: y\n    tags:\n    - a\n    - {b: c}\n",
		    "/l.yaml:6: a tag of a flow: expected" },
		{ "- flows:\n  - url: x\n    name: y\n    tags: [a, ]\n    entry: [e]\n",
		    "/l.yaml:5: entry of a flow" },
		{ "- flows:\n  - url: x\n    name: y\n    tags:\n    - a\n    -\n",
		    "/l.yaml:6: a tag of a flow is empty" },
		{ "- flows:\n  - url: /x\n    name: y\n  - url: z\n    name: y\n  - url: x\n    "
		    "name: y\n",
		    "/l.yaml:6: two flows of one url \"x\", the other in " },
		{ "- flows:\n  - url: /x\n    name: y\n  - url: z\n    name: y\n  - url: x\n    "
		    "name: y\n",
		    "/l.yaml:2" },
	};

	(void)state;
	check_bad(rows, sizeof(rows) / sizeof(rows[0]));
}

/* What others take and we do not: what to write instead. */
static void
test_bad_foreign(void **state)
{
	static const struct bad rows[] = {
		{ "- AUTH_Token: x\n",
		    "/l.yaml:1: option \"AUTH_Token\" would restrict access, which is not" },
		{ "- KODO_URL: http://a:1\n",
		    "/l.yaml:1: unknown option \"KODO_URL\", did you mean url?" },
		{ "- cacheData: x\n",
		    "/l.yaml:1: unknown option \"cacheData\", did you mean cache_data?" },
		{ "- url: http://a:1\n- URL: http://b:1\n",
		    "/l.yaml:2: \"URL\" is given twice, first in line 1" },
		{ "- log-file: a\n- log_file: b\n", "/l.yaml:2: \"log_file\" is given twice" },
		{ "- url:http://a:1\n",
		    "/l.yaml:1: expected `name: value`, with a blank after the colon" },
		{ "- timeout: 010\n", "/l.yaml:1: timeout: write it without the 0 at its begin" },
		{ "- timeout: 1_\n", "/l.yaml:1: timeout: expected a number" },
		{ "- timeout: 1:30\n", "/l.yaml:1: timeout: expected a number" },
		{ "- timeout: 0x\n", "/l.yaml:1: timeout: expected a number" },
		{ "- timeout: 0xfffffffffffffffff\n", "/l.yaml:1: timeout: expected a number" },
		{ "- timeout: .0\n", "/l.yaml:1: timeout: expected a number" },
		{ "- connect: '[\"http://a\"'\n", "/l.yaml:1: connect: expected a list as [" },
		{ "- connect: '[\"http://a\", null]'\n", "/l.yaml:1: connect: expected a url" },
		{ "- cors_origins: [https://a.example/x]\n",
		    "/l.yaml:1: cors_origins: no origin as https://example.org, nor * or none: " },
		{ "- cors_origins: none https://a.example\n", "/l.yaml:1: cors_origins: none, or" },
		{ "- url: http://a\n- bridges: [mcp, soap]\n",
		    "/l.yaml:2: bridges: expected mcp, ard, a2a, llms or none, got " },
		{ "- bridges: none, mcp\n", "/l.yaml:1: bridges: none, or a list" },
		{ "- bridges: {a: b}\n", "/l.yaml:1: bridges: expected a list of names" },
		{ "- proxies: 10.0.0.0/33\n",
		    "/l.yaml:1: proxies: no address, nor a prefix as 10.0.0.0/8: " },
		{ "- proxies: [10.0.0.1, proxy.example.org]\n",
		    "/l.yaml:1: proxies: no address, nor a prefix as 10.0.0.0/8: " },
		{ "- proxies: {a: b}\n", "/l.yaml:1: proxies: expected a list of networks" },
		{ "- flows:\n  - Url: x\n    url: y\n",
		    "/l.yaml:3: url of a flow is given twice" },
	};

	(void)state;
	check_bad(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
check_over(const char *before, size_t n, const char *after, const char *part)
{
	struct buf b = BUF_INIT(0);
	size_t i;

	buf_puts(&b, before);
	for (i = 0; i < n; i++)
		buf_putc(&b, 'x');
	buf_puts(&b, after);
	scratch_write("l.yaml", buf_z(&b));
	buf_free(&b);
	if (part == NULL)
		load("l.yaml");
	else if (service("l.yaml") != KODO_EINVAL)
		scratch_fail("%s is taken", part);
	else
		check_why(part);
}

static void
test_ceilings(void **state)
{
	static const struct {
		const char *before, *after;
		size_t max;
		const char *part;
	} rows[] = {
		{ "- organization: ",
		    "", LIMIT_NAME_BYTES, "l.yaml:1: organization: over 1024 bytes" },
		{ "- flows:\n  - name: y\n    url: ",
		    "", LIMIT_URL_BYTES, "l.yaml:3: url of a flow is over 2048 bytes" },
		{ "- flows:\n  - url: y\n    name: ",
		    "", LIMIT_NAME_BYTES, "l.yaml:3: name of a flow is over 1024 bytes" },
		{ "- flows:\n  - url: y\n    name: x\n    author: ",
		    "", LIMIT_NAME_BYTES, "author of a flow is over 1024" },
		{ "- flows:\n  - url: y\n    name: x\n    description: ",
		    "", LIMIT_DESCRIPTION_BYTES,
		    "l.yaml:4: description of a flow is over 65536 bytes" },
		{ "- flows:\n  - url: y\n    name: x\n    tags: [",
		    "]", LIMIT_TAG_BYTES, "a tag of a flow is over 256 bytes" },
	};
	struct buf b = BUF_INIT(0);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_over(rows[i].before, rows[i].max, rows[i].after, NULL);
		check_over(rows[i].before, rows[i].max + 1, rows[i].after, rows[i].part);
	}
	for (i = 0; i < LIMIT_TAGS; i++)
		buf_printf(&b, "%zu, ", i);
	check_over(
	    arena_printf(scratch.a, "- flows:\n  - url: y\n    name: x\n    tags: [%s", buf_z(&b)),
	    0, "]", NULL);
	check_over(
	    arena_printf(scratch.a, "- flows:\n  - url: y\n    name: x\n    tags: [%s", buf_z(&b)),
	    1, "]", "l.yaml:4: over 64 tags of a flow");
	buf_free(&b);
}

static void
test_many_flows(void **state)
{
	struct buf b = BUF_INIT(0);
	unsigned i;

	(void)state;
	buf_puts(&b, "- flows:\n");
	for (i = 0; i < LIMIT_NODE_FLOWS; i++)
		buf_printf(&b, "  - {url: /f%u, name: n}\n", i);
	load_text(buf_z(&b));
	assert_int_equal(o.n_flows, LIMIT_NODE_FLOWS);
	check_str(o.flows[99999].url, "/f99999");
	buf_puts(&b, "  - {url: /more, name: n}\n");
	scratch_write("l.yaml", buf_z(&b));
	assert_int_equal(service("l.yaml"), KODO_EINVAL);
	check_why("/l.yaml:2: over 100000 flows");
	buf_free(&b);
}

static void
test_flows(void **state)
{
	(void)state;
	load_text("- flows:\n  - entry: kodo.flow:flow\n    url: /a\n    name: 7\n    tags: [x, "
		    "true, 1.5]\n"
		    "  - url: /b\n    name: ''\n    description: ''\n    author: ~\n    tags:\n"
		    "  - {url: /c, name: \"Zo\xc3\xab\", description: d, author: e}\n");
	assert_int_equal(o.n_flows, 3);
	check_str(o.flows[0].url, "/a");
	check_str(o.flows[0].name, "7");
	check_str(o.flows[0].description, NULL);
	assert_int_equal(o.flows[0].n_tags, 3);
	check_str(o.flows[0].tags[1], "true");
	check_str(o.flows[0].tags[2], "1.5");
	check_str(o.flows[0].entry, NULL);
	check_str(o.flows[1].name, "");
	check_str(o.flows[1].description, "");
	check_str(o.flows[1].author, NULL);
	assert_int_equal(o.flows[1].n_tags, 0);
	check_str(o.flows[2].name, "Zo\xc3\xab");
	check_str(o.flows[2].author, "e");
}

/* A template of flows: what a flow says itself wins, and of a list of templates the first. */
static void
test_merged_flows(void **state)
{
	(void)state;
	load_text("- flows:\n  - &b {url: /a, name: A, author: me, Tags: [x]}\n"
		    "  - {name: B, <<: *b, url: /b}\n"
		    "  - <<: [{url: /c, author: you}, *b]\n");
	assert_int_equal(o.n_flows, 3);
	check_str(o.flows[1].url, "/b");
	check_str(o.flows[1].name, "B");
	check_str(o.flows[1].author, "me");
	check_str(o.flows[1].tags[0], "x");
	check_str(o.flows[2].url, "/c");
	check_str(o.flows[2].name, "A");
	check_str(o.flows[2].author, "you");
}

/* As YAML 1.1, JSON and pydantic write values. */
static void
test_foreign_values(void **state)
{
	(void)state;
	load_text("%YAML 1.1\n---\n- URL: http://a:1\n- Log-File: x\n- TIMEOUT: 1_0\n"
		    "- retry: +0x10\n"
		    "- workers: 3.0\n- wait: 0o17\n- followers: 0b11\n- registry: Y\n- feed: f\n"
		    "- private: n\n- Connect: '[\"http://b\", \"http://c\"]'\n- accept: |\n"
		    "    http://d\n    http://e, http://f\n...\n");
	check_str(o.url, "http://a:1");
	check_path(o.log_file, "x");
	assert_int_equal(o.timeout_s, 10);
	assert_int_equal(o.retry, 16);
	assert_int_equal(o.workers, 3);
	assert_int_equal(o.wait, 15);
	assert_int_equal(o.followers, 3);
	assert_true(o.registry && !o.feed);
	assert_int_equal(o.private_peers, PRIVATE_NO);
	assert_int_equal(o.n_connect, 2);
	check_str(o.connect[1], "http://c");
	assert_int_equal(o.n_accept, 3);
	check_str(o.accept[2], "http://f");
}

/* In a folder the later file wins, flows add up, and two of one url in two files are refused. */
static void
test_folder(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	scratch_write(
	    "d/1.yaml", "url: http://a:1\norganization: one\nflows: [{url: /a, name: a}]\n");
	scratch_write(
	    "d/2.yaml", "organization: two\nflows: [{url: /b, name: b}, {url: /c, name: c}]\n");
	scratch_write("d/3.yaml", "flows:\n- {url: /d, name: d}\n");
	load("d");
	check_path(o.loader, "d");
	check_str(o.organization, "two");
	assert_int_equal(o.n_flows, 4);
	check_str(o.flows[0].url, "/a");
	check_str(o.flows[3].url, "/d");
	scratch_write("d/3.yaml", "flows:\n- {url: b, name: d}\n");
	assert_int_equal(service("d"), KODO_EINVAL);
	check_why("/d/3.yaml:2: two flows of one url \"b\", the other in ");
	check_why("/d/2.yaml:2");
}

static void
test_program(void **state)
{
	(void)state;
	scratch_write("p", "#!/bin/sh\necho '- organization: printed'\n");
	assert_int_equal(chmod("p", 0700), 0);
	load("p");
	check_str(o.organization, "printed");
	check_path(o.loader, "p");
	assert_true(o.loader_is_program);
	/* nobody but a service runs it; what names the state may stand elsewhere */
	scratch_write("p", "#!/bin/sh\ntouch ran\n");
	scratch_write(".env", "KODO_LOADER=p\nKODO_REGISTRY=false\nKODO_CACHE_DATA=x.json\n");
	run_program = false;
	assert_int_equal(service(""), KODO_EBUSY);
	run_program = true;
	assert_int_equal(access("ran", F_OK), -1);
	check_path(o.loader, "p");
	check_path(o.state_path, "x.lmdb");
	assert_true(o.loader_is_program);
}

static enum kodo_err
hosted(const char *loader, bool run)
{
	why.text[0] = '\0';
	return option_load_hosted(scratch.a, loader, run, &o, &why);
}

static void
test_hosted(void **state)
{
	(void)state;
	assert_int_equal(mkdir("site", 0700), 0);
	scratch_write("site/k.yaml", "- url: https://example.org/~user/kodo\n- log_file: my.log\n");
	scratch_write("site/.env", "KODO_ORGANIZATION=beside\nKODO_URL=http://weaker\n");
	scratch_write(".env", "KODO_ORGANIZATION=cwd\n");
	setenv("KODO_ORGANIZATION", "environment", 1);
	setenv("KODO_LOADER", "site/k.yaml", 1);
	assert_int_equal(hosted(NULL, false), KODO_OK);
	check_str(o.url, "https://example.org/~user/kodo");
	check_str(o.organization, "beside");
	check_path(o.log_file, "site/my.log");
	check_path(o.state_path, "site/data/cache.lmdb");
	check_path(o.loader, "site/k.yaml");
	assert_int_equal(o.log_file_level, LOG_INFO);
	check_str(o.listen_host, "example.org");
	assert_int_equal(o.listen_port, 443);
	assert_non_null(strstr(scratch_read("err"),
	    "KODO_ORGANIZATION in the environment is ignored: set organization in "));
	assert_null(strstr(scratch_read("err"), "KODO_LOADER"));
	setenv("KODO_LOADER", "nosuch.yaml", 1);
	assert_int_equal(hosted("site/k.yaml", false), KODO_OK);
	assert_int_equal(hosted(NULL, false), KODO_ENOTFOUND);
	check_why("there is no loader ");
	unsetenv("KODO_LOADER");
	assert_int_equal(hosted(NULL, false), KODO_ENOTFOUND);
	check_why("/kodo.yaml");
}

static void
test_hosted_program(void **state)
{
	(void)state;
	assert_int_equal(mkdir("site", 0700), 0);
	scratch_write("site/p", "#!/bin/sh\necho \"- organization: $(pwd)\"\n");
	assert_int_equal(chmod("site/p", 0700), 0);
	assert_int_equal(hosted("site/p", false), KODO_EBUSY);
	assert_int_equal(hosted("site/p", true), KODO_OK);
	check_path(o.organization, "site");
	assert_true(o.loader_is_program);
	/* a search for the state alone would not find this one */
	scratch_write("site/p", "#!/bin/sh\necho \"- cache_data: there.json\"\n");
	assert_int_equal(hosted("site/p", true), KODO_EINVAL);
	check_why("/site/p output:1: cache_data leads to ");
	check_why("name the same path in KODO_CACHE_DATA of the .env beside it");
	scratch_write("site/.env", "KODO_CACHE_DATA=there.json\n");
	assert_int_equal(hosted("site/p", true), KODO_OK);
	check_path(o.state_path, "site/there.lmdb");
	scratch_write("site/.env", "KODO_CACHE_DATA=elsewhere.json\n");
	assert_int_equal(hosted("site/p", true), KODO_EINVAL);
}

static void
check_state(const char *loader, const char *name)
{
	struct str path, state;

	why.text[0] = '\0';
	if (option_find_state(scratch.a, loader, &path, &state, &why) != KODO_OK)
		scratch_fail("%s", why.text);
	check_path(state, name);
	check_path(path, "l.yaml");
}

static void
test_find_state(void **state)
{
	struct str path, found;

	(void)state;
	scratch_write("l.yaml", "- url: x\n");
	check_state("l.yaml", "data/cache.lmdb");
	scratch_write("l.yaml", "- cache_data: a/b.json\n- nonsense: [\n");
	check_state("./l.yaml", "a/b.lmdb");
	scratch_write(".env", "KODO_URL=x\nKODO_CACHE_DATA=c\n");
	check_state("l.yaml", "c.lmdb");
	scratch_write(".env", "KODO_CACHE_DATA=\n");
	check_state("l.yaml", "a/b.lmdb");
	setenv("KODO_LOADER", "l.yaml", 1);
	setenv("KODO_CACHE_DATA", "ignored", 1);
	check_state(NULL, "a/b.lmdb");
	assert_int_equal(option_find_state(scratch.a, "none", &path, &found, &why), KODO_ENOTFOUND);
}

static const char *
stamp(const char *name)
{
	struct str out;

	assert_int_equal(option_stamp(scratch.a, str_of(scratch_path(name)), &out), KODO_OK);
	return out.p;
}

static void
test_stamp(void **state)
{
	struct str one, two;
	const char *before;

	(void)state;
	scratch_write("l.yaml", "a");
	before = stamp("l.yaml");
	assert_string_equal(before, stamp("l.yaml"));
	scratch_write("l.yaml", "ab");
	assert_string_not_equal(before, stamp("l.yaml"));
	before = stamp("l.yaml");
	scratch_write(".env", "");
	assert_string_not_equal(before, stamp("l.yaml"));
	before = stamp("l.yaml");
	assert_int_equal(unlink("l.yaml"), 0);
	assert_string_not_equal(before, stamp("l.yaml"));
	assert_int_equal(mkdir("d", 0700), 0);
	scratch_write("d/1.yaml", "a");
	before = stamp("d");
	scratch_write("d/1.yaml", "ab");
	assert_string_not_equal(before, stamp("d"));
	before = stamp("d");
	scratch_write("d/2.yaml", "");
	assert_string_not_equal(before, stamp("d"));
	/* kodo service: .env of the working directory, with or without a loader */
	assert_int_equal(option_stamp_service(scratch.a, STR_NULL, &one), KODO_OK);
	scratch_write(".env", "A=1\n");
	assert_int_equal(option_stamp_service(scratch.a, STR_NULL, &two), KODO_OK);
	assert_string_not_equal(one.p, two.p);
	assert_int_equal(option_stamp_service(scratch.a, str_of(scratch_path("d")), &one), KODO_OK);
	assert_non_null(strstr(one.p, "/d/1.yaml "));
}

static const char *
written(const struct options *options)
{
	struct buf b = BUF_INIT(0);
	const char *out;

	option_write(&b, options);
	out = arena_strz(scratch.a, buf_str(&b));
	buf_free(&b);
	return out;
}

static void
test_write_and_read(void **state)
{
	struct options back;
	const char *text;

	(void)state;
	scratch_write("p", "#!/bin/sh\ncat ../all.yaml\n");
	load_text("- url: http://EXAMPLE.org:80/a/\n- organization: \"a\\nb\\\\n=c \xc3\xa4\"\n"
		    "- connect: ['http://a/x,y', http://b]\n- registry: true\n- feed: false\n- "
		    "cache_reset: true\n"
		    "- cache_data: \"we\\nird\\\\.json\"\n- screen_level: off\n- log_file_level: "
		    "warning\n- log_file: l\n"
		    "- exec_data: e\n- listen: '[::1]:77'\n- timeout: 1\n- retry: -1\n- workers: "
		    "3\n- wait: 0\n"
		    "- body_max_mib: 4\n- map_max_mib: 5\n- log_max_mib: 6\n- trigger: request\n- "
		    "tombstone_days: 7\n"
		    "- loader_s: 8\n- accept: [http://c, http://d]\n- private: true\n"
		    "- proxies: ['::1', 10.0.0.0/8]\n");
	text = written(&o);
	assert_int_equal(option_read(scratch.a, str_of(text), &back), KODO_OK);
	assert_string_equal(written(&back), text);
	check_str(back.url, "http://EXAMPLE.org:80/a");
	check_str(back.url_key, "http://example.org/a");
	check_str(back.organization, "a\nb\\n=c \xc3\xa4");
	assert_int_equal(back.n_connect, 2);
	check_str(back.connect[0], "http://a/x,y");
	assert_true(back.registry && !back.feed && back.cache_reset && !back.loader_is_program);
	check_path(back.cache_data, "we\nird\\.json");
	check_path(back.state_path, "we\nird\\.lmdb");
	check_path(back.loader, "l.yaml");
	assert_int_equal(back.screen_level, LOG_OFF);
	assert_int_equal(back.log_file_level, LOG_WARNING);
	check_path(back.log_file, "l");
	check_path(back.exec_data, "e");
	check_str(back.listen_host, "::1");
	assert_int_equal(back.listen_port, 77);
	assert_int_equal(back.timeout_s, 1);
	assert_int_equal(back.retry, -1);
	assert_int_equal(back.workers, 3);
	assert_int_equal(back.wait, 0);
	assert_int_equal(back.body_max_mib, 4);
	assert_int_equal(back.n_proxies, 2);
	check_str(back.proxies[1], "10.0.0.0/8");
	assert_int_equal(back.map_max_mib, 5);
	assert_int_equal(back.log_max_mib, 6);
	assert_int_equal(back.trigger, TRIGGER_REQUEST);
	assert_int_equal(back.tombstone_days, 7);
	assert_int_equal(back.loader_s, 8);
	assert_int_equal(back.n_accept, 2);
	check_str(back.accept[1], "http://d");
	assert_int_equal(back.private_peers, PRIVATE_YES);
	o.loader_is_program = true;
	assert_int_equal(option_read(scratch.a, str_of(written(&o)), &back), KODO_OK);
	assert_true(back.loader_is_program);
	load("");
	assert_int_equal(option_read(scratch.a, str_of(written(&o)), &back), KODO_OK);
	check_str(back.organization, NULL);
	check_str(back.loader, NULL);
	assert_int_equal(back.n_connect, 0);
}

static void
test_read_damaged(void **state)
{
	static const char *const rows[] = { "nonsense\n", "url=ftp://x\n", "organization=a\\x\n",
		"organization=a\\\n", "timeout=0\n", "registry=false\n", "flows=x\n",
		"loader_is_program=x\n" };
	struct options back;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(option_read(scratch.a, str_of(rows[i]), &back), KODO_ECORRUPT);
	/* of another build */
	assert_int_equal(option_read(scratch.a, STR("later=x\ntimeout=3\n"), &back), KODO_OK);
	assert_int_equal(back.timeout_s, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bad_yaml),
		TEST(test_bad_foreign),
		TEST(test_ceilings),
		TEST(test_many_flows),
		TEST(test_flows),
		TEST(test_merged_flows),
		TEST(test_foreign_values),
		TEST(test_folder),
		TEST(test_program),
		TEST(test_hosted),
		TEST(test_hosted_program),
		TEST(test_find_state),
		TEST(test_stamp),
		TEST(test_write_and_read),
		TEST(test_read_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
