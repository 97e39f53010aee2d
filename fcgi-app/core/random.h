/* Bytes that nobody can guess. */
#ifndef KODO_RANDOM_H
#define KODO_RANDOM_H

#include <stddef.h>

#include "err.h"

/* n: at most 256. KODO_EIO: the system has none to give. */
enum kodo_err random_bytes(void *out, size_t n) MUST_CHECK;

#endif
