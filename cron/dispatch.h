/*
 * The loop of the runner: due messages from the state to the sender, results back into the state,
 * until its lifetime ends.
 *
 * One message at a time to one peer, up to SENDER_SLOTS peers at once, in pools: who hangs does not
 * hold the slots of those that answer. No transaction is open while it waits.
 */
#ifndef KODO_DISPATCH_H
#define KODO_DISPATCH_H

#include "core/registry/registry.h"
#include "cron/lifetime.h"

enum dispatch_end {
	DISPATCH_IDLE,		/* no work near */
	DISPATCH_LIMIT,		/* time is up */
	DISPATCH_STOPPED,	/* by a descriptor of the watch; messages in flight stay due */
};

struct dispatch;

/* What ends the loop, and what it does besides: once a second, while no transaction is open. */
struct dispatch_watch {
	int stop_fd;		/* readable: end now */
	int service_fd;		/* the same; -1: none */
	void (*tick)(void *arg, struct registry *r);	/* may be NULL */
	void *arg;
};

/* r and watch are borrowed. KODO_ENOMEM. */
enum kodo_err dispatch_new(
    struct registry *r, const struct dispatch_watch *watch, struct dispatch **out) MUST_CHECK;
void dispatch_free(struct dispatch *d);		/* NULL is fine; messages in flight are lost */

/* wake_fd: see state_wake_open. */
enum dispatch_end dispatch_run(struct dispatch *d, const struct lifetime *lifetime, int wake_fd);

/* Is there work now that keeps a runner alive? None in a state that cannot be read. */
bool dispatch_is_due(struct dispatch *d, const struct lifetime *lifetime);

#endif
