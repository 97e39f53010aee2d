#include <string.h>

#include "core/base/clock.h"
#include "http/count.h"

const char *const count_pools[2] = { "fastcgi", "cgi" };

const char *
count_route(const struct route *r, char out[COUNT_ROUTE_BYTES])
{
	static const char below[] = "/{path}";
	size_t n;

	if (r == NULL)
		return "other";
	n = strlen(r->path);
	if ((r->flags & ROUTE_BELOW) == 0 || n + sizeof(below) > COUNT_ROUTE_BYTES)
		return r->path;
	memcpy(out, r->path, n);
	memcpy(out + n, below, sizeof(below));
	return out;
}

const char *
count_method(enum method m)
{
	return m == METHOD_OTHER ? "other" : request_method_name(m);
}

/* Three digits, without printf. */
static void
status_text(unsigned status, char out[4])
{
	out[0] = (char)('0' + status / 100 % 10);
	out[1] = (char)('0' + status / 10 % 10);
	out[2] = (char)('0' + status % 10);
	out[3] = '\0';
}

void
count_request(const struct call *c, int64_t began_us)
{
	const struct response *res = c->res;
	const enum refusal why = response_refusal(res);
	const char *pool = count_pools[c->transport->is_process];
	const char *method = count_method(c->req->method);
	char route[COUNT_ROUTE_BYTES], status[4];
	const char *path = count_route(c->route, route);
	const struct metric_count counts[] = {
		{ { COUNT_REQUESTS, { path, method, status, pool } }, false, 1 },
		{ { COUNT_SECONDS, { path, method, pool } }, true,
		    (uint64_t)(clock_mono_us() - began_us) },
		{ { COUNT_REFUSALS, { refusal_code(why) } }, false, 1 },
	};

	status_text(res->status, status);
	metrics_count(counts, why == REFUSAL_NONE ? 2 : 3);
}
