/*
 * For load balancers: is this process alive, and is the service ready to be sent requests? Asked
 * often, so nothing here waits, walks over all there is, or writes to the state.
 */
#ifndef KODO_READINESS_H
#define KODO_READINESS_H

#include "core/registry/registry.h"

#define READINESS_REASONS	8u

struct readiness_reason {
	const char *name;	/* static: disk, map, writer, .. */
	char text[160];		/* for people; no paths, as anybody may read it */
};

/* Why not; none: it is. */
struct readiness {
	struct readiness_reason reasons[READINESS_REASONS];
	size_t n;
};

/* Does a new start help? The state that is open is not the one in the folder any more. */
void readiness_live(struct registry *r, struct readiness *out);

/* r NULL: the state could not be opened. */
void readiness_ready(struct registry *r, int64_t now_us, struct readiness *out);

#endif
