#include "core/base/utf8.h"
#include "core/query/checker.h"

static struct node *check_node(struct checker *c, const struct ast *ast);

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
void *
checker_type_error(struct checker *c, const struct ast *ast, const char *what)
{
	return reading_fail(c->r, ast->at, "TypeError: %s (column %zu)", what,
	    reading_column(c->r, ast->at));
}

bool
checker_field(struct checker *c, const struct ast *ast, enum query_field *field)
{
	*field = QUERY_FIELDS;
	if (ast->kind != AST_WORD) {
		checker_type_error(c, ast, "a field is needed here");
		return false;
	}
	if (query_field_find(ast->text, field)) {
		c->out->needs |= QUERY_BIT(*field);
		return true;
	}
	reading_fail(c->r, ast->at, "UndefinedVariableError: name '%.*s' is not defined",
	    STR_ARG(ast->text));
	return false;
}

static bool
check_text_field(struct checker *c, const struct ast *ast, enum query_field *field)
{
	if (!checker_field(c, ast, field))
		return false;
	if (query_field_type(*field) == QUERY_TYPE_TEXT)
		return true;
	checker_type_error(c, ast, query_field_type(*field) == QUERY_TYPE_TAGS ?
	    "tags are a list: write @tag(\"x\")" : "a time is no text");
	return false;
}

struct node *
checker_node(struct checker *c, enum node_kind kind, size_t n_kids)
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

struct node *
checker_test(struct checker *c, enum test_kind kind, enum query_field field)
{
	struct node *n = checker_node(c, NODE_TEST, 0);

	if (n == NULL)
		return NULL;
	n->test.kind = kind;
	n->test.field = field;
	return n;
}

struct node *
checker_not(struct checker *c, struct node *kid)
{
	struct node *n;

	if (kid == NULL)
		return NULL;
	if (kid->kind == NODE_NOT)
		return kid->kid[0];
	if (kid->kind == NODE_TEST && kid->test.kind == TEST_CONST) {
		kid->test.yes = !kid->test.yes;
		return kid;
	}
	n = checker_node(c, NODE_NOT, 1);
	if (n != NULL)
		n->kid[0] = kid;
	return n;
}

/*
 * For the search of a folded text that never goes back (Knuth, Morris, Pratt): skip[i] is how many
 * bytes of s still match where byte i does not.
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
		return checker_type_error(c, text, "~ needs a text on its right");
	n = checker_test(c, TEST_LIKE, field);
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
		return checker_type_error(c, text, "=~ needs a text on its right");
	n = checker_test(c, TEST_REGEX, field);
	if (n != NULL && c->out->pool == NULL)
		c->out->pool = regex_pool_new(c->r->a);
	if (n == NULL || c->out->pool == NULL) {
		c->r->oom = true;
		return NULL;
	}
	n->test.text = text->text;
	err = regex_compile(c->out->pool, text->text, &n->test.regex, &reason, &offset);
	if (err == KODO_EINVAL)
		return reading_fail(c->r, text->at,
		    "SyntaxError: regular expression (column %zu): %s at offset %zu",
		    reading_column(c->r, text->at), reason, offset);
	if (err == KODO_OK)
		err = regex_literal(c->r->a, text->text, &n->test.literal);
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
		return n == 0 || argument->kind != AST_LIST || checker_list(c, argument);
	checker_type_error(c, ast, wanted[m->argument]);
	return false;
}

static struct node *
check_method(struct checker *c, const struct ast *ast, const struct method *m)
{
	const struct ast *argument = ast->first->next;
	enum query_field field;
	struct node *n;

	if (m->argument == ARGUMENT_TEXT ? !check_text_field(c, ast->first, &field) :
	    !checker_field(c, ast->first, &field))
		return NULL;
	if (!check_arguments(c, ast, m))
		return NULL;
	if (m->argument == ARGUMENT_LIST) {
		if (query_field_type(field) == QUERY_TYPE_TAGS)
			return checker_type_error(c, ast, "tags are a list: write @tag(\"x\")");
		return checker_field_in(c, field, argument->first, argument->n);
	}
	n = checker_test(c, m->kind, field);
	if (n != NULL && m->argument == ARGUMENT_TEXT)
		n->test.text = argument->text;
	return m->negated ? checker_not(c, n) : n;
}

static struct node *
check_call(struct checker *c, const struct ast *ast)
{
	enum query_field field;
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (str_eq(ast->text, methods[i].name))
			return check_method(c, ast, &methods[i]);
	if (!checker_field(c, ast->first, &field))
		return NULL;
	return reading_fail(c->r, ast->at, "AttributeError: no method '%.*s' (column %zu)",
	    STR_ARG(ast->text), reading_column(c->r, ast->at));
}

static struct node *
check_tag(struct checker *c, const struct ast *ast)
{
	struct node *n;

	if (ast->n != 1 || ast->first->kind != AST_TEXT)
		return checker_type_error(c, ast, "@tag takes one text: write @tag(\"x\")");
	n = checker_test(c, TEST_TAG, QUERY_TAGS);
	if (n != NULL)
		n->test.text = ast->first->text;
	c->out->needs |= QUERY_BIT(QUERY_TAGS);
	return n;
}

static struct node *
check_joined(struct checker *c, const struct ast *ast, enum node_kind kind)
{
	struct node *n = checker_node(c, kind, ast->n);
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

	if (word->kind == AST_WORD && !checker_field(c, word, &field))
		return NULL;
	if (ast->kind == AST_ATTRIBUTE)
		return reading_fail(c->r, ast->at,
		    "AttributeError: no attribute '%.*s' (column %zu)", STR_ARG(ast->text),
		    reading_column(c->r, ast->at));
	return checker_type_error(c, ast, ast->kind == AST_WORD ? "a field alone is no test" :
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
		return checker_not(c, check_node(c, ast->first));
	case AST_CHAIN:
		return checker_chain(c, ast);
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
