/*
 * A network of services in one process: the shipped registry and exchange code on one LMDB state
 * each, a simulated clock, and a simulated wire that loses, repeats, delays and reorders. No
 * network, no threads; a seed decides everything.
 *
 *	history.c	services, who connects to whom, what happens; from a seed
 *	ops.c		the steps of a history
 *	service.c	one service: start, stop, wipe, what the HTTP handlers do
 *	legacy.c	a stand-in for a legacy peer, the original system (PROTOCOL.md)
 *	net.c		the clock and the wire; runs a history
 *	model.c		what every registry must show at the end, from the history alone
 *	node_model.c	what a registry makes of statements about one node, from the proof's text
 *	nodes.c		the statements stored of each node, against that
 *	cost.c		messages per change
 *	liveness.c	signs of life
 *	bound.c		how long after the healing all is right
 *	main.c		seeds, shrinking, replay
 */
#ifndef MESH_H
#define MESH_H

#include <stdint.h>
#include <stdio.h>

#include "core/exchange/outcome.h"
#include "core/exchange/schedule.h"
#include "core/registry/startup.h"
#include "core/trust/pin.h"

#define MESH_PATH_BYTES 32u /* of an endpoint */

#define MESH_MAX 9u
#define MESH_LIAR 99u /* the url of nobody, as of a service with that number */
#define MESH_OPS 48u
#define MESH_SLOTS 16u
#define SECOND_US 1000000ll
#define MESH_T0_US 1764000000000000ll	 /* a day in November 2025 */
#define MESH_TIMEOUT_US (30 * SECOND_US) /* a client gives up */
#define MESH_CONNECT_US (5 * SECOND_US)	 /* where there is no connection */

/* --- histories --- */

enum role { ROLE_NODE, ROLE_HYBRID, ROLE_REGISTRY, ROLE_MAX };

enum op_kind {
	OP_FLOWS,   /* own flows become variant value (0: none) */
	OP_START,   /* start with its state; again if it runs */
	OP_STOP,    /* killed: what it has in flight is lost */
	/* killed, its folder emptied, or, if value is odd, an older copy of it restored, started */
	OP_WIPE,
	OP_LEAVE,   /* DELETE /connect */
	OP_CUT,	    /* nothing passes between service and other */
	OP_JOIN,    /* it does again */
	OP_CLOCK,   /* its clock differs by value seconds from now on */
	OP_TARGETS, /* `connect` becomes the set value, then a start */
	OP_URL,	    /* its url becomes variant value, then a start */
	OP_ROLE,    /* its role becomes value, then a start */
	OP_RESET,   /* a start with cache_reset */
	OP_FAR,	    /* its clock is 60 days ahead, or behind, until the healing */
	OP_TURN,    /* its link to other becomes one of other's to it, then a start of both */
	/* a liar tells it what other's node is, or, if value is odd, that it is gone */
	OP_LIE,
	OP_MAX
};

struct op {
	int64_t at_us;
	enum op_kind kind;
	unsigned service, other;
	int64_t value;
};

/*
 * long: of kodo peers, over several digest checks of every target; roles: with changes of roles,
 * cache_reset and links that turn round; far: those, and clocks that are months ahead or behind;
 * lies: somebody states and removes nodes of others, with versions of days ahead
 */
enum history_kind {
	HISTORY_OURS,
	HISTORY_ONE_LEGACY,
	HISTORY_TWO_LEGACY,
	HISTORY_LONG,
	HISTORY_ROLES,
	HISTORY_FAR,
	HISTORY_LIES,
	HISTORY_KINDS
};

extern const char *const history_kinds[HISTORY_KINDS];

struct history {
	enum history_kind kind;
	uint64_t seed;
	uint64_t luck; /* which dice the wire throws; 0 unless the same history is tried again */
	unsigned n; /* services */
	enum role role[MESH_MAX];
	bool is_legacy[MESH_MAX];
	bool is_fat[MESH_MAX];		  /* its node has some KB, so that bodies come in pieces */
	unsigned more_flows[MESH_MAX];	  /* so that its node alone is several times a ceiling */
	unsigned connect[MESH_MAX];	  /* sets of services, as bits */
	unsigned ceiling_bytes[MESH_MAX]; /* larger bodies are answered 413; 0: none */
	unsigned fault_percent;		  /* of messages that the wire does something to */
	struct op ops[MESH_OPS];
	unsigned n_ops;
	bool is_dropped[MESH_OPS]; /* left out, by shrinking */
};

void history_make(struct history *h, uint64_t seed, enum history_kind kind);
void history_print(const struct history *h, FILE *out);

/* splitmix64 (https://prng.di.unimi.it/splitmix64.c): small, and good enough for dice. */
uint64_t mesh_random(uint64_t *state);
unsigned mesh_below(uint64_t *state, unsigned n); /* 0 .. n - 1 */

/* --- services --- */

struct mesh;
struct legacy;

struct slot {
	bool is_busy;
	uint64_t gen; /* which use of the slot: late answers of an earlier one are dropped */
	struct arena *a;
	struct exchange_job job;
};

struct service {
	struct mesh *mesh;
	unsigned i;
	enum role role;
	struct registry *r;	   /* NULL: it does not run, or is a legacy peer */
	struct legacy *legacy; /* NULL: a kodo peer */
	bool is_up;
	unsigned boots; /* requests to an earlier life are lost */
	unsigned connect;
	unsigned url_variant;
	unsigned flows_variant;
	bool has_left;
	bool is_reset; /* its options say cache_reset */
	bool has_copy; /* of its state, older than that */
	uint64_t key;  /* its number, lost with the state; 0: none, of a legacy peer */
	int64_t offset_us;
	int64_t poll_us; /* when its runner wakes next; INT64_MAX: never */
	int64_t round_us; /* when it looks over signs of life next */
	struct slot slots[MESH_SLOTS];
	struct arena *options_arena;
	struct options options;
	char dir[128];
};

struct answer {
	unsigned status;
	struct buf body;
};

/* The option trust of all services: known unless set; a legacy peer is none where it is signed. */
extern const char *mesh_trust;

/* The url of a service, in a static buffer that the fourth call after reuses. */
const char *service_url(const struct mesh *m, unsigned i, unsigned variant);
/* Which service is that, under which of its urls? */
bool service_find(struct str url, unsigned *i, unsigned *variant, char path[MESH_PATH_BYTES]);
int64_t service_now(const struct service *s);
void service_open(struct service *s); /* makes its folder and state */
void service_start(struct service *s, enum registry_start kind);
void service_stop(struct service *s);
/* All three: it must be stopped. */
void service_wipe(struct service *s);
void service_copy(struct service *s);
/* As at the last service_copy; wipes if there was none. False: it has forgotten a provider. */
bool service_restore(struct service *s);
void service_leave(struct service *s);
/* who: speaks */
void service_answer(struct service *s, const char *path, struct str body,
    const struct speaker *who, struct answer *out);
void service_key(uint64_t number, unsigned char key[CRYPTO_KEY_BYTES]);
/* The liar speaks to s of other's node. */
void service_lie(struct service *s, const struct service *other, int64_t value);
/* Everything that it shows, one line per node, sorted, but see model_is_held; in a. */
char *service_view(struct service *s, struct arena *a);
/* Work that is not done, paused or not, by name in a; NULL: none. Digest checks do not count. */
char *service_pending(struct service *s, struct arena *a);
void service_check(struct service *s);
/* Is of each node seen what follows from the statements that are stored? */
void service_check_nodes(struct service *s);

/* The flows of service i's variant, for whoever offers or expects them. */
size_t mesh_flows(struct arena *a, const struct history *h, unsigned i, unsigned variant,
    const struct flow **out);
unsigned mesh_n_flows(const struct history *h, unsigned i, unsigned variant);
char *mesh_view_line(struct arena *a, const struct history *h, const char *url, unsigned i,
    unsigned variant);

/* --- the legacy peer --- */

struct message {
	unsigned to; /* service */
	char path[MESH_PATH_BYTES];
	char *body; /* malloc; the receiver frees */
};

struct legacy *legacy_new(struct service *s);
void legacy_free(struct legacy *o);
void legacy_start(struct legacy *o);
void legacy_answer(struct legacy *o, const char *path, struct str body, struct answer *out);
/* The next message that it wants to send; false: none. It sends one at a time. */
bool legacy_next(struct legacy *o, int64_t now_us, struct message *out, int64_t *due_us);
void legacy_done(struct legacy *o, unsigned status, struct str body, int64_t now_us);

/* --- the network --- */

struct event;

struct mesh {
	const struct history *h;
	uint64_t random;
	int64_t now_us;	 /* simulated; services see theirs */
	bool is_perfect; /* the wire does nothing to messages any more */
	struct service services[MESH_MAX];
	bool is_cut[MESH_MAX][MESH_MAX];
	struct event *events;
	size_t n_events, cap_events;
	uint64_t n_made;			/* events ever, to settle ties */
	unsigned long n_sent, n_digest_checks;		/* messages sent */
	unsigned long link[MESH_MAX][MESH_MAX]; /* of them, from and to */
	int64_t last_sent_us;
	struct {
		int64_t minute;
		unsigned n;
	} failed[MESH_MAX][MESH_MAX]; /* failed attempts, digest checks too */
	unsigned most_failed;
	int64_t healed_us; /* 0: not yet */
	/* a state was deleted or has forgotten a provider, or a clock was wrong by months */
	bool has_lost;
	int64_t right_us;  /* since when all registries show what they must */
	unsigned wrong;	   /* those that do not, as bits */
	unsigned lied;	   /* services of whose nodes a liar has spoken */
	unsigned n_lies;
	struct {
		char *text;	/* NULL: it is not held to anything */
		uint64_t looked; /* number of the view that was compared */
	} wanted[MESH_MAX];
	struct arena *wanted_arena;
	/* called after whatever may have changed what a service shows; NULL: nothing is */
	void (*looks)(struct service *s, void *looker);
	void *looker;
	bool is_traced;
	char dir[96];
	char fault[4096]; /* what went wrong, "" for nothing */
};

void mesh_fail(struct mesh *m, const char *fmt, ...) PRINTF_LIKE(2, 3);
void mesh_trace(struct mesh *m, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* dir: an empty folder. */
void mesh_begin(struct mesh *m, const struct history *h, const char *dir, bool is_traced);
void mesh_end(struct mesh *m);
/* After model_check: are signs of life right? */
void liveness_check(struct mesh *m);
/* What the runner of s does for them, at its start and each minute. */
void liveness_runs(struct service *s);
void mesh_run_until(struct mesh *m, int64_t until_us);
/* Nobody does anything for so long, as if all were suspended. */
void mesh_sleep(struct mesh *m, int64_t us);
void mesh_apply(struct mesh *m, const struct op *op);
/* What client has sent does not arrive any more. */
void mesh_lose_messages(struct mesh *m, unsigned client);
/* All that happens, then healing, then until it is quiet; whether that was so within the bound. */
bool mesh_run(struct mesh *m);
void mesh_poll_later(struct service *s, int64_t at_us);

/* --- the model --- */

/* Compare every registry's view with what the history asks for; faults go to mesh_fail. */
void model_check(struct mesh *m);
/* Are there legacy peers, so that not all can be held to anything? */
bool model_is_loose(const struct mesh *m);
/* Must i show what j says of itself? Of what liars speak of only where j is connected. */
bool model_is_held(const struct mesh *m, unsigned i, unsigned j);
/* Does x tell y what it offers, and if both feed what it knows? */
bool model_notifies(const struct mesh *m, unsigned x, unsigned y);
/* What service i must show, in a; NULL where that is not held to anything. */
char *model_wanted(const struct mesh *m, unsigned i, struct arena *a);
/* Is x configured to connect to what is no registry? Then it is refused, for ever. */
bool model_is_mistaken(const struct mesh *m, unsigned x, unsigned y);
/* The services from which a way leads to i, as bits, i included: whose flows it shows. */
unsigned model_sources(const struct mesh *m, unsigned i);

/* --- the bound on time --- */

/* All is healed now. */
void bound_begin(struct mesh *m);
/* After whatever may have changed what s shows. */
void bound_look(struct service *s);
/* A history has ended: how long did it take? */
void bound_note(const struct mesh *m);
/* The distribution of what was noted since this was last called, and the worst; is it bounded? */
bool bound_print(const char *name, FILE *out);

/* --- costs --- */

/* is_printed: print what was measured. False: fault says where a change costs more than it may. */
bool cost_try(const char *dir, uint64_t n_seeds, bool is_printed, char fault[4096]);

#endif
