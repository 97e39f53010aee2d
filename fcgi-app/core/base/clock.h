/*
 * The monotonic clock: for what has to last or to wait, whatever is done to the wall clock
 * (isotime.h).
 */
#ifndef KODO_CLOCK_H
#define KODO_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ns(void);
int64_t clock_mono_us(void);
int64_t clock_mono_ms(void);

#endif
