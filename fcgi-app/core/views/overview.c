/*
 * The file: one line of numbers, then for each tag its number of flows, its length and its text.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/path.h"
#include "core/config/option_import.h"
#include "core/records/changelog.h"
#include "core/records/record.h"
#include "core/storage/derived.h"
#include "core/views/flows_each.h"
#include "core/views/overview.h"

#define FILE_MAX	65536u		/* OVERVIEW_TAGS tags with their numbers take less */
#define AT_ONCE_FLOWS	2000u		/* counted in a millisecond or two */
#define OLD_US		(60 * 1000000ll)	/* nodes fall silent without a change, too */
#define COST_FACTOR	100		/* making it takes that part of the time at most */
#define LOOK_MAX	64u		/* entries of the changelog that are read */

enum { N_STATE, N_VIEW, N_MADE, N_COST, N_FLOWS, N_FRESH, N_ORGANIZATIONS, N_TAGS, NUMBERS };

static bool
is_counted_at_once(const struct view *v)
{
	return v->head.total <= AT_ONCE_FLOWS;
}

/* --- the file --- */

static bool
take_number(struct str *rest, uint64_t *out)
{
	char *end;
	size_t n;

	if (rest->len == 0)
		return false;
	*out = strtoull(rest->p, &end, 10);	/* the text ends with a NUL */
	n = (size_t)(end - rest->p);
	if (n == 0 || n >= rest->len)
		return false;
	*rest = (struct str){ end + 1, rest->len - n - 1 };
	return true;
}

static bool
take_tag(struct str *rest, struct facet *out)
{
	uint64_t len;

	if (!take_number(rest, &out->flows) || !take_number(rest, &len) || len >= rest->len)
		return false;
	out->text = (struct str){ rest->p, (size_t)len };
	*rest = (struct str){ rest->p + len + 1, rest->len - (size_t)len - 1 };
	return true;
}

/* false: there is no such file, or it is of another state or damaged. */
static bool
overview_read(
    const struct view *v, struct arena *a, uint64_t n[NUMBERS], struct overview *out)
{
	const struct state *state = registry_state(v->registry);
	char path[PATH_BYTES], *text = arena_alloc(a, FILE_MAX + 1);
	struct str rest;
	ssize_t got;
	size_t i;
	int fd;

	if (text == NULL || state_file(state, OVERVIEW_FILE, path) != KODO_OK ||
	    (fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return false;
	got = read(fd, text, FILE_MAX);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	rest = (struct str){ text, (size_t)got };
	for (i = 0; i < NUMBERS; i++)
		if (!take_number(&rest, &n[i]))
			return false;
	out->n_tags = 0;
	while (out->n_tags < OVERVIEW_TAGS && rest.len > 0 &&
	    take_tag(&rest, &out->tags[out->n_tags]))
		out->n_tags++;
	out->flows = n[N_FLOWS];
	out->fresh = n[N_FRESH];
	out->organizations = n[N_ORGANIZATIONS];
	out->all_tags = n[N_TAGS];
	out->is_known = n[N_STATE] == v->head.state_id;
	return out->is_known;
}

static void
overview_write(const struct view *v, const struct overview *o, int64_t cost_us)
{
	const struct state *state = registry_state(v->registry);
	const uint64_t numbers[NUMBERS] = {
		[N_STATE] = v->head.state_id, [N_VIEW] = v->head.view,
		[N_MADE] = (uint64_t)v->now_us, [N_COST] = (uint64_t)cost_us,
		[N_FLOWS] = o->flows, [N_FRESH] = o->fresh,
		[N_ORGANIZATIONS] = o->organizations, [N_TAGS] = o->all_tags,
	};
	struct buf b = BUF_INIT(FILE_MAX);
	char path[PATH_BYTES];
	size_t i;

	for (i = 0; i < NUMBERS; i++) {
		json_put_u64(&b, numbers[i]);
		buf_putc(&b, i + 1 < NUMBERS ? ' ' : '\n');
	}
	for (i = 0; i < o->n_tags; i++) {
		buf_printf(&b, "%llu %zu ", (unsigned long long)o->tags[i].flows,
		    o->tags[i].text.len);
		buf_put_str(&b, o->tags[i].text);
		buf_putc(&b, '\n');
	}
	if (!buf_failed(&b) && state_file(state, OVERVIEW_FILE, path) == KODO_OK)
		(void)!path_replace_text(path, state->file_mode, buf_str(&b));
	buf_free(&b);
}

/* --- counting --- */

static enum kodo_err
count(struct view *v, struct arena *a, struct overview *out)
{
	const struct facet_list *tags, *states;
	struct facets f;
	size_t i;
	enum kodo_err err = facets_count(v, a, NULL, &f);

	if (err != KODO_OK)
		return err;
	tags = &f.of[FACET_TAG];
	states = &f.of[FACET_STATE];
	out->fresh = 0;
	for (i = 0; i < states->n; i++)
		if (str_eq(states->top[i].text, STR("fresh")))
			out->fresh = states->top[i].flows;
	out->flows = v->head.total;
	out->organizations = f.of[FACET_ORGANIZATION].n_all;
	out->all_tags = tags->n_all;
	/* where flows were imported from says nothing of what they do */
	for (i = out->n_tags = 0; i < tags->n && out->n_tags < OVERVIEW_TAGS; i++)
		if (!str_starts(tags->top[i].text, STR(OPTION_IMPORT_TAG)))
			out->tags[out->n_tags++] = tags->top[i];
	out->is_known = true;
	out->is_old = false;
	return KODO_OK;
}

static enum kodo_err
renew(struct view *v, struct arena *a, struct overview *out)
{
	const int64_t begun_us = clock_mono_us();
	enum kodo_err err = count(v, a, out);

	if (err == KODO_OK)
		overview_write(v, out, clock_mono_us() - begun_us);
	return err;
}

/* Does it hold still? Of what costs much, for a longer time. */
static bool
is_good(const struct view *v, const uint64_t n[NUMBERS])
{
	const int64_t age_us = v->now_us - (int64_t)n[N_MADE];

	if (age_us < 0)
		return false;
	return (n[N_VIEW] == v->head.view && age_us < OLD_US) ||
	    (!is_counted_at_once(v) && (uint64_t)age_us / COST_FACTOR < n[N_COST]);
}

/* --- what was added or changed last --- */

static enum kodo_err
recent_read(struct view *v, struct arena *a, uint32_t node, struct overview *out)
{
	struct overview_recent *r = &out->recent[out->n_recent];
	struct packed_flow f;
	struct statement said;
	enum verdict verdict;
	struct packed p;
	enum kodo_err err = record_get_winner(&v->t, node, &said, &verdict);

	if (err != KODO_OK || verdict != VERDICT_SHOWN)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	err = packed_open(said.bytes, &p);
	if (err != KODO_OK || p.n_flows == 0)
		return err;
	*r = (struct overview_recent){ .url = p.url, .organization = p.organization,
		.n_flows = p.n_flows, .changed_us = said.at_us };
	while (err == KODO_OK && r->n_names < OVERVIEW_NAMES && r->n_names < p.n_flows) {
		err = packed_flow(&p, (uint32_t)r->n_names, &f);
		if (err == KODO_OK)
			err = packed_raw(a, f.name, &r->names[r->n_names]);
		if (err == KODO_OK)
			err = packed_raw(a, f.url, &r->urls[r->n_names]);
		r->n_names++;
	}
	out->n_recent += err == KODO_OK;
	return err;
}

static int
recent_cmp(const void *x, const void *y)
{
	const struct overview_recent *a = x, *b = y;

	return (a->changed_us < b->changed_us) - (a->changed_us > b->changed_us);
}

static enum kodo_err
recent_get(struct view *v, struct arena *a, struct overview *out)
{
	struct scan s = changelog_scan_back(&v->t);
	struct changelog_entry entry;
	unsigned looked = 0;

	while (out->n_recent < OVERVIEW_RECENT && looked++ < LOOK_MAX && changelog_next(&s, &entry))
		s.err = recent_read(v, a, entry.node, out);
	/* an entry may tell of signs of life alone */
	if (out->n_recent > 1)
		qsort(out->recent, out->n_recent, sizeof(*out->recent), recent_cmp);
	return scan_end(&s);
}

enum kodo_err
overview_get(struct view *v, struct arena *a, struct overview *out)
{
	uint64_t n[NUMBERS];
	enum kodo_err err = KODO_OK;

	*out = (struct overview){ .n_tags = 0 };
	out->is_old = !overview_read(v, a, n, out) || !is_good(v, n);
	if (out->is_old && is_counted_at_once(v))
		err = renew(v, a, out);
	return err == KODO_OK ? recent_get(v, a, out) : err;
}

enum kodo_err
overview_renew(struct view *v, struct arena *a)
{
	struct overview o = { .n_tags = 0 };
	uint64_t n[NUMBERS];

	/* another worker may have done it */
	return overview_read(v, a, n, &o) && is_good(v, n) ? KODO_OK : renew(v, a, &o);
}
