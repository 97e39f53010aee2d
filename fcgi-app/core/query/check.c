#include "core/query/check.h"
#include "core/query/compare.h"
#include "core/query/words.h"

#define BETWEEN	"between takes two texts: write .between(\"a\", \"b\")"

struct checker {
	struct reading *r;
	struct regex_pool *pool;	/* NULL until there is a regular expression */
};

static struct node *check_node(struct checker *c, const struct ast *ast);

/* The field and the text that are the operands of `~` or `=~`. */
static bool
read_match(struct checker *c, const struct ast *ast, const char *wrong_right,
    enum query_field *field)
{
	if (!build_text_field(c->r, ast->first, field))
		return false;
	if (ast->last->kind != AST_TEXT)
		build_type_error(c->r, ast->last, wrong_right);
	return ast->last->kind == AST_TEXT;
}

/* folds: in what .str.lower() has made of the field, which has no capital letters. */
static struct node *
make_like(struct checker *c, enum query_field field, struct str text, bool folds)
{
	struct node *n = build_text_test(c->r, TEST_LIKE, field, text);

	if (n == NULL)
		return NULL;
	n->test.folded = reading_fold(c->r, text);
	n->test.skip = build_skip_table(c->r, n->test.folded);
	if (folds && !str_eq(n->test.folded, text))
		return build_test(c->r, TEST_CONST, QUERY_FIELDS);
	return n;
}

static struct node *
check_like(struct checker *c, const struct ast *ast)
{
	enum query_field field;

	return read_match(c, ast, "~ needs a text on its right", &field) ?
	    make_like(c, field, ast->last->text, false) : NULL;
}

/* A regular expression: the pattern as written between what makes of it what the method means. */
static struct node *
make_regex(struct checker *c, enum query_field field, const struct ast *pattern,
    const char *before, const char *behind)
{
	struct node *n = build_test(c->r, TEST_REGEX, field);
	const char *reason, *whole;
	size_t offset;
	enum kodo_err err = KODO_ENOMEM;

	whole = arena_printf(c->r->a, "%s%.*s%s", before, STR_ARG(pattern->text), behind);
	if (c->pool == NULL)
		c->pool = regex_pool_new(c->r->a);
	if (n != NULL && whole != NULL && c->pool != NULL) {
		n->test.text = str_of(whole);
		err = regex_compile(c->pool, n->test.text, &n->test.regex, &reason, &offset);
	}
	if (err == KODO_EINVAL)
		return reading_fail(c->r, pattern->at,
		    "SyntaxError: regular expression (column %zu): %s at offset %zu",
		    reading_column(c->r, pattern->at), reason,
		    offset < strlen(before) ? 0 : offset - strlen(before));
	if (err == KODO_OK)
		err = regex_literal(c->r->a, n->test.text, &n->test.literal);
	if (err != KODO_OK)
		c->r->oom = true;
	return n;
}

static struct node *
check_regex(struct checker *c, const struct ast *ast)
{
	enum query_field field;

	return read_match(c, ast, "=~ needs a text on its right", &field) ?
	    make_regex(c, field, ast->last, "", "") : NULL;
}

enum method_argument { ARGUMENT_NONE, ARGUMENT_TEXT, ARGUMENT_LIST };

static const struct method {
	struct str name;
	enum test_kind kind;
	enum method_argument argument;
	bool negated;
	/* a regular expression stands between: case as given, any case, behind */
	const char *before, *before_any, *behind;
} methods[] = {
	{ { "isin", 4 }, TEST_IN, ARGUMENT_LIST, false, "", "(?i)", "" },
	{ { "isnull", 6 }, TEST_NULL, ARGUMENT_NONE, false, "", "(?i)", "" },
	{ { "isna", 4 }, TEST_NULL, ARGUMENT_NONE, false, "", "(?i)", "" },
	{ { "notnull", 7 }, TEST_NULL, ARGUMENT_NONE, true, "", "(?i)", "" },
	{ { "notna", 5 }, TEST_NULL, ARGUMENT_NONE, true, "", "(?i)", "" },
	{ { "str.contains", 12 }, TEST_CONTAINS, ARGUMENT_TEXT, false, "", "(?i)", "" },
	{ { "str.startswith", 14 }, TEST_STARTS, ARGUMENT_TEXT, false, "", "(?i)", "" },
	{ { "str.endswith", 12 }, TEST_ENDS, ARGUMENT_TEXT, false, "", "(?i)", "" },
	{ { "str.match", 9 }, TEST_REGEX, ARGUMENT_TEXT, false, "\\A(?:", "(?i)\\A(?:", ")" },
	{ { "str.fullmatch", 13 }, TEST_REGEX, ARGUMENT_TEXT, false, "\\A(?:", "(?i)\\A(?:",
	    ")\\z" },
};

/* `case=False` and the like, as pandas has them; here regex is False where it is not given. */
enum option { OPTION_CASE, OPTION_NA, OPTION_REGEX, OPTIONS };

static const struct {
	struct str name;
	unsigned kinds;			/* of methods that take it */
	bool fallback;
} options[OPTIONS] = {
	[OPTION_CASE] = { { "case", 4 }, 1u << TEST_CONTAINS | 1u << TEST_REGEX, true },
	[OPTION_NA] = { { "na", 2 }, 1u << TEST_CONTAINS | 1u << TEST_STARTS | 1u << TEST_ENDS |
		1u << TEST_REGEX, false },
	[OPTION_REGEX] = { { "regex", 5 }, 1u << TEST_CONTAINS, false },
};

static bool
read_option(const struct ast *ast, const struct method *m, bool given[OPTIONS])
{
	const struct str value = ast->kind == AST_KEYWORD ? ast->first->text : STR_NULL;
	unsigned i;

	for (i = 0; i < OPTIONS; i++)
		if (value.p != NULL && str_eq(ast->text, options[i].name) &&
		    (options[i].kinds & 1u << m->kind) != 0) {
			given[i] = str_eq(value, STR("True"));
			return given[i] || str_eq(value, STR("False")) ||
			    str_eq(value, STR("None"));
		}
	return false;
}

static bool
check_arguments(struct checker *c, const struct ast *ast, const struct method *m,
    bool given[OPTIONS])
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
	const struct ast *argument = ast->first->next, *option;
	const size_t n = wanted[m->argument].n;
	const bool may_list = m->kind == TEST_STARTS || m->kind == TEST_ENDS;
	bool is_right = n == 0 ? argument == NULL :
	    argument != NULL && (argument->kind == wanted[m->argument].kind ||
		(may_list && argument->kind == AST_LIST));
	unsigned i;

	for (i = 0; i < OPTIONS; i++)
		given[i] = options[i].fallback;
	option = n == 0 || argument == NULL ? NULL : argument->next;
	for (; is_right && option != NULL; option = option->next)
		is_right = read_option(option, m, given);
	if (!is_right) {
		build_type_error(c->r, ast, wanted[m->argument].wrong);
		return false;
	}
	return n == 0 || argument->kind != AST_LIST || build_list(c->r, argument);
}

/* A test of the argument of startswith or endswith, or of one of the texts that it lists. */
static struct node *
make_ends(struct checker *c, enum query_field field, enum test_kind kind,
    const struct ast *argument)
{
	const struct ast *text = argument->kind == AST_LIST ? argument->first : argument;
	struct node *any;
	size_t i;

	if (argument->kind != AST_LIST || argument->n == 1)
		return build_text_test(c->r, kind, field, text->text);
	if (argument->n == 0)
		return build_test(c->r, TEST_CONST, QUERY_FIELDS);
	any = build_node(c->r, NODE_OR, argument->n);
	for (i = 0; any != NULL && i < argument->n; i++, text = text->next) {
		any->kid[i] = build_text_test(c->r, kind, field, text->text);
		if (any->kid[i] == NULL)
			return NULL;
	}
	return any;
}

static struct node *
check_text_method(struct checker *c, const struct ast *ast, const struct method *m,
    const bool given[OPTIONS])
{
	const struct ast *argument = ast->first->next, *subject;
	enum query_field field;
	struct node *n, *either;
	bool folds;

	subject = build_folds(ast->first, &folds);
	if (!build_text_field(c->r, subject, &field))
		return NULL;
	if (folds && (m->kind != TEST_CONTAINS || given[OPTION_REGEX]))
		return build_type_error(c->r, ast,
		    "after .str.lower() only .str.contains, == and != are possible");
	if (m->kind == TEST_REGEX || given[OPTION_REGEX])
		n = make_regex(c, field, argument,
		    given[OPTION_CASE] ? m->before : m->before_any, m->behind);
	else if (folds || (m->kind == TEST_CONTAINS && !given[OPTION_CASE]))
		n = make_like(c, field, argument->text, folds);
	else
		n = make_ends(c, field, m->kind, argument);
	if (n == NULL || !given[OPTION_NA])
		return n;
	either = build_node(c->r, NODE_OR, 2);
	if (either == NULL)
		return NULL;
	either->kid[0] = n;
	either->kid[1] = build_test(c->r, TEST_NULL, field);
	return either->kid[1] == NULL ? NULL : either;
}

static struct node *
check_method(struct checker *c, const struct ast *ast, const struct method *m)
{
	const struct ast *argument = ast->first->next;
	enum query_field field;
	bool given[OPTIONS];
	struct node *n;

	if (m->argument == ARGUMENT_TEXT)
		return check_arguments(c, ast, m, given) ?
		    check_text_method(c, ast, m, given) : NULL;
	if (!build_field(c->r, ast->first, &field) || !check_arguments(c, ast, m, given))
		return NULL;
	if (m->argument == ARGUMENT_LIST) {
		if (query_field_type(field) == QUERY_TYPE_TAGS)
			return build_tags_error(c->r, ast);
		return compare_in(c->r, field, argument->first, argument->n);
	}
	n = build_test(c->r, m->kind, field);
	return m->negated ? build_not(c->r, n) : n;
}

/* Is it `inclusive="left"` or the like? *low, *high: which end belongs to it. */
static bool
read_inclusive(const struct ast *ast, enum ast_op *low, enum ast_op *high)
{
	static const struct {
		struct str name;
		enum ast_op low, high;
	} rows[] = {
		{ { "both", 4 }, OP_LE, OP_LE }, { { "neither", 7 }, OP_LT, OP_LT },
		{ { "left", 4 }, OP_LE, OP_LT }, { { "right", 5 }, OP_LT, OP_LE },
	};
	const struct ast *value = ast->kind == AST_KEYWORD &&
		str_eq(ast->text, STR("inclusive")) ? ast->first : ast;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (value->kind == AST_TEXT && str_eq(value->text, rows[i].name)) {
			*low = rows[i].low;
			*high = rows[i].high;
			return true;
		}
	return false;
}

/* field.between(a, b) is a <= field <= b. */
static struct node *
check_between(struct checker *c, const struct ast *ast)
{
	const struct ast *given = ast->first->next, *ends[2] = { given, given->next };
	struct ast low = *given, field = *ast->first, high;
	struct ast chain = { .kind = AST_CHAIN, .at = ast->at, .first = &low, .n = 3 };
	enum ast_op low_op = OP_LE, high_op = OP_LE;

	if (ast->n > 3 && !(ast->n == 4 && read_inclusive(ends[1]->next, &low_op, &high_op)))
		return build_type_error(c->r, ast, BETWEEN);
	high = *ends[1];
	low.next = &field;
	field.next = &high;
	field.op = low_op;
	high.next = NULL;
	high.op = high_op;
	chain.last = &high;
	return compare_chain(c->r, &chain);
}

static struct node *
check_call(struct checker *c, const struct ast *ast)
{
	enum query_field field;
	size_t i;

	if (str_eq(ast->text, STR("between")))
		return ast->n < 3 ? build_type_error(c->r, ast, BETWEEN) : check_between(c, ast);
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

/* A part of and, or, not: a test, or a text, which is searched for as if it stood alone. */
static struct node *
check_part(struct checker *c, const struct ast *ast)
{
	return ast->kind == AST_TEXT ? words_test(c->r, ast->text) : check_node(c, ast);
}

static struct node *
check_joined(struct checker *c, const struct ast *ast, enum node_kind kind)
{
	struct node *n = build_node(c->r, kind, ast->n);
	const struct ast *kid;
	size_t i = 0;

	for (kid = ast->first; n != NULL && kid != NULL; kid = kid->next) {
		n->kid[i] = check_part(c, kid);
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

/* True: 1, False: 0, else -1. */
static int
truth_of(const struct ast *ast)
{
	return ast->kind != AST_WORD ? -1 : str_eq(ast->text, STR("True")) ? 1 :
	    str_eq(ast->text, STR("False")) ? 0 : -1;
}

/* What Python, pandas and SQL call what is not there. */
static bool
is_nothing(const struct ast *ast)
{
	static const struct str names[] = { { "None", 4 }, { "null", 4 }, { "NULL", 4 },
		{ "nan", 3 }, { "NaN", 3 } };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (ast->kind == AST_WORD && str_eq(ast->text, names[i]))
			return true;
	return false;
}

static bool
is_test(const struct ast *ast)
{
	bool folds;

	(void)build_folds(ast, &folds);
	return !folds && ((ast->kind >= AST_OR && ast->kind <= AST_CALL) || ast->kind == AST_TAG);
}

/*
 * A test `== True`, a field `== None`, a text `in tags`, as in pandas. All other chains are
 * compare.c's.
 */
static struct node *
check_chain(struct checker *c, const struct ast *ast)
{
	const struct ast *left = ast->first, *right = ast->last;
	const bool equal = right->op == OP_EQ || right->op == OP_NE;
	const bool within = right->op == OP_IN || right->op == OP_NOT_IN;
	const bool negated = right->op == OP_NE || right->op == OP_NOT_IN;
	enum query_field field;
	struct node *n;

	if (ast->n != 2)
		return compare_chain(c->r, ast);
	if (equal && left->kind == AST_WORD && is_nothing(right)) {
		n = build_field(c->r, left, &field) ? build_test(c->r, TEST_NULL, field) : NULL;
		return negated ? build_not(c->r, n) : n;
	}
	if (equal && is_test(left) && truth_of(right) >= 0) {
		n = check_node(c, left);
		return negated == (truth_of(right) == 1) ? build_not(c->r, n) : n;
	}
	if (within && left->kind == AST_TEXT && right->kind == AST_WORD &&
	    str_eq(right->text, str_of(query_field_name(QUERY_TAGS)))) {
		n = build_text_test(c->r, TEST_TAG, QUERY_TAGS, left->text);
		return negated ? build_not(c->r, n) : n;
	}
	return compare_chain(c->r, ast);
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
		return build_not(c->r, check_part(c, ast->first));
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
	case AST_KEYWORD:
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
