#include "core/base/limit.h"
#include "core/query/parse.h"
#include "core/query/row.h"

struct parser {
	struct reading *r;
	struct lexer lexer;
	struct token token;	/* the next one */
	struct token before;
	unsigned depth;		/* of parentheses and nots */
	unsigned nodes;
};

static struct ast *parse_or(struct parser *p);

static void
advance(struct parser *p)
{
	p->before = p->token;
	lex_next(&p->lexer, &p->token);
}

/*
 * Fail at the next token. `zero-day` and `a, b` are mere words for full text: there the error is an
 * unknown name, the word before.
 */
static struct ast *
unexpected(struct parser *p)
{
	const struct token *t = &p->token;
	enum query_field field;
	size_t column;

	if ((t->kind == TOKEN_FOREIGN || t->kind == TOKEN_COMMA) && p->before.kind == TOKEN_WORD &&
	    !query_field_find(p->before.raw, &field))
		return reading_fail(p->r, p->before.at,
		    "UndefinedVariableError: name '%.*s' is not defined", STR_ARG(p->before.raw));
	column = reading_column(p->r, t->at);
	if (t->kind == TOKEN_END)
		return reading_fail(p->r, t->at,
		    "SyntaxError: invalid syntax (column %zu: unexpected end)", column);
	if (t->kind == TOKEN_ASSIGN)
		return reading_fail(p->r, t->at,
		    "ValueError: cannot assign without a target object (column %zu: == compares)",
		    column);
	return reading_fail(p->r, t->at,
	    "SyntaxError: invalid syntax (column %zu: unexpected %.*s)", column, STR_ARG(t->raw));
}

static bool
expect(struct parser *p, enum token_kind kind)
{
	if (p->token.kind != kind) {
		unexpected(p);
		return false;
	}
	advance(p);
	return true;
}

static struct ast *
new_ast(struct parser *p, enum ast_kind kind, size_t at, struct str text)
{
	struct ast *n;

	if (p->nodes++ >= LIMIT_QUERY_NODES)
		return reading_fail(p->r, at,
		    "SyntaxError: query is too long (column %zu: more than %u operators and texts)",
		    reading_column(p->r, at), LIMIT_QUERY_NODES);
	n = reading_alloc(p->r, sizeof(*n));
	if (n == NULL)
		return NULL;
	n->kind = kind;
	n->at = at;
	n->text = text;
	return n;
}

static void
add_kid(struct ast *n, struct ast *kid)
{
	if (n->last == NULL)
		n->first = kid;
	else
		n->last->next = kid;
	n->last = kid;
	n->n++;
}

static bool
descend(struct parser *p)
{
	if (p->depth++ < LIMIT_QUERY_DEPTH)
		return true;
	reading_fail(p->r, p->token.at,
	    "SyntaxError: too many nested parentheses (column %zu: more than %u deep)",
	    reading_column(p->r, p->token.at), LIMIT_QUERY_DEPTH);
	return false;
}

/* A word, a text or a number. */
static struct ast *
parse_leaf(struct parser *p)
{
	struct ast *n = NULL;

	if (p->token.kind == TOKEN_WORD)
		n = new_ast(p, AST_WORD, p->token.at, p->token.raw);
	else if (p->token.kind == TOKEN_TEXT)
		n = new_ast(p, AST_TEXT, p->token.at, p->token.text);
	else if (p->token.kind == TOKEN_NUMBER)
		n = new_ast(p, AST_NUMBER, p->token.at, p->token.raw);
	else
		unexpected(p);
	if (n != NULL)
		advance(p);
	return n;
}

/*
 * Items and commas up to the closing token, a comma behind the last one allowed, as kids of list,
 * whose opening token is passed.
 */
static struct ast *
parse_items(struct parser *p, struct ast *list, struct ast *(*parse_item)(struct parser *),
    enum token_kind close)
{
	struct ast *item;

	while (p->token.kind != close) {
		item = parse_item(p);
		if (item == NULL)
			return NULL;
		add_kid(list, item);
		if (p->token.kind == close)
			break;
		if (!expect(p, TOKEN_COMMA))
			return NULL;
	}
	advance(p);
	return list;
}

static struct ast *
parse_list(struct parser *p)
{
	struct ast *list = new_ast(p, AST_LIST, p->token.at, STR_NULL);

	if (list == NULL)
		return NULL;
	advance(p);
	return parse_items(p, list, parse_leaf, TOKEN_RBRACKET);
}

/* `(` test `)`, `(operand)`, or `("a", "b")`, which is a list. */
static struct ast *
parse_paren(struct parser *p)
{
	size_t at = p->token.at;
	struct ast *inner, *list;

	if (!descend(p))
		return NULL;
	advance(p);
	if (p->token.kind == TOKEN_RPAREN) {
		advance(p);
		p->depth--;
		return new_ast(p, AST_LIST, at, STR_NULL);
	}
	inner = parse_or(p);
	if (inner == NULL)
		return NULL;
	p->depth--;
	if (p->token.kind == TOKEN_COMMA && inner->kind == AST_TEXT) {
		list = new_ast(p, AST_LIST, at, STR_NULL);
		if (list == NULL)
			return NULL;
		add_kid(list, inner);
		advance(p);
		return parse_items(p, list, parse_leaf, TOKEN_RPAREN);
	}
	return expect(p, TOKEN_RPAREN) ? inner : NULL;
}

static struct ast *parse_method_of_text(struct parser *p, struct ast *of);

/* An argument of a call: a text, a word, a number or a list; or `case=False`. */
static struct ast *
parse_argument(struct parser *p)
{
	struct ast *n = p->token.kind == TOKEN_LBRACKET ? parse_list(p) :
	    p->token.kind == TOKEN_LPAREN ? parse_paren(p) : parse_leaf(p), *value;

	if (n != NULL && n->kind == AST_TEXT && p->token.kind == TOKEN_DOT)
		return parse_method_of_text(p, n);
	if (n == NULL || n->kind != AST_WORD || p->token.kind != TOKEN_ASSIGN)
		return n;
	advance(p);
	value = parse_leaf(p);
	if (value == NULL)
		return NULL;
	n->kind = AST_KEYWORD;
	add_kid(n, value);
	return n;
}

static struct ast *
parse_tag(struct parser *p)
{
	struct ast *tag;
	size_t at = p->token.at;
	struct str word;

	advance(p);
	word = p->token.raw;
	if (!expect(p, TOKEN_WORD))
		return NULL;
	if (!str_eq(word, STR("tag")))
		return reading_fail(p->r, at,
		    "UndefinedVariableError: local variable '%.*s' is not defined", STR_ARG(word));
	if (p->token.kind != TOKEN_LPAREN)
		return reading_fail(p->r, at,
		    "TypeError: @tag takes one text (column %zu: write @tag(\"x\"))",
		    reading_column(p->r, at));
	tag = new_ast(p, AST_TAG, at, STR_NULL);
	if (tag == NULL)
		return NULL;
	advance(p);
	return parse_items(p, tag, parse_argument, TOKEN_RPAREN);
}

/* "str.name", without the blanks around the dot. */
static struct str
str_method(struct parser *p, struct str name)
{
	char *path = arena_printf(p->r->a, "str.%.*s", STR_ARG(name));

	if (path == NULL)
		p->r->oom = true;
	return str_of(path);
}

/* Behind a word: `.isin(...)`, `.str.contains(...)`, `.values`. */
static struct ast *
parse_member(struct parser *p, struct ast *of)
{
	struct ast *n;
	struct str path;

	advance(p);
	path = p->token.raw;
	if (!expect(p, TOKEN_WORD))
		return NULL;
	if (str_eq(path, STR("str")) && p->token.kind == TOKEN_DOT) {
		advance(p);
		if (!expect(p, TOKEN_WORD))
			return NULL;
		path = str_method(p, p->before.raw);
		if (path.p == NULL)
			return NULL;
	}
	n = new_ast(p, p->token.kind == TOKEN_LPAREN ? AST_CALL : AST_ATTRIBUTE, of->at, path);
	if (n == NULL)
		return NULL;
	add_kid(n, of);
	if (n->kind == AST_ATTRIBUTE)
		return n;
	advance(p);
	return parse_items(p, n, parse_argument, TOKEN_RPAREN);
}

/* `.lower()` behind a text, which is folded here and now. */
static struct ast *
parse_method_of_text(struct parser *p, struct ast *of)
{
	static const enum token_kind kinds[] = { TOKEN_WORD, TOKEN_LPAREN, TOKEN_RPAREN };
	const struct token dot = p->token;
	bool is_lower = true;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && is_lower; i++) {
		advance(p);
		is_lower = p->token.kind == kinds[i] &&
		    (i > 0 || str_eq(p->token.raw, STR("lower")));
	}
	if (!is_lower) {
		p->token = dot;
		return unexpected(p);
	}
	advance(p);
	of->text = reading_fold(p->r, of->text);
	return of;
}

static struct ast *
parse_operand(struct parser *p)
{
	struct ast *n;

	switch ((int)p->token.kind) {
	case TOKEN_LPAREN:
		return parse_paren(p);
	case TOKEN_LBRACKET:
		return parse_list(p);
	case TOKEN_AT:
		return parse_tag(p);
	default:
		n = parse_leaf(p);
	}
	if (n != NULL && n->kind == AST_TEXT && p->token.kind == TOKEN_DOT)
		return parse_method_of_text(p, n);
	if (n == NULL || n->kind != AST_WORD)
		return n;
	if (p->token.kind == TOKEN_LPAREN)
		return reading_fail(p->r, n->at, "ValueError: \"%.*s\" is not a supported function",
		    STR_ARG(n->text));
	while (n != NULL && n->kind != AST_ATTRIBUTE && p->token.kind == TOKEN_DOT)
		n = parse_member(p, n);
	return n;
}

/* Pass a comparing operator; false: there is none, or an error. */
static bool
parse_op(struct parser *p, enum ast_op *op)
{
	static const enum ast_op ops[] = {
		[TOKEN_EQ] = OP_EQ, [TOKEN_NE] = OP_NE, [TOKEN_LT] = OP_LT, [TOKEN_LE] = OP_LE,
		[TOKEN_GT] = OP_GT, [TOKEN_GE] = OP_GE, [TOKEN_IN] = OP_IN, [TOKEN_NOT] = OP_NOT_IN,
	};
	enum token_kind kind = p->token.kind;

	if ((kind < TOKEN_EQ || kind > TOKEN_GE) && kind != TOKEN_IN && kind != TOKEN_NOT)
		return false;
	*op = ops[kind];
	advance(p);
	return kind != TOKEN_NOT || expect(p, TOKEN_IN);
}

/* operand (op operand)+, or `~` and `=~` between two operands. */
static struct ast *
parse_test(struct parser *p)
{
	struct ast *left = parse_operand(p), *n, *right;
	enum token_kind kind = p->token.kind;
	enum ast_op op;

	if (left == NULL)
		return NULL;
	if (kind == TOKEN_TILDE || kind == TOKEN_REGEX) {
		n = new_ast(p, kind == TOKEN_TILDE ? AST_LIKE : AST_REGEX, left->at, STR_NULL);
		advance(p);
		right = n == NULL ? NULL : parse_operand(p);
		if (right == NULL)
			return NULL;
		add_kid(n, left);
		add_kid(n, right);
		return n;
	}
	for (n = NULL; parse_op(p, &op); add_kid(n, right)) {
		if (n == NULL) {
			n = new_ast(p, AST_CHAIN, left->at, STR_NULL);
			if (n == NULL)
				return NULL;
			add_kid(n, left);
		}
		right = parse_operand(p);
		if (right == NULL)
			return NULL;
		right->op = op;
	}
	return p->r->error != NULL ? NULL : n == NULL ? left : n;
}

static struct ast *
parse_not(struct parser *p)
{
	struct ast *n, *kid;

	if (p->token.kind != TOKEN_NOT && p->token.kind != TOKEN_TILDE)
		return parse_test(p);
	n = descend(p) ? new_ast(p, AST_NOT, p->token.at, STR_NULL) : NULL;
	if (n == NULL)
		return NULL;
	advance(p);
	kid = parse_not(p);
	if (kid == NULL)
		return NULL;
	p->depth--;
	add_kid(n, kid);
	return n;
}

/* Parts joined by `and`, or by `or`; a part alone is returned as it is. */
static struct ast *
parse_joined(struct parser *p, struct ast *(*parse_part)(struct parser *), enum token_kind joint,
    enum ast_kind kind)
{
	struct ast *part = parse_part(p), *n;

	if (part == NULL || p->token.kind != joint)
		return part;
	n = new_ast(p, kind, part->at, STR_NULL);
	if (n == NULL)
		return NULL;
	add_kid(n, part);
	while (p->token.kind == joint) {
		advance(p);
		part = parse_part(p);
		if (part == NULL)
			return NULL;
		add_kid(n, part);
	}
	return n;
}

static struct ast *
parse_and(struct parser *p)
{
	return parse_joined(p, parse_not, TOKEN_AND, AST_AND);
}

static struct ast *
parse_or(struct parser *p)
{
	return parse_joined(p, parse_and, TOKEN_OR, AST_OR);
}

struct ast *
parse_query(struct reading *r)
{
	struct parser p = { .r = r, .lexer = { r, 0 } };
	struct ast *n;

	advance(&p);
	n = parse_or(&p);
	if (n != NULL && p.token.kind != TOKEN_END)
		n = unexpected(&p);
	return r->error != NULL || r->oom ? NULL : n;
}
