#include <stdlib.h>

#include "core/base/isotime.h"
#include "core/query/compare.h"

/* One side of a comparison. */
struct operand {
	enum { SIDE_FIELD, SIDE_TEXT, SIDE_LIST } side;
	enum query_field field;
	bool folds;		/* SIDE_FIELD: .str.lower() of it */
	const struct ast *ast;
};

/* The meaning of the comparing operators; `!=` and `not in` negate `==` and `in`. */
static const struct {
	unsigned mask;
	unsigned flipped;	/* mask with the sides exchanged */
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
make_const(struct reading *r, bool yes)
{
	struct node *n = build_test(r, TEST_CONST, QUERY_FIELDS);

	if (n != NULL)
		n->test.yes = yes;
	return n;
}

static bool
read_operand(struct reading *r, const struct ast *ast, struct operand *out)
{
	const struct ast *field;

	*out = (struct operand){ SIDE_TEXT, QUERY_FIELDS, false, ast };
	field = build_folds(ast, &out->folds);
	if (out->folds) {
		out->side = SIDE_FIELD;
		return build_text_field(r, field, &out->field);
	}
	switch (ast->kind) {
	case AST_WORD:
		out->side = SIDE_FIELD;
		if (!build_field(r, ast, &out->field))
			return false;
		if (query_field_type(out->field) != QUERY_TYPE_TAGS)
			return true;
		build_tags_error(r, ast);
		return false;
	case AST_TEXT:
		return true;
	case AST_LIST:
		out->side = SIDE_LIST;
		return build_list(r, ast);
	case AST_NUMBER:
		build_type_error(r, ast, "a number cannot be compared: write it in quotes");
		return false;
	case AST_ATTRIBUTE:
	case AST_CALL:
		if (!build_field(r, ast->first, &out->field))
			return false;
		/* FALLTHROUGH */
	case AST_OR:
	case AST_AND:
	case AST_NOT:
	case AST_CHAIN:
	case AST_LIKE:
	case AST_REGEX:
	case AST_TAG:
	case AST_KEYWORD:
	default:
		build_type_error(r, ast, "a test cannot be compared");
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

/* A text field is one of the n texts from first on. */
static struct node *
text_in(struct reading *r, enum query_field field, const struct ast *first, size_t n)
{
	struct node *node = build_test(r, TEST_IN, field);
	struct str *list = reading_alloc(r, (n + 1) * sizeof(*list));
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

/* A time field is one of the n texts from first on; texts that are no times are left out. */
static struct node *
time_in(struct reading *r, enum query_field field, const struct ast *first, size_t n)
{
	struct node *node = build_test(r, TEST_TIME_IN, field);
	int64_t *times = reading_alloc(r, (n + 1) * sizeof(*times));
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
compare_in(struct reading *r, enum query_field field, const struct ast *first, size_t n)
{
	return query_field_type(field) == QUERY_TYPE_TIME ? time_in(r, field, first, n) :
	    text_in(r, field, first, n);
}

static struct node *
compare_list(struct reading *r, const struct operand *other, const struct operand *list,
    enum ast_op op)
{
	const struct ast *item;
	bool found = false;

	if (other->side == SIDE_LIST || (!ops[op].in && ops[op].mask != MASK_EQUAL))
		return build_type_error(r, list->ast,
		    "a list can only be compared by ==, != and in, with a field");
	if (other->side == SIDE_FIELD)
		return compare_in(r, other->field, list->ast->first, list->ast->n);
	for (item = list->ast->first; item != NULL; item = item->next)
		found = found || str_eq(item->text, other->ast->text);
	return make_const(r, found);
}

/* Decided here and now. */
static struct node *
compare_texts(struct reading *r, struct str a, struct str b, unsigned mask)
{
	return make_const(r, mask_has(mask, str_cmp(a, b)));
}

static struct node *
compare_fields(struct reading *r, const struct operand *left, const struct operand *right,
    enum ast_op op)
{
	bool is_time = query_field_type(left->field) == QUERY_TYPE_TIME;
	bool equal = ops[op].mask == MASK_EQUAL;
	struct node *n;

	if (ops[op].in)
		return build_type_error(r, right->ast, "in needs a text or a list");
	if (is_time != (query_field_type(right->field) == QUERY_TYPE_TIME))
		return build_type_error(
		    r, right->ast, "a time cannot be compared with a text field");
	n = build_test(r, is_time ? (equal ? TEST_TIME_EQ_FIELD : TEST_TIME_ORDER_FIELD) :
	    (equal ? TEST_EQ_FIELD : TEST_ORDER_FIELD), left->field);
	if (n == NULL)
		return NULL;
	n->test.other = right->field;
	n->test.mask = ops[op].mask;
	return n;
}

/* As peers write times; in an order (mask) also a year or month, which stands for its begin. */
static bool
read_time(struct reading *r, struct str text, unsigned mask, int64_t *us)
{
	const char *whole;

	if (isotime_parse_text(text, us, NULL) == KODO_OK)
		return true;
	if (mask == MASK_EQUAL || (text.len != 4 && text.len != 7))
		return false;
	whole = arena_printf(r->a, "%.*s%s", STR_ARG(text), text.len == 4 ? "-01-01" : "-01");
	r->oom = r->oom || whole == NULL;
	return whole != NULL && isotime_parse_text(str_of(whole), us, NULL) == KODO_OK;
}

/* A time against a text: "" is null; a text that is no time equals none, and has no order. */
static struct node *
compare_time_text(struct reading *r, enum query_field field, const struct ast *text, unsigned mask)
{
	struct node *n;
	int64_t us;

	if (read_time(r, text->text, mask, &us)) {
		n = build_test(r, mask == MASK_EQUAL ? TEST_TIME_EQ : TEST_TIME_ORDER, field);
		if (n == NULL)
			return NULL;
		n->test.us = us;
		n->test.mask = mask;
		return n;
	}
	if (mask != MASK_EQUAL)
		return build_type_error(r, text,
		    "not a time: write \"2026-01-31\" or \"2026-01-31T12:00:00Z\"");
	return text->text.len == 0 ? build_test(r, TEST_NULL, field) : time_in(r, field, NULL, 0);
}

static struct node *
compare_field_text(struct reading *r, enum query_field field, const struct ast *text, unsigned mask,
    bool in)
{
	struct node *n;

	if (in)
		return compare_in(r, field, text, 1);
	if (query_field_type(field) == QUERY_TYPE_TIME)
		return compare_time_text(r, field, text, mask);
	n = build_text_test(r, mask == MASK_EQUAL ? TEST_EQ : TEST_ORDER, field, text->text);
	if (n != NULL)
		n->test.mask = mask;
	return n;
}

/* The result of .str.lower() is compared with a text by == and !=, and in no other way. */
static struct node *
compare_folded(struct reading *r, const struct operand *field, const struct operand *other,
    enum ast_op op)
{
	if (other->side == SIDE_TEXT && ops[op].mask == MASK_EQUAL && !ops[op].in)
		return build_text_test(r, TEST_EQ_FOLDED, field->field, other->ast->text);
	return build_type_error(
	    r, field->ast, "after .str.lower() only ==, != and a text are possible");
}

static struct node *
compare_two(struct reading *r, const struct operand *left, const struct operand *right,
    enum ast_op op)
{
	struct node *n;

	if (left->folds || right->folds)
		n = compare_folded(
		    r, left->folds ? left : right, left->folds ? right : left, op);
	else if (right->side == SIDE_LIST)
		n = compare_list(r, left, right, op);
	else if (left->side == SIDE_LIST)
		n = compare_list(r, right, left, op);
	else if (left->side == SIDE_TEXT && right->side == SIDE_TEXT)
		n = compare_texts(r, left->ast->text, right->ast->text, ops[op].mask);
	else if (left->side == SIDE_FIELD && right->side == SIDE_FIELD)
		n = compare_fields(r, left, right, op);
	else if (left->side == SIDE_FIELD)
		n = compare_field_text(r, left->field, right->ast, ops[op].mask, ops[op].in);
	else
		n = compare_field_text(r, right->field, left->ast, ops[op].flipped, ops[op].in);
	return ops[op].negated ? build_not(r, n) : n;
}

struct node *
compare_chain(struct reading *r, const struct ast *ast)
{
	struct node *n = NULL, *part;
	struct operand left, right;
	const struct ast *kid;
	size_t i = 0;

	if (ast->n > 2)
		n = build_node(r, NODE_AND, ast->n - 1);
	if (r->oom || !read_operand(r, ast->first, &left))
		return NULL;
	for (kid = ast->first->next; kid != NULL; kid = kid->next, left = right) {
		if (!read_operand(r, kid, &right))
			return NULL;
		part = compare_two(r, &left, &right, kid->op);
		if (part == NULL)
			return NULL;
		if (n == NULL)
			return part;
		n->kid[i++] = part;
	}
	return n;
}
