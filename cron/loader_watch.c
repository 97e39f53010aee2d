#include <sys/stat.h>
#include <unistd.h>

#include "core/base/isotime.h"
#include "core/check/environment.h"
#include "core/cluster/link.h"
#include "core/registry/startup.h"
#include "core/storage/run_history.h"
#include "cron/loader_watch.h"

#define RAN_FILE	"loader.ran"	/* its time: the last run of an executable loader */
#define RETRY_US	(30 * 1000000ll)
#define SOON_US		(2 * 1000000ll)	/* while the loader is being written */
#define RERUN_S		5		/* after a run of an executable loader that failed */
#define GROUPS_MAX	1024

enum kodo_err
loader_watch_find(struct loader_watch *w, struct why *why)
{
	struct arena *a = arena_new();
	struct str loader, state_path;
	enum kodo_err err;

	if (a == NULL)
		return why_set(why, KODO_ENOMEM, "memory ran out");
	err = option_find_state(a, w->loader_arg, &loader, &state_path, why);
	if (err == KODO_OK &&
	    (loader.len >= sizeof(w->loader) || state_path.len >= sizeof(w->state_path)))
		err = why_set(why, KODO_ETOOBIG,
		    "the path of the loader or of its cache_data is over %u bytes; move it",
		    PATH_BYTES - 1);
	if (err == KODO_OK) {
		str_copy(w->loader, sizeof(w->loader), loader);
		str_copy(w->state_path, sizeof(w->state_path), state_path);
	}
	arena_free(a);
	return err;
}

/* Seconds since the last run of the executable loader; INT64_MAX: none, or a clock was set back. */
static int64_t
ran_ago_s(const struct state *state)
{
	int64_t ran_us = run_history_noted_us(state, RAN_FILE), now_us = isotime_now_us();

	return ran_us == 0 || ran_us > now_us ? INT64_MAX : (now_us - ran_us) / 1000000;
}

enum loader_watch_need
loader_watch_poll(struct loader_watch *w, struct registry *r)
{
	struct arena *a = arena_new();
	enum loader_watch_need need = LOADER_WATCH_NOTHING;
	const struct options *o;
	int64_t wait_s;
	struct str stamp;
	bool current;

	if (a == NULL || isotime_now_us() < w->retry_us ||
	    option_stamp(a, str_of(w->loader), &stamp) != KODO_OK ||
	    registry_is_current(r, stamp, &current) != KODO_OK)
		goto out;
	if (registry_options(r, &o) != KODO_OK || !o->loader_is_program)
		need = current ? LOADER_WATCH_NOTHING : LOADER_WATCH_READ;
	else {
		wait_s = current || o->loader_s < RERUN_S ? o->loader_s : RERUN_S;
		if (ran_ago_s(registry_state(r)) >= wait_s)
			need = LOADER_WATCH_RUN;
	}
out:
	arena_free(a);
	return need;
}

enum kodo_err
loader_watch_resolve(struct loader_watch *w, struct registry *r, struct why *why)
{
	struct arena *a = arena_new();
	struct options o;
	struct str stamp;
	enum kodo_err err;

	if (a == NULL)
		return why_set(why, KODO_ENOMEM, "memory ran out");
	environment_note(registry_state(r), RAN_FILE);
	/* the stamp before the contents: files that change in between are read again */
	err = option_stamp(a, str_of(w->loader), &stamp);
	if (err == KODO_OK)
		err = option_load_hosted(a, w->loader_arg, true, &o, why);
	if (err == KODO_OK && !str_eq(o.state_path, str_of(w->state_path)))
		err = why_set(why, KODO_ECONFLICT,
		    "%s names the state %.*s, but %s was found without running it; "
		    "put KODO_CACHE_DATA into the .env beside it",
		    w->loader, STR_ARG(o.state_path), w->state_path);
	if (err == KODO_OK && link_note(registry_state(r), &o) != KODO_OK)
		err = why_set(why, KODO_EIO, "cannot write %s/machine", w->state_path);
	if (err == KODO_OK) {
		link_join(r, LINK_REQUEST_MS);
		err = startup_apply(r, &o, stamp, START_IF_CHANGED, isotime_now_us(), NULL, why);
	}
	arena_free(a);
	w->retry_us =
	    err == KODO_OK ? 0 : isotime_now_us() + (err == KODO_EBUSY ? SOON_US : RETRY_US);
	if (err == KODO_OK)
		w->complaint.text[0] = '\0';
	return err;
}

/* --- whose folder --- */

static bool
is_in_group(gid_t group)
{
	gid_t groups[GROUPS_MAX];
	int n = getgroups(GROUPS_MAX, groups), i;

	if (group == getegid())
		return true;
	for (i = 0; i < n; i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* The key of /cron if our user may read it, else its place. */
static const char *
find_key(struct arena *a, const char *state_path)
{
	const char *path = arena_printf(a, "%s/key", state_path);
	struct str key;
	const char *words;

	if (path == NULL)
		return "KEY";
	if (path_read(a, path, 64, &key) == KODO_OK && key.len >= 32) {
		key.len = 32;
		return arena_strz(a, key);
	}
	words = arena_printf(a, "KEY (what is in %s)", path);
	return words == NULL ? "KEY" : words;
}

static const char *
find_url(struct arena *a, const struct loader_watch *w)
{
	struct options o;

	if (w == NULL || option_load_hosted(a, w->loader_arg, false, &o, NULL) != KODO_OK)
		return "URL OF THE SERVICE";
	return arena_strz(a, o.url);
}

enum kodo_err
loader_watch_check_owner(const struct loader_watch *w, const char *state_path, struct why *why)
{
	char theirs[64], ours[64];
	const char *url, *key;
	struct arena *a;
	struct stat st;

	if (stat(state_path, &st) != 0 || st.st_uid == geteuid() ||
	    ((st.st_mode & S_IWGRP) && is_in_group(st.st_gid)))
		return KODO_OK;
	a = arena_new();
	url = a == NULL ? "URL" : find_url(a, w);
	key = a == NULL ? "KEY" : find_key(a, state_path);
	why_set(why, KODO_ECONFLICT,
	    "%s belongs to %s and not to %s; let cron do this instead: curl -fsS '%s/cron?key=%s'",
	    state_path, environment_user(st.st_uid, theirs), environment_user(geteuid(), ours),
	    url == NULL ? "URL" : url, key == NULL ? "KEY" : key);
	arena_free(a);
	return KODO_ECONFLICT;
}
