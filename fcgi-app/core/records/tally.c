#include "core/base/address.h"
#include "core/records/codec.h"
#include "core/records/tally.h"

/* as long as no address is */
#define STRANGERS	STR("strangers")
#define UNPROVEN	STR("unproven providers")

static enum kodo_err
get(struct txn *t, struct str key, uint64_t *n)
{
	struct str v;
	enum kodo_err err = store_get(t, T_TALLY, key, &v);

	*n = 0;
	if (err == KODO_OK && v.len != 4)
		return KODO_ECORRUPT;
	if (err == KODO_OK)
		*n = get_be32(v.p);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/* One more, or one less; at 0 there is no entry. */
static enum kodo_err
add(struct txn *t, struct str key, bool more)
{
	unsigned char v[4];
	uint64_t n;
	enum kodo_err err = get(t, key, &n);

	if (err != KODO_OK || (n == 0 && !more))
		return err;
	n = more ? n + 1 : n - 1;
	if (n == 0)
		return store_del(t, T_TALLY, key);
	return store_put(t, T_TALLY, key, key_u32(v, (uint32_t)n));
}

static enum kodo_err
move(struct txn *t, struct str was, struct str is)
{
	enum kodo_err err = KODO_OK;

	if (was.len == is.len && str_eq(was, is))
		return KODO_OK;
	if (was.len > 0)
		err = add(t, was, false);
	return err == KODO_OK && is.len > 0 ? add(t, is, true) : err;
}

struct str
tally_client(struct str address)
{
	struct in6_addr a;

	if (address.len != sizeof(a))
		return STR_NULL;
	memcpy(&a, address.p, sizeof(a));
	if (!address_is_public(&a))
		return STR_NULL;
	return (struct str){ address.p, address_client_bytes(&a) };
}

enum kodo_err
tally_move(struct txn *t, const struct tally_of *was, const struct tally_of *is)
{
	enum kodo_err err = move(t, was->client, is->client);

	if (err == KODO_OK && was->is_stranger != is->is_stranger)
		err = add(t, STRANGERS, is->is_stranger);
	if (err == KODO_OK && was->is_unproven != is->is_unproven)
		err = add(t, UNPROVEN, is->is_unproven);
	return err;
}

enum kodo_err
tally_strangers(struct txn *t, uint64_t *n)
{
	return get(t, STRANGERS, n);
}

enum kodo_err
tally_unproven(struct txn *t, uint64_t *n)
{
	return get(t, UNPROVEN, n);
}

enum kodo_err
tally_providers(struct txn *t, const struct in6_addr *address, uint64_t *n)
{
	return get(
	    t, (struct str){ (const char *)address, address_client_bytes(address) }, n);
}

enum kodo_err
tally_sum(struct txn *t, struct tally_sum *out)
{
	struct scan s = scan_prefix(t, T_TALLY, STR_NULL);
	uint32_t n;

	*out = (struct tally_sum){ 0 };
	while (scan_next(&s)) {
		if (str_eq(s.k, STRANGERS) || str_eq(s.k, UNPROVEN))
			continue;
		if (s.v.len != 4 || s.k.len > sizeof(out->client)) {
			s.err = KODO_ECORRUPT;
			continue;
		}
		n = get_be32(s.v.p);
		out->n_clients++;
		out->n_providers += n;
		if (n <= out->most)
			continue;
		out->most = n;
		out->client = in6addr_any;
		memcpy(&out->client, s.k.p, s.k.len);
	}
	return scan_end(&s);
}
