#include "http/handlers.h"

enum kodo_err
handle_home(struct call *c)
{
	struct greeting g;
	struct view v;
	enum kodo_err err;

	err = view_begin(c->registry, c->now_us, &v);
	if (err != KODO_OK)
		return err;
	view_greeting(&v, &g);
	buf_putc(&c->res->body.buf, '{');
	wire_put_greeting(&c->res->body.buf, &g);
	buf_putc(&c->res->body.buf, '}');
	view_end(&v);
	return KODO_OK;
}

/* One of the views that depend on view, state and idle. */
static enum kodo_err
put_whole(struct call *c, enum kodo_err (*put)(struct view *v, struct sink *out))
{
	struct view v;
	enum kodo_err err;

	err = view_begin(c->registry, c->now_us, &v);
	if (err != KODO_OK)
		return err;
	if (!etag_settle(c, &v, ETAG_VIEW | ETAG_STATE | ETAG_IDLE, 0))
		err = put(&v, &c->res->body);
	view_end(&v);
	return err;
}

enum kodo_err
handle_map(struct call *c)
{
	return put_whole(c, view_put_map);
}

enum kodo_err
handle_nodes(struct call *c)
{
	return put_whole(c, view_put_connect);
}
