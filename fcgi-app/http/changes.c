#include "core/views/changes.h"
#include "http/asked.h"
#include "http/follow.h"
#include "http/handlers.h"

#define LIMIT_MAX	1000
#define WAIT_MAX_S	25	/* proxies give up after 30 and more */

static void
refuse_place(struct call *c, const struct view *v)
{
	const uint64_t since = (uint64_t)c->params.number[PARAM_SINCE];

	response_fail(c->res, 410,
	    since > changes_last(&v->head) ?
		"This state has no such change: take GET /connect, and go on from its header "
		"Kodo-View." :
		"What was changed since then is not known any more: take GET /connect, and go on "
		"from its header Kodo-View.");
}

/* The place to go on from. KODO_ENOTFOUND: there is none. */
static enum kodo_err
find_place(struct call *c, const struct view *v, uint64_t *at)
{
	const struct follower *f = c->follower;

	if (f == NULL)
		return changes_place(&v->head, (uint64_t)c->params.number[PARAM_SINCE], at);
	*at = f->behind;
	return f->state_id == v->head.state_id ? KODO_OK : KODO_ENOTFOUND;
}

/* May the request wait? Then it is a follower from now on, or still one. */
static bool
wait_for_more(struct call *c, struct view *v, struct query *q)
{
	const int64_t wait_s = c->params.number[PARAM_WAIT];
	const struct follow_wish wish = { .query = c->req->query, .compiled = q,
		.is_alone = c->transport->is_alone,
		.wait_ms = 1000 * (unsigned)(wait_s < WAIT_MAX_S ? wait_s : WAIT_MAX_S) };

	if (c->follower != NULL) {
		c->follower->is_due = false;
		return !c->follower->is_over;
	}
	if (wait_s == 0)
		return false;
	c->follower = follow_begin(v, &wish);
	if (c->follower == NULL)
		c->res->retry_after_s = 1;
	return c->follower != NULL;
}

static enum kodo_err
put_found(struct call *c, struct view *v, struct changes_query *cq)
{
	struct changes found = { .at = v->head.logged };
	enum kodo_err err = KODO_OK;

	if (c->follower == NULL || !follow_is_quiet(v, c->follower))
		err = changes_find(v, c->a, cq, &found);
	if (err != KODO_OK)
		return err;
	if (found.n == 0 && !found.is_more && wait_for_more(c, v, cq->q)) {
		c->waits = true;
		return KODO_OK;
	}
	c->res->view = changes_number(&v->head, found.at);
	return changes_put(
	    v, c->a, (uint64_t)c->params.number[PARAM_SINCE], &found, &c->res->body);
}

static enum kodo_err
put_changes(struct call *c, struct view *v)
{
	const int64_t limit = c->params.number[PARAM_LIMIT];
	struct changes_query cq = { .limit = (size_t)(limit < LIMIT_MAX ? limit : LIMIT_MAX),
		.told = c->follower == NULL ? NULL : c->follower->told };
	enum kodo_err err = find_place(c, v, &cq.behind);

	if (err != KODO_OK) {
		refuse_place(c, v);
		return KODO_OK;
	}
	err = asked_compile(c, NULL, &cq.q);
	if (err != KODO_OK)
		return err == KODO_EINVAL ? KODO_OK : err;
	if ((query_needs(cq.q) & CHANGES_NOT_ASKED) != 0) {
		response_fail(c->res, 400,
		    "Changes cannot be filtered by created, modified and registry, which "
		    "change without them.");
		return KODO_OK;
	}
	err = put_found(c, v, &cq);
	return err == KODO_ETOOBIG ? asked_refuse_steps(c) : err;
}

enum kodo_err
handle_changes(struct call *c)
{
	const int64_t *n = c->params.number;

	if (n[PARAM_SINCE] >= 0 && n[PARAM_LIMIT] >= 1 && n[PARAM_WAIT] >= 0)
		return call_with_view(c, put_changes);
	response_fail(c->res, 400, "since and wait must be 0 or more, limit 1 or more.");
	return KODO_OK;
}
