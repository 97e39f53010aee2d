#include <stdio.h>

#include "core/base/address.h"
#include "core/base/base64.h"
#include "core/trust/pin.h"

static const char *const level_names[PIN_LEVELS] = {
	[PIN_OPEN] = "open",
	[PIN_ADDRESS] = "by address",
	[PIN_PINNED] = "pinned",
	[PIN_PROVED] = "proved",
};

enum pin_level
pin_level(const struct options *o, const struct peer *p)
{
	if (o->trust == TRUST_OPEN)
		return PIN_OPEN;
	if (p->trust.key.len > 0)
		return p->trust.proved_us != 0 ? PIN_PROVED : PIN_PINNED;
	return p->trust.addresses.len > 0 ? PIN_ADDRESS : PIN_OPEN;
}

const char *
pin_level_name(enum pin_level level)
{
	return level_names[level];
}

/* The key that speaks is the one known, or signed for by it. */
static bool
is_key_of(const struct peer *p, const struct signer *s)
{
	const struct str key = key_bytes(s->key);

	return str_eq(p->trust.key, key) ||
	    rotation_leads(p->trust.key, s->former, s->n_former, key) == KODO_OK;
}

static bool
is_address_of(const struct peer *p, const struct in6_addr *address)
{
	size_t i;

	for (i = 0; i + sizeof(*address) <= p->trust.addresses.len; i += sizeof(*address))
		if (memcmp(p->trust.addresses.p + i, address, sizeof(*address)) == 0)
			return true;
	return false;
}

enum pin_verdict
pin_judge(const struct options *o, struct str url_key, const struct peer *p,
    const struct speaker *who)
{
	const bool has_key = p != NULL && p->trust.key.len > 0;
	unsigned char listed[OPTION_KEY_BYTES];

	if (o->trust == TRUST_OPEN)
		return PIN_COUNTS;
	/* what the options give stands above what was found out */
	if (option_key_of(o, url_key, listed))
		return !who->is_signed ? PIN_NO_KEY
		    : str_eq(key_bytes(listed), key_bytes(who->signer.key)) ? PIN_COUNTS
		    : PIN_OTHER_KEY;
	if (o->trust == TRUST_LISTED && (!has_key || (p->flags & PEER_VOUCHED) == 0))
		return PIN_NOT_LISTED;
	if (has_key && !who->is_signed)
		return PIN_NO_KEY;
	if (has_key)
		return is_key_of(p, &who->signer) ? PIN_COUNTS : PIN_OTHER_KEY;
	if (!who->is_signed && o->trust != TRUST_KNOWN)
		return PIN_NO_KEY;
	/* of a url that is known by its address a key is not taken from elsewhere either */
	if (p != NULL && p->trust.addresses.len > 0 && who->has_address &&
	    !is_address_of(p, &who->address))
		return PIN_OTHER_ADDRESS;
	return PIN_COUNTS;
}

bool
pin_ask(struct peer *p, enum pin_verdict verdict, int64_t now_us)
{
	/* who forges words must not put off the question that the owner's own word raises */
	int64_t *asked_us = verdict == PIN_COUNTS ? &p->trust.asked_us : &p->trust.refused_us;
	const int64_t since_us = now_us - *asked_us;

	if (verdict == PIN_NOT_LISTED || (p->flags & PEER_VOUCHED) != 0 ||
	    (since_us >= 0 && since_us < PIN_ASK_US))
		return false;
	*asked_us = now_us;
	return true;
}

static enum kodo_err
address_note(struct arena *a, struct peer *p, const struct in6_addr *address)
{
	const size_t size = sizeof(*address);
	struct str old = p->trust.addresses;
	char *bytes;

	if (is_address_of(p, address))
		return KODO_OK;
	/* the first one stays, of the others the oldest goes */
	if (old.len >= PIN_ADDRESSES * size)
		old.len = (PIN_ADDRESSES - 1) * size;
	bytes = arena_alloc(a, old.len + size);
	if (bytes == NULL)
		return KODO_ENOMEM;
	if (old.len > 0) {
		memcpy(bytes, old.p, size);
		memcpy(bytes + 2 * size, old.p + size, old.len - size);
	}
	memcpy(bytes + (old.len > 0 ? size : 0), address, size);
	p->trust.addresses = (struct str){ bytes, old.len + size };
	return KODO_OK;
}

enum kodo_err
pin_take(struct arena *a, struct peer *p, const struct speaker *who, bool is_answer, int64_t now_us)
{
	const struct str key = key_bytes(who->signer.key);
	enum kodo_err err = KODO_OK;

	if (who->is_signed && !str_eq(p->trust.key, key)) {
		err = arena_str(a, key, &p->trust.key);
		p->trust.since_us = now_us;
		p->trust.proved_us = p->trust.asked_us = 0;
	}
	if (who->is_signed && is_answer)
		p->trust.proved_us = now_us;
	return err == KODO_OK && who->has_address ? address_note(a, p, &who->address) : err;
}

void
pin_forget(struct peer *p)
{
	if ((p->flags & PEER_VOUCHED) != 0)
		return;
	p->trust.key = p->trust.addresses = STR_NULL;
	p->trust.since_us = p->trust.proved_us = p->trust.asked_us = 0;
	p->trust.refused_us = 0;
}

void
pin_key_text(struct str key, char out[PIN_KEY_CHARS])
{
	struct buf b = BUF_INIT(0);

	base64_put(&b, BASE64_URL, key);
	snprintf(out, PIN_KEY_CHARS, "%s", buf_failed(&b) ? "" : buf_z(&b));
	buf_free(&b);
}

const char *
pin_words(struct arena *a, enum pin_verdict verdict, struct str url, const struct peer *p,
    const struct speaker *who)
{
	char known[PIN_KEY_CHARS] = "", spoke[PIN_KEY_CHARS] = "none", from[INET6_ADDRSTRLEN] = "?";

	if (p != NULL && p->trust.key.len > 0)
		pin_key_text(p->trust.key, known);
	if (who->is_signed)
		pin_key_text(key_bytes(who->signer.key), spoke);
	if (who->has_address)
		(void)address_text(&who->address, from);
	switch (verdict) {
	case PIN_OTHER_KEY:
		return arena_printf(a,
		    "%.*s is known here with the key %s, and this is signed with %s: if the key "
		    "was lost, show the new one at %.*s/.well-known/kodo.json, or have the admin "
		    "here say `kodo trust %.*s %s`", STR_ARG(url), known, spoke, STR_ARG(url),
		    STR_ARG(url), spoke);
	case PIN_NO_KEY:
		if (known[0] == '\0')
			return arena_printf(
			    a, "%.*s must sign its requests to be a peer here", STR_ARG(url));
		return arena_printf(a, "%.*s is known here with the key %s, and this is not signed",
		    STR_ARG(url), known);
	case PIN_OTHER_ADDRESS:
		return arena_printf(a,
		    "%.*s is known here from another address than %s: let its name resolve to "
		    "that, or have the admin here say `kodo trust %.*s none`", STR_ARG(url), from,
		    STR_ARG(url));
	case PIN_NOT_LISTED:
		return arena_printf(a,
		    "%.*s is no peer here unless its admin says `kodo trust %.*s %s`",
		    STR_ARG(url), STR_ARG(url), who->is_signed ? spoke : "KEY");
	case PIN_COUNTS:
	default:
		return "";
	}
}
