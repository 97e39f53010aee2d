#include "core/base/address.h"
#include "core/base/ascii.h"
#include "core/base/hash.h"
#include "http/client.h"

static bool
is_proxy(const struct options *o, const struct in6_addr *address)
{
	struct address_net net;
	size_t i;

	for (i = 0; i < o->n_proxies; i++)
		if (address_net_read(o->proxies[i], &net) && address_net_holds(&net, address))
			return true;
	return false;
}

/* Takes the last entry of a list parted by commas off it. */
static struct str
take_last(struct str *list)
{
	const char *comma = list->len == 0 ? NULL : memrchr(list->p, ',', list->len);
	const size_t before = comma == NULL ? 0 : (size_t)(comma - list->p) + 1;
	const struct str last = str_skip(*list, before);

	list->len = before == 0 ? 0 : before - 1;
	return ascii_trim(last);
}

void
client_find(struct transport *t, const struct options *o, struct client *out)
{
	struct str rest = str_of(t->env(t, "HTTP_X_FORWARDED_FOR"));
	struct in6_addr next;
	bool is_known, is_behind;

	*out = (struct client){ .is_local = false };
	is_known = address_read(str_of(t->env(t, "REMOTE_ADDR")), &out->address);
	is_behind = is_known && is_proxy(o, &out->address);
	out->is_local = is_known && !is_behind && address_is_loopback(&out->address);
	while (is_behind && rest.len > 0 && address_read(take_last(&rest), &next)) {
		out->address = next;
		is_behind = is_proxy(o, &next);
	}
	if (is_known)
		(void)address_text(&out->address, out->text);
}

uint64_t
client_number(const struct client *c)
{
	const struct in6_addr *a = &c->address;
	uint64_t number;

	if (c->text[0] == '\0' || address_is_loopback(a))
		return 0;
	number = hash_text(HASH_STORED,
	    (struct str){ (const char *)a->s6_addr, address_client_bytes(a) });
	return number != 0 ? number : 1;
}
