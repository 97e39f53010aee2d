#include <stdlib.h>

#include "../isotime.h"
#include "../utf8.h"
#include "check.h"

struct checker {
	struct reading *r;
	struct checked *out;
};

enum type { TYPE_TEXT, TYPE_TIME, TYPE_TAGS };

static const struct {
	const char *name;
	enum type type;
} fields[] = {
	[QUERY_ORGANIZATION] = { "organization", TYPE_TEXT },
	[QUERY_CREATED] = { "created", TYPE_TIME },
	[QUERY_MODIFIED] = { "modified", TYPE_TIME },
	[QUERY_HEARTBEAT] = { "heartbeat", TYPE_TIME },
	[QUERY_URL] = { "url", TYPE_TEXT },
	[QUERY_NAME] = { "name", TYPE_TEXT },
	[QUERY_AUTHOR] = { "author", TYPE_TEXT },
	[QUERY_DESCRIPTION] = { "description", TYPE_TEXT },
	[QUERY_TAGS] = { "tags", TYPE_TAGS },
	[QUERY_FOLDED] = { "folded", TYPE_TEXT },
};

/* One side of a comparison. */
struct operand {
	enum { SIDE_FIELD, SIDE_TEXT, SIDE_LIST } side;
	enum query_field field;
	const struct ast *ast;
};

/* What a comparing operator asks for: parts of the order, or being in; `!=` and `not in` turned round. */
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

static struct node *check_node(struct checker *c, const struct ast *ast);

const char *
query_field_name(enum query_field f)
{
	return (unsigned)f < QUERY_FIELDS ? fields[f].name : "";
}

struct str
check_fold(struct reading *r, struct str s)
{
	struct buf b = BUF_INIT(0);
	struct str out = STR_NULL;

	utf8_fold(&b, s);
	if (buf_failed(&b) || arena_str(r->a, buf_str(&b), &out) != KODO_OK)
		r->oom = true;
	buf_free(&b);
	return out;
}

/* Always NULL, as reading_fail. */
static void *
type_error(struct checker *c, const struct ast *ast, const char *what)
{
	return reading_fail(c->r, ast->at, "TypeError: %s (column %zu)", what, reading_column(c->r, ast->at));
}

static bool
check_field(struct checker *c, const struct ast *ast, enum query_field *field)
{
	unsigned f;

	*field = QUERY_FIELDS;
	if (ast->kind != AST_WORD) {
		type_error(c, ast, "a field is needed here");
		return false;
	}
	for (f = 0; f < QUERY_FOLDED; f++)
		if (str_eq(ast->text, str_of(fields[f].name))) {
			*field = (enum query_field)f;
			c->out->needs |= QUERY_BIT(f);
			return true;
		}
	reading_fail(c->r, ast->at, "UndefinedVariableError: name '%.*s' is not defined", STR_ARG(ast->text));
	return false;
}

static bool
check_text_field(struct checker *c, const struct ast *ast, enum query_field *field)
{
	if (!check_field(c, ast, field))
		return false;
	if (fields[*field].type == TYPE_TEXT)
		return true;
	type_error(c, ast, fields[*field].type == TYPE_TAGS ? "tags are a list: write @tag(\"x\")" : "a time is no text");
	return false;
}

static struct node *
new_node(struct checker *c, enum node_kind kind, size_t n_kids)
{
	struct node *n = reading_alloc(c->r, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->kind = kind;
	n->n = n_kids;
	if (n_kids > 0) {
		n->kid = reading_alloc(c->r, n_kids * sizeof(struct node *));
		if (n->kid == NULL)
			return NULL;
	}
	return n;
}

static struct node *
new_test(struct checker *c, enum test_kind kind, enum query_field field)
{
	struct node *n = new_node(c, NODE_TEST, 0);

	if (n == NULL)
		return NULL;
	n->test.kind = kind;
	n->test.field = field;
	return n;
}

static struct node *
new_not(struct checker *c, struct node *kid)
{
	struct node *n = kid == NULL ? NULL : new_node(c, NODE_NOT, 1);

	if (n != NULL)
		n->kid[0] = kid;
	return n;
}

static struct node *
new_const(struct checker *c, bool yes)
{
	struct node *n = new_test(c, TEST_CONST, QUERY_FIELDS);

	if (n != NULL)
		n->test.yes = yes;
	return n;
}

static bool
check_list(struct checker *c, const struct ast *list)
{
	const struct ast *item;
	enum query_field field;

	for (item = list->first; item != NULL; item = item->next) {
		if (item->kind == AST_TEXT)
			continue;
		if (item->kind != AST_WORD || check_field(c, item, &field))
			type_error(c, item, "a list holds texts only");
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
		if (!check_field(c, ast, &out->field))
			return false;
		if (fields[out->field].type != TYPE_TAGS)
			return true;
		type_error(c, ast, "tags are a list: write @tag(\"x\")");
		return false;
	case AST_TEXT:
		return true;
	case AST_LIST:
		out->side = SIDE_LIST;
		return check_list(c, ast);
	case AST_NUMBER:
		type_error(c, ast, "a number cannot be compared: write it in quotes");
		return false;
	case AST_ATTRIBUTE:
	case AST_CALL:
		if (!check_field(c, ast->first, &out->field))
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
		type_error(c, ast, "a test cannot be compared");
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
	struct node *node = new_test(c, TEST_IN, field);
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
	struct node *node = new_test(c, TEST_TIME_IN, field);
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

static struct node *
field_in(struct checker *c, enum query_field field, const struct ast *first, size_t n)
{
	return fields[field].type == TYPE_TIME ? time_in(c, field, first, n) : text_in(c, field, first, n);
}

static struct node *
compare_list(struct checker *c, const struct operand *other, const struct operand *list, enum ast_op op)
{
	const struct ast *item;
	bool found = false;

	if (other->side == SIDE_LIST || (!ops[op].in && ops[op].mask != MASK_EQUAL))
		return type_error(c, list->ast, "a list can only be compared by ==, != and in, with a field");
	if (other->side == SIDE_FIELD)
		return field_in(c, other->field, list->ast->first, list->ast->n);
	for (item = list->ast->first; item != NULL; item = item->next)
		found = found || str_eq(item->text, other->ast->text);
	return new_const(c, found);
}

static struct node *
compare_texts(struct checker *c, struct str a, struct str b, unsigned mask)
{
	int order = str_cmp(a, b);

	return new_const(c, (mask & (order < 0 ? MASK_LESS : order > 0 ? MASK_GREATER : MASK_EQUAL)) != 0);
}

static struct node *
compare_fields(struct checker *c, const struct operand *l, const struct operand *r, enum ast_op op)
{
	bool is_time = fields[l->field].type == TYPE_TIME, equal = ops[op].mask == MASK_EQUAL;
	struct node *n;

	if (ops[op].in)
		return type_error(c, r->ast, "in needs a text or a list");
	if (is_time != (fields[r->field].type == TYPE_TIME))
		return type_error(c, r->ast, "a time cannot be compared with a text field");
	n = new_test(c, is_time ? (equal ? TEST_TIME_EQ_FIELD : TEST_TIME_ORDER_FIELD) :
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
		n = new_test(c, mask == MASK_EQUAL ? TEST_TIME_EQ : TEST_TIME_ORDER, field);
		if (n == NULL)
			return NULL;
		n->test.us = us;
		n->test.mask = mask;
		return n;
	}
	if (mask != MASK_EQUAL)
		return type_error(c, text, "not a time: write \"2026-01-31\" or \"2026-01-31T12:00:00Z\"");
	return text->text.len == 0 ? new_test(c, TEST_NULL, field) : time_in(c, field, NULL, 0);
}

static struct node *
compare_field_text(struct checker *c, enum query_field field, const struct ast *text, unsigned mask, bool in)
{
	struct node *n;

	if (in)
		return field_in(c, field, text, 1);
	if (fields[field].type == TYPE_TIME)
		return compare_time_text(c, field, text, mask);
	n = new_test(c, mask == MASK_EQUAL ? TEST_EQ : TEST_ORDER, field);
	if (n == NULL)
		return NULL;
	n->test.text = text->text;
	n->test.mask = mask;
	return n;
}

static struct node *
check_comparison(struct checker *c, const struct operand *l, const struct operand *r, enum ast_op op)
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
	return n != NULL && ops[op].negated ? new_not(c, n) : n;
}

/* a < b <= c: each neighbours' comparison, joined by and. */
static struct node *
check_chain(struct checker *c, const struct ast *ast)
{
	struct node *n = NULL, *part;
	struct operand left, right;
	const struct ast *kid;
	size_t i = 0;

	if (ast->n > 2)
		n = new_node(c, NODE_AND, ast->n - 1);
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

/*
 * For the search of a folded text that never goes back (Knuth, Morris, Pratt): skip[i] is how many bytes of s still match
 * where byte i does not.
 */
static const uint16_t *
make_skip_table(struct checker *c, struct str s)
{
	uint16_t *skip = reading_alloc(c->r, (s.len + 1) * sizeof(*skip));
	size_t i, k = 0;

	if (skip == NULL)
		return NULL;
	for (i = 1; i < s.len; i++) {
		skip[i] = (uint16_t)k;
		while (k > 0 && s.p[i] != s.p[k])
			k = skip[k];
		k += s.p[i] == s.p[k];
	}
	return skip;
}

static struct node *
check_like(struct checker *c, const struct ast *ast)
{
	const struct ast *text = ast->last;
	enum query_field field;
	struct node *n;

	if (!check_text_field(c, ast->first, &field))
		return NULL;
	if (text->kind != AST_TEXT)
		return type_error(c, text, "~ needs a text on its right");
	n = new_test(c, TEST_LIKE, field);
	if (n == NULL)
		return NULL;
	n->test.text = text->text;
	n->test.folded = check_fold(c->r, text->text);
	n->test.skip = make_skip_table(c, n->test.folded);
	return n->test.skip == NULL ? NULL : n;
}

static struct node *
check_regex(struct checker *c, const struct ast *ast)
{
	const struct ast *text = ast->last;
	enum query_field field;
	struct node *n;
	const char *reason;
	enum kodo_err err;
	size_t offset;

	if (!check_text_field(c, ast->first, &field))
		return NULL;
	if (text->kind != AST_TEXT)
		return type_error(c, text, "=~ needs a text on its right");
	n = new_test(c, TEST_REGEX, field);
	if (n != NULL && c->out->pool == NULL)
		c->out->pool = regex_pool_new(c->r->a);
	if (n == NULL || c->out->pool == NULL) {
		c->r->oom = true;
		return NULL;
	}
	n->test.text = text->text;
	err = regex_compile(c->out->pool, text->text, &n->test.regex, &reason, &offset);
	if (err == KODO_EINVAL)
		return reading_fail(c->r, text->at, "SyntaxError: regular expression (column %zu): %s at offset %zu",
		    reading_column(c->r, text->at), reason, offset);
	c->r->oom = c->r->oom || err != KODO_OK;
	return n;
}

enum method_argument { ARGUMENT_NONE, ARGUMENT_TEXT, ARGUMENT_LIST };

static const struct method {
	struct str name;
	enum test_kind kind;
	enum method_argument argument;
	bool negated;
} methods[] = {
	{ { "isin", 4 }, TEST_IN, ARGUMENT_LIST, false },
	{ { "isnull", 6 }, TEST_NULL, ARGUMENT_NONE, false },
	{ { "isna", 4 }, TEST_NULL, ARGUMENT_NONE, false },
	{ { "notnull", 7 }, TEST_NULL, ARGUMENT_NONE, true },
	{ { "notna", 5 }, TEST_NULL, ARGUMENT_NONE, true },
	{ { "str.contains", 12 }, TEST_CONTAINS, ARGUMENT_TEXT, false },
	{ { "str.startswith", 14 }, TEST_STARTS, ARGUMENT_TEXT, false },
	{ { "str.endswith", 12 }, TEST_ENDS, ARGUMENT_TEXT, false },
};

static bool
check_arguments(struct checker *c, const struct ast *ast, const struct method *m)
{
	static const char *const wanted[] = {
		[ARGUMENT_NONE] = "this method takes no argument",
		[ARGUMENT_TEXT] = "this method takes one text",
		[ARGUMENT_LIST] = "isin takes one list",
	};
	const struct ast *argument = ast->first->next;
	size_t n = ast->n - 1;

	if (m->argument == ARGUMENT_NONE ? n == 0 :
	    n == 1 && argument->kind == (m->argument == ARGUMENT_TEXT ? AST_TEXT : AST_LIST))
		return n == 0 || argument->kind != AST_LIST || check_list(c, argument);
	type_error(c, ast, wanted[m->argument]);
	return false;
}

static struct node *
check_method(struct checker *c, const struct ast *ast, const struct method *m)
{
	const struct ast *argument = ast->first->next;
	enum query_field field;
	struct node *n;

	if (m->argument == ARGUMENT_TEXT ? !check_text_field(c, ast->first, &field) :
	    !check_field(c, ast->first, &field))
		return NULL;
	if (!check_arguments(c, ast, m))
		return NULL;
	if (m->argument == ARGUMENT_LIST) {
		if (fields[field].type == TYPE_TAGS)
			return type_error(c, ast, "tags are a list: write @tag(\"x\")");
		return field_in(c, field, argument->first, argument->n);
	}
	n = new_test(c, m->kind, field);
	if (n != NULL && m->argument == ARGUMENT_TEXT)
		n->test.text = argument->text;
	return m->negated ? new_not(c, n) : n;
}

static struct node *
check_call(struct checker *c, const struct ast *ast)
{
	enum query_field field;
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (str_eq(ast->text, methods[i].name))
			return check_method(c, ast, &methods[i]);
	if (!check_field(c, ast->first, &field))
		return NULL;
	return reading_fail(c->r, ast->at, "AttributeError: no method '%.*s' (column %zu)", STR_ARG(ast->text),
	    reading_column(c->r, ast->at));
}

static struct node *
check_tag(struct checker *c, const struct ast *ast)
{
	struct node *n;

	if (ast->n != 1 || ast->first->kind != AST_TEXT)
		return type_error(c, ast, "@tag takes one text: write @tag(\"x\")");
	n = new_test(c, TEST_TAG, QUERY_TAGS);
	if (n != NULL)
		n->test.text = ast->first->text;
	c->out->needs |= QUERY_BIT(QUERY_TAGS);
	return n;
}

static struct node *
check_joined(struct checker *c, const struct ast *ast, enum node_kind kind)
{
	struct node *n = new_node(c, kind, ast->n);
	const struct ast *kid;
	size_t i = 0;

	for (kid = ast->first; n != NULL && kid != NULL; kid = kid->next) {
		n->kid[i] = check_node(c, kid);
		if (n->kid[i++] == NULL)
			return NULL;
	}
	return n;
}

/* What is no test by itself: a field, a text, a list, a number. */
static struct node *
check_alone(struct checker *c, const struct ast *ast)
{
	enum query_field field;
	const struct ast *word = ast->kind == AST_ATTRIBUTE ? ast->first : ast;

	if (word->kind == AST_WORD && !check_field(c, word, &field))
		return NULL;
	if (ast->kind == AST_ATTRIBUTE)
		return reading_fail(c->r, ast->at, "AttributeError: no attribute '%.*s' (column %zu)", STR_ARG(ast->text),
		    reading_column(c->r, ast->at));
	return type_error(c, ast, ast->kind == AST_WORD ? "a field alone is no test" :
	    ast->kind == AST_TEXT ? "a text alone is no test" :
	    ast->kind == AST_LIST ? "a list alone is no test" : "a number alone is no test");
}

static struct node *
check_node(struct checker *c, const struct ast *ast)
{
	switch (ast->kind) {
	case AST_OR:
		return check_joined(c, ast, NODE_OR);
	case AST_AND:
		return check_joined(c, ast, NODE_AND);
	case AST_NOT:
		return new_not(c, check_node(c, ast->first));
	case AST_CHAIN:
		return check_chain(c, ast);
	case AST_LIKE:
		return check_like(c, ast);
	case AST_REGEX:
		return check_regex(c, ast);
	case AST_CALL:
		return check_call(c, ast);
	case AST_TAG:
		return check_tag(c, ast);
	case AST_ATTRIBUTE:
	case AST_LIST:
	case AST_WORD:
	case AST_TEXT:
	case AST_NUMBER:
	default:
		return check_alone(c, ast);
	}
}

bool
check_query(struct reading *r, const struct ast *ast, struct checked *out)
{
	struct checker c = { r, out };

	*out = (struct checked){ NULL, 0, NULL };
	out->root = check_node(&c, ast);
	return out->root != NULL && r->error == NULL && !r->oom;
}
