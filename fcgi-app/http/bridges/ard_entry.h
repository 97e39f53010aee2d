/*
 * Flows and registries as entries of Agentic Resource Discovery (ARD, v0.91 of 2026-08-26).
 */
#ifndef KODO_ARD_ENTRY_H
#define KODO_ARD_ENTRY_H

#include "http/bridges/bridge.h"

#define ARD_PAGE_MAX	100

/* Media types of entries, by the tags of a flow; one whose cards are switched off is not there. */
enum ard_type { ARD_A2A, ARD_MCP, ARD_FLOW, ARD_TYPES };
enum ard_type ard_type_of(const struct options *o, const struct row *row);
/* The tag of its flows. NULL: it is not there, or ARD_FLOW. */
const char *ard_type_tag(const struct options *o, enum ard_type t);
const char *ard_type_name(enum ard_type t);

#define ARD_CAPABILITY	"cap:"	/* tags that begin so are capabilities */

/* An entry without the brace that ends it. KODO_ENOMEM. */
enum kodo_err ard_entry_put(
    struct call *c, const struct options *o, const struct bridge_flow *f) MUST_CHECK;

/* Whole, of the registry at a url; description NULL: none is there. KODO_ENOMEM. */
enum kodo_err ard_entry_put_registry(struct call *c, struct str url, struct str organization,
    const char *description) MUST_CHECK;

#endif
