#include "core/merge/ingest.h"
#include "core/records/known.h"
#include "core/records/node_chunks.h"
#include "core/records/walk.h"
#include "change_help.h"

/* A body with those nodes ("n" is http://n:1, of one flow), all of that version. */
static struct wire_body
body(const char *nodes, uint64_t version)
{
	static const struct flow flow = { .url = { "/1", 2 }, .name = { "n", 1 } };
	struct wire_body b = { .has_kodo = true };

	b.nodes = arena_zalloc(scratch.a, (strlen(nodes) + 1) * sizeof(*b.nodes));
	for (; *nodes != '\0'; nodes++) {
		const char *url = arena_printf(scratch.a, "http://%c:1", *nodes);

		b.nodes[b.n_nodes++] = (struct wire_node){ .key = str_of(url), .version = version,
			.bytes = pack(url, &flow, 1) };
	}
	return b;
}

static struct wire_body
list_chunk(const char *nodes, uint64_t id, bool more)
{
	struct wire_body b = body(nodes, 0);

	b.has_list = true;
	b.list_id = id;
	b.more = more;
	return b;
}

/* Flow from of a node n of so many; the version is in the last chunk. */
static struct wire_body
node_chunk(uint64_t from, uint64_t of, uint64_t version)
{
	struct flow *flow = arena_zalloc(scratch.a, sizeof(*flow));
	struct wire_body b = body("n", version);

	flow->url = str_of(arena_printf(scratch.a, "/%u", (unsigned)from));
	flow->name = STR("n");
	b.nodes[0].bytes = pack("http://n:1", flow, 1);
	b.has_chunk = true;
	b.chunk = (struct wire_range){ .id = STR("id"), .from = from, .of = of };
	return b;
}

static enum kodo_err
stated(void *arg, uint32_t node, const struct statement *s)
{
	char **text = arg;
	struct packed pk;

	(void)node;
	must(packed_open(s->bytes, &pk));
	*text = arena_printf(scratch.a, "%s%c%u ", *text, pk.url.p[7], pk.n_flows);
	return KODO_OK;
}

/* What p says, in its order: letters of nodes and their numbers of flows. */
static void
assert_stated(const struct peer *p, const char *want)
{
	char *text = arena_printf(scratch.a, "%s", "");

	must(walk_stated(&db.t, p->id, stated, &text));
	assert_string_equal(text, want);
}

static struct known
known_of(const char *url)
{
	struct known kn;
	uint32_t node;

	must(node_find(&db.t, str_of(url), &node));
	must(known_get(&db.t, node, &kn));
	return kn;
}

/* A provider of kodo that does not feed; what it says is heard by nobody else. */
static struct peer *
speaker(void)
{
	return peer_in("http://p:1", PEER_PROVIDER | PEER_KODO);
}

/* --- a node that is in a body twice --- */

static void
last_of_two_counts(void **state)
{
	struct peer *p = speaker();
	struct wire_body b = body("nmn", 5);

	(void)state;
	b.nodes[2].version = 6;
	must(ingest_list(&ch, p, &b));
	assert_stated(p, "n1 m1 ");
	assert_int_equal(count(T_STATED), 2);
	assert_int_equal(count(T_NODE_URL), 2);
	assert_int_equal(known_of("http://n:1").version, 6);
	b = body("nn", 7);
	must(ingest_list(&ch, p, &b));
	assert_stated(p, "n1 ");
}

/* --- who says it --- */

static void
greeting_makes_a_provider(void **state)
{
	char organization[] = "Org";
	struct greeting g = { .organization = str_of(organization), .feed = true };
	struct peer *p = peer_in("http://p:1", PEER_TARGET);
	uint64_t order;

	(void)state;
	must(ingest_greeting(&ch, p, &g));
	memset(organization, 'x', 3);
	assert_int_equal(p->flags, PEER_TARGET | PEER_PROVIDER | PEER_FEED);
	assert_str(p->organization, "Org");
	assert_true(p->created_us == NOW_US && p->modified_us == NOW_US && p->in.at_us == NOW_US);
	assert_true(p->order != 0 && ch.is_view_changed);
	assert_int_equal(count(T_PROVIDER), 1);
	order = p->order;
	/* and again: first connect and place stay */
	ch.now_us += SECOND_US;
	ch.is_view_changed = false;
	g = (struct greeting){ .registry = true };
	must(ingest_greeting(&ch, p, &g));
	assert_int_equal(p->flags, PEER_TARGET | PEER_PROVIDER | PEER_REGISTRY);
	assert_null(p->organization.p);
	assert_int_equal(p->created_us, NOW_US);
	assert_true(p->modified_us == ch.now_us && p->in.at_us == ch.now_us && p->order == order);
	assert_true(ch.is_view_changed);
	assert_int_equal(count(T_PROVIDER), 1);
}

/* --- lists and updates --- */

static void
list_replaces_what_was_said(void **state)
{
	struct peer *p = speaker();
	struct wire_body b = body("abc", 5);

	(void)state;
	must(ingest_list(&ch, p, &b));
	assert_true(ch.is_list);
	assert_stated(p, "a1 b1 c1 ");
	b = body("cad", 6);
	must(ingest_list(&ch, p, &b));
	assert_stated(p, "a1 c1 d1 "); /* known ones keep their places */
	assert_int_equal(known_of("http://a:1").version, 6);
	assert_false(known_of("http://b:1").is_seen);
	b = body("", 0);
	must(ingest_list(&ch, p, &b));
	assert_stated(p, "");
}

static void
update_adds_and_removes(void **state)
{
	struct peer *p = speaker();
	struct wire_body b = body("abz", 5);
	struct wire_gone gone[] = { { STR("http://a:1"), STR("http://a:1"), 9 },
		{ STR("http://y:1"), STR("http://y:1"), 8 } };
	struct known kn;

	(void)state;
	must(ingest_list(&ch, p, &b));
	next_change();
	p = peer_again(p->id);
	b = body("bc", 6);
	b.gone = gone;
	b.n_gone = 2;
	must(ingest_update(&ch, p, &b));
	assert_false(ch.is_list);
	assert_stated(p, "b1 z1 c1 "); /* b keeps its place */
	kn = known_of("http://a:1");
	assert_true(kn.is_gone && kn.tomb.version == 9 && kn.tomb.peer == p->id);
	assert_int_equal(known_of("http://y:1").tomb.version, 8);
}

static void
sender_of_our_member_is_a_kodo_peer(void **state)
{
	struct peer *p = peer_in("http://p:1", PEER_PROVIDER);
	struct wire_body b = body("", 0);

	(void)state;
	b.has_kodo = false;
	must(ingest_update(&ch, p, &b));
	assert_int_equal(p->flags & PEER_KODO, 0);
	b.has_kodo = true;
	must(ingest_update(&ch, p, &b));
	assert_int_equal(p->flags & PEER_KODO, PEER_KODO);
	b.has_kodo = false; /* it stays one */
	must(ingest_update(&ch, p, &b));
	assert_int_equal(p->flags & PEER_KODO, PEER_KODO);
}

/* What it did not take is tried again with its connect; what waits anyway is as it was. */
static void
connect_ends_pauses_of_nodes(void **state)
{
	struct peer *p = peer_in("http://p:1", PEER_PROVIDER | PEER_FEED | PEER_KODO);
	struct wire_body b = body("", 0);
	uint32_t node;

	(void)state;
	for (node = 1; node <= 4; node++)
		must(outbox_put(&db.t, p->id, node, 5));
	must(outbox_put(&db.t, p->id, UINT32_MAX, 5));
	must(outbox_pause(&db.t, p->id, 2, 5, STR("no")));
	must(outbox_pause(&db.t, p->id, UINT32_MAX, 5, STR("no")));
	must(ingest_update(&ch, p, &b));
	assert_string_equal(outbox_text(), "1/1:5 1/2:5! 1/3:5 1/4:5 1/4294967295:5! ");
	must(ingest_list(&ch, p, &b));
	assert_string_equal(outbox_text(), "1/1:5 1/2:42 1/3:5 1/4:5 1/4294967295:42 ");
	assert_int_equal(p->out.work[WORK_NOTIFY], FIRST_STATE);
	must(outbox_clear(&db.t, p->id));
	raw_put(T_OUT, STR("\0\0\0\1\0\0\0\1"), STR("short"));
	assert_int_equal(ingest_list(&ch, p, &b), KODO_ECORRUPT);
}

/* --- lists in chunks --- */

static void
unnamed_go_with_the_last_chunk(void **state)
{
	struct peer *p = speaker();
	struct wire_body b = body("abcd", 5);

	(void)state;
	must(ingest_list(&ch, p, &b));
	b = list_chunk("b", 77, true);
	must(ingest_list(&ch, p, &b));
	assert_int_equal(p->in.list, 77);
	assert_stated(p, "a1 c1 d1 b1 "); /* named ones go to the end */
	next_change();
	p = peer_again(p->id);
	b = list_chunk("e", 77, true);
	must(ingest_update(&ch, p, &b));
	assert_stated(p, "a1 c1 d1 b1 e1 ");
	b = body("f", 5); /* an update meanwhile is none of the list, and named */
	must(ingest_update(&ch, p, &b));
	next_change();
	p = peer_again(p->id);
	b = list_chunk("a", 77, false);
	must(ingest_update(&ch, p, &b));
	assert_stated(p, "b1 e1 f1 a1 ");
	assert_int_equal(p->in.list, 0);
}

static void
chunk_of_another_list_drops_nothing(void **state)
{
	struct peer *p = speaker();
	struct wire_body b = body("ab", 5);

	(void)state;
	must(ingest_list(&ch, p, &b));
	b = list_chunk("c", 77, false); /* of no list that began */
	must(ingest_update(&ch, p, &b));
	assert_stated(p, "a1 b1 c1 ");
	b = list_chunk("d", 77, true);
	must(ingest_list(&ch, p, &b));
	b = list_chunk("e", 78, false);
	must(ingest_update(&ch, p, &b));
	assert_stated(p, "a1 b1 c1 d1 e1 ");
	assert_int_equal(p->in.list, 77);
	b = list_chunk("f", 77, false);
	b.has_list = false;
	must(ingest_update(&ch, p, &b));
	assert_int_equal(p->in.list, 77);
	p->in.list = 0;
	b = list_chunk("g", 0, false); /* id 0 is none */
	must(ingest_update(&ch, p, &b));
	assert_stated(p, "a1 b1 c1 d1 e1 f1 g1 ");
}

static void
list_begins_again(void **state)
{
	struct peer *p = speaker();
	struct wire_body b = list_chunk("a", 77, true);

	(void)state;
	must(ingest_list(&ch, p, &b));
	b = list_chunk("b", 77, true); /* under the same id */
	must(ingest_list(&ch, p, &b));
	b = list_chunk("c", 77, false);
	must(ingest_update(&ch, p, &b));
	assert_stated(p, "b1 c1 ");
	b = list_chunk("a", 78, true);
	must(ingest_list(&ch, p, &b));
	b = list_chunk("d", 78, false); /* a connect that is whole ends it */
	assert_false(ch.is_list);
	must(ingest_list(&ch, p, &b));
	assert_true(ch.is_list);
	assert_int_equal(p->in.list, 0);
	assert_stated(p, "d1 ");
}

/* --- nodes in chunks --- */

static void
node_counts_when_it_is_whole(void **state)
{
	struct peer *p = speaker();
	struct wire_body b = body("n", 5);

	(void)state;
	must(ingest_list(&ch, p, &b));
	b = node_chunk(0, 3, 0);
	must(ingest_update(&ch, p, &b));
	b = node_chunk(1, 3, 0);
	must(ingest_update(&ch, p, &b));
	assert_stated(p, "n1 ");
	assert_int_equal(known_of("http://n:1").version, 5);
	next_change();
	p = peer_again(p->id);
	b = node_chunk(2, 3, 8);
	must(ingest_update(&ch, p, &b));
	assert_stated(p, "n3 ");
	assert_int_equal(known_of("http://n:1").version, 8);
}

static void
connect_starts_a_node_over(void **state)
{
	struct peer *p = speaker();
	struct wire_body b = node_chunk(0, 2, 0);
	struct node_chunks chunks;

	(void)state;
	must(ingest_update(&ch, p, &b));
	must(node_chunks_get(&db.t, p->id, &chunks));
	b = body("a", 5);
	must(ingest_list(&ch, p, &b));
	assert_int_equal(node_chunks_get(&db.t, p->id, &chunks), KODO_ENOTFOUND);
	b = node_chunk(1, 2, 8);
	must(ingest_update(&ch, p, &b));
	assert_stated(p, "a1 ");
	/* and a node that comes whole takes the place of its chunks */
	b = node_chunk(0, 2, 0);
	must(ingest_update(&ch, p, &b));
	b = body("n", 9);
	must(ingest_update(&ch, p, &b));
	assert_int_equal(node_chunks_get(&db.t, p->id, &chunks), KODO_ENOTFOUND);
	assert_stated(p, "a1 n1 ");
}

/* The last body of a list holds a node of which flows are missing: not all is named yet. */
static void
last_chunk_of_a_list_without_all_flows(void **state)
{
	struct peer *p = speaker();
	struct wire_body b = body("xn", 5);
	uint64_t from;

	(void)state;
	must(ingest_list(&ch, p, &b));
	b = list_chunk("a", 77, true);
	must(ingest_list(&ch, p, &b));
	for (from = 0; from < 3; from++) {
		assert_stated(p, "x1 n1 a1 ");
		b = node_chunk(from, 3, 9);
		b.has_list = true;
		b.list_id = 77;
		must(ingest_update(&ch, p, &b));
		assert_int_equal(p->in.list, from < 2 ? 77 : 0);
	}
	assert_stated(p, "a1 n3 ");
	/* a chunk that does not fit, where none is there */
	p->in.list = 77;
	must(node_chunks_drop(&db.t, p->id));
	b = node_chunk(2, 3, 9);
	b.has_list = true;
	b.list_id = 77;
	must(ingest_update(&ch, p, &b));
	assert_int_equal(p->in.list, 77);
	assert_stated(p, "a1 n3 ");
}

/* --- late messages, other states --- */

static void
late_is_older_in_the_same_epoch(void **state)
{
	static const struct {
		uint64_t epoch, sequence;
		bool want;
	} rows[] = {
		{ 5, 8, true }, { 5, 9, false }, { 5, 10, false }, { 6, 8, false }, { 0, 8, false },
	};
	struct peer p = { .in = { .epoch = 5, .sequence = 9 } };
	struct wire_body b = { .has_kodo = true };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		b.epoch = rows[i].epoch;
		b.sequence = rows[i].sequence;
		assert_int_equal(ingest_is_late(&p, &b), rows[i].want);
	}
}

static void
epoch_is_noted(void **state)
{
	struct peer *p = speaker();
	struct wire_body b = body("an", 5);

	(void)state;
	p->in.epoch = p->in.sequence = 0;
	must(ingest_list(&ch, p, &b));
	b = (struct wire_body){ .epoch = 5, .sequence = 9 };
	p->flags |= PEER_FADING;
	must(ingest_epoch(&ch, p, &b)); /* the first one */
	assert_true(p->in.epoch == 5 && p->in.sequence == 9 && p->in.at_us == NOW_US);
	assert_int_equal(p->flags & PEER_FADING, 0);
	b.sequence = 10;
	must(ingest_epoch(&ch, p, &b)); /* the same one */
	assert_int_equal(p->in.sequence, 10);
	assert_stated(p, "a1 n1 ");
	assert_false(peer_has_work(p));
}

static void
other_epoch_withdraws_all_but_its_own_node(void **state)
{
	struct peer *p = speaker();
	struct wire_body b = body("apn", 5);
	struct node_chunks chunks;

	(void)state;
	p->in.epoch = 5;
	p->in.sequence = 9;
	must(ingest_list(&ch, p, &b));
	b = node_chunk(0, 2, 0);
	must(ingest_update(&ch, p, &b));
	b = (struct wire_body){ .epoch = 6, .sequence = 2 };
	must(ingest_epoch(&ch, p, &b));
	assert_true(p->in.epoch == 6 && p->in.sequence == 2);
	assert_stated(p, "p1 ");
	assert_int_equal(node_chunks_get(&db.t, p->id, &chunks), KODO_ENOTFOUND);
	/* it is asked for its list */
	assert_in_range(p->out.work[WORK_RECONNECT], FIRST_STATE, ch.head.state);
	assert_int_equal(p->resync.n, 1);
	/* one that did not say anything of itself */
	p = peer_in("http://q:1", PEER_PROVIDER | PEER_KODO);
	p->in.epoch = 5;
	b = body("a", 5);
	must(ingest_list(&ch, p, &b));
	b = (struct wire_body){ .epoch = 6, .sequence = 2 };
	must(ingest_epoch(&ch, p, &b));
	assert_stated(p, "");
}

/* One that has answered; what a stranger acknowledges is not heeded. */
static const struct peer proven = { .id = 99, .flags = PEER_PROVEN };

static void
who_acknowledges_more_knows_of_a_restored_state(void **state)
{
	static const struct {
		uint64_t acked_epoch, acked;
		bool want;
	} rows[] = {
		{ 1234, FIRST_STATE - 1, false }, { 1233, FIRST_STATE + 9, false },
		{ 0, FIRST_STATE + 9, false }, { 1234, FIRST_STATE, true },
		{ 1234, FIRST_STATE + 9, true },
	};
	struct wire_body b = { .has_kodo = true };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ch.head.state_id = 1234;
		b.acked_epoch = rows[i].acked_epoch;
		b.acked = rows[i].acked;
		must(ingest_acknowledged(&ch, &proven, &b));
		assert_int_equal(ch.head.state_id != 1234, rows[i].want);
	}
	ch.head.state_id = 1234;
	must(ingest_acknowledged(&ch, &(struct peer){ .id = 99, .flags = PEER_PROVIDER }, &b));
	assert_int_equal(ch.head.state_id, 1234);
}

static void
restored_state_asks_everybody(void **state)
{
	struct wire_body b = { .acked_epoch = 1234, .acked = FIRST_STATE + 9 };
	struct peer *p;
	unsigned char k[4];

	(void)state;
	peer_in("http://a:1", PEER_TARGET);
	peer_in("http://b:1", PEER_PROVIDER);
	peer_in("http://c:1", PEER_TARGET | PEER_PROVIDER);
	peer_in("http://d:1", 0);
	commit();
	begin();
	b.acked = ch.head.state;
	must(ingest_acknowledged(&ch, &proven, &b));
	p = peer_again(1);
	assert_true(p->out.work[WORK_CONNECT] != 0 && p->out.work[WORK_RECONNECT] == 0);
	p = peer_again(2);
	assert_true(p->out.work[WORK_CONNECT] == 0 && p->out.work[WORK_RECONNECT] != 0);
	p = peer_again(3);
	assert_true(p->out.work[WORK_CONNECT] != 0 && p->out.work[WORK_RECONNECT] != 0);
	assert_false(peer_has_work(peer_again(4)));
	assert_false(peer_has_work(peer_again(PEER_SELF)));
	/* again and again: the pace holds */
	b.acked_epoch = head_epoch(&ch.head);
	must(ingest_acknowledged(&ch, &proven, &b));
	assert_int_equal(peer_again(2)->out.due_us, NOW_US + PEER_BACKOFF_US);
	assert_int_equal(peer_again(3)->out.due_us, NOW_US + PEER_BACKOFF_US);
	next_change();
	raw_put(T_PEER, key_u32(k, 4), STR("short"));
	b.acked_epoch = head_epoch(&ch.head);
	b.acked = ch.head.state;
	assert_int_equal(ingest_acknowledged(&ch, &proven, &b), KODO_ECORRUPT);
}

/* --- what cannot be read --- */

static void
damage_is_told(void **state)
{
	struct peer *p = speaker();
	struct wire_body b = body("ab", 5);
	unsigned char k[4];
	uint32_t node;

	(void)state;
	must(ingest_list(&ch, p, &b));
	must(node_find(&db.t, STR("http://b:1"), &node));
	raw_put(T_NODE, key_u32(k, node), STR("short"));
	b = body("a", 5);
	assert_int_equal(ingest_list(&ch, p, &b), KODO_ECORRUPT);
	b = body("ab", 6);
	assert_int_equal(ingest_update(&ch, p, &b), KODO_ECORRUPT);
	p->in.epoch = 5;
	b = (struct wire_body){ .epoch = 6, .sequence = 2 };
	assert_int_equal(ingest_epoch(&ch, p, &b), KODO_ECORRUPT);
	b = body("c", 6);
	b.nodes[0].bytes = STR("no node");
	assert_int_equal(ingest_update(&ch, p, &b), KODO_ECORRUPT);
	raw_put(T_NODE_CHUNK, key_u32(k, p->id), STR("short"));
	b = body("c", 6);
	assert_int_equal(ingest_update(&ch, p, &b), KODO_ECORRUPT);
	b = node_chunk(0, 2, 0);
	assert_int_equal(ingest_update(&ch, p, &b), KODO_ECORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CHANGE_TEST(last_of_two_counts),
		CHANGE_TEST(greeting_makes_a_provider),
		CHANGE_TEST(list_replaces_what_was_said),
		CHANGE_TEST(update_adds_and_removes),
		CHANGE_TEST(sender_of_our_member_is_a_kodo_peer),
		CHANGE_TEST(connect_ends_pauses_of_nodes),
		CHANGE_TEST(unnamed_go_with_the_last_chunk),
		CHANGE_TEST(chunk_of_another_list_drops_nothing),
		CHANGE_TEST(list_begins_again),
		CHANGE_TEST(node_counts_when_it_is_whole),
		CHANGE_TEST(connect_starts_a_node_over),
		CHANGE_TEST(last_chunk_of_a_list_without_all_flows),
		CHANGE_TEST(late_is_older_in_the_same_epoch),
		CHANGE_TEST(epoch_is_noted),
		CHANGE_TEST(other_epoch_withdraws_all_but_its_own_node),
		CHANGE_TEST(who_acknowledges_more_knows_of_a_restored_state),
		CHANGE_TEST(restored_state_asks_everybody),
		CHANGE_TEST(damage_is_told),
	};

	return cmocka_run_group_tests_name("ingest", tests, NULL, NULL);
}
