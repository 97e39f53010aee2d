/*
 * What is around a state: owners and modes, programs, the loader, the log, cron, and what
 * `kodo-reconnect --probe` saw from outside. Looked at by `kodo check` and the page /check; the
 * contents of the state are integrity_check's.
 */
#ifndef KODO_HEALTH_H
#define KODO_HEALTH_H

#include "core/check/integrity.h"

#define ENVIRONMENT_CRON_FILE	"cron.ran"	/* its time is when cron ran last */
#define ENVIRONMENT_PROBE_FILE	"probe"		/* findings of the last probe, one a line */

struct environment {
	const struct state *state;
	const struct options *options;	/* in force; NULL: not known */
	struct str loader;		/* absolute, or null */
	bool is_hosted;			/* by a web server, so that cron matters */
	bool is_served;			/* a `kodo service` is running */
	bool is_running;		/* a runner is */
	int64_t now_us;
	void (*say)(void *arg, enum finding kind, const char *line);
	void *arg;
};

/* Say one line for each thing looked at. */
void environment_check(const struct environment *h);

/* The words for a finding: ok, warning, error. */
const char *environment_word(enum finding kind);

/* A user's name, the number where none is known; in out. */
const char *environment_user(uid_t uid, char out[64]);

/* Set the time of a file of the state to now; made if missing. What fails is only told in debug. */
void environment_note(const struct state *s, const char *name);

#endif
