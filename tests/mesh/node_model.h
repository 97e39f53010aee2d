/*
 * What a registry makes of the statements about one node, computed apart from core/merge/rules.c:
 * from the text of HACKING.md, "Why any network of registries converges", as naively as can be. All
 * is one short list; each word compares everything with everything. The fuzzer of the rules and the
 * simulator hold the shipped code against it.
 */
#ifndef NODE_MODEL_H
#define NODE_MODEL_H

#include <stdint.h>

#include "core/base/str.h"

#define MODEL_OWN    0u	      /* the service itself */
#define MODEL_NOBODY UINT32_MAX
#define MODEL_MAX    16u

struct model_statement {
	uint32_t peer;
	uint64_t version; /* 0: none was given */
	uint64_t place;	  /* of the peer: the order of first connects */
	struct str text;
	int64_t said_us; /* when it got this version or text */
};

struct node_model {
	struct model_statement statements[MODEL_MAX];
	unsigned n;
	uint32_t seen; /* whose statement, or MODEL_NOBODY */
	uint32_t owner; /* the peer of the node's url, or MODEL_NOBODY */
	bool is_keyed; /* the owner has a key, and nobody else changes its node */
	bool is_gone;  /* there is a tombstone */
	uint64_t gone_version;
	uint32_t gone_from;
	int64_t gone_us;
};

/* Who speaks. An owner is the peer with the node's url. */
enum model_side {
	MODEL_SERVICE,	      /* this one, of its own node */
	MODEL_KODO,
	MODEL_KODO_OWNER,
	MODEL_LEGACY_FEEDING, /* echoes whatever it receives */
	MODEL_LEGACY_SILENT,  /* does not feed: speaks for the owners behind it */
	MODEL_LEGACY_OWNER,
	MODEL_LEGACY_OWNER_SILENT,
	MODEL_SIDES
};

enum model_kind { MODEL_SAYS, MODEL_REMOVES, MODEL_WITHDRAWS, MODEL_EXPIRES };

struct model_word {
	enum model_kind kind;
	enum model_side side;
	uint32_t peer;
	uint64_t place;
	bool is_our_node; /* the node's url is this service's own */
	bool is_list;
	struct str text;
	uint64_t version;
	int64_t now_us;
};

struct model_outcome {
	bool is_void;	/* not taken in */
	bool asks_list;	/* the speaker is asked for its whole list */
	bool notifies_all; /* all subscribers but the peer below; MODEL_OWN: all */
	uint32_t but;
	bool notifies_speaker;
	bool asks_others; /* those that differ and are no subscribers */
	bool asks_owner;
};

void node_model_take(struct node_model *m, const struct model_word *w, struct model_outcome *out);

uint64_t node_model_known(const struct node_model *m);
const struct model_statement *node_model_of(const struct node_model *m, uint32_t peer);
const struct model_statement *node_model_seen(const struct node_model *m);
/* The owner's statement, where it is seen although another is over it; NULL: not so. */
const struct model_statement *node_model_kept(const struct node_model *m);
/* Find what is seen anew; of what is equal in all, first's, else that of the first in the list. */
void node_model_choose(struct node_model *m, uint32_t first);

#endif
