/*
 * Which flows a request asks for: GET /flows, /counts and /changes take the same parameters.
 */
#ifndef KODO_ASKED_H
#define KODO_ASKED_H

#include "core/views/search.h"
#include "http/call.h"

struct search_asked asked_of(const struct params *p);

/*
 * As search_compile, of the request's parameters. KODO_EINVAL: it is refused.
 */
enum kodo_err asked_compile(
    struct call *c, struct query_mistake *mistake, struct query **out) MUST_CHECK;

/* The refusal of a query whose step budget is used up. */
enum kodo_err asked_refuse_steps(struct call *c);

/* What an answer depends on beside the view, where it is JSON: for its ETag. */
uint64_t asked_variant(const struct call *c);

#endif
