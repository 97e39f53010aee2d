/*
 * Who may see nodes and flows, where the options restrict that: who has a token of the issuer with
 * the role for it, or, for the role registry, whom the web server knows.
 *
 * The issuer's keys are fetched by the runner (cron/key_fetch.h) and come from a file of the state
 * (key_file.h). As long as there are none, nobody is let in.
 */
#ifndef KODO_AUTH_H
#define KODO_AUTH_H

#include "core/auth/jwt.h"
#include "core/config/option.h"
#include "core/storage/state.h"

struct auth;

struct auth *auth_new(void);		/* NULL: memory ran out */
void auth_free(struct auth *auth);	/* NULL is fine */

/* Do the options restrict who may read? */
bool auth_is_on(const struct options *o);

enum auth_verdict {
	AUTH_GRANTED,
	AUTH_NO_KEYS,		/* there is no key to check a token with, yet */
	AUTH_NO_TOKEN,
	AUTH_BAD_TOKEN,
	AUTH_NO_ROLE		/* a good token, but without the role */
};

struct auth_question {
	unsigned role;		/* one of enum jwt_role */
	struct str token;	/* null: none */
	struct str remote_user;	/* REMOTE_USER of the web server; null or empty: none */
};

struct auth_answer {
	enum auth_verdict verdict;
	const char *reason;	/* static, and without anything of the token */
	bool wake;		/* the runner has keys to fetch */
};

/* KODO_ENOMEM, KODO_EIO: nothing is known, and nobody is let in. */
enum kodo_err auth_ask(struct auth *auth, struct arena *a, const struct state *s,
    const struct options *o, const struct auth_question *q, int64_t now_us,
    struct auth_answer *out) MUST_CHECK;

#endif
