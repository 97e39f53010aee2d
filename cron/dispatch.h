/*
 * The runner at work: takes what is due from the state, has it sent, and puts back what came of it,
 * until it is time to end.
 *
 * To one peer one message at a time, to up to SENDER_SLOTS peers at once; no transaction is open
 * while it waits.
 */
#ifndef KODO_PLAN_H
#define KODO_PLAN_H

#include "core/registry/registry.h"
#include "cron/lifetime.h"

enum dispatch_end {
	DISPATCH_IDLE,	/* nothing left to stay for */
	DISPATCH_LIMIT,	/* time is up */
	DISPATCH_STOPPED,	/* told to end; what was in flight stays due */
};

struct dispatch;

/* What a plan is asked to do besides: once a second, while no transaction is open. */
struct dispatch_watch {
	int stop_fd;		/* readable: end now */
	int service_fd;		/* the same; -1: none */
	void (*tick)(void *arg, struct registry *r);	/* may be NULL */
	void *arg;
};

/* r and watch are borrowed. KODO_ENOMEM. */
enum kodo_err dispatch_new(
    struct registry *r, const struct dispatch_watch *watch, struct dispatch **out) MUST_CHECK;
void dispatch_free(struct dispatch *p);		/* NULL is fine; what is in flight is abandoned */

/* wake_fd: see state_wake_open. */
enum dispatch_end dispatch_run(struct dispatch *p, const struct lifetime *lifetime, int wake_fd);

/* Is there something now that a runner would stay for? A state that cannot be read has nothing. */
bool dispatch_is_due(struct dispatch *p, const struct lifetime *lifetime);

#endif
