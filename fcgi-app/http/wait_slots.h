/* Requests that wait for messages to others: the option wait says how many there may be at once. */
#ifndef KODO_WAIT_SLOTS_H
#define KODO_WAIT_SLOTS_H

#include "core/storage/state.h"

/* Hold one of n slots, until the descriptor is closed. -1: none is free. */
int wait_slots_take(const struct state *s, unsigned n);
/* How many of n other processes hold. */
unsigned wait_slots_used(const struct state *s, unsigned n);

#endif
