/*
 * Peers: who has ever sent something, and targets. One record each, filed under its url key, as a
 * subscriber, and by the time when it is due.
 */
#ifndef KODO_PEER_H
#define KODO_PEER_H

#include "core/base/arena.h"
#include "core/records/record.h"
#include "core/records/tally.h"

/* after a failure: the first wait, the longest one, and the wait once attempts are used up */
#define PEER_BACKOFF_US		500000ll
#define PEER_BACKOFF_MAX_US	8000000ll
#define PEER_PAUSE_US		(300ll * 1000000)
/*
 * For so many attempts, the first hour: what is notified is down for a while only; and who refuses
 * us.
 */
#define PEER_SHORT_TRIES	450u
#define PEER_SHORT_PAUSE_US	PEER_BACKOFF_MAX_US
#define PEER_LONG_PAUSE_US	(30ll * 1000000)
/* whoever speaks can be reached: its work waits no longer than this since the last failure */
#define PEER_HEARD_US		2000000ll
/* anybody may speak in the name of a stranger: that costs its url a probe in so long a time */
#define PEER_STRANGER_US	(5ll * 1000000)
/* for so long after its last word a peer is taken to be there, though it does not answer */
#define PEER_SPOKEN_US		(30ll * 1000000)
/* between two digest checks of a target */
#define PEER_CHECK_US		(60ll * 1000000)
/* who asks for it by a Retry-After is left alone for as long as that */
#define PEER_ASKED_US		(3600ll * 1000000)

/* a due time further ahead than any of these: the clock was set back, so it is due */
#define PEER_ACTIVE_AHEAD_US	(PEER_BACKOFF_MAX_US * 12 / 10)
#define PEER_CHECK_AHEAD_US	(PEER_CHECK_US * 13 / 10)
#define PEER_QUIET_AHEAD_US	(PEER_PAUSE_US * 13 / 10)

enum peer_flag {
	PEER_TARGET = 1u << 0,		/* in our `connect` */
	PEER_PROVIDER = 1u << 1,	/* its statements count */
	PEER_FEED = 1u << 2,		/* as it said of itself */
	PEER_REGISTRY = 1u << 3,
	PEER_KODO = 1u << 4,		/* it has sent the `kodo` member */
	PEER_PAUSED = 1u << 5,		/* attempts used up: tried seldom (outcome.c) */
	/*
	 * we left it; ends by a start, its /reconnect after the leave was acknowledged, or `kodo
	 * connect`
	 */
	PEER_LEFT = 1u << 6,
	PEER_FADING = 1u << 7,		/* idle, and was so an hour ago: see expire.c */
	PEER_RESYNC = 1u << 8,		/* a resync is due at out.check_us */
	PEER_NOTIFIED = 1u << 9,	/* a subscriber: filed by its position in the changelog */
	PEER_CONNECTS = 1u << 10,	/* a provider by its own connects, not by answers alone */
	/* was a provider when we became a node: is asked to connect once we are a registry again */
	PEER_TO_ASK = 1u << 11,
	/* a restored copy of it speaks, since in.older_us: what it said before stays */
	PEER_OLDER = 1u << 12,
	PEER_PROVEN = 1u << 13,		/* it has answered with a greeting of its own url */
	/* it did not, `retry` times: it is no subscriber before its next connect */
	PEER_DROPPED = 1u << 14,
	PEER_VOUCHED = 1u << 15,	/* the admin has given its key */
	PEER_ENTRIES = 1u << 16,	/* it keeps entries and audiences, and digests hold them */
	/* a digest check was wanted while one may be under way: its answer may be of before */
	PEER_CHECK_AGAIN = 1u << 17,
	/* its url was asked for a document of keys and had none: its greeting is to tell */
	PEER_NO_DOCUMENT = 1u << 18,
	/* no service: what was imported from a source, see import/source.h */
	PEER_IMPORT = 1u << 19,
};

/*
 * Work a peer may wait for, in the order of sending; the value kept is the state number at which it
 * was wanted, 0: none.
 */
enum peer_work { WORK_PROVE, WORK_LEAVE, WORK_CONNECT, WORK_RECONNECT, WORK_NOTIFY, WORK_MAX };

/*
 * What is due, by whom it is owed to, so that no kind stands in the way of another. Only the first
 * two count for `idle`.
 */
enum due_class {
	DUE_ACTIVE,	/* work of a peer whose last attempt did not fail */
	DUE_FAILING,	/* of one that is in its backoff */
	DUE_STRANGER,	/* the probe of a peer that never answered */
	DUE_CHECK,	/* a digest check or a resync */
	DUE_PAUSED,	/* work and checks of a paused peer */
	DUE_LIVENESS,	/* to look for signs of life */
	DUE_SILENT,	/* of one that is silent */
	DUE_CLASSES
};

/* what a peer is filed for in T_DUE */
enum peer_filed { FILED_WORK, FILED_CHECK, FILED_LIVENESS, PEER_FILINGS };

/* failed attempts after which a peer does not hold `idle` false any more */
#define PEER_PATIENCE	9u

struct peer {
	uint32_t id;
	uint32_t flags;
	struct str url;			/* shown form; of a target: as configured */
	struct str key;
	/* url key that a target calls itself by, null if the same */
	struct str alias;
	struct str organization;
	uint64_t order;			/* place among the providers, in T_PROVIDER; 0: none */
	/* first and last connect as a provider; of PEER_SELF: the start */
	int64_t created_us;
	int64_t modified_us;
	struct {
		int64_t at_us;		/* last message from it */
		int64_t registered_us;	/* last connected to us */
		struct str address;	/* from there, 16 bytes; null: not known */
		/* the newest message: which state of the peer spoke, its number; 0: none yet */
		uint64_t epoch, sequence;
		uint64_t connect_sequence; /* of its last connect to us */
		uint64_t former_epoch;	/* of which epoch is a restored copy; 0: none */
		int64_t older_us;	/* see PEER_OLDER */
		int64_t skew_us;	/* its clock less ours, at its last word */
		uint64_t list;		/* id of the list whose chunks come in, 0: none */
		/* statements older than this order number are unnamed after the last chunk */
		uint64_t list_order;
	} in;
	struct {
		int64_t at_us;		/* last acknowledged by it */
		int64_t connected_us;	/* a target acknowledged our connect; 0: not */
		uint64_t work[WORK_MAX];
		uint64_t tried[WORK_MAX]; /* state number of the last attempt */
		uint32_t attempts;	/* failed ones in a row */
		int64_t failed_us;	/* the last failure; 0: none since the last success */
		uint64_t failures;	/* since the last success; attempts may begin anew */
		int64_t due_us;		/* of the work; meaningless without work */
		/* next digest check of an acknowledged target, or resync; 0: none */
		int64_t check_us;
		int64_t asked_us;	/* it asked to be left alone until then; 0: not */
		uint32_t ceiling_bytes;	/* largest body it takes; 0: not known */
		uint32_t successes;	/* since the ceiling was set */
		/* the changelog is delivered up to these numbers: nodes, and removals */
		uint64_t pos, gone_pos;
		uint64_t list;		/* id of our list whose further chunks are to be sent */
		struct str leave_urls;	/* own urls to disconnect there, each ended by '\n' */
		struct str acked_url;	/* own url that it acknowledged last; null: none */
		struct str error;	/* what the last failure was; null: none */
	} out;
	struct {			/* the node that goes to it in chunks */
		uint64_t id;		/* of which contents; 0: none */
		uint32_t node, next;	/* and the flow to go on with */
		uint32_t tries;		/* chunks that brought it no further */
	} chunk;
	struct {
		int64_t at_us;		/* last asked for its whole list */
		uint32_t n;		/* how often, without a calm between */
	} resync;
	struct {			/* who may speak for it: trust/pin.h */
		struct str key;		/* its public key; null: none is known */
		int64_t since_us;	/* since when that is pinned */
		int64_t proved_us;	/* its url has shown it; 0: not yet */
		/* when its url was asked last: for its own word, and for one that was refused */
		int64_t asked_us, refused_us;
		struct str addresses;	/* it spoke from, 16 bytes each, the first one first */
	} trust;
	struct {			/* signs of life: liveness/liveness.h */
		int64_t due_us;		/* when to look for some; 0: now */
		int64_t silent_us;	/* nothing was heard since then; 0: it is not silent */
		int64_t fell_us;	/* when that was found */
		int64_t shown_us;	/* what its nodes have, see liveness_since_us */
		uint32_t tries;		/* in vain, since it was heard */
	} liveness;
	struct peer_holds {		/* its statements, whether seen or not, as stored */
		uint64_t nodes, flows, bytes;
	} holds;
	struct {			/* how it is filed in T_DUE, T_BEHIND, T_PEER_URL ... */
		struct peer_filing {
			bool is;
			enum due_class class;
			int64_t us;
		} due[PEER_FILINGS];
		bool has_pos;
		uint64_t pos;
		struct str alias;
		struct tally_of tally;
		struct str address, addresses;	/* as read: what moderation has gone by */
		uint64_t nodes;			/* that it stated then */
	} filed;
};

/* What a peer's program understands, so that nothing else asks which it is. */
struct peer_dialect {
	/* the `kodo` member: versions, tombstones, digests; without it, it echoes all it gets */
	bool has_versions;
	/* lists and nodes in chunks; without it, what is not in a connect is forgotten there */
	bool takes_chunks;
	/* its own node may be sent to it; without it, it would only echo it */
	bool hears_itself;
};
const struct peer_dialect *peer_dialect(const struct peer *p);

/*
 * A peer without work or flags; id from head->next_peer, which is raised. url and key are borrowed.
 */
void peer_init(struct peer *p, struct head *h, struct str url, struct str key);

bool peer_has_work(const struct peer *p);
/*
 * Does nothing but its own word say that it is there? Whoever posts to us may name any url: to a
 * stranger goes a probe, and no body. A sign-off is owed to former targets alone.
 */
bool peer_is_stranger(const struct peer *p);
/* Is it asked for signs of life? It states something, or did until it was silent too long. */
bool peer_is_watched(const struct peer *p);
/* Does it ask to be left alone? Further ahead than it can: the clock was set back. */
static inline bool
peer_is_asking(const struct peer *p, int64_t now_us)
{
	return p->out.asked_us > now_us && p->out.asked_us <= now_us + PEER_ASKED_US / 10 * 12;
}

/* A target that we did not leave. */
bool peer_is_live_target(const struct peer *p);
/* What it counts for; texts are p's. */
struct tally_of peer_tally(const struct peer *p);
/* Only what it said last is remembered, to know late messages of it. */
bool peer_is_idle(const struct peer *p);
/* a target that is no node, or a provider that feeds: may have to be notified of changes */
bool peer_is_subscriber(const struct peer *p);

/*
 * A time that is shown and was was_us, moved on to now: it does not go back with a clock that was
 * set back, or is another machine's, unless it is further ahead than any clock is believed.
 */
int64_t peer_time_on(int64_t was_us, int64_t now_us);

/* The wait after so many failures in a row: PEER_BACKOFF_US, doubled each time up to max_us. */
int64_t peer_backoff_us(uint32_t failures, int64_t max_us);

/*
 * How long a paused peer is left alone. For the first attempts who is notified of changes is tried
 * as in its backoff, so that both are right soon after a link is back that neither has seen end.
 */
int64_t peer_pause_us(const struct peer *p, bool is_refused);

/* Texts are copied into a. KODO_ENOTFOUND. */
enum kodo_err peer_get(struct txn *t, struct arena *a, uint32_t id, struct peer *out) MUST_CHECK;
/*
 * created_us and modified_us alone, which each item of a page shows, at a fraction of the cost.
 * KODO_ENOTFOUND.
 */
enum kodo_err peer_get_times(
    struct txn *t, uint32_t id, int64_t *created_us, int64_t *modified_us) MUST_CHECK;
/* The record but for its texts. KODO_ENOTFOUND. */
enum kodo_err peer_get_numbers(struct txn *t, uint32_t id, struct peer *out) MUST_CHECK;
/* The record as stored, its texts in the map: to be read only. KODO_ENOTFOUND. */
enum kodo_err peer_get_mapped(struct txn *t, uint32_t id, struct peer *out) MUST_CHECK;
/* By url key; finds targets by their alias too. */
enum kodo_err peer_find(
    struct txn *t, struct arena *a, struct str key, struct peer *out) MUST_CHECK;
/* Write the record, its T_PEER_URL, T_BEHIND and T_DUE entries. */
enum kodo_err peer_put(struct txn *t, struct peer *p) MUST_CHECK;
enum kodo_err peer_del(struct txn *t, struct peer *p) MUST_CHECK;
/* The place of a provider in the order of first connects (T_PROVIDER); p->order. */
enum kodo_err peer_place_put(struct txn *t, struct head *h, struct peer *p) MUST_CHECK;
enum kodo_err peer_place_del(struct txn *t, struct peer *p) MUST_CHECK;

/* Providers in that order. */
struct scan peer_scan_providers(struct txn *t) MUST_CHECK;
bool peer_next_provider(struct scan *s, uint32_t *id) MUST_CHECK;

/*
 * Subscribers without other work by their positions in the changelog (T_BEHIND), the one that is
 * furthest behind first. Who is at head.logged has nothing to learn.
 */
struct peer_behind {
	uint64_t pos;
	uint32_t peer;
};
struct scan peer_scan_behind(struct txn *t) MUST_CHECK;
bool peer_next_behind(struct scan *s, struct peer_behind *out) MUST_CHECK;
/* The lower one of both positions. */
uint64_t peer_pos(const struct peer *p);

/* When work or a digest check is due (T_DUE): class by class, each by time. */
struct peer_due {
	enum due_class class;
	int64_t at_us;
	uint32_t peer;
};
struct scan peer_scan_due(struct txn *t) MUST_CHECK;
/* Of one class, from that time on. */
struct scan peer_scan_due_from(
    struct txn *t, enum due_class class, int64_t at_us) MUST_CHECK;
/* Of its class, what is behind an entry. */
struct scan peer_scan_due_after(struct txn *t, const struct peer_due *at) MUST_CHECK;
bool peer_next_due(struct scan *s, struct peer_due *out) MUST_CHECK;

/* Does the record of p, as it was read, say what that entry says? */
bool peer_is_due_at(const struct peer *p, const struct peer_due *at);
bool peer_is_behind_at(const struct peer *p, const struct peer_behind *at);
/* Is p, as it was read, in T_BEHIND and T_DUE where its record says? *n_due: times in T_DUE. */
bool peer_is_filed(struct txn *t, const struct peer *p, unsigned *n_due);
/*
 * Walk all peers but PEER_SELF in the order of ids, while they are changed: the first with an id
 * >= *id; *id becomes the next to ask for. KODO_ENOTFOUND.
 */
enum kodo_err peer_next(struct txn *t, struct arena *a, uint32_t *id, struct peer *out) MUST_CHECK;

#endif
