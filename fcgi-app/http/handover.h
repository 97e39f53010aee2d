/*
 * A request that reached a worker whose state a newer program has brought to its format: that
 * program answers it, as a CGI program (RFC 3875), and its answer is passed on.
 */
#ifndef KODO_HANDOVER_H
#define KODO_HANDOVER_H

#include "core/base/buf.h"
#include "http/transport.h"

/*
 * body: what was read of it. loader: of a hosted program, or "". is_late: one that has waited for
 * changes, and must not once more. KODO_OK: it is answered, as well as its client takes it; else
 * nothing was written; KODO_ETOOBIG: the body is over body_max.
 */
enum kodo_err handover(struct transport *t, const struct buf *body, const char *loader,
    bool is_late, uint64_t body_max) MUST_CHECK;

#endif
