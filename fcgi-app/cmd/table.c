#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/table.h"
#include "core/base/screen.h"
#include "core/base/utf8.h"

#define CELL_MAX	60u	/* characters of a column, except the last */

struct row {
	struct str cells[TABLE_COLUMNS];
	struct row *next;
};

struct table {
	struct arena *a;
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
table_new(struct arena *a, const char *const names[])
{
	struct table *t = arena_zalloc(a, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->a = a;
	while (t->n_columns < TABLE_COLUMNS && names[t->n_columns] != NULL)
		t->n_columns++;
	(void)row_add(t);
	while (t->at < t->n_columns && !t->has_failed)
		table_put(t, str_of(names[t->at]));
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
table_put(struct table *t, struct str text)
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
	if (width > CELL_MAX && t->at + 1 < t->n_columns)
		width = CELL_MAX;
	if (width > t->widths[t->at])
		t->widths[t->at] = width;
	t->last->cells[t->at++] = cell;
}

void
table_put_u64(struct table *t, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	table_put(t, str_of(text));
}

void
table_put_ago(struct table *t, int64_t us, int64_t now_us)
{
	static const struct {
		int64_t s;
		char unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	int64_t s = (us > now_us ? us - now_us : now_us - us) / 1000000;
	char text[32];
	size_t i = 0;

	if (us == 0) {
		table_put(t, STR("-"));
		return;
	}
	while (i < 3 && s < 2 * units[i].s)
		i++;
	snprintf(text, sizeof(text), "%s%lld%c", us > now_us ? "in " : "",
	    (long long)(s / units[i].s), units[i].unit);
	table_put(t, str_of(text));
}

void
table_end_row(struct table *t)
{
	if (!t->has_failed)
		(void)row_add(t);
}

/* 0: no terminal, so no edge. */
static size_t
terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
		return 0;
	return size.ws_col;
}

/* A cell, cut with an ellipsis, and padded to its column except at the end of a line. */
static void
print_cell(struct str cell, size_t room, size_t pad)
{
	size_t width = utf8_count(cell);

	if (width > room && room > 0) {
		printf("%.*s…", (int)utf8_bytes(cell, room - 1), cell.p);
		width = room;
	} else {
		printf("%.*s", STR_ARG(cell));
	}
	while (width++ < pad)
		putchar(' ');
}

enum kodo_err
table_print(const struct table *t)
{
	size_t edge = terminal_width(), i, at;
	const struct row *row;

	if (t->has_failed)
		return KODO_ENOMEM;
	for (row = t->first; row->next != NULL; row = row->next) {
		for (i = at = 0; i < t->n_columns; i++) {
			bool last = i + 1 == t->n_columns;
			size_t room = last ? SIZE_MAX : CELL_MAX;

			if (edge > 0 && room > edge - (at < edge ? at : edge - 1))
				room = edge - (at < edge ? at : edge - 1);
			if (edge > 0 && at >= edge)
				break;
			print_cell(row->cells[i], room, last ? 0 : t->widths[i] + 2);
			at += t->widths[i] + 2;
		}
		putchar('\n');
	}
	return fflush(stdout) == 0 ? KODO_OK : KODO_EIO;
}
