/* After kodo restore. */
#ifndef KODO_RESTORED_H
#define KODO_RESTORED_H

#include "core/registry/registry.h"

/*
 * This state is an older copy, whatever its peers say; they are asked for what it has forgotten
 * (rule 6 of HACKING.md). Of a state without options nothing is to be done.
 */
enum kodo_err restored_note(struct registry *r, int64_t now_us) MUST_CHECK;

#endif
