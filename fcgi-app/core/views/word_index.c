#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "core/records/changelog.h"
#include "core/views/word_index_private.h"

/* Nodes changed since, or new, until it is written again: so many, and of its units this part. */
#define OLD_CHANGES	256u
#define OLD_PART	64u

bool
index_read(int fd, void *out, size_t bytes, off_t at)
{
	return pread(fd, out, bytes, at) == (ssize_t)bytes;
}

uint64_t
index_head_hash(const struct index_head *h)
{
	return hash_text(HASH_STORED,
	    (struct str){ (const char *)h, offsetof(struct index_head, hash) });
}

bool
index_head_read(const struct view *v, int fd, struct index_head *h)
{
	struct stat st;

	return index_read(fd, h, sizeof(*h), 0) && h->of.magic == INDEX_MAGIC &&
	    h->hash == index_head_hash(h) && h->of.state_id == v->head.state_id &&
	    fstat(fd, &st) == 0 && h->units <= (uint64_t)st.st_size &&
	    index_group_at(index_groups(h)) <= st.st_size;
}

bool
index_firsts_read(int fd, const struct index_head *h, uint32_t *first)
{
	const uint64_t groups = index_groups(h);
	uint64_t i;

	for (i = 0; i < groups; i++)
		if (!index_read(fd, first + i * INDEX_UNITS, INDEX_UNITS * sizeof(*first),
			index_group_at(i)))
			return false;
	for (i = 1; i < h->units; i++)
		if (first[i] < first[i - 1])
			return false;
	if (h->units == 0)
		return h->next_node == 0;
	return first[0] == 0 && first[h->units - 1] < h->next_node;
}

struct lookup {
	struct index_head h;
	int fd;
	uint32_t *first;	/* of all units */
	uint64_t *may;		/* a bit for each unit */
};

static bool
group_look(struct lookup *l, uint64_t g, const uint32_t *keys, size_t n)
{
	const off_t rows = index_group_at(g) + (off_t)offsetof(struct index_group, rows);
	uint64_t row[INDEX_UNITS / 64], *may = l->may + g * (INDEX_UNITS / 64);
	size_t i, k;

	memset(may, 0xff, sizeof(row));
	for (k = 0; k < n; k++) {
		if (!index_read(l->fd, row, sizeof(row),
			rows + (off_t)(keys[k] % INDEX_ROWS * sizeof(row))))
			return false;
		for (i = 0; i < INDEX_UNITS / 64; i++)
			may[i] &= row[i];
	}
	return true;
}

uint64_t
index_behind(const uint32_t *first, uint64_t n, uint32_t node)
{
	uint64_t low = 0, high = n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (first[middle] <= node)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Mark what was changed since: it may have any words. More than INDEX_CHANGES: not all are. */
static enum kodo_err
mark_changed(struct view *v, struct lookup *l, size_t *changed)
{
	struct scan s = changelog_scan(&v->t, l->h.of.logged);
	struct changelog_entry e;
	uint64_t unit;

	*changed = 0;
	while (*changed <= INDEX_CHANGES && changelog_next(&s, &e)) {
		++*changed;
		if (e.node >= l->h.next_node)
			continue;
		unit = index_behind(l->first, l->h.units, e.node);
		if (unit > 0)
			l->may[(unit - 1) / 64] |= UINT64_C(1) << (unit - 1) % 64;
	}
	return scan_end(&s);
}

static bool
has_unit(const struct lookup *l, uint64_t unit)
{
	return (l->may[unit / 64] >> unit % 64 & 1) != 0;
}

static enum kodo_err
ranges_make(const struct lookup *l, struct arena *a, struct word_index *out)
{
	struct word_index_range *r;
	uint64_t unit, most = 1;
	size_t n = 0;

	for (unit = 0; unit < l->h.units; unit++)
		most += has_unit(l, unit);
	r = arena_alloc(a, most * sizeof(*r));
	if (r == NULL)
		return KODO_ENOMEM;
	for (unit = 0; unit < l->h.units; unit++) {
		const uint32_t from = l->first[unit];
		const uint32_t next = unit + 1 < l->h.units ? l->first[unit + 1]
							    : (uint32_t)l->h.next_node;
		const uint32_t to = next > from ? next : from + 1;

		if (!has_unit(l, unit))
			continue;
		if (n > 0 && r[n - 1].to >= from)
			r[n - 1].to = to;
		else
			r[n++] = (struct word_index_range){ from, to };
	}
	r[n++] = (struct word_index_range){ (uint32_t)l->h.next_node, UINT32_MAX };
	out->ranges = r;
	out->n = n;
	out->is_known = true;
	return KODO_OK;
}

/* out->is_old is true as long as nothing else is known. */
static enum kodo_err
lookup(struct view *v, struct arena *a, struct lookup *l, const uint32_t *keys, size_t n,
    struct word_index *out)
{
	const uint64_t groups = index_groups(&l->h);
	const uint64_t old = OLD_CHANGES + l->h.units / OLD_PART;
	size_t changed;
	uint64_t g;
	enum kodo_err err;

	/* of a later view, which may not know what this one shows; or this state is an older one */
	if (l->h.of.logged > v->head.logged)
		return KODO_OK;
	l->first = arena_alloc(a, groups * INDEX_UNITS * sizeof(*l->first) + 1);
	l->may = arena_alloc(a, groups * (INDEX_UNITS / 8) + 1);
	if (l->first == NULL || l->may == NULL)
		return KODO_ENOMEM;
	if (!index_firsts_read(l->fd, &l->h, l->first))
		return KODO_OK;
	for (g = 0; g < groups; g++)
		if (!group_look(l, g, keys, n))
			return KODO_OK;
	err = mark_changed(v, l, &changed);
	out->is_old = l->h.is_whole == 0 || changed >= old ||
	    v->head.next_node - l->h.seen_node >= old;
	if (err != KODO_OK || changed > INDEX_CHANGES)
		return err;
	return ranges_make(l, a, out);
}

enum kodo_err
word_index_find(
    struct view *v, struct arena *a, const struct words *w, struct word_index *out)
{
	uint32_t keys[WORDS_KEYS_MAX];
	const size_t n = words_keys(w, keys);
	char path[PATH_BYTES];
	struct lookup l;
	enum kodo_err err;

	*out = (struct word_index){ .is_known = false };
	if (v->head.total < INDEX_FLOWS_MIN || n == 0)
		return KODO_OK;
	err = state_file(registry_state(v->registry), WORD_INDEX_FILE, path);
	if (err != KODO_OK)
		return err;
	out->is_old = true;
	l.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (l.fd == -1)
		return KODO_OK;
	if (index_head_read(v, l.fd, &l.h))
		err = lookup(v, a, &l, keys, n, out);
	close(l.fd);
	return err;
}
