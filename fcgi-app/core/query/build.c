#include "core/query/build.h"

void *
build_type_error(struct reading *r, const struct ast *ast, const char *what)
{
	return reading_fail(
	    r, ast->at, "TypeError: %s (column %zu)", what, reading_column(r, ast->at));
}

void *
build_tags_error(struct reading *r, const struct ast *ast)
{
	return build_type_error(r, ast, "tags are a list: write @tag(\"x\")");
}

bool
build_field(struct reading *r, const struct ast *ast, enum query_field *field)
{
	*field = QUERY_FIELDS;
	if (ast->kind != AST_WORD) {
		build_type_error(r, ast, "a field is needed here");
		return false;
	}
	if (query_field_find(ast->text, field))
		return true;
	reading_fail(r, ast->at, "UndefinedVariableError: name '%.*s' is not defined",
	    STR_ARG(ast->text));
	return false;
}

bool
build_text_field(struct reading *r, const struct ast *ast, enum query_field *field)
{
	if (!build_field(r, ast, field))
		return false;
	if (query_field_type(*field) == QUERY_TYPE_TEXT)
		return true;
	if (query_field_type(*field) == QUERY_TYPE_TAGS)
		build_tags_error(r, ast);
	else
		build_type_error(r, ast, "a time is no text");
	return false;
}

const struct ast *
build_folds(const struct ast *ast, bool *folds)
{
	*folds = ast->kind == AST_CALL && ast->n == 1 && str_eq(ast->text, STR("str.lower"));
	return *folds ? ast->first : ast;
}

bool
build_list(struct reading *r, const struct ast *list)
{
	const struct ast *item;
	enum query_field field;

	for (item = list->first; item != NULL; item = item->next) {
		if (item->kind == AST_TEXT)
			continue;
		if (item->kind != AST_WORD || build_field(r, item, &field))
			build_type_error(r, item, "a list holds texts only");
		return false;
	}
	return true;
}

struct node *
build_node(struct reading *r, enum node_kind kind, size_t n_kids)
{
	struct node *n = reading_alloc(r, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->kind = kind;
	n->n = n_kids;
	if (n_kids > 0) {
		n->kid = reading_alloc(r, n_kids * sizeof(struct node *));
		if (n->kid == NULL)
			return NULL;
	}
	return n;
}

struct node *
build_test(struct reading *r, enum test_kind kind, enum query_field field)
{
	struct node *n = build_node(r, NODE_TEST, 0);

	if (n == NULL)
		return NULL;
	n->test.kind = kind;
	n->test.field = field;
	n->test.mask = MASK_EQUAL;
	return n;
}

struct node *
build_text_test(struct reading *r, enum test_kind kind, enum query_field field, struct str text)
{
	struct node *n = build_test(r, kind, field);

	if (n != NULL)
		n->test.text = text;
	return n;
}

struct node *
build_not(struct reading *r, struct node *kid)
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
	n = build_node(r, NODE_NOT, 1);
	if (n != NULL)
		n->kid[0] = kid;
	return n;
}

const uint16_t *
build_skip_table(struct reading *r, struct str s)
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
