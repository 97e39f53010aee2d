/*
 * Any bytes as the body of POST /ard/search and /ard/explore, over a registry with some flows: the
 * answer is 200 or 400, and JSON.
 *
 * The first byte says which of both.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/registry/startup.h"
#include "core/wire/jread.h"
#include "http/call.h"
#include "http/handlers.h"

#define T0	1764000000000000ll	/* a day in November 2025 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct {
	char dir[64];
	struct arena *a, *call;
	struct registry *r;
	struct response res;
} world;

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
clean(void)
{
	char path[96];
	static const char *const files[] = { "data.mdb", "lock.mdb", "key", "service_key", "rates",
		"metrics", "counts.json", "overview", "audit.jsonl", "write.lock" };
	size_t i;

	response_free(&world.res);
	registry_close(world.r);
	arena_free(world.call);
	arena_free(world.a);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", world.dir, files[i]);
		(void)!unlink(path);
	}
	(void)!rmdir(world.dir);
}

static void
open_world(void)
{
	static const struct str tags[] = { { "mcp", 3 }, { "cap:x", 5 }, { "a2a", 3 } };
	static const struct flow flows[] = {
		{ .url = { "/a", 2 }, .name = { "Travel planner", 14 }, .tags = tags, .n_tags = 2,
		    .description = { "plans a journey", 15 }, .author = { "Jane", 4 } },
		{ .url = { "/b", 2 }, .name = { "Newsletter", 10 }, .tags = tags + 1, .n_tags = 2,
		    .entry = { "https://e.example/", 18 } },
		{ .url = { "/c", 2 }, .name = { "\xc3\x9c" "bersetzer", 11 } },
	};
	char url[] = "--url", own[] = "https://own.example", *argv[] = { url, own };
	struct options o;
	struct why why = { "" };

	snprintf(world.dir, sizeof(world.dir), "/tmp/kodo-fuzz-XXXXXX");
	world.a = arena_new();
	world.call = arena_new();
	must(mkdtemp(world.dir) != NULL && world.a != NULL && world.call != NULL);
	must(option_load_service(world.a, 2, argv, false, &o, &why) == KODO_OK);
	o.state_path = str_of(world.dir);
	o.cache_data = STR("/nonexistent/cache.json");
	o.audit_max_mib = 0;
	o.flows = flows;
	o.n_flows = sizeof(flows) / sizeof(flows[0]);
	must(registry_open(str_of(world.dir), STORE_MAKE, &why, &world.r) == KODO_OK);
	must(startup_apply(world.r, &o, STR("stamp"), START_NOW, T0, NULL, &why) == KODO_OK);
	response_init(&world.res, NULL);
	atexit(clean);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct request req = { .method = METHOD_POST, .path = STR("/ard/search") };
	struct call c = { .req = &req, .now_us = T0 };
	struct jread_fault fault;
	struct str value;
	enum kodo_err err;

	if (world.r == NULL)
		open_world();
	if (n == 0)
		return 0;
	arena_reset(world.call);
	response_reset(&world.res, NULL);
	c.a = world.call;
	c.registry = world.r;
	c.res = &world.res;
	c.text = (struct str){ (const char *)data + 1, n - 1 };
	err = data[0] % 2 == 0 ? handle_ard_search(&c) : handle_ard_explore(&c);
	must(err == KODO_OK && (world.res.status == 200 || world.res.status == 400));
	if (world.res.status == 200)
		must(jread_check(buf_str(&world.res.body.buf), &value, &fault));
	else
		must(world.res.reason.len > 0);
	return 0;
}
