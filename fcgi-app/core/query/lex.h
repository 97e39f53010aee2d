/*
 * From the text of a query to tokens, one at a time. Inside query/ only.
 */
#ifndef KODO_QUERY_LEX_H
#define KODO_QUERY_LEX_H

#include "core/base/arena.h"

/* One query being read: where it lives and the first thing that was wrong with it. */
struct reading {
	struct arena *a;
	struct str q;
	const char *error;	/* "<Error>: <reason>", NULL: nothing wrong so far */
	size_t at;		/* byte of q at which the error is */
	bool oom;		/* memory ran out: the whole compilation fails */
};

/* Note an error unless there is one. Always returns NULL. */
void *reading_fail(struct reading *r, size_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The 1-based column, in characters, of byte at. */
size_t reading_column(const struct reading *r, size_t at);

void *reading_alloc(struct reading *r, size_t n);	/* zeroed; NULL sets oom */

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
	TOKEN_ASSIGN,	/* `=`, of no use here */
	TOKEN_TILDE,
	TOKEN_AT,
	TOKEN_DOT,
	TOKEN_COMMA,
	TOKEN_LPAREN,
	TOKEN_RPAREN,
	TOKEN_LBRACKET,
	TOKEN_RBRACKET,
	TOKEN_FOREIGN,	/* punctuation that the language has no use for */
	TOKEN_ERROR	/* said in the reading */
};

struct token {
	enum token_kind kind;
	size_t at;		/* first byte in q */
	struct str raw;		/* as written */
	struct str text;	/* TOKEN_TEXT: what it means, in the arena */
};

struct lexer {
	struct reading *r;
	size_t pos;
};

void lex_next(struct lexer *l, struct token *t);

#endif
