#include "core/base/base64.h"
#include "core/base/json.h"
#include "core/base/url.h"
#include "core/trust/document.h"
#include "core/wire/jread.h"

void
document_put(struct buf *out, struct str url, const struct own_key *k)
{
	buf_puts(out, "{\"url\":");
	json_put_str(out, url);
	buf_puts(out, ",\"keys\":[{\"key\":\"");
	base64_put(out, BASE64_URL, key_bytes(k->key));
	buf_puts(out, "\",\"alg\":\"ed25519\",\"since\":");
	json_put_time(out, k->since_us, false);
	buf_puts(out, "}]}");
}

/* The key of the first entry of the list that is of our kind. */
static enum kodo_err
key_read(struct jread *j, struct arena *a, struct str keys, unsigned char key[CRYPTO_KEY_BYTES])
{
	static const char *const names[] = { "key", "alg" };
	struct str values[2], name, entry, text, alg;
	struct jread_walk w;
	enum kodo_err err;

	if (jread_kind(keys) != JREAD_LIST)
		return KODO_EINVAL;
	jread_begin(&w, keys);
	while (jread_next(&w, &name, &entry)) {
		if (jread_kind(entry) != JREAD_OBJECT)
			continue;
		err = jread_fields(j, entry, names, 2, values);
		if (err != KODO_OK)
			return err;
		if (jread_kind(values[0]) != JREAD_TEXT || jread_kind(values[1]) != JREAD_TEXT)
			continue;
		err = jread_text(j, a, values[0], &text);
		if (err == KODO_OK)
			err = jread_text(j, a, values[1], &alg);
		if (err != KODO_OK)
			return err;
		if (str_eq(alg, STR("ed25519")))
			return base64_read_n(BASE64_URL, text, key, CRYPTO_KEY_BYTES);
	}
	return KODO_EINVAL;
}

enum kodo_err
document_read(
    struct arena *a, struct str json, struct str *url, unsigned char key[CRYPTO_KEY_BYTES])
{
	static const char *const names[] = { "url", "keys" };
	struct str value, values[2], text;
	struct jread_fault fault;
	struct jread *j;
	enum kodo_err err;

	*url = STR_NULL;
	if (!jread_check(json, &value, &fault) || jread_kind(value) != JREAD_OBJECT)
		return KODO_EINVAL;
	j = jread_new();
	if (j == NULL)
		return KODO_ENOMEM;
	err = jread_fields(j, value, names, 2, values);
	if (err == KODO_OK && jread_kind(values[0]) != JREAD_TEXT)
		err = KODO_EINVAL;
	if (err == KODO_OK)
		err = jread_text(j, a, values[0], &text);
	if (err == KODO_OK)
		err = url_key(a, text, url);
	if (err == KODO_OK)
		err = key_read(j, a, values[1], key);
	jread_free(j);
	return err == KODO_ETOOBIG ? KODO_EINVAL : err;
}
