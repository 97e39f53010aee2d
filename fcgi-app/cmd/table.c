#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/table.h"
#include "core/base/screen.h"
#include "core/base/utf8.h"

#define GAP		2u	/* blanks between columns */
#define PAD_MAX		60u	/* a longer cell moves those behind it */
#define TEXT_MIN	8u	/* a column is not cut below that */

struct row {
	struct str cells[TABLE_COLUMNS];
	enum colour colours[TABLE_COLUMNS];
	struct row *next;
};

struct table {
	struct arena *a;
	const struct table_column *columns;
	size_t n_columns, at;
	size_t widths[TABLE_COLUMNS];
	struct row *first, *last;
	bool has_failed;
};

static struct row *
row_add(struct table *t)
{
	struct row *row = arena_zalloc(t->a, sizeof(*row));

	if (row == NULL) {
		t->has_failed = true;
		return NULL;
	}
	if (t->last == NULL)
		t->first = row;
	else
		t->last->next = row;
	t->last = row;
	t->at = 0;
	return row;
}

struct table *
table_new(struct arena *a, const struct table_column columns[])
{
	struct table *t = arena_zalloc(a, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->a = a;
	t->columns = columns;
	while (t->n_columns < TABLE_COLUMNS && columns[t->n_columns].name != NULL)
		t->n_columns++;
	(void)row_add(t);
	while (t->at < t->n_columns && !t->has_failed)
		table_put(t, str_of(columns[t->at].name));
	table_end_row(t);
	return t;
}

static struct str
copy_visible(struct arena *a, struct str text)
{
	char c[SCREEN_CHAR_BYTES];
	size_t pos = 0, n = 0, bytes;
	char *out;

	while (pos < text.len)
		n += screen_put_char(text, &pos, c);
	out = arena_alloc(a, n + 1);
	if (out == NULL)
		return STR_NULL;
	for (pos = n = 0; pos < text.len; n += bytes) {
		bytes = screen_put_char(text, &pos, c);
		memcpy(out + n, c, bytes);
	}
	return (struct str){ out, n };
}

void
table_put_coloured(struct table *t, struct str text, enum colour colour)
{
	struct str cell;
	size_t width;

	if (t->has_failed || t->at >= t->n_columns)
		return;
	cell = copy_visible(t->a, text.len == 0 ? STR("-") : text);
	if (cell.p == NULL) {
		t->has_failed = true;
		return;
	}
	width = utf8_count(cell);
	if (width > t->widths[t->at])
		t->widths[t->at] = width;
	t->last->colours[t->at] = colour;
	t->last->cells[t->at++] = cell;
}

void
table_put(struct table *t, struct str text)
{
	table_put_coloured(t, text, COLOUR_NONE);
}

void
table_put_u64(struct table *t, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	table_put(t, str_of(text));
}

const char *
table_ago(int64_t us, int64_t now_us, char out[TABLE_AGO_BYTES])
{
	static const struct {
		int64_t s;
		char unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	int64_t s = (us > now_us ? us - now_us : now_us - us) / 1000000;
	size_t i = 0;

	if (us == 0)
		return "-";
	while (i < 3 && s < 2 * units[i].s)
		i++;
	snprintf(out, TABLE_AGO_BYTES, "%s%lld%c", us > now_us ? "in " : "",
	    (long long)(s / units[i].s), units[i].unit);
	return out;
}

void
table_put_ago(struct table *t, int64_t us, int64_t now_us)
{
	char text[TABLE_AGO_BYTES];

	table_put(t, str_of(table_ago(us, now_us, text)));
}

void
table_end_row(struct table *t)
{
	if (!t->has_failed)
		(void)row_add(t);
}

/* --- what fits --- */

/* How wide each column is, and where it stands. */
struct layout {
	size_t widths[TABLE_COLUMNS];
	bool is_gone[TABLE_COLUMNS], is_below[TABLE_COLUMNS];
	bool is_cut;			/* cells end at the width of their column */
};

/* 0: no terminal, so no edge. */
static size_t
terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
		return 0;
	return size.ws_col;
}

static size_t
width_of(const struct table *t, const struct layout *l)
{
	size_t sum = 0, i;

	for (i = 0; i < t->n_columns; i++)
		if (!l->is_gone[i] && !l->is_below[i])
			sum += l->widths[i] + GAP;
	return sum < GAP ? 0 : sum - GAP;
}

/* The column that is missed least; n_columns: none may go. */
static size_t
find_dropped(const struct table *t, const struct layout *l)
{
	size_t found = t->n_columns, i;
	unsigned most = 0;

	for (i = 0; i < t->n_columns; i++)
		if (!l->is_gone[i] && t->columns[i].drop > most) {
			most = t->columns[i].drop;
			found = i;
		}
	return found;
}

/* The widest column that may be cut; n_columns: none. */
static size_t
find_cut(const struct table *t, const struct layout *l)
{
	size_t found = t->n_columns, most = TEXT_MIN, i;

	for (i = 0; i < t->n_columns; i++)
		if (!l->is_gone[i] && t->columns[i].kind == TABLE_TEXT && l->widths[i] > most) {
			most = l->widths[i];
			found = i;
		}
	return found;
}

static void
fit(const struct table *t, size_t edge, struct layout *l)
{
	size_t i;

	l->is_cut = true;
	for (i = 0; i < t->n_columns && width_of(t, l) > edge; i++)
		l->is_below[i] = t->columns[i].kind == TABLE_BELOW;
	while (width_of(t, l) > edge && (i = find_dropped(t, l)) < t->n_columns)
		l->is_gone[i] = true;
	while (width_of(t, l) > edge && (i = find_cut(t, l)) < t->n_columns)
		l->widths[i]--;
}

/* --- printing --- */

/* A cell, cut with an ellipsis if it may be, and padded to its column unless it is the last. */
static void
print_cell(struct str cell, enum colour colour, size_t width, bool is_cut, bool is_last)
{
	size_t used = utf8_count(cell);

	fputs(colour_begin(colour), stdout);
	if (is_cut && used > width && width > 0) {
		printf("%.*s…", (int)utf8_bytes(cell, width - 1), cell.p);
		used = width;
	} else {
		printf("%.*s", STR_ARG(cell));
	}
	fputs(colour_end(colour), stdout);
	for (; !is_last && used < width + GAP; used++)
		putchar(' ');
}

static void
print_row(const struct table *t, const struct row *row, const struct layout *l)
{
	const bool is_head = row == t->first;
	size_t i, last = 0;

	for (i = 0; i < t->n_columns; i++)
		if (!l->is_gone[i] && !l->is_below[i])
			last = i;
	for (i = 0; i < t->n_columns; i++)
		if (!l->is_gone[i] && !l->is_below[i])
			print_cell(row->cells[i], is_head ? COLOUR_HEAD : row->colours[i],
			    l->widths[i], l->is_cut && t->columns[i].kind == TABLE_TEXT, i == last);
	putchar('\n');
	for (i = 0; i < t->n_columns; i++)
		if (l->is_below[i] && !is_head && !str_eq(row->cells[i], STR("-")))
			printf("    %s%.*s%s\n", colour_begin(row->colours[i]),
			    STR_ARG(row->cells[i]), colour_end(row->colours[i]));
}

static void
print_names(const struct table *t)
{
	const struct row *row;
	size_t i = 0;

	while (i + 1 < t->n_columns && t->columns[i].kind != TABLE_WHOLE)
		i++;
	for (row = t->first->next; row->next != NULL; row = row->next)
		printf("%.*s\n", STR_ARG(row->cells[i]));
}

enum kodo_err
table_print(const struct table *t, enum table_output output)
{
	const size_t edge = output == TABLE_WIDE ? 0 : terminal_width();
	struct layout l = { .is_cut = false };
	const struct row *row;
	size_t i;

	if (t->has_failed)
		return KODO_ENOMEM;
	for (i = 0; i < t->n_columns; i++)
		l.widths[i] = t->widths[i] < PAD_MAX || edge > 0 ? t->widths[i] : PAD_MAX;
	if (edge > 0)
		fit(t, edge, &l);
	if (output == TABLE_NAMES)
		print_names(t);
	else
		for (row = t->first; row->next != NULL; row = row->next)
			print_row(t, row, &l);
	return fflush(stdout) == 0 ? KODO_OK : KODO_EIO;
}
