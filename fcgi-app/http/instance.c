#include <stdlib.h>

#include "core/base/limit.h"
#include "core/base/log.h"
#include "core/base/path.h"
#include "core/base/url.h"
#include "core/registry/startup.h"
#include "core/storage/runner.h"
#include "http/instance.h"

struct instance {
	struct registry *registry;
	const char *loader_arg;
	bool is_child;			/* of `kodo service`: it has resolved the options */
	bool log_is_set;
	char loader[PATH_BYTES];
	char state_path[PATH_BYTES];
	/* of the loader's files when they were last dealt with; empty: never */
	struct buf stamp;
	char base[LIMIT_URL_BYTES + 1];
	/* what the log was set up with */
	char url[LIMIT_URL_BYTES + 1];
	char log_file[PATH_BYTES];
	enum log_level screen, file;
	unsigned log_max_mib;
	struct why said;		/* the last complaint; it is not repeated */
};

struct instance *
instance_new(const char *loader_arg)
{
	struct instance *s = calloc(1, sizeof(*s));
	const char *state = getenv("KODO_STATE");

	if (s == NULL)
		return NULL;
	s->loader_arg = loader_arg;
	s->is_child = state != NULL && state[0] == '/';
	if (s->is_child)
		str_copy(s->state_path, sizeof(s->state_path), str_of(state));
	return s;
}

void
instance_free(struct instance *s)
{
	if (s == NULL)
		return;
	registry_close(s->registry);
	buf_free(&s->stamp);
	free(s);
}

struct str
instance_base(const struct instance *s)
{
	return str_of(s->base);
}

const struct state *
instance_state(const struct instance *s)
{
	return s->registry == NULL ? NULL : registry_state(s->registry);
}

/* Follow options that somebody, here or in another process, has applied. */
static void
follow_options(struct instance *s, const struct options *o)
{
	struct url u;

	if (s->log_is_set && str_eq(str_of(s->url), o->url) &&
	    str_eq(str_of(s->log_file), o->log_file) && s->screen == o->screen_level &&
	    s->file == o->log_file_level && s->log_max_mib == o->log_max_mib)
		return;
	str_copy(s->url, sizeof(s->url), o->url);
	str_copy(s->log_file, sizeof(s->log_file), o->log_file);
	s->screen = o->screen_level;
	s->file = o->log_file_level;
	s->log_max_mib = o->log_max_mib;
	s->log_is_set = true;
	s->base[0] = '\0';
	if (url_parse(o->url, &u, NULL) == KODO_OK)
		str_copy(s->base, sizeof(s->base), u.path);
	log_setup(o->url, o->screen_level, o->log_file, o->log_file_level,
	    (uint64_t)o->log_max_mib << 20);
}

/*
 * Which loader and which state. Another state is turned to only for a loader that is good: a file
 * that is just being written may lack its cache_data.
 */
static enum kodo_err
find_state(struct instance *s, struct arena *a, struct str *stamp, struct why *why)
{
	struct options o;
	struct str loader, path;
	enum kodo_err err;

	*stamp = STR_NULL;
	err = option_find_state(a, s->loader_arg, &loader, &path, why);
	if (err == KODO_OK)
		err = option_stamp(a, loader, stamp);
	if (err != KODO_OK)
		return err;
	if (loader.len >= sizeof(s->loader) || path.len >= sizeof(s->state_path))
		return why_set(why, KODO_ETOOBIG, "the path of the loader or state is too long");
	if (s->registry != NULL && !str_eq(path, str_of(s->state_path))) {
		err = option_load_hosted(a, s->loader_arg, false, &o, why);
		if (err != KODO_OK && err != KODO_EBUSY)
			return err;
		registry_close(s->registry);
		s->registry = NULL;
	}
	str_copy(s->loader, sizeof(s->loader), loader);
	str_copy(s->state_path, sizeof(s->state_path), path);
	return KODO_OK;
}

/*
 * Resolve the loader and apply what it says, if that was not done. An executable one is left to the
 * runner: *wake.
 */
static enum kodo_err
apply_loader(struct instance *s, struct arena *a, struct str stamp, int64_t now_us, bool *wake,
    struct why *why)
{
	struct options o;
	bool current;
	enum kodo_err err;

	if (s->registry == NULL) {
		err = registry_open(str_of(s->state_path), true, why, &s->registry);
		if (err != KODO_OK)
			return err;
	}
	err = registry_is_current(s->registry, stamp, &current);
	if (err != KODO_OK || current)
		return err;
	err = option_load_hosted(a, s->loader_arg, false, &o, why);
	if (err == KODO_EBUSY) {
		*wake = true;
		return KODO_OK;
	}
	if (err != KODO_OK)
		return err;
	err = startup_apply(s->registry, &o, stamp, START_IF_CHANGED, now_us, NULL, why);
	if (err == KODO_OK)
		*wake = true;	/* a start connects, changed flows are told */
	return err;
}

/* The files look unlike what was dealt with last. */
static enum kodo_err
follow_loader(struct instance *s, struct arena *a, int64_t now_us, bool *wake, struct why *why)
{
	struct str stamp;
	enum kodo_err err;

	err = find_state(s, a, &stamp, why);
	if (err == KODO_OK)
		err = apply_loader(s, a, stamp, now_us, wake, why);
	/* a bad file is not read again before it is changed; other failures are tried again */
	if (err == KODO_OK || err == KODO_EINVAL || err == KODO_ENOTFOUND) {
		buf_reset(&s->stamp);
		buf_put_str(&s->stamp, stamp);
	}
	if (err == KODO_OK)
		s->said.text[0] = '\0';
	return err;
}

static enum kodo_err
follow_files(struct instance *s, struct arena *a, int64_t now_us, bool *wake, struct why *why)
{
	struct str stamp;

	if (s->registry != NULL && s->stamp.len > 0 &&
	    option_stamp(a, str_of(s->loader), &stamp) == KODO_OK &&
	    str_eq(stamp, buf_str(&s->stamp)))
		return KODO_OK;
	return follow_loader(s, a, now_us, wake, why);
}

enum kodo_err
instance_ready(struct instance *s, struct arena *a, int64_t now_us, struct registry **registry,
    const struct options **options, bool *wake)
{
	struct why why = { "" };
	enum kodo_err err = KODO_OK, usable;

	*registry = NULL;
	*options = NULL;
	if (!s->is_child)
		err = follow_files(s, a, now_us, wake, &why);
	else if (s->registry == NULL)
		err = registry_open(str_of(s->state_path), false, &why, &s->registry);
	if (s->registry == NULL) {
		log_complain(&s->said, &why, err);
		return err;
	}
	usable = registry_options(s->registry, options);
	if (usable == KODO_OK)
		follow_options(s, *options);
	else if (usable == KODO_ENOTFOUND && err == KODO_OK)
		*wake = !s->is_child;	/* an executable loader that was not run yet */
	if (err != KODO_OK || (usable != KODO_OK && !*wake))
		log_complain(&s->said, &why, err != KODO_OK ? err : usable);
	*registry = s->registry;
	return usable;
}

enum instance_woken
instance_wake(struct instance *s, enum instance_wake reason)
{
	const struct options *o;
	struct why why = { "" };
	enum kodo_err err;

	if (s->registry == NULL)
		return WOKEN_NOBODY;
	if (state_wake(registry_state(s->registry)) == KODO_OK)
		return WOKEN_RUNNER;
	if (reason == WAKE_FOR_REQUEST && registry_options(s->registry, &o) == KODO_OK &&
	    o->trigger == TRIGGER_CRON)
		return WOKEN_NOBODY;
	err = s->is_child ? runner_start(s->state_path, NULL, &why) :
	    runner_start(NULL, s->loader, &why);
	if (err == KODO_OK)
		return WOKEN_STARTED;
	log_complain(&s->said, &why, err);
	return WOKEN_NOBODY;
}
