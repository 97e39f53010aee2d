/*
 * Doubts about what an original says of a node: it is asked for its whole list.
 */
#ifndef KODO_DOUBT_H
#define KODO_DOUBT_H

#include "core/merge/change.h"

/*
 * What p, an original, says of a node is in doubt: it is asked for its whole list, now or, the more
 * often there was doubt lately, the later (doubt.c).
 */
void resync_raise(struct change *ch, struct peer *p);
/* The time for it has come. */
void resync_start(struct change *ch, struct peer *p);
/* It is to be asked anyway, or not any more. */
void resync_cancel(struct peer *p);
/*
 * What we told p, or what it told us, is lost: whichever may connect does so again, now or, the
 * more often this was needed lately, the later.
 */
void doubt_restart(struct change *ch, struct peer *p);
/* The work of p that its own answer has made is due now, or likewise later. */
void doubt_pace(struct change *ch, struct peer *p);

#endif
