/*
 * One request from its transport to its answer: the state made ready, the request read, routed,
 * handled, sent.
 */
#ifndef KODO_SERVE_H
#define KODO_SERVE_H

#include "http/follow.h"
#include "http/transport.h"

struct server;

/* loader_arg: see instance_new. NULL: memory ran out. */
struct server *server_new(const char *loader_arg);
void server_free(struct server *s);		/* NULL is fine */

/*
 * Answer the request of t. Each failure ends in an answer, a log line, or both.
 *
 * Not NULL: the request has got no answer, it waits; call again with this follower when it is due,
 * or give it to follow_end. f: NULL at first.
 */
struct follower *serve_request(
    struct server *s, struct transport *t, struct follower *f) MUST_CHECK;

/*
 * Has a newer program brought the state to its format? What comes from now on is handed over to it
 * (handover.h), and this process should become it. false also where that was tried in vain.
 */
bool serve_is_outdated(const struct server *s);

/* See follow_look; to be called every FOLLOW_LOOK_MS while requests wait. */
void serve_look(struct server *s, struct follower *first);

/* After the reply: wake the runner for messages that it has left due, free memory. */
void serve_after(struct server *s);

#endif
