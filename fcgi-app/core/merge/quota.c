#include "core/base/address.h"
#include "core/merge/quota.h"
#include "core/records/tally.h"

/* Providers that one public address may make. */
static enum kodo_err
check_client(struct change *ch, struct str address, struct quota_refusal *out)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a;
	uint64_t n;
	enum kodo_err err;

	if (ch->o->quota_providers == 0 || address.len != sizeof(a))
		return KODO_OK;
	memcpy(&a, address.p, sizeof(a));
	if (!address_is_public(&a))
		return KODO_OK;
	err = tally_providers(ch->t, &a, &n);
	if (err != KODO_OK || n < ch->o->quota_providers)
		return err;
	return why_set(&out->why, KODO_ETOOBIG,
	    "Too many providers from %s: at most %u (quota_providers)", address_text(&a, text),
	    ch->o->quota_providers);
}

/* Peers that nobody vouches for, of all the world. */
static enum kodo_err
check_strangers(struct change *ch, const struct peer *p, struct quota_refusal *out)
{
	uint64_t n;
	enum kodo_err err;

	if (ch->o->quota_strangers == 0 || !peer_is_stranger(p) || p->filed.tally.is_stranger)
		return KODO_OK;
	err = tally_strangers(ch->t, &n);
	if (err != KODO_OK || n < ch->o->quota_strangers)
		return err;
	out->is_full = true;
	return why_set(&out->why, KODO_ETOOBIG,
	    "Too many peers that nobody vouches for: at most %u (quota_strangers)",
	    ch->o->quota_strangers);
}

enum kodo_err
quota_provider(struct change *ch, const struct peer *p, struct str address,
    struct quota_refusal *out)
{
	enum kodo_err err;

	*out = (struct quota_refusal){ .is_full = false };
	if ((p->flags & (PEER_PROVIDER | PEER_TARGET)) != 0)
		return KODO_OK;
	err = check_client(ch, address, out);
	return err == KODO_OK ? check_strangers(ch, p, out) : err;
}
