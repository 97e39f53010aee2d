#include <arpa/inet.h>

#include "core/base/hash.h"
#include "core/base/limit.h"
#include "core/base/url.h"
#include "core/base/utf8.h"
#include "core/records/codec.h"
#include "core/trust/moderation.h"

#define META_MODERATION	"moderation"

static const struct str prefixes[MODERATE_KINDS] = {
	[MODERATE_URL] = { "url:", 4 },
	[MODERATE_ORGANIZATION] = { "organization:", 13 },
	[MODERATE_ADDRESS] = { "address:", 8 },
};

const char *
moderation_name(enum verdict verdict)
{
	static const char *const names[VERDICTS] = {
		[VERDICT_SHOWN] = "shown",
		[VERDICT_HIDDEN] = "hidden",
		[VERDICT_DENIED] = "denied",
	};

	return names[verdict];
}

/* --- patterns --- */

static enum kodo_err
pattern_put(struct arena *a, struct str text, struct moderation_entry *out)
{
	const struct str prefix = prefixes[out->kind];
	char *pattern = arena_printf(a, "%.*s%.*s", STR_ARG(prefix), STR_ARG(text));

	out->pattern = str_of(pattern);
	return pattern == NULL ? KODO_ENOMEM : KODO_OK;
}

static enum kodo_err
url_read(struct arena *a, struct str text, struct moderation_entry *out, struct why *why)
{
	char canonical[URL_CANONICAL_BYTES];
	const char *reason = "";
	struct url u;
	enum kodo_err err = url_parse(text, &u, &reason);

	if (err == KODO_ETOOBIG)
		return why_set(why, KODO_EINVAL, "the url is over %u bytes", LIMIT_URL_BYTES);
	if (err != KODO_OK)
		return why_set(why, err, "%.*s is no http or https url: %s", STR_ARG(text), reason);
	err = arena_str(a, (struct str){ canonical, url_canonical(text, canonical) }, &out->text);
	return err == KODO_OK ? pattern_put(a, out->text, out) : err;
}

static enum kodo_err
organization_read(struct arena *a, struct str text, struct moderation_entry *out, struct why *why)
{
	struct buf b = BUF_INIT(0);
	struct str core = text;
	enum kodo_err err;

	if (text.len == 0)
		return why_set(why, KODO_EINVAL, "which organization? organization:NAME, with * at "
		    "its begin or end for anything");
	if (text.len > LIMIT_NAME_BYTES || !utf8_valid(text))
		return why_set(why, KODO_EINVAL, "the organization is no UTF-8 of at most %u bytes",
		    LIMIT_NAME_BYTES);
	out->any_before = core.p[0] == '*';
	core = str_skip(core, out->any_before);
	out->any_after = core.len > 0 && core.p[core.len - 1] == '*';
	core.len -= out->any_after;
	if (core.len > 0 && memchr(core.p, '*', core.len) != NULL)
		return why_set(why, KODO_EINVAL, "%.*s: a * stands at the begin or the end only",
		    STR_ARG(text));
	utf8_fold(&b, core);
	err = buf_failed(&b) ? b.err : arena_str(a, b.len > 0 ? buf_str(&b) : STR(""), &out->text);
	buf_free(&b);
	return err == KODO_OK ? pattern_put(a, text, out) : err;
}

static enum kodo_err
net_read(struct arena *a, struct str text, struct moderation_entry *out, struct why *why)
{
	char shown[INET6_ADDRSTRLEN] = "";
	struct address_net *n = &out->net;
	bool is_v4;
	unsigned i;
	char *made;

	if (!address_net_read(text, n))
		return why_set(why, KODO_EINVAL, "%.*s is no address, nor one with its bits, as "
		    "192.0.2.1, 192.0.2.0/24 or 2001:db8::/32", STR_ARG(text));
	for (i = n->bits; i < 128; i++)
		n->net.s6_addr[i / 8] &= (unsigned char)~(0x80u >> i % 8);
	is_v4 = n->bits >= 96 && IN6_IS_ADDR_V4MAPPED(&n->net);
	inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? &n->net.s6_addr[12] : n->net.s6_addr, shown,
	    sizeof(shown));
	made = n->bits == 128
	    ? arena_printf(a, "%s", shown)
	    : arena_printf(a, "%s/%u", shown, n->bits - (is_v4 ? 96 : 0));
	return made == NULL ? KODO_ENOMEM : pattern_put(a, str_of(made), out);
}

enum kodo_err
moderation_parse(
    struct arena *a, struct str pattern, struct moderation_entry *out, struct why *why)
{
	static enum kodo_err (*const readers[MODERATE_KINDS])(
	    struct arena *a, struct str text, struct moderation_entry *out, struct why *why) = {
		[MODERATE_URL] = url_read,
		[MODERATE_ORGANIZATION] = organization_read,
		[MODERATE_ADDRESS] = net_read,
	};
	int i;

	*out = (struct moderation_entry){ .kind = MODERATE_URL };
	for (i = 0; i < MODERATE_KINDS; i++)
		if (str_starts(pattern, prefixes[i])) {
			out->kind = (enum moderation_kind)i;
			return readers[i](a, str_skip(pattern, prefixes[i].len), out, why);
		}
	if (url_is_web(pattern))
		return url_read(a, pattern, out, why);
	return why_set(why, KODO_EINVAL, "%.*s is no pattern: url:PREFIX, organization:NAME or "
	    "address:ADDRESS[/BITS]", STR_ARG(pattern));
}

/* --- the list --- */

static enum kodo_err
entry_read(struct reader *r, struct arena *a, struct moderation_entry *out)
{
	const uint32_t verdict = read_u32(r);
	const int64_t since_us = read_time(r);
	struct str pattern;
	enum kodo_err err;

	read_str(r, &pattern);
	if (r->bad || verdict >= VERDICTS)
		return KODO_ECORRUPT;
	err = moderation_parse(a, pattern, out, NULL);
	out->verdict = (enum verdict)verdict;
	out->since_us = since_us;
	return err == KODO_EINVAL ? KODO_ECORRUPT : err;
}

enum kodo_err
moderation_get(struct txn *t, struct arena *a, struct moderation *out)
{
	struct str v;
	struct reader r;
	size_t n;
	enum kodo_err err = meta_get(t, META_MODERATION, &v);

	*out = (struct moderation){ .n = 0 };
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	r = reader_of(v);
	out->unfinished = read_u32(&r);
	n = read_u32(&r);
	if (r.bad || n > MODERATION_MAX)
		return KODO_ECORRUPT;
	out->all = arena_zalloc(a, (n + 1) * sizeof(*out->all));
	if (out->all == NULL)
		return KODO_ENOMEM;
	for (; out->n < n && err == KODO_OK; out->n++)
		err = entry_read(&r, a, &out->all[out->n]);
	return err;
}

enum kodo_err
moderation_hash(struct txn *t, uint64_t *out)
{
	struct str v;
	enum kodo_err err = meta_get(t, META_MODERATION, &v);

	*out = err == KODO_OK ? hash_text(HASH_STORED, v) : 0;
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

enum kodo_err
moderation_unfinished(struct txn *t, uint32_t *out)
{
	struct str v;
	struct reader r;
	enum kodo_err err = meta_get(t, META_MODERATION, &v);

	*out = 0;
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	r = reader_of(v);
	*out = read_u32(&r);
	return r.bad ? KODO_ECORRUPT : KODO_OK;
}

enum kodo_err
moderation_put(struct txn *t, const struct moderation *m)
{
	struct buf b = BUF_INIT(0);
	size_t i;
	enum kodo_err err;

	buf_put_u32(&b, m->unfinished);
	buf_put_u32(&b, (uint32_t)m->n);
	for (i = 0; i < m->n; i++) {
		buf_put_u32(&b, m->all[i].verdict);
		buf_put_u64(&b, (uint64_t)m->all[i].since_us);
		write_str(&b, m->all[i].pattern);
	}
	err = buf_failed(&b) ? b.err : meta_put(t, META_MODERATION, buf_str(&b));
	buf_free(&b);
	return err;
}

static bool
is_alike(const struct moderation_entry *x, const struct moderation_entry *y)
{
	if (x->kind != y->kind)
		return false;
	if (x->kind != MODERATE_ORGANIZATION)
		return str_eq(x->pattern, y->pattern);
	return str_eq(x->text, y->text) && x->any_before == y->any_before &&
	    x->any_after == y->any_after;
}

struct moderation_entry *
moderation_entry(const struct moderation *m, const struct moderation_entry *like)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (is_alike(&m->all[i], like))
			return &m->all[i];
	return NULL;
}

enum kodo_err
moderation_set(struct arena *a, struct moderation *m, const struct moderation_entry *e)
{
	struct moderation_entry *at = moderation_entry(m, e), *all;

	if (at != NULL) {
		*at = *e;
		return KODO_OK;
	}
	if (m->n >= MODERATION_MAX)
		return KODO_ETOOBIG;
	all = arena_zalloc(a, (m->n + 1) * sizeof(*all));
	if (all == NULL)
		return KODO_ENOMEM;
	if (m->n > 0)
		memcpy(all, m->all, m->n * sizeof(*all));
	all[m->n++] = *e;
	m->all = all;
	return KODO_OK;
}

bool
moderation_remove(struct moderation *m, const struct moderation_entry *like)
{
	struct moderation_entry *at = moderation_entry(m, like);

	if (at == NULL)
		return false;
	memmove(at, at + 1, (size_t)(m->all + --m->n - at) * sizeof(*at));
	return true;
}

/* --- deciding --- */

/* What patterns are compared with. */
struct subject {
	struct str url;			/* in its canonical form */
	struct str organization;	/* folded */
	struct str addresses[2];	/* 16 bytes each, one behind the other */
};

static bool
url_hits(const struct moderation_entry *e, const struct subject *s)
{
	return url_is_below(s->url, e->text);
}

static bool
organization_hits(const struct moderation_entry *e, const struct subject *s)
{
	const struct str o = s->organization, text = e->text;

	if (text.len == 0)
		return true;
	if (e->any_before && e->any_after)
		return o.len >= text.len && memmem(o.p, o.len, text.p, text.len) != NULL;
	return e->any_before ? str_ends(o, text) : e->any_after ? str_starts(o, text)
								 : str_eq(o, text);
}

static bool
address_hits(const struct moderation_entry *e, const struct subject *s)
{
	struct in6_addr address;
	size_t i, at;

	for (i = 0; i < sizeof(s->addresses) / sizeof(s->addresses[0]); i++)
		for (at = 0; at + sizeof(address) <= s->addresses[i].len; at += sizeof(address)) {
			memcpy(&address, s->addresses[i].p + at, sizeof(address));
			if (address_net_holds(&e->net, &address))
				return true;
		}
	return false;
}

/* Of two entries of a kind the one with more decides. */
static size_t
weight_of(const struct moderation_entry *e)
{
	if (e->kind == MODERATE_ADDRESS)
		return e->net.bits;
	if (e->kind == MODERATE_ORGANIZATION && !e->any_before && !e->any_after)
		return SIZE_MAX;
	return e->text.len;
}

/* Of equal ones ("*x" and "x*") the stricter one. */
static bool
is_over(const struct moderation_entry *x, const struct moderation_entry *y)
{
	if (y == NULL || weight_of(x) != weight_of(y))
		return y == NULL || weight_of(x) > weight_of(y);
	return x->verdict > y->verdict;
}

static const struct moderation_entry *
decide(const struct moderation *m, enum moderation_kind kind, const struct subject *s)
{
	static bool (*const hits[MODERATE_KINDS])(
	    const struct moderation_entry *e, const struct subject *s) = {
		[MODERATE_URL] = url_hits,
		[MODERATE_ORGANIZATION] = organization_hits,
		[MODERATE_ADDRESS] = address_hits,
	};
	const struct moderation_entry *best = NULL;
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->all[i].kind == kind && is_over(&m->all[i], best) &&
		    hits[kind](&m->all[i], s))
			best = &m->all[i];
	return best;
}

enum kodo_err
moderation_of_node(const struct moderation *m, struct str key, struct str organization,
    const struct moderation_entry **out)
{
	char url[URL_CANONICAL_BYTES];
	struct subject s = { .organization = STR("") };
	struct buf b = BUF_INIT(0);
	enum kodo_err err;

	*out = NULL;
	if (m->n == 0)
		return KODO_OK;
	s.url = (struct str){ url, url_canonical(key, url) };
	*out = decide(m, MODERATE_URL, &s);
	if (*out != NULL)
		return KODO_OK;
	utf8_fold(&b, organization);
	err = buf_failed(&b) ? b.err : KODO_OK;
	if (err == KODO_OK && b.len > 0)
		s.organization = buf_str(&b);
	if (err == KODO_OK)
		*out = decide(m, MODERATE_ORGANIZATION, &s);
	buf_free(&b);
	return err;
}

const struct moderation_entry *
moderation_of_peer(const struct moderation *m, const struct peer *p)
{
	char url[URL_CANONICAL_BYTES];
	struct subject s = { .addresses = { p->in.address, p->trust.addresses } };
	const struct moderation_entry *e;

	if (p->id == PEER_SELF || m->n == 0)
		return NULL;
	s.url = (struct str){ url, url_canonical(p->key, url) };
	e = decide(m, MODERATE_URL, &s);
	return e != NULL ? e : decide(m, MODERATE_ADDRESS, &s);
}

enum verdict
moderation_verdict(const struct moderation_entry *e)
{
	return e == NULL ? VERDICT_SHOWN : e->verdict;
}

/* The mildest entry of the peers that state what wins. */
static enum kodo_err
of_peers(const struct moderation *m, enum kodo_err (*next)(void *arg, const struct peer **p),
    void *arg, const struct moderation_entry **out)
{
	const struct moderation_entry *e;
	const struct peer *p;
	bool is_first = true;
	enum kodo_err err;

	do {
		err = next(arg, &p);
		if (err != KODO_OK || p == NULL)
			break;
		e = moderation_of_peer(m, p);
		if (is_first || moderation_verdict(e) < moderation_verdict(*out))
			*out = e;
		is_first = false;
	} while (moderation_verdict(*out) != VERDICT_SHOWN);
	return err;
}

enum kodo_err
moderation_of_winner(const struct moderation *m, struct str key, const struct statement *winner,
    enum kodo_err (*next)(void *arg, const struct peer **p), void *arg,
    const struct moderation_entry **out)
{
	struct packed p;
	enum kodo_err err;

	*out = NULL;
	if (m->n == 0 || winner->peer == PEER_SELF)
		return KODO_OK;
	err = packed_open(winner->bytes, &p);
	if (err == KODO_OK)
		err = moderation_of_node(m, key, p.organization, out);
	return err == KODO_OK && *out == NULL ? of_peers(m, next, arg, out) : err;
}

/* The peers that state what wins of a stored node. */
struct stating {
	struct txn *t;
	struct arena *a;
	struct scan s;
	const struct statement *winner;
	bool is_begun;
	struct peer p;
};

static enum kodo_err
stating_next(void *arg, const struct peer **p)
{
	struct stating *l = arg;
	struct record rec = { .said = *l->winner };
	bool is_more = !l->is_begun || record_next(&l->s, &rec);

	while (is_more && (rec.is_tomb || !str_eq(rec.said.bytes, l->winner->bytes)))
		is_more = record_next(&l->s, &rec);
	l->is_begun = true;
	*p = is_more ? &l->p : NULL;
	return is_more ? peer_get(l->t, l->a, rec.said.peer, &l->p) : KODO_OK;
}

enum kodo_err
moderation_of_stored(struct txn *t, struct arena *a, const struct moderation *m, uint32_t node,
    const struct moderation_entry **out, enum verdict *verdict)
{
	struct statement winner;
	struct stating l = { .t = t, .a = a, .winner = &winner };
	struct packed p;
	struct str key;
	enum kodo_err err = record_get_winner(t, node, &winner, verdict);

	*out = NULL;
	if (err != KODO_OK || m->n == 0)
		return err;
	err = packed_open(winner.bytes, &p);
	if (err == KODO_OK)
		err = url_key(a, p.url, &key);
	if (err == KODO_OK) {
		l.s = record_scan_shadows(t, node);
		err = moderation_of_winner(m, key, &winner, stating_next, &l, out);
		l.s.err = l.s.err == KODO_OK ? err : l.s.err;
		err = scan_end(&l.s);
	}
	return err == KODO_EINVAL || err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
}
