#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/state_arg.h"
#include "core/cluster/link.h"
#include "core/base/near.h"
#include "core/base/path.h"
#include "core/registry/registry.h"

/* VALUE of `-nVALUE`, or NULL. */
static const char *
after_letter(const char *arg, const char *name)
{
	return name[0] == '-' && name[2] == '\0' && strncmp(arg, name, 2) == 0 && arg[2] != '\0' ?
	    arg + 2 : NULL;
}

/* Take out n arguments at i. */
static void
cut(struct state_arg *t, int i, int n)
{
	for (t->argc -= n; i < t->argc; i++)
		t->argv[i] = t->argv[i + n];
}

/* VALUE of `--name=VALUE`, or NULL. */
static const char *
after_equals(const char *arg, const char *name)
{
	size_t n = strlen(name);

	return strncmp(arg, name, n) == 0 && arg[n] == '=' ? arg + n + 1 : NULL;
}

/* For who mistypes it. */
static void
note_own(struct state_arg *t, const char *name)
{
	assert(t->n_own < STATE_ARG_OWN);
	t->own[t->n_own++] = name;
}

enum kodo_err
state_arg_take(struct state_arg *t, const char *name, const char **value, struct why *why)
{
	int i;

	*value = NULL;
	note_own(t, name);
	for (i = 0; i < t->argc; i++) {
		*value = after_equals(t->argv[i], name);
		if (*value == NULL)
			*value = after_letter(t->argv[i], name);
		if (*value != NULL) {
			cut(t, i, 1);
			return KODO_OK;
		}
		if (strcmp(t->argv[i], name) != 0)
			continue;
		if (i + 1 == t->argc)
			return why_set(why, KODO_EINVAL, "%s needs a value", name);
		*value = t->argv[i + 1];
		cut(t, i, 2);
		return KODO_OK;
	}
	return KODO_OK;
}

bool
state_arg_take_flag(struct state_arg *t, const char *name)
{
	int i;

	note_own(t, name);
	for (i = 0; i < t->argc; i++) {
		if (strcmp(t->argv[i], name) != 0)
			continue;
		cut(t, i, 1);
		return true;
	}
	return false;
}

bool
state_arg_take_optional(struct state_arg *t, const char *name, const char **value)
{
	int i;

	*value = NULL;
	for (i = 0; i < t->argc; i++) {
		*value = after_equals(t->argv[i], name);
		if (*value == NULL)
			continue;
		note_own(t, name);
		cut(t, i, 1);
		return true;
	}
	return state_arg_take_flag(t, name);
}

static bool
is_yaml(struct str name)
{
	return str_ends(name, STR(".yaml")) || str_ends(name, STR(".yml"));
}

/* Is the word after --hosted its loader, and not the command's own? */
static bool
is_loader(const char *word)
{
	struct str s = str_of(word);
	struct stat st;

	return word[0] != '-' && memmem(s.p, s.len, "://", 3) == NULL &&
	    (is_yaml(s) || stat(word, &st) == 0);
}

static enum kodo_err
take_hosted(struct state_arg *t, struct why *why)
{
	int i;

	for (i = 0; i < t->argc; i++) {
		t->hosted_loader = after_equals(t->argv[i], "--hosted");
		t->is_hosted = t->hosted_loader != NULL || strcmp(t->argv[i], "--hosted") == 0;
		if (!t->is_hosted)
			continue;
		if (t->hosted_loader != NULL && t->hosted_loader[0] == '\0')
			return why_set(why, KODO_EINVAL, "--hosted= needs a loader");
		if (t->hosted_loader == NULL && i + 1 < t->argc && is_loader(t->argv[i + 1])) {
			t->hosted_is_word = true;
			t->hosted_loader = t->argv[i + 1];
		}
		cut(t, i, t->hosted_is_word ? 2 : 1);
		break;
	}
	return KODO_OK;
}

enum kodo_err
state_arg_read(struct state_arg *t, int argc, char *argv[], struct why *why)
{
	enum kodo_err err;
	int i;

	*t = (struct state_arg){ .a = arena_new(), .argc = argc };
	if (t->a != NULL)
		t->argv = arena_alloc(t->a, ((size_t)argc + 1) * sizeof(*t->argv));
	if (t->argv == NULL)
		return why_set(why, KODO_ENOMEM, "memory ran out");
	for (i = 0; i < argc; i++)
		t->argv[i] = argv[i];
	t->is_help = state_arg_take_flag(t, "--help") || state_arg_take_flag(t, "-h");
	err = take_hosted(t, why);
	return err == KODO_OK ? state_arg_take(t, "--state", &t->folder, why) : err;
}

/* Does the folder hold a store, and not loaders? */
static bool
is_state(struct state_arg *t, const char *path)
{
	const char *data = arena_printf(t->a, "%s/data.mdb", path);
	struct stat st;

	return data != NULL && stat(data, &st) == 0;	/* not opened: that would break its locks */
}

bool
state_arg_is_service(struct state_arg *t, const char *word)
{
	struct str s = str_of(word);

	return memmem(s.p, s.len, "://", 3) == NULL && (is_yaml(s) || is_state(t, word));
}

enum kodo_err
state_arg_check(struct state_arg *t, struct why *why)
{
	struct near near = { 0 };
	enum kodo_err err;
	unsigned i;

	if (t->folder != NULL && (t->is_hosted || t->argc > 0))
		return why_set(why, KODO_EINVAL, "--state FOLDER stands alone");
	if (t->is_hosted && (t->argc > 1 || (t->argc == 1 && (t->hosted_loader != NULL ||
		t->argv[0][0] == '-'))))
		return why_set(why, KODO_EINVAL, "--hosted takes a loader and nothing else");
	err = option_check_args(t->a, t->argc, t->argv, &near, why);
	if (err != KODO_EINVAL || near.wanted.p == NULL)
		return err;
	for (i = 0; i < t->n_own; i++)
		near_try(&near, t->own[i]);
	near_try(&near, "--hosted");
	near_try(&near, "--state");
	return near_say(&near, "unknown option", "--help says which there are", why);
}

void
state_arg_free(struct state_arg *t)
{
	arena_free(t->a);
	*t = (struct state_arg){ 0 };
}

static enum kodo_err
find_given(struct state_arg *t, const char *path, struct why *why)
{
	char *cwd = getcwd(NULL, 0);
	enum kodo_err err;

	err = path_absolute(t->a, str_of(cwd == NULL ? "/" : cwd), str_of(path), &t->state_path);
	free(cwd);
	if (err != KODO_OK)
		why_set(why, err, "--state needs the path of a state folder");
	return err;
}

enum kodo_err
state_arg_find(struct state_arg *t, struct why *why)
{
	enum kodo_err err;

	if (t->folder != NULL)
		return find_given(t, t->folder, why);
	if (t->is_hosted) {
		if (t->hosted_loader == NULL && t->argc > 0 && t->argv[0][0] != '-') {
			t->hosted_loader = t->argv[0];
			cut(t, 0, 1);
		}
		return option_find_state(
		    t->a, t->hosted_loader, &t->loader, &t->state_path, why);
	}
	if (t->argc == 1 && is_state(t, t->argv[0]))
		return find_given(t, t->argv[0], why);
	err = option_load_service(t->a, t->argc, t->argv, false, &t->options, why);
	if (err != KODO_OK && err != KODO_EBUSY)
		return err;
	t->has_options = err == KODO_OK;
	t->loader = t->options.loader;
	t->state_path = t->options.state_path;
	return KODO_OK;
}

enum kodo_err
state_arg_open(struct state_arg *t, struct registry **out, struct why *why)
{
	enum kodo_err err;

	*out = NULL;
	err = state_arg_find(t, why);
	if (err != KODO_OK)
		return err;
	err = registry_open(t->state_path, STORE_FIND, why, out);
	if (err == KODO_OK) {
		registry_is_run_by(*out, "command");
		link_join(*out, LINK_REQUEST_MS);
	}
	if (err == KODO_ENOTFOUND && t->options.loader_is_program)
		why_set(why, err,
		    "%.*s is not there; the loader %.*s is a program, which this command does not "
		    "run: name the state by --state FOLDER",
		    STR_ARG(t->state_path), STR_ARG(t->loader));
	else if (err == KODO_ENOTFOUND)
		why_set(why, err,
		    "%.*s is not there yet; start the service once, or name its loader",
		    STR_ARG(t->state_path));
	return err;
}

enum kodo_err
state_arg_open_to_read(struct state_arg *t, struct registry **out, struct why *why)
{
	const char *loader = t->argc == 0 ? "kodo.yaml" : t->argc == 1 ? t->argv[0] : NULL;
	enum kodo_err err = state_arg_open(t, out, why);
	struct why other = { "" };

	if (err != KODO_EINVAL || loader == NULL || t->folder != NULL || t->is_hosted ||
	    access(loader, R_OK) != 0)
		return err;
	if (option_find_state(t->a, loader, &t->loader, &t->state_path, &other) != KODO_OK ||
	    registry_open(t->state_path, STORE_FIND, &other, out) != KODO_OK)
		return err;
	t->refused = *why;
	return KODO_OK;
}

int
state_arg_run(const struct state_arg_command *c, struct state_arg *t, int argc, char *argv[],
    void *arg)
{
	struct why why = { "" };
	int status = 2;
	enum kodo_err err = state_arg_read(t, argc - 1, argv + 1, &why);

	if (err == KODO_OK && t->is_help) {
		fputs(c->usage, stdout);
		state_arg_free(t);
		return 0;
	}
	if (err == KODO_OK && c->take != NULL)
		err = c->take(t, arg, &why);
	if (err == KODO_OK)
		err = state_arg_check(t, &why);
	if (err == KODO_OK) {
		status = 1;
		err = c->run(t, arg, &why);
	}
	if (err != KODO_OK)
		cmd_complain(argv[0], err, &why);
	state_arg_free(t);
	return err == KODO_OK ? 0 : status;
}
