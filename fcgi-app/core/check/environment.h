/*
 * The half of `kodo check` and of the page /check around a state: owners and modes, programs, the
 * loader, the log, cron, and the findings of `kodo-reconnect --probe` from outside. The contents of
 * the state are integrity.h's.
 */
#ifndef KODO_ENVIRONMENT_H
#define KODO_ENVIRONMENT_H

#include "core/check/integrity.h"

#define ENVIRONMENT_CRON_LATE_S	180	/* with a line for each minute */
#define ENVIRONMENT_PROBE_FILE	"probe"		/* findings of the last probe, one a line */

struct environment {
	const struct state *state;
	const struct options *options;	/* in force; NULL: not known */
	struct str loader;		/* absolute, or null */
	bool is_hosted;			/* by a web server: cron matters */
	bool is_served;			/* a `kodo service` is running */
	bool is_running;		/* a runner is running */
	int64_t now_us;
	void (*say)(void *arg, enum finding kind, const char *line);
	void *arg;
};

/* Calls say once for each finding; the line of a fault holds the remedy. */
void environment_check(const struct environment *h);

/* The words for a finding: ok, warning, error. */
const char *environment_word(enum finding kind);

/* The name of a user, or the number where it has none. Returns out. */
const char *environment_user(uid_t uid, char out[64]);

/* Set the time of a file of the state to now, make it if missing. Failures go to the debug log. */
void environment_note(const struct state *s, const char *name);

#endif
