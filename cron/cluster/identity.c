#include <inttypes.h>
#include <stdio.h>

#include "core/base/hash.h"
#include "core/base/isotime.h"
#include "core/base/log.h"
#include "cron/cluster/identity.h"

static enum kodo_err
own_text(struct context *e, char out[OWN_KEY_TEXT])
{
	return own_key_text(e->state, isotime_now_us(), out);
}

static enum kodo_err
own_take(struct context *e, struct str text)
{
	return own_key_take(e->state, isotime_now_us(), text);
}

static enum kodo_err
admin_text(struct context *e, char out[OWN_KEY_TEXT])
{
	return state_key(e->state, out);
}

static void
admin_mark(char out[17], struct str text)
{
	snprintf(out, 17, "%016" PRIx64, hash_text(HASH_STORED, text));
}

/* It has no rotations that say which one is the later: one that was not told of stays. */
static enum kodo_err
admin_take(struct context *e, struct str text)
{
	char own[STATE_KEY_BYTES], mark[sizeof(e->status.admin)];
	enum kodo_err err = state_key(e->state, own);

	if (err == KODO_OK && !str_eq(text, str_of(own))) {
		admin_mark(mark, str_of(own));
		err = e->status.admin[0] != '\0' && strcmp(mark, e->status.admin) != 0
		    ? KODO_ECONFLICT : state_key_take(e->state, text);
	}
	if (err != KODO_OK)
		return err;
	admin_mark(mark, text);
	/* at once: the process after this one would take what it finds for a rotation of its own */
	e->is_changed |= strcmp(mark, e->status.admin) != 0;
	str_copy(e->status.admin, sizeof(e->status.admin), str_of(mark));
	return KODO_OK;
}

static const struct row {
	const char *name, *words;
	enum kodo_err (*text)(struct context *e, char out[OWN_KEY_TEXT]);
	/* KODO_ECONFLICT: the one here is the later */
	enum kodo_err (*take)(struct context *e, struct str text);
} rows[CONTEXT_SECRETS] = {
	{ "identity", "the key by which the cluster signs", own_text, own_take },
	{ "admin", "the key of the admin", admin_text, admin_take },
};

static void
take(struct secret *s, struct str text)
{
	const struct row *row = &rows[s - s->e->secrets];
	const enum kodo_err err = row->take(s->e, text);

	/* of a later rotation here etcd is told */
	if (err != KODO_OK && err != KODO_ECONFLICT) {
		log_error("cannot take %s: %s", row->words, kodo_err_text(err));
		return;
	}
	str_copy(s->text, sizeof(s->text), text);
	s->is_known = true;
}

static void
on_claim(void *arg, const struct etcd_answer *an)
{
	struct secret *s = arg;
	char own[OWN_KEY_TEXT];

	s->is_asked = false;
	if (s->is_overtaken || an->err != KODO_OK || (!an->is_done && an->n_kvs == 0) ||
	    !context_may_believe(s->e, an, s->applied))
		return;
	if (!an->is_done)
		take(s, an->kvs[0].value);
	else if (rows[s - s->e->secrets].text(s->e, own) == KODO_OK)
		take(s, str_of(own));
}

static void
on_put(void *arg, const struct etcd_answer *an)
{
	struct secret *s = arg;

	s->is_asked = false;
	if (an->err != KODO_OK)
		log_warning("etcd does not take %s", rows[s - s->e->secrets].words);
}

static void
see_to(struct context *e, const struct row *row, struct secret *s)
{
	const struct etcd_done claimed = { on_claim, s }, put = { on_put, s };
	char own[OWN_KEY_TEXT], key[KEY_BYTES];
	const struct str name = context_key(e, key, "%s", row->name);

	s->e = e;
	if (s->is_asked || row->text(e, own) != KODO_OK)
		return;
	s->applied = e->applied;
	s->is_overtaken = false;
	if (!s->is_known)
		s->is_asked = etcd_claim(e->etcd, name, str_of(own), 0, claimed) == KODO_OK;
	else if (!str_eq(str_of(own), str_of(s->text)))
		s->is_asked = etcd_put(e->etcd, name, str_of(own), 0, put) == KODO_OK;
}

bool
identity_tick(struct context *e)
{
	size_t i;

	for (i = 0; i < CONTEXT_SECRETS; i++)
		see_to(e, &rows[i], &e->secrets[i]);
	return e->secrets[0].is_known;
}

void
identity_forget(struct context *e)
{
	size_t i;

	for (i = 0; i < CONTEXT_SECRETS; i++)
		e->secrets[i].is_known = false;
}

bool
identity_event(struct context *e, struct str key, struct str text)
{
	size_t i;

	for (i = 0; i < CONTEXT_SECRETS; i++) {
		if (!str_eq(key, str_of(rows[i].name)))
			continue;
		if (e->secrets[i].is_known)
			take(&e->secrets[i], text);
		else
			e->secrets[i].is_overtaken = true;
		return true;
	}
	return false;
}
