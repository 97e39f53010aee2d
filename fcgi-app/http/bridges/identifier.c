#include "core/base/ascii.h"
#include "core/base/hash.h"
#include "core/base/url.h"
#include "http/bridges/identifier.h"

#define JOINS		STR("/flows")
#define OTHER_HOST	STR("x--")	/* no top-level domain begins so */
#define LONE_HOST	STR("x--1.")	/* before a host of a single label, in a name */
#define LABEL_BYTES	63u
#define HASH_CHARS	9u		/* `-` and 8 digits */
#define URN_BEGIN	STR("urn:air:")
#define URN_KIND	STR(":flow:")

static bool
is_alnum(char c)
{
	return ascii_is_letter(c) || ascii_is_digit(c);
}

static bool
is_plain(char c)
{
	return is_alnum(c) || c == '-';
}

static bool
is_slug_char(char c)
{
	return is_plain(c) || c == '.' || c == '_';
}

static bool
is_label(struct str label)
{
	size_t i;

	for (i = 0; i < label.len; i++)
		if (!is_plain(label.p[i]))
			return false;
	return label.len > 0 && label.len <= LABEL_BYTES && is_alnum(label.p[0]) &&
	    is_alnum(label.p[label.len - 1]);
}

/* Has it labels of letters, digits and hyphens (RFC 952, RFC 1123), parted by single dots? */
static bool
is_plain_host(struct str host, size_t max)
{
	struct str rest = host;

	if (host.len == 0 || host.len > max || host.p[host.len - 1] == '.')
		return false;
	while (rest.len > 0)
		if (!is_label(str_cut(&rest, '.')))
			return false;
	return true;
}

/* The label of a host that comes first when it is reversed. */
static struct str
last_label(struct str host)
{
	size_t i = host.len;

	while (i > 0 && host.p[i - 1] != '.')
		i--;
	return str_skip(host, i);
}

static bool
is_hashed(struct str slug)
{
	size_t i;

	if (slug.len < HASH_CHARS || slug.p[slug.len - HASH_CHARS] != '-')
		return false;
	for (i = slug.len - HASH_CHARS + 1; i < slug.len; i++)
		if (ascii_hex_value(slug.p[i]) < 0 || (slug.p[i] >= 'A' && slug.p[i] <= 'F'))
			return false;
	return true;
}

static enum kodo_err
host_of(struct arena *a, struct str host, struct str *out)
{
	char *lower = arena_dup(a, host.p, host.len + (host.len == 0));
	const char *other;
	size_t i;

	*out = STR_NULL;
	if (lower == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < host.len; i++)
		lower[i] = ascii_lower(host.p[i]);
	*out = (struct str){ lower, host.len };
	if (is_plain_host(*out, IDENTIFIER_HOST_BYTES) && !str_starts(last_label(*out), OTHER_HOST))
		return KODO_OK;
	other = arena_printf(a, "x--%016llx", (unsigned long long)hash_text(HASH_STORED, *out));
	*out = str_of(other);
	return other == NULL ? KODO_ENOMEM : KODO_OK;
}

static bool
is_https(const struct url *u)
{
	return u->scheme.len == sizeof("https") - 1;
}

/* Append a part of a url, a dot for each slash; what is before the first one is left out. */
static void
put_mapped(struct buf *b, struct str part)
{
	size_t i;

	while (part.len > 0 && part.p[0] == '/')
		part = str_skip(part, 1);
	for (i = 0; i < part.len && b->len < IDENTIFIER_SLUG_BYTES; i++)
		buf_putc(b, part.p[i] == '/' ? '.' : is_slug_char(part.p[i]) ? part.p[i] : '-');
}

/* Does `/a/b` follow from a.b? */
static bool
is_reversible(struct str own)
{
	size_t i;

	if (own.len < 2 || own.len > IDENTIFIER_SLUG_BYTES + 1 || own.p[0] != '/' ||
	    !is_alnum(own.p[1]) || !is_alnum(own.p[own.len - 1]))
		return false;
	for (i = 1; i < own.len; i++) {
		const bool is_word = is_plain(own.p[i]) || own.p[i] == '_';

		if (own.p[i] == '/' ? own.p[i - 1] == '/' : !is_word)
			return false;
	}
	return !is_hashed(own);
}

/* Where the url of a node ends in that of an item is not seen from the latter. */
static unsigned
hash_of(struct str node, struct str item)
{
	return (unsigned)hash_text((struct hash_key){ node.len, 0 }, item);
}

/* hash NULL: none follows. */
static enum kodo_err
slug_of(struct arena *a, const struct url *u, struct str own, const unsigned *hash,
    struct str *out)
{
	struct buf b = BUF_INIT(0);
	enum kodo_err err;

	if (u->port != (is_https(u) ? 443 : 80))
		buf_printf(&b, "%u.", u->port);
	put_mapped(&b, u->path);
	if (u->path.len > 0 && b.len > 0)
		buf_putc(&b, '.');
	put_mapped(&b, own);
	if (hash != NULL) {
		/* it begins as names do; what it began with is in the hash */
		if (b.len == 0)
			buf_putc(&b, 'x');
		else if (!buf_failed(&b) && !is_alnum(b.p[0]))
			b.p[0] = 'x';
		if (b.len > IDENTIFIER_SLUG_BYTES - HASH_CHARS)
			b.len = IDENTIFIER_SLUG_BYTES - HASH_CHARS;
		buf_printf(&b, "-%08x", *hash);
	}
	err = buf_failed(&b) ? KODO_ENOMEM : arena_str(a, buf_str(&b), out);
	buf_free(&b);
	return err;
}

/* A node's url in parts; as no stored one is, empty ones. */
static struct url
parts_of(struct str node)
{
	struct url u;

	if (url_parse(node, &u, NULL) != KODO_OK)
		u = (struct url){ .scheme = STR(""), .host = STR(""), .path = STR("") };
	return u;
}

enum kodo_err
identifier_host(struct arena *a, struct str url, struct str *out)
{
	return host_of(a, parts_of(url).host, out);
}

enum kodo_err
identifier_of(struct arena *a, struct str node, struct str item, struct identifier *out)
{
	const size_t before = node.len + JOINS.len;
	const struct str own = item.len > before ? str_skip(item, before) : STR("");
	const struct url u = parts_of(node);
	enum kodo_err err = host_of(a, u.host, &out->host);
	const unsigned hash = hash_of(node, item);
	bool is_plainly;

	if (err != KODO_OK)
		return err;
	is_plainly = is_https(&u) && u.port == 443 && u.path.len == 0 &&
	    is_reversible(own) && !str_starts(out->host, OTHER_HOST);
	return slug_of(a, &u, own, is_plainly ? NULL : &hash, &out->slug);
}

enum kodo_err
identifier_of_node(struct arena *a, struct str node, struct identifier *out)
{
	const struct url u = parts_of(node);
	const unsigned hash = hash_of(node, node);	/* of no item but by chance */
	enum kodo_err err = host_of(a, u.host, &out->host);

	return err == KODO_OK ? slug_of(a, &u, STR("node"), &hash, &out->slug) : err;
}

/* The labels in the other order, behind room for before. */
static enum kodo_err
reverse(struct arena *a, struct str before, struct str host, struct str *out)
{
	char *to = arena_alloc(a, before.len + host.len + 1);
	struct str rest = host, label;
	size_t n = before.len;

	*out = STR_NULL;
	if (to == NULL)
		return KODO_ENOMEM;
	memcpy(to, before.p, before.len);
	while (rest.len > 0) {
		label = last_label(rest);
		memcpy(to + n, label.p, label.len);
		n += label.len;
		rest.len -= label.len;
		if (rest.len > 0) {
			to[n++] = '.';
			rest.len--;
		}
	}
	*out = (struct str){ to, n };
	return KODO_OK;
}

enum kodo_err
identifier_reversed(struct arena *a, struct str host, struct str *out)
{
	const bool is_lone = memchr(host.p, '.', host.len) == NULL;

	return reverse(a, is_lone ? LONE_HOST : STR(""), host, out);
}

enum kodo_err
identifier_name(struct arena *a, const struct identifier *id, struct str *out)
{
	struct str reversed;
	const char *name;
	enum kodo_err err = identifier_reversed(a, id->host, &reversed);

	if (err != KODO_OK)
		return err;
	name = arena_printf(a, "%.*s/%.*s", STR_ARG(reversed), STR_ARG(id->slug));
	*out = str_of(name);
	return name == NULL ? KODO_ENOMEM : KODO_OK;
}

static bool
is_slug(struct str slug)
{
	size_t i;

	for (i = 0; i < slug.len; i++)
		if (!is_slug_char(slug.p[i]))
			return false;
	return slug.len > 0 && slug.len <= IDENTIFIER_SLUG_BYTES;
}

enum kodo_err
identifier_read_name(struct arena *a, struct str name, struct identifier *out)
{
	struct str slug = name, reversed = str_cut(&slug, '/');

	*out = (struct identifier){ .slug = slug };
	if (!is_plain_host(reversed, IDENTIFIER_HOST_BYTES + LONE_HOST.len) || !is_slug(slug))
		return KODO_EINVAL;
	if (str_starts(reversed, LONE_HOST))
		reversed = str_skip(reversed, LONE_HOST.len);
	return reverse(a, STR(""), reversed, &out->host);
}

enum kodo_err
identifier_urn(struct arena *a, const struct identifier *id, struct str *out)
{
	const char *urn = arena_printf(
	    a, "urn:air:%.*s:flow:%.*s", STR_ARG(id->host), STR_ARG(id->slug));

	*out = str_of(urn);
	return urn == NULL ? KODO_ENOMEM : KODO_OK;
}

enum kodo_err
identifier_read_urn(struct str urn, struct identifier *out)
{
	struct str rest = urn;

	*out = (struct identifier){ .host = STR_NULL };
	if (!str_starts(urn, URN_BEGIN))
		return KODO_EINVAL;
	rest = str_skip(urn, URN_BEGIN.len);
	out->host = str_cut(&rest, ':');
	if (!is_plain_host(out->host, IDENTIFIER_HOST_BYTES) ||
	    !str_starts(rest, str_skip(URN_KIND, 1)))
		return KODO_EINVAL;
	out->slug = str_skip(rest, URN_KIND.len - 1);
	return is_slug(out->slug) ? KODO_OK : KODO_EINVAL;
}

enum kodo_err
identifier_place(struct arena *a, const struct identifier *id, struct str *key, struct str *item)
{
	char *text;
	size_t i, before;

	*key = *item = STR_NULL;
	if (is_hashed(id->slug) || str_starts(id->host, OTHER_HOST))
		return KODO_OK;
	text = arena_printf(a, "https://%.*s/flows/%.*s", STR_ARG(id->host), STR_ARG(id->slug));
	if (text == NULL)
		return KODO_ENOMEM;
	before = sizeof("https://") - 1 + id->host.len;
	for (i = before + JOINS.len + 1; text[i] != '\0'; i++)
		if (text[i] == '.')
			text[i] = '/';
	*key = (struct str){ text, before };
	*item = str_skip(str_of(text), before);
	return KODO_OK;
}

bool
identifier_may_be(const struct identifier *id, struct str node, struct str item)
{
	unsigned hash = 0;
	size_t i;

	if (!is_hashed(id->slug))
		return true;
	for (i = id->slug.len - HASH_CHARS + 1; i < id->slug.len; i++)
		hash = hash << 4 | (unsigned)ascii_hex_value(id->slug.p[i]);
	return hash == hash_of(node, item);
}

enum kodo_err
identifier_is_at(struct arena *a, const struct identifier *id, struct str key, bool *out)
{
	struct str host;
	enum kodo_err err = KODO_OK;

	/* most are elsewhere, which is seen without reading the url */
	*out = str_starts(id->host, OTHER_HOST) ||
	    (key.len > 0 && memmem(key.p, key.len, id->host.p, id->host.len) != NULL);
	if (!*out)
		return KODO_OK;
	err = identifier_host(a, key, &host);
	*out = err == KODO_OK && str_eq(host, id->host);
	return err;
}
