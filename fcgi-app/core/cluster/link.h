/*
 * A process's way to the log of the cluster: a stream socket in the state folder, behind which one
 * process of the machine proposes entries to etcd and applies what comes back (cron/cluster/). Who
 * has opened a registry of a cluster joins it, and all its changes go that way.
 *
 * Frames, numbers in the machine's order:
 *	request		length, token of the sender (0: none), entry
 *	answer		length, what became of it, revision, result
 */
#ifndef KODO_CLUSTER_LINK_H
#define KODO_CLUSTER_LINK_H

#include "core/registry/registry.h"

struct link_request {
	uint32_t bytes;
	uint32_t is_order;	/* no entry: words of link_order */
	uint64_t token;
};
struct link_answer {
	uint32_t bytes;
	uint32_t err;	/* enum kodo_err: KODO_OK: it was applied, the result follows */
	uint64_t revision;
};
/*
 * An order of no admin: answered when all is applied here that the log had when it came, with
 * KODO_OK; KODO_EBUSY: nobody knows what it has; KODO_ELATER: neither, but bodies are queued here.
 */
#define LINK_CURRENT	"current"
#define LINK_ENTRY_BYTES	((size_t)1 << 30)	/* of an entry: body_max_mib ends there */

/*
 * Where this machine is in a cluster, let the changes of r go by the log from here on; else do
 * nothing. One registry a process. wait_ms: how long to wait for the log at a change.
 */
#define LINK_REQUEST_MS	8000u	/* a web server gives up after 10 s or more */
#define LINK_START_MS	20000u
void link_join(struct registry *r, unsigned wait_ms);
bool link_is_joined(void);
/* Changes are made here again; before the registry is closed. */
void link_leave(void);

/*
 * Entries that only the sender may make (results of messages, rounds) hold only as long as this
 * token does. 0: no token, which no such entry passes.
 */
void link_set_token(uint64_t token);
uint64_t link_token(void);

/*
 * May this machine send to peers now? Where it is in no cluster, yes; else as the process of the
 * log says, and the token is set to what that says. It costs the reading of a file, a few times a
 * second.
 */
bool link_may_send(const struct state *s);

/*
 * Have the process of the log do something else: "skip REVISION", "leave MACHINE",
 * "snapshot". KODO_EINVAL: it
 * does not know that; KODO_EBUSY: it does not run, or etcd does not answer.
 */
enum kodo_err link_order(const struct state *s, struct str order) MUST_CHECK;

/*
 * The options of this machine, of which every other one has its own, for those who start without a
 * loader; and whether it is in a cluster from here on. KODO_EFULL, KODO_EIO.
 */
enum kodo_err link_note(const struct state *s, const struct options *o) MUST_CHECK;

/* See that the process of the log runs on this machine: program is kodo-reconnect. */
void link_ensure(const struct state *s, const char *program);
/* The same before each attempt to reach it, of this process; program stays the caller's. */
void link_keep(const char *program);

#endif
