/*
 * JSON to model: the bodies of PROTOCOL.md, read strictly, a flow at a time: memory stays flat.
 *
 * Nodes come out packed (packed.h), ready to be stored. Everything lives in the arena given, or
 * points into the body.
 *
 * The member `kodo` of kodo peers (PROTOCOL.md; legacy peers ignore it), and which field of struct
 * wire_body each of its members is:
 *
 *	"kodo":{"versions":{"<node url>":<version>,..},	nodes[].version
 *		"gone":{"<node url>":<version>,..},	gone[]: tombstones
 *		"silent":{"<node url>":<number>,..},	nodes[].silent_us, or silent[]: since when
 *							nothing was heard of its owner, in
 *							microseconds; 0: it is fresh, also where
 *							a node is not named; -1: not known
 *		"piece":<id>,"more":true|false,		list_id, more: a list chunk, and whether
 *							more of the list follow
 *		"view":"<digest>",			view, hex: of what the receiver was
 *							notified of; in an answer: of what the
 *							sender holds from the receiver
 *		"told":"<digest>",			told, in an answer, hex: of what the
 *							receiver was notified of
 *		"part":{"id":"<hex>","from":F,"of":N},	chunk: a node chunk, see below
 *		"has":<number>,				taken: in the answer to a node chunk
 *		"life":<id>,"sent":<number>,		epoch, sequence of the sender: tell a
 *							late message
 *		"heard_life":<id>,"heard":<number>	acked_epoch, acked: the receiver's last
 *							epoch and sequence seen by the sender;
 *							tell a state that was restored from an
 *							older copy
 *		"entries":true}				keeps_entries: the sender keeps entries
 *							of flows and audiences of nodes, and
 *							digests between both hold them
 *
 * All of them are optional; unknown ones are ignored; a wrong type is an error like any other.
 * Version 0, one over LIMIT_VERSION_MAX or too far ahead leaves out that node or tombstone. A
 * version of a url that is no node of this body is ignored.
 *
 * A node chunk: a node that alone is over the receiver's ceiling comes in several /update bodies.
 * The one node of such a body holds only the range of flows F, F + 1, .. of N. id is opaque: chunks
 * of one id make one node, stated with the version of the last of them when all N flows are there,
 * and not before. F is the `has` of the receiver's last answer for that id, or 0, which starts
 * over; a chunk that does not fit is not taken. N over LIMIT_NODE_FLOWS leaves out the node. An
 * answer without `has`: the receiver takes no chunks, or the message was late.
 */
#ifndef KODO_WIRE_H
#define KODO_WIRE_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/flow/model.h"

enum wire_kind {
	WIRE_CONNECT,	 /* default + nodes: POST /connect */
	WIRE_UPDATE,	 /* the same, perhaps a node chunk: POST /update */
	WIRE_DEFAULT,	 /* POST /reconnect */
	WIRE_DISCONNECT, /* provider, url[] */
	WIRE_ANSWER,	 /* default, perhaps with nodes: the answer of a peer */
};

struct wire_node {
	struct str key;	  /* of its url, see url_key */
	struct str bytes; /* packed */
	uint64_t version; /* 0: none was given */
	int64_t silent_us; /* signs of life, see liveness/liveness.h; 0: it is fresh */
	bool is_back;	  /* the receiver said it before its state was restored from a copy */
};

struct wire_gone {
	struct str url; /* shown form */
	struct str key;
	uint64_t version;
};

/* What is new of a node that is not in the body. */
struct wire_silent {
	struct str key;
	int64_t since_us;
};

/*
 * A node or tombstone that was left out. url: as written, cut off after 200 bytes. reason: one line
 * such as "description of flow 3 is over 65536 bytes".
 */
struct wire_left_out {
	struct str url;
	struct str reason;
};

/* The range of flows in a node chunk. */
struct wire_range {
	struct str id;
	uint64_t from;
	uint64_t of; /* flows of the whole node */
};

struct speaker;

/* What a body was read from, so that it can be read again elsewhere. */
struct wire_source {
	struct str json;
	enum wire_kind kind;
	int64_t now_us;
};

struct wire_body {
	struct wire_source source;
	/* who it came from, see trust/pin.h; NULL: it is not judged */
	const struct speaker *speaker;
	struct greeting from; /* WIRE_CONNECT, WIRE_DEFAULT */
	/* key of from.url; of `provider` in a WIRE_DISCONNECT, whose shown form is from.url */
	struct str from_key;
	/* of nodes with equal keys only the last is here, at the place of the first */
	struct wire_node *nodes;
	size_t n_nodes;
	struct str *urls; /* WIRE_DISCONNECT: keys of the urls */
	size_t n_urls;
	struct wire_gone *gone; /* each key once */
	size_t n_gone;
	struct wire_silent *silent; /* each key once */
	size_t n_silent;
	struct wire_left_out *left_out;
	size_t n_left_out;
	bool has_kodo; /* the sender is a kodo peer */
	bool keeps_entries; /* it keeps entries and audiences, too */
	bool has_list;
	uint64_t list_id;
	bool more;
	bool has_chunk; /* then there is one node, or it was left out */
	struct wire_range chunk;
	bool has_taken;
	uint64_t taken;	 /* flows of the chunk's node that the receiver has */
	uint64_t epoch;	 /* 0: not there, as the next three */
	uint64_t sequence;
	uint64_t former_epoch; /* of which this one is a restored copy; 0: none */
	uint64_t acked_epoch;
	uint64_t acked;
	struct str view; /* null: not there, as told */
	struct str told;
};

/* One entry of the `extra` list of a 400. */
struct wire_error {
	struct str message;
	struct str key;	   /* "nodes.0.url"; null: no key (the body as a whole) */
	struct str source; /* "body" for an empty body; null */
};

/* Why a body was refused. */
struct wire_refusal {
	/* null: "Validation failed for <method> <path>"; else e.g. "Input data was truncated" */
	struct str detail;
	struct wire_error *errors; /* in the order of fields; none where detail is set */
	size_t n_errors;	   /* at most 1,000; more are dropped */
};

/*
 * Read one body.
 *
 * json     the whole body, not terminated; not changed.
 * now_us   for the check of versions (LIMIT_VERSION_AHEAD_US).
 * own_key  url key of this service, which is refused as a sender ("... is this service itself");
 *          null for imports and answers.
 *
 * KODO_OK; KODO_EINVAL with *no filled in; KODO_ENOMEM.
 */
enum kodo_err wire_read(struct arena *a, enum wire_kind kind, struct str json, int64_t now_us,
    struct str own_key, struct wire_body *out, struct wire_refusal *no) MUST_CHECK;

/*
 * The members of PROTOCOL.md's default without braces:
 * `"url":..,"organization":..,..,"message":[..]`.
 */
void wire_put_greeting(struct buf *out, const struct greeting *g);

/*
 * A disconnect body without the `kodo` member and without its closing brace:
 * {"provider":..,"url":[..]
 */
void wire_put_disconnect(struct buf *out, struct str provider, const struct str *urls, size_t n);

/* An error body: {"status_code":404,"detail":"Not Found"} with `extra` where n > 0. */
void wire_put_error(
    struct buf *out, unsigned status, struct str detail, const struct wire_error *errors, size_t n);

/*
 * The cache file of the original: one object with url, organization, feed, connection
 * {url: time|null}, providers {url: provider} or list, registers {url: time}. `kodo export` writes
 * it, `kodo import` reads it.
 */
struct wire_cache_provider {
	struct greeting from; /* registry is not in the file: false */
	struct str key;
	int64_t created_us;
	int64_t modified_us;
	struct wire_node *nodes;
	size_t n_nodes;
};

struct wire_cache_time {
	struct str url;
	struct str key;
	int64_t at_us; /* 0: null */
};

struct wire_cache {
	struct str json;	/* what it was read from */
	struct str url;
	struct str organization;
	bool feed;
	struct wire_cache_provider *providers;
	size_t n_providers;
	struct wire_cache_time *connection;
	size_t n_connection;
	struct wire_cache_time *registers;
	size_t n_registers;
	/* nodes and providers over a ceiling, and all whose url is none */
	struct wire_left_out *left_out;
	size_t n_left_out;
};

/* KODO_EINVAL with the reason and the byte in why: "not a cache of kodo: ... (byte 4711)". */
enum kodo_err wire_read_cache(
    struct arena *a, struct str json, struct wire_cache *out, struct why *why) MUST_CHECK;

#endif
