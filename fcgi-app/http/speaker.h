/*
 * Who sends a request, as its signature and its connection tell, and the signature of the answer.
 */
#ifndef KODO_SPEAKER_H
#define KODO_SPEAKER_H

#include "core/trust/pin.h"
#include "http/call.h"

/*
 * For a request whose body was read: c->body is its content, raw its bytes. *out lives in c->a, as
 * c->body.speaker. false: it is refused, and c->res is the answer: 403 for a signature that does
 * not hold, 421 for one that is meant for another service.
 */
enum kodo_err speaker_read(
    struct call *c, const struct options *o, struct str raw, bool *out) MUST_CHECK;

/* Is a request without a body signed by a peer that the admin has named, with its key? */
enum kodo_err speaker_is_peer(struct call *c, const struct options *o, bool *out) MUST_CHECK;

/* Sign the answer, now complete, to a request that is signed; others get none. */
enum kodo_err speaker_sign_answer(struct call *c) MUST_CHECK;

#endif
