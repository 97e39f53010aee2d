#include <stdlib.h>

#include "core/base/limit.h"
#include "core/base/log.h"
#include "core/base/path.h"
#include "core/base/url.h"
#include "core/cluster/link.h"
#include "core/metrics/metrics.h"
#include "core/registry/startup.h"
#include "core/storage/machine.h"
#include "core/storage/runner.h"
#include "core/storage/store.h"
#include "http/instance.h"

struct instance {
	struct registry *registry;
	struct rate_table rates;	/* of the registry's state */
	const char *loader_arg;
	bool is_child;			/* of `kodo service`, which has resolved the options */
	bool log_is_set;
	char loader[PATH_BYTES];
	char state_path[PATH_BYTES];
	/* of the loader's files at their last use; empty: none */
	struct buf stamp;
	char base[LIMIT_URL_BYTES + 1];
	/* the settings of the log */
	char url[LIMIT_URL_BYTES + 1];
	char log_file[PATH_BYTES];
	enum log_level screen, file;
	unsigned log_max_mib;
	enum log_format log_format;
	bool is_of_other_format;	/* so it was not opened */
	struct why complaint;		/* the last complaint, not to be repeated */
};

struct instance *
instance_new(const char *loader_arg)
{
	struct instance *inst = calloc(1, sizeof(*inst));
	const char *state = getenv("KODO_STATE");

	if (inst == NULL)
		return NULL;
	inst->rates = (struct rate_table)RATE_TABLE_INIT;
	inst->loader_arg = loader_arg;
	inst->is_child = state != NULL && state[0] == '/';
	if (inst->is_child)
		str_copy(inst->state_path, sizeof(inst->state_path), str_of(state));
	return inst;
}

void
instance_free(struct instance *inst)
{
	if (inst == NULL)
		return;
	rate_table_close(&inst->rates);
	metrics_use(NULL);
	registry_close(inst->registry);
	buf_free(&inst->stamp);
	free(inst);
}

struct str
instance_base(const struct instance *inst)
{
	return str_of(inst->base);
}

const char *
instance_loader(const struct instance *inst)
{
	return inst->is_child ? "" : inst->loader;
}

bool
instance_is_child(const struct instance *inst)
{
	return inst->is_child;
}

struct registry *
instance_registry(const struct instance *inst)
{
	return inst->registry;
}

bool
instance_is_outdated(const struct instance *inst)
{
	return inst->registry == NULL ? inst->is_of_other_format :
	    store_is_outdated(registry_store(inst->registry));
}

struct rate_table *
instance_rates(struct instance *inst)
{
	return &inst->rates;
}

const struct state *
instance_state(const struct instance *inst)
{
	return inst->registry == NULL ? NULL : registry_state(inst->registry);
}

/* Bring log and base in step with the options, which another process may have changed. */
static void
follow_options(struct instance *inst, const struct options *o)
{
	struct url u;

	if (inst->log_is_set && str_eq(str_of(inst->url), o->url) &&
	    str_eq(str_of(inst->log_file), o->log_file) && inst->screen == o->screen_level &&
	    inst->file == o->log_file_level && inst->log_max_mib == o->log_max_mib &&
	    inst->log_format == o->log_format)
		return;
	str_copy(inst->url, sizeof(inst->url), o->url);
	str_copy(inst->log_file, sizeof(inst->log_file), o->log_file);
	inst->screen = o->screen_level;
	inst->file = o->log_file_level;
	inst->log_max_mib = o->log_max_mib;
	inst->log_format = o->log_format;
	inst->log_is_set = true;
	inst->base[0] = '\0';
	/* links begin with it, and one that begins with two slashes leads to another host */
	if (url_parse(o->url, &u, NULL) == KODO_OK && u.path.len > 0)
		inst->base[url_collapse(u.path, false, inst->base)] = '\0';
	log_set_format(o->log_format);
	log_setup(o->url, o->screen_level, o->log_file, o->log_file_level,
	    (uint64_t)o->log_max_mib << 20);
}

/*
 * Find loader and state. A change to another state needs a valid and whole loader: a file in the
 * middle of a write may lack its cache_data.
 */
static enum kodo_err
find_state(struct instance *inst, struct arena *a, struct str *stamp, struct why *why)
{
	struct options o;
	struct str loader, path;
	enum kodo_err err;

	*stamp = STR_NULL;
	err = option_find_state(a, inst->loader_arg, &loader, &path, why);
	if (err == KODO_OK)
		err = option_stamp(a, loader, stamp);
	if (err != KODO_OK)
		return err;
	if (loader.len >= sizeof(inst->loader) || path.len >= sizeof(inst->state_path))
		return why_set(why, KODO_ETOOBIG, "the path of the loader or state is too long");
	if (inst->registry != NULL && !str_eq(path, str_of(inst->state_path))) {
		err = option_load_hosted(a, inst->loader_arg, false, &o, why);
		if (err == KODO_OK)
			err = startup_check(inst->registry, &o, START_IF_CHANGED, why);
		else if (err == KODO_EBUSY)
			err = KODO_OK;
		if (err != KODO_OK)
			return err;
		rate_table_close(&inst->rates);
		metrics_use(NULL);
		link_leave();
		registry_close(inst->registry);
		inst->registry = NULL;
	}
	str_copy(inst->loader, sizeof(inst->loader), loader);
	str_copy(inst->state_path, sizeof(inst->state_path), path);
	return KODO_OK;
}

/*
 * Resolve the loader and apply its options, unless they are in force. An executable loader is left
 * to the runner: *wake.
 */
static enum kodo_err
apply_loader(struct instance *inst, struct arena *a, struct str stamp, int64_t now_us, bool *wake,
    struct why *why)
{
	struct options o;
	bool current;
	enum kodo_err err;

	if (inst->registry == NULL) {
		err = registry_open(str_of(inst->state_path), STORE_MAKE, why, &inst->registry);
		if (err != KODO_OK)
			return err;
		metrics_use(registry_state(inst->registry));
		link_join(inst->registry, LINK_REQUEST_MS);
	}
	err = registry_is_current(inst->registry, stamp, &current);
	if (err != KODO_OK || current)
		return err;
	err = option_load_hosted(a, inst->loader_arg, false, &o, why);
	if (err == KODO_EBUSY) {
		*wake = true;
		return KODO_OK;
	}
	if (err != KODO_OK)
		return err;
	err = link_note(registry_state(inst->registry), &o);
	if (err != KODO_OK)
		return why_set(why, err, "cannot write %s/machine", inst->state_path);
	link_join(inst->registry, LINK_REQUEST_MS);
	err = startup_apply(inst->registry, &o, stamp, START_IF_CHANGED, now_us, NULL, why);
	if (err == KODO_OK)
		*wake = true;	/* a start connects, changed flows are sent */
	return err;
}

/* The files of the loader have changed. */
static enum kodo_err
follow_loader(struct instance *inst, struct arena *a, int64_t now_us, bool *wake, struct why *why)
{
	struct str stamp;
	enum kodo_err err;

	err = find_state(inst, a, &stamp, why);
	if (err == KODO_OK)
		err = apply_loader(inst, a, stamp, now_us, wake, why);
	/* a bad file is read again only after a change; after other failures, at each request */
	if (err == KODO_OK || err == KODO_EINVAL || err == KODO_ENOTFOUND) {
		buf_reset(&inst->stamp);
		buf_put_str(&inst->stamp, stamp);
	}
	if (err == KODO_OK)
		inst->complaint.text[0] = '\0';
	return err;
}

static enum kodo_err
follow_files(struct instance *inst, struct arena *a, int64_t now_us, bool *wake, struct why *why)
{
	struct str stamp;

	if (inst->registry != NULL && inst->stamp.len > 0 &&
	    option_stamp(a, str_of(inst->loader), &stamp) == KODO_OK &&
	    str_eq(stamp, buf_str(&inst->stamp)))
		return KODO_OK;
	return follow_loader(inst, a, now_us, wake, why);
}

static enum kodo_err
open_child(struct instance *inst, struct why *why)
{
	enum kodo_err err = registry_open(
	    str_of(inst->state_path), STORE_UPGRADE, why, &inst->registry);

	if (err == KODO_OK) {
		metrics_use(registry_state(inst->registry));
		link_join(inst->registry, LINK_REQUEST_MS);
	}
	return err;
}

enum kodo_err
instance_ready(struct instance *inst, struct arena *a, int64_t now_us, struct registry **registry,
    const struct options **options, bool *wake)
{
	struct why why = { "" };
	enum kodo_err err = KODO_OK, usable;

	*registry = NULL;
	*options = NULL;
	if (!inst->is_child)
		err = follow_files(inst, a, now_us, wake, &why);
	else if (inst->registry == NULL)
		err = open_child(inst, &why);
	inst->is_of_other_format = inst->registry == NULL && err == KODO_EVERSION;
	if (inst->registry == NULL) {
		log_complain(&inst->complaint, &why, err);
		return err;
	}
	usable = registry_options(inst->registry, options);
	if (usable == KODO_OK)
		follow_options(inst, *options);
	/* another worker has read the loader */
	if (usable == KODO_OK && ((*options)->cluster.p != NULL) != link_is_joined())
		link_join(inst->registry, LINK_REQUEST_MS);
	else if (usable == KODO_ENOTFOUND && err == KODO_OK)
		*wake = !inst->is_child;	/* an executable loader before its first run */
	if (err != KODO_OK || (usable != KODO_OK && !*wake))
		log_complain(&inst->complaint, &why, err != KODO_OK ? err : usable);
	*registry = inst->registry;
	return usable;
}

enum instance_woken
instance_wake(struct instance *inst, enum instance_wake reason)
{
	const struct options *o;
	struct why why = { "" };
	enum kodo_err err;

	if (inst->registry == NULL)
		return WOKEN_NOBODY;
	if (state_wake(registry_state(inst->registry)) == KODO_OK)
		return WOKEN_RUNNER;
	/* in a cluster one that stays is there always, or nothing is taken */
	if (machine_is_member(registry_state(inst->registry)))
		return WOKEN_NOBODY;
	if (reason == WAKE_FOR_REQUEST && registry_options(inst->registry, &o) == KODO_OK &&
	    o->trigger == TRIGGER_CRON)
		return WOKEN_NOBODY;
	err = inst->is_child ? runner_start(inst->state_path, NULL, true, &why) :
	    runner_start(NULL, inst->loader, false, &why);
	if (err == KODO_OK)
		return WOKEN_STARTED;
	log_complain(&inst->complaint, &why, err);
	return WOKEN_NOBODY;
}
