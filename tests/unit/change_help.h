/* For tests inside of a change: options of a registry that feeds, and peers in the cache. */
#ifndef CHANGE_HELP_H
#define CHANGE_HELP_H

#include "core/merge/change.h"
#include "core/records/outbox.h"
#include "records_help.h"

#define NOW_US		1764000000000000ll	/* a day in November 2025 */
#define SECOND_US	1000000ll
#define FIRST_STATE	42u			/* number of the first change */

static struct options options;
static struct change ch;

static inline void
begin(void)
{
	must(change_begin(&ch, &db.t, scratch.a, NOW_US, &options));
}

static inline void
commit(void)
{
	must(change_end(&ch, KODO_OK));
}

/* What was changed is written, and another change begins. */
static inline void
next_change(void)
{
	commit();
	begin();
}

static inline int
change_setup(void **state)
{
	struct peer self = { .id = PEER_SELF, .url = STR("http://own:1"),
		.key = STR("http://own:1") };

	if (records_setup(state) != 0)
		return -1;
	options = (struct options){ .url = STR("http://own:1"), .url_key = STR("http://own:1"),
		.registry = true, .feed = true };
	db.head.state = FIRST_STATE - 1;
	db.head.view = 7;
	db.head.state_id = 1234;
	must(head_put(&db.t, &db.head));
	must(peer_put(&db.t, &self));
	begin();
	return 0;
}

static inline int
change_teardown(void **state)
{
	if (change_end(&ch, KODO_EINVAL) != KODO_EINVAL)
		return -1;
	return records_teardown(state);
}

#define CHANGE_TEST(fn) cmocka_unit_test_setup_teardown(fn, change_setup, change_teardown)

/* A peer with those flags, in the change at hand; a provider gets a place. */
static inline struct peer *
peer_in(const char *url, uint32_t flags)
{
	struct peer *p;

	must(change_peer_make(&ch, str_of(url), str_of(url), &p));
	p->flags = flags;
	p->in.epoch = 1; /* so that it stays although it has nothing to do */
	if ((flags & PEER_PROVIDER) != 0)
		must(peer_place_put(&db.t, &ch.head, p));
	return p;
}

static inline struct peer *
peer_again(uint32_t id)
{
	struct peer *p;

	must(change_peer(&ch, id, &p));
	return p;
}

/* The outbox as "peer/node:gen ". */
static inline const char *
outbox_text(void)
{
	static char text[256];
	struct scan s = outbox_scan_all(&db.t);
	struct outbox_entry e;
	size_t n = 0;

	text[0] = '\0';
	while (outbox_next(&db.t, &s, &e))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%u/%u:%llu%s ", e.peer, e.node,
		    (unsigned long long)e.gen, e.why.p == NULL ? "" : "!");
	must(scan_end(&s));
	return text;
}

#endif
