#include "core/views/counts.h"
#include "http/asked.h"
#include "http/etag.h"
#include "http/handlers.h"

static enum kodo_err
put_counts(struct call *c, struct view *v)
{
	const uint64_t variant = c->req->query.len == 0 ? 0 : asked_variant(c);
	struct query *q;
	enum kodo_err err;

	if (etag_matches(c, v, ETAG_VIEW, variant))
		return KODO_OK;
	err = asked_compile(c, NULL, &q);
	if (err == KODO_EINVAL)
		return KODO_OK;
	if (err == KODO_OK)
		err = query_is_all(q) ? counts_put(v, &c->res->body) :
		    counts_put_found(v, q, &c->res->body);
	return err == KODO_ETOOBIG ? asked_refuse_steps(c) : err;
}

enum kodo_err
handle_counts(struct call *c)
{
	return call_with_view(c, put_counts);
}
