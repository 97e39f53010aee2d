#include <stdio.h>
#include <strings.h>

#include "core/base/ascii.h"
#include "core/base/limit.h"
#include "core/base/path.h"
#include "core/base/url.h"
#include "core/base/utf8.h"
#include "core/config/option_private.h"

struct word {
	const char *text;
	int value;
};

static const struct word bool_words[] = {
	{ "true", true }, { "yes", true }, { "on", true }, { "t", true }, { "y", true },
	{ "1", true }, { "false", false }, { "no", false }, { "off", false }, { "f", false },
	{ "n", false }, { "0", false }, { NULL, 0 },
};
static const struct word private_words[] = { { "auto", PRIVATE_AUTO }, { NULL, 0 } };

static bool
find_word(const struct word *words, struct str s, int *out)
{
	for (; words->text != NULL; words++)
		if (s.len == strlen(words->text) && strncasecmp(s.p, words->text, s.len) == 0) {
			*out = words->value;
			return true;
		}
	return false;
}

enum kodo_err
option_parse_bool(struct str s, bool *out)
{
	int value = 0;
	bool found = find_word(bool_words, s, &value);

	*out = value != 0;
	return found ? KODO_OK : KODO_EINVAL;
}

static enum kodo_err
expected(const struct option_place *p, const char *what)
{
	char shown[LOADER_SHOWN_BYTES];

	if (p->v->kind != LOADER_TEXT)
		return option_fail(p->in, p->v, "%s: expected %s", p->row->name, what);
	return option_fail(p->in, p->v, "%s: expected %s, got %s", p->row->name, what,
	    loader_shown(p->v->text, shown));
}

static enum kodo_err
to_text(const struct option_place *p)
{
	struct str *to = option_target(p), s = p->v->text;

	*to = STR_NULL;
	if (s.len > LIMIT_NAME_BYTES || !utf8_valid(s))
		return option_fail(
		    p->in, p->v, "%s: over %u bytes, or not UTF-8", p->row->name, LIMIT_NAME_BYTES);
	if (s.len > 0)
		*to = s;
	return KODO_OK;
}

static enum kodo_err
to_url(const struct option_place *p)
{
	struct str *to = option_target(p);
	const char *reason;
	struct url u;

	*to = url_shown(p->v->text);
	if (!utf8_valid(*to) || url_parse(*to, &u, &reason) != KODO_OK)
		return option_fail(
		    p->in, p->v, "Invalid server URL, %s", utf8_valid(*to) ? reason : "not UTF-8");
	if (memchr(u.path.p, '?', u.path.len) != NULL)
		return option_fail(p->in, p->v, "Invalid server URL, query");
	return KODO_OK;
}

static enum kodo_err
to_bool(const struct option_place *p)
{
	return option_parse_bool(p->v->text, option_target(p)) == KODO_OK ? KODO_OK
								   : expected(p, "true or false");
}

/* 0x, 0o or 0b at the begin of *s is taken off it. */
static int
take_base(struct str *s)
{
	static const char letters[] = "xob";
	static const int bases[] = { 16, 8, 2 };
	const char *at = s->len > 2 && s->p[0] == '0' && s->p[1] != '\0'
	    ? strchr(letters, ascii_lower(s->p[1])) : NULL;

	if (at == NULL)
		return 10;
	*s = str_skip(*s, 2);
	return bases[at - letters];
}

/* As YAML and Python write whole numbers: -1, +30, 1_000, 0x10, 0o17, 30.0; of less than 2^40. */
static bool
parse_number(struct str s, long *out)
{
	const bool minus = s.len > 0 && s.p[0] == '-';
	size_t i = 0;
	int base;

	*out = 0;
	if (minus || (s.len > 0 && s.p[0] == '+'))
		s = str_skip(s, 1);
	base = take_base(&s);
	for (; i < s.len && s.p[i] != '.' && *out < 1l << 40; i++) {
		int digit = ascii_hex_value(s.p[i]);

		if (digit >= 0 && digit < base)
			*out = *out * base + digit;
		else if (s.p[i] != '_' || i == 0 || s.p[i - 1] == '_' || i + 1 == s.len)
			return false;
	}
	if (i == 0)
		return false;
	if (base == 10 && i + 1 < s.len && s.p[i] == '.')
		for (i++; i < s.len && s.p[i] == '0'; i++)
			;
	*out = minus ? -*out : *out;
	return i == s.len;
}

static enum kodo_err
read_number(const struct option_place *p, long *out)
{
	const struct str s = p->v->text;
	const bool ok = parse_number(s, out);

	if (ok && *out != 0 && s.p[0] == '0' && ascii_is_digit(s.p[1]))
		return option_fail(p->in, p->v,
		    "%s: write it without the 0 at its begin, which is octal to some",
		    p->row->name);
	if (ok && *out >= p->row->min && *out <= p->row->max)
		return KODO_OK;
	if (p->v->kind == LOADER_TEXT) {
		char shown[LOADER_SHOWN_BYTES];

		return option_fail(p->in, p->v, "%s: expected a number from %ld to %ld, got %s",
		    p->row->name, p->row->min, p->row->max, loader_shown(s, shown));
	}
	return expected(p, "a number");
}

static enum kodo_err
to_uint(const struct option_place *p)
{
	long value;
	enum kodo_err err = read_number(p, &value);

	*(unsigned *)option_target(p) = (unsigned)value;
	return err;
}

static enum kodo_err
to_int(const struct option_place *p)
{
	long value;
	enum kodo_err err = read_number(p, &value);

	*(int *)option_target(p) = (int)value;
	return err;
}

static enum kodo_err
to_level(const struct option_place *p)
{
	if (log_level_parse(p->v->text, option_target(p)) == KODO_OK)
		return KODO_OK;
	return expected(p, "DEBUG, INFO, WARNING, ERROR, CRITICAL or OFF");
}

struct str
option_word(const char *words, int n)
{
	for (; n > 0 && *words != '\0'; n--) {
		words += strcspn(words, "|");
		words += *words == '|';
	}
	return *words == '\0' ? STR_NULL : (struct str){ words, strcspn(words, "|") };
}

static enum kodo_err
to_word(const struct option_place *p)
{
	char all[100];
	struct str word;
	size_t len = 0;
	int n;

	for (n = 0; (word = option_word(p->row->shape, n)).p != NULL; n++) {
		const bool is_last = option_word(p->row->shape, n + 1).p == NULL;

		if (word.len == p->v->text.len &&
		    strncasecmp(word.p, p->v->text.p, word.len) == 0) {
			*(int *)option_target(p) = n;
			return KODO_OK;
		}
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%.*s",
		    n == 0 ? "" : is_last ? " or " : ", ", STR_ARG(word));
	}
	return expected(p, all);
}

static enum kodo_err
to_private(const struct option_place *p)
{
	enum option_private *to = option_target(p);
	bool allowed;
	int value;

	*to = PRIVATE_AUTO;
	if (find_word(private_words, p->v->text, &value))
		return KODO_OK;
	if (option_parse_bool(p->v->text, &allowed) != KODO_OK)
		return expected(p, "auto, true or false");
	*to = allowed ? PRIVATE_YES : PRIVATE_NO;
	return KODO_OK;
}

static enum kodo_err
to_path(const struct option_place *p)
{
	enum kodo_err err;

	if (!utf8_valid(p->v->text))
		return option_fail(p->in, p->v, "%s: a path must be UTF-8", p->row->name);
	err = path_absolute(p->in->a, p->in->base, p->v->text, option_target(p));
	if (err == KODO_EINVAL || err == KODO_ETOOBIG)
		return option_fail(p->in, p->v, "%s: expected a path of 1 to %u bytes",
		    p->row->name, PATH_BYTES - 1);
	return err == KODO_OK ? err : option_no_memory(p->in);
}

static bool
parse_port(struct str s, unsigned *out)
{
	size_t i;

	*out = 0;
	for (i = 0; i < s.len && i < 6; i++) {
		if (!ascii_is_digit(s.p[i]))
			return false;
		*out = *out * 10 + (unsigned)(s.p[i] - '0');
	}
	return i == s.len && *out > 0 && *out <= 65535;
}

/* ADDRESS:PORT, [ADDRESS]:PORT, or :PORT for all addresses. */
static enum kodo_err
to_address(const struct option_place *p)
{
	struct str s = p->v->text, host;
	const char *colon = s.len == 0 ? NULL : memrchr(s.p, ':', s.len);
	size_t i;

	if (colon == NULL)
		return expected(p, "ADDRESS:PORT");
	host = (struct str){ s.p, (size_t)(colon - s.p) };
	if (!parse_port((struct str){ colon + 1, s.len - host.len - 1 }, &p->out->listen_port))
		return expected(p, "ADDRESS:PORT with a port from 1 to 65535");
	if (host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']')
		host = (struct str){ host.p + 1, host.len - 2 };
	else if (memchr(host.p, ':', host.len) != NULL)
		return expected(p, "ADDRESS:PORT, an IPv6 address in brackets");
	for (i = 0; i < host.len; i++)
		if (host.p[i] <= ' ' || host.p[i] > '~' || strchr("\"'\\/[]", host.p[i]) != NULL)
			return expected(p, "ADDRESS:PORT");
	p->out->listen_host = host.len == 0 ? STR("0.0.0.0") : host;
	return KODO_OK;
}

/* http, https, or file: with an absolute path and no host. */
static enum kodo_err
to_issuer(const struct option_place *p)
{
	struct str *to = option_target(p), s = p->v->text;
	const bool is_file = str_starts(s, STR("file:/")) &&
	    (!str_starts(s, STR("file://")) || str_starts(s, STR("file:///")));
	const char *reason = "not UTF-8";
	struct url u;

	*to = s.len == 0 ? STR_NULL : s;
	if (s.len == 0 || (utf8_valid(s) && ((is_file && s.len < PATH_BYTES) ||
		url_parse(s, &u, &reason) == KODO_OK)))
		return KODO_OK;
	return option_fail(p->in, p->v,
	    "%s: expected a url with http, https, or file:/// (%s)", p->row->name, reason);
}

static enum kodo_err
to_flows(const struct option_place *p)
{
	return option_read_flows(p->in, p->v, &p->out->flows, &p->out->n_flows);
}

static enum kodo_err (*const converters[OPT_TYPES])(const struct option_place *p) = {
	[OPT_TEXT] = to_text,
	[OPT_URL] = to_url,
	[OPT_URLS] = option_to_urls,
	[OPT_PEERS] = option_to_peers,
	[OPT_NETS] = option_to_nets,
	[OPT_ORIGINS] = option_to_origins,
	[OPT_BRIDGES] = option_to_bridges,
	[OPT_IMPORTS] = option_to_imports,
	[OPT_BOOL] = to_bool,
	[OPT_UINT] = to_uint,
	[OPT_INT] = to_int,
	[OPT_LEVEL] = to_level,
	[OPT_WORD] = to_word,
	[OPT_PRIVATE] = to_private,
	[OPT_PATH] = to_path,
	[OPT_ADDRESS] = to_address,
	[OPT_ISSUER] = to_issuer,
	[OPT_FLOWS] = to_flows,
};

static enum kodo_err
convert(struct option_input *in, const struct option_row *row, struct options *out)
{
	const struct loader_value *v = in->values[row - option_rows];
	struct option_place p = { in, row, v, out };

	if (v == NULL && row->preset == NULL)
		return KODO_OK;		/* out is zero: null, none */
	if (v == NULL) {
		p.v = option_text_value(in->a, str_of(row->preset), "default", 0);
		if (p.v == NULL)
			return option_no_memory(in);
	}
	if (p.v->kind != LOADER_TEXT && !option_is_list(row) && row->type != OPT_FLOWS)
		return expected(&p, "a single value");
	return converters[row->type](&p);
}

/* Where faults are collected, a default takes the place of a wrong value. */
static enum kodo_err
convert_or_take(struct option_input *in, unsigned i, struct options *out)
{
	enum kodo_err err = convert(in, &option_rows[i], out), faulty = err;

	err = why_take(in->why, err);
	if (err == KODO_OK && faulty != KODO_OK) {
		in->faulty |= 1ull << i;
		in->values[i] = NULL;
		err = convert(in, &option_rows[i], out);
	}
	return err;
}

static bool
has_key(const struct str *keys, size_t n, struct str key)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (str_eq(keys[i], key))
			return true;
	return false;
}

/* The targets without the own url, each once. */
static enum kodo_err
unique_targets(struct option_input *in, struct options *out)
{
	struct str *targets = arena_alloc(in->a, out->n_connect * sizeof(*targets) + 1);
	struct str *keys = arena_alloc(in->a, out->n_connect * sizeof(*keys) + 1), key;
	size_t n = 0, i;

	if (targets == NULL || keys == NULL)
		return option_no_memory(in);
	for (i = 0; i < out->n_connect; i++) {
		if (url_key(in->a, out->connect[i], &key) != KODO_OK)
			return option_no_memory(in);
		if (str_eq(key, out->url_key) || has_key(keys, n, key))
			continue;
		keys[n] = key;
		targets[n++] = out->connect[i];
	}
	out->connect = targets;
	out->n_connect = n;
	return KODO_OK;
}

/* What follows from several options, or must fit together. */
static enum kodo_err
check_together(struct option_input *in, struct options *out)
{
	const struct loader_value *feed = in->values[OPTION_FEED],
				  *registry = in->values[OPTION_REGISTRY];
	const bool is_known = (in->faulty & (1ull << OPTION_FEED | 1ull << OPTION_REGISTRY)) == 0;
	struct url u;

	if (out->feed && !out->registry && is_known)
		return option_fail(in, feed != NULL ? feed : registry,
		    "Cannot feed (True) as a node: set feed: false, or registry: true");
	if (url_key(in->a, out->url, &out->url_key) != KODO_OK ||
	    option_state_path(in->a, out->cache_data, &out->state_path) != KODO_OK)
		return option_no_memory(in);
	if (url_parse(out->url, &u, NULL) != KODO_OK)
		return option_no_memory(in);
	out->has_listen = out->listen_port != 0;
	if (!out->has_listen) {
		out->listen_host = u.host;
		out->listen_port = u.port;
	}
	return unique_targets(in, out);
}

enum kodo_err
option_resolve(struct option_input *in, struct options *out)
{
	const struct loader_value *url = in->values[OPTION_URL];
	const struct loader_text *t;
	enum kodo_err err = KODO_OK;
	unsigned i;

	*out = (struct options){ .sources = in->sources, .has_url = url != NULL };
	for (t = in->sources; t != NULL && url != NULL; t = t->next)
		out->has_source_url = out->has_source_url || strcmp(t->label, url->file) == 0;
	for (i = 0; i < option_n_rows && err == KODO_OK; i++)
		err = convert_or_take(in, i, out);
	return err == KODO_OK ? check_together(in, out) : err;
}
