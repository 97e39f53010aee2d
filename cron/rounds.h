/*
 * What the runner does now and then, beside sending.
 */
#ifndef KODO_ROUNDS_H
#define KODO_ROUNDS_H

#include "core/registry/moderate.h"

struct rounds {			/* zeroed at first */
	int64_t expire_us;	/* monotonic: when tombstones expire next */
	int64_t liveness_us;	/* when signs of life were looked at last */
	int64_t moderation_us;	/* monotonic: not before, after a failure */
	struct moderate_pass pass;
	int64_t backups_us;	/* monotonic: when it is seen whether one is due */
};

/*
 * Do what is due. Faults are logged: the next round does the same. true: there is more to be done
 * at once, after what messages wait for.
 */
bool rounds_run(struct rounds *d, struct registry *r, int64_t mono_us);

#endif
