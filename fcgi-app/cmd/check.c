/*
 * kodo check: one line for each finding, `ok`, `warning` or `error`, with a remedy for each fault.
 * It changes nothing but the slots of dead readers.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/check_loader.h"
#include "cmd/cmd.h"
#include "cmd/listen.h"
#include "cmd/state_arg.h"
#include "core/base/isotime.h"
#include "core/base/path.h"
#include "core/check/cluster_check.h"
#include "core/check/environment.h"
#include "core/check/integrity.h"
#include "core/check/imports.h"
#include "core/check/quotas.h"
#include "core/registry/startup.h"
#include "core/storage/store_upgrade.h"

#define CACHE_MAX_BYTES	((size_t)1 << 30)
#define UPGRADE_ROOM	2u	/* a backup, and pages that are written anew */

struct check {
	struct state_arg state_arg;
	struct state state;
	struct registry *registry;
	bool is_lost;		/* without good options, the state may be another one */
	bool has_state, is_served, is_running;
	struct findings findings;
};

/* --- one subject each; false: the checks after it are not possible --- */

static bool
check_options(struct check *c)
{
	c->is_lost = check_loader_read(&c->state_arg, &c->findings) != KODO_OK;
	if (c->state_arg.has_options)
		check_loader_say(&c->state_arg, &c->findings);
	return c->state_arg.state_path.p != NULL;
}

/* A cache file of the original is imported at the first start; a damaged one prevents it. */
static bool
check_cache_file(struct check *c)
{
	struct state_arg *t = &c->state_arg;
	struct wire_cache cache;
	struct why why = { "" };
	const char *path;
	struct str text;
	enum kodo_err err;

	if (!t->has_options)
		return true;
	path = arena_strz(t->a, t->options.cache_data);
	err = path == NULL ? KODO_ENOMEM : path_read(t->a, path, CACHE_MAX_BYTES, &text);
	if (err == KODO_ENOTFOUND)
		return true;
	if (err == KODO_OK)
		err = wire_read_cache(t->a, text, &cache, &why);
	if (err == KODO_OK)
		findings_say(&c->findings, FINDING_OK,
		    "%s: a cache file with %zu providers; imported once, at a start",
		    path, cache.n_providers);
	else
		findings_say(&c->findings, FINDING_ERROR,
		    "%s: %s; repair it or move it away: it prevents the first start", path,
		    cmd_words(err, &why));
	return true;
}

static bool
check_folder(struct check *c)
{
	struct why why = { "" };
	enum kodo_err err = state_open(&c->state, c->state_arg.state_path, false, &why);

	if (err == KODO_ENOTFOUND && c->is_lost)
		return false;
	if (err == KODO_ENOTFOUND) {
		/* a loader is as it should be before its first start; a folder may be mistyped */
		findings_say(&c->findings,
		    c->state_arg.has_options ? FINDING_OK : FINDING_WARNING,
		    "state %.*s is not set up yet: `kodo service`, or the first request to a web "
		    "server, makes it", STR_ARG(c->state_arg.state_path));
		if (c->state_arg.has_options) {
			const struct environment env = { .options = &c->state_arg.options,
				.say = findings_line, .arg = &c->findings };

			cluster_check_endpoints(&env);
		}
		return false;
	}
	if (err != KODO_OK) {
		findings_say(&c->findings, FINDING_ERROR, "state: %s", cmd_words(err, &why));
		return false;
	}
	if (c->state.is_read_only)
		findings_say(&c->findings, FINDING_ERROR, "state: %s", why.text);
	else
		findings_say(&c->findings, FINDING_OK, "state: %s", c->state.path);
	c->has_state = true;
	return true;
}

/* Could `kodo service` listen where its options say? */
static void
check_port(struct check *c)
{
	const struct options *o = &c->state_arg.options;
	struct listen_address at[LISTEN_MAX];
	struct why why = { "" };
	int fd, yes = 1;
	unsigned n, i;

	if (c->is_served || c->state_arg.is_hosted || !c->state_arg.has_options)
		return;
	if (option_check_listen(o, &why) != KODO_OK) {
		findings_say(&c->findings, FINDING_ERROR,
		    "listen: %s (what a web server runs: kodo check --hosted)",
		    why.text);
		return;
	}
	if (listen_find(o->listen_host, o->listen_port, at, &n) != NULL) {
		findings_say(&c->findings, FINDING_ERROR,
		    "listen: the name %.*s has no address; set the option listen",
		    STR_ARG(o->listen_host));
		return;
	}
	for (i = 0; i < n; i++) {
		fd = socket(at[i].to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
		if (bind(fd, (const struct sockaddr *)&at[i].to, at[i].len) != 0 &&
		    errno != EADDRNOTAVAIL) {
			findings_say(&c->findings, FINDING_ERROR,
			    "listen: port %u of %.*s: %s; end the program that has it (ss -ltnp), "
			    "or set another", o->listen_port, STR_ARG(o->listen_host),
			    strerror(errno));
			i = n;
		}
		close(fd);
	}
}

/* Service and runner, without waking one or keeping one out. */
static bool
check_locks(struct check *c)
{
	char owner[2100];
	enum kodo_err err = state_lock_owner(&c->state, "service.lock", owner);

	c->is_served = err == KODO_OK;
	if (err == KODO_OK)
		findings_say(&c->findings, FINDING_OK, "service: running, %s", owner);
	else if (err == KODO_ENOTFOUND)
		findings_say(&c->findings, FINDING_OK,
		    "service: `kodo service` is not running here");
	else
		findings_say(&c->findings, FINDING_ERROR,
		    "cannot read %s/service.lock: %s; give it to our user",
		    c->state.path, strerror(errno));
	c->is_running = state_has_runner(&c->state);
	findings_say(&c->findings, FINDING_OK, "runner: %srunning", c->is_running ? "" : "not ");
	check_port(c);
	return true;
}

/* In place of the rest, where the file turns out to be damaged while it is read. */
static void
end_damaged(void)
{
	static const char line[] = "error   data.mdb is damaged, or its disk fails; " STORE_RESTORE
	    "\n";
	ssize_t n = write(STDOUT_FILENO, line, sizeof(line) - 1);

	(void)n;
	_exit(1);
}

static void
print_damage(int status)
{
	printf("error   data.mdb is damaged: reading it ended by %s; " STORE_RESTORE "\n",
	    strsignal(WTERMSIG(status)));
}

/*
 * What reads the store does so in a process of its own: of bytes that are anything LMDB may make
 * addresses that are nowhere. false: this one has waited for it, and *status is what it ended with.
 */
static bool
fork_reader(int *status)
{
	pid_t child;
	int ended = 0;

	fflush(stdout);
	child = fork();
	if (child <= 0) {
		setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
		return true;	/* -1: without one */
	}
	while (waitpid(child, &ended, 0) < 0 && errno == EINTR)
		;
	*status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 1;
	if (WIFSIGNALED(ended) && WTERMSIG(ended) != SIGINT && WTERMSIG(ended) != SIGTERM)
		print_damage(ended);
	return false;
}

static bool
check_environment(struct check *c)
{
	struct environment env = {
		.state = &c->state,
		.loader = c->state_arg.loader,
		.is_hosted = c->state_arg.is_hosted,
		.is_served = c->is_served,
		.is_running = c->is_running,
		.now_us = isotime_now_us(),
		.say = findings_line,
		.arg = &c->findings,
	};

	/* in a state that cannot be opened, no options are in force */
	if (c->state_arg.has_options)
		env.options = &c->state_arg.options;
	else if (c->registry != NULL && registry_options(c->registry, &env.options) != KODO_OK)
		env.options = NULL;
	environment_check(&env);
	cluster_check(&env);
	return true;
}

/* A state of another format: what will be done about it, and whether there is room for that. */
static void
check_upgrade(struct check *c, struct why *why)
{
	struct store *st = NULL;
	struct upgrade u;
	struct why inner;
	const char *refusal = why->text;

	if (store_open_raw(&c->state, &inner, &st) != KODO_OK ||
	    upgrade_look(st, &u, &inner) != KODO_OK || !u.is_possible)
		findings_say(&c->findings, FINDING_ERROR, "store: %s", refusal);
	else if (!u.may_write)
		findings_say(&c->findings, FINDING_ERROR, "store: %s, whose folder cannot be "
		    "written by uid %u: change its owner, or its mode", refusal,
		    (unsigned)geteuid());
	else if (u.free_bytes < UPGRADE_ROOM * u.bytes)
		findings_say(&c->findings, FINDING_ERROR,
		    "store: %s; it has %llu MiB, and only %llu MiB are free: "
		    "free %llu", refusal, (unsigned long long)u.bytes >> 20,
		    (unsigned long long)u.free_bytes >> 20,
		    ((unsigned long long)UPGRADE_ROOM * u.bytes >> 20) + 1);
	else
		findings_say(&c->findings, FINDING_WARNING,
		    "store: %s; it has %llu MiB, of which the backup takes at "
		    "most as many; %llu MiB are free", refusal, (unsigned long long)u.bytes >> 20,
		    (unsigned long long)u.free_bytes >> 20);
	store_close(st);
}

static bool
check_store(struct check *c)
{
	struct why why = { "" };
	enum kodo_err err;

	store_on_damage(end_damaged);
	err = registry_open(c->state_arg.state_path, STORE_FIND, &why, &c->registry);
	if (err == KODO_OK)
		return true;
	if (err == KODO_EVERSION) {
		check_upgrade(c, &why);
		return false;
	}
	if (err == KODO_ENOTFOUND)
		findings_say(&c->findings, FINDING_WARNING,
		    "store: nothing in %s yet; the first start makes it",
		    c->state.path);
	else
		findings_say(&c->findings, FINDING_ERROR, "store: %s", cmd_words(err, &why));
	return false;
}

/* The options in force against those of the files. */
static void
compare_options(struct check *c, const struct options *o)
{
	struct state_arg *t = &c->state_arg;
	struct str stamp;
	struct why why = { "" };
	bool is_current = true;
	enum kodo_err err;

	if (!t->has_options && !t->is_hosted)
		return;
	err = t->is_hosted ? option_stamp(t->a, t->loader, &stamp) :
	    option_stamp_service(t->a, t->loader, &stamp);
	if (err == KODO_OK)
		err = registry_is_current(c->registry, stamp, &is_current);
	if (err == KODO_OK && !is_current)
		findings_say(&c->findings, FINDING_OK,
		    "in force: the files (or the boot) are newer; they hold %s",
		    t->is_hosted ? "from the next request on" : c->is_served ?
		    "within a second, unless kodo logs says why not" : "from the next start on");
	if (t->has_options) {
		err = startup_check(c->registry, &t->options,
		    t->is_hosted ? START_IF_CHANGED : START_NOW, &why);
		if (err != KODO_OK)
			findings_say(&c->findings,
			    err == KODO_EBUSY ? FINDING_WARNING : FINDING_ERROR,
			    "in force: the options before: %s", cmd_words(err, &why));
	}
	if (t->has_options && err == KODO_OK && !str_eq(o->url_key, t->options.url_key))
		findings_say(&c->findings, FINDING_WARNING,
		    "in force: the state is of %.*s, the options name %.*s; the next start signs "
		    "off the old url at its targets", STR_ARG(o->url), STR_ARG(t->options.url));
}

static bool
check_options_in_force(struct check *c)
{
	const struct options *o;
	enum kodo_err err = registry_options(c->registry, &o);

	if (err == KODO_ENOTFOUND) {
		findings_say(&c->findings, FINDING_WARNING,
		    "in force: no options yet; the first start (or request) sets them");
		return false;
	}
	if (err != KODO_OK) {
		findings_say(&c->findings, FINDING_ERROR,
		    "in force: the stored options cannot be read (%s); start the "
		    "service (or touch its loader), which stores them anew", kodo_err_text(err));
		return false;
	}
	findings_say(&c->findings, FINDING_OK,
	    "in force: url %.*s, registry %s, feed %s, targets: %zu",
	    STR_ARG(o->url), o->registry ? "true" : "false", o->feed ? "true" : "false",
	    o->n_connect);
	compare_options(c, o);
	return true;
}

static bool
check_records(struct check *c)
{
	enum kodo_err err;

	findings_fold_begin(&c->findings);
	err = integrity_check(c->registry, isotime_now_us(), findings_line, &c->findings);
	findings_fold_end(&c->findings);
	if (err != KODO_OK)
		findings_say(&c->findings, FINDING_ERROR,
		    "the check did not get through the records: %s%s",
		    kodo_err_text(err), err == KODO_EBUSY ? "; try again" : "; " STORE_RESTORE);
	return err == KODO_OK;
}

static bool
check_quotas(struct check *c)
{
	struct view v;
	enum kodo_err err = view_begin(c->registry, isotime_now_us(), &v);

	if (err == KODO_OK) {
		err = quotas_check(&v, findings_line, &c->findings);
		if (err == KODO_OK)
			err = imports_check(&v, findings_line, &c->findings);
		view_end(&v);
	}
	if (err != KODO_OK)
		findings_say(&c->findings, FINDING_ERROR,
		    "the check did not get through quotas and imports: %s",
		    kodo_err_text(err));
	return err == KODO_OK;
}

/* In this order. */
static bool (*const steps[])(struct check *c) = {
	check_options, check_cache_file, check_folder, check_locks, check_store,
	check_options_in_force, check_records, check_quotas,
};

static int
run_steps(struct check *c)
{
	bool goes_on = true;
	int status = 1;
	size_t i;

	for (i = 0; goes_on && i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (steps[i] == check_store && !fork_reader(&status))
			return status;
		goes_on = steps[i](c);
	}
	if (c->has_state)
		check_environment(c);
	findings_end(&c->findings);
	return c->findings.n[FINDING_ERROR] > 0;
}

static const char usage[] =
    "usage: kodo check [LOADER | STATE FOLDER] [OPTION ...]\n"
    "       kodo check --hosted [LOADER]\n"
    "       kodo check --state FOLDER\n"
    "\n"
    "Check a loader, and the state of its service, running or not: one line for each finding,\n"
    "`ok`, `warning` or `error`. All faults of the loader are listed, each with its file and\n"
    "line; without a fault, what will be published. Three and more equal findings are one line;\n"
    "the last line is the number of all.\n"
    "Exit status: 0, 1 if there is an error, 2 for wrong arguments.\n"
    "Example: kodo check my.yaml\n"
    "\n"
    STATE_ARG_HELP;

int
cmd_check(int argc, char *argv[])
{
	struct check c = { 0 };
	struct why why = { "" };
	enum kodo_err err = state_arg_read(&c.state_arg, argc - 1, argv + 1, &why);
	int status;

	if (err == KODO_OK && c.state_arg.is_help) {
		fputs(usage, stdout);
		state_arg_free(&c.state_arg);
		return 0;
	}
	if (err == KODO_OK)
		err = state_arg_check(&c.state_arg, &why);
	if (err != KODO_OK) {
		cmd_complain("check", err, &why);
		status = 2;
	} else {
		c.findings.a = c.state_arg.a;
		status = run_steps(&c);
	}
	registry_close(c.registry);
	state_arg_free(&c.state_arg);
	return status;
}
