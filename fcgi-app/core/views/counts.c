/*
 * Counts are computed at the first question after a change of the view and cached in a file of the
 * state folder under the view's number. Counters kept at every change would cost each POST far more
 * than one pass costs the first reader.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/base/path.h"
#include "core/base/strmap.h"
#include "core/storage/derived.h"
#include "core/views/counts.h"
#include "core/views/flows_each.h"

#define COUNTS_HEAD	64u	/* bytes before the answer: state id and view, as text, padded */

/* Replace JSON by the texts, which may go to a. */
static enum kodo_err
decode_texts(struct arena *a, struct strmap *t)
{
	size_t i;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < t->n && err == KODO_OK; i++)
		err = packed_raw(a, t->all[i].text, &t->all[i].text);
	return err;
}

/* --- the names of each organization or tag: lists of numbers, distinct ones counted last --- */

struct list {
	uint32_t *names;
	uint32_t n, cap;
};

struct tally {
	struct strmap groups;	/* value: distinct flow names */
	struct list *lists;	/* of each group */
	size_t n_lists;
};

static void
tally_free(struct tally *t)
{
	size_t i;

	for (i = 0; i < t->n_lists; i++)
		free(t->lists[i].names);
	free(t->lists);
	strmap_free(&t->groups);
	*t = (struct tally){ 0 };
}

static enum kodo_err
list_add(struct list *l, uint32_t name)
{
	if (l->n == l->cap) {
		uint32_t cap = l->cap == 0 ? 4 : l->cap * 2;
		uint32_t *names = realloc(l->names, cap * sizeof(*names));

		if (names == NULL)
			return KODO_ENOMEM;
		l->names = names;
		l->cap = cap;
	}
	l->names[l->n++] = name;
	return KODO_OK;
}

static enum kodo_err
tally_add(struct tally *t, struct str group_text, uint32_t name)
{
	uint32_t group;
	enum kodo_err err = strmap_find(&t->groups, group_text, &group);

	if (err == KODO_OK && t->n_lists < t->groups.cap) {
		struct list *lists = realloc(t->lists, t->groups.cap * sizeof(*lists));

		if (lists == NULL)
			return KODO_ENOMEM;
		memset(lists + t->n_lists, 0, (t->groups.cap - t->n_lists) * sizeof(*lists));
		t->lists = lists;
		t->n_lists = t->groups.cap;
	}
	return err == KODO_OK ? list_add(&t->lists[group], name) : err;
}

/* seen: one zero for each name. */
static void
tally_count(struct tally *t, uint32_t *seen)
{
	const struct list *l;
	uint32_t group, i;

	for (group = 0; group < t->groups.n; group++) {
		l = &t->lists[group];
		for (i = 0; i < l->n; i++) {
			t->groups.all[group].value += seen[l->names[i]] != group + 1;
			seen[l->names[i]] = group + 1;
		}
	}
}

static int
text_cmp(const void *x, const void *y)
{
	return str_cmp(((const struct strmap_entry *)x)->text,
	    ((const struct strmap_entry *)y)->text);
}

/* Write the groups, sorted by text. Their numbers do not hold any more. */
static enum kodo_err
tally_put(struct tally *t, size_t n_names, struct buf *out)
{
	uint32_t *seen = calloc(n_names + 1, sizeof(*seen));
	struct strmap *g = &t->groups;
	size_t i;

	if (seen == NULL)
		return KODO_ENOMEM;
	tally_count(t, seen);
	free(seen);
	buf_putc(out, '{');
	if (g->n > 0)
		qsort(g->all, g->n, sizeof(*g->all), text_cmp);
	for (i = 0; i < g->n; i++) {
		if (i > 0)
			buf_putc(out, ',');
		json_put_str(out, g->all[i].text);
		buf_putc(out, ':');
		json_put_u64(out, g->all[i].value);
	}
	buf_putc(out, '}');
	return KODO_OK;
}

/* --- counting --- */

struct counter {
	struct strmap names;
	struct tally orgs, tags;
};

/* Names and tags are compared as JSON: equal texts have equal JSON in records. */
static enum kodo_err
flow_count(struct flows_each *e, const struct flows_node *n, uint32_t flow)
{
	struct counter *c = e->arg;
	struct packed_flow f;
	struct str tag;
	uint32_t name;
	enum kodo_err err;

	err = packed_flow(&n->p, flow, &f);
	if (err == KODO_OK)
		err = strmap_find(&c->names, f.name, &name);
	if (err == KODO_OK && n->p.organization.p != NULL)
		err = tally_add(&c->orgs, n->p.organization, name);
	while (err == KODO_OK && packed_next_tag(&f.tags, &tag))
		err = tally_add(&c->tags, tag, name);
	return err;
}

static enum kodo_err
counts_make(struct view *v, struct arena *a, struct query *q, struct buf *out)
{
	struct counter all = { .names = { 0 } };
	struct flows_each e = { .v = v, .q = q, .arg = &all, .each = flow_count };
	enum kodo_err err = flows_each(&e);

	if (err == KODO_OK) {
		buf_printf(out, "{\"total\":%llu", (unsigned long long)v->head.total);
		if (q != NULL)
			buf_printf(out, ",\"filtered\":%llu", (unsigned long long)e.n_matches);
		buf_puts(out, ",\"organization\":");
		err = tally_put(&all.orgs, all.names.n, out);
		buf_puts(out, ",\"tags\":");
		if (err == KODO_OK)
			err = decode_texts(a, &all.tags.groups);
		if (err == KODO_OK)
			err = tally_put(&all.tags, all.names.n, out);
		buf_putc(out, '}');
		if (err == KODO_OK && buf_failed(out))
			err = out->err;
	}
	strmap_free(&all.names);
	tally_free(&all.orgs);
	tally_free(&all.tags);
	return err;
}

/* --- the cache --- */

static void
counts_head(const struct view *v, char out[COUNTS_HEAD + 1])
{
	snprintf(out, COUNTS_HEAD + 1, "%016llx %-46llu\n", (unsigned long long)v->head.state_id,
	    (unsigned long long)v->head.view);
}

/* The cached answer; false: there is none of this view. */
static bool
counts_read(const struct view *v, const struct state *state, struct buf *out)
{
	char path[PATH_BYTES], want[COUNTS_HEAD + 1], have[COUNTS_HEAD];
	ssize_t n;
	char *room;
	bool ok = false;
	int fd;

	if (state_file(state, COUNTS_FILE, path) != KODO_OK ||
	    (fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return false;
	counts_head(v, want);
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

struct answer {
	char head[COUNTS_HEAD + 1];
	struct str body;
};

static enum kodo_err
answer_fill(int fd, void *arg)
{
	const struct answer *answer = arg;
	enum kodo_err err = path_write(fd, (struct str){ answer->head, COUNTS_HEAD });

	return err == KODO_OK ? path_write(fd, answer->body) : err;
}

/* A failure costs only time: the next question computes again. */
static void
counts_write(const struct view *v, const struct state *state, const struct buf *body)
{
	struct answer answer = { .body = buf_str(body) };
	char path[PATH_BYTES];

	counts_head(v, answer.head);
	if (state_file(state, COUNTS_FILE, path) == KODO_OK)
		(void)!path_replace(path, state->file_mode, answer_fill, &answer);
}

enum kodo_err
counts_put(struct view *v, struct sink *out)
{
	struct arena *a;
	enum kodo_err err;

	if (out->state != NULL && counts_read(v, out->state, &out->buf))
		return sink_end(out);
	a = arena_new();
	if (a == NULL)
		return KODO_ENOMEM;
	err = counts_make(v, a, NULL, &out->buf);
	if (err == KODO_OK && out->state != NULL)
		counts_write(v, out->state, &out->buf);
	arena_free(a);
	return err == KODO_OK ? sink_end(out) : err;
}

enum kodo_err
counts_put_found(struct view *v, struct query *q, struct sink *out)
{
	struct arena *a = arena_new();
	enum kodo_err err = a == NULL ? KODO_ENOMEM : counts_make(v, a, q, &out->buf);

	arena_free(a);
	return err == KODO_OK ? sink_end(out) : err;
}
