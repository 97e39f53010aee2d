/*
 * The arguments that name the service for a command of the command line, by one rule for all.
 *
 *	kodo check [LOADER] [OPTION ...]	that of `kodo service` with the same arguments in
 *						the same folder. *.yaml, *.yml and state folders
 *						may stand before a query, url or pattern, too
 *	kodo check --hosted[=LOADER]		that of what a web server or cron starts; after a
 *						blank LOADER is a path that exists, or *.yaml
 *	kodo check --state FOLDER		that one; LOADER may also be a state folder
 */
#ifndef KODO_STATE_ARG_H
#define KODO_STATE_ARG_H

#include "core/config/option.h"

#define STATE_ARG_OWN	12u

struct state_arg {
	struct arena *a;		/* of everything here */
	const char *folder;		/* of --state */
	bool is_hosted;			/* --hosted */
	const char *hosted_loader;	/* its LOADER, or NULL: one may be left in argv */
	bool hosted_is_word;		/* that stood after it without = */
	bool is_help;			/* --help */
	int argc;			/* what is left */
	char **argv;
	const char *own[STATE_ARG_OWN];	/* options of the command that were asked for */
	unsigned n_own;
	struct str state_path;		/* absolute */
	struct str loader;		/* absolute, or null */
	bool has_options;		/* false: of a state folder, hosted, or of a program */
	struct options options;
	/* state_arg_open_to_read: why the loader is not taken; empty: it is */
	struct why refused;
};

/* The same for people, as lines of a help text. */
#define STATE_ARG_HELP \
	"Which service, in every command: that of `kodo service` with the same arguments in\n" \
	"this folder (LOADER, options, KODO_* in the environment, .env; without any of them\n" \
	"kodo.yaml, if it is here). A LOADER that is a program is not run. Names that end in\n" \
	".yaml or .yml are loaders wherever they stand, and state folders may stand for them;\n" \
	"others come after the command's own words. Or\n" \
	"  --hosted [LOADER]  as a web server or cron finds it: KODO_LOADER or kodo.yaml beside\n" \
	"                     the program, the .env beside the loader, nothing else; also\n" \
	"                     --hosted=LOADER\n" \
	"  --state FOLDER     the folder itself\n"

/* Read the arguments after the command's name. KODO_EINVAL with why; KODO_ENOMEM. */
enum kodo_err state_arg_read(
    struct state_arg *t, int argc, char *argv[], struct why *why) MUST_CHECK;

/*
 * Take `name VALUE`, `name=VALUE`, or of a letter `-nVALUE`, out of the rest; NULL: it is not
 * there. KODO_EINVAL: without its value.
 */
enum kodo_err state_arg_take(
    struct state_arg *t, const char *name, const char **value, struct why *why) MUST_CHECK;

/* Take `name` out of the rest. true: it was there. */
bool state_arg_take_flag(struct state_arg *t, const char *name);

/* Is a word that may be a query or a url the name of a service, by the rule above? */
bool state_arg_is_service(struct state_arg *t, const char *word);

/* Take `name` or `name=VALUE`. true: it was there; *value NULL: without a value. */
bool state_arg_take_optional(struct state_arg *t, const char *name, const char **value);

/*
 * After those: is what is left known? KODO_EINVAL with why, which names what may be meant; then the
 * arguments are wrong, not what they name.
 */
enum kodo_err state_arg_check(struct state_arg *t, struct why *why) MUST_CHECK;

/* Find the state, and without --hosted or --state resolve the options. Errors with why. */
enum kodo_err state_arg_find(struct state_arg *t, struct why *why) MUST_CHECK;

/*
 * Find and open the state. KODO_ENOTFOUND: the service was never started. Otherwise as
 * registry_open. Errors with why.
 */
struct registry;
enum kodo_err state_arg_open(
    struct state_arg *t, struct registry **out, struct why *why) MUST_CHECK;

/*
 * The same for commands that only read: where the loader has a fault, the state that it had before
 * is found by its cache_data alone, as the service goes on with that.
 */
enum kodo_err state_arg_open_to_read(
    struct state_arg *t, struct registry **out, struct why *why) MUST_CHECK;

void state_arg_free(struct state_arg *t);

/* A command that names a service. Both functions: errors with why. */
struct state_arg_command {
	const char *usage;
	/* take the command's own words out of the arguments; NULL: it has none */
	enum kodo_err (*take)(struct state_arg *t, void *arg, struct why *why);
	enum kodo_err (*run)(struct state_arg *t, void *arg, struct why *why);
};

/*
 * Read the arguments into t, run the command or print its usage, free t, say what failed. Returns
 * the exit status: 0, 1 if it could not be done, 2 for wrong arguments.
 */
int state_arg_run(const struct state_arg_command *c, struct state_arg *t, int argc, char *argv[],
    void *arg);

#endif
