#include "core/config/option_private.h"

/*
 * Options as text: a line `name=value` each, of a list a line an item; in values \\ and \n stand
 * for a backslash and the end of a line. Nulls have no line. Unknown names of another build are
 * skipped, missing ones get their default, until the loader is read again.
 */

static const char is_program_name[] = "loader_is_program";

static void
put_line(struct buf *out, const char *name, struct str value)
{
	size_t i;

	buf_puts(out, name);
	buf_putc(out, '=');
	for (i = 0; i < value.len; i++) {
		if (value.p[i] == '\\')
			buf_puts(out, "\\\\");
		else if (value.p[i] == '\n')
			buf_puts(out, "\\n");
		else
			buf_putc(out, value.p[i]);
	}
	buf_putc(out, '\n');
}

static void
put_address(struct buf *out, const char *name, const struct options *o)
{
	const bool v6 = memchr(o->listen_host.p, ':', o->listen_host.len) != NULL;

	buf_printf(out, v6 ? "%s=[%.*s]:%u\n" : "%s=%.*s:%u\n", name, STR_ARG(o->listen_host),
	    o->listen_port);
}

static void
put_list(struct buf *out, const struct option_row *row, const char *at, const struct options *o)
{
	const struct str *list = *(const struct str *const *)(const void *)at;
	size_t n = *(const size_t *)(const void *)((const char *)o + row->offset_n), i;

	for (i = 0; i < n; i++)
		put_line(out, row->name, list[i]);
}

static void
put_row(struct buf *out, const struct option_row *row, const struct options *o)
{
	static const char *const privates[] = { "auto", "true", "false" };
	const char *at = (const char *)o + row->offset;
	const void *v = at;

	switch (row->type) {
	case OPT_TEXT:
	case OPT_URL:
	case OPT_PATH:
	case OPT_ISSUER:
		if (((const struct str *)v)->p != NULL)
			put_line(out, row->name, *(const struct str *)v);
		break;
	case OPT_URLS:
	case OPT_PEERS:
	case OPT_NETS:
	case OPT_ORIGINS:
	case OPT_BRIDGES:
	case OPT_IMPORTS:
		put_list(out, row, at, o);
		break;
	case OPT_BOOL:
		put_line(out, row->name, *(const bool *)v ? STR("true") : STR("false"));
		break;
	case OPT_UINT:
		buf_printf(out, "%s=%u\n", row->name, *(const unsigned *)v);
		break;
	case OPT_INT:
		buf_printf(out, "%s=%d\n", row->name, *(const int *)v);
		break;
	case OPT_LEVEL:
		put_line(out, row->name, str_of(log_level_name(*(const enum log_level *)v)));
		break;
	case OPT_WORD:
		put_line(out, row->name, option_word(row->shape, *(const int *)v));
		break;
	case OPT_PRIVATE:
		put_line(out, row->name, str_of(privates[*(const enum option_private *)v]));
		break;
	case OPT_ADDRESS:
		put_address(out, row->name, o);
		break;
	case OPT_FLOWS:		/* the own node's record */
	case OPT_TYPES:
	default:
		break;
	}
}

void
option_write(struct buf *out, const struct options *o)
{
	unsigned i;

	for (i = 0; i < option_n_rows; i++)
		put_row(out, &option_rows[i], o);
	put_line(out, is_program_name, o->loader_is_program ? STR("true") : STR("false"));
}

void
option_write_machine(struct buf *out, const struct options *o)
{
	unsigned i;

	for (i = 0; i < option_n_rows; i++)
		if (option_rows[i].of_machine)
			put_row(out, &option_rows[i], o);
}

void
option_write_shared(struct buf *out, const struct options *o)
{
	unsigned i;

	for (i = 0; i < option_n_rows; i++)
		if (!option_rows[i].of_machine)
			put_row(out, &option_rows[i], o);
}

bool
option_differs(const struct options *x, const struct options *y, const char *name)
{
	const struct option_row *row = option_find(str_of(name));
	struct buf a = BUF_INIT(0), b = BUF_INIT(0);
	bool differs;

	put_row(&a, row, x);
	put_row(&b, row, y);
	differs = !str_eq(buf_str(&a), buf_str(&b));
	buf_free(&a);
	buf_free(&b);
	return differs;
}

/* The text of a value, in a. KODO_ECORRUPT: a backslash before something else. */
static enum kodo_err
unescape(struct arena *a, struct str s, struct str *out)
{
	char *to = arena_alloc(a, s.len + 1);
	size_t i, len = 0;

	*out = STR_NULL;
	if (to == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '\\') {
			if (++i == s.len || (s.p[i] != '\\' && s.p[i] != 'n'))
				return KODO_ECORRUPT;
			c = s.p[i] == 'n' ? '\n' : '\\';
		}
		to[len++] = c;
	}
	to[len] = '\0';
	*out = (struct str){ to, len };
	return KODO_OK;
}

static enum kodo_err
read_value(struct option_input *in, const struct option_row *row, struct loader_value *lists[],
    struct str text)
{
	struct loader_value *v = option_text_value(in->a, text, "stored options", 0),
			    **list = &lists[row - option_rows];

	if (v == NULL)
		return KODO_ENOMEM;
	if (!option_is_list(row))
		return option_set(in, row, v);
	if (*list == NULL) {
		*list = option_text_value(in->a, STR_NULL, "stored options", 0);
		if (*list == NULL)
			return KODO_ENOMEM;
		(*list)->kind = LOADER_LIST;
	}
	if (option_list_add(in->a, *list, v) != KODO_OK)
		return KODO_ENOMEM;
	return option_set(in, row, *list);
}

/* Of which rows lines count. */
enum lines { LINES_ALL, LINES_SHARED, LINES_OF_MACHINE };

/* One line. */
static enum kodo_err
read_line(struct option_input *in, struct loader_value *lists[], struct str line,
    enum lines which, bool *is_program)
{
	const struct option_row *row;
	struct str name, text;
	enum kodo_err err;

	if (memchr(line.p, '=', line.len) == NULL)
		return KODO_ECORRUPT;
	name = str_cut(&line, '=');
	err = unescape(in->a, line, &text);
	if (err != KODO_OK)
		return err;
	if (str_eq(name, str_of(is_program_name)))
		return option_parse_bool(text, is_program) == KODO_OK ? KODO_OK : KODO_ECORRUPT;
	row = option_find(name);
	if (row == NULL || (which != LINES_ALL && row->of_machine != (which == LINES_OF_MACHINE)))
		return KODO_OK;
	return row->type == OPT_FLOWS ? KODO_ECORRUPT : read_value(in, row, lists, text);
}

enum kodo_err
option_read(struct arena *a, struct str text, struct options *out)
{
	return option_read_here(a, text, STR_NULL, out);
}

enum kodo_err
option_read_here(struct arena *a, struct str text, struct str machine, struct options *out)
{
	struct loader_value *lists[OPTION_MAX] = { NULL };
	struct option_input in = { .a = a, .base = STR("/"), .quiet = true };
	const enum lines which = machine.p == NULL ? LINES_ALL : LINES_SHARED;
	bool is_program = false;
	enum kodo_err err = KODO_OK;

	*out = (struct options){ .registry = false };
	while (text.len > 0 && err == KODO_OK)
		err = read_line(&in, lists, str_cut(&text, '\n'), which, &is_program);
	while (machine.len > 0 && err == KODO_OK)
		err = read_line(
		    &in, lists, str_cut(&machine, '\n'), LINES_OF_MACHINE, &is_program);
	if (err == KODO_OK)
		err = option_resolve(&in, out);
	out->loader_is_program = is_program;
	return err == KODO_OK || err == KODO_ENOMEM ? err : KODO_ECORRUPT;
}
