#include "http/call.h"

enum kodo_err
call_with_view(struct call *c, enum kodo_err (*put)(struct call *c, struct view *v))
{
	struct view v;
	enum kodo_err err;

	err = view_begin(c->registry, c->now_us, &v);
	if (err != KODO_OK)
		return err;
	err = put(c, &v);
	view_end(&v);
	return err;
}

struct str
call_path_below(const struct call *c, struct str base)
{
	return (struct str){ c->req->path.p + base.len, c->req->path.len - base.len };
}
