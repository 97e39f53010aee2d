#include "core/base/ascii.h"
#include "core/base/utf8.h"
#include "core/query/lex.h"

static void
text_error(struct lexer *l, struct token *t, size_t at, const char *what)
{
	reading_fail(l->r, at, "SyntaxError: %s (column %zu)", what, reading_column(l->r, at));
	t->kind = TOKEN_ERROR;
}

/* Read up to n digits of the base from *pos on; returns their number. */
static size_t
read_digits(struct str q, size_t *pos, size_t n, unsigned base, uint32_t *cp)
{
	size_t i;

	*cp = 0;
	for (i = 0; i < n && *pos < q.len; i++, (*pos)++) {
		int digit = ascii_hex_value(q.p[*pos]);

		if (digit < 0 || (unsigned)digit >= base)
			break;
		*cp = *cp * base + (uint32_t)digit;
	}
	return i;
}

/*
 * The character of `\x41`, `\u00e4`, `\U0001f600` or `\101`, as in Python, as UTF-8 in out; returns
 * its bytes, 0 on an error. letter is x, u, U, or 0 for octal; *pos is at the first digit.
 */
static size_t
read_code(struct lexer *l, struct token *t, size_t *pos, char letter, char out[4])
{
	size_t at = *pos, digits = letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 3;
	size_t found;
	uint32_t cp;

	found = read_digits(l->r->q, pos, digits, letter == '0' ? 8 : 16, &cp);
	if (letter != '0' && found != digits)
		text_error(l, t, at, "truncated escape in a text");
	else if (cp == 0)
		text_error(l, t, at, "a text cannot hold a NUL");
	else if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
		text_error(l, t, at, "no such character");
	else
		return utf8_put(cp, out);
	return 0;
}

/*
 * The meaning of an escape whose backslash is at q.p[*pos - 1], as UTF-8 in out; returns its bytes.
 * An unknown escape means itself, backslash included.
 */
static size_t
read_escape(struct lexer *l, struct token *t, size_t *pos, char out[4])
{
	static const char letters[] = "\\'\"abfnrtv", meant[] = "\\'\"\a\b\f\n\r\t\v";
	const char *p;
	char c = l->r->q.p[(*pos)++];

	if (c == '\n')
		return 0;	/* a continued line */
	if (c >= '0' && c <= '7') {
		(*pos)--;
		return read_code(l, t, pos, '0', out);
	}
	if (c == 'x' || c == 'u' || c == 'U')
		return read_code(l, t, pos, c, out);
	p = c == '\0' ? NULL : strchr(letters, c);
	if (p != NULL) {
		out[0] = meant[p - letters];
		return 1;
	}
	(*pos)--;
	out[0] = '\\';
	return 1;
}

/*
 * The family of the quote at pos: ' or " by itself, or as phones and word processors write it.
 * 0: it is none. *next is the place behind it.
 */
static unsigned
quote_at(struct str q, size_t pos, size_t *next)
{
	enum { TYPESET = 0x80 };
	static const struct {
		uint32_t first, last;
		unsigned quote;
	} quotes[] = {
		{ '"', '"', '"' }, { '\'', '\'', '\'' },
		{ 0x2018, 0x201b, '\'' | TYPESET }, { 0x201c, 0x201f, '"' | TYPESET },
		{ 0xab, 0xab, '"' | TYPESET }, { 0xbb, 0xbb, '"' | TYPESET },
		{ 0xff07, 0xff07, '\'' | TYPESET }, { 0xff02, 0xff02, '"' | TYPESET },
	};
	uint32_t cp;
	size_t i;

	*next = pos;
	cp = utf8_next(q, next);
	for (i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++)
		if (cp >= quotes[i].first && cp <= quotes[i].last)
			return quotes[i].quote;
	return 0;
}

/* A text ends at a quote of the family that it begins with; is_raw: backslashes are themselves. */
static void
lex_text(struct lexer *l, struct token *t, bool is_raw)
{
	struct str q = l->r->q;
	char *to, c[4];
	size_t pos, next, n;
	const unsigned quote = quote_at(q, l->pos, &pos);

	/* no escape is shorter than its meaning */
	to = arena_alloc(l->r->a, q.len - l->pos + 4);
	if (to == NULL) {
		l->r->oom = true;
		t->kind = TOKEN_ERROR;
		return;
	}
	t->kind = TOKEN_TEXT;
	t->text = (struct str){ to, 0 };
	while (t->kind == TOKEN_TEXT && pos < q.len && quote_at(q, pos, &next) != quote &&
	    q.p[pos] != '\n') {
		if (q.p[pos] == '\\' && pos + 1 < q.len && is_raw) {
			to[t->text.len++] = q.p[pos++];
			to[t->text.len++] = q.p[pos++];
		} else if (q.p[pos] == '\\' && pos + 1 < q.len) {
			pos++;
			n = read_escape(l, t, &pos, c);
			memcpy(to + t->text.len, c, n);
			t->text.len += n;
		} else
			to[t->text.len++] = q.p[pos++];
	}
	if (t->kind == TOKEN_TEXT && (pos == q.len || q.p[pos] == '\n'))
		text_error(l, t, l->pos, "unterminated string literal (detected at line 1)");
	l->pos = pos < q.len ? next : q.len;
}

/* `name` in backticks, as pandas quotes the names of columns. */
static bool
lex_quoted_word(struct lexer *l, struct token *t)
{
	struct str rest = { l->r->q.p + l->pos + 1, l->r->q.len - l->pos - 1 };
	const char *end = rest.len == 0 ? NULL : memchr(rest.p, '`', rest.len);

	if (end == NULL || end == rest.p)
		return false;
	t->kind = TOKEN_WORD;
	t->raw = (struct str){ rest.p, (size_t)(end - rest.p) };
	l->pos += t->raw.len + 2;
	return true;
}

/* Is there a character of a word at pos? *next is the place behind it. */
static bool
is_word_at(struct str q, size_t pos, size_t *next)
{
	*next = pos;
	return pos < q.len && utf8_is_word(utf8_next(q, next));
}

static void
lex_word(struct lexer *l, struct token *t)
{
	static const struct {
		struct str word;
		enum token_kind kind;
	} keywords[] = {
		{ { "and", 3 }, TOKEN_AND },
		{ { "or", 2 }, TOKEN_OR },
		{ { "not", 3 }, TOKEN_NOT },
		{ { "in", 2 }, TOKEN_IN },
	};
	size_t i, next = l->pos;

	t->kind = ascii_is_digit(l->r->q.p[l->pos]) ? TOKEN_NUMBER : TOKEN_WORD;
	while (is_word_at(l->r->q, l->pos, &next))
		l->pos = next;
	t->raw.len = l->pos - t->at;
	for (i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (str_eq(t->raw, keywords[i].word))
			t->kind = keywords[i].kind;
}

static const struct {
	struct str sign;
	enum token_kind kind;
} signs[] = {	/* the longer ones first */
	{ { "==", 2 }, TOKEN_EQ },
	{ { "!=", 2 }, TOKEN_NE },
	{ { "<=", 2 }, TOKEN_LE },
	{ { ">=", 2 }, TOKEN_GE },
	{ { "=~", 2 }, TOKEN_REGEX },
	{ { "&&", 2 }, TOKEN_AND },
	{ { "||", 2 }, TOKEN_OR },
	{ { "≠", 3 }, TOKEN_NE },
	{ { "≤", 3 }, TOKEN_LE },
	{ { "≥", 3 }, TOKEN_GE },
	{ { "<", 1 }, TOKEN_LT },
	{ { ">", 1 }, TOKEN_GT },
	{ { "=", 1 }, TOKEN_ASSIGN },
	{ { "~", 1 }, TOKEN_TILDE },
	{ { "&", 1 }, TOKEN_AND },
	{ { "|", 1 }, TOKEN_OR },
	{ { "@", 1 }, TOKEN_AT },
	{ { ".", 1 }, TOKEN_DOT },
	{ { ",", 1 }, TOKEN_COMMA },
	{ { "(", 1 }, TOKEN_LPAREN },
	{ { ")", 1 }, TOKEN_RPAREN },
	{ { "[", 1 }, TOKEN_LBRACKET },
	{ { "]", 1 }, TOKEN_RBRACKET },
};

/* An operator or bracket, else other punctuation (TOKEN_FOREIGN), else an invalid character. */
static void
lex_sign(struct lexer *l, struct token *t)
{
	struct str rest = { l->r->q.p + l->pos, l->r->q.len - l->pos };
	size_t i, next = l->pos;
	uint32_t cp;

	for (i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (!str_starts(rest, signs[i].sign))
			continue;
		t->kind = signs[i].kind;
		t->raw.len = signs[i].sign.len;
		l->pos += t->raw.len;
		return;
	}
	cp = utf8_next(l->r->q, &next);
	t->raw.len = next - l->pos;
	l->pos = next;
	t->kind = TOKEN_FOREIGN;
	if (cp < 0x80)
		return;
	t->kind = TOKEN_ERROR;
	reading_fail(l->r, t->at, "SyntaxError: invalid character '%.*s' (U+%04X) (column %zu)",
	    STR_ARG(t->raw), cp, reading_column(l->r, t->at));
}

void
lex_next(struct lexer *l, struct token *t)
{
	struct str q = l->r->q;
	size_t next, n;
	bool is_raw;

	while (l->pos < q.len && (n = utf8_blank_bytes(q, l->pos)) > 0)
		l->pos += n;
	*t = (struct token){ TOKEN_END, l->pos, { q.p + l->pos, 0 }, STR_NULL };
	if (l->pos == q.len)
		return;
	if (q.p[l->pos] == '`' && lex_quoted_word(l, t))
		return;
	is_raw = l->pos + 1 < q.len && ascii_lower(q.p[l->pos]) == 'r' &&
	    quote_at(q, l->pos + 1, &next) != 0;
	if (is_raw || quote_at(q, l->pos, &next) != 0) {
		l->pos += is_raw;
		lex_text(l, t, is_raw);
		t->raw.len = l->pos - t->at;
	} else if (is_word_at(q, l->pos, &next))
		lex_word(l, t);
	else
		lex_sign(l, t);
}
