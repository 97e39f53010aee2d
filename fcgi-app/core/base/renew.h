/*
 * A process whose program was replaced by a newer one becomes that, where it stands.
 */
#ifndef KODO_RENEW_H
#define KODO_RENEW_H

#include <stdbool.h>

/*
 * The mark in the environment of who was started so, by a program of that format: it is not done
 * twice, as the file may still be of the former program. false: it was.
 */
bool renew_may(unsigned format);
#define RENEW_MARK_BYTES	32u
void renew_mark(unsigned format, char out[RENEW_MARK_BYTES]);

/*
 * Start the file of this program with these arguments in place of this process. It returns only if
 * that fails.
 */
void renew_become(unsigned format, char *const argv[]);

#endif
