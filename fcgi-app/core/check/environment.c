#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "core/auth/jwks.h"
#include "core/auth/key_file.h"
#include "core/base/address.h"
#include "core/base/path.h"
#include "core/check/environment.h"
#include "core/query/query.h"
#include "core/metrics/metrics.h"
#include "core/storage/rate_table.h"
#include "core/storage/run_history.h"
#include "core/storage/runner.h"
#include "core/trust/pin.h"

#define DISK_LOW_BYTES	(64ull << 20)	/* the map grows by as much at least */
#define PROBE_OLD_S	(7 * 86400)
#define RATES_NEW_S	86400	/* refusals before are no fault */
#define PROBE_BYTES	((size_t)1 << 20)
#define KEYS_STALE_S		7200	/* they are fetched hourly */
#define CLOCK_SPARE_US	(60 * 1000000ll)

#define say(to, ...) finding_say((to)->say, (to)->arg, __VA_ARGS__)

const char *
environment_word(enum finding kind)
{
	static const char *const words[] = {
		[FINDING_OK] = "ok", [FINDING_WARNING] = "warning", [FINDING_ERROR] = "error",
	};

	return words[kind];
}

const char *
environment_user(uid_t uid, char out[64])
{
	const struct passwd *pw = getpwuid(uid);

	if (pw != NULL)
		snprintf(out, 64, "%s", pw->pw_name);
	else
		snprintf(out, 64, "%lu", (unsigned long)uid);
	return out;
}

/* Seconds since the file was written; -1: there is none. */
static int64_t
age_s(const struct environment *h, const char *name)
{
	char path[PATH_BYTES];
	struct stat st;

	if (state_file(h->state, name, path) != KODO_OK || stat(path, &st) != 0)
		return -1;
	return h->now_us / 1000000 - st.st_mtime;
}

void
environment_note(const struct state *s, const char *name)
{
	char path[PATH_BYTES];
	int fd;

	if (state_file(s, name, path) != KODO_OK)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, s->file_mode);
	if (fd < 0 || futimens(fd, NULL) != 0)
		log_debug("cannot set the time of %s", path);
	if (fd >= 0)
		close(fd);
}

/* --- one subject each --- */

static void
check_space(const struct environment *h)
{
	struct statvfs fs;

	if (statvfs(h->state->path, &fs) != 0)
		return;
	if ((unsigned long long)fs.f_bavail * fs.f_frsize < DISK_LOW_BYTES)
		say(h, FINDING_WARNING, "disk: less than %llu MiB free below %s; free some",
		    DISK_LOW_BYTES >> 20, h->state->path);
	if (fs.f_files > 0 && fs.f_favail < 100)
		say(h, FINDING_WARNING, "disk: less than 100 inodes free below %s; free some",
		    h->state->path);
}

static bool
is_secret(const char *name)
{
	return strcmp(name, "key") == 0 || strcmp(name, "identity") == 0;
}

/* A file of another user is one that the service cannot write, now or soon. */
static void
check_file(const struct environment *h, const struct stat *folder, const char *name)
{
	char path[PATH_BYTES], theirs[64], ours[64];
	bool shared = (folder->st_mode & S_IWGRP) != 0;
	struct stat st;

	if (state_file(h->state, name, path) != KODO_OK || lstat(path, &st) != 0)
		return;
	if (S_ISLNK(st.st_mode)) {
		say(h, FINDING_ERROR, "%s is a symbolic link; remove it", path);
		return;
	}
	if (st.st_uid != folder->st_uid && !shared)
		say(h, FINDING_ERROR, "%s belongs to %s and not to %s; chown %s %s", path,
		    environment_user(st.st_uid, theirs), environment_user(folder->st_uid, ours),
		    environment_user(folder->st_uid, ours), path);
	if (is_secret(name) && (st.st_mode & S_IRWXO) != 0)
		say(h, FINDING_ERROR,
		    "everybody may read the key %s; chmod o= it, or remove it "
		    "and a new one is made", path);
	else if (S_ISREG(st.st_mode) && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0 &&
	    errno != EROFS && !is_secret(name))	/* that is said of the folder */
		say(h, FINDING_ERROR, "%s cannot be written by uid %u: %s; chmod u+rw or chown it",
		    path, (unsigned)geteuid(), strerror(errno));
}

static void
check_files(const struct environment *h)
{
	static const char *const names[] = {
		"data.mdb", "lock.mdb", "write.lock", "service.lock", "runner.lock", "wake", "key",
		"identity", "wait.0", KEY_FILE, KEY_FILE_WANTED, RUN_HISTORY_CRON_FILE,
		ENVIRONMENT_PROBE_FILE, RUN_HISTORY_FILE, RATE_TABLE_FILE,
		METRICS_FILE,
	};
	char theirs[64], ours[64];
	struct stat st;
	size_t i;

	if (stat(h->state->path, &st) != 0)
		return;
	if ((st.st_mode & S_IRWXO) != 0)
		say(h, FINDING_ERROR, "everybody may read the folder %s; chmod o= it",
		    h->state->path);
	if (st.st_uid != geteuid() && (st.st_mode & S_IWGRP) == 0)
		say(h, FINDING_WARNING,
		    "%s belongs to %s, and this is %s, who sees it otherwise; "
		    "runuser -u %s -- kodo check",
		    h->state->path, environment_user(st.st_uid, theirs),
		    environment_user(geteuid(), ours), environment_user(st.st_uid, theirs));
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_file(h, &st, names[i]);
}

/* The state must not lie where web servers look for files. */
static void
check_place(const struct environment *h)
{
	static const char *const roots[] = { "/public_html/", "/htdocs/", "/httpdocs/", "/www/",
		"/wwwroot/", "/var/www/", "/srv/http/" };
	const char *root = getenv("DOCUMENT_ROOT");
	size_t i, n = root == NULL ? 0 : strlen(root);

	if (n > 1 && strncmp(h->state->path, root, n) == 0 && h->state->path[n] == '/') {
		say(h, FINDING_ERROR, "the state lies in the web space %s; set cache_data to a "
		    "folder outside of it", root);
		return;
	}
	for (i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		if (strstr(h->state->path, roots[i]) == NULL)
			continue;
		say(h, FINDING_WARNING,
		    "the state seems to lie in a web space (%s); set cache_data to a "
		    "folder outside of it", roots[i]);
		return;
	}
}

static void
check_writers(const struct environment *h, const char *what, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return;
	if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0)
		say(h, FINDING_ERROR, "everybody may write to the %s %s; chmod o-w it", what, path);
	else if ((st.st_mode & S_IWGRP) != 0 && h->is_hosted)
		say(h, FINDING_WARNING, "the group may write to the %s %s, which suEXEC refuses; "
		    "chmod g-w it", what, path);
}

static void
check_programs(const struct environment *h)
{
	char program[PATH_BYTES], folder[PATH_BYTES], runner[PATH_BYTES];

	if (path_own_program(program) != KODO_OK)
		return;
	memcpy(folder, program, sizeof(folder));
	folder[path_folder(str_of(folder)).len] = '\0';
	check_writers(h, "program", program);
	check_writers(h, "folder of the program", folder);
	if (runner_find(runner) != KODO_OK)
		say(h, FINDING_ERROR, "kodo-reconnect is not where it can be started (%s); put it "
		    "beside kodo and make it executable (chmod 755)", runner);
}

/* false: none, or too long */
static bool
path_copy(struct str path, char out[PATH_BYTES])
{
	if (path.len == 0 || path.len >= PATH_BYTES)
		return false;
	memcpy(out, path.p, path.len);
	out[path.len] = '\0';
	return true;
}

static void
check_loader(const struct environment *h)
{
	char path[PATH_BYTES];
	struct stat st;

	if (!path_copy(h->loader, path))
		return;
	if (stat(path, &st) == 0 && (st.st_mode & S_IWOTH) != 0)
		say(h, FINDING_ERROR, "everybody may write to the loader %s; chmod o-w it", path);
}

static void
check_log(const struct environment *h)
{
	char path[PATH_BYTES];
	struct str file = h->options->log_file;
	bool fails;

	if (h->options->log_file_level == LOG_OFF || !path_copy(file, path))
		return;
	fails = faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0;
	if (fails && errno == ENOENT) {
		path[path_folder(file).len] = '\0';
		fails = faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0 && errno != ENOENT;
	}
	if (fails)
		say(h, FINDING_ERROR,
		    "the log %.*s cannot be written: %s; %s, or set log_file to another",
		    STR_ARG(file), strerror(errno),
		    errno == EROFS ? "mount its disk for writing" : "chown or chmod it");
}

static void
check_cron(const struct environment *h)
{
	/* the key is as old as the state; in its first minutes cron may not have run yet */
	int64_t age = age_s(h, RUN_HISTORY_CRON_FILE), state_age = age_s(h, "key");
	bool depends = h->options->trigger == TRIGGER_CRON;

	if (h->is_served)
		return;
	if (age < 0 && depends && !h->is_running && state_age > ENVIRONMENT_CRON_LATE_S)
		say(h, FINDING_ERROR,
		    "cron: never ran, and with `trigger: cron` nothing else sends; add a "
		    "line to the crontab (README)");
	else if (age < 0 && h->is_hosted)
		say(h, FINDING_OK, "cron: never ran%s",
		    depends ? " yet" : "; requests start what they leave (trigger)");
	else if (age > ENVIRONMENT_CRON_LATE_S && !h->is_running)
		say(h, depends ? FINDING_ERROR : FINDING_WARNING,
		    "cron: ran last %lld min ago; check the crontab of the owner of %s",
		    (long long)age / 60, h->state->path);
	else if (age >= 0)
		say(h, FINDING_OK, "cron: ran last %lld s ago", (long long)age);
}

/* Lines of the file are `ok TEXT`, `warning TEXT`, `error TEXT`. */
static void
say_probe_line(const struct environment *h, struct str line)
{
	static const enum finding kinds[] = { FINDING_OK, FINDING_WARNING, FINDING_ERROR };
	unsigned i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct str word = str_of(environment_word(kinds[i]));

		if (str_starts(line, word) && line.len > word.len && line.p[word.len] == ' ')
			say(h, kinds[i], "probe: %.*s", (int)(line.len - word.len - 1),
			    line.p + word.len + 1);
	}
}

static void
check_probe(const struct environment *h)
{
	int64_t age = age_s(h, ENVIRONMENT_PROBE_FILE);
	struct arena *a = arena_new();
	char path[PATH_BYTES];
	struct str text = STR_NULL;

	if (age < 0 || a == NULL || state_file(h->state, ENVIRONMENT_PROBE_FILE, path) != KODO_OK ||
	    path_read(a, path, PROBE_BYTES, &text) != KODO_OK) {
		if (h->is_hosted)
			say(h, FINDING_OK, "probe: never made; `kodo-reconnect --probe` tests our "
			    "url and our targets from outside");
		arena_free(a);
		return;
	}
	say(h, FINDING_OK, "probe: made %lld min ago%s", (long long)age / 60,
	    age > PROBE_OLD_S ? "; make a new one with `kodo-reconnect --probe`" : "");
	while (text.len > 0) {
		const char *nl = memchr(text.p, '\n', text.len);
		size_t n = nl == NULL ? text.len : (size_t)(nl - text.p);

		say_probe_line(h, (struct str){ text.p, n });
		text.p += n + (nl != NULL);
		text.len -= n + (nl != NULL);
	}
	arena_free(a);
}

/* A file from the future was written under another clock. */
static void
check_clock(const struct environment *h)
{
	int64_t age = age_s(h, "data.mdb");

	if (age < -(CLOCK_SPARE_US / 1000000))
		say(h, FINDING_ERROR,
		    "clock: the state was written %lld s ahead of now, so the clock was set "
		    "back; set it right (timedatectl)", (long long)-age);
}

static void
check_rates(const struct environment *h)
{
	char who[INET6_ADDRSTRLEN];
	const struct options *o = h->options;
	struct rate_report r;
	enum kodo_err err = rate_table_report(h->state, &r);
	const int64_t now_s = h->now_us / 1000000;

	if (o->rate_client == 0 && o->rate_peer == 0) {
		say(h, FINDING_OK, "rates: not limited");
	} else if (err != KODO_OK && err != KODO_ENOTFOUND) {
		say(h, FINDING_WARNING, "rates: %s/" RATE_TABLE_FILE " cannot be used (%s); remove "
		    "it, and a new one is made", h->state->path, kodo_err_text(err));
	} else if (r.last_s == 0) {
		say(h, FINDING_OK, "rates: up to %u requests a minute of an address, %u of a peer; "
		    "nobody asked more", o->rate_client, o->rate_peer);
	} else {
		say(h, now_s - r.last_s < RATES_NEW_S ? FINDING_WARNING : FINDING_OK,
		    "rates: %llu requests were refused in %lld h, the last one %lld min ago of %s; "
		    "if it was no attack, raise rate_client (%u) or rate_peer (%u): the log says "
		    "which", (unsigned long long)r.n, (long long)(now_s - r.since_s) / 3600,
		    (long long)(now_s - r.last_s) / 60, address_text(&r.last, who), o->rate_client,
		    o->rate_peer);
	}
}

/* Can what is sent be signed? */
static void
check_own_key(const struct environment *h)
{
	char text[PIN_KEY_CHARS], path[PATH_BYTES];
	struct own_key own;
	enum kodo_err err;

	/* the first message makes it, not a check */
	if (state_file(h->state, "identity", path) != KODO_OK || access(path, F_OK) != 0)
		return;
	err = own_key_get(h->state, h->now_us, &own);
	if (err == KODO_OK) {
		pin_key_text(key_bytes(own.key), text);
		say(h, FINDING_OK, "own key: %s", text);
	} else if (err == KODO_ECORRUPT) {
		say(h, FINDING_ERROR, "own key: %s/identity is damaged, so nothing is signed; "
		    "restore it, or remove it for another key, which peers find out by your url",
		    h->state->path);
	} else {
		say(h, FINDING_ERROR, "own key: %s, so nothing is signed and peers that know us by "
		    "our key refuse us; install libssl3, and see to the state folder",
		    kodo_err_text(err));
	}
}

/* The keys of the issuer of tokens. */
static void
check_keys(const struct environment *h)
{
	const struct str url = h->options->auth_jwks_url;
	struct arena *a = arena_new();
	struct jwks keys = { .n = 0 };
	const char *reason;
	struct key_file f;
	int64_t age;

	if (url.p == NULL || a == NULL)
		goto out;
	if (key_file_read(a, h->state, &f) != KODO_OK || !str_eq(f.url, url))
		f = (struct key_file){ .error = STR("the runner has not tried it yet") };
	if (f.json.len > 0)
		(void)!jwks_read(a, f.json, &keys, &reason);
	age = (h->now_us - f.fetched_us) / 1000000;
	if (f.fetched_us == 0)
		say(h, FINDING_ERROR,
		    "keys of %.*s: never fetched (%.*s), so nobody can read; correct "
		    "auth_jwks_url, or see to its issuer", STR_ARG(url), STR_ARG(f.error));
	else if (keys.n == 0)
		say(h, FINDING_ERROR, "keys of %.*s: none can be used, so nobody can read; its "
		    "issuer needs RSA of 2048 bits, P-256 or Ed25519", STR_ARG(url));
	else if (f.error.len > 0 || age > KEYS_STALE_S)
		say(h, FINDING_WARNING, "keys of %.*s: %lld min old, and in force still; %.*s",
		    STR_ARG(url), (long long)age / 60, STR_ARG(f.error.len > 0 ? f.error
			: STR("the runner does not fetch them: see its log, and cron")));
	else
		say(h, FINDING_OK, "keys of %.*s: %zu, fetched %lld min ago", STR_ARG(url), keys.n,
		    (long long)age / 60);
out:
	arena_free(a);
}

void
environment_check(const struct environment *h)
{
	char path[PATH_BYTES];

	check_space(h);
	check_files(h);
	check_place(h);
	check_programs(h);
	check_loader(h);
	check_clock(h);
	if (!query_is_compiled())
		say(h, FINDING_WARNING,
		    "regular expressions over many flows are refused, as this host forbids machine "
		    "code in memory; allow it (systemd: MemoryDenyWriteExecute=no; SELinux: "
		    "setsebool -P httpd_execmem 1)");
	if (state_file(h->state, "key", path) == KODO_OK && access(path, F_OK) == 0)
		say(h, FINDING_OK, "key of /cron and /check: in %s", path);
	if (h->options != NULL) {
		check_log(h);
		check_cron(h);
		check_rates(h);
		check_own_key(h);
		check_keys(h);
	}
	check_probe(h);
}
