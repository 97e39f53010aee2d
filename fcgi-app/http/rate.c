#include <stdio.h>

#include "core/base/address.h"
#include "core/base/log.h"
#include "core/trust/pin.h"
#include "http/instance.h"
#include "http/rate.h"

static bool
admits(struct call *c, struct str key, unsigned per_minute, enum refusal code, struct str who)
{
	struct rate_table *t = instance_rates(c->instance);
	struct rate_verdict v;
	const char *detail;

	v = rate_table_take(t, registry_state(c->registry), key, per_minute);
	if (v.wait_s == 0)
		return true;
	if (v.begins)
		log_warning("requests of %.*s are limited from here on: over %u a minute (%s)",
		    STR_ARG(who), per_minute, refusal_code(code));
	rate_table_note(t, &c->client.address, c->now_us);
	c->is_unaudited = !v.begins;	/* else it would leave no room for others there */
	detail = arena_printf(c->a, "Too many requests: at most %u a minute", per_minute);
	response_refuse(c->res, code, detail == NULL ? "Too many requests" : detail);
	c->res->retry_after_s = v.wait_s;
	return false;
}

static bool
is_limited(const struct call *c, unsigned per_minute)
{
	return per_minute > 0 && c->client.text[0] != '\0' && address_is_public(&c->client.address);
}

bool
rate_admits_client(struct call *c, const struct options *o)
{
	const uint64_t number = client_number(&c->client);

	return !is_limited(c, o->rate_client) ||
	    admits(c, (struct str){ (const char *)&number, sizeof(number) }, o->rate_client,
		REFUSAL_RATE_CLIENT, str_of(c->client.text));
}

bool
rate_admits_peer(struct call *c, const struct options *o)
{
	const struct speaker *s = c->body.speaker;
	const struct str who = c->body.from_key;
	char by[PIN_KEY_CHARS];
	const char *key;

	if (!is_limited(c, o->rate_peer))
		return true;
	if (s != NULL && s->is_signed)
		pin_key_text(key_bytes(s->signer.key), by);
	else
		snprintf(by, sizeof(by), "%llu", (unsigned long long)client_number(&c->client));
	key = arena_printf(c->a, "%s %.*s", by, STR_ARG(who));
	return key == NULL || admits(c, str_of(key), o->rate_peer, REFUSAL_RATE_PEER, who);
}
