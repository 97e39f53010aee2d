#include "core/trust/sfv.h"

static bool
is_at(const struct str *s, char c)
{
	return s->len > 0 && s->p[0] == c;
}

static void
skip(struct str *s, size_t n)
{
	s->p += n;
	s->len -= n;
}

static bool
take(struct str *s, char c)
{
	if (!is_at(s, c))
		return false;
	skip(s, 1);
	return true;
}

static void
skip_blanks(struct str *s, bool tabs)
{
	while (is_at(s, ' ') || (tabs && is_at(s, '\t')))
		skip(s, 1);
}

static bool
is_key_char(char c, bool is_first)
{
	const bool lower = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';

	return lower || c == '*' || (!is_first && (digit || c == '_' || c == '-' || c == '.'));
}

/* What was taken from s since it began at from. */
static struct str
since(const char *from, const struct str *s)
{
	return (struct str){ from, (size_t)(s->p - from) };
}

static bool
take_key(struct str *s, struct str *out)
{
	const char *from = s->p;

	while (s->len > 0 && is_key_char(s->p[0], s->p == from))
		skip(s, 1);
	*out = since(from, s);
	return out->len > 0;
}

/* A string; an escape would have to be undone, and nothing that we use has one. */
static bool
take_string(struct str *s, struct str *out)
{
	const char *from = s->p + 1;

	if (!take(s, '"'))
		return false;
	while (s->len > 0 && s->p[0] >= ' ' && s->p[0] <= '~' && s->p[0] != '"' && s->p[0] != '\\')
		skip(s, 1);
	*out = since(from, s);
	return take(s, '"');
}

static bool
take_integer(struct str *s, struct str *out)
{
	const char *from = s->p;
	size_t digits = 0;

	(void)take(s, '-');
	while (s->len > 0 && s->p[0] >= '0' && s->p[0] <= '9') {
		skip(s, 1);
		digits++;
	}
	*out = since(from, s);
	return digits > 0 && digits <= 15;
}

static bool
take_bytes(struct str *s, struct str *out)
{
	const char *from = s->p + 1;

	if (!take(s, ':'))
		return false;
	while (s->len > 0 && s->p[0] != ':' && s->p[0] != ',' && s->p[0] != ';')
		skip(s, 1);
	*out = since(from, s);
	return take(s, ':');
}

static bool
take_bare(struct str *s, struct str *out)
{
	if (is_at(s, '"'))
		return take_string(s, out);
	if (is_at(s, ':'))
		return take_bytes(s, out);
	if (!take(s, '?'))
		return take_integer(s, out);
	*out = (struct str){ s->p, 1 };
	return take(s, '0') || take(s, '1');
}

/* One of `;name` and `;name=value`. */
static bool
take_param(struct str *s, struct str *name, struct str *value)
{
	*value = STR("");
	if (!take(s, ';'))
		return false;
	skip_blanks(s, false);
	return take_key(s, name) && (!take(s, '=') || take_bare(s, value));
}

static bool
take_params(struct str *s, struct str *out)
{
	const char *from = s->p;
	struct str name, value;

	while (is_at(s, ';'))
		if (!take_param(s, &name, &value))
			return false;
	*out = since(from, s);
	return true;
}

static bool
take_item(struct str *s, struct str *text, struct str *params)
{
	return take_string(s, text) && take_params(s, params);
}

static bool
take_list(struct str *s, struct str *items)
{
	const char *from = s->p + 1;
	struct str text, params;

	if (!take(s, '('))
		return false;
	for (;;) {
		skip_blanks(s, false);
		*items = since(from, s);
		if (take(s, ')'))
			return true;
		if (!take_item(s, &text, &params) || (!is_at(s, ' ') && !is_at(s, ')')))
			return false;
	}
}

struct sfv_walk
sfv_begin(struct str field)
{
	struct sfv_walk w = { .rest = field };

	skip_blanks(&w.rest, false);
	while (w.rest.len > 0 && w.rest.p[w.rest.len - 1] == ' ')
		w.rest.len--;
	return w;
}

static bool
take_member(struct str *s, struct sfv_member *out)
{
	const char *from;

	if (!take_key(s, &out->key) || !take(s, '='))
		return false;
	from = s->p;
	out->kind = is_at(s, '(') ? SFV_LIST : SFV_BYTES;
	if (!(out->kind == SFV_LIST ? take_list(s, &out->items) : take_bytes(s, &out->bytes)) ||
	    !take_params(s, &out->params))
		return false;
	out->text = since(from, s);
	return true;
}

bool
sfv_next(struct sfv_walk *w, struct sfv_member *out)
{
	*out = (struct sfv_member){ .kind = SFV_BYTES };
	if (w->is_bad || w->rest.len == 0)
		return false;
	if (w->is_begun) {
		skip_blanks(&w->rest, true);
		w->is_bad = !take(&w->rest, ',');
		skip_blanks(&w->rest, true);
	}
	w->is_begun = true;
	w->is_bad |= !take_member(&w->rest, out);
	return !w->is_bad;
}

bool
sfv_next_item(struct str *rest, struct str *text, struct str *params)
{
	skip_blanks(rest, false);
	return rest->len > 0 && take_item(rest, text, params);
}

bool
sfv_param(struct str params, struct str name, struct str *value)
{
	struct str at, v;
	bool found = false;

	while (take_param(&params, &at, &v))
		if (str_eq(at, name)) {
			*value = v;
			found = true;
		}
	return found;
}
