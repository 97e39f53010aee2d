#include <stdio.h>
#include <stdlib.h>

#include "core/base/isotime.h"
#include "core/auth/jwks.h"
#include "core/auth/key_file.h"
#include "core/base/limit.h"
#include "core/base/log.h"
#include "core/base/path.h"
#include "core/storage/run_history.h"
#include "cron/key_fetch.h"

#define TIMEOUT_MAX_S	30u
#define ERROR_BYTES	512u
#define PAUSE_US	(10 * 1000000ll)	/* after a failure of ours */

struct key_fetch {
	struct registry *registry;
	struct sender *sender;
	unsigned slot;
	bool is_busy;
	struct arena *a;	/* what is about one attempt, and in flight the url */
	struct exchange_job job;
	struct state_secret_stamp seen;	/* of the file as it was read last, */
	struct arena *kept;
	struct key_file file;	/* with this in it, in kept */
	int64_t paused_us;	/* wall clock: nothing is tried before */
	struct why complaint;	/* the last one, not to be repeated */
};

struct key_fetch *
key_fetch_new(struct registry *r, struct sender *s, unsigned slot)
{
	struct key_fetch *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	*k = (struct key_fetch){ .registry = r, .sender = s, .slot = slot, .a = arena_new(),
		.kept = arena_new() };
	if (k->a != NULL && k->kept != NULL)
		return k;
	key_fetch_free(k);
	return NULL;
}

void
key_fetch_free(struct key_fetch *k)
{
	if (k == NULL)
		return;
	arena_free(k->a);
	arena_free(k->kept);
	free(k);
}

bool
key_fetch_is_busy(const struct key_fetch *k)
{
	return k->is_busy;
}

/* The text of error without line ends, which the file has. */
static struct str
one_line(char *error)
{
	char *c;

	for (c = error; *c != '\0'; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	return str_of(error);
}

/* Store what has come, or why nothing has. body null: error says why. */
static void
store(struct key_fetch *k, struct str url, struct str body, char error[ERROR_BYTES], int64_t now_us)
{
	const struct state *s = registry_state(k->registry);
	const char *reason = "";
	struct key_file f;
	struct jwks keys;
	struct why why = { "" };
	enum kodo_err err = KODO_OK;

	if (body.p != NULL)
		err = jwks_read(k->a, body, &keys, &reason);
	if (err == KODO_EINVAL)
		snprintf(error, ERROR_BYTES, "what it answers is no key set: %s", reason);
	else if (err == KODO_OK && body.p != NULL && keys.n == 0)
		snprintf(error, ERROR_BYTES, "its key set has no key that can be used");
	if (err == KODO_OK || err == KODO_EINVAL)
		err = key_file_read(k->a, s, &f);
	if (err == KODO_ENOTFOUND || (err == KODO_OK && !str_eq(f.url, url)))
		f = (struct key_file){ .url = url };
	else if (err != KODO_OK)
		goto out;
	f.tried_us = now_us;
	f.error = one_line(error);
	f.n_failures = f.error.len > 0 ? f.n_failures + 1 : 0;
	if (f.error.len == 0) {
		f.fetched_us = now_us;
		f.json = body;
	}
	err = key_file_write(s, &f);
out:
	if (err != KODO_OK) {
		why_set(&why, err, "cannot store the keys of %.*s: %s", STR_ARG(url),
		    kodo_err_text(err));
		k->paused_us = now_us + PAUSE_US;
	} else if (error[0] != '\0')
		why_set(&why, KODO_EIO, "cannot fetch the keys of %.*s: %s", STR_ARG(url), error);
	if (why.text[0] != '\0') {
		log_complain(&k->complaint, &why, KODO_EIO);
		return;
	}
	k->complaint.text[0] = '\0';
	log_info("keys of %.*s: %zu, and %zu of other kinds", STR_ARG(url), keys.n,
	    keys.n_left_out);
}

static void
take_file(struct key_fetch *k, struct str url, int64_t now_us)
{
	char error[ERROR_BYTES] = "";
	struct str path = str_skip(url, str_starts(url, STR("file:///")) ? 7 : 5), body = STR_NULL;
	const char *path_z = arena_strz(k->a, path);
	enum kodo_err err = path_z == NULL ? KODO_ENOMEM
	    : path_read(k->a, path_z, LIMIT_JWKS_BYTES, &body);

	if (err != KODO_OK)
		snprintf(error, sizeof(error), "%s", kodo_err_text(err));
	store(k, url, body, error, now_us);
}

static enum kodo_err
send_request(struct key_fetch *k, struct str url, unsigned timeout_s)
{
	static const char *const head[] = { "Accept: application/json", NULL };
	const struct sender_limits limits = { .answer_max_bytes = LIMIT_JWKS_BYTES,
		.timeout_s = timeout_s < TIMEOUT_MAX_S ? timeout_s : TIMEOUT_MAX_S,
		.allow_private = true, .head = head };
	enum kodo_err err;

	k->job = (struct exchange_job){ .is_target = true };
	err = arena_str(k->a, url, &k->job.url);
	if (err == KODO_OK)
		err = sender_start(k->sender, k->slot, &k->job, &limits);
	k->is_busy = err == KODO_OK;
	return err;
}

/* When the keys are due, as the state says; INT64_MAX: never. */
static int64_t
find_due(struct key_fetch *k, struct str url)
{
	const struct state *s = registry_state(k->registry);

	if (url.p == NULL)
		return INT64_MAX;
	if (key_file_is_new(s, &k->seen)) {
		arena_reset(k->kept);
		/* what cannot be read is written anew */
		if (key_file_read(k->kept, s, &k->file) != KODO_OK)
			k->file = (struct key_file){ .tried_us = 0 };
	}
	return key_file_due_us(&k->file, url, run_history_noted_us(s, KEY_FILE_WANTED),
	    isotime_now_us());
}

void
key_fetch_begin(struct key_fetch *k, int64_t now_us, int64_t *due_us)
{
	const struct options *o;
	int64_t at_us;
	enum kodo_err err = KODO_OK;

	if (k->is_busy || registry_options(k->registry, &o) != KODO_OK)
		return;
	arena_reset(k->a);
	at_us = find_due(k, o->auth_jwks_url);
	if (at_us < k->paused_us)
		at_us = k->paused_us;
	if (at_us <= now_us && str_starts(o->auth_jwks_url, STR("file:"))) {
		take_file(k, o->auth_jwks_url, now_us);
		at_us = find_due(k, o->auth_jwks_url);
	} else if (at_us <= now_us) {
		err = send_request(k, o->auth_jwks_url, o->timeout_s);
		at_us = INT64_MAX;
	}
	if (err != KODO_OK)
		at_us = k->paused_us = now_us + PAUSE_US;
	if (at_us < *due_us)
		*due_us = at_us;
}

void
key_fetch_end(struct key_fetch *k, const struct exchange_result *res, int64_t now_us)
{
	char error[ERROR_BYTES] = "";

	k->is_busy = false;
	if (res->status == 0)
		snprintf(error, sizeof(error), "%s", res->error);
	else if (res->status != 200)
		snprintf(error, sizeof(error), "it answers %u", res->status);
	else if (res->body.len == 0)
		snprintf(error, sizeof(error), "its answer is empty, or over %u KiB",
		    LIMIT_JWKS_BYTES >> 10);
	store(k, k->job.url, error[0] == '\0' ? res->body : STR_NULL, error, now_us);
}
