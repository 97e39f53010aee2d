/*
 * Resync: a peer whose updates cannot be trusted is asked for its whole list, by connecting to it;
 * and what goes wrong again and again is paced.
 *
 * A legacy peer has no versions and passes on what it hears, old or new: where it says something
 * else than what is known, only its whole list counts. The connect also takes back what we sent it
 * of nodes that are seen through it by now, and may have sent wrongly. Legacy peers that echo each
 * other would cause resyncs for ever: the first is made at once, each further one waits twice as
 * long, until a change comes late enough to be no echo.
 */
#ifndef KODO_RESYNC_H
#define KODO_RESYNC_H

#include "core/merge/change.h"

/* An update of p is in doubt: it is asked for its whole list, now or later. */
void resync_raise(struct change *ch, struct peer *p);
/* The time for it has come. */
void resync_start(struct change *ch, struct peer *p);
/* It is to be asked anyway, or not any more. */
void resync_cancel(struct peer *p);

/*
 * What one of both has from the other is lost: whichever may connect does so again, now or, the
 * more often this was needed lately, the later.
 */
void resync_restart(struct change *ch, struct peer *p);
/* The same, where p has to say again what it has said. */
void resync_repeat(struct change *ch, struct peer *p);
/*
 * The owner p must say its own node again, for others speak against it: by its connect, in the
 * answer to one, or by a digest that agrees. At once, and, as those may go on, then likewise later,
 * but never paused for it.
 */
void resync_ask(struct change *ch, struct peer *p);
/* Was p asked within the last ten seconds, perhaps for that? */
bool resync_is_asked(const struct change *ch, const struct peer *p);
/* A digest check of the acknowledged target p that begins from now on: at at_us, or sooner. */
void resync_check(struct change *ch, struct peer *p, int64_t at_us);
/* The work of p that its own answer has made is due now, or likewise later. */
void resync_pace(struct change *ch, struct peer *p);

#endif
