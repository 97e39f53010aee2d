/*
 * Requests that wait for a change, as GET /changes with wait: followers.
 *
 * A follower needs no process and no transaction: it is a place in the changelog, which is looked
 * at when the state was changed. Its request is answered anew when it is due.
 */
#ifndef KODO_FOLLOW_H
#define KODO_FOLLOW_H

#include "core/views/changes.h"

#define FOLLOW_LOOK_MS	50u	/* how often follow_look wants to be called */

struct follower {
	struct follower *next;	/* the list's, and with owner the transport's */
	void *owner;
	bool is_due;		/* there is something, or the time is over */
	bool is_over;		/* answer with what there is */
	bool is_turn;		/* it waits for its turn alone, see follow_turn */

	/* private: */
	uint64_t least;		/* a revision of the cluster's log; 0: it waits for a change */
	uint64_t behind, view, state_id;	/* nothing to be shown up to there */
	uint64_t seen;		/* the commit that was looked at */
	int64_t end_ms;
	int slot;
	struct changes_told *told;	/* NULL: all are asked for */
	size_t query_len;
	char query[];		/* or, of is_turn, its body */
};

struct call;
struct route;

struct follow_wish {
	struct str query;	/* of the request */
	struct query *compiled;
	unsigned wait_ms;
	bool is_alone;		/* see transport.h: few may wait */
};

/* NULL: no slot is free, the process ends, or something failed: answer at once. */
struct follower *follow_begin(struct view *v, const struct follow_wish *w);
/* Is it to read all flows, while others wait, and has not waited for its turn yet? */
bool follow_gives_way(const struct call *c, const struct route *r);
/*
 * A request that takes long, as it reads all flows, and lets others go first: the transport answers
 * it in turns with them. text: its body, which is read once. NULL: memory ran out, answer at once.
 */
struct follower *follow_turn(struct str text);
/*
 * One that waits until this machine has come to a revision of the cluster's log: is_due then, and
 * is_over after wait_ms. NULL: no slot is free, or the process ends: do not wait.
 */
struct follower *follow_revision(
    struct registry *r, const struct options *o, uint64_t least, unsigned wait_ms, bool is_alone);
/* That body; null: there was none. */
struct str follow_text(const struct follower *f);
void follow_end(struct follower *f);	/* NULL is fine */

/* Slots in use, of all processes of a state. */
unsigned follow_used(const struct state *s);

/* Look at all of a list: set is_due. r: NULL if there is none. */
void follow_look(struct registry *r, struct follower *first);

/*
 * For the answer to f: a place with nothing to be shown behind f's, if it is known without a
 * search. False: of another state, or to be searched for.
 */
bool follow_is_quiet(const struct view *v, struct follower *f);

#endif
