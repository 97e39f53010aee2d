/*
 * Why a node is shown as it is, or hidden: the statements of it, which one wins, and the peers not
 * notified yet.
 */
#ifndef KODO_PROVENANCE_H
#define KODO_PROVENANCE_H

#include "core/import/imported.h"
#include "core/records/record.h"
#include "core/registry/registry.h"

struct provenance_statement {
	struct str peer;		/* url of its source; the own url for the own node */
	struct str organization;	/* of that peer, null: none */
	const char *trust;		/* how that peer is known, static; "": it is us */
	bool wins;
	const char *why;		/* it wins, or is hidden; static */
	uint64_t version;		/* 0: none */
	int64_t at_us;			/* of its ingest */
	uint64_t n_flows;
};

/* A peer that refuses the node as it is now. */
struct provenance_refusal {
	struct str peer;
	struct str why;
};

struct provenance {
	struct str url;			/* of the node */
	bool is_seen;			/* something wins; it is shown unless moderated */
	struct str moderated;		/* "denied by url:http://a:1"; null: neither */
	bool is_gone;			/* there is a tombstone */
	uint64_t gone_version;
	int64_t gone_us;
	struct provenance_statement *statements;	/* the winner first */
	size_t n_statements;
	struct imported imported;	/* source null: it was not, here */
	struct str *unnotified;		/* urls of peers to be notified */
	size_t n_unnotified;
	struct provenance_refusal *refusals;
	size_t n_refusals;
};

/*
 * url: of a node, or of one of its flows. out lives in a. KODO_ENOTFOUND: nothing is known of it;
 * KODO_EINVAL: no url.
 */
enum kodo_err provenance_find(
    struct view *v, struct arena *a, struct str url, struct provenance *out) MUST_CHECK;

/*
 * The same in short, of a node that is seen: whose statement wins, and how many others there are.
 */
enum kodo_err provenance_winner(struct view *v, struct arena *a, uint32_t node,
    const struct statement *winner, struct provenance_statement *out, size_t *n_others) MUST_CHECK;

#endif
