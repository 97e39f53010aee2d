/*
 * Loaders: a YAML file, a folder of *.yaml and *.yml, or an executable that prints YAML; read into
 * values with their file and line. option.h gives them meaning. The only includer of yaml.h is
 * loader.c.
 */
#ifndef KODO_LOADER_H
#define KODO_LOADER_H

#include "core/base/arena.h"

#define LOADER_BYTES	((size_t)128 << 20)	/* of a file or an output: 100,000 long flows */
#define LOADER_FILES	1000u			/* in a folder */
#define LOADER_KEYS	256u			/* in one map; we know under 40 */
#define LOADER_ANCHORS	1000u			/* they are searched one by one */
#define LOADER_TIMEOUT_MS 30000u		/* for a program, from its start to its end */

enum loader_kind { LOADER_NULL, LOADER_TEXT, LOADER_LIST, LOADER_MAP };

struct loader_value {
	enum loader_kind kind;
	struct str text;	/* LOADER_TEXT: valid UTF-8; numbers and booleans are texts too */
	const char *file;	/* as in messages: a path, "<path> output" of a program */
	unsigned line;
	struct loader_entry *first;	/* LOADER_LIST, LOADER_MAP: what is in it */
	struct loader_entry *last;	/* of a list that option_list_add makes */
	size_t n;
};

struct loader_entry {
	struct loader_entry *next;
	struct str key;		/* null in a list */
	unsigned line;		/* of the key */
	/* may be shared (YAML's *alias), is never inside of itself */
	const struct loader_value *value;
};

/* A text that was read: of a file, or what a program has printed. */
struct loader_text {
	struct loader_text *next;
	const char *label;	/* as in messages, see file above */
	struct str text;
};

/*
 * Parse one YAML document (empty: LOADER_NULL). All is copied to a; file is borrowed. KODO_EINVAL
 * with file:line in why: not YAML, not UTF-8, two equal keys in one map (both lines), over a
 * ceiling. Merge keys (<<, of YAML 1.1) are resolved: what the map itself says wins.
 */
enum kodo_err loader_parse(struct arena *a, struct str yaml, const char *file,
    const struct loader_value **out, struct why *why) MUST_CHECK;

/*
 * The options of a document: a list of maps or one map, as one chain in order. KODO_EINVAL:
 * something else, or an option twice (both lines).
 */
enum kodo_err loader_options(struct arena *a, const struct loader_value *root,
    struct loader_entry **first, struct why *why) MUST_CHECK;

/* Are two names of options the same? In any case, and with - for _, as people write them. */
bool loader_same_name(struct str a, struct str b);

/* s for a message: in quotes, cut off, without control characters. */
#define LOADER_SHOWN_BYTES 100
const char *loader_shown(struct str s, char out[LOADER_SHOWN_BYTES]);

enum loader_type { LOADER_FILE, LOADER_FOLDER, LOADER_PROGRAM };

/*
 * What is at path: a program has an execute bit and is not named *.yaml or *.yml. KODO_ENOTFOUND,
 * KODO_EIO, KODO_EINVAL.
 */
enum kodo_err loader_find_type(const char *path, enum loader_type *out, struct why *why) MUST_CHECK;

/*
 * The files of a loader, absolute: itself, or in a folder all *.yaml and *.yml, hidden ones left
 * out, ordered by the bytes of their names. KODO_ENOTFOUND: none.
 */
enum kodo_err loader_files(struct arena *a, struct str path, struct str **files, size_t *n,
    struct why *why) MUST_CHECK;

/*
 * Read a loader: options of its files one after the other (an option may be in several files; not
 * in one file twice), and the texts, which are put before *texts. path is absolute and terminated.
 * folder: where a program is started. KODO_EBUSY: it is a program and run_program is false.
 */
enum kodo_err loader_read(struct arena *a, struct str path, struct str folder, bool run_program,
    struct loader_entry **first, struct loader_text **texts, struct why *why) MUST_CHECK;

/* Put a text before *texts. */
enum kodo_err loader_add_text(struct arena *a, const char *label, struct str text,
    struct loader_text **texts) MUST_CHECK;

/*
 * Find one option's text in the loader and read no more than needed: of a file up to that option,
 * of a folder each file (the last one wins). Never runs a program. A null text: not there, or no
 * text. In a file that is not YAML a line like that of the option counts: it is being edited while
 * the service goes on.
 */
enum kodo_err loader_find(struct arena *a, struct str path, const char *option, struct str *out,
    struct why *why) MUST_CHECK;

/*
 * Run program without arguments in folder, nothing on its standard input, and take what it prints
 * (its stderr is ours). What does not end within timeout_ms, or prints over max_bytes, is killed
 * with all its process group. KODO_EIO with why: it could not be started, failed, took too long;
 * KODO_ETOOBIG.
 */
enum kodo_err loader_run(struct arena *a, const char *program, const char *folder,
    unsigned timeout_ms, size_t max_bytes, struct str *out, struct why *why) MUST_CHECK;

#endif
