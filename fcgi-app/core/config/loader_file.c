#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/ascii.h"
#include "core/base/buf.h"
#include "core/base/path.h"
#include "core/config/loader.h"
#include "core/config/loader_private.h"

#define HEAD_BYTES	((size_t)65536)	/* of a file, where cache_data is likely to be */

static bool
is_yaml_name(struct str name)
{
	return name.len > 4 && name.p[0] != '.' &&
	    (ascii_starts(str_skip(name, name.len - 5), STR(".yaml")) ||
		ascii_starts(str_skip(name, name.len - 4), STR(".yml")));
}

enum kodo_err
loader_find_type(const char *path, enum loader_type *out, struct why *why)
{
	struct str name = path_name(str_of(path));
	struct stat st;

	*out = LOADER_FILE;
	if (stat(path, &st) != 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return why_set(why, KODO_ENOTFOUND, "there is no loader %s", path);
		return why_set(
		    why, KODO_EIO, "cannot examine loader %s: %s", path, strerror(errno));
	}
	if (S_ISDIR(st.st_mode))
		*out = LOADER_FOLDER;
	else if (!S_ISREG(st.st_mode))
		return why_set(why, KODO_EINVAL, "loader %s is neither a file nor a folder", path);
	else if ((st.st_mode & 0111) != 0 && !is_yaml_name(name))
		*out = LOADER_PROGRAM;
	return KODO_OK;
}

static int
compare_names(const void *x, const void *y)
{
	const struct str *a = x, *b = y;

	return str_cmp(*a, *b);
}

/* Names of *.yaml and *.yml in the open folder, as absolute paths, in any order. */
static enum kodo_err
list_folder(struct arena *a, DIR *d, struct str folder, struct buf *list, struct why *why)
{
	const struct dirent *e;

	while ((e = readdir(d)) != NULL) {
		struct str name = str_of(e->d_name), path;

		if (!is_yaml_name(name))
			continue;
		path.p = arena_printf(a, "%.*s/%s", STR_ARG(folder), e->d_name);
		if (path.p == NULL)
			return why_set(why, KODO_ENOMEM, "out of memory");
		path.len = folder.len + 1 + name.len;
		buf_put(list, &path, sizeof(path));
		if (list->len / sizeof(path) > LOADER_FILES)
			return why_set(why, KODO_ETOOBIG, "over %u files in loader %.*s",
			    LOADER_FILES, STR_ARG(folder));
	}
	return KODO_OK;
}

static enum kodo_err
folder_files(struct arena *a, struct str folder, struct str **files, size_t *n, struct why *why)
{
	struct buf list = BUF_INIT(0);
	enum kodo_err err;
	DIR *d;

	d = opendir(folder.p);
	if (d == NULL)
		return why_set(
		    why, KODO_EIO, "cannot read loader %s: %s", folder.p, strerror(errno));
	err = list_folder(a, d, folder, &list, why);
	closedir(d);
	if (err != KODO_OK)
		goto out;
	if (list.len == 0) {
		err = why_set(why, KODO_ENOTFOUND, "no *.yaml in loader %s, nor *.yml", folder.p);
		goto out;
	}
	*files = arena_dup(a, list.p, list.len);
	if (*files == NULL || buf_failed(&list)) {
		err = why_set(why, KODO_ENOMEM, "out of memory");
		goto out;
	}
	*n = list.len / sizeof(**files);
	qsort(*files, *n, sizeof(**files), compare_names);
out:
	buf_free(&list);
	return err;
}

enum kodo_err
loader_files(struct arena *a, struct str path, struct str **files, size_t *n, struct why *why)
{
	enum loader_type type;
	enum kodo_err err;

	*files = NULL;
	*n = 0;
	err = loader_find_type(path.p, &type, why);
	if (err != KODO_OK)
		return err;
	if (type == LOADER_FOLDER)
		return folder_files(a, path, files, n, why);
	*files = arena_dup(a, &path, sizeof(path));
	if (*files == NULL)
		return why_set(why, KODO_ENOMEM, "out of memory");
	*n = 1;
	return KODO_OK;
}

static enum kodo_err
read_file(struct arena *a, const char *path, struct str *out, struct why *why)
{
	enum kodo_err err = path_read(a, path, LOADER_BYTES, out);

	if (err == KODO_OK && path_is_utf16(*out))
		return why_set(
		    why, KODO_EINVAL, "%s:1: the text is UTF-16: save it as UTF-8", path);
	if (err == KODO_OK)
		return KODO_OK;
	return why_set(why, err, "cannot read loader %s: %s", path,
	    err == KODO_EIO ? strerror(errno) : kodo_err_text(err));
}

/* Two options of one name in one document, whose list may have an item for each. */
static enum kodo_err
check_twice(const struct loader_entry *first, const struct loader_entry *e, struct why *why)
{
	const struct loader_entry *o;
	char shown[LOADER_SHOWN_BYTES];

	for (o = first; o != e; o = o->next)
		if (loader_same_name(o->key, e->key))
			return why_set(why, KODO_EINVAL,
			    "%s:%u: %s is given twice, first in line %u", e->value->file, e->line,
			    loader_shown(e->key, shown), o->line);
	return KODO_OK;
}

/* Append copies of a map's entries to the chain that starts at *first. */
static enum kodo_err
append_map(struct arena *a, const struct loader_value *map, struct loader_entry **first, size_t *n,
    struct why *why)
{
	const struct loader_entry *from;
	struct loader_entry **to = first, *e;
	enum kodo_err err;

	while (*to != NULL)
		to = &(*to)->next;
	for (from = map->first; from != NULL; from = from->next) {
		if ((*n)++ == LOADER_KEYS)
			return why_set(why, KODO_EINVAL, "%s:%u: over %u options",
			    from->value->file, from->line, LOADER_KEYS);
		e = arena_dup(a, from, sizeof(*from));
		if (e == NULL)
			return why_set(why, KODO_ENOMEM, "out of memory");
		e->next = NULL;
		*to = e;
		err = check_twice(*first, e, why);
		if (err != KODO_OK)
			*to = NULL;
		else
			to = &e->next;
		err = why_take(why, err);
		if (err != KODO_OK)
			return err;
	}
	return KODO_OK;
}

enum kodo_err
loader_options(
    struct arena *a, const struct loader_value *root, struct loader_entry **first, struct why *why)
{
	const struct loader_entry *item;
	enum kodo_err err = KODO_OK;
	size_t n = 0;

	*first = NULL;
	if (root->kind == LOADER_NULL)
		return KODO_OK;
	if (root->kind == LOADER_MAP)
		return append_map(a, root, first, &n, why);
	if (root->kind != LOADER_LIST)
		return why_set(why, KODO_EINVAL,
		    "%s:%u: expected options, a list of `- name: value`", root->file, root->line);
	for (item = root->first; item != NULL && err == KODO_OK; item = item->next) {
		if (item->value->kind == LOADER_MAP)
			err = append_map(a, item->value, first, &n, why);
		else
			err = why_take(why, why_set(why, KODO_EINVAL,
			    "%s:%u: expected `name: value`, with a blank after the colon",
			    item->value->file, item->line));
	}
	return err;
}

enum kodo_err
loader_add_text(struct arena *a, const char *label, struct str text, struct loader_text **texts)
{
	struct loader_text *t = arena_alloc(a, sizeof(*t));

	if (t == NULL)
		return KODO_ENOMEM;
	*t = (struct loader_text){ *texts, label, text };
	*texts = t;
	return KODO_OK;
}

/* One text, its options put at the end of the chain *to. */
static enum kodo_err
add_text(struct arena *a, struct str yaml, const char *label, struct loader_entry **to,
    struct loader_text **texts, struct why *why)
{
	const struct loader_value *root;
	enum kodo_err err;

	if (loader_add_text(a, label, yaml, texts) != KODO_OK)
		return why_set(why, KODO_ENOMEM, "out of memory");
	err = loader_parse(a, yaml, label, &root, why);
	if (err != KODO_OK)
		return err;
	while (*to != NULL)
		to = &(*to)->next;
	return loader_options(a, root, to, why);
}

static enum kodo_err
read_program(struct arena *a, struct str path, struct str folder, struct loader_entry **first,
    struct loader_text **texts, struct why *why)
{
	const char *label = arena_printf(a, "%s output", path.p), *in = arena_strz(a, folder);
	enum kodo_err err;
	struct str yaml;

	if (label == NULL || in == NULL)
		return why_set(why, KODO_ENOMEM, "out of memory");
	err = loader_run(a, path.p, in, LOADER_TIMEOUT_MS, LOADER_BYTES, &yaml, why);
	return err == KODO_OK ? add_text(a, yaml, label, first, texts, why) : err;
}

/* May others than root write it? Of a folder where nobody removes what is another's: no. */
static bool
is_others(const char *path)
{
	struct stat st;

	return stat(path, &st) != 0 || st.st_uid != 0 ||
	    ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (st.st_mode & S_ISVTX) == 0);
}

/* What root runs is root's: who may write it would be root else. */
static enum kodo_err
check_program(struct arena *a, struct str path, struct why *why)
{
	const char *folder = arena_strz(a, path_folder(path));

	if (folder == NULL)
		return why_set(why, KODO_ENOMEM, "out of memory");
	if (geteuid() != 0 || (!is_others(path.p) && !is_others(folder)))
		return KODO_OK;
	return why_set(why, KODO_EINVAL,
	    "loader %s is a program that others than root may write, and this is root: give it and "
	    "its folder to root (chown root, chmod go-w), or start kodo as the user that owns it",
	    path.p);
}

enum kodo_err
loader_read(struct arena *a, struct str path, struct str folder, bool run_program,
    struct loader_entry **first, struct loader_text **texts, struct why *why)
{
	struct str *files, yaml;
	enum loader_type type;
	enum kodo_err err;
	size_t n, i;

	*first = NULL;
	err = loader_find_type(path.p, &type, why);
	if (err != KODO_OK)
		return err;
	if (type == LOADER_PROGRAM && !run_program)
		return why_set(
		    why, KODO_EBUSY, "loader %s is a program, to be run by somebody else", path.p);
	if (type == LOADER_PROGRAM) {
		err = check_program(a, path, why);
		return err == KODO_OK ? read_program(a, path, folder, first, texts, why) : err;
	}
	err = loader_files(a, path, &files, &n, why);
	for (i = 0; i < n && err == KODO_OK; i++) {
		err = read_file(a, files[i].p, &yaml, why);
		if (err == KODO_OK)
			err = add_text(a, yaml, files[i].p, first, texts, why);
		err = why_take(why, err);
	}
	return err;
}

/* Does text hold the name somewhere, in any case and with - for _? */
static bool
has_name(struct str text, struct str name)
{
	const char first = name.p[0];
	size_t i;

	for (i = 0; i + name.len <= text.len; i++)
		if (ascii_lower(text.p[i]) == first &&
		    loader_same_name((struct str){ text.p + i, name.len }, name))
			return true;
	return false;
}

/* The value of a line `option: value` or `- option: value`; null: it is none. */
static struct str
line_value(struct str line, struct str option)
{
	struct str v;

	if (str_starts(line, STR("- ")))
		line = str_skip(line, 2);
	if (line.len < option.len + 2 || line.p[option.len] != ':' ||
	    !loader_same_name((struct str){ line.p, option.len }, option))
		return STR_NULL;
	v = ascii_trim(str_skip(line, option.len + 1));
	if (v.len > 1 && (v.p[0] == '"' || v.p[0] == '\'') && v.p[v.len - 1] == v.p[0])
		v = (struct str){ v.p + 1, v.len - 2 };
	return v.len == 0 ? STR_NULL : v;
}

/* For what is not YAML at the moment: the first line that looks like it. */
static struct str
scan_lines(struct str text, struct str option)
{
	while (text.len > 0) {
		struct str v = line_value(str_cut(&text, '\n'), option);

		if (v.p != NULL)
			return v;
	}
	return STR_NULL;
}

/*
 * The option near the start of a file, where most write it: a web server's CGI program has no time
 * for 100,000 flows behind it. Only what begins in the first half counts, for the end may be cut
 * off within a value. Null: not there; then all of the file has to be read.
 */
static enum kodo_err
find_early(struct arena *a, const char *path, const char *option, struct str *out)
{
	struct str head;
	enum kodo_err err;
	bool unsure;

	*out = STR_NULL;
	err = path_read_head(a, path, HEAD_BYTES, &head);
	if (err != KODO_OK)
		return err == KODO_ENOMEM ? err : KODO_OK;
	if (!has_name((struct str){ head.p, head.len / 2 }, str_of(option)))
		return KODO_OK;
	err = loader_scan_yaml(a, head, option, out, &unsure);
	return err == KODO_ENOMEM ? err : KODO_OK;
}

/* The option where an alias or a merge key may give it: all is read. */
static enum kodo_err
find_whole(struct arena *a, struct str yaml, struct str option, struct str *out)
{
	const struct loader_value *root;
	struct loader_entry *e = NULL;
	enum kodo_err err = loader_parse(a, yaml, "", &root, NULL);

	if (err == KODO_OK)
		err = loader_options(a, root, &e, NULL);
	for (; err == KODO_OK && e != NULL; e = e->next)
		if (loader_same_name(e->key, option) && e->value->kind == LOADER_TEXT)
			*out = e->value->text;
	return err;
}

/* The option in one file. */
static enum kodo_err
find_in_file(
    struct arena *a, const char *path, const char *option, struct str *out, struct why *why)
{
	bool unsure = false;
	enum kodo_err err;
	struct str yaml;

	err = find_early(a, path, option, out);
	if (err != KODO_OK || out->p != NULL)
		return err;
	err = read_file(a, path, &yaml, why);
	/* most files of a folder, and many a loader, do not name it at all */
	if (err != KODO_OK || !has_name(yaml, str_of(option)))
		return err;
	err = loader_scan_yaml(a, yaml, option, out, &unsure);
	if (err == KODO_OK && unsure)
		err = find_whole(a, yaml, str_of(option), out);
	if (err != KODO_EINVAL)
		return err;
	*out = scan_lines(yaml, str_of(option));
	return KODO_OK;
}

enum kodo_err
loader_find(struct arena *a, struct str path, const char *option, struct str *out, struct why *why)
{
	struct str *files, found;
	enum loader_type type;
	enum kodo_err err;
	size_t n, i;

	*out = STR_NULL;
	err = loader_find_type(path.p, &type, why);
	if (err != KODO_OK || type == LOADER_PROGRAM)
		return err;
	err = loader_files(a, path, &files, &n, why);
	for (i = 0; i < n && err == KODO_OK; i++) {
		err = find_in_file(a, files[i].p, option, &found, why);
		if (found.p != NULL)
			*out = found;
	}
	if (err == KODO_ENOMEM)
		return why_set(why, err, "out of memory");
	return err;
}
