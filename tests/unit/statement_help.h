/* For tests of statements: providers, packed nodes, and what lies in the store. */
#ifndef STATEMENT_HELP_H
#define STATEMENT_HELP_H

#include "core/exchange/build.h"
#include "core/flow/packed.h"
#include "core/records/head.h"
#include "core/records/known.h"
#include "core/records/outbox.h"
#include "core/records/peer.h"
#include "core/records/record.h"
#include "core/records/walk.h"
#include "core/registry/registry_private.h"
#include "core/registry/requests.h"
#include "core/storage/store.h"
#include "registry_help.h"

#define NODE "http://n:1"

/* Make it a provider without statements. Its id. */
static inline uint32_t
provider_make(struct fixture *f, const char *url, bool feed, bool is_kodo)
{
	static unsigned sequence = 1000;
	/* a connect each, none repeated */
	struct wire_body b = body_of(f, url, feed, "[]", is_kodo
	    ? arena_printf(f->a, "{\"life\":5,\"sent\":%u}", ++sequence) : NULL);
	struct receipt in;
	struct str key;
	struct peer p;
	struct txn t;

	must(registry_connect(f->r, &b, f->now_us, &in));
	strangers_prove(f);
	must(url_key(f->a, str_of(url), &key));
	must(store_begin(registry_store(f->r), STORE_READ, &t));
	must(peer_find(&t, f->a, key, &p));
	must(store_end(&t, KODO_OK));
	return p.id;
}

static inline void
peer_read(struct fixture *f, uint32_t id, struct peer *out)
{
	struct txn t;

	must(store_begin(registry_store(f->r), STORE_READ, &t));
	must(peer_get(&t, f->a, id, out));
	must(store_end(&t, KODO_OK));
}

/* A node with n flows named form, packed, in the fixture's arena. */
static inline struct str
node_bytes(struct fixture *f, const char *url, const char *form, size_t n)
{
	struct flow *flows = arena_zalloc(f->a, (n + 1) * sizeof(*flows));
	struct node node = { .url = str_of(url), .flows = flows, .n_flows = n };
	struct buf b = BUF_INIT(0);
	struct str bytes;
	size_t i;

	for (i = 0; i < n; i++) {
		flows[i].url = str_of(arena_printf(f->a, "/%zu", i));
		flows[i].name = str_of(arena_printf(f->a, "%s %zu", form, i));
	}
	packed_write(&b, &node);
	assert_false(buf_failed(&b));
	must(arena_str(f->a, buf_str(&b), &bytes));
	buf_free(&b);
	return bytes;
}

/* Records of the node in T_SHADOW. */
static inline unsigned
shadows_count(struct txn *t, uint32_t node)
{
	struct scan s = record_scan_shadows(t, node);
	unsigned n = 0;

	while (scan_next(&s))
		n++;
	must(scan_end(&s));
	return n;
}

/* What is stored of a node: as in test_rules.c, but with the number of flows as the text. */
static inline const char *
known_of(struct fixture *f, const char *url)
{
	char *text = arena_printf(f->a, "%s", "");
	struct statement s;
	struct packed pk;
	struct known kn;
	struct str key;
	struct txn t;
	uint32_t node, peer;
	unsigned n = 0;
	enum kodo_err err;

	must(url_key(f->a, str_of(url), &key));
	must(store_begin(registry_store(f->r), STORE_READ, &t));
	err = node_find(&t, key, &node);
	if (err == KODO_OK) {
		must(known_get(&t, node, &kn));
		for (peer = 0; peer < 16; peer++) {
			if (known_statement(&t, node, peer, &s) != KODO_OK)
				continue;
			must(packed_open(s.bytes, &pk));
			n++;
			text = arena_printf(f->a, "%s%u:%llu(%u)%s ", text, peer,
			    (unsigned long long)s.version, pk.n_flows,
			    kn.is_seen && kn.winner.peer == peer ? "*" : "");
		}
		if (kn.is_gone)
			text = arena_printf(f->a, "%s#%llu@%u %.*s ", text,
			    (unsigned long long)kn.tomb.version, kn.tomb.peer,
			    STR_ARG(kn.tomb.bytes));
		/* each statement lies in one place */
		assert_int_equal(shadows_count(&t, node), n + kn.is_gone - kn.is_seen);
	} else {
		assert_int_equal(err, KODO_ENOTFOUND);
		text = arena_printf(f->a, "none ");
	}
	must(store_end(&t, KODO_OK));
	text[strlen(text) - 1] = '\0';
	return text;
}

static inline enum kodo_err
stated_add(void *arg, uint32_t node, const struct statement *s)
{
	char **text = arg;
	size_t n = strlen(*text);

	(void)s;
	snprintf(*text + n, 64 - n, "%s%u", n > 0 ? " " : "", node);
	return KODO_OK;
}

/* The ids of the nodes that the peer has named, in its order. */
static inline const char *
stated_of(struct fixture *f, uint32_t peer)
{
	char *text = arena_zalloc(f->a, 64);
	struct txn t;

	must(store_begin(registry_store(f->r), STORE_READ, &t));
	must(walk_stated(&t, peer, stated_add, &text));
	must(store_end(&t, KODO_OK));
	return text;
}

/* Is the node in the message that tells the peer what is new? */
static inline bool
is_told_next(struct fixture *f, uint32_t peer, uint32_t node)
{
	struct exchange_job job;
	struct view v;
	struct peer p;
	size_t i;
	int work;

	must(view_begin(f->r, f->now_us, &v));
	must(peer_get(&v.t, f->a, peer, &p));
	for (work = 0; work < WORK_NOTIFY; work++)
		p.out.work[work] = 0; /* what goes before it */
	must(build_job(&v, f->a, &p, &job));
	view_end(&v);
	if (job.kind != EXCHANGE_UPDATE && job.kind != EXCHANGE_REMOVE)
		return false;
	for (i = 0; i < job.n_ids; i++)
		if (job.nodes[i] == node)
			return true;
	return false;
}

static inline enum kodo_err
all_delivered(struct change *e, void *arg)
{
	uint32_t id = 0;
	struct peer p, *of;
	enum kodo_err err;

	(void)arg;
	while ((err = peer_next(e->t, e->a, &id, &p)) == KODO_OK) {
		must(change_peer(e, p.id, &of));
		must(change_unwant(e, of, WORK_NOTIFY));
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static inline void
news_forget(struct fixture *f)
{
	const struct change_type type = { .fn = all_delivered };
	struct change_run run = { .type = &type, .r = f->r, .now_us = f->now_us };

	must(registry_change(&run));
}

/* All keys and values of the tables from first to last, in the fixture's arena. */
static inline struct str
tables_read(struct fixture *f, enum store_table first, enum store_table last)
{
	struct buf b = BUF_INIT(0);
	struct str all;
	struct scan s;
	struct txn t;
	int table;

	must(store_begin(registry_store(f->r), STORE_READ, &t));
	for (table = (int)first; table <= (int)last; table++) {
		s = scan_prefix(&t, (enum store_table)table, STR_NULL);
		while (scan_next(&s)) {
			buf_put_str(&b, s.k);
			buf_put_str(&b, s.v);
		}
		must(scan_end(&s));
	}
	must(store_end(&t, KODO_OK));
	must(arena_str(f->a, buf_str(&b), &all));
	buf_free(&b);
	return all;
}

#endif
