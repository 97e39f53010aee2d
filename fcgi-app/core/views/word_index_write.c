#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/flow/packed.h"
#include "core/records/changelog.h"
#include "core/records/record.h"
#include "core/views/word_index_private.h"

#define UNIT_FLOWS	32u
#define UNIT_NODES	64u	/* of few flows, or none */
#define GROUPS_AT_ONCE	4u	/* made after one reply: 40,000 flows and more, 0.1 s */
#define FLOWS_AT_ONCE	40000u	/* of nodes that were changed, less the last of them */

struct writer {
	struct view *v;
	struct index_head h;
	int fd;
	struct index_group *group;
	uint64_t loaded;	/* number of the group in hand; UINT64_MAX: none */
	bool is_dirty;
	unsigned unit;		/* in the group, whose bits are set */
	bool is_damaged;
};

static bool
group_flush(struct writer *w)
{
	const bool is_due = w->is_dirty;

	w->is_dirty = false;
	return !is_due || pwrite(w->fd, w->group, sizeof(*w->group),
	    index_group_at(w->loaded)) == (ssize_t)sizeof(*w->group);
}

/* Have group g in hand; one behind the end is empty. */
static bool
group_take(struct writer *w, uint64_t g)
{
	if (w->loaded == g)
		return true;
	if (!group_flush(w))
		return false;
	w->loaded = g;
	if (g * INDEX_UNITS < w->h.units)
		return index_read(w->fd, w->group, sizeof(*w->group), index_group_at(g));
	memset(w->group, 0, sizeof(*w->group));
	return true;
}

static void
set_bit(void *arg, uint32_t key)
{
	struct writer *w = arg;

	w->group->rows[key % INDEX_ROWS][w->unit / 64] |= UINT64_C(1) << w->unit % 64;
}

/* Set the bits of flows from .. to - 1 in a unit. */
static bool
unit_add(struct writer *w, uint64_t unit, const struct packed *p, uint32_t from, uint32_t to)
{
	struct str begin, end;

	if (from == to)
		return true;
	begin = packed_text(p, from);
	end = packed_text(p, to - 1);
	if (begin.p == NULL || end.p == NULL || end.p < begin.p ||
	    !group_take(w, unit / INDEX_UNITS))
		return false;
	w->unit = unit % INDEX_UNITS;
	w->is_dirty = true;
	words_keys_of_texts((struct str){ begin.p, (size_t)(end.p + end.len - begin.p) },
	    set_bit, w);
	return true;
}

/* Nodes that will be a unit, or a large one that will be several. */
struct pending {
	struct packed all[UNIT_NODES];
	uint32_t first, last;		/* their ids */
	unsigned n;
	uint32_t flows;
};

/* Begin a unit behind the last one. */
static bool
unit_begin(struct writer *w, uint32_t node)
{
	if (!group_take(w, w->h.units / INDEX_UNITS))
		return false;
	w->group->first[w->h.units % INDEX_UNITS] = node;
	w->h.units++;
	w->is_dirty = true;
	return true;
}

static bool
units_make(struct writer *w, struct pending *p)
{
	uint32_t from, to;
	unsigned i;
	/* the first unit has none yet, and whatever is shown before the others later */
	bool done = (w->h.units > 0 || unit_begin(w, 0)) && unit_begin(w, p->first);

	for (i = 0; i < p->n; i++)
		for (from = 0; done && from < p->all[i].n_flows; from = to) {
			to = p->all[i].n_flows - from > UNIT_FLOWS ? from + UNIT_FLOWS
								   : p->all[i].n_flows;
			done = (from == 0 || unit_begin(w, p->first)) &&
			    unit_add(w, w->h.units - 1, &p->all[i], from, to);
		}
	w->h.next_node = (uint64_t)p->last + 1;
	p->n = 0;
	p->flows = 0;
	return done;
}

/*
 * Append units until all nodes are in, or enough for once. The last nodes are left for later, if
 * they make no unit. *done: all was written.
 */
static enum kodo_err
units_append(struct writer *w, bool *done)
{
	const uint64_t most = w->h.units + (uint64_t)GROUPS_AT_ONCE * INDEX_UNITS;
	struct pending p = { .n = 0 };
	struct scan s =
	    record_scan_winners(&w->v->t, VERDICT_SHOWN, (uint32_t)w->h.next_node);
	struct record rec;
	struct packed node;

	*done = true;
	w->h.is_whole = 1;
	while (*done && record_next(&s, &rec)) {
		if (w->h.units >= most) {
			w->h.is_whole = 0;
			break;
		}
		s.err = packed_open(rec.said.bytes, &node);
		if (s.err != KODO_OK)
			break;
		if (p.n > 0 && p.flows + node.n_flows > UNIT_FLOWS)
			*done = units_make(w, &p);
		if (p.n == 0)
			p.first = rec.node;
		p.all[p.n++] = node;
		p.flows += node.n_flows;
		p.last = rec.node;
		if (*done && (p.n == UNIT_NODES || p.flows >= UNIT_FLOWS))
			*done = units_make(w, &p);
	}
	return scan_end(&s);
}

static int
id_cmp(const void *x, const void *y)
{
	const uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return (a > b) - (a < b);
}

/* A node that is not shown has no flows. */
static enum kodo_err
node_open(struct writer *w, uint32_t id, struct packed *p)
{
	struct statement said;
	enum kodo_err err = record_get_seen(&w->v->t, id, &said);

	*p = (struct packed){ .n_flows = 0 };
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	return packed_open(said.bytes, p);
}

/* Set the bits of a node that was changed, in the units that it has. */
static enum kodo_err
node_add(struct writer *w, const uint32_t *first, uint32_t id, bool *done)
{
	const uint64_t last = index_behind(first, w->h.units, id) - 1;
	uint64_t unit = last, n;
	struct packed p;
	uint32_t from = 0, to, share;
	enum kodo_err err = node_open(w, id, &p);

	while (unit > 0 && first[unit - 1] == first[last] && first[last] == id)
		unit--;
	n = last - unit + 1;
	share = (uint32_t)(p.n_flows / n + 1);
	for (; err == KODO_OK && *done && from < p.n_flows; unit++, from = to) {
		to = p.n_flows - from > share ? from + share : p.n_flows;
		*done = unit_add(w, unit, &p, from, to);
	}
	return err;
}

/* The nodes that were changed since, or as many of them as are enough for once: INDEX_CHANGES. */
static enum kodo_err
changes_take(struct writer *w, uint32_t *ids, size_t *n)
{
	struct scan s = changelog_scan(&w->v->t, w->h.of.logged);
	struct changelog_entry e;
	struct packed p;
	uint64_t flows = 0;
	bool more = true;

	*n = 0;
	while (*n < INDEX_CHANGES && flows < FLOWS_AT_ONCE && (more = changelog_next(&s, &e))) {
		w->h.of.logged = e.at;
		if (e.node >= w->h.next_node)
			continue;
		ids[(*n)++] = e.node;
		s.err = node_open(w, e.node, &p);
		flows += p.n_flows;
	}
	/* the last entry may have been taken out of the log since */
	if (!more)
		w->h.of.logged = w->v->head.logged;
	return scan_end(&s);
}

/* Take up what was changed since. */
static enum kodo_err
changes_add(struct writer *w, bool *done)
{
	uint32_t *first = malloc(index_groups(&w->h) * INDEX_UNITS * sizeof(*first) + 1);
	uint32_t *ids = malloc(INDEX_CHANGES * sizeof(*ids));
	size_t n = 0, i;
	enum kodo_err err = KODO_OK;

	*done = first != NULL && ids != NULL;
	if (*done)
		w->is_damaged = !(*done = index_firsts_read(w->fd, &w->h, first));
	if (*done)
		err = changes_take(w, ids, &n);
	if (n > 0)
		qsort(ids, n, sizeof(*ids), id_cmp);
	for (i = 0; i < n && *done && err == KODO_OK; i++)
		err = node_add(w, first, ids[i], done);
	w->h.changed += n;
	free(first);
	free(ids);
	return err;
}

/* The file, made where there is none, locked and in its folder; -1. */
static int
index_take(const struct state *state, const char *path, off_t *size)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
	    state->file_mode);
	struct stat st;

	if (fd == -1)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_nlink > 0 && (st.st_size > 0 || fchmod(fd, state->file_mode) == 0)) {
		*size = st.st_size;
		return fd;
	}
	close(fd);
	return -1;
}

static bool
is_worn(const struct index_head *h)
{
	return h->changed > h->next_node / 2 + INDEX_CHANGES;
}

/*
 * A file that is of no use any more, or of a later state than the one that is there now, makes room
 * for another one: who has it open goes on with what it says.
 */
static bool
head_take(struct writer *w, const char *path, off_t size)
{
	const struct view *v = w->v;

	if (index_head_read(v, w->fd, &w->h) && w->h.of.logged <= v->head.logged && !is_worn(&w->h))
		return true;
	w->h = (struct index_head){ .units = 0 };
	w->h.of = (struct derived_mark){ INDEX_MAGIC, v->head.state_id, v->head.logged };
	if (size == 0)
		return true;
	unlink(path);
	close(w->fd);
	w->fd = index_take(registry_state(v->registry), path, &size);
	return w->fd != -1 && size == 0;
}

static enum kodo_err
write_all(struct writer *w)
{
	bool done = true;
	enum kodo_err err = changes_add(w, &done);

	if (err == KODO_OK && done && w->h.of.logged == w->v->head.logged)
		err = units_append(w, &done);
	w->h.seen_node = w->v->head.next_node;
	w->h.hash = index_head_hash(&w->h);
	if (err != KODO_OK || w->is_damaged)
		return err;
	return done && group_flush(w) && fdatasync(w->fd) == 0 &&
	    pwrite(w->fd, &w->h, sizeof(w->h), 0) == (ssize_t)sizeof(w->h) ? KODO_OK : KODO_EIO;
}

/* The view is begun under the lock, so no file was written by a later one. */
enum kodo_err
word_index_renew(struct registry *r, int64_t now_us)
{
	const struct state *state = registry_state(r);
	struct view v;
	struct writer w = { .v = &v, .loaded = UINT64_MAX };
	char path[PATH_BYTES];
	off_t size;
	enum kodo_err err = state_file(state, WORD_INDEX_FILE, path);

	if (err != KODO_OK || state->is_read_only || (w.fd = index_take(state, path, &size)) == -1)
		return err;
	w.group = calloc(1, sizeof(*w.group));
	err = w.group == NULL ? KODO_ENOMEM : view_begin(r, now_us, &v);
	if (err == KODO_OK) {
		if (head_take(&w, path, size))
			err = write_all(&w);
		if (w.is_damaged)
			unlink(path);
		view_end(&v);
	}
	free(w.group);
	if (w.fd != -1)
		close(w.fd);
	return err;
}
