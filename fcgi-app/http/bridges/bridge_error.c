#include "core/base/json.h"
#include "http/bridges/bridge_error.h"
#include "http/router.h"

/* {"error":".."} */
static void
put_mcp(struct buf *b, unsigned status, struct str message)
{
	(void)status;
	json_put_key(b, "error");
	json_put_str(b, message);
}

/* {"errorCode":"..","message":".."} */
static void
put_ard(struct buf *b, unsigned status, struct str message)
{
	static const struct {
		unsigned status;
		const char *code;
	} codes[] = {
		{ 400, "INVALID_ARGUMENT" }, { 401, "UNAUTHENTICATED" },
		{ 403, "PERMISSION_DENIED" }, { 404, "NOT_FOUND" },
		{ 405, "METHOD_NOT_ALLOWED" }, { 413, "INVALID_ARGUMENT" },
		{ 429, "RATE_LIMIT_EXCEEDED" }, { 503, "UNAVAILABLE" },
	};
	const char *code = "INTERNAL_ERROR";
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].status == status)
			code = codes[i].code;
	json_put_key(b, "errorCode");
	json_put_str(b, str_of(code));
	buf_putc(b, ',');
	json_put_key(b, "message");
	json_put_str(b, message);
}

static void (*const forms[BRIDGES])(struct buf *b, unsigned status, struct str message) = {
	[BRIDGE_MCP] = put_mcp, [BRIDGE_ARD] = put_ard
};

/* What the reason says: of several faults the first, as `limit: what is wrong`. */
static enum kodo_err
message_of(struct call *c, struct str reason, struct str *out)
{
	struct str detail = str_cut(&reason, '\n'), line = str_cut(&reason, '\n');
	const struct str key = str_cut(&line, '\t');
	const char *text;

	if (key.len == 0 || line.len == 0)
		return arena_str(c->a, detail, out);
	text = arena_printf(c->a, "%.*s: %.*s", STR_ARG(key), STR_ARG(line));
	*out = str_of(text);
	return text == NULL ? KODO_ENOMEM : KODO_OK;
}

enum kodo_err
bridge_error_put(struct call *c)
{
	const struct route *r = c->route;
	struct buf *b = &c->res->body.buf;
	struct str message;
	enum kodo_err err;

	if (c->res->status < 400 || c->res->reason.len == 0 || c->req->path.p == NULL)
		return KODO_OK;
	if (r == NULL)
		r = router_any(c->req->path);
	if (r == NULL || forms[route_bridge(r)] == NULL || c->res->body.fd != -1)
		return KODO_OK;
	err = message_of(c, buf_str(&c->res->reason), &message);
	if (err != KODO_OK)
		return err;
	buf_reset(b);
	buf_putc(b, '{');
	forms[route_bridge(r)](b, c->res->status, message);
	buf_putc(b, '}');
	return KODO_OK;
}
