#include "core/base/url.h"
#include "core/views/flows_each.h"
#include "core/views/search.h"

/*
 * Does the url of a flow, from the slash before its own part on, lead to this page? Both are
 * compared as a server reads them: decoded, slashes collapsed, without a fragment.
 */
static enum kodo_err
is_page_of(struct arena *a, struct str url, struct str path, struct str query, bool *is_path,
    bool *is_query)
{
	const char *end = memchr(url.p, '#', url.len), *mark;
	struct str own, asked, other = STR("");
	enum kodo_err err;

	url.len = end == NULL ? url.len : (size_t)(end - url.p);
	mark = memchr(url.p, '?', url.len);
	if (mark != NULL) {
		other = (struct str){ mark + 1, url.len - (size_t)(mark + 1 - url.p) };
		url.len = (size_t)(mark - url.p);
	}
	err = url_clean_path(a, url, true, &own);
	if (err == KODO_OK)
		err = url_decode(a, other, false, &other);
	if (err == KODO_OK)
		err = url_decode(a, query, false, &asked);
	if (err != KODO_OK)
		return err;
	*is_path = str_eq((struct str){ own.p + 1, own.len - 1 }, path);
	*is_query = *is_path && str_eq(other, asked);
	*is_path = *is_path && mark == NULL;
	return KODO_OK;
}

enum kodo_err
search_own_flow(struct view *v, struct arena *a, struct str path, struct str query,
    struct row *out)
{
	const size_t below = sizeof("/flows") - 1;	/* joins the urls of node and flow */
	struct flows_node n;
	struct statement own;
	struct row row;
	uint32_t id, i;
	bool is_path = false, is_query = false, found = false;
	enum kodo_err err = node_find(&v->t, v->options->url_key, &id);

	if (err == KODO_OK)
		err = record_get_seen(&v->t, id, &own);
	if (err == KODO_OK)
		err = flows_node_open(v, id, &own, QUERY_NODE_FIELDS, &n);
	for (i = 0; err == KODO_OK && !is_query && i < n.p.n_flows; i++) {
		err = flows_row(a, &n, i, ~0u, &row);
		if (err == KODO_OK && row.url.len < n.p.url.len + below + 1)
			err = KODO_ECORRUPT;
		if (err == KODO_OK)
			err = is_page_of(a, (struct str){ row.url.p + n.p.url.len + below,
			    row.url.len - n.p.url.len - below }, path, query, &is_path, &is_query);
		if (err == KODO_OK && (is_query || (is_path && !found))) {
			*out = row;
			found = true;
		}
	}
	return err == KODO_OK && !found ? KODO_ENOTFOUND : err;
}
