#include "core/base/json.h"
#include "core/base/url.h"
#include "core/records/peer.h"
#include "core/records/url_ids.h"
#include "core/trust/moderation.h"
#include "core/views/flows_each.h"
#include "core/views/item.h"
#include "core/views/search.h"

#define JOINS	"/flows/"	/* the urls of node and flow */

/* Whose word the node is. */
static enum kodo_err
source_find(struct view *v, struct arena *a, uint32_t node, const struct statement *s,
    struct item *out)
{
	struct moderation m;
	struct peer p;
	enum kodo_err err = provenance_winner(v, a, node, s, &out->from, &out->n_others);

	out->is_own = s->peer == PEER_SELF;
	if (err == KODO_OK)
		err = moderation_get(&v->t, a, &m);
	if (err != KODO_OK || m.n == 0 || out->is_own)
		return err;
	err = peer_get(&v->t, a, s->peer, &p);
	if (err == KODO_OK && moderation_verdict(moderation_of_peer(&m, &p)) != VERDICT_SHOWN)
		out->from.peer = out->from.organization = STR_NULL;
	return err;
}

/* The number of the flow with that part of its url, as JSON without quotes; n_flows: none. */
static uint32_t
flow_find(const struct packed *p, struct str own)
{
	struct str url;
	uint32_t i;

	for (i = 0; i < p->n_flows; i++) {
		url = packed_url(p, i);
		if (url.len == p->prefix_len + own.len + 1
		    && memcmp(url.p + p->prefix_len, own.p, own.len) == 0)
			break;
	}
	return i;
}

/* The flow of the node at that url; own: the rest of the flow's. */
static enum kodo_err
find_at(struct view *v, struct arena *a, struct str node, struct str own, struct item *out)
{
	struct buf json = BUF_INIT(0);
	struct statement s;
	struct flows_node n;
	struct str key;
	uint32_t id, i;
	enum kodo_err err = url_key(a, node, &key);

	if (err == KODO_OK)
		err = node_find(&v->t, key, &id);
	if (err == KODO_OK)
		err = record_get_seen(&v->t, id, &s);
	if (err == KODO_EINVAL || err == KODO_ETOOBIG)
		return KODO_ENOTFOUND;
	if (err == KODO_OK)
		err = flows_node_open(v, id, &s, QUERY_NODE_FIELDS, &n);
	if (err != KODO_OK)
		return err;
	json_put_inside(&json, own);
	i = buf_failed(&json) ? n.p.n_flows : flow_find(&n.p, buf_str(&json));
	err = buf_failed(&json) ? KODO_ENOMEM : i == n.p.n_flows ? KODO_ENOTFOUND : KODO_OK;
	buf_free(&json);
	if (err == KODO_OK)
		err = flows_row(a, &n, i, ~0u, &out->row);
	out->node = n.p.url;
	out->audience = n.p.audience;
	if (err == KODO_OK)
		err = source_find(v, a, id, &s, out);
	if (err != KODO_OK)
		return err;
	err = imported_find(&v->t, a, v->options->url, out->row.url, &out->imported);
	/* anybody may state a node under that url while ours is not stated */
	if (err == KODO_OK && out->imported.peer != s.peer)
		out->imported = (struct imported){ .kind = "" };
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

enum kodo_err
item_find(struct view *v, struct arena *a, struct str url, struct item *out)
{
	const size_t n = sizeof(JOINS) - 1;
	struct str node = url;
	enum kodo_err err = KODO_ENOTFOUND;

	*out = (struct item){ .is_own = false };
	/* the last one first: there may be such a part in the node's url, or in the flow's own */
	while (err == KODO_ENOTFOUND && node.len >= n) {
		node.len--;
		if (memcmp(node.p + node.len - (n - 1), JOINS, n) == 0)
			err = find_at(v, a, (struct str){ url.p, node.len - (n - 1) },
			    str_skip(url, node.len + 1), out);
	}
	return err;
}

enum kodo_err
item_find_own(
    struct view *v, struct arena *a, struct str path, struct str query, struct item *out)
{
	struct row row;
	enum kodo_err err = search_own_flow(v, a, path, query, &row);

	return err == KODO_OK ? item_find(v, a, row.url, out) : err;
}

enum kodo_err
item_registries(struct view *v, struct arena *a, struct item_registry **out, size_t *n)
{
	const struct options *o = v->options;
	struct str key;
	struct peer p;
	size_t i;
	enum kodo_err err = KODO_OK;

	*n = 0;
	*out = arena_alloc(a, (o->n_connect + 1) * sizeof(**out));
	if (*out == NULL)
		return KODO_ENOMEM;
	if (o->registry)
		(*out)[(*n)++] = (struct item_registry){ o->url, 0 };
	for (i = 0; i < o->n_connect && err == KODO_OK; i++) {
		err = url_key(a, o->connect[i], &key);
		if (err == KODO_OK)
			err = peer_find(&v->t, a, key, &p);
		if (err == KODO_OK && p.out.connected_us != 0)
			(*out)[(*n)++] = (struct item_registry){ o->connect[i],
				p.out.connected_us };
		if (err == KODO_ENOTFOUND)
			err = KODO_OK;
	}
	return err;
}
