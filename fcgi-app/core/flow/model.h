/*
 * Flows, nodes and the introduction of a service, as plain structs.
 *
 * All texts are borrowed; the functions that fill a struct say from where. They are valid UTF-8
 * without NUL and within limit.h once they have passed wire.h or loader.h.
 */
#ifndef KODO_MODEL_H
#define KODO_MODEL_H

#include <stdint.h>

#include "core/base/str.h"

struct flow {
	struct str url;		/* as its owner wrote it, e.g. "/agent-alpha" */
	struct str name;
	struct str description;	/* may be null, as author */
	struct str author;
	const struct str *tags;
	size_t n_tags;
	struct str entry;	/* where the agent is, a url of http or https; null: unknown */
	/* what people ask that it answers: none, or LIMIT_QUERIES_LEAST to LIMIT_QUERIES */
	const struct str *queries;
	size_t n_queries;
};

struct node {
	struct str url;		/* shown form, see url.h */
	struct str organization;	/* may be null */
	struct str status;	/* may be null */
	int64_t heartbeat_us;	/* since the epoch, 0: null */
	const struct flow *flows;
	size_t n_flows;
	struct str audience;	/* what a token for it must name; may be null */
};

/* PROTOCOL.md's `default`: how a service introduces itself, in requests and answers. */
struct greeting {
	struct str url;		/* shown form */
	struct str organization;	/* may be null */
	bool registry;
	bool feed;
	bool idle;
	int64_t now_us;
	const struct str *message;
	size_t n_message;
};

#endif
