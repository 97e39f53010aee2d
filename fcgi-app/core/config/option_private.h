/*
 * The table of options, and the way of a value from a file, the environment or an argument to a
 * member of struct options. Each value has its file and line (struct loader_value), for messages.
 */
#ifndef KODO_OPTION_PRIVATE_H
#define KODO_OPTION_PRIVATE_H

#include "core/base/near.h"
#include "core/config/loader.h"
#include "core/config/option.h"

enum option_type {
	OPT_TEXT,
	OPT_URL,
	OPT_URLS,	/* list, or a text to be split; their number is at offset_n */
	OPT_PEERS,	/* the same, each with #KEY behind it if you like */
	OPT_NETS,	/* the same of addresses and prefixes (address_net_read) */
	OPT_ORIGINS,	/* the same of urls without a path; or OPTION_CORS_ANY, _NONE alone */
	OPT_BRIDGES,	/* the same of words: option_bridge_name */
	OPT_IMPORTS,	/* the same of sources, texts or mappings: option_import.h */
	OPT_BOOL,
	OPT_UINT,
	OPT_INT,
	OPT_LEVEL,
	OPT_WORD,	/* an enum; its words are those of shape, in its order */
	OPT_PRIVATE,
	OPT_PATH,
	OPT_ADDRESS,
	OPT_ISSUER,	/* a url, or that of a file */
	OPT_FLOWS,
	OPT_TYPES
};

enum option_id {	/* rows with a name in code */
	OPTION_LOADER,
	OPTION_URL,
	OPTION_CACHE_DATA,
	OPTION_ORGANIZATION,
	OPTION_CONNECT,
	OPTION_REGISTRY,
	OPTION_FEED,
	OPTION_LISTEN,
	OPTION_USER,
	OPTION_FLOWS,
	OPTION_IMPORT,
	OPTION_OTHERS,
	OPTION_MAX = 64
};

struct option_row {
	const char *name;
	enum option_type type;
	size_t offset;
	size_t offset_n;
	long min, max;		/* of numbers */
	const char *preset;	/* default as text; NULL: none */
	char letter;		/* on the command line; 0: none */
	const char *also;	/* another name there; NULL: none */
	const char *shape;	/* of the value, for help */
	const char *help;	/* one line */
	bool of_machine;	/* each machine of a cluster has its own */
};

/* May there be several values? */
static inline bool
option_is_list(const struct option_row *row)
{
	return row->type == OPT_URLS || row->type == OPT_PEERS || row->type == OPT_NETS ||
	    row->type == OPT_ORIGINS || row->type == OPT_BRIDGES ||
	    row->type == OPT_IMPORTS;
}

extern const struct option_row option_rows[];
extern const unsigned option_n_rows;	/* at most OPTION_MAX */

struct option_input {
	struct arena *a;
	struct why *why;
	struct str base;	/* what relative paths are relative to, absolute */
	bool quiet;		/* no warnings */
	struct near *near;	/* what an unknown argument may have meant; NULL: say it here */
	struct loader_text *sources;	/* read so far */
	const struct loader_value *values[OPTION_MAX];	/* by row; NULL: not given */
	uint64_t faulty;	/* rows whose value is wrong, where faults are collected */
};

/* The row of this name, or NULL. */
const struct option_row *option_find(struct str name);

/* Names of other programs' options: of later versions of the original, or to restrict access. */
enum option_foreign { OPTION_UNKNOWN, OPTION_LATER, OPTION_ACCESS };
enum option_foreign option_foreign(struct str name);

/* Set in->why to the place of v and the text. Returns KODO_EINVAL. */
enum kodo_err option_fail(const struct option_input *in, const struct loader_value *v,
    const char *fmt, ...) PRINTF_LIKE(3, 4);
enum kodo_err option_no_memory(const struct option_input *in);

/* A text as a value. file is borrowed. NULL: memory ran out. */
struct loader_value *option_text_value(
    struct arena *a, struct str text, const char *file, unsigned line);

/* Append an entry to a list value. */
enum kodo_err option_list_add(
    struct arena *a, struct loader_value *list, const struct loader_value *item) MUST_CHECK;

/*
 * The items of a list that is given as one text, to the end of list: parted by commas or space, or
 * as JSON. KODO_EINVAL: begins like JSON and is none.
 */
enum kodo_err option_split(struct option_input *in, const struct option_row *row,
    const struct loader_value *v, struct loader_value *list) MUST_CHECK;

/*
 * Give a value to an option: null counts as not given, flows are added to those before, all else
 * replaces the value before. option_set_named is for names that may be wrong: KODO_EINVAL for
 * unknown ones (with the nearest one) and for those that restrict access; a warning for those of
 * later versions.
 */
enum kodo_err option_set(struct option_input *in, const struct option_row *row,
    const struct loader_value *v) MUST_CHECK;
enum kodo_err option_set_named(
    struct option_input *in, struct str name, const struct loader_value *v) MUST_CHECK;

/* The argument of a converter: a value, a text (or, for lists, a list), and its target. */
struct option_place {
	struct option_input *in;
	const struct option_row *row;
	const struct loader_value *v;
	struct options *out;
};

static inline void *
option_target(const struct option_place *p)
{
	return (char *)p->out + p->row->offset;
}

/* Converters of lists. */
enum kodo_err option_to_urls(const struct option_place *p) MUST_CHECK;
enum kodo_err option_to_peers(const struct option_place *p) MUST_CHECK;
enum kodo_err option_to_nets(const struct option_place *p) MUST_CHECK;
enum kodo_err option_to_origins(const struct option_place *p) MUST_CHECK;
enum kodo_err option_to_bridges(const struct option_place *p) MUST_CHECK;
enum kodo_err option_to_imports(const struct option_place *p) MUST_CHECK;

/* Convert all values and defaults to out, checked one by one and together. */
enum kodo_err option_resolve(struct option_input *in, struct options *out) MUST_CHECK;

/* true false yes no on off t f y n 1 0, in any case. KODO_EINVAL: something else. */
enum kodo_err option_parse_bool(struct str s, bool *out) MUST_CHECK;

/* The n-th of words parted by |, which is null behind the last one. */
struct str option_word(const char *words, int n);

/* The arguments after "service". */
enum kodo_err option_take_args(struct option_input *in, int argc, char *const argv[]) MUST_CHECK;

/* Flows, checked like those of a body. */
enum kodo_err option_read_flows(struct option_input *in, const struct loader_value *list,
    const struct flow **out, size_t *n) MUST_CHECK;

/* The path of the state folder for cache_data. */
enum kodo_err option_state_path(struct arena *a, struct str cache_data, struct str *out) MUST_CHECK;

#endif
