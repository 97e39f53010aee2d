/*
 * What a service has stored of each node: what is seen of it must be what the model makes of the
 * statements and the tombstone (node_model.h).
 */
#include <string.h>

#include "core/base/url.h"
#include "core/flow/packed.h"
#include "core/records/head.h"
#include "core/records/known.h"
#include "core/records/peer.h"
#include "core/storage/store.h"
#include "mesh.h"
#include "node_model.h"

static enum kodo_err
statement_add(struct txn *t, struct arena *a, const struct statement *s, struct node_model *m)
{
	struct peer p;
	enum kodo_err err;

	if (m->n == MODEL_MAX)
		return KODO_ETOOBIG;
	err = peer_get(t, a, s->peer, &p);
	m->statements[m->n++] = (struct model_statement){ .peer = s->peer,
		.version = s->version,
		.place = err == KODO_OK ? p.order : UINT64_MAX,
		.text = s->bytes };
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static enum kodo_err
shadows_add(struct txn *t, struct arena *a, uint32_t node, struct node_model *m)
{
	struct scan s = record_scan_shadows(t, node);
	struct record rec;

	while (record_next(&s, &rec)) {
		if (rec.is_tomb) {
			m->is_gone = true;
			m->gone_version = rec.said.version;
		} else {
			s.err = statement_add(t, a, &rec.said, m);
		}
	}
	return scan_end(&s);
}

/*
 * Whose url the node has, if it states it: it alone changes it then, where it has a key.
 * *is_unheard: this is an older copy, to which it has not spoken.
 */
static enum kodo_err
owner_find(struct txn *t, struct arena *a, const struct head *h, struct node_model *m,
    bool *is_unheard)
{
	struct packed pk;
	struct str key;
	struct peer p;
	enum kodo_err err;

	if (m->n == 0)
		return KODO_OK;
	err = packed_open(m->statements[0].text, &pk);
	if (err == KODO_OK)
		err = url_key(a, pk.url, &key);
	if (err == KODO_OK)
		err = peer_find(t, a, key, &p);
	if (err != KODO_OK || p.trust.key.len == 0 || node_model_of(m, p.id) == NULL)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	m->owner = p.id;
	*is_unheard = p.in.at_us < (int64_t)h->restored_us;
	m->is_keyed = str_eq(p.key, key) && strcmp(mesh_trust, "open") != 0;
	return KODO_OK;
}

static enum kodo_err
node_check(
    struct service *s, struct txn *t, struct arena *a, const struct head *h, uint32_t node)
{
	struct node_model m = { .seen = MODEL_NOBODY, .owner = MODEL_NOBODY };
	struct statement winner;
	uint32_t seen;
	bool is_unheard = false;
	enum kodo_err err = record_get_seen(t, node, &winner);

	if (err == KODO_OK) {
		m.seen = winner.peer;
		err = statement_add(t, a, &winner, &m);
	} else if (err == KODO_ENOTFOUND) {
		err = KODO_OK;
	}
	seen = m.seen;
	if (err == KODO_OK)
		err = shadows_add(t, a, node, &m);
	if (err == KODO_OK)
		err = owner_find(t, a, h, &m, &is_unheard);
	if (err != KODO_OK)
		return err;
	node_model_choose(&m, MODEL_NOBODY);
	/* in an older copy, until others have spoken of it or the owner has */
	if (m.seen != seen && is_unheard) {
		m.is_keyed = false;
		node_model_choose(&m, MODEL_NOBODY);
	}
	if (m.seen != seen)
		mesh_fail(s->mesh, "s%u: node %u is seen from peer %u, not from %u\n", s->i, node,
		    seen, m.seen);
	if (m.is_gone && seen != MODEL_NOBODY && node_model_kept(&m) == NULL)
		mesh_fail(s->mesh, "s%u: node %u is seen beside a tombstone\n", s->i, node);
	return KODO_OK;
}

void
service_check_nodes(struct service *s)
{
	struct arena *a = arena_new();
	struct head h = { 0 };
	struct txn t;
	uint32_t node;
	enum kodo_err err = store_begin(registry_store(s->r), STORE_READ, &t);

	if (err == KODO_OK) {
		err = head_get(&t, &h);
		for (node = 0; node < h.next_node && err == KODO_OK; node++)
			err = node_check(s, &t, a, &h, node);
		err = store_end(&t, err);
	}
	if (err != KODO_OK)
		mesh_fail(s->mesh, "s%u: nodes: %s\n", s->i, kodo_err_text(err));
	arena_free(a);
}
