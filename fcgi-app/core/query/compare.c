#include <stdlib.h>

#include "core/base/isotime.h"
#include "core/query/checker.h"

/* One side of a comparison. */
struct operand {
	enum { SIDE_FIELD, SIDE_TEXT, SIDE_LIST } side;
	enum query_field field;
	const struct ast *ast;
};

/*
 * What a comparing operator asks for: parts of the order, or being in; `!=` and `not in` turned
 * round.
 */
static const struct {
	unsigned mask;
	unsigned flipped;	/* with its sides exchanged */
	bool in;
	bool negated;
} ops[] = {
	[OP_EQ] = { MASK_EQUAL, MASK_EQUAL, false, false },
	[OP_NE] = { MASK_EQUAL, MASK_EQUAL, false, true },
	[OP_LT] = { MASK_LESS, MASK_GREATER, false, false },
	[OP_LE] = { MASK_LESS | MASK_EQUAL, MASK_GREATER | MASK_EQUAL, false, false },
	[OP_GT] = { MASK_GREATER, MASK_LESS, false, false },
	[OP_GE] = { MASK_GREATER | MASK_EQUAL, MASK_LESS | MASK_EQUAL, false, false },
	[OP_IN] = { MASK_EQUAL, MASK_EQUAL, true, false },
	[OP_NOT_IN] = { MASK_EQUAL, MASK_EQUAL, true, true },
};

static struct node *
checker_const(struct checker *c, bool yes)
{
	struct node *n = checker_test(c, TEST_CONST, QUERY_FIELDS);

	if (n != NULL)
		n->test.yes = yes;
	return n;
}

bool
checker_list(struct checker *c, const struct ast *list)
{
	const struct ast *item;
	enum query_field field;

	for (item = list->first; item != NULL; item = item->next) {
		if (item->kind == AST_TEXT)
			continue;
		if (item->kind != AST_WORD || checker_field(c, item, &field))
			checker_type_error(c, item, "a list holds texts only");
		return false;
	}
	return true;
}

static bool
check_operand(struct checker *c, const struct ast *ast, struct operand *out)
{
	*out = (struct operand){ SIDE_TEXT, QUERY_FIELDS, ast };
	switch (ast->kind) {
	case AST_WORD:
		out->side = SIDE_FIELD;
		if (!checker_field(c, ast, &out->field))
			return false;
		if (query_field_type(out->field) != QUERY_TYPE_TAGS)
			return true;
		checker_type_error(c, ast, "tags are a list: write @tag(\"x\")");
		return false;
	case AST_TEXT:
		return true;
	case AST_LIST:
		out->side = SIDE_LIST;
		return checker_list(c, ast);
	case AST_NUMBER:
		checker_type_error(c, ast, "a number cannot be compared: write it in quotes");
		return false;
	case AST_ATTRIBUTE:
	case AST_CALL:
		if (!checker_field(c, ast->first, &out->field))
			return false;
		/* FALLTHROUGH */
	case AST_OR:
	case AST_AND:
	case AST_NOT:
	case AST_CHAIN:
	case AST_LIKE:
	case AST_REGEX:
	case AST_TAG:
	default:
		checker_type_error(c, ast, "a test cannot be compared");
		return false;
	}
}

static int
compare_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int
compare_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* A text field is in the n texts from first on. */
static struct node *
text_in(struct checker *c, enum query_field field, const struct ast *first, size_t n)
{
	struct node *node = checker_test(c, TEST_IN, field);
	struct str *list = reading_alloc(c->r, (n + 1) * sizeof(*list));
	size_t i;

	if (node == NULL || list == NULL)
		return NULL;
	for (i = 0; i < n; i++, first = first->next)
		list[i] = first->text;
	qsort(list, n, sizeof(*list), compare_str);
	node->test.list = list;
	node->test.n = n;
	return node;
}

/* A time field is in the n texts from first on; a text that is no time is never met. */
static struct node *
time_in(struct checker *c, enum query_field field, const struct ast *first, size_t n)
{
	struct node *node = checker_test(c, TEST_TIME_IN, field);
	int64_t *times = reading_alloc(c->r, (n + 1) * sizeof(*times));
	size_t i;

	if (node == NULL || times == NULL)
		return NULL;
	for (i = 0; i < n; i++, first = first->next)
		if (isotime_parse_text(first->text, &times[node->test.n], NULL) == KODO_OK)
			node->test.n++;
	qsort(times, node->test.n, sizeof(*times), compare_time);
	node->test.times = times;
	return node;
}

struct node *
checker_field_in(struct checker *c, enum query_field field, const struct ast *first, size_t n)
{
	return query_field_type(field) == QUERY_TYPE_TIME ? time_in(c, field, first, n) :
	    text_in(c, field, first, n);
}

static struct node *
compare_list(struct checker *c, const struct operand *other, const struct operand *list,
    enum ast_op op)
{
	const struct ast *item;
	bool found = false;

	if (other->side == SIDE_LIST || (!ops[op].in && ops[op].mask != MASK_EQUAL))
		return checker_type_error(c, list->ast,
		    "a list can only be compared by ==, != and in, with a field");
	if (other->side == SIDE_FIELD)
		return checker_field_in(c, other->field, list->ast->first, list->ast->n);
	for (item = list->ast->first; item != NULL; item = item->next)
		found = found || str_eq(item->text, other->ast->text);
	return checker_const(c, found);
}

static struct node *
compare_texts(struct checker *c, struct str a, struct str b, unsigned mask)
{
	int order = str_cmp(a, b);
	unsigned is = order < 0 ? MASK_LESS : order > 0 ? MASK_GREATER : MASK_EQUAL;

	return checker_const(c, (mask & is) != 0);
}

static struct node *
compare_fields(struct checker *c, const struct operand *l, const struct operand *r, enum ast_op op)
{
	bool is_time = query_field_type(l->field) == QUERY_TYPE_TIME;
	bool equal = ops[op].mask == MASK_EQUAL;
	struct node *n;

	if (ops[op].in)
		return checker_type_error(c, r->ast, "in needs a text or a list");
	if (is_time != (query_field_type(r->field) == QUERY_TYPE_TIME))
		return checker_type_error(c, r->ast, "a time cannot be compared with a text field");
	n = checker_test(c, is_time ? (equal ? TEST_TIME_EQ_FIELD : TEST_TIME_ORDER_FIELD) :
	    (equal ? TEST_EQ_FIELD : TEST_ORDER_FIELD), l->field);
	if (n == NULL)
		return NULL;
	n->test.other = r->field;
	n->test.mask = ops[op].mask;
	return n;
}

/* A time against a text: "" is null, and what is no time is equal to none and cannot be ordered. */
static struct node *
compare_time_text(struct checker *c, enum query_field field, const struct ast *text, unsigned mask)
{
	struct node *n;
	int64_t us;

	if (isotime_parse_text(text->text, &us, NULL) == KODO_OK) {
		n = checker_test(c, mask == MASK_EQUAL ? TEST_TIME_EQ : TEST_TIME_ORDER, field);
		if (n == NULL)
			return NULL;
		n->test.us = us;
		n->test.mask = mask;
		return n;
	}
	if (mask != MASK_EQUAL)
		return checker_type_error(c, text,
		    "not a time: write \"2026-01-31\" or \"2026-01-31T12:00:00Z\"");
	return text->text.len == 0 ? checker_test(c, TEST_NULL, field) : time_in(c, field, NULL, 0);
}

static struct node *
compare_field_text(struct checker *c, enum query_field field, const struct ast *text, unsigned mask,
    bool in)
{
	struct node *n;

	if (in)
		return checker_field_in(c, field, text, 1);
	if (query_field_type(field) == QUERY_TYPE_TIME)
		return compare_time_text(c, field, text, mask);
	n = checker_test(c, mask == MASK_EQUAL ? TEST_EQ : TEST_ORDER, field);
	if (n == NULL)
		return NULL;
	n->test.text = text->text;
	n->test.mask = mask;
	return n;
}

static struct node *
check_comparison(struct checker *c, const struct operand *l, const struct operand *r,
    enum ast_op op)
{
	struct node *n;

	if (r->side == SIDE_LIST)
		n = compare_list(c, l, r, op);
	else if (l->side == SIDE_LIST)
		n = compare_list(c, r, l, op);
	else if (l->side == SIDE_TEXT && r->side == SIDE_TEXT)
		n = compare_texts(c, l->ast->text, r->ast->text, ops[op].mask);
	else if (l->side == SIDE_FIELD && r->side == SIDE_FIELD)
		n = compare_fields(c, l, r, op);
	else if (l->side == SIDE_FIELD)
		n = compare_field_text(c, l->field, r->ast, ops[op].mask, ops[op].in);
	else
		n = compare_field_text(c, r->field, l->ast, ops[op].flipped, ops[op].in);
	return n != NULL && ops[op].negated ? checker_not(c, n) : n;
}

/* a < b <= c: each neighbours' comparison, joined by and. */
struct node *
checker_chain(struct checker *c, const struct ast *ast)
{
	struct node *n = NULL, *part;
	struct operand left, right;
	const struct ast *kid;
	size_t i = 0;

	if (ast->n > 2)
		n = checker_node(c, NODE_AND, ast->n - 1);
	if (c->r->oom || !check_operand(c, ast->first, &left))
		return NULL;
	for (kid = ast->first->next; kid != NULL; kid = kid->next, left = right) {
		if (!check_operand(c, kid, &right))
			return NULL;
		part = check_comparison(c, &left, &right, kid->op);
		if (part == NULL)
			return NULL;
		if (n == NULL)
			return part;
		n->kid[i++] = part;
	}
	return n;
}
