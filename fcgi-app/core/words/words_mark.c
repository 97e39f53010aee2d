#include "core/base/utf8.h"
#include "core/words/words_private.h"

/* A text folded, with the byte of the text for each of its own, and for its end. */
struct folding {
	struct str folded;
	const uint32_t *at;
};

static enum kodo_err
fold(struct arena *a, struct str text, struct folding *out)
{
	/* one byte becomes three at most */
	char *folded = arena_alloc(a, 3 * text.len + 4);
	uint32_t *at = arena_alloc(a, (3 * text.len + 5) * sizeof(*at));
	size_t pos = 0, n = 0, bytes, begin;

	if (folded == NULL || at == NULL)
		return KODO_ENOMEM;
	while (pos < text.len) {
		begin = pos;
		bytes = utf8_fold_next(text, &pos, folded + n);
		while (bytes-- > 0)
			at[n++] = (uint32_t)begin;
	}
	at[n] = (uint32_t)text.len;
	*out = (struct folding){ { folded, n }, at };
	return KODO_OK;
}

struct marking {
	struct arena *a;
	struct folding f;
	struct words_span *list;
	size_t n, cap;
};

/* Put a span into the list, in its order, joined with those that it touches. There is room. */
static void
span_add(struct marking *m, struct words_span s)
{
	struct words_span *list = m->list;
	size_t i = m->n, k;

	while (i > 0 && list[i - 1].to >= s.from)
		i--;
	for (k = i; k < m->n && list[k].from <= s.to; k++) {
		s.from = list[k].from < s.from ? list[k].from : s.from;
		s.to = list[k].to > s.to ? list[k].to : s.to;
	}
	memmove(list + i + 1, list + k, (m->n - k) * sizeof(*list));
	m->n += 1 + i - k;
	list[i] = s;
}

/* The spans of one term. KODO_ENOMEM. */
static enum kodo_err
term_mark(struct marking *m, const struct term *t)
{
	struct hit hit;
	size_t k, pos;
	uint64_t vain = 0;

	for (k = 0; k < t->n_ways; k++) {
		pos = 0;
		while (words_find_way(t, t->ways[k], m->f.folded, pos, &hit, &vain)) {
			m->list = arena_grow(m->a, m->list, m->n, &m->cap, sizeof(*m->list));
			if (m->list == NULL)
				return KODO_ENOMEM;
			span_add(m, (struct words_span){ m->f.at[hit.from], m->f.at[hit.to] });
			pos = hit.to;
		}
	}
	return KODO_OK;
}

enum kodo_err
words_mark(struct arena *a, const struct words *w, enum packed_bound field, struct str text,
    const struct words_span **spans, size_t *n)
{
	struct marking m = { .a = a };
	const struct term *t;
	enum kodo_err err = fold(a, text, &m.f);

	for (t = w->terms; err == KODO_OK && t < w->terms + w->n; t++)
		if (!t->without && (t->fields >> field & 1u) != 0)
			err = term_mark(&m, t);
	*spans = m.list;
	*n = err == KODO_OK ? m.n : 0;
	return err;
}
