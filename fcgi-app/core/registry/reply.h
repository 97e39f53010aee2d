/*
 * The answers to POST /connect, /update, /disconnect, /reconnect.
 */
#ifndef KODO_REPLY_H
#define KODO_REPLY_H

#include "core/registry/registry.h"
#include "core/storage/sink.h"

/*
 * The body of an answer to POST /connect, /update, /disconnect, /reconnect: default, with all nodes
 * where the caller connects and feeds, with our `kodo` member where its body had one. idle_false:
 * PROTOCOL.md wants `idle` false (POST /reconnect). message: lines about what was left out. Nodes
 * over LIMIT_ANSWER_NODES_BYTES are put into the outbox as updates to that caller; *rest: there are
 * any, so that the runner is needed.
 */
enum kodo_err reply_put(struct registry *r, const struct wire_body *b, bool is_connect,
    bool idle_false, int64_t now_us, struct sink *out, bool *rest) MUST_CHECK;

/*
 * The body of a 202, where the change came back as KODO_ELATER: default, with a line that says so.
 */
enum kodo_err reply_put_later(struct registry *r, int64_t now_us, struct sink *out) MUST_CHECK;

#endif
