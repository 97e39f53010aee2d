#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/isotime.h"
#include "core/log.h"
#include "cron/hosted.h"

#define RAN_FILE	"loader.ran"	/* its time is when an executable loader was run last */
#define RETRY_US	(30 * 1000000ll)
#define RERUN_S		5		/* an executable loader whose last run was no success */
#define GROUPS_MAX	1024

static void
copy_text(char *to, size_t size, struct str s)
{
	size_t n = s.len < size ? s.len : size - 1;

	if (n > 0)
		memcpy(to, s.p, n);
	to[n] = '\0';
}

enum kodo_err
hosted_find(struct hosted *h, struct why *why)
{
	struct arena *a = arena_new();
	struct str loader, state_path;
	enum kodo_err err;

	if (a == NULL)
		return why_set(why, KODO_ENOMEM, "memory ran out");
	err = option_find_state(a, h->loader_arg, &loader, &state_path, why);
	if (err == KODO_OK &&
	    (loader.len >= sizeof(h->loader) || state_path.len >= sizeof(h->state_path)))
		err = why_set(why, KODO_ETOOBIG,
		    "the path of the loader or of its cache_data is over %u bytes; move it",
		    PATH_BYTES - 1);
	if (err == KODO_OK) {
		copy_text(h->loader, sizeof(h->loader), loader);
		copy_text(h->state_path, sizeof(h->state_path), state_path);
	}
	arena_free(a);
	return err;
}

void
hosted_complain(struct hosted *h, const struct why *why, enum kodo_err err)
{
	const char *text = why->text[0] != '\0' ? why->text : kodo_err_text(err);

	if (strcmp(text, h->said) == 0)
		return;
	copy_text(h->said, sizeof(h->said), str_of(text));
	log_error("%s", text);
}

/* Seconds since the executable loader was run last; INT64_MAX: never, or a clock was set back. */
static int64_t
ran_ago_s(const struct state *state)
{
	char path[PATH_BYTES];
	struct stat st;
	time_t now = time(NULL);

	if (state_file(state, RAN_FILE, path) != KODO_OK || stat(path, &st) != 0 ||
	    st.st_mtime > now)
		return INT64_MAX;
	return now - st.st_mtime;
}

static void
note_run(const struct state *state)
{
	char path[PATH_BYTES];
	int fd;

	if (state_file(state, RAN_FILE, path) != KODO_OK)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, state->file_mode);
	if (fd < 0)
		return;		/* then it is run more often than it needs to be */
	if (futimens(fd, NULL) != 0)
		log_debug("cannot set the time of %s", path);
	close(fd);
}

enum hosted_need
hosted_look(struct hosted *h, struct registry *r)
{
	struct arena *a = arena_new();
	enum hosted_need need = HOSTED_NOTHING;
	const struct options *o;
	int64_t wait_s;
	struct str stamp;
	bool current;

	if (a == NULL || isotime_now_us() < h->retry_us ||
	    option_stamp(a, str_of(h->loader), &stamp) != KODO_OK ||
	    registry_is_current(r, stamp, &current) != KODO_OK)
		goto out;
	if (registry_options(r, &o) != KODO_OK || !o->loader_is_program)
		need = current ? HOSTED_NOTHING : HOSTED_READ;
	else {
		wait_s = current || o->loader_s < RERUN_S ? o->loader_s : RERUN_S;
		need = ran_ago_s(registry_state(r)) >= wait_s ? HOSTED_RUN : HOSTED_NOTHING;
	}
out:
	arena_free(a);
	return need;
}

enum kodo_err
hosted_resolve(struct hosted *h, struct registry *r, struct why *why)
{
	struct arena *a = arena_new();
	struct options o;
	struct str stamp;
	enum kodo_err err;

	if (a == NULL)
		return why_set(why, KODO_ENOMEM, "memory ran out");
	note_run(registry_state(r));
	/* the stamp before the contents: files changed in between are read again */
	err = option_stamp(a, str_of(h->loader), &stamp);
	if (err == KODO_OK)
		err = option_load_hosted(a, h->loader_arg, true, &o, why);
	if (err == KODO_OK && !str_eq(o.state_path, str_of(h->state_path)))
		err = why_set(why, KODO_ECONFLICT,
		    "%s names the state %.*s, but %s was found without running it; "
		    "put KODO_CACHE_DATA into the .env beside it",
		    h->loader, STR_ARG(o.state_path), h->state_path);
	if (err == KODO_OK)
		err = registry_apply(r, &o, stamp, START_IF_CHANGED, isotime_now_us(), NULL, why);
	arena_free(a);
	h->retry_us = err == KODO_OK ? 0 : isotime_now_us() + RETRY_US;
	if (err == KODO_OK)
		h->said[0] = '\0';
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

static const char *
user_name(uid_t uid, char out[64])
{
	const struct passwd *pw = getpwuid(uid);

	if (pw != NULL)
		snprintf(out, 64, "%s", pw->pw_name);
	else
		snprintf(out, 64, "%lu", (unsigned long)uid);
	return out;
}

/* The key of /cron where we may read it, else where it is. */
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
find_url(struct arena *a, const struct hosted *h)
{
	struct options o;

	if (h == NULL || option_load_hosted(a, h->loader_arg, false, &o, NULL) != KODO_OK)
		return "URL OF THE SERVICE";
	return arena_strz(a, o.url);
}

enum kodo_err
hosted_check_owner(const struct hosted *h, const char *state_path, struct why *why)
{
	char theirs[64], ours[64];
	const char *url, *key;
	struct arena *a;
	struct stat st;

	if (stat(state_path, &st) != 0 || st.st_uid == geteuid() ||
	    ((st.st_mode & S_IWGRP) && is_in_group(st.st_gid)))
		return KODO_OK;
	a = arena_new();
	url = a == NULL ? "URL" : find_url(a, h);
	key = a == NULL ? "KEY" : find_key(a, state_path);
	why_set(why, KODO_ECONFLICT,
	    "%s belongs to %s and not to %s; let cron do this instead: curl -fsS '%s/cron?key=%s'",
	    state_path, user_name(st.st_uid, theirs), user_name(geteuid(), ours),
	    url == NULL ? "URL" : url, key == NULL ? "KEY" : key);
	arena_free(a);
	return KODO_ECONFLICT;
}
