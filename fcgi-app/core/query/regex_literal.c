#include "core/base/ascii.h"
#include "core/query/regex.h"

/*
 * A text that is contained in each match of an expression: "Agent " for `^Agent [A-M]`. Most rows
 * are refused by a search for it, at no step of the expression. Only the outermost level is read; a
 * pattern with alternatives there, options, or escapes with arguments has no literal.
 */

struct scan {
	struct str s;
	size_t pos;
	char *out;		/* all literals so far */
	size_t len;
	size_t run;		/* length of the present literal, the end of out */
	struct str best;
	bool given_up;
};

static void
end_run(struct scan *c)
{
	if (c->run > c->best.len)
		c->best = (struct str){ c->out + c->len - c->run, c->run };
	c->run = 0;
}

/* The byte ahead of pos, NUL behind the end. */
static char
peek(const struct scan *c, size_t ahead)
{
	return c->pos + ahead < c->s.len ? c->s.p[c->pos + ahead] : '\0';
}

static void
skip_class(struct scan *c)
{
	end_run(c);
	c->pos++;
	if (peek(c, 0) == '^')
		c->pos++;
	if (peek(c, 0) == ']')
		c->pos++;
	for (; c->pos < c->s.len && c->s.p[c->pos] != ']'; c->pos++) {
		if (c->s.p[c->pos] == '[' || c->s.p[c->pos] == '\\')
			c->given_up = true;	/* [[:alpha:]], [\]] */
	}
	c->pos++;
}

/* `{2,3}` behind what it repeats. */
static void
skip_count(struct scan *c)
{
	end_run(c);
	for (c->pos++; peek(c, 0) != '}'; c->pos++)
		if (peek(c, 0) != ',' && !ascii_is_digit(peek(c, 0))) {
			c->given_up = true;	/* a brace that means itself */
			return;
		}
	c->pos++;
}

/* Nothing in a group counts: what follows may make it optional. */
static void
skip_group(struct scan *c)
{
	unsigned depth = 0;

	end_run(c);
	do {
		if (peek(c, 0) == '[') {
			skip_class(c);
			continue;
		}
		if (peek(c, 0) == '\\')
			c->given_up = true;
		if (peek(c, 0) == '(' && (peek(c, 1) == '?' || peek(c, 1) == '*'))
			c->given_up = true;
		depth += peek(c, 0) == '(';
		depth -= peek(c, 0) == ')';
		c->pos++;
	} while (depth > 0 && c->pos < c->s.len && !c->given_up);
}

/* One character, with all of its bytes; it is part of the literal unless it is optional. */
static void
take_char(struct scan *c)
{
	size_t n = 1;
	char next;

	while (((unsigned char)peek(c, n) & 0xC0) == 0x80)
		n++;
	next = peek(c, n);
	if (next != '?' && next != '*' && next != '{') {
		memcpy(c->out + c->len, c->s.p + c->pos, n);
		c->len += n;
		c->run += n;
	}
	if (next == '?' || next == '*' || next == '{' || next == '+')
		end_run(c);
	c->pos += n;
}

/* At a backslash. Escaped punctuation means itself; classes and assertions end the literal. */
static void
take_escape(struct scan *c)
{
	/* those that are two characters long */
	static const char simple[] = "dDwWsSbBhHvVAzZ";
	char next = peek(c, 1);

	c->pos++;
	if (next > ' ' && next < 0x7F && !ascii_is_letter(next) && !ascii_is_digit(next)) {
		take_char(c);
		return;
	}
	end_run(c);
	if (next == '\0' || strchr(simple, next) == NULL)
		c->given_up = true;
	c->pos++;
}

static void
scan_one(struct scan *c)
{
	switch (peek(c, 0)) {
	case '|':
		c->given_up = true;
		break;
	case '(':
		skip_group(c);
		break;
	case '[':
		skip_class(c);
		break;
	case '\\':
		take_escape(c);
		break;
	case '{':
		skip_count(c);
		break;
	case '^':
	case '$':
	case '.':
	case '?':
	case '*':
	case '+':
	case ')':
		end_run(c);
		c->pos++;
		break;
	default:
		take_char(c);
	}
}

enum kodo_err
regex_literal(struct arena *a, struct str pattern, struct str *out)
{
	struct scan c = { .s = pattern };

	*out = STR_NULL;
	c.out = arena_alloc(a, pattern.len + 1);
	if (c.out == NULL)
		return KODO_ENOMEM;
	while (c.pos < c.s.len && !c.given_up)
		scan_one(&c);
	end_run(&c);
	if (!c.given_up && c.best.len > 0)
		*out = c.best;
	return KODO_OK;
}
