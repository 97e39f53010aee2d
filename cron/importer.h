/*
 * Fetches what the option `import` names, a few sources at a time, beside the messages to peers, in
 * slots of its own: a GET through the guard of addresses, without redirects. A source that the
 * operator names may be private, as a target may; what its documents lead to may not, unless peers
 * may. What comes of it: core/import/walk.h.
 */
#ifndef KODO_IMPORTER_H
#define KODO_IMPORTER_H

#include "core/registry/registry.h"
#include "cron/sender.h"

#define IMPORT_SLOTS	4u

struct importer;

/* r and s are borrowed; slots from first on are nobody else's. NULL: memory ran out. */
struct importer *importer_new(struct registry *r, struct sender *s, unsigned first);
void importer_free(struct importer *m);	/* NULL is fine; after the sender */

/*
 * Begin what is due, and do a step of what needs no network. *due_us (wall clock) becomes the time
 * when more is due if that is sooner; *look_us that to see what others say of imported nodes, which
 * is worth no runner of its own.
 */
void importer_begin(struct importer *m, int64_t now_us, int64_t *due_us, int64_t *look_us);
/* Is something due that could be begun? */
bool importer_is_due(struct importer *m, int64_t now_us);
unsigned importer_n_busy(const struct importer *m);

/* The transfer of a slot has ended; the caller releases it. */
void importer_end(struct importer *m, unsigned slot, const struct exchange_result *res,
    const struct sender_head *head, int64_t now_us);

#endif
