/*
 * Pages of other sites that read this service (the Fetch standard, CORS protocol): what anybody may
 * read, by GET, without credentials.
 */
#ifndef KODO_CORS_H
#define KODO_CORS_H

#include "http/call.h"

/* Say in the answer who may read it, and answer a preflight. */
enum kodo_err cors_put(struct call *c) MUST_CHECK;

#endif
