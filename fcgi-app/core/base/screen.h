/*
 * Texts for people at a terminal, or in a log: what an outsider wrote may neither hide nor turn
 * what is beside it.
 */
#ifndef KODO_SCREEN_H
#define KODO_SCREEN_H

#include <stdio.h>

#include "core/base/str.h"

#define SCREEN_CHAR_BYTES	16u	/* \xNN for each byte of one character */

/*
 * The character at s.p[*pos], or its bytes as \xNN where it is a control character, cannot be seen,
 * turns the direction of a text (see utf8_is_unseen), or is not UTF-8. Advances *pos; returns the
 * number of bytes put. *pos < s.len.
 */
size_t screen_put_char(struct str s, size_t *pos, char out[SCREEN_CHAR_BYTES]);

void screen_print(FILE *to, struct str text);

/*
 * At the end of a program: its exit status, which is no success if what it has printed did not
 * arrive (a full disk, a closed descriptor). That is said on stderr.
 */
int screen_end(const char *program, int status);

#endif
