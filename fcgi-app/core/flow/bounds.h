/* The fields of a flow in its folded text (packed.h), for those who search it. */
#ifndef KODO_BOUNDS_H
#define KODO_BOUNDS_H

#include <stddef.h>

/* In their order. Each but the last is followed by a blank, and may be empty. */
enum packed_bound {
	PACKED_BOUND_ORGANIZATION,
	PACKED_BOUND_NAME,
	PACKED_BOUND_AUTHOR,
	PACKED_BOUND_DESCRIPTION,
	PACKED_BOUND_TAGS,
	PACKED_BOUNDS
};

struct packed_bounds {
	size_t end[PACKED_BOUNDS];
};

#endif
