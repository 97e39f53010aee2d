#include <inttypes.h>
#include <stdlib.h>

#include "core/base/base64.h"
#include "core/base/limit.h"
#include "core/trust/sfv.h"
#include "core/trust/signature.h"

#define LABEL	"kodo"	/* of our signature, among those that proxies may add */

const char *const signature_names[SIGNATURE_FIELDS] = {
	"Content-Digest", "Kodo-From", "Kodo-To", "Signature-Input", "Signature", "Kodo-Former",
};

/* Components, and which of them must be covered. */
static const struct component {
	enum { METHOD, STATUS, TO, FROM, DIGEST, REQUEST } is;
	const char *name, *params;
	bool of_request, of_answer;
} components[] = {
	{ METHOD, "@method", "", true, false },
	{ STATUS, "@status", "", false, true },
	{ TO, "kodo-to", "", true, false },
	{ FROM, "kodo-from", "", true, true },
	{ DIGEST, "content-digest", "", true, true },
	{ REQUEST, "signature", ";req;key=\"" LABEL "\"", false, true },
};

#define N_COMPONENTS	(sizeof(components) / sizeof(components[0]))

static bool
is_wanted(const struct component *c, const struct signed_message *m)
{
	return m->method.p != NULL ? c->of_request : c->of_answer;
}

/* The member of ours of a Signature field. */
static bool
own_member(struct str field, enum sfv_kind kind, struct sfv_member *out)
{
	struct sfv_walk w = sfv_begin(field);
	struct sfv_member m;
	bool found = false;

	while (sfv_next(&w, &m))
		if (str_eq(m.key, STR(LABEL)) && m.kind == kind) {
			*out = m;
			found = true;
		}
	return found && !w.is_bad;
}

bool
signature_is_ours(struct str field)
{
	struct sfv_member m;

	return own_member(field, SFV_BYTES, &m);
}

/* `"name"params: value`, a line of the signature base (section 2.5). */
static void
put_component(struct buf *b, const struct component *c, const struct signed_message *m,
    const struct signature_fields *f)
{
	struct sfv_member req;

	buf_printf(b, "\"%s\"%s: ", c->name, c->params);
	switch (c->is) {
	case METHOD:
		buf_put_str(b, m->method);
		break;
	case STATUS:
		buf_printf(b, "%u", m->status);
		break;
	case TO:
		buf_put_str(b, f->to);
		break;
	case FROM:
		buf_put_str(b, f->from);
		break;
	case DIGEST:
		buf_put_str(b, f->digest);
		break;
	case REQUEST:
		if (own_member(m->request_signature, SFV_BYTES, &req))
			buf_put_str(b, req.text);
		break;
	}
	buf_putc(b, '\n');
}

static enum kodo_err
copy_out(struct arena *a, struct buf *b, struct str *out)
{
	enum kodo_err err = buf_failed(b) ? b->err : arena_str(a, buf_str(b), out);

	buf_reset(b);
	return err;
}

static enum kodo_err
put_digest(struct buf *b, struct str body)
{
	unsigned char sum[CRYPTO_SHA256_BYTES];
	enum kodo_err err = crypto_sha256(body, sum);

	buf_puts(b, "sha-256=:");
	base64_put(b, BASE64, (struct str){ (const char *)sum, sizeof(sum) });
	buf_putc(b, ':');
	return err;
}

static void
put_params(struct buf *b, const struct signed_message *m, const struct own_key *k, int64_t now_us)
{
	const char *before = "(";
	size_t i;

	for (i = 0; i < N_COMPONENTS; i++) {
		if (!is_wanted(&components[i], m))
			continue;
		buf_printf(b, "%s\"%s\"%s", before, components[i].name, components[i].params);
		before = " ";
	}
	buf_printf(b, ");created=%" PRId64 ";keyid=\"", now_us / 1000000);
	base64_put(b, BASE64_URL, key_bytes(k->key));
	buf_puts(b, "\";alg=\"ed25519\";tag=\"" LABEL "\"");
}

static void
put_former(struct buf *b, const struct own_key *k)
{
	size_t i;

	for (i = 0; i < k->n_former; i++) {
		if (i > 0)
			buf_putc(b, ' ');
		base64_put(b, BASE64_URL, key_bytes(k->former[i].key));
		buf_putc(b, '.');
		base64_put(b, BASE64_URL, (struct str){ (const char *)k->former[i].signature,
		    CRYPTO_SIGNATURE_BYTES });
	}
}

enum kodo_err
signature_make(struct arena *a, const struct own_key *k, const struct signed_message *m,
    int64_t now_us, struct signature_fields *f)
{
	unsigned char signature[CRYPTO_SIGNATURE_BYTES];
	struct buf b = BUF_INIT(0);
	struct str params = STR_NULL;
	enum kodo_err err = put_digest(&b, m->body);
	size_t i;

	if (err == KODO_OK)
		err = copy_out(a, &b, &f->digest);
	put_params(&b, m, k, now_us);
	if (err == KODO_OK)
		err = copy_out(a, &b, &params);
	for (i = 0; i < N_COMPONENTS && err == KODO_OK; i++)
		if (is_wanted(&components[i], m))
			put_component(&b, &components[i], m, f);
	buf_printf(&b, "\"@signature-params\": %.*s", STR_ARG(params));
	if (err == KODO_OK)
		err = buf_failed(&b) ? b.err : crypto_sign(k->seed, buf_str(&b), signature);
	buf_reset(&b);
	buf_printf(&b, LABEL "=%.*s", STR_ARG(params));
	if (err == KODO_OK)
		err = copy_out(a, &b, &f->input);
	buf_puts(&b, LABEL "=:");
	base64_put(&b, BASE64, (struct str){ (const char *)signature, sizeof(signature) });
	buf_putc(&b, ':');
	if (err == KODO_OK)
		err = copy_out(a, &b, &f->signature);
	put_former(&b, k);
	f->former = STR_NULL;
	if (err == KODO_OK && k->n_former > 0)
		err = copy_out(a, &b, &f->former);
	buf_free(&b);
	return err;
}

/* --- checking --- */

static const struct component *
component_find(struct str name, struct str params)
{
	size_t i;

	for (i = 0; i < N_COMPONENTS; i++)
		if (str_eq(name, str_of(components[i].name)) &&
		    str_eq(params, str_of(components[i].params)))
			return &components[i];
	return NULL;
}

/* The signature base, of what is covered there. KODO_EINVAL: more, or less, than there may be. */
static enum kodo_err
base_make(struct buf *b, const struct sfv_member *input, const struct signed_message *m,
    const struct signature_fields *f)
{
	struct str rest = input->items, name, params;
	unsigned covered = 0, i;

	while (sfv_next_item(&rest, &name, &params)) {
		const struct component *c = component_find(name, params);
		const unsigned bit = c == NULL ? 0 : 1u << (c - components);

		if (c == NULL || !is_wanted(c, m) || (covered & bit) != 0)
			return KODO_EINVAL;
		covered |= bit;
		put_component(b, c, m, f);
	}
	for (i = 0; i < N_COMPONENTS; i++)
		if (is_wanted(&components[i], m) && (covered & 1u << i) == 0)
			return KODO_EINVAL;
	buf_printf(b, "\"@signature-params\": %.*s", STR_ARG(input->text));
	return buf_failed(b) ? b->err : KODO_OK;
}

static bool
read_created(struct str params, int64_t *out)
{
	struct str value;
	char number[24];

	if (!sfv_param(params, STR("created"), &value) || value.len == 0)
		return false;
	str_copy(number, sizeof(number), value);
	*out = strtoll(number, NULL, 10);
	return true;
}

static bool
params_fit(struct str params, unsigned char key[CRYPTO_KEY_BYTES])
{
	struct str value;

	return sfv_param(params, STR("alg"), &value) && str_eq(value, STR("ed25519")) &&
	    sfv_param(params, STR("tag"), &value) && str_eq(value, STR(LABEL)) &&
	    sfv_param(params, STR("keyid"), &value) &&
	    base64_read_n(BASE64_URL, value, key, CRYPTO_KEY_BYTES) == KODO_OK;
}

/* Those that cannot be read lead nowhere. */
static void
former_read(struct str text, struct signer *out)
{
	const size_t key_chars = (CRYPTO_KEY_BYTES * 4 + 2) / 3;
	const size_t signature_chars = (CRYPTO_SIGNATURE_BYTES * 4 + 2) / 3;
	const size_t chars = key_chars + 1 + signature_chars;

	while (out->n_former < OWN_KEY_FORMER && text.len >= chars) {
		struct rotation *r = &out->former[out->n_former];
		const size_t step = text.len > chars ? chars + 1 : chars;

		if (text.p[key_chars] != '.' ||
		    base64_read_n(BASE64_URL, (struct str){ text.p, key_chars }, r->key,
			sizeof(r->key)) != KODO_OK ||
		    base64_read_n(BASE64_URL,
			(struct str){ text.p + key_chars + 1, signature_chars }, r->signature,
			sizeof(r->signature)) != KODO_OK)
			return;
		out->n_former++;
		text = (struct str){ text.p + step, text.len - step };
	}
}

static enum kodo_err
digest_check(struct str field, struct str body)
{
	unsigned char given[CRYPTO_SHA256_BYTES], made[CRYPTO_SHA256_BYTES];
	struct sfv_walk w = sfv_begin(field);
	struct sfv_member m;
	bool found = false;
	enum kodo_err err;

	while (sfv_next(&w, &m))
		if (str_eq(m.key, STR("sha-256")) && m.kind == SFV_BYTES)
			found = base64_read_n(BASE64, m.bytes, given, sizeof(given)) == KODO_OK;
	if (!found || w.is_bad)
		return KODO_EINVAL;
	err = crypto_sha256(body, made);
	if (err == KODO_OK && memcmp(given, made, sizeof(made)) != 0)
		err = KODO_EINVAL;
	return err;
}

enum kodo_err
signature_check(const struct signed_message *m, const struct signature_fields *f,
    struct signer *out, const char **why)
{
	unsigned char signature[CRYPTO_SIGNATURE_BYTES];
	struct sfv_member input, value;
	struct buf b = BUF_INIT(0);
	enum kodo_err err;

	*out = (struct signer){ .n_former = 0 };
	*why = NULL;
	if (f->input.len == 0 && f->signature.len == 0)
		return KODO_ENOTFOUND;
	*why = "its fields Signature-Input and Signature are no signature of kodo";
	if (f->input.len > LIMIT_SIGNATURE_BYTES || f->from.len == 0 ||
	    !own_member(f->input, SFV_LIST, &input) ||
	    !own_member(f->signature, SFV_BYTES, &value) || !params_fit(input.params, out->key) ||
	    !read_created(input.params, &out->created_s) ||
	    base64_read_n(BASE64, value.bytes, signature, sizeof(signature)) != KODO_OK)
		return KODO_EINVAL;
	*why = "its signature does not cover what it must";
	err = base_make(&b, &input, m, f);
	if (err == KODO_OK) {
		*why = "its signature is not of this message";
		err = crypto_verify(out->key, buf_str(&b), signature);
	}
	if (err == KODO_OK) {
		*why = "its Content-Digest is not of this body";
		err = digest_check(f->digest, m->body);
	}
	buf_free(&b);
	if (err == KODO_OK)
		former_read(f->former, out);
	return err;
}
