#include <stdarg.h>
#include <stdio.h>

#include "core/base/ascii.h"
#include "core/base/near.h"
#include "core/config/option_private.h"

enum kodo_err
option_no_memory(const struct option_input *in)
{
	return why_set(in->why, KODO_ENOMEM, "out of memory");
}

enum kodo_err
option_fail(const struct option_input *in, const struct loader_value *v, const char *fmt, ...)
{
	char text[800];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (v->line > 0)
		return why_set(in->why, KODO_EINVAL, "%s:%u: %s", v->file, v->line, text);
	return why_set(in->why, KODO_EINVAL, "%s: %s", v->file, text);
}

struct loader_value *
option_text_value(struct arena *a, struct str text, const char *file, unsigned line)
{
	struct loader_value *v = arena_zalloc(a, sizeof(*v));

	if (v == NULL)
		return NULL;
	*v = (struct loader_value){ .kind = LOADER_TEXT, .text = text, .file = file, .line = line };
	return v;
}

enum kodo_err
option_list_add(struct arena *a, struct loader_value *list, const struct loader_value *item)
{
	struct loader_entry *e = arena_zalloc(a, sizeof(*e));

	if (e == NULL)
		return KODO_ENOMEM;
	*e = (struct loader_entry){ NULL, STR_NULL, item->line, item };
	if (list->last == NULL)
		list->first = e;
	else
		list->last->next = e;
	list->last = e;
	list->n++;
	return KODO_OK;
}

/* An item of a list, at the place of v. */
static enum kodo_err
add_item(const struct option_input *in, const struct loader_value *v, enum loader_kind kind,
    struct str text, struct loader_value *list)
{
	struct loader_value *item = option_text_value(in->a, text, v->file, v->line);

	if (item == NULL)
		return option_no_memory(in);
	item->kind = kind;
	return option_list_add(in->a, list, item) == KODO_OK ? KODO_OK : option_no_memory(in);
}

/* JSON is YAML; its items are at the place of v. */
static enum kodo_err
split_json(struct option_input *in, const struct option_row *row, const struct loader_value *v,
    struct str text, struct loader_value *list)
{
	const struct loader_value *json;
	const struct loader_entry *e;
	enum kodo_err err = loader_parse(in->a, text, v->file, &json, NULL);

	if (err == KODO_ENOMEM)
		return option_no_memory(in);
	if (err != KODO_OK || json->kind != LOADER_LIST)
		return option_fail(in, v,
		    "%s: expected a list as [\"A\", \"B\"], or what is in it parted by commas",
		    row->name);
	for (e = json->first; e != NULL && err == KODO_OK; e = e->next)
		err = add_item(in, v, e->value->kind, e->value->text, list);
	return err;
}

enum kodo_err
option_split(struct option_input *in, const struct option_row *row, const struct loader_value *v,
    struct loader_value *list)
{
	struct str rest = ascii_trim(v->text);
	enum kodo_err err = KODO_OK;
	size_t i;

	if (rest.len > 0 && rest.p[0] == '[')
		return split_json(in, row, v, rest, list);
	while (rest.len > 0 && err == KODO_OK) {
		for (i = 0; i < rest.len && rest.p[i] != ',' && !ascii_is_space(rest.p[i]); i++)
			;
		if (i > 0)
			err = add_item(in, v, LOADER_TEXT, (struct str){ rest.p, i }, list);
		rest = str_skip(rest, i < rest.len ? i + 1 : i);
	}
	return err;
}

static const char *
nearest(struct str name)
{
	struct near near;
	unsigned i;

	if (ascii_starts(name, STR("kodo_")))
		name = str_skip(name, 5);
	near_begin(&near, name);
	for (i = 0; i < option_n_rows; i++)
		near_try(&near, option_rows[i].name);
	return near.best;
}

enum option_foreign
option_foreign(struct str name)
{
	static const struct {
		const char *name;	/* with a * at its end: what begins so */
		enum option_foreign what;
	} names[] = {
		{ "auth", OPTION_ACCESS },
		{ "auth_*", OPTION_ACCESS },
		{ "ray", OPTION_LATER },
		{ "ray_*", OPTION_LATER },
		{ "reload", OPTION_LATER },
		{ "sync", OPTION_LATER },
		{ "venv_*", OPTION_LATER },
		{ "env_*", OPTION_LATER },
	};
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct str n = str_of(names[i].name), begin = name;

		if (n.p[n.len - 1] == '*')
			n.len--;
		if (names[i].name[n.len] == '*' && begin.len > n.len)
			begin.len = n.len;
		if (loader_same_name(begin, n))
			return names[i].what;
	}
	return OPTION_UNKNOWN;
}

enum kodo_err
option_set_named(struct option_input *in, struct str name, const struct loader_value *v)
{
	const struct option_row *row = option_find(name);
	char shown[LOADER_SHOWN_BYTES];
	const char *meant;

	if (row != NULL)
		return option_set(in, row, v);
	loader_shown(name, shown);
	switch (option_foreign(name)) {
	case OPTION_ACCESS:
		return option_fail(in, v,
		    "option %s would restrict access, which is not implemented: take it out, and "
		    "restrict access in the web server",
		    shown);
	case OPTION_LATER:
		if (!in->quiet && v->line > 0)
			log_warning("%s:%u: option %s has no effect in this version", v->file,
			    v->line, shown);
		else if (!in->quiet)
			log_warning("%s: option %s has no effect in this version", v->file, shown);
		return KODO_OK;
	case OPTION_UNKNOWN:
	default:
		meant = nearest(name);
		if (meant != NULL)
			return option_fail(
			    in, v, "unknown option %s, did you mean %s?", shown, meant);
		return option_fail(in, v, "unknown option %s", shown);
	}
}

/*
 * Flows of a further file after those there are. Their chain must not change, for an *alias may
 * share it: it is copied.
 */
static enum kodo_err
add_flows(struct option_input *in, const struct loader_value **at, const struct loader_value *v)
{
	struct loader_value *both = arena_dup(in->a, v, sizeof(*v));
	const struct loader_entry *e;
	struct loader_entry **to;

	if (both == NULL)
		return option_no_memory(in);
	both->n = (*at)->n + v->n;
	to = &both->first;
	for (e = (*at)->first; e != NULL; e = e->next) {
		*to = arena_dup(in->a, e, sizeof(*e));
		if (*to == NULL)
			return option_no_memory(in);
		to = &(*to)->next;
	}
	*to = v->first;
	*at = both;
	return KODO_OK;
}

enum kodo_err
option_set(struct option_input *in, const struct option_row *row, const struct loader_value *v)
{
	const struct loader_value **at = &in->values[row - option_rows];

	if (v->kind == LOADER_NULL)
		return KODO_OK;
	if (row->type == OPT_FLOWS && v->kind != LOADER_LIST)
		return option_fail(in, v, "flows: expected a list of flows in a loader");
	if (row->type == OPT_FLOWS && *at != NULL)
		return add_flows(in, at, v);
	*at = v;
	return KODO_OK;
}

enum kodo_err
option_state_path(struct arena *a, struct str cache_data, struct str *out)
{
	struct str s = cache_data;
	char *p;

	*out = STR_NULL;
	if (str_ends(s, STR(".json")))
		s.len -= 5;
	p = arena_printf(a, "%.*s.lmdb", STR_ARG(s));
	if (p == NULL)
		return KODO_ENOMEM;
	*out = str_of(p);
	return KODO_OK;
}
