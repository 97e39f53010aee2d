/*
 * GET /counts: distinct flow names per organization and tag. Computed at the first question after a
 * change of the view and kept in a file of the state folder under its view number: keeping counters
 * at every change would cost each POST far more than one scan costs the first reader.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "json.h"
#include "registry_int.h"

#define KEPT_NAME	"counts.json"
#define KEPT_HEAD	64u	/* bytes before the answer: state id and view, as text, padded */

/* --- texts and what they are known by: numbers from 0, in the order in which they were seen --- */

struct text {
	struct str text;	/* in the map or the arena */
	uint64_t hash;
	uint32_t next;		/* number + 1 of the next text in the same slot */
	uint32_t names;		/* of an organization or tag: distinct flow names */
};

struct texts {
	struct text *all;
	size_t n, cap;
	uint32_t *slots;	/* by hash: number + 1 */
	size_t n_slots;
};

static void
texts_free(struct texts *t)
{
	free(t->all);
	free(t->slots);
	*t = (struct texts){ 0 };
}

static enum kodo_err
texts_grow(struct texts *t)
{
	size_t n = t->n_slots == 0 ? 256 : t->n_slots * 4, i;
	struct text *all = realloc(t->all, n * sizeof(*all));
	uint32_t *slots;

	if (all == NULL)
		return KODO_ENOMEM;
	t->all = all;
	t->cap = n;
	slots = calloc(n, sizeof(*slots));
	if (slots == NULL)
		return KODO_ENOMEM;
	free(t->slots);
	t->slots = slots;
	t->n_slots = n;
	for (i = 0; i < t->n; i++) {
		uint32_t *slot = &slots[all[i].hash & (n - 1)];

		all[i].next = *slot;
		*slot = (uint32_t)i + 1;
	}
	return KODO_OK;
}

static enum kodo_err
texts_find(struct texts *t, struct str text, uint32_t *out)
{
	uint64_t h = text_hash(text);
	uint32_t at, *slot;

	*out = 0;
	if (t->n == t->cap) {
		enum kodo_err err = texts_grow(t);

		if (err != KODO_OK)
			return err;
	}
	slot = &t->slots[h & (t->n_slots - 1)];
	for (at = *slot; at != 0; at = t->all[at - 1].next)
		if (t->all[at - 1].hash == h && str_eq(t->all[at - 1].text, text)) {
			*out = at - 1;
			return KODO_OK;
		}
	*out = (uint32_t)t->n;
	t->all[t->n] = (struct text){ text, h, *slot, 0 };
	*slot = (uint32_t)++t->n;
	return KODO_OK;
}

/* --- distinct pairs of an organization or tag and a name: open addressing, 8 bytes each --- */

struct tally {
	struct texts groups;
	uint64_t *pairs;	/* group + 1 above, name below; 0: free */
	size_t n_pairs, cap_pairs;
};

static void
tally_free(struct tally *t)
{
	texts_free(&t->groups);
	free(t->pairs);
	*t = (struct tally){ 0 };
}

static uint64_t *
pair_slot(uint64_t *pairs, size_t cap, uint64_t pair)
{
	uint64_t h = pair * 0x9e3779b97f4a7c15u;
	size_t i = (h ^ h >> 32) & (cap - 1);

	while (pairs[i] != 0 && pairs[i] != pair)
		i = (i + 1) & (cap - 1);
	return &pairs[i];
}

static enum kodo_err
pairs_grow(struct tally *t)
{
	size_t cap = t->cap_pairs == 0 ? 1024 : t->cap_pairs * 2, i;
	uint64_t *pairs = calloc(cap, sizeof(*pairs));

	if (pairs == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < t->cap_pairs; i++)
		if (t->pairs[i] != 0)
			*pair_slot(pairs, cap, t->pairs[i]) = t->pairs[i];
	free(t->pairs);
	t->pairs = pairs;
	t->cap_pairs = cap;
	return KODO_OK;
}

static enum kodo_err
tally_add(struct tally *t, struct str group_text, uint32_t name)
{
	uint64_t *slot, pair;
	uint32_t group;
	enum kodo_err err = texts_find(&t->groups, group_text, &group);

	if (err == KODO_OK && (t->n_pairs + 1) * 2 > t->cap_pairs)
		err = pairs_grow(t);
	if (err != KODO_OK)
		return err;
	pair = ((uint64_t)group + 1) << 32 | name;
	slot = pair_slot(t->pairs, t->cap_pairs, pair);
	if (*slot == 0) {
		*slot = pair;
		t->n_pairs++;
		t->groups.all[group].names++;
	}
	return KODO_OK;
}

static int
text_cmp(const void *x, const void *y)
{
	return str_cmp(((const struct text *)x)->text, ((const struct text *)y)->text);
}

/* The groups by their texts; ends the use of their numbers. */
static void
tally_put(struct tally *t, struct buf *out)
{
	struct texts *g = &t->groups;
	size_t i;

	buf_putc(out, '{');
	if (g->n > 0)
		qsort(g->all, g->n, sizeof(*g->all), text_cmp);
	for (i = 0; i < g->n; i++) {
		if (i > 0)
			buf_putc(out, ',');
		json_put_str(out, g->all[i].text);
		buf_putc(out, ':');
		json_put_u64(out, g->all[i].names);
	}
	buf_putc(out, '}');
}

/* --- counting --- */

struct counter {
	struct texts names;
	struct tally orgs, tags;
};

static enum kodo_err
node_count(struct arena *a, struct str value, struct counter *c)
{
	struct statement s;
	struct packed p;
	struct packed_flow f;
	const struct str *tag;
	struct str text;
	uint32_t i, name;
	size_t n, j;
	enum kodo_err err = statement_read(value, &s);

	if (err == KODO_OK)
		err = packed_open(s.bytes, &p);
	for (i = 0; err == KODO_OK && i < p.n_flows; i++) {
		packed_flow(&p, i, &f);
		err = packed_raw(a, f.name, &text);
		if (err == KODO_OK)
			err = texts_find(&c->names, text, &name);
		if (err == KODO_OK && p.organization.p != NULL)
			err = tally_add(&c->orgs, p.organization, name);
		if (err == KODO_OK)
			err = packed_tags(a, f.tags, &tag, &n);
		for (j = 0; err == KODO_OK && j < n; j++)
			err = tally_add(&c->tags, tag[j], name);
	}
	return err;
}

static enum kodo_err
counts_make(struct view *v, struct arena *a, struct buf *out)
{
	struct counter all = { .names = { 0 } };
	struct cursor c;
	struct str k, value;
	enum kodo_err err = cursor_open(&v->t, T_NODE, &c);

	if (err != KODO_OK)
		return err;
	for (err = cursor_seek(&c, STR_NULL, &k, &value); err == KODO_OK;
	     err = cursor_next(&c, &k, &value)) {
		err = node_count(a, value, &all);
		if (err != KODO_OK)
			break;
	}
	cursor_close(&c);
	if (err == KODO_ENOTFOUND) {
		buf_printf(
		    out, "{\"total\":%llu,\"organization\":", (unsigned long long)v->head.total);
		tally_put(&all.orgs, out);
		buf_puts(out, ",\"tags\":");
		tally_put(&all.tags, out);
		buf_putc(out, '}');
		err = buf_failed(out) ? out->err : KODO_OK;
	}
	texts_free(&all.names);
	tally_free(&all.orgs);
	tally_free(&all.tags);
	return err;
}

/* --- keeping --- */

static void
kept_head(const struct view *v, char out[KEPT_HEAD + 1])
{
	snprintf(out, KEPT_HEAD + 1, "%016llx %-46llu\n", (unsigned long long)v->head.state_id,
	    (unsigned long long)v->head.view);
}

/* The kept answer, if it is of this view. */
static bool
kept_read(const struct view *v, const struct state *state, struct buf *out)
{
	char path[PATH_MAX], want[KEPT_HEAD + 1], have[KEPT_HEAD];
	ssize_t n;
	char *room;
	bool ok = false;
	int fd;

	if (state_file(state, KEPT_NAME, path) != KODO_OK ||
	    (fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return false;
	kept_head(v, want);
	if (read(fd, have, sizeof(have)) == (ssize_t)sizeof(have) &&
	    memcmp(have, want, sizeof(have)) == 0) {
		while ((room = buf_room(out, 65536)) != NULL && (n = read(fd, room, 65536)) > 0)
			out->len += (size_t)n;
		ok = room != NULL && n == 0;
	}
	close(fd);
	if (!ok)
		buf_reset(out);
	return ok;
}

/*
 * Keep it: written beside and renamed, so that no reader sees half of it. That it fails costs only
 * time.
 */
static void
kept_write(const struct view *v, const struct state *state, const struct buf *body)
{
	char path[PATH_MAX], tmp[PATH_MAX], name[64], head[KEPT_HEAD + 1];
	int fd;
	bool ok;

	snprintf(name, sizeof(name), KEPT_NAME ".%ld", (long)getpid());
	if (state_file(state, KEPT_NAME, path) != KODO_OK ||
	    state_file(state, name, tmp) != KODO_OK)
		return;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, state->file_mode);
	if (fd == -1)
		return;
	kept_head(v, head);
	ok = write(fd, head, KEPT_HEAD) == (ssize_t)KEPT_HEAD &&
	    write(fd, body->p, body->len) == (ssize_t)body->len;
	close(fd);
	if (!ok || rename(tmp, path) != 0)
		unlink(tmp);
}

enum kodo_err
view_put_counts(struct view *v, struct sink *out)
{
	struct arena *a;
	enum kodo_err err;

	if (out->state != NULL && kept_read(v, out->state, &out->buf))
		return sink_end(out);
	a = arena_new();
	if (a == NULL)
		return KODO_ENOMEM;
	err = counts_make(v, a, &out->buf);
	if (err == KODO_OK && out->state != NULL)
		kept_write(v, out->state, &out->buf);
	arena_free(a);
	return err == KODO_OK ? sink_end(out) : err;
}
