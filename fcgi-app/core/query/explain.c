#include "core/base/isotime.h"
#include "core/query/explain.h"

static const char *const signs[] = {
	[MASK_LESS] = "<",
	[MASK_EQUAL] = "==",
	[MASK_LESS | MASK_EQUAL] = "<=",
	[MASK_GREATER] = ">",
	[MASK_GREATER | MASK_EQUAL] = ">=",
};

/* A text in quotes, with the escapes that the lexer needs to read it back. */
static void
put_text(struct buf *out, struct str s)
{
	size_t i;

	buf_putc(out, '"');
	for (i = 0; i < s.len; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_putc(out, '\\');
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
			buf_printf(out, "\\x%02x", (unsigned)s.p[i]);
		else
			buf_putc(out, s.p[i]);
	}
	buf_putc(out, '"');
}

static void
put_time(struct buf *out, int64_t us)
{
	char text[ISOTIME_BYTES];

	isotime_format(us, false, text);
	buf_printf(out, "\"%s\"", text);
}

static void
put_list(struct buf *out, const struct test *t)
{
	size_t i;

	buf_putc(out, '[');
	for (i = 0; i < t->n; i++) {
		if (i > 0)
			buf_puts(out, ", ");
		if (t->kind == TEST_IN)
			put_text(out, t->list[i]);
		else
			put_time(out, t->times[i]);
	}
	buf_putc(out, ']');
}

static void
put_comparison(struct buf *out, const struct test *t, bool negated)
{
	buf_printf(out, "%s%s %s ", query_field_name(t->field),
	    t->kind == TEST_EQ_FOLDED ? ".str.lower()" : "", negated ? "!=" : signs[t->mask]);
	if (test_has_other(t))
		buf_puts(out, query_field_name(t->other));
	else if (t->kind == TEST_TIME_EQ || t->kind == TEST_TIME_ORDER)
		put_time(out, t->us);
	else
		put_text(out, t->text);
}

/* Does the negation have a writing of its own (!=, not in, notnull)? */
static bool
has_negation(const struct test *t)
{
	return t->kind == TEST_EQ || t->kind == TEST_EQ_FOLDED || t->kind == TEST_EQ_FIELD ||
	    t->kind == TEST_TIME_EQ || t->kind == TEST_TIME_EQ_FIELD || t->kind == TEST_IN ||
	    t->kind == TEST_TIME_IN || t->kind == TEST_NULL || t->kind == TEST_CONST;
}

static void
put_method(struct buf *out, const struct test *t, const char *method)
{
	buf_printf(out, "%s.str.%s(", query_field_name(t->field), method);
	put_text(out, t->text);
	buf_putc(out, ')');
}

static void
put_test(struct buf *out, const struct test *t, bool negated)
{
	switch (t->kind) {
	case TEST_CONST:
		buf_puts(out, t->yes != negated ? "\"\" == \"\"" : "\"\" != \"\"");
		break;
	case TEST_FOLDED:
		put_text(out, t->text);
		break;
	case TEST_WORDS:
		buf_puts(out, "@words(");
		put_text(out, words_text(t->words));
		buf_putc(out, ')');
		break;
	case TEST_IN:
	case TEST_TIME_IN:
		buf_printf(out, "%s %s ", query_field_name(t->field), negated ? "not in" : "in");
		put_list(out, t);
		break;
	case TEST_LIKE:
	case TEST_REGEX:
		buf_printf(out, "%s %s ", query_field_name(t->field),
		    t->kind == TEST_LIKE ? "~" : "=~");
		put_text(out, t->text);
		break;
	case TEST_CONTAINS:
		put_method(out, t, "contains");
		break;
	case TEST_STARTS:
		put_method(out, t, "startswith");
		break;
	case TEST_ENDS:
		put_method(out, t, "endswith");
		break;
	case TEST_NULL:
		buf_printf(out, "%s.%s()", query_field_name(t->field),
		    negated ? "notnull" : "isnull");
		break;
	case TEST_TAG:
		buf_puts(out, "@tag(");
		put_text(out, t->text);
		buf_putc(out, ')');
		break;
	case TEST_EQ:
	case TEST_EQ_FOLDED:
	case TEST_ORDER:
	case TEST_EQ_FIELD:
	case TEST_ORDER_FIELD:
	case TEST_TIME_EQ:
	case TEST_TIME_ORDER:
	case TEST_TIME_EQ_FIELD:
	case TEST_TIME_ORDER_FIELD:
	default:
		put_comparison(out, t, negated);
	}
}

static void
put_inner(struct buf *out, const struct node *n, bool parentheses)
{
	if (parentheses)
		buf_putc(out, '(');
	explain_node(n, out);
	if (parentheses)
		buf_putc(out, ')');
}

void
explain_node(const struct node *n, struct buf *out)
{
	const struct node *kid = n->n > 0 ? n->kid[0] : NULL;
	bool joined;
	size_t i;

	if (n->kind == NODE_TEST) {
		put_test(out, &n->test, false);
		return;
	}
	if (n->kind == NODE_NOT && kid->kind == NODE_TEST && has_negation(&kid->test)) {
		put_test(out, &kid->test, true);
		return;
	}
	if (n->kind == NODE_NOT)
		buf_puts(out, "not ");
	for (i = 0; i < n->n; i++) {
		kid = n->kid[i];
		joined = kid->kind == NODE_AND || kid->kind == NODE_OR;
		if (i > 0)
			buf_puts(out, n->kind == NODE_AND ? " and " : " or ");
		put_inner(out, kid, joined && kid->kind != n->kind);
	}
}
