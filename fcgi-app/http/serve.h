/*
 * One request from its transport to its answer: the state made ready, the request read, routed,
 * handled, sent.
 */
#ifndef KODO_SERVE_H
#define KODO_SERVE_H

#include "http/transport.h"

struct server;

/* loader_arg: see instance_new. NULL: memory ran out. */
struct server *server_new(const char *loader_arg);
void server_free(struct server *s);		/* NULL is fine */

/* Answer the request of t. Each failure ends in an answer, a log line, or both. */
void serve_request(struct server *s, struct transport *t);

/* After the reply: wake the runner for messages that it has left due, free memory. */
void serve_after(struct server *s);

#endif
