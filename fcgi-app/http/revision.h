/*
 * Reading what one has written, behind a balancer of a cluster: each answer says how far this
 * machine has come (Kodo-Revision), and a request may ask for as much (Kodo-Min-Revision).
 */
#ifndef KODO_REVISION_H
#define KODO_REVISION_H

#include "http/call.h"

/*
 * Has this machine come to the revision that the request asks for? false: the request waits as
 * follower, a second at most (c->waits), or the answer is a refusal. Where this is no cluster,
 * nothing is asked for; nor by changes, and by health.
 */
bool revision_is_reached(struct call *c, const struct options *o);

/* Note how far this machine has come, for the answer. */
void revision_note(struct call *c);

#endif
