/*
 * JSON to model: the bodies of PROTOCOL.md, read strictly, a flow at a time: memory stays flat.
 *
 * Nodes come out packed (packed.h), ready to be stored. Everything lives in the arena given, or
 * points into the body.
 *
 * Our own top-level member `kodo` (see DESIGN.md, "Versions, removals, what travels"; the original
 * ignores it):
 *
 *	"kodo":{"versions":{"<node url>":<version>,..},	of the nodes of this body
 *		"gone":{"<node url>":<version>,..},	tombstones
 *		"piece":<id>,"more":true|false,		this body is a piece; more follow
 *		"view":"<digest>",			in hex, of what the sender told last
 *		"told":"<digest>",			of what the receiver is told, in an answer
 *		"part":{"id":"<hex>","from":F,"of":N},	see below
 *		"has":<number>,				in the answer to a part
 *		"life":<id>,"sent":<number>,		of the sender's state: tells what
 *							comes late
 *		"heard_life":<id>,"heard":<number>}	the last that was heard of the
 *							receiver's: tells it that it was
 *							restored from an older copy
 *
 * Every member of it is optional; unknown ones are ignored; a wrong type is an error like any
 * other. Version 0, one over LIMIT_VERSION_MAX or too far ahead leaves out that node or tombstone.
 * A version of a url that is no node of this body is ignored.
 *
 * A part: a node that alone is more than the receiver takes comes in several /update bodies. The
 * one node of such a body holds only the flows F, F + 1, .. of N. id is opaque: parts of one id
 * make one node, which counts as said, with the version in the last of them, when all N flows are
 * there, and not before. F is how many the receiver has under that id, as the `has` of its answer
 * says, or 0, which starts over; a part that does not fit is not taken. N over LIMIT_NODE_FLOWS
 * leaves out the node. An answer without `has`: the receiver takes no parts, or this came late.
 */
#ifndef KODO_WIRE_H
#define KODO_WIRE_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/flow/model.h"

enum wire_kind {
	WIRE_CONNECT,	 /* default + nodes: POST /connect */
	WIRE_UPDATE,	 /* the same, perhaps a part of a node: POST /update */
	WIRE_DEFAULT,	 /* POST /reconnect */
	WIRE_DISCONNECT, /* provider, url[] */
	WIRE_ANSWER,	 /* default, and nodes where there are any: what a peer answers */
};

struct wire_node {
	struct str key;	  /* of its url, see url_key */
	struct str bytes; /* packed */
	uint64_t version; /* 0: none was given */
};

struct wire_gone {
	struct str url; /* shown form */
	struct str key;
	uint64_t version;
};

/*
 * A node or tombstone that was left out, and why: "description of flow 3 is over 65536 bytes". url
 * is as it was written, but cut off after 200 bytes; reason is one line.
 */
struct wire_left_out {
	struct str url;
	struct str reason;
};

/* Which flows of its node a body holds. */
struct wire_range {
	struct str id;
	uint64_t from;
	uint64_t of; /* all that the node has */
};

struct wire_body {
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
	struct wire_left_out *left_out;
	size_t n_left_out;
	bool has_kodo; /* the sender is one of us */
	bool has_list;
	uint64_t list_id;
	bool more;
	bool has_chunk; /* then there is one node, or it was left out */
	struct wire_range chunk;
	bool has_taken; /* an answer said how much of a node there is */
	uint64_t taken;
	/* which state of the sender's spoke, and that state's number then; 0: not said */
	uint64_t epoch;
	uint64_t sequence;
	/* the last life and number of the receiver's that the sender heard; 0: not said */
	uint64_t acked_epoch;
	uint64_t acked;
	struct str view; /* null: none */
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
	struct wire_error *errors; /* in field order; none where detail is set */
	size_t n_errors;	   /* at most 1,000; more are dropped */
};

/*
 * Read one body.
 *
 * json     the whole body, not terminated; not changed.
 * now_us   for the check of versions (LIMIT_VERSION_AHEAD_US).
 * own_key  url key of this service: as sender it is refused ("... is this service itself"); may be
 * null (import, answers).
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
 * The original's cache file: one object with url, organization, feed, connection {url: time|null},
 * providers {url: provider} or list, registers {url: time}; written by `kodo export`, read by `kodo
 * import`.
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
	struct str url;
	struct str organization;
	bool feed;
	struct wire_cache_provider *providers;
	size_t n_providers;
	struct wire_cache_time *connection;
	size_t n_connection;
	struct wire_cache_time *registers;
	size_t n_registers;
	/* nodes and providers over a ceiling, and whatever has a url that is none */
	struct wire_left_out *left_out;
	size_t n_left_out;
};

/* KODO_EINVAL with the reason and the byte in why: "not a cache of kodo: ... (byte 4711)". */
enum kodo_err wire_read_cache(
    struct arena *a, struct str json, struct wire_cache *out, struct why *why) MUST_CHECK;

#endif
