/*
 * An answer: composed whole by a handler, then sent. The next one uses its memory again.
 */
#ifndef KODO_RESPONSE_H
#define KODO_RESPONSE_H

#include "core/base/refusal.h"
#include "core/storage/sink.h"
#include "core/trust/signature.h"
#include "core/wire/wire.h"
#include "http/transport.h"

#define RESPONSE_KEEP_BYTES	((size_t)1 << 20)	/* memory kept between requests */
#define RESPONSE_ETAG_BYTES	96
#define RESPONSE_ETAG_GZIP	"-gzip"		/* behind an ETag; as web servers mark it */

struct response {
	unsigned status;
	enum refusal refusal;		/* why it is none of success */
	const char *type;		/* static; NULL: no Content-Type, as there is no body */
	struct sink body;
	char etag[RESPONSE_ETAG_BYTES];	/* `W/"..."`, "": none */
	char allow[64];			/* methods, "": no Allow */
	const char *authenticate;	/* a WWW-Authenticate; NULL: none; borrowed */
	bool is_private;		/* not for all: no cache that others share may keep it */
	bool is_fleeting;		/* no cache may store it */
	unsigned retry_after_s;		/* 0: no Retry-After */
	struct str location;		/* where to call instead, for Location; null: none */
	struct str next;		/* the page that follows, for Link; null: none */
	uint64_t view;			/* for GET /changes; 0: no Kodo-View */
	uint64_t revision;		/* of a cluster; 0: no Kodo-Revision */
	const struct signature_fields *signature;	/* of the answer to a peer; NULL: none */
	/* of an error: its detail, and in further lines each fault: key, TAB, message */
	struct buf reason;
	bool is_page;			/* for browsers: with headers that limit its loads */
	struct str cors_origin;		/* whose pages may read it, of all sites "*"; null: none */
	bool varies_by_origin;
	bool varies_by_encoding;
	bool is_gzip;			/* the body is compressed, or is while it is sent */
	bool is_preflight;		/* say how they may ask */
	bool is_mcp;			/* as registries of MCP say it */
	bool varies;			/* its address has another answer for another Accept */
	bool is_secret;			/* its address may hold a key: links do not tell it */
};

#define TYPE_JSON	"application/json"
#define TYPE_HTML	"text/html; charset=utf-8"
#define TYPE_TEXT	"text/plain; charset=utf-8"
#define TYPE_ATOM	"application/atom+xml; charset=utf-8"

/* state: where a long body goes; NULL: stays in memory. */
void response_init(struct response *r, const struct state *state);

/* Back to an empty 200 of JSON; memory over RESPONSE_KEEP_BYTES is freed. */
void response_reset(struct response *r, const struct state *state);
void response_free(struct response *r);

/* Drop the body, and answer with an error body of PROTOCOL.md instead. */
void response_error(struct response *r, unsigned status, struct str detail,
    const struct wire_error *errors, size_t n);

/* As response_error, for a const text and without errors. */
void response_fail(struct response *r, unsigned status, const char *detail);

/* As response_error, with the status of that refusal. */
void response_refuse(struct response *r, enum refusal why, const char *detail);
/* Why it refuses, if only by its status. */
enum refusal response_refusal(const struct response *r);

/* Drop the body: 204, 304. */
void response_empty(struct response *r, unsigned status);

/*
 * The body as gzip, if it is worth it: in memory now, in a file while it is sent, without a
 * Content-Length. The ETag says so; that of a 304, if the client named it so.
 */
void response_compress(struct response *r, struct str if_none_match);

/* Of all that are in use the i-th; 0: there are no more. */
unsigned response_status(size_t i);

/* Bytes of the body. */
uint64_t response_length(const struct response *r);

/*
 * Send header and body (without_body: only the header, for HEAD). KODO_ENOMEM: memory
 * ran out, and a 503 was sent in place of it. KODO_EIO: the client has gone.
 */
enum kodo_err response_send(
    struct response *r, struct transport *t, bool without_body) MUST_CHECK;

#endif
