/*
 * The watch over signs of life: since when the runner has been there without a break, and whether
 * this registry's own line is suspected.
 */
#ifndef KODO_WATCH_H
#define KODO_WATCH_H

#include "core/records/head.h"

/* the runner notes its presence so often; it was away if it did not for twice that time */
#define WATCH_ROUND_US	(300ll * 1000000)

struct watch {
	int64_t seen_us;	/* the last round; 0: there was none yet */
	int64_t since_us;	/* since then there was no break */
	int64_t suspect_us;	/* since then our own line is suspected; 0: it is not */
	int64_t until_us;	/* it is not after that, whatever is heard */
};

enum kodo_err watch_get(struct txn *t, struct watch *out) MUST_CHECK;
enum kodo_err watch_put(struct txn *t, const struct watch *w) MUST_CHECK;
/* Is nobody there who could hear anything? Then nobody is called fresh. */
bool watch_is_off(const struct watch *w, int64_t now_us);

#endif
