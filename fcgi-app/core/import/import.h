/*
 * Documents of other registries, read into entries. Pure: a text in, entries out, through three
 * callbacks; no store, no network, no clock.
 *
 * Each family is a file with a table of its fields. What cannot be taken in is refused, one entry
 * at a time, with a reason of enum import_refusal; a document that is none of its family is
 * KODO_EINVAL with why, and nothing may be concluded from it.
 */
#ifndef KODO_IMPORT_H
#define KODO_IMPORT_H

#include <stdint.h>

#include "core/config/option_import.h"
#include "core/wire/jread.h"

/* of an answer: a page of 100 entries of the largest size is under 1 MiB */
#define IMPORT_PAGE_BYTES	(8u << 20)
/* a manifest leads to others, and those again: ARD 0.91, 4.4 */
#define IMPORT_DEPTH		4u
/* of namespaces and names as they stand in urls */
#define IMPORT_SLUG_BYTES	200u
#define IMPORT_CURSOR_BYTES	1024u
#define IMPORT_TAG		OPTION_IMPORT_TAG

/* Why an entry, or a document that another one names, is left out. */
enum import_refusal {
	IMPORT_MALFORMED,	/* not of the form that its family has */
	IMPORT_NO_TARGET,	/* no address where it could be called */
	IMPORT_BAD_TARGET,	/* its address is no url of http or https */
	IMPORT_TOO_LONG,	/* a text over its ceiling in limit.h, or too many tags */
	IMPORT_OTHER_PUBLISHER,	/* speaks for another host than it was fetched from */
	IMPORT_RELAYED,		/* a registry of our kind has imported it itself */
	IMPORT_TOO_DEEP,	/* a document below IMPORT_DEPTH others */
	IMPORT_TOO_MANY,	/* over the ceiling of entries, of their bytes, or of a namespace */
	IMPORT_REFUSALS
};
/* "has no address where it could be called", static. */
const char *import_refusal_text(enum import_refusal why);

struct import_entry {
	struct str id;		/* as its source calls it */
	struct str space;	/* the namespace, and the name there, as they stand in urls */
	struct str slug;
	struct str name;
	struct str description;	/* may be null, as what follows */
	struct str author;
	struct str organization;
	struct str target;	/* where it is called; null only where is_gone */
	const struct str *tags;
	size_t n_tags;
	bool is_gone;		/* the source says that it has ended */
	bool is_relayed;	/* by its tags, it was imported there */
};

/* A document, fetched or to be fetched. */
struct import_doc {
	enum import_kind kind;
	unsigned depth;		/* documents above it */
	bool is_next;		/* the page behind another one */
	struct str url;
};

/*
 * What reading needs, and whom it tells. Texts that are given to the callbacks live in a. An error
 * of a callback ends reading, and is returned.
 */
struct import_reader {
	struct arena *a;
	struct jread *j;
	struct import_doc doc;	/* kind becomes what the document is */
	struct str slug;	/* of the source, for the tag of its entries */
	struct str tag;		/* that; null at first */
	enum kodo_err (*entry)(void *arg, const struct import_entry *e);
	enum kodo_err (*refuse)(void *arg, enum import_refusal why, struct str id);
	enum kodo_err (*follow)(void *arg, const struct import_doc *doc);
	void *arg;
};

/*
 * Read a document. KODO_EINVAL with why: no JSON, of no family, or of another than doc.kind.
 * KODO_ENOMEM; errors of callbacks.
 */
enum kodo_err import_read(struct import_reader *r, struct str json, struct why *why) MUST_CHECK;

#endif
