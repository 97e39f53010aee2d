/*
 * Doubts about what an original says of a node: it is asked for its whole list.
 */
#ifndef KODO_DOUBT_H
#define KODO_DOUBT_H

#include "edit.h"

/*
 * What p, an original, says of a node is in doubt: it is asked for its whole list, now or, the more
 * often there was doubt lately, the later (doubt.c).
 */
void doubt_raise(struct edit *e, struct peer *p);
/* The time for it has come. */
void doubt_ask(struct edit *e, struct peer *p);
/* It is to be asked anyway, or not any more. */
void doubt_drop(struct peer *p);

#endif
