/*
 * What the commands that look at a service share: their arguments, and a view of the state.
 */
#ifndef KODO_CMD_LOOK_H
#define KODO_CMD_LOOK_H

#include "cmd/state_arg.h"
#include "core/registry/registry.h"
#include "core/storage/sink.h"

struct look {
	struct state_arg target;
	struct registry *registry;
	struct view view;
	/* the QUERY or URL before what names the service, or null */
	struct str what;
	bool is_json;
	int64_t now_us;
};

/*
 * Run body on a view of the service that the arguments name, and give the exit status. prepare (may
 * be NULL) takes options of the command's own. has_what: one argument may stand first; wants_what:
 * it must.
 */
struct inspect_command {
	const char *name, *usage;
	bool has_what, wants_what;
	enum kodo_err (*prepare)(struct look *l, void *arg, struct why *why);
	enum kodo_err (*body)(struct look *l, void *arg, struct why *why);
};
int inspect_run(const struct inspect_command *c, int argc, char *argv[], void *arg);

/* Take `name` out of what is left of the arguments. */
bool inspect_take_flag(struct look *l, const char *name);

/* Print JSON that was made, and a line end. KODO_EIO, or why out failed. */
enum kodo_err inspect_print(struct sink *out) MUST_CHECK;

#endif
