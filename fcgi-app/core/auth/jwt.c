#include <math.h>
#include <strings.h>

#include "core/auth/jwt.h"
#include "core/auth/members.h"
#include "core/base/base64.h"
#include "core/base/limit.h"

enum { ALG, KID, TYP, CRIT, JKU, JWK, X5U, X5C, N_HEADER };

static const char *const header_names[] = {
	[ALG] = "alg", [KID] = "kid", [TYP] = "typ", [CRIT] = "crit", [JKU] = "jku", [JWK] = "jwk",
	[X5U] = "x5u", [X5C] = "x5c",
};

enum { EXP, NBF, IAT, AUD, N_CLAIMS };

static const char *const claim_names[] = {
	[EXP] = "exp", [NBF] = "nbf", [IAT] = "iat", [AUD] = "aud",
};

#define AUDIENCE	"%AUD%"

struct token {
	struct jread *j;
	struct arena *a;
	const struct jwt_rules *rules;
	struct str signed_part;
	struct str header, claims, signature;	/* decoded */
	enum crypto_scheme scheme;
};

const char *
jwt_fault_text(enum jwt_fault fault)
{
	static const char *const texts[] = {
		[JWT_GOOD] = "the token is good",
		[JWT_TOO_LONG] = "the token is too long",
		[JWT_NO_PARTS] = "the token is not three parts of base64url",
		[JWT_NO_HEADER] = "the header of the token is no JSON object",
		[JWT_NO_ALG] = "the token is not signed by a key (alg none or HS)",
		[JWT_OTHER_ALG] = "the alg of the token is none of ours",
		[JWT_OTHER_TYPE] = "the token is of another type",
		[JWT_CRITICAL] = "the token has critical extensions",
		[JWT_OWN_KEY] = "the token brings its own key (jku, jwk, x5u or x5c)",
		[JWT_UNKNOWN_KEY] = "the key of the token is unknown",
		[JWT_WRONG_KEY] = "the alg of the token is not that of its key",
		[JWT_WRONG_SIGNATURE] = "the signature of the token is wrong",
		[JWT_NO_CLAIMS] = "the claims of the token are no JSON object",
		[JWT_NO_EXP] = "the token has no exp",
		[JWT_EXPIRED] = "the token has expired",
		[JWT_TOO_EARLY] = "the token is not valid yet",
		[JWT_WRONG_TIME] = "a time of the token is no number",
		[JWT_WRONG_AUDIENCE] = "the token is for another audience",
	};

	return texts[fault];
}

unsigned
jwt_role_of(struct str name)
{
	static const struct {
		const char *name;
		unsigned role;
	} roles[] = { { "registry", JWT_REGISTRY }, { "flows", JWT_FLOWS } };
	size_t i;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (str_eq(name, str_of(roles[i].name)))
			return roles[i].role;
	return 0;
}

/* KODO_EINVAL: not three parts, each in its only way to be written. */
static enum kodo_err
split(struct token *t, struct str text)
{
	struct str *const parts[] = { &t->header, &t->claims, &t->signature };
	struct str rest = text;
	size_t i;
	enum kodo_err err = KODO_OK;

	for (i = 0; err == KODO_OK && i < 3; i++) {
		const struct str part = str_cut(&rest, '.');

		if (i == 1)
			t->signed_part = (struct str){ text.p,
				(size_t)(part.p + part.len - text.p) };
		err = part.len == 0 ? KODO_EINVAL
		    : base64_read(t->a, BASE64_URL, part, parts[i]);
	}
	/* what str_cut has cut off behind the third part is more of them */
	if (err == KODO_OK && t->signed_part.len + 1 + (t->signature.len * 4 + 2) / 3 != text.len)
		err = KODO_EINVAL;
	return err;
}

/* Members of a text that must be one JSON object. KODO_EINVAL: it is none. */
static enum kodo_err
read_object(const struct token *t, struct str json, const char *const names[], size_t n,
    struct str values[], struct str *object)
{
	struct jread_fault fault;

	if (!jread_check(json, object, &fault))
		return KODO_EINVAL;
	return members_read(t->j, t->a, *object, names, n, values);
}

/* RFC 7515, 4.1.9: a media type, `application/` may be left out; RFC 9068. */
static bool
is_our_type(struct str typ)
{
	static const char *const types[] = { "JWT", "at+jwt" };
	const struct str prefix = STR("application/");
	size_t i;

	if (typ.len > prefix.len && strncasecmp(typ.p, prefix.p, prefix.len) == 0)
		typ = str_skip(typ, prefix.len);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (typ.len == strlen(types[i]) && strncasecmp(typ.p, types[i], typ.len) == 0)
			return true;
	return false;
}

/* What the texts of alg and typ have against the token. */
static enum jwt_fault
judge_kind(struct token *t, const struct str values[N_HEADER], struct str alg, struct str typ)
{
	static const int own_keys[] = { JKU, JWK, X5U, X5C };
	size_t i;

	for (i = 0; i < sizeof(own_keys) / sizeof(own_keys[0]); i++)
		if (values[own_keys[i]].p != NULL)
			return JWT_OWN_KEY;
	if (values[CRIT].p != NULL)
		return JWT_CRITICAL;
	if (values[TYP].p != NULL && !is_our_type(typ))
		return JWT_OTHER_TYPE;
	if (str_eq(alg, STR("none")) || str_starts(alg, STR("HS")) || alg.p == NULL)
		return JWT_NO_ALG;
	return jwks_scheme(alg, &t->scheme) ? JWT_GOOD : JWT_OTHER_ALG;
}

static enum kodo_err
judge_header(struct token *t, const struct jwks_key **key, enum jwt_fault *fault)
{
	struct str values[N_HEADER], alg, kid, typ, object;
	bool has_kid;
	enum kodo_err err = read_object(t, t->header, header_names, N_HEADER, values, &object);

	*fault = JWT_NO_HEADER;
	if (err == KODO_OK)
		err = members_text(t->j, t->a, values[ALG], &alg);
	if (err == KODO_OK)
		err = members_text(t->j, t->a, values[KID], &kid);
	if (err == KODO_OK)
		err = members_text(t->j, t->a, values[TYP], &typ);
	if (err != KODO_OK || (values[KID].p != NULL && kid.p == NULL))
		return err == KODO_EINVAL ? KODO_OK : err;
	*fault = judge_kind(t, values, alg, typ);
	if (*fault != JWT_GOOD)
		return KODO_OK;
	*key = jwks_find(t->rules->keys, kid, t->scheme, &has_kid);
	if (*key == NULL)
		*fault = has_kid ? JWT_WRONG_KEY : JWT_UNKNOWN_KEY;
	return KODO_OK;
}

/* A NumericDate, or `absent` where there is none. KODO_EINVAL: it is something else. */
static enum kodo_err
read_time(const struct token *t, struct str value, double absent, double *out)
{
	*out = absent;
	if (value.p == NULL)
		return KODO_OK;
	return jread_kind(value) == JREAD_NUMBER ? jread_number(t->j, value, out) : KODO_EINVAL;
}

static enum kodo_err
judge_times(const struct token *t, const struct str values[N_CLAIMS], enum jwt_fault *fault)
{
	const double now = (double)t->rules->now_us / 1e6;
	double exp, nbf, iat;
	enum kodo_err err = read_time(t, values[EXP], INFINITY, &exp);

	*fault = JWT_WRONG_TIME;
	if (err == KODO_OK)
		err = read_time(t, values[NBF], -INFINITY, &nbf);
	if (err == KODO_OK)
		err = read_time(t, values[IAT], -INFINITY, &iat);
	if (err != KODO_OK)
		return err == KODO_EINVAL ? KODO_OK : err;
	if (values[EXP].p == NULL)
		*fault = JWT_NO_EXP;
	else if (now >= exp + JWT_SKEW_S)
		*fault = JWT_EXPIRED;
	else if (now < nbf - JWT_SKEW_S || now < iat - JWT_SKEW_S)
		*fault = JWT_TOO_EARLY;
	else
		*fault = JWT_GOOD;
	return KODO_OK;
}

/* Call each for the texts of value: of a text itself, or of all in a list. */
static enum kodo_err
each_text(const struct token *t, struct str value, void (*each)(void *arg, struct str text),
    void *arg)
{
	struct jread_walk w;
	struct str key, text, item = value;
	enum kodo_err err = KODO_OK;

	if (jread_kind(value) != JREAD_LIST) {
		err = members_text(t->j, t->a, value, &text);
		if (err == KODO_OK && text.p != NULL)
			each(arg, text);
		return err;
	}
	jread_begin(&w, value);
	while (err == KODO_OK && jread_next(&w, &key, &item)) {
		err = members_text(t->j, t->a, item, &text);
		if (err == KODO_OK && text.p != NULL)
			each(arg, text);
	}
	return err;
}

struct audience {
	struct str wanted;
	bool is_named;
};

static void
match_audience(void *arg, struct str text)
{
	struct audience *aud = arg;

	aud->is_named |= str_eq(text, aud->wanted);
}

/* One text may hold several roles, as a scope does (RFC 8693, 4.2). */
static void
add_roles(void *arg, struct str text)
{
	unsigned *roles = arg;

	while (text.len > 0)
		*roles |= jwt_role_of(str_cut(&text, ' '));
}

/* The claim that role_path leads to; null: there is none. KODO_EINVAL: as members_read. */
static enum kodo_err
find_roles(const struct token *t, struct str claims, struct str *out)
{
	const struct str aud = STR(AUDIENCE);
	struct str rest = t->rules->role_path;
	enum kodo_err err = KODO_OK;

	*out = claims;
	while (err == KODO_OK && rest.len > 0) {
		struct str step = str_cut(&rest, '/');
		const char *at =
		    step.len == 0 ? NULL : memmem(step.p, step.len, aud.p, aud.len);

		if (jread_kind(*out) != JREAD_OBJECT) {
			*out = STR_NULL;
			return KODO_OK;
		}
		if (at != NULL) {
			const struct str tail = { at + aud.len,
				(size_t)(step.p + step.len - at) - aud.len };
			const char *text = arena_printf(t->a, "%.*s%.*s%.*s", (int)(at - step.p),
			    step.p, STR_ARG(t->rules->audience), STR_ARG(tail));

			if (text == NULL)
				return KODO_ENOMEM;
			step = str_of(text);
		}
		err = members_find(t->j, t->a, *out, step, out);
	}
	return err;
}

static enum kodo_err
judge_claims(const struct token *t, unsigned *roles, enum jwt_fault *fault)
{
	struct audience aud = { .wanted = t->rules->audience };
	struct str values[N_CLAIMS], object, list = STR_NULL;
	enum kodo_err err = read_object(t, t->claims, claim_names, N_CLAIMS, values, &object);

	*fault = JWT_NO_CLAIMS;
	if (err == KODO_OK)
		err = judge_times(t, values, fault);
	if (err != KODO_OK || *fault != JWT_GOOD)
		return err == KODO_EINVAL ? KODO_OK : err;
	err = each_text(t, values[AUD], match_audience, &aud);
	if (err == KODO_OK && !aud.is_named) {
		*fault = JWT_WRONG_AUDIENCE;
		return KODO_OK;
	}
	if (err == KODO_OK)
		err = find_roles(t, object, &list);
	if (err == KODO_OK)
		err = each_text(t, list, add_roles, roles);
	if (err == KODO_EINVAL)
		*fault = JWT_NO_CLAIMS;
	return err == KODO_EINVAL ? KODO_OK : err;
}

/* The signature before the claims: nothing in them counts before. */
static enum kodo_err
judge(struct token *t, struct str text, unsigned *roles, enum jwt_fault *fault)
{
	const struct jwks_key *key = NULL;
	enum kodo_err err = split(t, text);

	*fault = JWT_NO_PARTS;
	if (err != KODO_OK)
		return err == KODO_EINVAL ? KODO_OK : err;
	err = judge_header(t, &key, fault);
	if (err != KODO_OK || *fault != JWT_GOOD)
		return err;
	err = crypto_jwk_verify(&key->key, t->scheme, t->signed_part, t->signature);
	if (err == KODO_EINVAL) {
		*fault = JWT_WRONG_SIGNATURE;
		return KODO_OK;
	}
	return err == KODO_OK ? judge_claims(t, roles, fault) : err;
}

enum kodo_err
jwt_check(struct arena *a, struct str token, const struct jwt_rules *rules, unsigned *roles,
    enum jwt_fault *fault)
{
	struct token t = { .a = a, .rules = rules };
	enum kodo_err err;

	*roles = 0;
	*fault = JWT_TOO_LONG;
	if (token.len > LIMIT_JWT_BYTES)
		return KODO_OK;
	t.j = jread_new();
	if (t.j == NULL)
		return KODO_ENOMEM;
	err = judge(&t, token, roles, fault);
	if (err != KODO_OK || *fault != JWT_GOOD)
		*roles = 0;
	jread_free(t.j);
	return err;
}
