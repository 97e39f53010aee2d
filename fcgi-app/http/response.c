#include "core/base/json.h"
#include "http/gzip.h"
#include "http/response.h"

#define BLOCK_BYTES	65536u	/* of a body in a file, per write */
#define COMPRESS_BYTES	1024u	/* what is shorter goes in one packet as it is */

static const struct {
	unsigned status;
	const char *phrase;
} phrases[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 204, "No Content" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 410, "Gone" },
	{ 413, "Request Entity Too Large" },
	{ 414, "Request-URI Too Long" },
	{ 421, "Misdirected Request" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
	{ 507, "Insufficient Storage" },
};

static const char *
phrase_of(unsigned status)
{
	size_t i;

	for (i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "";
}

unsigned
response_status(size_t i)
{
	return i < sizeof(phrases) / sizeof(phrases[0]) ? phrases[i].status : 0;
}

static void
set_plain(struct response *r)
{
	r->status = 200;
	r->refusal = REFUSAL_NONE;
	r->type = TYPE_JSON;
	r->etag[0] = '\0';
	r->allow[0] = '\0';
	r->retry_after_s = 0;
	r->authenticate = NULL;
	r->is_private = r->is_fleeting = false;
	r->view = 0;
	r->next = r->location = STR_NULL;
	r->signature = NULL;
	buf_reset(&r->reason);
	r->is_page = false;
	r->varies = r->is_secret = r->varies_by_origin = r->is_preflight = false;
	r->varies_by_encoding = r->is_gzip = r->is_mcp = false;
	r->cors_origin = STR_NULL;
}

void
response_init(struct response *r, const struct state *state)
{
	r->body = (struct sink)SINK_INIT(state);
	r->reason = (struct buf)BUF_INIT(0);
	set_plain(r);
}

/* Empty the sink, but keep its memory if it is small. */
static void
drop_body(struct response *r)
{
	const struct state *state = r->body.state;

	if (r->body.fd == -1 && r->body.buf.cap <= RESPONSE_KEEP_BYTES) {
		buf_reset(&r->body.buf);
		return;
	}
	sink_free(&r->body);
	r->body = (struct sink)SINK_INIT(state);
}

void
response_reset(struct response *r, const struct state *state)
{
	drop_body(r);
	r->body.state = state;
	set_plain(r);
}

void
response_free(struct response *r)
{
	sink_free(&r->body);
	buf_free(&r->reason);
}

void
response_error(struct response *r, unsigned status, struct str detail,
    const struct wire_error *errors, size_t n)
{
	size_t i;

	drop_body(r);
	set_plain(r);
	r->status = status;
	wire_put_error(&r->body.buf, status, detail, errors, n);
	buf_put_str(&r->reason, detail);
	for (i = 0; i < n; i++) {
		buf_putc(&r->reason, '\n');
		buf_put_str(&r->reason, errors[i].key);
		buf_putc(&r->reason, '\t');
		buf_put_str(&r->reason, errors[i].message);
	}
}

void
response_fail(struct response *r, unsigned status, const char *detail)
{
	response_error(r, status, str_of(detail), NULL, 0);
}

void
response_refuse(struct response *r, enum refusal why, const char *detail)
{
	response_fail(r, refusal_status(why), detail);
	r->refusal = why;
}

enum refusal
response_refusal(const struct response *r)
{
	return r->refusal != REFUSAL_NONE ? r->refusal : refusal_of_status(r->status);
}

void
response_empty(struct response *r, unsigned status)
{
	drop_body(r);
	r->status = status;
	r->type = NULL;
}

/* `W/"1-2"` of the plain form is `W/"1-2-gzip"` of this one, as web servers mark it. */
static void
mark_etag(char etag[RESPONSE_ETAG_BYTES])
{
	static const char mark[] = RESPONSE_ETAG_GZIP "\"";
	const size_t n = strlen(etag);

	if (n > 0 && n + sizeof(mark) - 1 < RESPONSE_ETAG_BYTES)
		memcpy(etag + n - 1, mark, sizeof(mark));
}

/* What the 200 would have: the client knows which form it has got. */
static void
mark_known(struct response *r, struct str if_none_match)
{
	char marked[RESPONSE_ETAG_BYTES];
	const char *opaque;

	memcpy(marked, r->etag, sizeof(marked));
	mark_etag(marked);
	opaque = strchr(marked, '"');
	if (opaque != NULL && if_none_match.len > 0 &&
	    memmem(if_none_match.p, if_none_match.len, opaque, strlen(opaque)) != NULL)
		memcpy(r->etag, marked, sizeof(marked));
}

void
response_compress(struct response *r, struct str if_none_match)
{
	struct buf out = BUF_INIT(0);

	if (r->status == 304)
		mark_known(r, if_none_match);
	if (r->type == NULL || response_length(r) < COMPRESS_BYTES)
		return;
	if (r->body.fd == -1) {
		if (gzip_put(buf_str(&r->body.buf), &out) != KODO_OK) {
			buf_free(&out);
			return;
		}
		buf_free(&r->body.buf);
		r->body.buf = out;
	}
	r->is_gzip = true;
	mark_etag(r->etag);
}

uint64_t
response_length(const struct response *r)
{
	return r->body.fd == -1 ? r->body.buf.len : r->body.len;
}

/* `name: value`, without printf, as each answer has several. */
static void
put_line(struct buf *b, const char *name, const char *value)
{
	buf_puts(b, name);
	buf_put(b, ": ", 2);
	buf_puts(b, value);
	buf_put(b, "\r\n", 2);
}

static void
put_number_line(struct buf *b, const char *name, uint64_t n)
{
	buf_puts(b, name);
	buf_put(b, ": ", 2);
	json_put_u64(b, n);
	buf_put(b, "\r\n", 2);
}

static void
put_signature(struct buf *b, const struct signature_fields *f)
{
	struct signature_fields copy = *f;
	unsigned i;

	for (i = 0; i < SIGNATURE_FIELDS; i++) {
		const struct str value = *signature_field(&copy, i);

		if (value.len == 0)
			continue;
		buf_puts(b, signature_names[i]);
		buf_put(b, ": ", 2);
		buf_put_str(b, value);
		buf_put(b, "\r\n", 2);
	}
}

static void
put_vary(struct buf *b, const struct response *r)
{
	const struct {
		bool is;
		const char *name;
	} rows[] = {
		{ r->varies, "Accept" },
		{ r->varies_by_encoding, "Accept-Encoding" },
		{ r->varies_by_origin, "Origin" },
	};
	size_t i, n = 0;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!rows[i].is)
			continue;
		buf_puts(b, n++ == 0 ? "Vary: " : ", ");
		buf_puts(b, rows[i].name);
	}
	buf_puts(b, n > 0 ? "\r\n" : "");
}

static void
put_cors(struct buf *b, const struct response *r)
{
	if (r->cors_origin.len == 0)
		return;
	buf_puts(b, "Access-Control-Allow-Origin: ");
	buf_put_str(b, r->cors_origin);
	buf_puts(b, "\r\n");
	if (r->is_mcp)
		buf_puts(b, "Access-Control-Allow-Methods: GET, OPTIONS\r\n"
		    "Access-Control-Allow-Headers: Authorization, Content-Type\r\n");
	else if (r->is_preflight)
		buf_puts(b, "Access-Control-Allow-Methods: GET, HEAD\r\n"
		    "Access-Control-Allow-Headers: Accept, Content-Type, If-None-Match\r\n");
	buf_puts(b, r->is_preflight ? "Access-Control-Max-Age: 86400\r\n"
	    : "Access-Control-Expose-Headers: ETag, Kodo-View, Link, Retry-After\r\n");
}

/* RFC 9110, 8.6: no Content-Length with 204, and none with 304 where the 200's is not known. */
static void
put_header(struct buf *b, const struct response *r)
{
	buf_puts(b, "Status: ");
	json_put_u64(b, r->status);
	buf_putc(b, ' ');
	buf_puts(b, phrase_of(r->status));
	buf_put(b, "\r\n", 2);
	if (r->type != NULL) {
		put_line(b, "Content-Type", r->type);
		if (r->is_gzip)
			put_line(b, "Content-Encoding", "gzip");
		/* the length of what is compressed on its way is not known yet */
		if (!r->is_gzip || r->body.fd == -1)
			put_number_line(b, "Content-Length", response_length(r));
	}
	if (r->etag[0] != '\0')
		put_line(b, "ETag", r->etag);
	/* else a cache before us may take any time for this to be still true, 404 and 410, too */
	put_line(b, "Cache-Control", r->is_fleeting ? "no-store"
	    : r->is_private ? "private, no-cache" : "no-cache");
	put_vary(b, r);
	if (r->allow[0] != '\0')
		put_line(b, "Allow", r->allow);
	if (r->authenticate != NULL)
		put_line(b, "WWW-Authenticate", r->authenticate);
	if (r->retry_after_s > 0)
		put_number_line(b, "Retry-After", r->retry_after_s);
	if (r->view > 0)
		put_number_line(b, "Kodo-View", r->view);
	if (r->revision > 0)
		put_number_line(b, "Kodo-Revision", r->revision);
	if (r->location.len > 0) {
		buf_puts(b, "Location: ");
		buf_put_str(b, r->location);
		buf_puts(b, "\r\n");
	}
	if (r->next.len > 0) {
		buf_puts(b, "Link: <");
		buf_put_str(b, r->next);
		buf_puts(b, ">; rel=\"next\"\r\n");
	}
	if (r->is_page) {
		buf_puts(b,
		    "Content-Security-Policy: default-src 'self'; form-action 'self'; base-uri "
		    "'none'; object-src 'none'; frame-ancestors 'none'\r\n"
		    "Cross-Origin-Opener-Policy: same-origin\r\n"
		    "Permissions-Policy: camera=(), geolocation=(), microphone=()\r\n");
		put_line(b, "Referrer-Policy", r->is_secret ? "no-referrer" : "same-origin");
	}
	put_cors(b, r);
	if (r->signature != NULL)
		put_signature(b, r->signature);
	buf_puts(b, "X-Content-Type-Options: nosniff\r\n\r\n");
}

static enum kodo_err
send_file(struct body *body, struct transport *t)
{
	char block[BLOCK_BYTES];
	size_t n;
	enum kodo_err err;

	do {
		err = body_read(body, block, sizeof(block), &n);
		if (err == KODO_OK && n > 0)
			err = t->write(t, block, n);
	} while (err == KODO_OK && n > 0);
	return err;
}

static enum kodo_err
send_body(struct response *r, struct transport *t)
{
	struct body body;
	enum kodo_err err;

	if (r->body.fd == -1)
		return t->write(t, r->body.buf.p, r->body.buf.len);
	err = body_init(&body, &r->body, r->is_gzip);
	if (err != KODO_OK)
		return err;
	if (t->write_later == NULL)
		err = send_file(&body, t);
	else
		t->write_later(t, &body);
	body_free(&body);
	return err;
}

/* Where no memory is left, even for a head: what costs none. */
static enum kodo_err
send_unable(struct transport *t)
{
	static const char text[] = "Status: 503 Service Unavailable\r\nRetry-After: 1\r\n"
	    "Content-Length: 0\r\n\r\n";
	const enum kodo_err err = t->write(t, text, sizeof(text) - 1);

	return err == KODO_OK ? KODO_ENOMEM : err;
}

enum kodo_err
response_send(struct response *r, struct transport *t, bool without_body)
{
	struct buf header = BUF_INIT(0);
	enum kodo_err err;

	put_header(&header, r);
	if (buf_failed(&header) || buf_failed(&r->body.buf)) {
		buf_free(&header);
		return send_unable(t);
	}
	err = t->write(t, header.p, header.len);
	if (err == KODO_OK && !without_body && r->type != NULL)
		err = send_body(r, t);
	buf_free(&header);
	return err;
}
