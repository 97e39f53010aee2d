/*
 * Keys: kind, hash. Values begin with the time after which nobody needs them, big-endian, by which
 * they are forgotten; of a robots.txt follow its rule, a byte, and its text.
 */
#include <stdio.h>

#include "core/base/buf.h"
#include "core/base/hash.h"
#include "core/base/robots.h"
#include "core/base/url.h"
#include "core/probe/host.h"

#define DAY_US		(86400ll * 1000000)
#define HOUR_US		(3600ll * 1000000)
#define KEY_BYTES	12u
#define TIDY_AT_ONCE	256u

enum { KIND_PACE, KIND_ROBOTS };

/* The canonical form of url, taken apart; its texts are in to. */
static bool
url_take(struct str url, char to[URL_CANONICAL_BYTES], struct url *out)
{
	return url_parse((struct str){ to, url_canonical(url, to) }, out, NULL) == KODO_OK;
}

uint64_t
probe_host_id(struct str url)
{
	char canonical[URL_CANONICAL_BYTES];
	struct url u;

	return url_take(url, canonical, &u) ? hash_text(HASH_STORED, u.host) | 1 : 0;
}

uint64_t
probe_origin_id(struct str url)
{
	char canonical[URL_CANONICAL_BYTES], text[URL_CANONICAL_BYTES];
	struct url u;
	int n;

	if (!url_take(url, canonical, &u))
		return 0;
	n = snprintf(text, sizeof(text), "%.*s %.*s %u", STR_ARG(u.scheme), STR_ARG(u.host),
	    u.port);
	return hash_text(HASH_STORED, (struct str){ text, (size_t)n }) | 1;
}

enum kodo_err
probe_pace_get(struct txn *t, uint64_t host, int64_t now_us, bool *is_free)
{
	unsigned char k[KEY_BYTES];
	int64_t wait_us;
	struct str v;
	enum kodo_err err = store_get(t, T_PROBE_HOST, key_u32_u64(k, KIND_PACE, host), &v);

	*is_free = err == KODO_ENOTFOUND;
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	if (v.len != 8)
		return KODO_ECORRUPT;
	wait_us = (int64_t)get_be64(v.p) - now_us;
	/* longer than anybody may ask for: the clock was set back */
	*is_free = wait_us <= 0 || wait_us > PROBE_WAIT_MAX_US;
	return KODO_OK;
}

enum kodo_err
probe_pace_put(struct txn *t, uint64_t host, int64_t next_us)
{
	unsigned char k[KEY_BYTES], v[8];

	return store_put(t, T_PROBE_HOST, key_u32_u64(k, KIND_PACE, host),
	    key_u64(v, (uint64_t)next_us));
}

enum probe_rule
probe_rule_of(unsigned status, bool is_cut)
{
	if (status >= 200 && status <= 299 && !is_cut)
		return PROBE_RULE_TEXT;
	if (status >= 400 && status <= 499 && status != 429)
		return PROBE_RULE_ALLOW;
	return PROBE_RULE_FORBID;
}

static int64_t
robots_life_us(enum probe_rule rule)
{
	return rule == PROBE_RULE_FORBID ? HOUR_US : DAY_US;
}

enum kodo_err
probe_robots_get(struct txn *t, uint64_t origin, struct probe_robots *out)
{
	unsigned char k[KEY_BYTES];
	struct str v;
	enum kodo_err err = store_get(t, T_PROBE_HOST, key_u32_u64(k, KIND_ROBOTS, origin), &v);

	*out = (struct probe_robots){ .rule = PROBE_RULE_FORBID };
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	if (v.len < 9 || (unsigned char)v.p[8] > PROBE_RULE_FORBID)
		return KODO_ECORRUPT;
	out->rule = (enum probe_rule)v.p[8];
	out->at_us = (int64_t)get_be64(v.p) - robots_life_us(out->rule);
	out->text = str_skip(v, 9);
	return KODO_OK;
}

enum kodo_err
probe_robots_put(struct txn *t, uint64_t origin, const struct probe_robots *r)
{
	unsigned char k[KEY_BYTES], head[9];

	key_u64(head, (uint64_t)(r->at_us + robots_life_us(r->rule)));
	head[8] = (unsigned char)r->rule;
	return store_put_pair(t, T_PROBE_HOST, key_u32_u64(k, KIND_ROBOTS, origin),
	    (struct str){ (const char *)head, sizeof(head) },
	    r->rule == PROBE_RULE_TEXT ? r->text : STR_NULL);
}

bool
probe_robots_is_old(const struct probe_robots *r, int64_t now_us)
{
	return r->at_us == 0 || now_us < r->at_us || now_us - r->at_us >= robots_life_us(r->rule);
}

bool
probe_robots_allows(const struct probe_robots *r, struct str url)
{
	const char *slash;
	struct url u;

	if (r->rule != PROBE_RULE_TEXT)
		return r->rule == PROBE_RULE_ALLOW;
	if (url_parse(url, &u, NULL) != KODO_OK)
		return false;
	/* with its query, and a slash at its end */
	slash = memchr(u.host.p, '/', (size_t)(url.p + url.len - u.host.p));
	if (slash == NULL)
		return robots_allows(r->text, STR(PROBE_AGENT), STR("/"));
	return robots_allows(r->text, STR(PROBE_AGENT),
	    (struct str){ slash, (size_t)(url.p + url.len - slash) });
}

enum kodo_err
probe_hosts_tidy(struct txn *t, int64_t now_us, bool *more)
{
	char keys[TIDY_AT_ONCE][KEY_BYTES];
	struct scan s = scan_prefix(t, T_PROBE_HOST, STR_NULL);
	size_t i, n = 0;
	enum kodo_err err;

	while (n < TIDY_AT_ONCE && scan_next(&s)) {
		if (s.k.len != KEY_BYTES || s.v.len < 8)
			s.err = KODO_ECORRUPT;
		else if ((int64_t)get_be64(s.v.p) <= now_us)
			memcpy(keys[n++], s.k.p, KEY_BYTES);
	}
	*more = n == TIDY_AT_ONCE;
	err = scan_end(&s);
	for (i = 0; err == KODO_OK && i < n; i++)
		err = store_del(t, T_PROBE_HOST, (struct str){ keys[i], KEY_BYTES });
	return err;
}
