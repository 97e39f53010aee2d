/*
 * Conflict resolution: what one word of a peer makes of what is known of a node.
 *
 * The functions are pure: they read no store and no clock, and allocate nothing. Each numbered rule
 * of HACKING.md, "Why any network of registries converges", is one function, named after it. A node
 * is a last-writer-wins register for each peer that speaks of it, under versions, with tombstones.
 */
#ifndef KODO_RULES_H
#define KODO_RULES_H

#include "core/records/record.h"

#define RULES_NONE SIZE_MAX
/* what an owner's side gives is at least so much over what is known; 1 is a link that ended */
#define RULES_GIVEN 2
/* for so long a legacy peer may echo an end that its newer word has overtaken */
#define RULES_ECHO_US (60ll * 1000000)

struct rules_statement {
	struct statement said;
	uint64_t place; /* of its peer among the providers; read only where said.version is 0 */
};

/* All that is known of a node. */
struct rules_node {
	struct rules_statement *all; /* one a peer; room for one more */
	size_t n;
	size_t seen;		     /* the winner, or RULES_NONE */
	uint32_t owner;		     /* if what it says is in all; PEER_TOMB: it is not */
	uint32_t own;		     /* as whom we speak of it: PEER_SELF, or an import */
	bool is_keyed;		     /* the owner is, and has a key: rule 7 */
	bool is_unheard;	     /* what is here of the owner may not be what it said last */
	bool is_gone;		     /* there is a tombstone */
	struct statement tomb;	     /* peer: from whom it came; bytes: the node's url as shown */
};

enum rules_kind {
	RULES_SAYS,	 /* it says this of the node */
	RULES_REMOVES,	 /* it says that the node is gone, by a tombstone */
	RULES_WITHDRAWS, /* it does not say anything of the node any more */
	RULES_EXPIRES,	 /* nobody speaks: the tombstone is old enough to be forgotten */
	/* versions over the word's were made by a wrong clock: the tombstone's, and its own */
	RULES_RESETS
};

struct rules_word {
	enum rules_kind kind;
	struct str url;	  /* of the node, as shown */
	struct str bytes; /* RULES_SAYS: the node, packed */
	uint64_t version; /* of says, removes, resets; 0: none was given */
	bool is_list;	  /* part of all that the peer has to say, not an update */
	int64_t now_us;
};

/* Who speaks, and what it is to the node. */
struct rules_speaker {
	uint32_t peer;
	uint64_t place;
	bool is_owner;	    /* the node's url is its own */
	bool is_our_node;   /* none but this service speaks for it: change_is_own */
	bool has_authority; /* speaks for the owner */
	bool is_relaying;   /* a legacy peer that speaks of another's node */
	bool is_echoing;    /* passes on whatever it hears, old or new, without versions */
	bool is_older;	    /* a copy of what it was speaks: what it said since stays */
};

/* What is to be done beside storing the node as it is now. */
struct rules_effects {
	bool is_void;	    /* the word was not taken in */
	bool resync;	    /* ask the speaker for its whole list */
	bool notify_all;    /* every subscriber must learn of the node, but skip */
	uint32_t skip;	    /* PEER_SELF: nobody is skipped */
	bool notify_speaker;
	/* peers that say something else than what is seen, and are no subscribers, reconnect */
	bool ask_others;
	bool ask_owner;	    /* to say again what others speak against */
};

/* Take in a word: n becomes what is known after it. n->all must have room for one more. */
void rules_apply(struct rules_node *n, const struct rules_word *w, const struct rules_speaker *by,
    struct rules_effects *fx);

/* The known version: the highest of what wins and the tombstone, 0: none. */
uint64_t rules_known_version(const struct rules_node *n);

/* What the peer says. RULES_NONE: nothing. */
size_t rules_find(const struct rules_node *n, uint32_t peer);

/* --- the rules that concern links, not nodes --- */

/*
 * Rule 4: what a subscriber must learn of a node: state, whatever happened to it before. is_older:
 * it was restored from a copy, and may have forgotten what it said.
 */
enum rules_news { RULES_NO_NEWS, RULES_NEWS_GONE, RULES_NEWS_NODE };
enum rules_news rule_4_state_travels(const struct statement *seen, const struct statement *tomb,
    uint32_t subscriber, bool is_older);

/*
 * Rule 5: is a message late, overtaken by one that its sender made after it? Of both: epoch (0:
 * none was given) and sequence number.
 */
bool rule_5_is_late(
    uint64_t epoch, uint64_t sequence, uint64_t last_epoch, uint64_t last_sequence);

/* Rule 6: does another state of the peer speak than before? Its former one was lost. */
bool rule_6_is_lost(uint64_t epoch, uint64_t last_epoch);
/* Is more acknowledged than this state has sent? Then it was restored from an older copy. */
bool rule_6_is_restored(
    uint64_t acked_epoch, uint64_t acked, uint64_t own_epoch, uint64_t own_sequence);

#endif
