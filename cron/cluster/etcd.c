#include <inttypes.h>
#include <stdlib.h>

#include "core/base/base64.h"
#include "core/base/json.h"
#include "core/base/limit.h"
#include "cron/cluster/etcd_private.h"

#define CALL_TIMEOUT_MS	1000L	/* etcd itself would say after 7 s that its leader is gone */
#define CONNECT_MS	500L
#define ANSWER_BYTES	((size_t)16 << 20)	/* of a call, or of a message of the watch */
#define FDS_MAX		1100u

#define JSON_HEAD	"Content-Type: application/json"
/* a member that has lost its leader ends the watch, which would be silent for ever else */
#define LEADER_HEAD	"Grpc-Metadata-hasleader: true"

/* --- endpoints --- */

static enum kodo_err
add_endpoint(struct etcd *e, struct str text, struct why *why)
{
	char *copy = calloc(1, text.len + 1);

	if (copy == NULL)
		return KODO_ENOMEM;
	memcpy(copy, text.p, text.len);
	e->endpoints[e->n_endpoints].url = copy;
	e->n_endpoints++;
	if (str_starts(text, STR("unix://")) && text.len > 8 && text.p[7] == '/')
		e->endpoints[e->n_endpoints - 1].socket = copy + 7;
	else if (!str_starts(text, STR("http://")) && !str_starts(text, STR("https://")))
		return why_set(why, KODO_EINVAL,
		    "cluster: %s is no address of etcd; write http://127.0.0.1:2379 or "
		    "unix:///run/kodo/etcd.sock:0", copy);
	return KODO_OK;
}

enum kodo_err
etcd_new(struct str endpoints, struct etcd **out, struct why *why)
{
	struct etcd *e = calloc(1, sizeof(*e));
	enum kodo_err err = KODO_OK;
	size_t i, from = 0;

	*out = NULL;
	if (e == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(e);
		return KODO_ENOMEM;
	}
	e->multi = curl_multi_init();
	e->jread = jread_new();
	e->a = arena_new();
	e->head = curl_slist_append(NULL, JSON_HEAD);
	e->watch_head = curl_slist_append(NULL, JSON_HEAD);
	if (e->multi == NULL || e->jread == NULL || e->a == NULL || e->head == NULL ||
	    e->watch_head == NULL || curl_slist_append(e->watch_head, LEADER_HEAD) == NULL)
		err = KODO_ENOMEM;
	for (i = 0; err == KODO_OK && i <= endpoints.len; i++)
		if (i == endpoints.len || endpoints.p[i] == ',') {
			if (i > from && e->n_endpoints < ENDPOINTS)
				err = add_endpoint(
				    e, (struct str){ endpoints.p + from, i - from }, why);
			from = i + 1;
		}
	if (err == KODO_OK && e->n_endpoints == 0)
		err = why_set(why, KODO_EINVAL, "cluster: no address of etcd is given");
	if (err != KODO_OK) {
		etcd_free(e);
		return err;
	}
	*out = e;
	return KODO_OK;
}

static void
call_free(struct etcd *e, struct call *c)
{
	if (c->easy != NULL && c->is_busy)
		curl_multi_remove_handle(e->multi, c->easy);
	curl_easy_cleanup(c->easy);
	buf_free(&c->body);
	buf_free(&c->answer);
}

void
etcd_free(struct etcd *e)
{
	unsigned i;

	if (e == NULL)
		return;
	for (i = 0; i < ETCD_CALLS; i++)
		call_free(e, &e->calls[i]);
	call_free(e, &e->watch);
	if (e->multi != NULL)
		curl_multi_cleanup(e->multi);
	curl_slist_free_all(e->head);
	curl_slist_free_all(e->watch_head);
	for (i = 0; i < e->n_endpoints; i++)
		free(e->endpoints[i].url);
	jread_free(e->jread);
	arena_free(e->a);
	free(e);
	curl_global_cleanup();
}

/* A message of the watch. */
static void
tell_message(struct call *c, struct str text)
{
	struct etcd_message m = { .err = KODO_OK };

	arena_reset(c->e->a);
	etcd_read_message(c->e, text, &m);
	c->is_ended |= m.is_over;	/* else the stream stays open */
	c->on_message(c->arg, &m);
}

static size_t
on_answer(char *bytes, size_t size, size_t n, void *arg)
{
	struct call *c = arg;
	size_t at;

	buf_put(&c->answer, bytes, size * n);
	if (buf_failed(&c->answer))
		return 0;	/* a short count ends the transfer */
	while (c->is_watch && !c->is_ended && c->answer.len > 0) {
		const char *end = memchr(c->answer.p, '\n', c->answer.len);

		if (end == NULL)
			break;
		at = (size_t)(end - c->answer.p);
		if (at > 0)
			tell_message(c, (struct str){ c->answer.p, at });
		at++;
		memmove(c->answer.p, c->answer.p + at, c->answer.len - at);
		c->answer.len -= at;
	}
	return c->is_ended ? 0 : size * n;
}

/* --- calls --- */

static bool
set_up(struct etcd *e, struct call *c, const char *path)
{
	CURL *h = c->easy;
	struct buf url = BUF_INIT(0);
	const char *socket = e->endpoints[e->at].socket;
	bool ok;

	c->endpoint = e->at;
	buf_puts(&url, socket != NULL ? "http://etcd" : e->endpoints[e->at].url);
	buf_puts(&url, path);
	ok = curl_easy_setopt(h, CURLOPT_URL, buf_z(&url)) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, socket) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_PROXY, "") == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, c->is_watch ? 0L : CALL_TIMEOUT_MS) ==
		CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_answer) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_WRITEDATA, c) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_PRIVATE, c) == CURLE_OK &&
	    curl_easy_setopt(h, CURLOPT_HTTPHEADER, c->is_watch ? e->watch_head : e->head) ==
		CURLE_OK;
	buf_free(&url);
	if (ok && c->body.len > 0)
		ok = curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body.len) ==
		    CURLE_OK &&
		    curl_easy_setopt(h, CURLOPT_POSTFIELDS, c->body.p) == CURLE_OK;
	return ok && curl_multi_add_handle(e->multi, h) == CURLM_OK;
}

/* A call that is free, with an empty body. */
static struct call *
call_begin(struct etcd *e, struct call *c)
{
	unsigned i;

	for (i = 0; c == NULL && i < ETCD_CALLS; i++)
		if (!e->calls[i].is_busy)
			c = &e->calls[i];
	if (c == NULL)
		return NULL;
	if (c->easy == NULL)
		c->easy = curl_easy_init();
	if (c->easy == NULL)
		return NULL;
	curl_easy_reset(c->easy);
	c->e = e;
	c->is_ended = false;
	c->is_watch = c == &e->watch;
	c->answer.max = ANSWER_BYTES;
	buf_reset(&c->body);
	buf_reset(&c->answer);
	return c;
}

static enum kodo_err
call_send(struct etcd *e, struct call *c, const char *path, struct etcd_done done)
{
	c->done = done;
	if (buf_failed(&c->body) || !set_up(e, c, path))
		return KODO_ENOMEM;
	c->is_busy = true;
	return KODO_OK;
}

static void
put_bytes(struct buf *b, const char *name, struct str bytes)
{
	json_put_key(b, name);
	buf_putc(b, '"');
	base64_put(b, BASE64, bytes);
	buf_putc(b, '"');
}

static void
put_keys(struct buf *b, struct str key, struct str end)
{
	put_bytes(b, "key", key);
	if (end.p != NULL) {
		buf_putc(b, ',');
		put_bytes(b, "range_end", end);
	}
}

enum kodo_err
etcd_range(struct etcd *e, struct str key, struct str end, unsigned limit, bool keys_only,
    struct etcd_done done)
{
	struct call *c = call_begin(e, NULL);

	if (c == NULL)
		return KODO_EBUSY;
	buf_putc(&c->body, '{');
	put_keys(&c->body, key, end);
	buf_printf(&c->body, ",\"limit\":\"%u\",\"keys_only\":%s}", limit,
	    keys_only ? "true" : "false");
	return call_send(e, c, "/v3/kv/range", done);
}

static void
put_put(struct buf *b, struct str key, struct str value, uint64_t lease)
{
	put_bytes(b, "key", key);
	buf_putc(b, ',');
	put_bytes(b, "value", value);
	if (lease != 0)
		buf_printf(b, ",\"lease\":\"%" PRIu64 "\"", lease);
}

/* compare and success of a put that is to be the first one of its key */
static void
put_first(struct buf *b, const struct etcd_put *p, uint64_t lease)
{
	buf_puts(b, "{\"compare\":[{\"target\":\"VERSION\",\"version\":\"0\",");
	put_bytes(b, "key", p->key);
	buf_putc(b, '}');
	if (p->fence.p != NULL) {
		buf_puts(b, ",{\"target\":\"CREATE\",");
		put_bytes(b, "key", p->fence);
		buf_printf(b, ",\"create_revision\":\"%" PRIu64 "\"}", p->token);
	}
	buf_puts(b, "],\"success\":[{\"request_put\":{");
	put_put(b, p->key, p->value, lease);
	buf_puts(b, "}}],\"failure\":[{\"request_range\":{");
	put_bytes(b, "key", p->key);
}

enum kodo_err
etcd_create(struct etcd *e, const struct etcd_put *puts, size_t n, struct etcd_done done)
{
	struct call *c = call_begin(e, NULL);
	size_t i;

	if (c == NULL)
		return KODO_EBUSY;
	buf_puts(&c->body, "{\"success\":[");
	for (i = 0; i < n; i++) {
		buf_puts(&c->body, i == 0 ? "{\"request_txn\":" : ",{\"request_txn\":");
		put_first(&c->body, &puts[i], 0);
		/* the value need not come back */
		buf_puts(&c->body, ",\"count_only\":true}}]}}");
	}
	buf_puts(&c->body, "]}");
	return call_send(e, c, "/v3/kv/txn", done);
}

enum kodo_err
etcd_put(
    struct etcd *e, struct str key, struct str value, uint64_t lease, struct etcd_done done)
{
	struct call *c = call_begin(e, NULL);

	if (c == NULL)
		return KODO_EBUSY;
	buf_putc(&c->body, '{');
	put_put(&c->body, key, value, lease);
	buf_putc(&c->body, '}');
	return call_send(e, c, "/v3/kv/put", done);
}

enum kodo_err
etcd_claim(
    struct etcd *e, struct str key, struct str value, uint64_t lease, struct etcd_done done)
{
	struct call *c = call_begin(e, NULL);
	const struct etcd_put p = { .key = key, .value = value };

	if (c == NULL)
		return KODO_EBUSY;
	put_first(&c->body, &p, lease);
	buf_puts(&c->body, "}}]}");
	return call_send(e, c, "/v3/kv/txn", done);
}

enum kodo_err
etcd_delete(struct etcd *e, struct str key, struct str end, struct etcd_done done)
{
	struct call *c = call_begin(e, NULL);

	if (c == NULL)
		return KODO_EBUSY;
	buf_putc(&c->body, '{');
	put_keys(&c->body, key, end);
	buf_putc(&c->body, '}');
	return call_send(e, c, "/v3/kv/deleterange", done);
}

/* A call with one number. */
static enum kodo_err
call_number(
    struct etcd *e, const char *path, const char *name, uint64_t n, struct etcd_done done)
{
	struct call *c = call_begin(e, NULL);

	if (c == NULL)
		return KODO_EBUSY;
	buf_printf(&c->body, "{\"%s\":\"%" PRIu64 "\"}", name, n);
	return call_send(e, c, path, done);
}

enum kodo_err
etcd_grant(struct etcd *e, unsigned ttl_s, struct etcd_done done)
{
	return call_number(e, "/v3/lease/grant", "TTL", ttl_s, done);
}

enum kodo_err
etcd_keep_alive(struct etcd *e, uint64_t lease, struct etcd_done done)
{
	return call_number(e, "/v3/lease/keepalive", "ID", lease, done);
}

enum kodo_err
etcd_revoke(struct etcd *e, uint64_t lease, struct etcd_done done)
{
	return call_number(e, "/v3/lease/revoke", "ID", lease, done);
}

enum kodo_err
etcd_compact(struct etcd *e, uint64_t revision, struct etcd_done done)
{
	return call_number(e, "/v3/kv/compaction", "revision", revision, done);
}

static enum kodo_err
call_plain(struct etcd *e, const char *path, const char *body, struct etcd_done done)
{
	struct call *c = call_begin(e, NULL);

	if (c == NULL)
		return KODO_EBUSY;
	buf_puts(&c->body, body);
	return call_send(e, c, path, done);
}

enum kodo_err
etcd_version(struct etcd *e, struct etcd_done done)
{
	return call_plain(e, "/version", "", done);
}

enum kodo_err
etcd_status(struct etcd *e, struct etcd_done done)
{
	return call_plain(e, "/v3/maintenance/status", "{}", done);
}

enum kodo_err
etcd_alarms(struct etcd *e, struct etcd_done done)
{
	return call_plain(e, "/v3/maintenance/alarm", "{\"action\":\"GET\"}", done);
}

/* --- the watch --- */

enum kodo_err
etcd_watch(struct etcd *e, struct str key, struct str end, uint64_t from,
    void (*fn)(void *arg, const struct etcd_message *m), void *arg)
{
	struct call *c = &e->watch;

	etcd_watch_end(e);
	if (call_begin(e, c) == NULL)
		return KODO_ENOMEM;
	c->on_message = fn;
	c->arg = arg;
	buf_puts(&c->body, "{\"create_request\":{");
	put_keys(&c->body, key, end);
	buf_printf(&c->body, ",\"start_revision\":\"%" PRIu64 "\",\"fragment\":true}}", from);
	return call_send(e, c, "/v3/watch", (struct etcd_done){ NULL, NULL });
}

void
etcd_watch_end(struct etcd *e)
{
	struct call *c = &e->watch;

	if (c->is_busy)
		curl_multi_remove_handle(e->multi, c->easy);
	c->is_busy = false;
}

bool
etcd_is_watching(const struct etcd *e)
{
	return e->watch.is_busy && !e->watch.is_ended;
}

/* --- what has come --- */

static void
turn_to_next(struct etcd *e, unsigned from)
{
	if (e->at == from)
		e->at = (e->at + 1) % e->n_endpoints;
}

static void
end_call(struct etcd *e, struct call *c, CURLcode code)
{
	struct etcd_answer an = { .err = KODO_OK };
	struct etcd_done done = c->done;

	arena_reset(e->a);
	if (code != CURLE_OK) {
		an.err = KODO_EBUSY;
		an.words = str_of(curl_easy_strerror(code));
	} else {
		an.err = etcd_read_answer(e, buf_str(&c->answer), &an);
		if (an.err == KODO_EBUSY && an.words.p == NULL)
			an.words = STR("the answer is none of etcd's");
	}
	if (an.err == KODO_EBUSY)
		turn_to_next(e, c->endpoint);
	c->is_busy = false;
	if (c->body.cap > ETCD_TXN_BYTES / 8)
		buf_free(&c->body);
	if (done.fn != NULL)
		done.fn(done.arg, &an);
	if (!c->is_busy && c->answer.cap > ETCD_TXN_BYTES)
		buf_free(&c->answer);
}

static void
end_watch(struct etcd *e, struct call *c, CURLcode code)
{
	struct etcd_message m = { .is_over = true, .err = KODO_EBUSY,
		.words = str_of(code == CURLE_OK ? "it ended" : curl_easy_strerror(code)) };
	struct jread_fault fault;
	struct str object;

	c->is_busy = false;
	turn_to_next(e, c->endpoint);
	if (c->is_ended)
		return;		/* it was told */
	arena_reset(e->a);
	/* a refusal comes without the end of a line */
	if (jread_check(buf_str(&c->answer), &object, &fault))
		(void)etcd_read_error(e, object, &m.err, &m.words);
	c->is_ended = true;
	c->on_message(c->arg, &m);
}

static void
collect(struct etcd *e)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(e->multi, &left)) != NULL) {
		const CURLcode code = m->data.result;
		char *private = NULL;
		struct call *c;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
		c = (struct call *)(void *)private;
		curl_multi_remove_handle(e->multi, c->easy);	/* m is dead from here on */
		if (c->is_watch)
			end_watch(e, c, code);
		else
			end_call(e, c, code);
	}
}

void
etcd_wait(struct etcd *e, struct etcd_fd *fds, size_t n, int timeout_ms)
{
	struct curl_waitfd also[FDS_MAX];
	int running;
	size_t i;

	if (n > FDS_MAX)
		n = FDS_MAX;
	for (i = 0; i < n; i++)
		also[i] = (struct curl_waitfd){ .fd = fds[i].fd,
			.events = fds[i].to_write ? CURL_WAIT_POLLOUT : CURL_WAIT_POLLIN };
	if (curl_multi_poll(e->multi, also, (unsigned)n, timeout_ms, NULL) == CURLM_OK)
		for (i = 0; i < n; i++)
			fds[i].is_ready = also[i].revents != 0;
	curl_multi_perform(e->multi, &running);
	collect(e);
}
