#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/arena.h"

#define BLOCK_MIN_BYTES	((size_t)16 << 10)
#define BLOCK_KEEP_BYTES ((size_t)1 << 20)	/* arena_reset gives back larger blocks */
#define ALIGN_BYTES	((size_t)16)

struct block {
	struct block *next;
	size_t cap;
	size_t len;
	_Alignas(16) char data[];
};

struct at_end {
	struct at_end *next;
	void (*fn)(void *arg);
	void *arg;
};

struct arena {
	struct block *head;
	size_t used;
	struct at_end *at_end;
};

static struct block *
block_new(size_t cap, struct block *next)
{
	struct block *b = malloc(sizeof(*b) + cap);

	if (b == NULL)
		return NULL;
	b->next = next;
	b->cap = cap;
	b->len = 0;
	return b;
}

struct arena *
arena_new(void)
{
	return calloc(1, sizeof(struct arena));
}

static void
blocks_free(struct block *b)
{
	while (b != NULL) {
		struct block *next = b->next;

		free(b);
		b = next;
	}
}

static void
run_at_end(struct arena *a)
{
	for (; a->at_end != NULL; a->at_end = a->at_end->next)
		a->at_end->fn(a->at_end->arg);
}

void
arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	run_at_end(a);
	blocks_free(a->head);
	free(a);
}

void
arena_reset(struct arena *a)
{
	struct block *last;

	run_at_end(a);
	last = a->head;
	a->used = 0;
	if (last == NULL)
		return;
	if (last->cap > BLOCK_KEEP_BYTES) {
		blocks_free(last);
		a->head = NULL;
		return;
	}
	blocks_free(last->next);
	last->next = NULL;
	last->len = 0;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	struct block *b = a->head;
	void *p;

	if (n > SIZE_MAX / 4)
		return NULL;
	n = (n + ALIGN_BYTES - 1) & ~(ALIGN_BYTES - 1);
	if (b == NULL || b->cap - b->len < n) {
		/* each block twice the last, so that a long request needs few */
		size_t cap = b == NULL ? BLOCK_MIN_BYTES : b->cap;

		if (b != NULL && cap < BLOCK_KEEP_BYTES)
			cap *= 2;
		b = block_new(n > cap ? n : cap, a->head);
		if (b == NULL)
			return NULL;
		a->head = b;
	}
	p = b->data + b->len;
	b->len += n;
	a->used += n;
	return p;
}

void *
arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);

	return p == NULL ? NULL : memset(p, 0, n);
}

void *
arena_dup(struct arena *a, const void *p, size_t n)
{
	void *q = arena_alloc(a, n);

	if (q != NULL && n > 0)
		memcpy(q, p, n);
	return q;
}

void *
arena_grow(struct arena *a, void *list, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap == 0 ? 16 : *cap * 2;
	void *grown;

	if (n < *cap)
		return list;
	grown = arena_alloc(a, more * size);
	if (grown == NULL)
		return NULL;
	if (n > 0)
		memcpy(grown, list, n * size);
	*cap = more;
	return grown;
}

enum kodo_err
arena_ids_add(struct arena *a, struct arena_ids *ids, uint32_t id)
{
	uint32_t *all = arena_grow(a, ids->all, ids->n, &ids->cap, sizeof(*all));

	if (all == NULL)
		return KODO_ENOMEM;
	ids->all = all;
	all[ids->n++] = id;
	return KODO_OK;
}

char *
arena_strz(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.len + 1);

	if (p == NULL)
		return NULL;
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	return p;
}

enum kodo_err
arena_str(struct arena *a, struct str s, struct str *out)
{
	char *p;

	*out = STR_NULL;
	if (s.p == NULL)
		return KODO_OK;
	p = arena_strz(a, s);
	if (p == NULL)
		return KODO_ENOMEM;
	*out = (struct str){ p, s.len };
	return KODO_OK;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	p = arena_alloc(a, (size_t)n + 1);
	if (p == NULL)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

enum kodo_err
arena_at_end(struct arena *a, void (*fn)(void *arg), void *arg)
{
	struct at_end *e = arena_alloc(a, sizeof(*e));

	if (e == NULL)
		return KODO_ENOMEM;
	*e = (struct at_end){ a->at_end, fn, arg };
	a->at_end = e;
	return KODO_OK;
}

size_t
arena_used(const struct arena *a)
{
	return a->used;
}
