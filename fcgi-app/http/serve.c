#include <malloc.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/isotime.h"
#include "core/base/log.h"
#include "core/base/renew.h"
#include "core/registry/reply.h"
#include "core/storage/store.h"
#include "core/storage/write_lock.h"
#include "http/access.h"
#include "http/admin.h"
#include "http/audit.h"
#include "http/bridges/bridge_error.h"
#include "http/call.h"
#include "http/client.h"
#include "http/count.h"
#include "http/cors.h"
#include "http/error_page.h"
#include "http/handover.h"
#include "http/instance.h"
#include "http/origin.h"
#include "http/revision.h"
#include "http/rate.h"
#include "http/router.h"
#include "http/serve.h"
#include "http/speaker.h"

#define BODY_MAX_FIRST	((uint64_t)10 << 20)	/* while no options are known */
#define READ_BYTES	65536u
#define TEXT_BYTES	65536u	/* a body with a question in it */
/* of an oversized body, in ceilings: the server takes our answer only after its body */
#define DRAIN_FACTOR	16u
#define PASS_OVER_BYTES	((size_t)64 << 20)	/* of the body of who asks too often */

struct server {
	struct instance *instance;
	struct auth *auth;
	struct arena *a;
	struct response res;
	struct buf body;	/* memory is kept between requests */
	bool wake;
	void (*after)(struct registry *r);	/* of the last request, see call.h */
	bool was_large;		/* the last request: free its memory after the reply */
	uint64_t body_max;	/* of the options, as they were last */
};

struct server *
server_new(const char *loader_arg)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	write_lock_leave_stopped();
	s->body_max = BODY_MAX_FIRST;
	response_init(&s->res, NULL);
	s->a = arena_new();
	s->instance = instance_new(loader_arg);
	s->auth = auth_new();
	if (s->a != NULL && s->auth != NULL && s->instance != NULL)
		return s;
	server_free(s);
	return NULL;
}

void
server_free(struct server *s)
{
	if (s == NULL)
		return;
	response_free(&s->res);
	buf_free(&s->body);
	instance_free(s->instance);
	auth_free(s->auth);
	arena_free(s->a);
	free(s);
}

/* The answer to a fault of ours, and its remedy for the log. */
static const struct {
	enum refusal code;
	const char *remedy;
} faults[KODO_ERR_MAX] = {
	[KODO_ENOMEM] = { REFUSAL_MEMORY,
	    "memory ran out: fewer workers, or more memory" },
	[KODO_EINVAL] = { REFUSAL_UNAVAILABLE,
	    "see the line before" },
	[KODO_ENOTFOUND] = { REFUSAL_UNAVAILABLE,
	    "the service has no options yet: see its loader" },
	[KODO_EEXIST] = { REFUSAL_FAULT,
	    "run `kodo check`" },
	[KODO_ETOOBIG] = { REFUSAL_UNAVAILABLE,
	    "see the line before" },
	[KODO_EFULL] = { REFUSAL_FULL,
	    "the map, the disk or, of a cluster, etcd is full: raise map_max_mib, or free space "
	    "(see `kodo check`)" },
	[KODO_EBUSY] = { REFUSAL_BUSY,
	    "the write lock or all reader slots are taken, the cluster takes no writes (kodo "
	    "check), or long answers take all room: raise spool_max_mib if these are no attack" },
	[KODO_EIO] = { REFUSAL_UNAVAILABLE,
	    "the system refused access to the state folder: run `kodo check`" },
	[KODO_ECORRUPT] = { REFUSAL_FAULT,
	    "a stored record cannot be read: run `kodo check`" },
	[KODO_EVERSION] = { REFUSAL_UNAVAILABLE,
	    "the state was written by another version: see the line before" },
	[KODO_ECONFLICT] = { REFUSAL_UNAVAILABLE,
	    "the state belongs to another service: see the line before" },
};

static void
answer_fault(struct response *res, enum kodo_err err, const char *what)
{
	const enum refusal code = faults[err].code;
	const bool is_passing = refusal_status(code) == 503;

	log_error("%s: %s: %s", what, kodo_err_text(err), faults[err].remedy);
	response_refuse(res, code, is_passing ? "Service Unavailable" : "Internal Server Error");
	if (is_passing)
		res->retry_after_s = 1;
}

static struct str
variable(struct transport *t, const char *name)
{
	return str_of(t->env(t, name));
}

static const char *
variable_z(struct transport *t, const char *name)
{
	const char *value = t->env(t, name);

	return value == NULL ? "" : value;
}

static void
read_env(struct transport *t, struct request_env *env)
{
	env->method = variable(t, "REQUEST_METHOD");
	env->uri = variable(t, "REQUEST_URI");
	env->path_info = variable(t, "PATH_INFO");
	env->script_name = variable(t, "SCRIPT_NAME");
	env->query = variable(t, "QUERY_STRING");
	env->accept = variable(t, "HTTP_ACCEPT");
	env->if_none_match = variable(t, "HTTP_IF_NONE_MATCH");
	env->content_length = variable(t, "CONTENT_LENGTH");
	env->transfer_encoding = variable(t, "HTTP_TRANSFER_ENCODING");
}

/*
 * Read the body to its end, its first max bytes into b. A server waits until its body is read, and
 * reports an earlier answer as a failure. KODO_ETOOBIG: there was more. KODO_EIO: the body did not
 * come.
 */
static enum kodo_err
read_body(struct transport *t, struct buf *b, uint64_t max)
{
	char scrap[READ_BYTES];
	uint64_t taken = 0;
	size_t n;
	enum kodo_err err;

	buf_reset(b);
	do {
		bool over = b->len >= max;
		size_t room = max - b->len < READ_BYTES ? (size_t)(max - b->len) : READ_BYTES;
		char *p = over ? scrap : buf_room(b, room);

		if (p == NULL)
			return KODO_ENOMEM;
		err = t->read(t, p, over ? sizeof(scrap) : room, &n);
		if (err != KODO_OK)
			return err;
		b->len += over ? 0 : n;
		taken += n;
	} while (n > 0 && taken < (max + 1) * DRAIN_FACTOR);
	return taken > max ? KODO_ETOOBIG : KODO_OK;
}

/* The detail of a 400: `Validation failed for GET /flows?pp=%205`. */
static struct str
validation_detail(struct call *c)
{
	const struct request *q = c->req;
	const char *text;

	text = arena_printf(c->a, "Validation failed for %.*s %.*s%s%.*s", STR_ARG(q->method_text),
	    STR_ARG(q->target), q->query.len > 0 ? "?" : "", STR_ARG(q->query));
	return text == NULL ? STR("Validation failed") : str_of(text);
}

/* Read the body, of at most max bytes. false: the answer is a refusal. */
static bool
take_text(struct server *s, struct call *c, uint64_t max)
{
	/* of a follower it is there already */
	enum kodo_err err = c->follower != NULL ? KODO_OK : read_body(c->transport, &s->body, max);

	c->text = buf_str(&s->body);
	if (err == KODO_ETOOBIG)
		response_refuse(c->res, REFUSAL_TOO_LARGE, "Request Entity Too Large");
	else if (err == KODO_EIO ||
	    (err == KODO_OK && c->req->has_length && s->body.len < c->req->length))
		response_refuse(c->res, REFUSAL_TRUNCATED, "Input data was truncated");
	else if (err != KODO_OK)
		answer_fault(c->res, err, c->route->path);
	else
		return true;
	return false;
}

/* Read and validate the body of a POST. false: the answer is a refusal. */
static bool
take_body(struct server *s, struct call *c, const struct route *r, const struct options *o)
{
	struct wire_refusal no;
	struct why why = { "" };
	bool may = false;
	enum kodo_err err;

	if (!take_text(s, c, (uint64_t)o->body_max_mib << 20))
		return false;
	err = wire_read(c->a, r->wire, c->text, c->now_us, o->url_key, &c->body, &no);
	if (err == KODO_EINVAL) {
		response_error(c->res, 400, no.detail.p != NULL ? no.detail : validation_detail(c),
		    no.errors, no.n_errors);
		return false;
	}
	if (err != KODO_OK) {
		answer_fault(c->res, err, r->path);
		return false;
	}
	if ((r->flags & ROUTE_REGISTRY) != 0 && !o->registry) {
		response_refuse(c->res, REFUSAL_NO_REGISTRY, "Not Found");
		return false;
	}
	if ((r->flags & ROUTE_PEER) != 0)
		err = option_allows_peer(o, c->body.from.url, &why);
	if (err == KODO_EINVAL) {
		log_warning(
		    "%s from %.*s refused: %s", r->path, STR_ARG(c->body.from.url), why.text);
		response_refuse(c->res, REFUSAL_NOT_ACCEPTED, why.text);
		return false;
	}
	if (err == KODO_OK)
		err = speaker_read(c, o, buf_str(&s->body), &may);
	if (err != KODO_OK)
		answer_fault(c->res, err, r->path);
	return err == KODO_OK && may && rate_admits_peer(c, o);
}

static void
call_route(struct server *s, struct call *c, const struct route *r, const struct options *o)
{
	struct param_errors errors;
	bool may;
	enum kodo_err err;

	err = param_read(c->a, c->req->query, r->params, &c->params, &errors);
	if (err == KODO_EINVAL) {
		response_error(c->res, 400, validation_detail(c), errors.list, errors.n);
		return;
	}
	if (err == KODO_OK && (r->flags & ROUTE_ADMIN) != 0)
		err = admin_is_asking(c, r, o, &c->is_admin);
	may = c->is_admin || (r->flags & ROUTE_ADMIN) == 0;
	if (err == KODO_OK && may)
		err = access_is_granted(c, s->auth, r, o, &may);
	s->wake |= c->wake;
	if (err == KODO_OK && !may)
		return;
	if (err == KODO_OK && (r->flags & ROUTE_BODY) != 0 && !take_body(s, c, r, o))
		return;
	if (err == KODO_OK && (r->flags & ROUTE_TEXT) != 0 && !take_text(s, c, TEXT_BYTES))
		return;
	if (err == KODO_OK && follow_gives_way(c, r) &&
	    (c->follower = follow_turn(c->text)) != NULL) {
		c->waits = true;
		return;
	}
	if (err == KODO_OK)
		err = r->handle(c);
	if (err == KODO_ELATER) {
		c->res->status = 202;
		err = reply_put_later(c->registry, c->now_us, &c->res->body);
	}
	s->wake |= c->wake;
	if (err != KODO_OK)
		answer_fault(c->res, err, r->path);
}

/* Nothing that changes anything is taken from a page of another site. true: it is answered. */
static bool
refuse_foreign(struct call *c, const struct route *r, const struct options *o)
{
	bool foreign = false;
	enum kodo_err err = KODO_OK;

	if (r->method != METHOD_GET && router_changes(r))
		err = origin_is_foreign(c->a, c->transport, o, &foreign);
	if (err != KODO_OK) {
		answer_fault(c->res, err, r->path);
	} else if (foreign) {
		log_warning("%.*s %s refused: it came from a page of another site",
		    STR_ARG(c->req->method_text), r->path);
		response_refuse(c->res, REFUSAL_FOREIGN_PAGE,
		    "A page of another site may change nothing here");
	}
	return foreign || err != KODO_OK;
}

/* Answer a request after its parsing. */
static void
dispatch(struct server *s, struct call *c, const struct options *o)
{
	uint64_t body_max = (uint64_t)o->body_max_mib << 20;
	const struct route *r;
	char allow[64];
	bool drain = c->req->has_body, is_private;
	enum router_verdict verdict =
	    router_find(c->req->path, c->req->method, &r, allow);

	if (verdict != ROUTE_NO_PATH &&
	    !option_has_bridge(o, route_bridge(r != NULL ? r : router_any(c->req->path))))
		verdict = ROUTE_NO_PATH;
	switch (verdict) {
	case ROUTE_FOUND:
		c->route = r;
		if (refuse_foreign(c, r, o))
			break;
		drain = drain && (r->flags & (ROUTE_BODY | ROUTE_TEXT)) == 0;
		/* before the call, in which other options may come into force */
		is_private = access_is_restricted(r, o);
		call_route(s, c, r, o);
		c->res->varies |= (r->flags & ROUTE_PAGE) != 0;
		c->res->is_private = is_private;
		c->res->is_secret = c->params.text[PARAM_KEY].p != NULL;
		break;
	case ROUTE_NO_PATH:
		response_fail(c->res, 404, "Not Found");
		break;
	case ROUTE_NO_METHOD:
		response_fail(c->res, 405, "Method Not Allowed");
		memcpy(c->res->allow, allow, sizeof(allow));
		break;
	case ROUTE_IS_OPTIONS:
		response_empty(c->res, 204);
		memcpy(c->res->allow, allow, sizeof(allow));
		(void)router_find(c->req->path, METHOD_GET, &c->route, allow);
		c->res->is_private = access_is_restricted(router_any(c->req->path), o);
		break;
	}
	if (drain && read_body(c->transport, &s->body, body_max) != KODO_OK)
		log_debug("the body that came with %.*s was not read to its end",
		    STR_ARG(c->req->method_text));
}

/*
 * A request that the web server of `kodo service` refuses by itself, for an unknown method or a
 * large head, comes to us under this path (cmd/lighttpd.c), so that its answer is like that of
 * every other error. Its 501 is an error of the client, not of ours.
 */
static bool
answer_refused(struct call *c)
{
	static const struct {
		unsigned long status;
		unsigned answer;
		const char *detail;
	} rows[] = {
		{ 411, 400, "A POST without a body must say so: Content-Length: 0" },
		{ 413, 413, "Request Entity Too Large" },
		{ 414, 414, "Request-URI Too Long" },
		{ 431, 431, "Request Header Fields Too Large" },
		{ 500, 503, "Service Unavailable" },
		{ 503, 503, "Service Unavailable" },
	};
	unsigned long status = strtoul(variable_z(c->transport, "REDIRECT_STATUS"), NULL, 10);
	size_t i;

	if (status < 400 || strcmp(variable_z(c->transport, "REDIRECT_URI"), "/.refused") != 0)
		return false;
	response_fail(c->res, 400, "Invalid HTTP request received.");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			response_fail(c->res, rows[i].answer, rows[i].detail);
	if (c->res->status == 503)
		c->res->retry_after_s = 1;
	return true;
}

/*
 * The answer was given before the body was read: it goes out, and what comes of the body is passed
 * over, for servers that take an answer only after its request.
 */
static void
pass_over_body(struct transport *t)
{
	char scrap[READ_BYTES];
	size_t n, taken = 0;

	if (t->flush != NULL)
		t->flush(t);
	while (taken < PASS_OVER_BYTES && t->read(t, scrap, sizeof(scrap), &n) == KODO_OK && n > 0)
		taken += n;
}

/* err: of request_parse. */
static bool
is_health(enum kodo_err err, const struct request *req, const struct route **r)
{
	char allow[64];

	return err == KODO_OK && router_find(req->path, req->method, r, allow) == ROUTE_FOUND &&
	    ((*r)->flags & ROUTE_HEALTH) != 0;
}

/* The state cannot be used. */
static void
answer_unready(struct server *s, struct call *c, struct request *req)
{
	const struct route *r;
	struct request_env env;
	const char *reason;
	enum kodo_err err;

	read_env(c->transport, &env);
	c->registry = NULL;
	err = request_parse(s->a, &env, instance_base(s->instance), req, &reason);
	if (is_health(err, req, &r)) {
		c->route = r;
		if (r->handle(c) == KODO_OK)
			return;
	}
	/* the reason, which may name files, is in the log only */
	response_fail(c->res, 503, "Service Unavailable");
	c->res->retry_after_s = 1;
}

/* Compose the answer. */
static void
answer(struct server *s, struct call *c, struct request *req)
{
	const struct options *o;
	const struct route *r;
	struct request_env env;
	const char *reason;
	enum kodo_err err;

	err = instance_ready(s->instance, s->a, c->now_us, &c->registry, &o, &s->wake);
	c->res->body.state = instance_state(s->instance);
	if (err != KODO_OK) {
		answer_unready(s, c, req);
		return;
	}
	s->body_max = (uint64_t)o->body_max_mib << 20;
	client_find(c->transport, o, &c->client);
	c->res->body.limits = (struct spool_limits){ .max_mib = o->spool_max_mib,
		.is_posted = req->method == METHOD_POST, .holds_process = c->transport->is_alone,
		.client = client_number(&c->client) };
	if (answer_refused(c))
		return;
	read_env(c->transport, &env);
	err = request_parse(s->a, &env, instance_base(s->instance), req, &reason);
	if (c->follower == NULL && !is_health(err, req, &r) && !rate_admits_client(c, o))
		c->is_early = req->has_body;
	else if (err == KODO_OK && !revision_is_reached(c, o))
		c->is_early = req->has_body;
	else if (err == KODO_OK)
		dispatch(s, c, o);
	else if (err == KODO_EINVAL || err == KODO_ETOOBIG)
		response_fail(c->res, err == KODO_EINVAL ? 400 : 414, reason);
	else
		answer_fault(c->res, err, "request");
}

/*
 * What takes a key, a token or a role is sent as it is: beside what a stranger may choose, its
 * length would tell of it (BREACH).
 */
static void
compress(struct call *c)
{
	const bool is_read = c->req->method == METHOD_GET || c->req->method == METHOD_HEAD;

	if (!is_read || c->res->is_private || c->res->is_secret || c->res->signature != NULL ||
	    (c->route != NULL && (c->route->flags & ROUTE_ADMIN) != 0) ||
	    c->transport->env(c->transport, "HTTP_AUTHORIZATION") != NULL)
		return;
	c->res->varies_by_encoding = true;
	if (request_accepts_gzip(variable(c->transport, "HTTP_ACCEPT_ENCODING")))
		response_compress(c->res, variable(c->transport, "HTTP_IF_NONE_MATCH"));
}

/* true: the newer program has answered it. */
static bool
pass_on(struct server *s, struct call *c, bool is_late)
{
	enum kodo_err err;

	if (!serve_is_outdated(s))
		return false;
	err = handover(
	    c->transport, &s->body, instance_loader(s->instance), is_late, s->body_max);
	if (err == KODO_OK) {
		s->wake = false;
		s->after = NULL;
	} else if (err == KODO_ETOOBIG) {
		response_reset(c->res, instance_state(s->instance));
		response_refuse(c->res, REFUSAL_TOO_LARGE, "Request Entity Too Large");
		c->is_early = true;
	}
	return err == KODO_OK;
}

struct follower *
serve_request(struct server *s, struct transport *t, struct follower *f)
{
	/* before all that may fail: HEAD gets no body with any answer */
	struct request req = { .method = request_method(variable(t, "REQUEST_METHOD")) };
	struct call c = { .a = s->a, .instance = s->instance, .transport = t, .req = &req,
		.res = &s->res, .follower = f };
	const int64_t began_us = clock_mono_us();
	uint64_t length;
	bool is_late;
	enum kodo_err err;

	arena_reset(s->a);
	buf_reset(&s->body);
	if (f != NULL)
		buf_put_str(&s->body, follow_text(f));
	response_reset(&s->res, instance_state(s->instance));
	c.now_us = isotime_now_us();
	answer(s, &c, &req);
	if (c.waits)
		return c.follower;
	is_late = c.follower != NULL && !c.follower->is_turn;
	follow_end(c.follower);
	if (pass_on(s, &c, is_late))
		return NULL;
	revision_note(&c);
	err = cors_put(&c);
	if (err == KODO_OK)
		err = bridge_error_put(&c);
	if (err == KODO_OK)
		err = error_page_put(&c);
	if (err == KODO_OK)
		err = sink_end(&s->res.body);
	if (err == KODO_OK && c.registry != NULL)
		err = speaker_sign_answer(&c);
	if (err != KODO_OK)
		answer_fault(&s->res, err, "answer");
	audit_request(&c);
	length = response_length(&s->res);
	compress(&c);
	/* before its client can ask how often it was counted */
	count_request(&c, began_us);
	err = response_send(&s->res, t, req.method == METHOD_HEAD);
	s->after = c.after;
	if (err != KODO_OK)
		log_debug("an answer was not taken: %s", kodo_err_text(err));
	else if (c.is_early)
		pass_over_body(t);
	s->was_large = s->body.cap > RESPONSE_KEEP_BYTES ||
	    arena_used(s->a) > RESPONSE_KEEP_BYTES ||
	    length > RESPONSE_KEEP_BYTES || s->res.body.fd != -1;
	return NULL;
}

bool
serve_is_outdated(const struct server *s)
{
	return instance_is_outdated(s->instance) && renew_may(store_format_own);
}

void
serve_look(struct server *s, struct follower *first)
{
	follow_look(instance_registry(s->instance), first);
}

void
serve_after(struct server *s)
{
	if (s->wake)
		(void)instance_wake(s->instance, WAKE_FOR_REQUEST);
	s->wake = false;
	if (s->after != NULL)
		s->after(instance_registry(s->instance));
	s->after = NULL;
	if (!s->was_large)
		return;
	arena_reset(s->a);
	response_reset(&s->res, NULL);
	if (s->body.cap > RESPONSE_KEEP_BYTES)
		buf_free(&s->body);
	/* glibc returns free memory between blocks in use, as LMDB's, only on request */
	(void)malloc_trim(0);
}
