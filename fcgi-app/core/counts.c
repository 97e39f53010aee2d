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

/* --- distinct (group, name): open addressing over hashes, compared on the texts --- */

struct pair {
	uint64_t hash;		/* 0: free */
	uint32_t group;
	struct str name;	/* in the map or the arena */
};

struct group {
	uint64_t hash;
	struct str text;
	uint64_t n;
	uint32_t next;		/* index + 1 of the next group with the same slot */
};

struct tally {
	struct group *groups;
	size_t n_groups, cap_groups;
	uint32_t *slots;	/* by hash: index + 1 */
	size_t n_slots;
	struct pair *pairs;
	size_t n_pairs, cap_pairs;
};

static void
tally_free(struct tally *t)
{
	free(t->groups);
	free(t->slots);
	free(t->pairs);
	*t = (struct tally){ 0 };
}

static enum kodo_err
slots_grow(struct tally *t)
{
	size_t n = t->n_slots == 0 ? 256 : t->n_slots * 4, i;
	uint32_t *slots = calloc(n, sizeof(*slots));

	if (slots == NULL)
		return KODO_ENOMEM;
	free(t->slots);
	t->slots = slots;
	t->n_slots = n;
	for (i = 0; i < t->n_groups; i++) {
		uint32_t *slot = &slots[t->groups[i].hash & (n - 1)];

		t->groups[i].next = *slot;
		*slot = (uint32_t)i + 1;
	}
	return KODO_OK;
}

static enum kodo_err
group_find(struct tally *t, struct str text, uint32_t *out)
{
	uint64_t h = text_hash(text);
	uint32_t at;

	if (t->n_groups >= t->n_slots) {
		enum kodo_err err = slots_grow(t);

		if (err != KODO_OK)
			return err;
	}
	for (at = t->slots[h & (t->n_slots - 1)]; at != 0; at = t->groups[at - 1].next)
		if (t->groups[at - 1].hash == h && str_eq(t->groups[at - 1].text, text)) {
			*out = at - 1;
			return KODO_OK;
		}
	if (t->n_groups == t->cap_groups) {
		size_t cap = t->cap_groups == 0 ? 64 : t->cap_groups * 2;
		struct group *grown = realloc(t->groups, cap * sizeof(*grown));

		if (grown == NULL)
			return KODO_ENOMEM;
		t->groups = grown;
		t->cap_groups = cap;
	}
	*out = (uint32_t)t->n_groups;
	t->groups[t->n_groups] = (struct group){ h, text, 0, t->slots[h & (t->n_slots - 1)] };
	t->slots[h & (t->n_slots - 1)] = (uint32_t)++t->n_groups;
	return KODO_OK;
}

static void
pair_place(struct pair *pairs, size_t cap, struct pair p)
{
	size_t i = p.hash & (cap - 1);

	while (pairs[i].hash != 0)
		i = (i + 1) & (cap - 1);
	pairs[i] = p;
}

static enum kodo_err
pairs_grow(struct tally *t)
{
	size_t cap = t->cap_pairs == 0 ? 1024 : t->cap_pairs * 2, i;
	struct pair *pairs = calloc(cap, sizeof(*pairs));

	if (pairs == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < t->cap_pairs; i++)
		if (t->pairs[i].hash != 0)
			pair_place(pairs, cap, t->pairs[i]);
	free(t->pairs);
	t->pairs = pairs;
	t->cap_pairs = cap;
	return KODO_OK;
}

/* name_hash is text_hash(name), which several groups of one flow share. */
static enum kodo_err
tally_add(struct tally *t, struct str group_text, struct str name, uint64_t name_hash)
{
	struct pair p = { .name = name };
	size_t i;
	enum kodo_err err = group_find(t, group_text, &p.group);

	if (err == KODO_OK && (t->n_pairs + 1) * 2 > t->cap_pairs)
		err = pairs_grow(t);
	if (err != KODO_OK)
		return err;
	p.hash = (name_hash ^ (p.group + 1) * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
	p.hash ^= p.hash >> 32;
	p.hash += p.hash == 0;
	for (i = p.hash & (t->cap_pairs - 1); t->pairs[i].hash != 0;
	     i = (i + 1) & (t->cap_pairs - 1))
		if (t->pairs[i].hash == p.hash && t->pairs[i].group == p.group &&
		    str_eq(t->pairs[i].name, name))
			return KODO_OK;
	t->pairs[i] = p;
	t->n_pairs++;
	t->groups[p.group].n++;
	return KODO_OK;
}

static int
group_cmp(const void *x, const void *y)
{
	return str_cmp(((const struct group *)x)->text, ((const struct group *)y)->text);
}

static void
tally_put(struct tally *t, struct buf *out)
{
	size_t i;

	buf_putc(out, '{');
	if (t->n_groups > 0)
		qsort(t->groups, t->n_groups, sizeof(*t->groups), group_cmp);
	for (i = 0; i < t->n_groups; i++) {
		if (i > 0)
			buf_putc(out, ',');
		json_put_str(out, t->groups[i].text);
		buf_putc(out, ':');
		json_put_u64(out, t->groups[i].n);
	}
	buf_putc(out, '}');
}

/* --- counting --- */

static enum kodo_err
node_count(struct arena *a, struct str value, struct tally *orgs, struct tally *tags)
{
	struct statement s;
	struct packed p;
	struct packed_flow f;
	const struct str *tag;
	struct str name;
	size_t n, j;
	uint32_t i;
	enum kodo_err err = statement_read(value, &s);

	if (err == KODO_OK)
		err = packed_open(s.bytes, &p);
	for (i = 0; err == KODO_OK && i < p.n_flows; i++) {
		uint64_t hash;

		packed_flow(&p, i, &f);
		err = packed_raw(a, f.name, &name);
		hash = text_hash(name);
		if (err == KODO_OK && p.organization.p != NULL)
			err = tally_add(orgs, p.organization, name, hash);
		if (err == KODO_OK)
			err = packed_tags(a, f.tags, &tag, &n);
		for (j = 0; err == KODO_OK && j < n; j++)
			err = tally_add(tags, tag[j], name, hash);
	}
	return err;
}

static enum kodo_err
counts_make(struct view *v, struct arena *a, struct buf *out)
{
	struct tally orgs = { 0 }, tags = { 0 };
	struct cursor c;
	struct str k, value;
	enum kodo_err err = cursor_open(&v->t, T_NODE, &c);

	if (err != KODO_OK)
		return err;
	for (err = cursor_seek(&c, STR_NULL, &k, &value); err == KODO_OK;
	     err = cursor_next(&c, &k, &value)) {
		err = node_count(a, value, &orgs, &tags);
		if (err != KODO_OK)
			break;
	}
	cursor_close(&c);
	if (err == KODO_ENOTFOUND) {
		buf_printf(
		    out, "{\"total\":%llu,\"organization\":", (unsigned long long)v->head.total);
		tally_put(&orgs, out);
		buf_puts(out, ",\"tags\":");
		tally_put(&tags, out);
		buf_putc(out, '}');
		err = buf_failed(out) ? out->err : KODO_OK;
	}
	tally_free(&orgs);
	tally_free(&tags);
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
