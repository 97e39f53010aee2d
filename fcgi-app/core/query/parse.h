/* From tokens to a tree of what was written, checked for syntax only. Inside query/ only. */
#ifndef KODO_QUERY_PARSE_H
#define KODO_QUERY_PARSE_H

#include "core/query/lex.h"

enum ast_kind {
	AST_OR,		/* kids: two or more */
	AST_AND,
	AST_NOT,	/* one kid */
	AST_CHAIN,	/* operands; op of each but the first: the operator before it */
	AST_LIKE,	/* two operands */
	AST_REGEX,
	/* text: "isin", "str.contains"; kids: the field or a call on it, then the arguments */
	AST_CALL,
	AST_KEYWORD,	/* of an argument: text; one kid: the value */
	AST_TAG,	/* the arguments */
	AST_ATTRIBUTE,	/* text: the attribute; one kid: the field */
	AST_LIST,	/* the items */
	AST_WORD,
	AST_TEXT,
	AST_NUMBER
};

enum ast_op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_IN, OP_NOT_IN };

struct ast {
	enum ast_kind kind;
	enum ast_op op;
	size_t at;		/* its first byte in the query */
	struct str text;
	struct ast *first;
	struct ast *last;
	struct ast *next;
	size_t n;		/* kids */
};

/* NULL: the reading has the reason (error or oom). */
struct ast *parse_query(struct reading *r);

#endif
