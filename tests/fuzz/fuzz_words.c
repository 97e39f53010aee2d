/*
 * Any words and any flow: what is found lies in the texts, the same however it is asked for. The
 * input: the words, then name, author, description, organization and tags, a NUL after each.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/limit.h"
#include "core/base/utf8.h"
#include "core/flow/packed.h"
#include "core/words/words.h"

#define TAGS_MAX	8u
#define INPUT_MAX	8192u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static size_t
folded_len(struct str s)
{
	struct buf b = BUF_INIT(0);
	size_t n;

	utf8_fold(&b, s);
	n = b.len;
	buf_free(&b);
	return n;
}

/* Do some of its characters beyond ASCII fold to ASCII? Then bounds may be wrong by accident. */
static bool
shrinks(struct str s)
{
	return memmem(s.p, s.len, "\xe2\x84\xaa", 3) != NULL ||
	    memmem(s.p, s.len, "\xc4\xb0", 2) != NULL;
}

static void
look_at_bounds(const struct node *node, const struct packed_bounds *b, size_t len)
{
	const struct flow *f = node->flows;
	const struct str fields[] = { node->organization, f->name, f->author, f->description };
	size_t i, at = 0;

	for (i = 0; i < PACKED_BOUNDS - 1; i++) {
		if (shrinks(fields[i]))
			return;
		at += folded_len(fields[i]);
		must(b->end[i] == at++);
	}
	must(b->end[PACKED_BOUND_TAGS] == len && at <= len);
}

static void
look_at_marks(struct arena *a, const struct words *w, struct str text)
{
	const struct words_span *spans;
	size_t i, k, n;

	for (i = 0; i < PACKED_BOUNDS; i++) {
		must(words_mark(a, w, (enum packed_bound)i, text, &spans, &n) == KODO_OK);
		for (k = 0; k < n; k++) {
			must(spans[k].from < spans[k].to && spans[k].to <= text.len);
			must(k == 0 || spans[k - 1].to < spans[k].from);
			must(utf8_valid((struct str){ text.p + spans[k].from,
			    spans[k].to - spans[k].from }));
		}
	}
}

struct sought {
	uint32_t keys[WORDS_KEYS_MAX];
	size_t n;
};

static void
key_found(void *arg, uint32_t key)
{
	struct sought *s = arg;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->keys[i] == key)
			s->keys[i--] = s->keys[--s->n];
}

static void
look(struct arena *a, const struct words *w, const struct node *node)
{
	struct buf bytes = BUF_INIT(0);
	struct packed_bounds bounds;
	struct words_near *near;
	struct packed_flow f;
	struct words *other;
	struct packed p;
	struct str meant, needle = words_needle(w);
	struct sought sought;
	uint64_t vain = 0;

	packed_write(&bytes, node);
	must(!buf_failed(&bytes) && packed_open(buf_str(&bytes), &p) == KODO_OK);
	must(packed_flow(&p, 0, &f) == KODO_OK);
	must(packed_bounds_of(&p, &f, &bounds) == KODO_OK);
	look_at_bounds(node, &bounds, f.folded.len);
	if (words_rank(w, f.folded, &bounds, &vain) > 0) {
		must(words_may_be(w, f.folded));
		must(needle.len == 0 || words_next(w, f.folded) != NULL);
		sought.n = words_keys(w, sought.keys);
		words_keys_of_texts(f.folded, key_found, &sought);
		must(sought.n == 0);
	}
	look_at_marks(a, w, node->flows->description);
	must(words_near_new(a, w, &near) == KODO_OK);
	must(words_near_add(near, f.folded, &bounds) == KODO_OK);
	must(words_near_end(near, &meant) == KODO_OK);
	if (meant.p != NULL) {
		must(utf8_valid(meant));
		must(words_compile(a, meant, &other, NULL) != KODO_OK || other != NULL);
	}
	buf_free(&bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str rest = { (const char *)data, n }, tags[TAGS_MAX], words;
	struct flow flow = { .url = STR("/f"), .tags = tags };
	struct node node = { .url = STR("http://h"), .flows = &flow, .n_flows = 1 };
	struct arena *a = arena_new();
	struct words *w = NULL;
	struct why why;

	must(a != NULL);
	if (n > 0 && n <= INPUT_MAX && utf8_valid(words = str_cut(&rest, '\0'))) {
		flow.name = str_cut(&rest, '\0');
		flow.author = str_cut(&rest, '\0');
		flow.description = str_cut(&rest, '\0');
		node.organization = str_cut(&rest, '\0');
		while (rest.len > 0 && flow.n_tags < TAGS_MAX)
			tags[flow.n_tags++] = str_cut(&rest, '\0');
		for (n = 0; n < flow.n_tags && utf8_valid(tags[n]); n++)
			;
		if (n == flow.n_tags && utf8_valid(flow.name) && utf8_valid(flow.author) &&
		    utf8_valid(flow.description) && utf8_valid(node.organization) &&
		    words_compile(a, words, &w, &why) == KODO_OK && w != NULL)
			look(a, w, &node);
	}
	arena_free(a);
	return 0;
}
