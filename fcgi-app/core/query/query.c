#include "core/base/limit.h"
#include "core/base/memfind.h"
#include "core/base/utf8.h"
#include "core/query/build.h"
#include "core/query/check.h"
#include "core/query/eval.h"
#include "core/query/explain.h"
#include "core/query/needle.h"
#include "core/query/query.h"
#include "core/query/words.h"

struct query {
	struct str text, note;
	struct str sought;		/* query_fulltext */
	size_t column;
	bool fulltext, is_test;
	struct node *root;		/* NULL: no filter */
	struct regex_pool *pool;	/* NULL: no regular expression */
	struct program program;
	struct str needle;
	struct test *words;		/* TEST_WORDS in root; NULL: none */
};

/* The text between the quotes if q is one quoted text and nothing else, else null. */
static struct str
quoted_text(struct reading *r)
{
	struct lexer l = { r, 0 };
	struct token first, second;

	lex_next(&l, &first);
	if (first.kind != TOKEN_TEXT)
		return STR_NULL;
	lex_next(&l, &second);
	return second.kind == TOKEN_END ? first.text : STR_NULL;
}

static struct str
make_note(struct reading *r)
{
	struct buf note = BUF_INIT(0);

	buf_puts(&note, r->error);
	buf_puts(&note, ", fulltext: ");
	buf_put_str(&note, r->q);
	return reading_take(r, &note);
}

/* Search the folded text for one text; the empty one is found everywhere. */
static void
make_fulltext(struct query *q, struct reading *r, struct str text)
{
	q->fulltext = true;
	q->sought = text;
	q->root = words_test(r, text);
}

static void
make_query(struct query *q, struct reading *r)
{
	struct ast *ast = NULL;
	struct str text = STR_NULL;

	if (r->q.len > LIMIT_QUERY_BYTES)
		reading_fail(r, 0, "SyntaxError: query is too long (more than %u bytes)",
		    LIMIT_QUERY_BYTES);
	else
		text = quoted_text(r);
	q->note = r->q;
	if (text.p != NULL) {
		make_fulltext(q, r, text);
		return;
	}
	if (r->error == NULL && !r->oom)
		ast = parse_query(r);
	if (ast != NULL)
		q->root = check_query(r, ast, &q->pool);
	q->is_test = q->root != NULL;
	/* `not not "x"` */
	q->fulltext = q->is_test && q->root->kind == NODE_TEST && q->root->test.kind == TEST_FOLDED;
	if (q->fulltext)
		q->sought = q->root->test.text;
	if (q->root != NULL || r->oom)
		return;
	if (r->q.len <= LIMIT_QUERY_BYTES)
		q->column = reading_column(r, r->at);
	q->note = make_note(r);
	q->pool = NULL;
	make_fulltext(q, r, utf8_trim(r->q));
}

/* The program and the needle of q->root. */
static enum kodo_err
make_program(struct query *q, struct reading *r)
{
	if (r->oom)
		return KODO_ENOMEM;
	q->needle = needle_of(r, q->root, true);
	if (q->needle.len == 0)
		q->needle = STR_NULL;
	return r->oom ? KODO_ENOMEM : eval_compile(r->a, q->root, q->pool, &q->program);
}

enum kodo_err
query_compile(struct arena *a, struct str text, struct query **out)
{
	struct reading r = { .a = a };
	struct query *q;
	enum kodo_err err = KODO_OK;

	*out = NULL;
	q = arena_zalloc(a, sizeof(*q));
	if (q == NULL || arena_str(a, text, &r.q) != KODO_OK)
		return KODO_ENOMEM;
	q->text = r.q;
	if (text.len > 0) {
		make_query(q, &r);
		err = make_program(q, &r);
	}
	if (err == KODO_OK)
		*out = q;
	return err;
}

enum kodo_err
query_narrow(struct arena *a, struct query *q, const struct query_narrowing *n)
{
	const struct {
		enum query_field field;
		struct str text;
	} exact[] = {
		{ QUERY_ORGANIZATION, n->organization },
		{ QUERY_STATE, n->state },
		{ QUERY_REGISTRY, n->registry },
	};
	const size_t n_exact = sizeof(exact) / sizeof(exact[0]);
	struct reading r = { .a = a };
	struct node *all, *words = NULL;
	size_t i;

	all = build_node(&r, NODE_AND, n->n_tags + n_exact + 3);
	if (all == NULL)
		return KODO_ENOMEM;
	all->n = 0;
	if (!query_is_all(q))
		all->kid[all->n++] = q->root;
	for (i = 0; i < n_exact; i++)
		if (exact[i].text.len > 0)
			all->kid[all->n++] =
			    build_text_test(&r, TEST_EQ, exact[i].field, exact[i].text);
	for (i = 0; i < n->n_tags; i++)
		all->kid[all->n++] = build_text_test(&r, TEST_TAG, QUERY_TAGS, n->tags[i]);
	if (n->is_alive)
		all->kid[all->n++] = build_not(&r, build_test(&r, TEST_NULL, QUERY_ALIVE));
	if (n->words != NULL) {
		words = build_test(&r, TEST_WORDS, QUERY_RANK);
		if (words == NULL)
			return KODO_ENOMEM;
		words->test.words = n->words;
		q->words = &words->test;
		all->kid[all->n++] = words;
	}
	if (all->n == (query_is_all(q) ? 0 : 1))
		return KODO_OK;
	q->root = all->n == 1 ? all->kid[0] : all;
	q->fulltext = false;
	return make_program(q, &r);
}

enum kodo_err
query_reword(struct arena *a, struct query *q, const struct words *words)
{
	struct reading r = { .a = a };

	q->words->words = words;
	return make_program(q, &r);
}

const struct words *
query_words(const struct query *q)
{
	return q->words == NULL ? NULL : q->words->words;
}

uint32_t
query_rank(const struct query *q)
{
	return q->program.rank;
}

struct str
query_note(const struct query *q)
{
	return q->note;
}

struct str
query_text(const struct query *q)
{
	return q->text;
}

size_t
query_column(const struct query *q)
{
	return q->column;
}

bool
query_is_test(const struct query *q)
{
	return q->is_test;
}

bool
query_is_all(const struct query *q)
{
	return q->program.n == 0 || (q->fulltext && words_longest(&q->root->test).len == 0);
}

struct str
query_fulltext(const struct query *q)
{
	return q->sought;
}

unsigned
query_needs(const struct query *q)
{
	return q->program.needs;
}

enum query_verdict
query_match(struct query *q, const struct row *row)
{
	return eval_row(&q->program, row);
}

enum query_verdict
query_match_partial(struct query *q, const struct row *row, unsigned known)
{
	return eval_partial(&q->program, row, known);
}

struct str
query_needle(const struct query *q)
{
	return q->needle;
}

bool
query_is_needle(const struct query *q)
{
	return q->fulltext && q->needle.len > 0;
}

const char *
query_find(const struct query *q, struct str texts)
{
	if (query_is_needle(q))
		return words_find(&q->root->test, texts);
	return q->words != NULL && str_eq(q->needle, words_needle(q->words->words)) ?
	    words_next(q->words->words, texts) : memfind(texts, q->needle);
}

bool
query_may_match(const struct query *q, struct str folded)
{
	return q->words == NULL || words_may_be(q->words->words, folded);
}

uint64_t
query_steps(const struct query *q)
{
	return q->pool == NULL ? 0 : regex_pool_steps(q->pool);
}

bool
query_is_compiled(void)
{
	return regex_is_compiled();
}

void
query_explain(const struct query *q, struct buf *out)
{
	if (q->root != NULL)
		explain_node(q->root, out);
}
