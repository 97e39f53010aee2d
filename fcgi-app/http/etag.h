/*
 * Entity tags, made from the ids of build and state, and of what the answer depends on.
 */
#ifndef KODO_ETAG_H
#define KODO_ETAG_H

#include "http/call.h"

enum etag_part {
	ETAG_VIEW = 1u << 0,
	ETAG_STATE = 1u << 1,
	ETAG_IDLE = 1u << 2,
};

/*
 * Put the tag of these parts and the variant into the answer. true: the client has this version
 * already, the answer is 304.
 */
bool etag_matches(struct call *c, const struct view *v, unsigned parts, uint64_t variant);

#endif
