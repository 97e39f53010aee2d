/*
 * Times: int64_t microseconds since 1970-01-01T00:00:00Z, in bodies and answers ISO 8601 in UTC.
 */
#ifndef KODO_ISOTIME_H
#define KODO_ISOTIME_H

#include <stdint.h>

#include "core/base/err.h"
#include "core/base/str.h"

#define ISOTIME_BYTES	40	/* room for any time and its NUL */
#define ISOTIME_MIN_US	(-62135596800000000ll)	/* 0001-01-01T00:00:00Z */
#define ISOTIME_MAX_US	(253402300799999999ll)	/* 9999-12-31T23:59:59.999999Z */

int64_t isotime_now_us(void);

/*
 * `2026-11-24T08:16:34.656666Z`, with offset `2026-11-24T08:16:34.656666+00:00`; the fraction has
 * six digits and is left out when it is zero. Terminated; returns the length. A time outside of
 * years 1 to 9999 is brought to the nearest end.
 */
size_t isotime_format(int64_t us, bool offset, char out[ISOTIME_BYTES]);

/*
 * Read what peers may send: see isotime_parse_text, and besides a number of seconds (or
 * milliseconds) since the epoch as digits with an optional sign and fraction, see
 * isotime_from_number.
 *
 * KODO_EINVAL: *us is 0 and *reason (may be NULL) a static text such as "input is too short" or
 * "month value is outside expected range of 1-12".
 */
enum kodo_err isotime_parse(struct str s, int64_t *us, const char **reason) MUST_CHECK;

/*
 * ISO only: `2026-11-24`, or date and time with T, t, _ or a blank between: `2026-11-24T08:16`,
 * seconds and a fraction of up to 6 digits (more are cut off) optional, then Z, an offset (+02:00,
 * -0130) or nothing, which is UTC. Errors as isotime_parse.
 */
enum kodo_err isotime_parse_text(struct str s, int64_t *us, const char **reason) MUST_CHECK;

/*
 * Seconds since the epoch, or milliseconds where the absolute value is over 2e10. KODO_EINVAL: not
 * finite, or outside of years 1 to 9999; *us is then 0.
 */
enum kodo_err isotime_from_number(double n, int64_t *us) MUST_CHECK;

#endif
