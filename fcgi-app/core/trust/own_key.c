#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/base64.h"
#include "core/trust/own_key.h"

#define FILE_NAME	"identity"
/* of its line: the seed, since when in seconds, and for each rotation key and signature */
#define SINCE_BYTES	24u
#define LINE_BYTES	                       \
	(2 * CRYPTO_SEED_BYTES + SINCE_BYTES + \
	    OWN_KEY_FORMER * 2 * (CRYPTO_KEY_BYTES + CRYPTO_SIGNATURE_BYTES + 1) + 1)

/* What a key signs for the one after it. */
static enum kodo_err
rotation_text(struct buf *b, struct str old, struct str new)
{
	buf_reset(b);
	buf_puts(b, "kodo key rotation\n");
	base64_put(b, BASE64_URL, old);
	buf_putc(b, '\n');
	base64_put(b, BASE64_URL, new);
	buf_putc(b, '\n');
	return buf_failed(b) ? b->err : KODO_OK;
}

enum kodo_err
rotation_leads(struct str known, const struct rotation *former, size_t n, struct str key)
{
	struct buf b = BUF_INIT(0);
	enum kodo_err err = KODO_EINVAL;
	size_t i;

	for (i = 0; i < n && !str_eq(known, key_bytes(former[i].key)); i++)
		;
	for (; i < n; i++) {
		err = rotation_text(&b, key_bytes(former[i].key),
		    i + 1 < n ? key_bytes(former[i + 1].key) : key);
		if (err == KODO_OK)
			err = crypto_verify(former[i].key, buf_str(&b), former[i].signature);
		if (err != KODO_OK)
			break;
	}
	buf_free(&b);
	return err;
}

static bool
unhex(const char **at, unsigned char *out, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < 2 * n; i++) {
		const char *found = (*at)[i] != '\0' ? strchr(digits, (*at)[i]) : NULL;

		if (found == NULL)
			return false;
		out[i / 2] = (unsigned char)(i % 2 == 0 ? (found - digits) << 4
							: out[i / 2] | (found - digits));
	}
	*at += 2 * n;
	return true;
}

static enum kodo_err
line_read(const char *line, struct own_key *out)
{
	char *end;

	if (!unhex(&line, out->seed, sizeof(out->seed)) || *line != ' ')
		return KODO_ECORRUPT;
	out->since_us = strtoll(line + 1, &end, 10) * 1000000;
	for (line = end; *line == ' ' && out->n_former < OWN_KEY_FORMER; out->n_former++) {
		struct rotation *r = &out->former[out->n_former];

		line++;
		if (!unhex(&line, r->key, sizeof(r->key)) ||
		    !unhex(&line, r->signature, sizeof(r->signature)))
			return KODO_ECORRUPT;
	}
	return *line == '\0' ? KODO_OK : KODO_ECORRUPT;
}

static enum kodo_err
key_write(const struct state *s, const struct own_key *k, bool replace)
{
	char line[LINE_BYTES], *at = line + 2 * sizeof(k->seed);
	size_t i;

	state_hex(line, k->seed, sizeof(k->seed));
	at += snprintf(at, SINCE_BYTES, " %" PRId64, k->since_us / 1000000);
	for (i = 0; i < k->n_former; i++) {
		*at++ = ' ';
		state_hex(at, k->former[i].key, CRYPTO_KEY_BYTES);
		at += 2 * CRYPTO_KEY_BYTES;
		state_hex(at, k->former[i].signature, CRYPTO_SIGNATURE_BYTES);
		at += 2 * CRYPTO_SIGNATURE_BYTES;
	}
	return state_secret_write(s, FILE_NAME, line, replace);
}

static enum kodo_err
key_read(const struct state *s, int64_t now_us, struct own_key *out)
{
	char line[LINE_BYTES + 1];
	enum kodo_err err;

	*out = (struct own_key){ .since_us = now_us };
	err = state_secret_read(s, FILE_NAME, line, sizeof(line));
	if (err == KODO_ENOTFOUND) {
		arc4random_buf(out->seed, sizeof(out->seed));
		err = key_write(s, out, false);
		if (err == KODO_OK)
			err = state_secret_read(s, FILE_NAME, line, sizeof(line));
	}
	if (err == KODO_OK)
		err = line_read(line, out);
	return err == KODO_OK ? crypto_public_key(out->seed, out->key) : err;
}

enum kodo_err
own_key_get(const struct state *s, int64_t now_us, struct own_key *out)
{
	/* each message is signed with it, and to read and derive it takes as long as to sign */
	static struct own_key cached;
	static struct state_secret_stamp seen;
	const struct state_secret_stamp is = state_secret_stamp(s, FILE_NAME);
	enum kodo_err err;

	if (is.inode != 0 && memcmp(&is, &seen, sizeof(is)) == 0) {
		*out = cached;
		return KODO_OK;
	}
	err = key_read(s, now_us, out);
	cached = *out;
	seen = err == KODO_OK ? is : (struct state_secret_stamp){ 0 };
	return err;
}

enum kodo_err
own_key_rotate(const struct state *s, int64_t now_us, struct own_key *out)
{
	struct buf b = BUF_INIT(0);
	struct own_key old;
	struct rotation *last;
	enum kodo_err err = own_key_get(s, now_us, &old);

	if (err != KODO_OK)
		return err;
	*out = old;
	out->since_us = now_us;
	if (out->n_former == OWN_KEY_FORMER) {
		memmove(out->former, out->former + 1,
		    (OWN_KEY_FORMER - 1) * sizeof(out->former[0]));
		out->n_former--;
	}
	last = &out->former[out->n_former++];
	memcpy(last->key, old.key, sizeof(last->key));
	arc4random_buf(out->seed, sizeof(out->seed));
	err = crypto_public_key(out->seed, out->key);
	if (err == KODO_OK)
		err = rotation_text(&b, key_bytes(old.key), key_bytes(out->key));
	if (err == KODO_OK)
		err = crypto_sign(old.seed, buf_str(&b), last->signature);
	buf_free(&b);
	return err == KODO_OK ? key_write(s, out, true) : err;
}

/* --- of the machines of a cluster --- */

_Static_assert(OWN_KEY_TEXT > LINE_BYTES, "a line with all rotations");

enum kodo_err
own_key_text(const struct state *s, int64_t now_us, char out[OWN_KEY_TEXT])
{
	struct own_key own;
	enum kodo_err err = own_key_get(s, now_us, &own);

	return err == KODO_OK ? state_secret_read(s, FILE_NAME, out, OWN_KEY_TEXT) : err;
}

enum kodo_err
own_key_take(const struct state *s, int64_t now_us, struct str text)
{
	struct own_key own, other = { .n_former = 0 };
	char line[LINE_BYTES + 1];
	enum kodo_err err;
	size_t i;

	if (text.len >= sizeof(line))
		return KODO_ECORRUPT;
	str_copy(line, sizeof(line), text);
	err = line_read(line, &other);
	if (err == KODO_OK)
		err = crypto_public_key(other.seed, other.key);
	if (err == KODO_OK)
		err = own_key_get(s, now_us, &own);
	if (err != KODO_OK || memcmp(own.seed, other.seed, sizeof(own.seed)) == 0)
		return err;
	for (i = 0; i < own.n_former; i++)
		if (memcmp(own.former[i].key, other.key, sizeof(other.key)) == 0)
			return KODO_ECONFLICT;
	return key_write(s, &other, true);
}
