#include "core/base/isotime.h"
#include "core/base/log.h"
#include "cron/cluster/identity.h"

static void
take(struct context *e, struct str text)
{
	const enum kodo_err err = own_key_take(e->state, isotime_now_us(), text);

	/* of a later rotation here etcd is told */
	if (err != KODO_OK && err != KODO_ECONFLICT) {
		log_error("cannot take the key by which the cluster signs: %s", kodo_err_text(err));
		return;
	}
	str_copy(e->identity, sizeof(e->identity), text);
	e->has_identity = true;
}

static void
on_claim(void *arg, const struct etcd_answer *an)
{
	struct context *e = arg;
	char own[OWN_KEY_TEXT];

	e->is_identity_asked = false;
	if (an->err != KODO_OK || (!an->is_done && an->n_kvs == 0) ||
	    !context_may_believe(e, an, e->applied))
		return;
	if (!an->is_done)
		take(e, an->kvs[0].value);
	else if (own_key_text(e->state, isotime_now_us(), own) == KODO_OK)
		take(e, str_of(own));
}

static void
on_put(void *arg, const struct etcd_answer *an)
{
	struct context *e = arg;

	e->is_identity_asked = false;
	if (an->err != KODO_OK)
		log_warning("etcd does not take the rotated key");
}

bool
identity_tick(struct context *e)
{
	const struct etcd_done claimed = { on_claim, e }, put = { on_put, e };
	char own[OWN_KEY_TEXT], key[KEY_BYTES];
	const struct str name = context_key(e, key, "identity");

	if (e->is_identity_asked || own_key_text(e->state, isotime_now_us(), own) != KODO_OK)
		return e->has_identity;
	if (!e->has_identity)
		e->is_identity_asked =
		    etcd_claim(e->etcd, name, str_of(own), 0, claimed) == KODO_OK;
	else if (!str_eq(str_of(own), str_of(e->identity)))
		e->is_identity_asked = etcd_put(e->etcd, name, str_of(own), 0, put) == KODO_OK;
	return e->has_identity;
}

void
identity_event(struct context *e, struct str text)
{
	if (e->has_identity)
		take(e, text);
}
