/*
 * The arguments that name the state for a command of the command line.
 *
 *	kodo check [LOADER] [OPTION ...]	that of `kodo service` with the same arguments in
 *						the same folder
 *	kodo check --hosted[=LOADER]		that of what a web server or cron starts; after a
 *						blank LOADER is a path that exists, or *.yaml
 *	kodo check --state FOLDER		that one; LOADER may also be a state folder
 */
#ifndef KODO_STATE_ARG_H
#define KODO_STATE_ARG_H

#include "core/config/option.h"

struct state_arg {
	struct arena *a;		/* of everything here */
	const char *folder;		/* of --state */
	bool is_hosted;			/* --hosted */
	const char *hosted_loader;	/* its LOADER, or NULL: one may be left in argv */
	bool hosted_is_word;		/* that stood after it without = */
	bool is_help;			/* --help */
	int argc;			/* what is left */
	char **argv;
	struct str state_path;		/* absolute */
	struct str loader;		/* absolute, or null */
	bool has_options;		/* false: of a state folder, hosted, or of a program */
	struct options options;
};

/* The same for people, as lines of a help text. */
#define STATE_ARG_HELP \
	"Which state: that of `kodo service` with the same arguments in this folder (LOADER,\n" \
	"options, KODO_* in the environment, .env); a LOADER that is a program is not run. Or\n" \
	"  --hosted [LOADER]  as a web server or cron finds it: KODO_LOADER or kodo.yaml beside\n" \
	"                     the program, the .env beside the loader, nothing else; also\n" \
	"                     --hosted=LOADER\n" \
	"  --state FOLDER     the folder itself\n"

/* Read the arguments after the command's name. KODO_EINVAL with why; KODO_ENOMEM. */
enum kodo_err state_arg_read(
    struct state_arg *t, int argc, char *argv[], struct why *why) MUST_CHECK;

/*
 * Take `name VALUE` or `name=VALUE` out of the rest; NULL: it is not there. KODO_EINVAL: without
 * its value.
 */
enum kodo_err state_arg_take(
    struct state_arg *t, const char *name, const char **value, struct why *why) MUST_CHECK;

/* Take `name` out of the rest. true: it was there. */
bool state_arg_take_flag(struct state_arg *t, const char *name);

/* Find the state, and without --hosted or --state resolve the options. Errors with why. */
enum kodo_err state_arg_find(struct state_arg *t, struct why *why) MUST_CHECK;

/*
 * Find and open the state. KODO_ENOTFOUND: the service was never started. Otherwise as
 * registry_open. Errors with why.
 */
struct registry;
enum kodo_err state_arg_open(
    struct state_arg *t, struct registry **out, struct why *why) MUST_CHECK;

void state_arg_free(struct state_arg *t);

#endif
