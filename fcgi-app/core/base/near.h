/* Did you mean? The known name that is nearest to one that nobody knows. */
#ifndef KODO_NEAR_H
#define KODO_NEAR_H

#include "core/base/err.h"
#include "core/base/str.h"

struct near {
	struct str wanted;
	const char *best;	/* so far; NULL: none is near */
	unsigned distance;
};

void near_begin(struct near *n, struct str wanted);

/*
 * Is name, in lower case, as near as one or two letters to add, drop, change or swap, and nearer
 * than those before? It must stay as long as n.
 */
void near_try(struct near *n, const char *name);

/*
 * KODO_EINVAL with why: "WANTED": what, did you mean BEST? Without one: "WANTED": what; otherwise.
 */
enum kodo_err near_say(const struct near *n, const char *what, const char *otherwise,
    struct why *why) MUST_CHECK;

#endif
