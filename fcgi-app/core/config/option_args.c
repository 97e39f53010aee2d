#include "core/base/utf8.h"
#include "core/config/option_private.h"

/* Where we are in the arguments. */
struct args {
	struct option_input *in;
	int argc;
	char *const *argv;
	int i;
	struct loader_value *connect[OPTION_MAX];	/* lists being collected, by row */
};

static enum kodo_err
fail(const struct args *as, const char *what, const char *arg)
{
	char shown[LOADER_SHOWN_BYTES];

	return why_set(as->in->why, KODO_EINVAL, "%s: %s", loader_shown(str_of(arg), shown), what);
}

static const struct option_row *
find_long(struct str name)
{
	unsigned i;

	for (i = 0; i < option_n_rows; i++)
		if (loader_same_name(name, str_of(option_rows[i].name)) ||
		    (option_rows[i].also != NULL &&
			loader_same_name(name, str_of(option_rows[i].also))))
			return &option_rows[i];
	return NULL;
}

static const struct option_row *
find_letter(char c)
{
	unsigned i;

	for (i = 0; i < option_n_rows && c != 0; i++)
		if (option_rows[i].letter == c)
			return &option_rows[i];
	return NULL;
}

/* Lists may be given in several arguments; each may be several urls. */
static enum kodo_err
add_to_list(struct args *as, const struct option_row *row, const struct loader_value *v)
{
	struct loader_value **list = &as->connect[row - option_rows];
	enum kodo_err err;

	if (*list == NULL) {
		*list = option_text_value(as->in->a, STR_NULL, v->file, 0);
		if (*list == NULL)
			return option_no_memory(as->in);
		(*list)->kind = LOADER_LIST;
	}
	err = option_split(as->in, row, v, *list);
	return err == KODO_OK ? option_set(as->in, row, *list) : err;
}

/* name: as it was typed, for messages. */
static enum kodo_err
set(struct args *as, const struct option_row *row, const char *name, struct str text)
{
	struct str copy;
	struct loader_value *v;

	if (!utf8_valid(text))
		return fail(as, "the value is not UTF-8", name);
	if (arena_str(as->in->a, text, &copy) != KODO_OK)
		return option_no_memory(as->in);
	v = option_text_value(as->in->a, copy, name, 0);
	if (v == NULL)
		return option_no_memory(as->in);
	return option_is_list(row) ? add_to_list(as, row, v) : option_set(as->in, row, v);
}

/*
 * The value of an option that stands alone: the next argument; of a switch only where that is true,
 * false or the like, so that `kodo service -R node.yaml` means what it says.
 */
static enum kodo_err
set_from_next(struct args *as, const struct option_row *row, const char *name)
{
	const char *next = as->i + 1 < as->argc ? as->argv[as->i + 1] : NULL;
	bool unused;

	if (row->type == OPT_BOOL &&
	    (next == NULL || option_parse_bool(str_of(next), &unused) != KODO_OK))
		return set(as, row, name, STR("true"));
	if (next == NULL)
		return fail(as, "a value must follow", name);
	as->i++;
	return set(as, row, name, str_of(next));
}

/* "--screen-level" for screen_level */
static const char *
long_name(struct arena *a, const char *name)
{
	char *text = arena_printf(a, "--%s", name), *p;

	for (p = text; p != NULL && *p != '\0'; p++)
		*p = *p == '_' ? '-' : *p;
	return text == NULL ? "" : text;
}

static enum kodo_err
unknown(const struct args *as, const char *label)
{
	struct near here, *near = as->in->near != NULL ? as->in->near : &here;
	unsigned i;

	near_begin(near, str_of(label));
	near_try(near, "--help");
	for (i = 0; i < option_n_rows; i++) {
		near_try(near, long_name(as->in->a, option_rows[i].name));
		if (option_rows[i].also != NULL)
			near_try(near, long_name(as->in->a, option_rows[i].also));
	}
	return near_say(near, "unknown option", "kodo service --help lists them", as->in->why);
}

/* "--name", "--name=VALUE", "--no-name" */
static enum kodo_err
take_long(struct args *as, const char *arg)
{
	const char *eq = strchr(arg, '=');
	struct str name = { arg + 2, eq == NULL ? strlen(arg) - 2 : (size_t)(eq - arg) - 2 };
	const struct option_row *row = find_long(name);
	const char *label = arena_printf(as->in->a, "--%.*s", STR_ARG(name));

	if (label == NULL)
		return option_no_memory(as->in);
	if (row != NULL && row->type == OPT_FLOWS)
		return fail(as, "flows are given in a loader only", label);
	if (row != NULL && eq != NULL)
		return set(as, row, label, str_of(eq + 1));
	if (row != NULL)
		return set_from_next(as, row, label);
	if (eq == NULL && str_starts(name, STR("no-"))) {
		row = find_long(str_skip(name, 3));
		if (row != NULL && row->type == OPT_BOOL)
			return set(as, row, label, STR("false"));
	}
	return unknown(as, label);
}

/* "-u URL", "-uURL", "-Rf" */
static enum kodo_err
take_short(struct args *as, const char *arg)
{
	enum kodo_err err = KODO_OK;
	const char *p, *label;

	for (p = arg + 1; *p != '\0' && err == KODO_OK; p++) {
		const struct option_row *row = find_letter(*p);

		label = arena_printf(as->in->a, "-%c", *p);
		if (label == NULL)
			return option_no_memory(as->in);
		if (row == NULL)
			return fail(as, "unknown option; kodo service --help lists them", arg);
		if (p[1] == '\0')
			return set_from_next(as, row, label);
		if (row->type != OPT_BOOL)
			return set(as, row, label, str_of(p + 1));
		err = set(as, row, label, STR("true"));
	}
	return err;
}

static enum kodo_err
take_loader(struct args *as, const char *arg)
{
	const struct option_row *row = &option_rows[OPTION_LOADER];
	const struct loader_value *before = as->in->values[OPTION_LOADER];

	if (before != NULL && strcmp(before->file, "LOADER") == 0)
		return fail(
		    as, "a second loader; put several files into a folder and name that", arg);
	return set(as, row, "LOADER", str_of(arg));
}

enum kodo_err
option_take_args(struct option_input *in, int argc, char *const argv[])
{
	struct args as = { .in = in, .argc = argc, .argv = argv };
	bool only_loader = false;
	enum kodo_err err = KODO_OK;

	for (as.i = 0; as.i < argc && err == KODO_OK; as.i++) {
		const char *arg = argv[as.i];

		if (!only_loader && strcmp(arg, "--") == 0)
			only_loader = true;
		else if (!only_loader && strncmp(arg, "--", 2) == 0)
			err = take_long(&as, arg);
		else if (!only_loader && arg[0] == '-' && arg[1] != '\0')
			err = take_short(&as, arg);
		else
			err = take_loader(&as, arg);
	}
	return err;
}

enum kodo_err
option_check_args(
    struct arena *a, int argc, char *const argv[], struct near *near, struct why *why)
{
	struct option_input in = { .a = a, .why = why, .base = STR("/"), .near = near };

	*near = (struct near){ .best = NULL };
	return option_take_args(&in, argc, argv);
}
