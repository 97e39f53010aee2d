/*
 * From the text of a query to tokens, one at a time. Inside query/ only.
 */
#ifndef KODO_LEX_H
#define KODO_LEX_H

#include "core/query/reading.h"

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_TEXT,
	TOKEN_NUMBER,
	TOKEN_AND,	/* `and`, `&` */
	TOKEN_OR,	/* `or`, `|` */
	TOKEN_NOT,	/* `not` */
	TOKEN_IN,
	TOKEN_EQ,
	TOKEN_NE,
	TOKEN_LT,
	TOKEN_LE,
	TOKEN_GT,
	TOKEN_GE,
	TOKEN_REGEX,	/* `=~` */
	TOKEN_ASSIGN,	/* `=`, always an error */
	TOKEN_TILDE,
	TOKEN_AT,
	TOKEN_DOT,
	TOKEN_COMMA,
	TOKEN_LPAREN,
	TOKEN_RPAREN,
	TOKEN_LBRACKET,
	TOKEN_RBRACKET,
	TOKEN_FOREIGN,	/* punctuation without a meaning in the language */
	TOKEN_ERROR	/* the reading has the error */
};

struct token {
	enum token_kind kind;
	size_t at;		/* first byte in q */
	struct str raw;		/* as written */
	struct str text;	/* TOKEN_TEXT: its meaning, in the arena */
};

struct lexer {
	struct reading *r;
	size_t pos;
};

/* The next token; TOKEN_END at the end, again and again. */
void lex_next(struct lexer *l, struct token *t);

#endif
