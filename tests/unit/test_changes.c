/*
 * What was changed behind a number, and followers that must hold what the source shows, whatever
 * happens to both: random histories, 30 or as many as FOLLOW says, from the seed FOLLOW_FROM on.
 */
#include "core/base/limit.h"
#include "core/registry/expire.h"
#include "core/registry/requests.h"
#include "core/storage/store.h"
#include "core/views/changes.h"
#include "registry_help.h"

#define SOURCE	"http://localhost:3367"
#define DAY_US	(86400ll * 1000000)

/* --- the source --- */

static void
start(struct fixture *f)
{
	fixture_options(f, SOURCE, true, true, NULL, 1);
	fixture_apply(f, START_NOW);
}

static void
connect_nodes(struct fixture *f, const char *from, const char *nodes)
{
	struct wire_body b = body_of(f, from, false, nodes, NULL);
	struct receipt in;

	must(registry_connect(f->r, &b, f->now_us, &in));
}

static void
remove_nodes(struct fixture *f, const char *from, const char *urls)
{
	struct wire_body b = disconnect_of(f, from, urls, NULL);
	struct receipt in;
	uint64_t ticket;

	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
}

/* Of the answer: 0, or what changes_place says. */
static enum kodo_err
ask(struct fixture *f, uint64_t since, size_t limit, struct changes *out, uint64_t *next)
{
	struct changes_query cq = { .limit = limit };
	struct view v;
	enum kodo_err err;

	must(query_compile(f->a, STR_NULL, &cq.q));
	must(view_begin(f->r, f->now_us, &v));
	err = changes_place(&v.head, since, &cq.behind);
	if (err == KODO_OK) {
		must(changes_find(&v, f->a, &cq, out));
		*next = changes_number(&v.head, out->at);
	}
	view_end(&v);
	return err;
}

static void
expire(struct fixture *f, int64_t us)
{
	f->now_us += us;
	must(expire_run(f->r, f->now_us));
}

/* --- numbers --- */

static void
numbers_of_the_state_alone(void **state)
{
	struct fixture *f = *state;
	struct head h = { .state_id = 77, .logged = 1000, .log_floor = 0 }, other;
	uint64_t at, number = changes_number(&h, 900);
	size_t i, known = 0;

	(void)f;
	must(changes_place(&h, number, &at));
	assert_int_equal(at, 900);
	assert_true(number <= LIMIT_VERSION_MAX && changes_last(&h) > number);
	assert_int_equal(changes_place(&h, changes_last(&h) + 1, &at), KODO_ENOTFOUND);
	assert_int_equal(changes_place(&h, 900, &at), KODO_ENOTFOUND);
	assert_int_equal(changes_place(&h, UINT64_MAX, &at), KODO_ENOTFOUND);
	must(changes_place(&h, 0, &at));
	assert_int_equal(at, 0);
	other = h;
	for (i = 1; i <= 1000; i++) {
		other.state_id = 77 + i;
		known += changes_place(&other, number, &at) == KODO_OK;
	}
	assert_true(known < 5);
	/* forgotten; from the begin, until more is forgotten */
	h.log_floor = 950;
	assert_int_equal(changes_place(&h, number, &at), KODO_ENOTFOUND);
	number = changes_number(&h, 900);
	must(changes_place(&h, number, &at));
	must(changes_place(&h, changes_number(&h, 950), &at));
	h.log_floor = 960;
	assert_int_equal(changes_place(&h, number, &at), KODO_ENOTFOUND);
}

/* The floor stands between the pages of a reader from the begin. */
static void
reading_from_the_begin(void **state)
{
	struct fixture *f = *state;
	struct changes found;
	uint64_t number, before, gone, next;

	start(f);
	connect_nodes(f, "http://a:1",
	    arena_printf(f->a, "[%s,%s]", node_json(f, "http://a:1", "a", 1),
		node_json(f, "http://b:1", "b", 1)));
	connect_nodes(f, "http://c:1",
	    arena_printf(f->a, "[%s,%s]", node_json(f, "http://c:1", "c", 1),
		node_json(f, "http://d:1", "d", 1)));
	must(ask(f, 0, 9, &found, &before));
	assert_int_equal(found.n, 5);
	must(ask(f, 0, 2, &found, &number));
	assert_true(found.n == 2 && found.is_more);
	remove_nodes(f, "http://c:1", "[\"http://d:1\"]");
	must(ask(f, before, 9, &found, &gone));
	assert_true(found.n == 1 && !found.items[0].is_seen);
	assert_true(str_eq(found.items[0].said.bytes, STR("http://d:1")));
	/* what was read before may be what is forgotten now */
	expire(f, 40 * DAY_US);
	assert_int_equal(ask(f, before, 9, &found, &next), KODO_ENOTFOUND);
	assert_int_equal(ask(f, number, 9, &found, &next), KODO_ENOTFOUND);
	must(ask(f, gone, 9, &found, &next));
	assert_int_equal(found.n, 0);
	must(ask(f, 0, 2, &found, &number));
	must(ask(f, number, 9, &found, &next));
	assert_int_equal(found.n, 2);
	assert_int_equal(next, gone);
}

/* --- followers --- */

#define KEYS	8u	/* of nodes: the first is the source's own */
#define TEXT	2048u

/* What a client has: of each node its items as JSON, "" for none. */
struct follower {
	const char *q;
	uint64_t number;
	char items[KEYS][TEXT];
	uint64_t saved_number;	/* what it has after a crash */
	char saved[KEYS][TEXT];
	struct changes_told *told;	/* it waits, from behind on */
	uint64_t behind, view, state_id;
};

struct history {
	struct fixture *f;
	uint64_t random;
	unsigned sent;
	struct follower all[3];
};

static unsigned
draw(struct history *h, unsigned n)
{
	h->random = h->random * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(h->random >> 33) % n;
}

static const char *const node_urls[KEYS] = { SOURCE, "http://a:1", "http://b:1", "http://c:1",
	"http://d:1/x", "http://e:1", "http://F:1", "http://g:80/Y" };
static const char *const peers[] = { "http://a:1", "http://b:1", "http://hub:9", "http://up:9" };

/* The number of a node by its url, as it is shown or compared. */
static size_t
node_of(struct fixture *f, struct str url)
{
	struct str key, other;
	size_t i;

	must(url_key(f->a, url, &key));
	for (i = 0; i < KEYS; i++) {
		must(url_key(f->a, str_of(node_urls[i]), &other));
		if (str_eq(key, other))
			return i;
	}
	fail_msg("unknown node %.*s", STR_ARG(url));
	return 0;
}

/* What is held of a node of which these flows were told. */
static void
items_put(char out[TEXT], const struct changes_item *item)
{
	struct packed_flow flow;
	struct packed p;
	size_t i, n, len = 0;

	must(packed_open(item->said.bytes, &p));
	n = item->flows == NULL ? p.n_flows : item->n_flows;
	out[0] = '\0';
	for (i = 0; i < n; i++) {
		must(packed_flow(
		    &p, item->flows == NULL ? (uint32_t)i : item->flows[i], &flow));
		len += (size_t)snprintf(out + len, TEXT - len, "%.*s\n", STR_ARG(flow.item));
		assert_true(len < TEXT);
	}
}

static void
item_take(struct history *h, struct follower *c, const struct changes_item *item)
{
	struct str url = item->said.bytes;
	struct packed p;
	size_t node;

	if (item->is_seen) {
		must(packed_open(item->said.bytes, &p));
		url = p.url;
	}
	node = node_of(h->f, url);
	/* who waits is never told of what it does not have */
	if (c->told != NULL && !item->is_seen)
		assert_true(c->items[node][0] != '\0');
	c->items[node][0] = '\0';
	if (item->is_seen)
		items_put(c->items[node], item);
}

static void
wait_end(struct follower *c)
{
	changes_told_free(c->told);
	c->told = NULL;
}

/* One page. False: it is the last. */
static bool
read_page(struct history *h, struct follower *c)
{
	struct changes_query cq = { .limit = 1 + draw(h, 4) };
	struct changes found;
	struct view v;
	size_t i;
	bool is_more = true;

	wait_end(c);
	must(query_compile(h->f->a, str_of(c->q), &cq.q));
	must(view_begin(h->f->r, h->f->now_us, &v));
	if (changes_place(&v.head, c->number, &cq.behind) == KODO_OK) {
		must(changes_find(&v, h->f->a, &cq, &found));
		for (i = 0; i < found.n; i++)
			item_take(h, c, &found.items[i]);
		c->number = changes_number(&v.head, found.at);
		is_more = found.is_more;
	} else {
		memset(c->items, 0, sizeof(c->items));
		c->number = 0;
	}
	view_end(&v);
	return is_more;
}

static int
line_compare(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

/* Sort the lines of a text in place; in the arena. */
static char *
lines_sort(struct arena *a, char *text)
{
	char *lines[256], *line, *rest = text;
	struct buf b = BUF_INIT(0);
	size_t n = 0, i;

	while ((line = strsep(&rest, "\n")) != NULL)
		if (line[0] != '\0')
			lines[n++] = line;
	qsort(lines, n, sizeof(*lines), line_compare);
	for (i = 0; i < n; i++)
		buf_printf(&b, "%s\n", lines[i]);
	line = arena_strz(a, buf_str(&b));
	buf_free(&b);
	return line;
}

/* The items of GET /flows without what they have of their node and provider. */
static char *
shown(struct fixture *f, const char *q)
{
	struct search_result res;
	const char *at = flows_of(f, q, "", 0, 1000, &res), *end;
	struct buf b = BUF_INIT(0);
	char *text;

	while ((at = strstr(at, "\"url\":")) != NULL) {
		end = strchr(at, '}');
		buf_printf(&b, "%.*s\n", (int)(end - at), at);
		at = end;
	}
	text = lines_sort(f->a, arena_strz(f->a, buf_str(&b)));
	buf_free(&b);
	return text;
}

/* Read on to the end: then the follower holds what is shown. */
static void
catch_up(struct history *h, struct follower *c)
{
	char *held = arena_printf(h->f->a, "%s", "");
	size_t i;

	for (i = 0; read_page(h, c); i++)
		assert_true(i < 200);
	for (i = 0; i < KEYS; i++)
		held = arena_printf(h->f->a, "%s%s", held, c->items[i]);
	assert_string_equal(lines_sort(h->f->a, held), shown(h->f, c->q));
}

/* As a request that waits: from a place at which it holds all. */
static void
wait_begin(struct history *h, struct follower *c)
{
	struct query *q;
	struct view v;

	catch_up(h, c);
	must(query_compile(h->f->a, str_of(c->q), &q));
	must(view_begin(h->f->r, h->f->now_us, &v));
	must(changes_told_new(&v, q, &c->told));
	c->behind = v.head.logged;
	c->state_id = v.head.state_id;
	view_end(&v);
}

/* What was changed meanwhile: it is told, or it need not know. */
static void
wait_look(struct history *h, struct follower *c)
{
	struct changes_query cq = { .behind = c->behind, .limit = 100, .told = c->told };
	struct changes found;
	struct view v;
	size_t i;

	must(query_compile(h->f->a, str_of(c->q), &cq.q));
	must(view_begin(h->f->r, h->f->now_us, &v));
	if (c->state_id != v.head.state_id) {
		view_end(&v);
		wait_end(c);
		return;
	}
	must(changes_find(&v, h->f->a, &cq, &found));
	for (i = 0; i < found.n; i++)
		item_take(h, c, &found.items[i]);
	c->behind = found.at;
	c->number = changes_number(&v.head, found.at);
	view_end(&v);
	if (found.n > 0)
		wait_end(c);
}

/* --- random histories --- */

static const char *
random_nodes(struct history *h, unsigned of_four)
{
	static const char *const forms[] = { "alpha", "beta", "gamma" };
	char *list = arena_printf(h->f->a, "%s", "");
	size_t i;

	for (i = 1; i < KEYS; i++)
		if (draw(h, 4) < of_four)
			list = arena_printf(h->f->a, "%s%s%s", list, list[0] == '\0' ? "" : ",",
			    node_json(h->f, node_urls[i], forms[draw(h, 3)], draw(h, 4)));
	return arena_printf(h->f->a, "[%s]", list);
}

/* What a peer says: some are legacy peers, some feed. */
static struct wire_body
random_body(struct history *h, unsigned of_four)
{
	const unsigned peer = draw(h, 4);
	const char *kodo = peer % 2 == 0 ? NULL :
	    arena_printf(h->f->a, "{\"life\":5,\"sent\":%u}", ++h->sent);

	return body_of(h->f, peers[peer], peer >= 2, random_nodes(h, of_four), kodo);
}

static void
random_removal(struct history *h)
{
	struct wire_body b;
	struct receipt in;
	uint64_t ticket;
	const char *peer = peers[draw(h, 4)];

	b = disconnect_of(h->f, peer,
	    arena_printf(h->f->a, "[\"%s\"]", draw(h, 4) == 0 ? peer : node_urls[1 + draw(h, 7)]),
	    NULL);
	must(registry_disconnect(h->f->r, &b, h->f->now_us, &in, &ticket));
}

static void
reopen(struct history *h, bool is_lost)
{
	static const char *const names[] = { "data.mdb", "lock.mdb" };
	char path[256];
	size_t i;

	registry_close(h->f->r);
	for (i = 0; is_lost && i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", h->f->dir, names[i]);
		unlink(path);
	}
	fixture_open(h->f);
}

static void
restart(struct history *h)
{
	const unsigned kind = draw(h, 10);

	reopen(h, kind == 0);
	fixture_options(h->f, SOURCE, kind != 1, kind > 2, NULL, draw(h, 4));
	h->f->o.cache_reset = kind == 3;
	fixture_apply(h->f, kind < 5 ? START_NOW : START_IF_CHANGED);
}

static void
step(struct history *h)
{
	struct wire_body b;
	struct receipt in;

	h->f->now_us += 1 + draw(h, 1000000);
	switch (draw(h, 16)) {
	case 0:
		restart(h);
		return;
	case 1:
		expire(h->f, (int64_t)draw(h, 45) * DAY_US);
		return;
	case 2:
	case 3:
	case 4:
		random_removal(h);
		return;
	case 5:
	case 6:
	case 7:
		b = random_body(h, 2);
		must(registry_connect(h->f->r, &b, h->f->now_us, &in));
		return;
	default:
		b = random_body(h, 1);
		must(registry_update(h->f->r, &b, h->f->now_us, &in));
	}
}

static void
follow(struct history *h, struct follower *c)
{
	if (c->told != NULL) {
		wait_look(h, c);
		return;
	}
	switch (draw(h, 12)) {
	case 0:
		c->saved_number = c->number;
		memcpy(c->saved, c->items, sizeof(c->saved));
		return;
	case 1:
		c->number = c->saved_number;
		memcpy(c->items, c->saved, sizeof(c->saved));
		return;
	case 2:
		catch_up(h, c);
		return;
	case 3:
		wait_begin(h, c);
		return;
	case 4:
	case 5:
	case 6:
	case 7:
		(void)read_page(h, c);
		return;
	default:
		return;
	}
}

static void
history_run(struct fixture *f, uint64_t seed)
{
	static const char *const queries[] = { "alpha", "organization == \"Org beta\"",
		"name =~ \"a 1$\"", "@tag(\"t1\")", "not name ~ \"gamma\"", "url ~ \"g:80\"" };
	struct history *h = calloc(1, sizeof(*h));
	size_t i, j;

	h->f = f;
	h->random = seed * 0x9E3779B97F4A7C15ull + 1;
	h->all[0].q = "";
	h->all[1].q = queries[draw(h, 6)];
	h->all[2].q = queries[draw(h, 6)];
	fixture_options(f, SOURCE, true, true, NULL, 2);
	fixture_apply(f, START_NOW);
	for (i = 0; i < 60; i++) {
		step(h);
		for (j = 0; j < 3; j++)
			follow(h, &h->all[j]);
		arena_reset(f->a);
		/* it had texts in the arena */
		fixture_options(f, SOURCE, f->o.registry, f->o.feed, NULL, f->o.n_flows);
	}
	for (j = 0; j < 3; j++) {
		catch_up(h, &h->all[j]);
		wait_end(&h->all[j]);
	}
	check_clean(f);
	free(h);
}

static void
followers_hold_what_is_shown(void **state)
{
	const char *count = getenv("FOLLOW"), *from = getenv("FOLLOW_FROM");
	uint64_t n = count == NULL ? 30 : strtoull(count, NULL, 10);
	uint64_t seed = from == NULL ? 1 : strtoull(from, NULL, 10);
	void *one;

	(void)state;
	for (; n > 0; n--, seed++) {
		print_message("history %llu\n", (unsigned long long)seed);
		assert_int_equal(fixture_setup(&one), 0);
		history_run(one, seed);
		assert_int_equal(fixture_teardown(&one), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    numbers_of_the_state_alone, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
		    reading_from_the_begin, fixture_setup, fixture_teardown),
		cmocka_unit_test(followers_hold_what_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
