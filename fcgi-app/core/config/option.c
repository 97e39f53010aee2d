#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base64.h"
#include "core/base/ascii.h"
#include "core/base/path.h"
#include "core/base/url.h"
#include "core/base/utf8.h"
#include "core/config/dotenv.h"
#include "core/config/option_import.h"
#include "core/config/option_private.h"

#define ENV_PREFIX	STR("kodo_")	/* in any case */
#define ENV_NAME_BYTES	64u

extern char **environ;

/* "KODO_CACHE_DATA" to "cache_data"; false where it is none of ours, or too long to be one. */
static bool
env_name(struct str key, char out[ENV_NAME_BYTES])
{
	size_t i, n = key.len - ENV_PREFIX.len;

	if (!ascii_starts(key, ENV_PREFIX) || n == 0 || n >= ENV_NAME_BYTES)
		return false;
	for (i = 0; i < n; i++)
		out[i] = ascii_lower(key.p[ENV_PREFIX.len + i]);
	out[n] = '\0';
	return true;
}

/* The .env of a folder, if there is one. */
static enum kodo_err
take_env_file(struct option_input *in, struct str folder)
{
	const char *path = arena_printf(in->a, "%.*s/.env", STR_ARG(folder));
	const struct dotenv_entry *e;
	char name[ENV_NAME_BYTES];
	struct loader_value *v;
	struct dotenv env;
	enum kodo_err err;

	if (path == NULL)
		return option_no_memory(in);
	err = dotenv_read(in->a, path, ENV_PREFIX, &env, in->why);
	if (err == KODO_ENOTFOUND)
		return KODO_OK;
	if (err == KODO_OK && loader_add_text(in->a, path, env.text, &in->sources) != KODO_OK)
		return option_no_memory(in);
	if (env.passed > 0 && !in->quiet)
		log_warning("%s:%u: passed over, for it is no KEY=value%s", path, env.passed_line,
		    env.passed > 1 ? "; and further lines" : "");
	for (e = env.entries; e < env.entries + env.n && err == KODO_OK; e++) {
		if (!env_name(e->key, name))
			continue;
		v = option_text_value(in->a, e->value, path, e->line);
		if (v == NULL)
			return option_no_memory(in);
		/* empty: not given, as in a shell's ${NAME:-default} */
		if (v->text.len == 0)
			v->kind = LOADER_NULL;
		err = why_take(in->why, option_set_named(in, str_of(name), v));
	}
	return err;
}

/* A variable of the environment with a value; unknown names are those of other programs. */
static enum kodo_err
take_variable(struct option_input *in, struct str key, struct str text)
{
	char name[ENV_NAME_BYTES];
	struct loader_value *v;
	const char *label;
	struct str copy;

	if (!env_name(key, name))
		return KODO_OK;
	if (option_find(str_of(name)) == NULL && option_foreign(str_of(name)) == OPTION_UNKNOWN)
		return KODO_OK;
	label = arena_printf(in->a, "%.*s in the environment", STR_ARG(key));
	if (label == NULL || arena_str(in->a, text, &copy) != KODO_OK)
		return option_no_memory(in);
	v = option_text_value(in->a, copy, label, 0);
	if (v == NULL)
		return option_no_memory(in);
	if (!utf8_valid(copy))
		return option_fail(in, v, "the value is not UTF-8");
	return option_set_named(in, str_of(name), v);
}

/* Is the name of a variable all in capitals? */
static bool
is_capitals(const char *variable)
{
	size_t i;

	for (i = 0; variable[i] != '='; i++)
		if (variable[i] >= 'a' && variable[i] <= 'z')
			return false;
	return true;
}

/* Those in capitals, or the others. */
static enum kodo_err
take_variables(struct option_input *in, bool capitals)
{
	enum kodo_err err = KODO_OK;
	char **e;

	for (e = environ; e != NULL && *e != NULL && err == KODO_OK; e++) {
		const char *eq = strchr(*e, '=');

		if (eq != NULL && eq[1] != '\0' && is_capitals(*e) == capitals)
			err = why_take(in->why, take_variable(in,
			    (struct str){ *e, (size_t)(eq - *e) }, str_of(eq + 1)));
	}
	return err;
}

/* KODO_URL is stronger than kodo_url. */
static enum kodo_err
take_environment(struct option_input *in)
{
	enum kodo_err err = take_variables(in, false);

	return err == KODO_OK ? take_variables(in, true) : err;
}

static enum kodo_err
take_loader(struct option_input *in, struct str path, struct str folder, bool run_program)
{
	struct loader_entry *e;
	enum kodo_err err;

	err = loader_read(in->a, path, folder, run_program, &e, &in->sources, in->why);
	for (; e != NULL && err == KODO_OK; e = e->next) {
		const struct option_row *row = option_find(e->key);
		/* a name that is wrong is wrong in its own line */
		struct loader_value at = {
			.kind = LOADER_TEXT, .file = e->value->file, .line = e->line
		};

		if (row == &option_rows[OPTION_LOADER])
			err = option_fail(in, &at,
			    "a loader cannot name a loader: give it as argument, or in "
			    "KODO_LOADER");
		else if (row != NULL)
			err = option_set(in, row, e->value);
		else
			err = option_set_named(in, e->key, &at);
		err = why_take(in->why, err);
	}
	return err;
}

static enum kodo_err
working_folder(struct arena *a, struct str *out, struct why *why)
{
	char path[PATH_BYTES];

	*out = STR_NULL;
	if (getcwd(path, sizeof(path)) == NULL)
		return why_set(
		    why, KODO_EIO, "cannot find the working directory: %s", strerror(errno));
	return arena_str(a, str_of(path), out) == KODO_OK
	    ? KODO_OK
	    : why_set(why, KODO_ENOMEM, "out of memory");
}

static void
set_loader(struct options *out, struct str path)
{
	enum loader_type type;

	out->loader = path;
	out->loader_is_program = path.p != NULL &&
	    loader_find_type(path.p, &type, NULL) == KODO_OK && type == LOADER_PROGRAM;
}

static enum kodo_err
absolute(const struct option_input *in, struct str path, struct str *out)
{
	enum kodo_err err = path_absolute(in->a, in->base, path, out);

	if (err == KODO_OK)
		return err;
	return why_set(in->why, err, "path of the loader: %s", kodo_err_text(err));
}

/* What is known of the state without running the loader. Returns KODO_EBUSY. */
static enum kodo_err
resolve_state(struct option_input *in, struct str loader, struct options *out)
{
	struct option_input state = { .a = in->a, .why = in->why, .base = in->base };
	struct options o;
	enum kodo_err err;

	state.values[OPTION_CACHE_DATA] = in->values[OPTION_CACHE_DATA];
	err = option_resolve(&state, &o);
	if (err != KODO_OK)
		return err;
	out->state_path = o.state_path;
	set_loader(out, loader);
	return KODO_EBUSY;
}

/* Where nothing at all is given, the file that kodo init makes is meant, if it is there. */
static enum kodo_err
take_own_file(struct option_input *in, int argc)
{
	const char *path = arena_printf(in->a, "%.*s/" OPTION_OWN_FILE, STR_ARG(in->base));
	unsigned i;

	if (path == NULL)
		return option_no_memory(in);
	for (i = 0; i < option_n_rows; i++)
		if (in->values[i] != NULL)
			return KODO_OK;
	if (argc > 0 || access(path, F_OK) != 0)
		return KODO_OK;
	in->values[OPTION_LOADER] = option_text_value(in->a, str_of(path), path, 0);
	return in->values[OPTION_LOADER] == NULL ? option_no_memory(in) : KODO_OK;
}

enum kodo_err
option_load_service(struct arena *a, int argc, char *const argv[], bool run_program,
    struct options *out, struct why *why)
{
	struct option_input in = { .a = a, .why = why };
	struct str loader = STR_NULL;
	enum kodo_err err;

	*out = (struct options){ .registry = false };
	err = working_folder(a, &in.base, why);
	if (err == KODO_OK)
		err = take_env_file(&in, in.base);
	if (err == KODO_OK)
		err = take_environment(&in);
	if (err == KODO_OK)
		err = option_take_args(&in, argc, argv);
	if (err == KODO_OK)
		err = take_own_file(&in, argc);
	if (err == KODO_OK && in.values[OPTION_LOADER] != NULL)
		err = absolute(&in, in.values[OPTION_LOADER]->text, &loader);
	if (err == KODO_OK && loader.p != NULL)
		err = why_take(why, take_loader(&in, loader, in.base, run_program));
	if (err == KODO_EBUSY)
		return resolve_state(&in, loader, out);
	if (err == KODO_OK)
		err = option_resolve(&in, out);
	if (err == KODO_OK)
		set_loader(out, loader);
	return why_end(why, err);
}

/* The loader of a program that a web server or cron has started, absolute. */
static enum kodo_err
hosted_loader(struct arena *a, const char *arg, struct str *out, struct why *why)
{
	struct option_input in = { .a = a, .why = why };
	char exe[PATH_BYTES];
	const char *beside;
	enum kodo_err err;

	*out = STR_NULL;
	if (arg == NULL)
		arg = getenv("KODO_LOADER");
	if (arg != NULL && arg[0] != '\0') {
		err = working_folder(a, &in.base, why);
		return err == KODO_OK ? absolute(&in, str_of(arg), out) : err;
	}
	if (path_own_program(exe) != KODO_OK)
		return why_set(why, KODO_EIO,
		    "cannot find the path of this program; name the loader in KODO_LOADER");
	beside = arena_printf(a, "%.*s/kodo.yaml", STR_ARG(path_folder(str_of(exe))));
	if (beside == NULL)
		return why_set(why, KODO_ENOMEM, "out of memory");
	return absolute(&in, str_of(beside), out);
}

/* Under a web server only the loader and the .env beside it count. */
static void
warn_of_environment(struct str loader)
{
	char name[ENV_NAME_BYTES];
	char **e;

	for (e = environ; e != NULL && *e != NULL; e++) {
		const char *eq = strchr(*e, '=');
		struct str key = { *e, eq == NULL ? 0 : (size_t)(eq - *e) };
		const struct option_row *row =
		    env_name(key, name) ? option_find(str_of(name)) : NULL;

		if (row != NULL && row != &option_rows[OPTION_LOADER])
			log_warning("%.*s in the environment is ignored: set %s in %.*s",
			    STR_ARG(key), name, STR_ARG(loader));
	}
}

/* option_find_state must find the state that the options name. */
static enum kodo_err
check_state(const struct option_input *in, const char *loader_arg, const struct options *o)
{
	const struct loader_value *v = in->values[OPTION_CACHE_DATA];
	struct str loader, found;
	enum kodo_err err;

	err = option_find_state(in->a, loader_arg, &loader, &found, in->why);
	if (err != KODO_OK || str_eq(found, o->state_path))
		return err;
	if (v == NULL)
		v = option_text_value(in->a, STR(""), loader.p, 0);
	if (v == NULL)
		return option_no_memory(in);
	return option_fail(in, v,
	    "cache_data leads to %.*s, but without reading the whole loader to %.*s: "
	    "name the same path in KODO_CACHE_DATA of the .env beside it",
	    STR_ARG(o->state_path), STR_ARG(found));
}

enum kodo_err
option_load_hosted(
    struct arena *a, const char *loader_arg, bool run_program, struct options *out, struct why *why)
{
	struct option_input in = { .a = a, .why = why };
	struct str loader;
	enum kodo_err err;

	*out = (struct options){ .registry = false };
	err = hosted_loader(a, loader_arg, &loader, why);
	if (err != KODO_OK)
		return err;
	in.base = path_folder(loader);
	warn_of_environment(loader);
	err = take_env_file(&in, in.base);
	if (err == KODO_OK)
		err = why_take(why, take_loader(&in, loader, in.base, run_program));
	if (err == KODO_OK)
		err = option_resolve(&in, out);
	if (err == KODO_OK)
		err = check_state(&in, loader_arg, out);
	if (err == KODO_OK)
		set_loader(out, loader);
	return why_end(why, err);
}

/* KODO_CACHE_DATA of the .env beside the loader. Null: there is none, or no such file. */
static enum kodo_err
env_cache_data(struct arena *a, struct str folder, struct str *out, struct why *why)
{
	const char *path = arena_printf(a, "%.*s/.env", STR_ARG(folder));
	char name[ENV_NAME_BYTES];
	struct dotenv env;
	enum kodo_err err;
	size_t i;

	*out = STR_NULL;
	if (path == NULL)
		return why_set(why, KODO_ENOMEM, "out of memory");
	err = dotenv_read(a, path, ENV_PREFIX, &env, why);
	for (i = 0; i < env.n; i++)
		if (env_name(env.entries[i].key, name) && strcmp(name, "cache_data") == 0 &&
		    env.entries[i].value.len > 0)
			*out = env.entries[i].value;
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

enum kodo_err
option_find_state(struct arena *a, const char *loader_arg, struct str *loader,
    struct str *state_path, struct why *why)
{
	struct str folder, cache_data, path;
	enum kodo_err err;

	*state_path = STR_NULL;
	err = hosted_loader(a, loader_arg, loader, why);
	if (err != KODO_OK)
		return err;
	folder = path_folder(*loader);
	err = env_cache_data(a, folder, &cache_data, why);
	if (err == KODO_OK && cache_data.len == 0)
		err = loader_find(a, *loader, "cache_data", &cache_data, why);
	if (err != KODO_OK)
		return err;
	if (cache_data.len == 0)
		cache_data = str_of(option_rows[OPTION_CACHE_DATA].preset);
	err = path_absolute(a, folder, cache_data, &path);
	if (err == KODO_OK)
		err = option_state_path(a, path, state_path);
	if (err == KODO_OK)
		return err;
	return why_set(why, err, "path of cache_data: %s", kodo_err_text(err));
}

static void
put_stamp(struct buf *out, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		buf_printf(out, "%s -\n", path);
		return;
	}
	buf_printf(out, "%s %llx %llx %o %lld %lld.%09ld\n", path, (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino, (unsigned)st.st_mode, (long long)st.st_size,
	    (long long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec);
}

/* loader may be null. */
static enum kodo_err
stamp(struct arena *a, struct str loader, struct str env_folder, struct str *out)
{
	struct buf text = BUF_INIT(0);
	enum kodo_err err = KODO_OK;
	struct str *files;
	size_t n = 0, i;

	*out = STR_NULL;
	if (loader.p != NULL) {
		put_stamp(&text, loader.p);
		/* a loader that is gone has a stamp too */
		err = loader_files(a, loader, &files, &n, NULL);
		err = err == KODO_ENOMEM ? err : KODO_OK;
	}
	for (i = 0; i < n && !str_eq(files[i], loader); i++)
		put_stamp(&text, files[i].p);
	if (env_folder.p != NULL) {
		const char *env = arena_printf(a, "%.*s/.env", STR_ARG(env_folder));

		if (env == NULL)
			err = KODO_ENOMEM;
		else
			put_stamp(&text, env);
	}
	if (err == KODO_OK)
		err = buf_failed(&text) ? text.err : arena_str(a, buf_str(&text), out);
	buf_free(&text);
	return err;
}

enum kodo_err
option_stamp(struct arena *a, struct str loader, struct str *out)
{
	return stamp(a, loader, loader.p == NULL ? STR_NULL : path_folder(loader), out);
}

enum kodo_err
option_stamp_service(struct arena *a, struct str loader, struct str *out)
{
	struct str folder;
	enum kodo_err err;

	*out = STR_NULL;
	err = working_folder(a, &folder, NULL);
	return err == KODO_OK ? stamp(a, loader, folder, out) : err;
}

enum kodo_err
option_check_listen(const struct options *o, struct why *why)
{
	struct url u;

	if (o->has_listen || url_parse(o->url, &u, NULL) != KODO_OK || u.scheme.len == 4)
		return KODO_OK;
	return why_set(why, KODO_EINVAL,
	    "kodo service speaks http, and url is %.*s: let a web server with the certificate "
	    "hand on to it, and say where it listens for that, as listen: 127.0.0.1:3366",
	    STR_ARG(o->url));
}

/* The i-th entry of accept: its url in the canonical form, and its key, or "". */
static struct str
accept_read(const struct options *o, size_t i, char to[URL_CANONICAL_BYTES], struct str *key)
{
	*key = o->accept[i];
	return (struct str){ to, url_canonical(str_cut(key, '#'), to) };
}

/* An entry with a key names one peer; without one, all that is below. */
static bool
is_accepted_by(struct str peer, struct str entry, struct str key)
{
	return key.len > 0 ? str_eq(peer, entry) : url_is_below(peer, entry);
}

static enum kodo_err
check_accept(const struct options *o, struct str url, struct why *why)
{
	char canonical[URL_CANONICAL_BYTES], prefix[URL_CANONICAL_BYTES];
	const struct str peer = { canonical, url_canonical(url, canonical) };
	struct str entry, key;
	size_t i;

	for (i = 0; i < o->n_accept; i++) {
		entry = accept_read(o, i, prefix, &key);
		if (is_accepted_by(peer, entry, key))
			return KODO_OK;
	}
	if (o->n_accept == 0)
		return KODO_OK;
	return why_set(why, KODO_EINVAL, "%.*s is not accepted as a peer here", STR_ARG(url));
}

bool
option_key_of(const struct options *o, struct str key, unsigned char out[OPTION_KEY_BYTES])
{
	char canonical[URL_CANONICAL_BYTES], listed[URL_CANONICAL_BYTES];
	struct str peer, text;
	size_t i;

	if (o->n_accept == 0)
		return false;
	peer = (struct str){ canonical, url_canonical(key, canonical) };
	for (i = 0; i < o->n_accept; i++)
		if (str_eq(peer, accept_read(o, i, listed, &text)) && text.len > 0 &&
		    base64_read_n(BASE64_URL, text, out, OPTION_KEY_BYTES) == KODO_OK)
			return true;
	return false;
}

static enum kodo_err
check_private(const struct options *o, const struct url *u, struct str url, struct why *why)
{
	struct url own;
	bool allowed = o->private_peers == PRIVATE_YES;

	if (o->private_peers == PRIVATE_AUTO)
		allowed = url_parse(o->url, &own, NULL) == KODO_OK && url_is_private(&own);
	if (allowed || !url_is_private(u))
		return KODO_OK;
	return why_set(why, KODO_EINVAL,
	    "%.*s is a loopback, private or reserved address, which is not accepted as a peer here",
	    STR_ARG(url));
}

/* A target of connect is allowed. */
static enum kodo_err
is_target(struct arena *a, const struct options *o, struct str key, bool *out)
{
	enum kodo_err err = KODO_OK;
	struct str target;
	size_t i;

	*out = false;
	for (i = 0; i < o->n_connect && err == KODO_OK && !*out; i++) {
		err = url_key(a, o->connect[i], &target);
		*out = err == KODO_OK && str_eq(target, key);
	}
	return err;
}

bool
option_is_own(const struct options *o, struct str key)
{
	return str_eq(key, o->url_key) || (str_starts(key, o->url_key) &&
	    str_starts(str_skip(key, o->url_key.len), STR(OPTION_IMPORT_PATH)));
}

enum kodo_err
option_allows_peer(const struct options *o, struct str url, struct why *why)
{
	struct arena *a;
	const char *reason = "";
	enum kodo_err err;
	struct str key;
	struct url u;
	bool target;

	err = url_parse(url, &u, &reason);
	if (err != KODO_OK)
		return why_set(why, KODO_EINVAL, "no url of a peer, %s", reason);
	a = arena_new();
	if (a == NULL)
		return why_set(why, KODO_ENOMEM, "out of memory");
	err = url_key(a, url, &key);
	if (err == KODO_OK && !str_eq(key, o->url_key) && option_is_own(o, key))
		err = why_set(why, KODO_EINVAL, "%.*s was imported here, and nobody else "
		    "speaks for it", STR_ARG(url));
	if (err == KODO_OK)
		err = is_target(a, o, key, &target);
	if (err == KODO_OK && !target)
		err = check_private(o, &u, url, why);
	if (err == KODO_OK && !target)
		err = check_accept(o, url, why);
	arena_free(a);
	return err;
}

bool
option_allows_private(const struct options *o)
{
	struct options any = *o;

	any.n_accept = 0;
	return option_allows_peer(&any, STR("http://127.0.0.1:1"), NULL) == KODO_OK;
}
