/*
 * An entry of the option `import`: a source, as one text.
 *
 *	https://registry.example.org#kind=mcp&hours=6
 *
 * Of what is not named the defaults count. In a file an entry may be a mapping of the same names.
 */
#ifndef KODO_OPTION_IMPORT_H
#define KODO_OPTION_IMPORT_H

#include "core/base/arena.h"

/* what is below it, under the own url, was imported: nobody else speaks for it */
#define OPTION_IMPORT_PATH	"/import/"
/* with the slug of a source behind it: a tag of its flows, and as whom it speaks within us */
#define OPTION_IMPORT_TAG	"import:"

enum import_kind {
	IMPORT_ANY,		/* to be found out */
	IMPORT_MCP,		/* the MCP registry's API /v0.1 */
	IMPORT_ARD,		/* manifests and registries of Agentic Resource Discovery */
	IMPORT_A2A,		/* an agent's card */
	IMPORT_OPENAPI,		/* operations with x-kodosumi */
	IMPORT_KODOSUMI,	/* /flow or /sumi of a panel of kodosumi */
	IMPORT_KINDS
};

/* "mcp", "ard", ..; "any". Static. */
const char *import_kind_name(enum import_kind kind);

struct option_import {
	struct str url;		/* shown form */
	enum import_kind kind;
	unsigned hours;		/* between two walks */
	unsigned items;		/* entries that are taken at most */
	unsigned mib;		/* of answers in a walk, and of the entries that are stored */
	unsigned minutes;	/* that a walk may take */
};

/* text's parts; url is borrowed. KODO_EINVAL with *reason, static, which may be NULL. */
enum kodo_err option_import_read(
    struct str text, struct option_import *out, const char **reason) MUST_CHECK;

#endif
