#include "core/auth/jwks.h"
#include "core/auth/members.h"
#include "core/base/base64.h"
#include "core/base/limit.h"

#define RSA_MIN_BYTES	256u	/* RFC 7518, 3.3 */

enum { KTY, USE, KEY_OPS, ALG, KID, CRV, N, E, X, Y, D, K, N_MEMBERS };

static const char *const member_names[] = {
	[KTY] = "kty", [USE] = "use", [KEY_OPS] = "key_ops", [ALG] = "alg", [KID] = "kid",
	[CRV] = "crv", [N] = "n", [E] = "e", [X] = "x", [Y] = "y", [D] = "d", [K] = "k",
};

static const struct {
	const char *kty, *crv;
	int first, second;	/* members; -1: none */
} types[] = {
	[CRYPTO_RSA] = { "RSA", NULL, N, E },
	[CRYPTO_P256] = { "EC", "P-256", X, Y },
	[CRYPTO_ED25519] = { "OKP", "Ed25519", X, -1 },
};

#define N_TYPES	(sizeof(types) / sizeof(types[0]))

/* What reads a set. */
struct reader {
	struct jread *j;
	struct arena *a;
	struct str values[N_MEMBERS];	/* of the key at hand, as they stand in the set */
	struct str texts[N_MEMBERS];	/* null where they are no texts */
};

bool
jwks_scheme(struct str alg, enum crypto_scheme *out)
{
	static const struct {
		const char *alg;
		enum crypto_scheme scheme;
	} rows[] = {
		{ "RS256", CRYPTO_RS256 },
		{ "RS384", CRYPTO_RS384 },
		{ "RS512", CRYPTO_RS512 },
		{ "ES256", CRYPTO_ES256 },
		{ "EdDSA", CRYPTO_EDDSA },
		{ "Ed25519", CRYPTO_EDDSA },	/* RFC 9864 */
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (str_eq(alg, str_of(rows[i].alg))) {
			*out = rows[i].scheme;
			return true;
		}
	return false;
}

/* Is the key for verifying, as far as it says? */
static enum kodo_err
is_for_verifying(const struct reader *r, bool *out)
{
	struct jread_walk w;
	struct str key, value, text;
	enum kodo_err err = KODO_OK;

	*out = r->values[USE].p == NULL || str_eq(r->texts[USE], STR("sig"));
	if (!*out || r->values[KEY_OPS].p == NULL)
		return KODO_OK;
	*out = false;
	if (jread_kind(r->values[KEY_OPS]) != JREAD_LIST)
		return KODO_OK;
	jread_begin(&w, r->values[KEY_OPS]);
	while (err == KODO_OK && !*out && jread_next(&w, &key, &value)) {
		err = members_text(r->j, r->a, value, &text);
		*out = str_eq(text, STR("verify"));
	}
	return err;
}

/* The type of the key, and its numbers. KODO_EINVAL: none of ours. */
static enum kodo_err
read_numbers(const struct reader *r, struct crypto_jwk *out)
{
	size_t i;
	enum kodo_err err;

	for (i = 0; i < N_TYPES; i++)
		if (str_eq(r->texts[KTY], str_of(types[i].kty)) &&
		    (types[i].crv == NULL || str_eq(r->texts[CRV], str_of(types[i].crv))))
			break;
	if (i == N_TYPES)
		return KODO_EINVAL;
	*out = (struct crypto_jwk){ .type = (enum crypto_key_type)i };
	err = base64_read(r->a, BASE64_URL, r->texts[types[i].first], &out->first);
	if (err == KODO_OK && types[i].second >= 0)
		err = base64_read(r->a, BASE64_URL, r->texts[types[i].second], &out->second);
	return err;
}

static struct str
without_zeros(struct str number)
{
	while (number.len > 0 && number.p[0] == '\0')
		number = str_skip(number, 1);
	return number;
}

/* Do the numbers have the sizes of a key that is safe, and not too slow? */
static bool
has_good_sizes(struct crypto_jwk *key)
{
	if (key->type != CRYPTO_RSA)
		return key->first.len == CRYPTO_POINT_BYTES &&
		    (key->type != CRYPTO_P256 || key->second.len == CRYPTO_POINT_BYTES);
	key->first = without_zeros(key->first);
	key->second = without_zeros(key->second);
	return key->first.len >= RSA_MIN_BYTES && key->first.len <= CRYPTO_RSA_MAX_BYTES &&
	    (key->first.len > RSA_MIN_BYTES || ((unsigned char)key->first.p[0] & 0x80) != 0) &&
	    key->second.len >= 1 && key->second.len <= CRYPTO_RSA_E_MAX_BYTES &&
	    (key->second.p[key->second.len - 1] & 1) != 0 &&
	    (key->second.len > 1 || key->second.p[0] != 1);
}

/* KODO_EINVAL: it is none that we can use. */
static enum kodo_err
read_key(struct reader *r, struct str object, struct jwks_key *out)
{
	bool verifies = false;
	size_t i;
	enum kodo_err err =
	    members_read(r->j, r->a, object, member_names, N_MEMBERS, r->values);

	*out = (struct jwks_key){ .has_scheme = false };
	for (i = 0; err == KODO_OK && i < N_MEMBERS; i++)
		err = members_text(r->j, r->a, r->values[i], &r->texts[i]);
	if (err == KODO_OK)
		err = is_for_verifying(r, &verifies);
	if (err != KODO_OK)
		return err;
	/* one with its private half in it is known to others by now */
	if (!verifies || r->values[D].p != NULL || r->values[K].p != NULL)
		return KODO_EINVAL;
	out->kid = r->texts[KID];
	out->has_scheme = r->values[ALG].p != NULL;
	if ((r->values[KID].p != NULL && out->kid.p == NULL) ||
	    (out->has_scheme && !jwks_scheme(r->texts[ALG], &out->scheme)))
		return KODO_EINVAL;
	err = read_numbers(r, &out->key);
	if (err == KODO_OK && (!has_good_sizes(&out->key) ||
		(out->has_scheme && crypto_scheme_type(out->scheme) != out->key.type)))
		err = KODO_EINVAL;
	return err;
}

/* Two keys of one type under one kid: nobody can tell which is meant. */
static void
drop_ambiguous(struct jwks_key *keys, struct jwks *out)
{
	size_t i, k, n = 0;

	for (i = 0; i < out->n; i++)
		for (k = 0; k < i; k++)
			if (keys[i].kid.p != NULL && str_eq(keys[i].kid, keys[k].kid) &&
			    keys[i].key.type == keys[k].key.type)
				keys[i].is_ambiguous = keys[k].is_ambiguous = true;
	for (i = 0; i < out->n; i++)
		if (!keys[i].is_ambiguous)
			keys[n++] = keys[i];
	out->n_left_out += out->n - n;
	out->n = n;
}

static enum kodo_err
read_keys(struct reader *r, struct str list, struct jwks *out, const char **reason)
{
	struct jwks_key *keys = arena_alloc(r->a, LIMIT_JWKS_KEYS * sizeof(*keys));
	struct jread_walk w;
	struct str key, value;
	enum kodo_err err;

	if (keys == NULL)
		return KODO_ENOMEM;
	out->keys = keys;
	jread_begin(&w, list);
	while (jread_next(&w, &key, &value)) {
		if (out->n + out->n_left_out == LIMIT_JWKS_KEYS) {
			*reason = "it has too many keys";
			return KODO_EINVAL;
		}
		err = read_key(r, value, &keys[out->n]);
		if (err == KODO_ENOMEM)
			return err;
		if (err == KODO_OK)
			out->n++;
		else
			out->n_left_out++;
	}
	drop_ambiguous(keys, out);
	return KODO_OK;
}

enum kodo_err
jwks_read(struct arena *a, struct str json, struct jwks *out, const char **reason)
{
	struct reader r = { .a = a };
	struct jread_fault fault;
	struct str value, list;
	enum kodo_err err;

	*out = (struct jwks){ .n = 0 };
	*reason = "it is no JSON";
	if (json.len > LIMIT_JWKS_BYTES || !jread_check(json, &value, &fault))
		return KODO_EINVAL;
	r.j = jread_new();
	if (r.j == NULL)
		return KODO_ENOMEM;
	*reason = "it is no key set (an object with a list `keys`)";
	err = members_find(r.j, a, value, STR("keys"), &list);
	if (err == KODO_OK && jread_kind(list) != JREAD_LIST)
		err = KODO_EINVAL;
	if (err == KODO_OK)
		err = read_keys(&r, list, out, reason);
	jread_free(r.j);
	return err;
}

static bool
fits(const struct jwks_key *key, enum crypto_scheme scheme)
{
	return key->key.type == crypto_scheme_type(scheme) &&
	    (!key->has_scheme || key->scheme == scheme);
}

const struct jwks_key *
jwks_find(const struct jwks *set, struct str kid, enum crypto_scheme scheme, bool *has_kid)
{
	const struct jwks_key *found = NULL;
	size_t i, n = 0;

	*has_kid = false;
	for (i = 0; i < set->n; i++) {
		const struct jwks_key *key = &set->keys[i];

		if (kid.p != NULL && (key->kid.p == NULL || !str_eq(key->kid, kid)))
			continue;
		*has_kid = kid.p != NULL;
		if (fits(key, scheme)) {
			found = key;
			n++;
		}
	}
	return n == 1 ? found : NULL;
}
