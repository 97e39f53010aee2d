#include "core/views/flows_each.h"
#include "core/views/organization.h"

static bool
is_known(const struct organization *o, struct str author)
{
	size_t i;

	for (i = 0; i < o->n_authors; i++)
		if (str_eq(o->authors[i], author))
			return true;
	return false;
}

static enum kodo_err
add_authors(struct organization *o, struct arena *a, const struct packed *p)
{
	struct packed_flow f;
	struct str author;
	uint32_t i;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < p->n_flows && err == KODO_OK && !o->more_authors; i++) {
		err = packed_flow(p, i, &f);
		if (err == KODO_OK)
			err = packed_raw(a, f.author, &author);
		if (err != KODO_OK || author.len == 0 || is_known(o, author))
			continue;
		o->more_authors = o->n_authors == ORGANIZATION_AUTHORS;
		if (!o->more_authors)
			o->authors[o->n_authors++] = author;
	}
	return err;
}

static enum kodo_err
add_node(struct organization *o, struct arena *a, const struct flows_node *n)
{
	o->all_nodes++;
	o->n_flows += n->p.n_flows;
	o->n_silent += n->liveness.silent_us != 0;
	if (o->n_nodes < ORGANIZATION_NODES)
		o->nodes[o->n_nodes++] = (struct organization_node){ n->p.url, n->p.n_flows,
			n->liveness.state, n->liveness.heard_us };
	return add_authors(o, a, &n->p);
}

enum kodo_err
organization_find(struct view *v, struct arena *a, struct str name, struct organization **out)
{
	struct flows_node n;
	struct record rec;
	struct packed p;
	struct scan s;
	enum kodo_err err;

	*out = arena_zalloc(a, sizeof(**out));
	if (*out == NULL)
		return KODO_ENOMEM;
	s = record_scan_seen(&v->t);
	while (record_next(&s, &rec)) {
		s.err = packed_open(rec.said.bytes, &p);
		if (s.err != KODO_OK || !str_eq(p.organization, name))
			continue;
		s.err = flows_node_open(v, rec.node, &rec.said, QUERY_LIVENESS_FIELDS, &n);
		if (s.err == KODO_OK)
			s.err = add_node(*out, a, &n);
	}
	err = scan_end(&s);
	return err == KODO_OK && (*out)->all_nodes == 0 ? KODO_ENOTFOUND : err;
}
