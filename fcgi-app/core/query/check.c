#include "core/query/check.h"
#include "core/query/compare.h"

struct checker {
	struct reading *r;
	struct regex_pool *pool;	/* NULL until there is a regular expression */
};

static struct node *check_node(struct checker *c, const struct ast *ast);

static bool
check_text_field(struct checker *c, const struct ast *ast, enum query_field *field)
{
	if (!build_field(c->r, ast, field))
		return false;
	if (query_field_type(*field) == QUERY_TYPE_TEXT)
		return true;
	if (query_field_type(*field) == QUERY_TYPE_TAGS)
		build_tags_error(c->r, ast);
	else
		build_type_error(c->r, ast, "a time is no text");
	return false;
}

/*
 * The table for a search without steps back (Knuth, Morris, Pratt): skip[i] is the number of bytes
 * of s that still match after a mismatch at byte i.
 */
static const uint16_t *
make_skip_table(struct reading *r, struct str s)
{
	uint16_t *skip = reading_alloc(r, (s.len + 1) * sizeof(*skip));
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

/* A text test of the operands of `~` or `=~`. */
static struct node *
check_match(struct checker *c, const struct ast *ast, enum test_kind kind, const char *wrong_right)
{
	const struct ast *text = ast->last;
	enum query_field field;

	if (!check_text_field(c, ast->first, &field))
		return NULL;
	if (text->kind != AST_TEXT)
		return build_type_error(c->r, text, wrong_right);
	return build_text_test(c->r, kind, field, text->text);
}

static struct node *
check_like(struct checker *c, const struct ast *ast)
{
	struct node *n = check_match(c, ast, TEST_LIKE, "~ needs a text on its right");

	if (n == NULL)
		return NULL;
	n->test.folded = reading_fold(c->r, n->test.text);
	n->test.skip = make_skip_table(c->r, n->test.folded);
	return n;
}

static struct node *
check_regex(struct checker *c, const struct ast *ast)
{
	struct node *n = check_match(c, ast, TEST_REGEX, "=~ needs a text on its right");
	enum kodo_err err = KODO_ENOMEM;
	const char *reason;
	size_t offset;

	if (n == NULL)
		return NULL;
	if (c->pool == NULL)
		c->pool = regex_pool_new(c->r->a);
	if (c->pool != NULL)
		err = regex_compile(c->pool, n->test.text, &n->test.regex, &reason, &offset);
	if (err == KODO_EINVAL)
		return reading_fail(c->r, ast->last->at,
		    "SyntaxError: regular expression (column %zu): %s at offset %zu",
		    reading_column(c->r, ast->last->at), reason, offset);
	if (err == KODO_OK)
		err = regex_literal(c->r->a, n->test.text, &n->test.literal);
	if (err != KODO_OK)
		c->r->oom = true;
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
	static const struct {
		size_t n;
		enum ast_kind kind;
		const char *wrong;
	} wanted[] = {
		[ARGUMENT_NONE] = { 0, AST_TEXT, "this method takes no argument" },
		[ARGUMENT_TEXT] = { 1, AST_TEXT, "this method takes one text" },
		[ARGUMENT_LIST] = { 1, AST_LIST, "isin takes one list" },
	};
	const struct ast *argument = ast->first->next;

	if (ast->n - 1 != wanted[m->argument].n ||
	    (argument != NULL && argument->kind != wanted[m->argument].kind)) {
		build_type_error(c->r, ast, wanted[m->argument].wrong);
		return false;
	}
	return m->argument != ARGUMENT_LIST || build_list(c->r, argument);
}

static struct node *
check_method(struct checker *c, const struct ast *ast, const struct method *m)
{
	const struct ast *argument = ast->first->next;
	enum query_field field;
	struct node *n;

	if (m->argument == ARGUMENT_TEXT ? !check_text_field(c, ast->first, &field) :
	    !build_field(c->r, ast->first, &field))
		return NULL;
	if (!check_arguments(c, ast, m))
		return NULL;
	if (m->argument == ARGUMENT_LIST) {
		if (query_field_type(field) == QUERY_TYPE_TAGS)
			return build_tags_error(c->r, ast);
		return compare_in(c->r, field, argument->first, argument->n);
	}
	n = build_text_test(c->r, m->kind, field,
	    m->argument == ARGUMENT_TEXT ? argument->text : STR_NULL);
	return m->negated ? build_not(c->r, n) : n;
}

static struct node *
check_call(struct checker *c, const struct ast *ast)
{
	enum query_field field;
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (str_eq(ast->text, methods[i].name))
			return check_method(c, ast, &methods[i]);
	if (!build_field(c->r, ast->first, &field))
		return NULL;
	return reading_fail(c->r, ast->at, "AttributeError: no method '%.*s' (column %zu)",
	    STR_ARG(ast->text), reading_column(c->r, ast->at));
}

static struct node *
check_tag(struct checker *c, const struct ast *ast)
{
	if (ast->n != 1 || ast->first->kind != AST_TEXT)
		return build_type_error(c->r, ast, "@tag takes one text: write @tag(\"x\")");
	return build_text_test(c->r, TEST_TAG, QUERY_TAGS, ast->first->text);
}

static struct node *
check_joined(struct checker *c, const struct ast *ast, enum node_kind kind)
{
	struct node *n = build_node(c->r, kind, ast->n);
	const struct ast *kid;
	size_t i = 0;

	for (kid = ast->first; n != NULL && kid != NULL; kid = kid->next) {
		n->kid[i] = check_node(c, kid);
		if (n->kid[i++] == NULL)
			return NULL;
	}
	return n;
}

/* Refuse what is no test: a field, a text, a list, a number. */
static struct node *
check_alone(struct checker *c, const struct ast *ast)
{
	enum query_field field;
	const struct ast *word = ast->kind == AST_ATTRIBUTE ? ast->first : ast;

	if (word->kind == AST_WORD && !build_field(c->r, word, &field))
		return NULL;
	if (ast->kind == AST_ATTRIBUTE)
		return reading_fail(c->r, ast->at,
		    "AttributeError: no attribute '%.*s' (column %zu)", STR_ARG(ast->text),
		    reading_column(c->r, ast->at));
	return build_type_error(c->r, ast, ast->kind == AST_WORD ? "a field alone is no test" :
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
		return build_not(c->r, check_node(c, ast->first));
	case AST_CHAIN:
		return compare_chain(c->r, ast);
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

struct node *
check_query(struct reading *r, const struct ast *ast, struct regex_pool **pool)
{
	struct checker c = { r, NULL };
	struct node *root = check_node(&c, ast);

	*pool = c.pool;
	return r->error != NULL || r->oom ? NULL : root;
}
