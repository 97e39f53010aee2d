#include "core/base/limit.h"
#include "core/query/eval.h"
#include "core/query/query.h"

struct query {
	struct str note;
	size_t column;
	bool fulltext;
	struct checked checked;
	struct program program;
	struct str needle;
};

/* `"two words"` and nothing else: the words between the quotes. Null if q is anything else. */
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

/* `<error>, fulltext: <q>`. */
static struct str
make_note(struct reading *r)
{
	static const struct str between = { ", fulltext: ", 12 };
	struct str error = str_of(r->error);
	char *p = arena_alloc(r->a, error.len + between.len + r->q.len);

	if (p == NULL) {
		r->oom = true;
		return STR_NULL;
	}
	memcpy(p, error.p, error.len);
	memcpy(p + error.len, between.p, between.len);
	memcpy(p + error.len + between.len, r->q.p, r->q.len);
	return (struct str){ p, error.len + between.len + r->q.len };
}

/* One text to be found in the folded text; the empty one is found everywhere. */
static void
make_fulltext(struct query *q, struct reading *r, struct str text)
{
	struct node *n = reading_alloc(r, sizeof(*n));

	q->fulltext = true;
	if (n == NULL)
		return;
	n->kind = NODE_TEST;
	n->test.kind = TEST_FOLDED;
	n->test.field = QUERY_FOLDED;
	n->test.text = text;
	n->test.folded = check_fold(r, text);
	q->checked = (struct checked){ n, QUERY_BIT(QUERY_FOLDED), NULL };
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
	if (ast != NULL && check_query(r, ast, &q->checked))
		return;
	if (r->oom)
		return;
	if (r->q.len <= LIMIT_QUERY_BYTES)
		q->column = reading_column(r, r->at);
	q->note = make_note(r);
	make_fulltext(q, r, r->q);
}

enum kodo_err
query_compile(struct arena *a, struct str text, struct query **out)
{
	struct reading r = { .a = a };
	struct query *q;
	enum kodo_err err;

	*out = NULL;
	q = arena_zalloc(a, sizeof(*q));
	if (q == NULL || arena_str(a, text, &r.q) != KODO_OK)
		return KODO_ENOMEM;
	if (text.len > 0) {
		make_query(q, &r);
		if (r.oom)
			return KODO_ENOMEM;
		err = eval_compile(a, &q->checked, &q->program);
		if (err != KODO_OK)
			return err;
		q->needle = needle_of(a, q->checked.root, true);
		if (q->needle.len == 0)
			q->needle = STR_NULL;
	}
	*out = q;
	return KODO_OK;
}

/* Tests as checker.h would make them of `organization == "x"` and `@tag("x")`. */
static void
make_narrow(struct node *n, enum test_kind kind, enum query_field field, struct str text)
{
	n->kind = NODE_TEST;
	n->test.kind = kind;
	n->test.field = field;
	n->test.mask = MASK_EQUAL;
	n->test.text = text;
}

enum kodo_err
query_narrow(struct arena *a, struct query *q, struct str organization, const struct str *tags,
    size_t n)
{
	struct node *all = arena_zalloc(a, sizeof(*all) * (n + 3)), *next = all + 1;
	struct node **kids = arena_zalloc(a, sizeof(struct node *) * (n + 2));
	size_t i;
	enum kodo_err err;

	if (all == NULL || kids == NULL)
		return KODO_ENOMEM;
	*all = (struct node){ .kind = NODE_AND, .kid = kids };
	if (!query_is_all(q))
		kids[all->n++] = q->checked.root;
	if (organization.p != NULL) {
		make_narrow(next, TEST_EQ, QUERY_ORGANIZATION, organization);
		q->checked.needs |= QUERY_BIT(QUERY_ORGANIZATION);
		kids[all->n++] = next++;
	}
	for (i = 0; i < n; i++) {
		make_narrow(next, TEST_TAG, QUERY_TAGS, tags[i]);
		q->checked.needs |= QUERY_BIT(QUERY_TAGS);
		kids[all->n++] = next++;
	}
	if (next == all + 1)
		return KODO_OK;
	q->checked.root = all->n == 1 ? kids[0] : all;
	q->fulltext = false;
	err = eval_compile(a, &q->checked, &q->program);
	q->needle = needle_of(a, q->checked.root, true);
	if (q->needle.len == 0)
		q->needle = STR_NULL;
	return err;
}

struct str
query_note(const struct query *q)
{
	return q->note;
}

size_t
query_column(const struct query *q)
{
	return q->column;
}

bool
query_is_all(const struct query *q)
{
	return q->program.n == 0 || (q->fulltext && q->needle.len == 0);
}

bool
query_is_fulltext(const struct query *q)
{
	return q->fulltext;
}

unsigned
query_needs(const struct query *q)
{
	return q->checked.needs;
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

uint64_t
query_steps(const struct query *q)
{
	return q->checked.pool == NULL ? 0 : regex_pool_steps(q->checked.pool);
}

bool
query_is_compiled(void)
{
	return regex_is_compiled();
}

void
query_explain(const struct query *q, struct buf *out)
{
	if (q->checked.root != NULL)
		explain_node(q->checked.root, out);
}
