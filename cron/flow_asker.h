/*
 * Asks the addresses of flows whether they answer (option probe): a few at a time, beside the
 * messages to peers, in slots of its own. A GET without a session, of which the head of the answer
 * is read and nothing else; redirects are not followed. Which and when: exchange/flow_probe.h.
 */
#ifndef KODO_FLOW_ASKER_H
#define KODO_FLOW_ASKER_H

#include "core/registry/registry.h"
#include "cron/sender.h"

#define FLOW_SLOTS	8u

struct flow_asker;

/* r and s are borrowed; slots from first on are nobody else's. NULL: memory ran out. */
struct flow_asker *flow_asker_new(struct registry *r, struct sender *s, unsigned first);
void flow_asker_free(struct flow_asker *f);	/* NULL is fine; after the sender */

/* Begin what is due. *due_us (wall clock) becomes the time to look again if that is sooner. */
void flow_asker_begin(struct flow_asker *f, int64_t now_us, int64_t *due_us);
unsigned flow_asker_n_busy(const struct flow_asker *f);

/* The transfer of a slot has ended; the caller releases it. */
void flow_asker_end(
    struct flow_asker *f, unsigned slot, const struct exchange_result *res, int64_t now_us);

#endif
