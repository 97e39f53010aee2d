/* For tests of peers, and of providers with nodes, record by record. */
#ifndef PROVIDER_HELP_H
#define PROVIDER_HELP_H

#include "records_help.h"

static inline void
put(struct peer *p)
{
	must(peer_put(&db.t, p));
}

static inline struct peer
get(uint32_t id)
{
	struct peer p;

	must(peer_get(&db.t, scratch.a, id, &p));
	return p;
}

static inline struct peer
make(const char *url)
{
	struct peer p;

	peer_init(&p, &db.head, str_of(url), str_of(url));
	return p;
}

/* A provider behind those there are. Its id. */
static inline uint32_t
provider_put(const char *url)
{
	struct peer p;

	peer_init(&p, &db.head, str_of(url), str_of(url));
	p.flags = PEER_PROVIDER;
	must(peer_place_put(&db.t, &db.head, &p));
	must(peer_put(&db.t, &p));
	return p.id;
}

/* The record of this service itself. */
static inline void
self_put(void)
{
	struct peer p = { .id = PEER_SELF, .url = STR("http://own:1"), .key = STR("http://own:1") };

	must(peer_put(&db.t, &p));
}

/* The peer says text of the node, at the end of its list; seen, or behind another. */
static inline void
says(uint32_t peer, uint32_t node, const char *text, bool is_seen)
{
	struct statement s = said(peer, 1, text);

	s.order = db.head.next_order++;
	must(place_put(&db.t, peer, s.order, node));
	must(is_seen ? record_put_seen(&db.t, node, &s) : record_put_shadow(&db.t, node, peer, &s));
}

#endif
