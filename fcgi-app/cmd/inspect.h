/*
 * What the commands about a service share: their arguments, a view of the state, and JSON as
 * output.
 */
#ifndef KODO_INSPECT_H
#define KODO_INSPECT_H

#include "cmd/state_arg.h"
#include "cmd/table.h"
#include "core/registry/registry.h"
#include "core/storage/sink.h"

struct inspect {
	const char *name;		/* of the command */
	struct state_arg state_arg;
	struct registry *registry;
	struct view view;
	struct str what;		/* QUERY or URL before the state's arguments, or null */
	bool is_json;			/* -o json, --json */
	enum table_output output;	/* otherwise */
	unsigned watch_s;		/* --watch; 0: once */
	int status;			/* exit status if nothing fails; body may set it */
	int64_t now_us;
};

/* What -o may ask of a command beside its usual form. */
#define OUTPUT_JSON	1u
#define OUTPUT_WIDE	2u
#define OUTPUT_NAME	4u
#define OUTPUT_ALL	(OUTPUT_JSON | OUTPUT_WIDE | OUTPUT_NAME)

/*
 * Run body on a view of the service that the arguments name, and return the exit status. prepare
 * (may be NULL) takes options of the command's own. has_what: one argument may stand first;
 * wants_what: it must. What body takes of in->state_arg.a is gone after it.
 */
struct inspect_command {
	const char *usage;
	bool has_what, wants_what;
	unsigned outputs;		/* OUTPUT_ */
	bool can_watch;			/* --watch: body again and again, each time in a new view */
	enum kodo_err (*prepare)(struct inspect *in, void *arg, struct why *why);
	enum kodo_err (*body)(struct inspect *in, void *arg, struct why *why);
};
int inspect_run(const struct inspect_command *c, int argc, char *argv[], void *arg);

/*
 * After a change: wake the runner, or start one. false: no message goes out before the next request
 * or cron.
 */
bool inspect_wake(struct inspect *in);

/* Write what is in s, and a line end, to a descriptor. Errors as path_write. */
enum kodo_err inspect_write(int fd, const struct sink *s) MUST_CHECK;

/*
 * The end of JSON in out: print it if err, that of its making, is KODO_OK; free it. Returns err,
 * the failure of out, or that of inspect_write.
 */
enum kodo_err inspect_end_json(struct sink *out, enum kodo_err err) MUST_CHECK;

#endif
