#include <stdlib.h>

#include "core/auth/auth.h"
#include "core/auth/key_file.h"
#include "core/storage/run_history.h"

struct auth {
	struct arena *a;	/* holds what is read of the file */
	struct state_secret_stamp seen;	/* of the file as it was read */
	struct key_file file;
	struct jwks keys;
};

struct auth *
auth_new(void)
{
	struct auth *auth = calloc(1, sizeof(*auth));

	if (auth == NULL)
		return NULL;
	auth->a = arena_new();
	if (auth->a != NULL)
		return auth;
	free(auth);
	return NULL;
}

void
auth_free(struct auth *auth)
{
	if (auth == NULL)
		return;
	arena_free(auth->a);
	free(auth);
}

bool
auth_is_on(const struct options *o)
{
	return o->auth_jwks_url.p != NULL || o->auth_remote_user;
}

/* Bring the keys in step with the file. */
static enum kodo_err
follow_file(struct auth *auth, const struct state *s)
{
	const char *reason;
	enum kodo_err err;

	if (!key_file_is_new(s, &auth->seen))
		return KODO_OK;
	arena_reset(auth->a);
	auth->keys = (struct jwks){ .n = 0 };
	err = key_file_read(auth->a, s, &auth->file);
	if (err == KODO_OK && auth->file.json.len > 0)
		err = jwks_read(auth->a, auth->file.json, &auth->keys, &reason);
	if (err == KODO_OK || err == KODO_ENOTFOUND || err == KODO_EINVAL)
		return KODO_OK;
	auth->file = (struct key_file){ .fetched_us = 0 };
	auth->keys = (struct jwks){ .n = 0 };
	auth->seen = (struct state_secret_stamp){ 0 };	/* the next request tries it again */
	return err;
}

/* A token with a key that we do not know: the runner asks the issuer again. */
static void
want_keys(const struct auth *auth, const struct state *s, struct str url, int64_t now_us,
    struct auth_answer *out)
{
	int64_t wanted_us = run_history_noted_us(s, KEY_FILE_WANTED);

	/* one note for each attempt is enough, however many ask; one of the future is none */
	if (wanted_us <= auth->file.tried_us || wanted_us > now_us) {
		key_file_want(s);
		wanted_us = now_us;
	}
	out->wake |= key_file_due_us(&auth->file, url, wanted_us, now_us) <= now_us;
}

enum kodo_err
auth_ask(struct auth *auth, struct arena *a, const struct state *s, const struct options *o,
    const struct auth_question *q, int64_t now_us, struct auth_answer *out)
{
	const struct jwt_rules rules = { .keys = &auth->keys, .role_path = o->auth_jwt_role_path,
		.audience = o->auth_audience.p != NULL ? o->auth_audience : o->url,
		.now_us = now_us };
	const bool has_issuer = o->auth_jwks_url.p != NULL;
	enum jwt_fault fault;
	unsigned roles;
	enum kodo_err err = has_issuer ? follow_file(auth, s) : KODO_OK;

	*out = (struct auth_answer){ AUTH_NO_TOKEN, "there is no token", false };
	if (err != KODO_OK)
		return err;
	out->wake = has_issuer &&
	    key_file_due_us(&auth->file, o->auth_jwks_url, 0, now_us) <= now_us;
	if (o->auth_remote_user && q->remote_user.len > 0 && q->role == JWT_REGISTRY) {
		out->verdict = AUTH_GRANTED;
	} else if (has_issuer &&
	    (auth->keys.n == 0 || !str_eq(auth->file.url, o->auth_jwks_url))) {
		out->verdict = AUTH_NO_KEYS;
		out->reason = "the issuer's keys are not known yet";
	} else if (has_issuer && q->token.p != NULL) {
		err = jwt_check(a, q->token, &rules, &roles, &fault);
		out->verdict = fault != JWT_GOOD ? AUTH_BAD_TOKEN
		    : (roles & q->role) == 0 ? AUTH_NO_ROLE : AUTH_GRANTED;
		out->reason = fault != JWT_GOOD ? jwt_fault_text(fault)
		    : "the token does not have the role for it";
		if (fault == JWT_UNKNOWN_KEY)
			want_keys(auth, s, o->auth_jwks_url, now_us, out);
	}
	return err;
}
