/* The monotonic clock, for durations and waits: the wall clock (isotime.h) may be set. */
#ifndef KODO_CLOCK_H
#define KODO_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ns(void);
int64_t clock_mono_us(void);
int64_t clock_mono_ms(void);

#endif
