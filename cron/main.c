/*
 * kodo-reconnect: sends the pending messages of a service. See usage below, and DESIGN.md,
 * "Outbound work".
 *
 * Started by cron, by systemd, by `kodo service`, or by the responder after a request that left
 * work. One runner per state: a second one wakes the first and ends.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/isotime.h"
#include "core/base/log.h"
#include "core/base/renew.h"
#include "core/base/screen.h"
#include "core/base/spawn.h"
#include "core/check/environment.h"
#include "core/cluster/link.h"
#include "core/metrics/metrics.h"
#include "core/storage/machine.h"
#include "core/storage/run_history.h"
#include "cron/cluster/engine.h"
#include "cron/dispatch.h"
#include "cron/loader_watch.h"
#include "cron/probe.h"
#include "cron/shutdown.h"

#define LOCK_RETRY_MS	100	/* --stay: between two attempts to take the lock */

static const char usage[] =
    "usage: kodo-reconnect [LOADER] [--for SECONDS] [--stay] [--once]\n"
    "       kodo-reconnect --state FOLDER [--for SECONDS] [--stay] [--once]\n"
    "\n"
    "Sends the pending messages of a service: connects, updates, disconnects.\n"
    "Ends when nothing is due within a minute.\n"
    "\n"
    "  LOADER          the loader of the service; without it $KODO_LOADER, else kodo.yaml\n"
    "                  beside this program\n"
    "  --state FOLDER  the state folder; the options are those that were stored there\n"
    "  --for SECONDS   live at most this long (300); where cron starts it every minute: 55\n"
    "  --stay          never end by itself (for systemd)\n"
    "  --once          end when nothing is due at this moment\n"
    "  --resolve       only read (or run) the loader and store its options\n"
    "  --probe         only test the own url and the targets, for `kodo check`\n"
    "  --cluster       only keep this machine's state in step with the cluster's log; --stay\n"
    "                  starts such a process by itself\n";

struct arguments {
	const char *loader;
	const char *state;
	unsigned for_s;
	bool stay, once, resolve, probe, cluster;
	pid_t parent;			/* who has started --cluster; 0: nobody to end with */
	bool is_cron;			/* --for was given, as a crontab line does */
};

struct runner {
	struct arguments args;
	struct loader_watch loader_watch;	/* where args.state is NULL */
	char state_path[PATH_BYTES];
	char program[PATH_BYTES];	/* this one */
	struct state state;
	struct registry *registry;
	struct dispatch_watch watch;
	struct dispatch *dispatch;
	struct lifetime lifetime;
	bool has_errors;		/* found by the probe */
	bool is_logged;			/* the reason of the failure is in the log */
	unsigned n_failures;		/* that --stay outlasted */
	struct why complaint;		/* the last one of them */
};

/* --- options --- */

/* Started by a crontab, warnings only go to the screen: cron mails each line. */
static void
set_log(const struct runner *r)
{
	const struct options *o;
	enum log_level screen;

	if (registry_options(r->registry, &o) != KODO_OK)
		return;
	screen = o->screen_level;
	if (r->args.state == NULL && !r->args.stay && screen < LOG_WARNING &&
	    isatty(STDERR_FILENO) == 0)
		screen = LOG_WARNING;
	log_set_format(o->log_format);
	log_setup(o->url, screen, o->log_file, o->log_file_level, (uint64_t)o->log_max_mib << 20);
}

/*
 * Do programs that we start, and that may outlive us, get our stderr? Services and people need the
 * lines; cron, as any reader of a pipe, would wait for their end.
 */
static bool
keeps_stderr(const struct runner *r)
{
	return r->args.stay || r->watch.service_fd >= 0 || isatty(STDERR_FILENO) != 0;
}

/* An executable loader may take long, so it runs in a process of its own. */
static void
start_resolver(struct runner *r)
{
	static char name[] = "kodo-reconnect", option[] = "--resolve";
	char *argv[] = { name, r->loader_watch.loader, option, NULL };
	struct why why = { "" };
	enum kodo_err err;

	err = spawn_detached(r->program, argv, keeps_stderr(r), &why);
	if (err != KODO_OK)
		log_complain(&r->loader_watch.complaint, &why, err);
	/* by then it has noted its run */
	r->loader_watch.retry_us = isotime_now_us() + 1000000;
}

/* In a cluster the process of the log runs beside this one. */
static void
see_to_cluster(struct runner *r)
{
	if (r->args.stay)
		link_ensure(&r->state, r->program);
}

static void
tick(void *arg, struct registry *registry)
{
	struct runner *r = arg;
	struct why why = { "" };
	enum kodo_err err;

	see_to_cluster(r);
	if (r->args.state != NULL)
		return;
	switch (loader_watch_poll(&r->loader_watch, registry)) {
	case LOADER_WATCH_NOTHING:
		return;
	case LOADER_WATCH_RUN:
		start_resolver(r);
		return;
	case LOADER_WATCH_READ:
		err = loader_watch_resolve(&r->loader_watch, registry, &why);
		if (err != KODO_OK)
			log_complain(&r->loader_watch.complaint, &why, err);
		else
			set_log(r);
		return;
	}
}

/* Before the first message. With a bad loader, which is logged, earlier good options stay. */
static enum kodo_err
bring_up_to_date(struct runner *r, struct why *why)
{
	const struct options *o;
	enum kodo_err err = KODO_OK;

	if (r->args.state == NULL && (r->args.resolve ||
	    loader_watch_poll(&r->loader_watch, r->registry) != LOADER_WATCH_NOTHING))
		err = loader_watch_resolve(&r->loader_watch, r->registry, why);
	if (registry_options(r->registry, &o) == KODO_OK) {
		set_log(r);
		if (err != KODO_OK)
			log_complain(&r->loader_watch.complaint, why, err);
		r->is_logged = err != KODO_OK;
		if (!r->args.resolve)
			err = KODO_OK;
	} else if (err == KODO_OK && machine_is_member(&r->state)) {
		err = why_set(why, KODO_EBUSY,
		    "the state %s has no options yet: it waits for the cluster", r->state_path);
	} else if (err == KODO_OK) {
		err = why_set(why, KODO_ENOTFOUND,
		    "the state %s has no options yet: start the service, or name its loader",
		    r->state_path);
	}
	return err;
}

/* --- lifetime --- */

enum held { HELD, HELD_BY_OTHER, HELD_NOT };

/* Take the runner's lock; with --stay, wait for it. HELD_NOT: the runner has to end. */
static enum kodo_err
take_lock(struct runner *r, int *lock, enum held *out, struct why *why)
{
	struct pollfd fds[] = {
		{ .fd = r->watch.stop_fd, .events = POLLIN },
		{ .fd = r->watch.service_fd, .events = POLLIN }, /* a negative one is left out */
	};
	char pid[32];
	enum kodo_err err;

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	*out = HELD_BY_OTHER;
	for (;;) {
		err = state_lock(&r->state, "runner.lock", pid, lock, NULL);
		if (err == KODO_OK) {
			*out = HELD;
			return KODO_OK;
		}
		if (err != KODO_EBUSY)
			return why_set(why, err, "cannot lock %s/runner.lock: %s", r->state_path,
			    strerror(errno));
		if (!r->args.stay)
			return KODO_OK;
		if (poll(fds, 2, LOCK_RETRY_MS) > 0) {
			*out = HELD_NOT;
			return KODO_OK;
		}
	}
}

static enum kodo_err
open_state(struct runner *r, struct why *why)
{
	enum kodo_err err;

	if (r->registry != NULL)
		return KODO_OK;
	err = registry_open(str_of(r->state_path),
	    r->args.state == NULL ? STORE_MAKE : STORE_UPGRADE, why, &r->registry);
	if (err == KODO_OK) {
		registry_is_run_by(r->registry, "runner");
		metrics_use(registry_state(r->registry));
		link_join(r->registry, LINK_REQUEST_MS);
		if (r->args.stay)
			link_keep(r->program);
	}
	if (err == KODO_OK)
		err = bring_up_to_date(r, why);
	if (err == KODO_OK && !r->args.resolve && !r->args.probe)
		err = dispatch_new(r->registry, &r->watch, &r->dispatch);
	if (err != KODO_OK) {
		metrics_use(NULL);
		link_leave();
		registry_close(r->registry);
		r->registry = NULL;	/* so that the next attempt begins anew */
	}
	return err;
}

/* Time is up and work is left: a new process goes on, unless cron has to start it. */
static enum kodo_err
start_successor(struct runner *r, struct why *why)
{
	static char name[] = "kodo-reconnect", state[] = "--state", for_[] = "--for";
	char seconds[32];
	char *argv[] = { name, r->loader_watch.loader, for_, seconds, NULL };
	char *argv_state[] = { name, state, r->state_path, for_, seconds, NULL };
	const struct options *o;

	if (registry_options(r->registry, &o) == KODO_OK && o->trigger == TRIGGER_CRON)
		return KODO_OK;
	snprintf(seconds, sizeof(seconds), "%u", r->args.for_s);
	log_debug("the runner goes on in another process");
	return spawn_detached(
	    r->program, r->args.state != NULL ? argv_state : argv, keeps_stderr(r), why);
}

/* For the status page; see run_history.h. */
static struct run
note_begin(const struct runner *r)
{
	struct run run = { .began_us = isotime_now_us() };

	snprintf(run.by, sizeof(run.by), "%s",
	    r->args.stay ? "service" : r->args.is_cron ? "cron" : "request");
	run_history_note(&r->state, &run);
	return run;
}

/* Work under the lock once. *again: work has come after the end of the loop, under the lock. */
static enum kodo_err
run_once(struct runner *r, bool *again, struct why *why)
{
	enum dispatch_end end = DISPATCH_STOPPED;
	enum held held;
	struct run run;
	int lock, wake = -1;
	enum kodo_err err;

	*again = false;
	err = take_lock(r, &lock, &held, why);
	if (err != KODO_OK || held == HELD_NOT)
		return err;
	if (held == HELD_BY_OTHER) {
		if (state_wake(&r->state) == KODO_OK)
			log_debug("another runner was woken");
		return KODO_OK;
	}
	run = note_begin(r);
	err = state_wake_open(&r->state, &wake);
	if (err != KODO_OK)
		why_set(why, err, "cannot open %s/wake: %s", r->state_path, strerror(errno));
	else
		err = open_state(r, why);
	if (err == KODO_OK)
		end = dispatch_run(r->dispatch, &r->lifetime, wake);
	/*
	 * the FIFO before the lock: a process that leaves work from here on finds no runner, and
	 * starts one, which waits for nothing but the lock
	 */
	if (wake >= 0)
		close(wake);
	run.ended_us = isotime_now_us();
	run_history_note(&r->state, &run);
	close(lock);
	if (err != KODO_OK || end == DISPATCH_STOPPED ||
	    !dispatch_is_due(r->dispatch, &r->lifetime))
		return err;
	if (end == DISPATCH_LIMIT || clock_mono_us() >= r->lifetime.until_us)
		return r->lifetime.once ? KODO_OK : start_successor(r, why);
	*again = true;
	return KODO_OK;
}

static enum kodo_err
resolve(struct runner *r, struct why *why)
{
	enum kodo_err err;

	err = open_state(r, why);
	if (err == KODO_OK && state_wake(&r->state) == KODO_OK)
		log_debug("the runner was woken");
	return err;
}

static enum kodo_err
probe(struct runner *r, struct why *why)
{
	unsigned n_errors = 0;
	enum kodo_err err;

	err = open_state(r, why);
	if (err == KODO_OK)
		err = probe_run(r->registry, &n_errors, why);
	r->has_errors = n_errors > 0;
	return err;
}

/*
 * With --stay a machine that fails for a while (full disk, no memory) is waited for: who started us
 * may not start another. False: the reason does not pass by itself, or we are to end.
 */
static bool
outlast(struct runner *r, enum kodo_err *err, const struct why *why)
{
	static const bool passes[KODO_ERR_MAX] = {
		[KODO_ENOMEM] = true, [KODO_EFULL] = true, [KODO_EBUSY] = true, [KODO_EIO] = true,
	};
	struct pollfd fds[] = {
		{ .fd = r->watch.stop_fd, .events = POLLIN },
		{ .fd = r->watch.service_fd, .events = POLLIN },
	};

	if (!r->args.stay || !passes[*err])
		return false;
	log_complain(&r->complaint, why, *err);
	if (poll(fds, 2, (int)(lifetime_pause_us(++r->n_failures) / 1000)) == 0)
		return true;
	*err = KODO_OK;
	return false;
}

/* --- start --- */

static enum kodo_err
find_state(struct runner *r, struct why *why)
{
	struct arena *a = arena_new();
	struct str path = STR_NULL;
	enum kodo_err err;
	char *cwd;

	if (a == NULL)
		return why_set(why, KODO_ENOMEM, "memory ran out");
	if (r->args.state == NULL) {
		r->loader_watch.loader_arg = r->args.loader;
		err = loader_watch_find(&r->loader_watch, why);
		path = str_of(r->loader_watch.state_path);
	} else {
		cwd = getcwd(NULL, 0);
		path = str_of(r->args.state);
		err = path_absolute(a, str_of(cwd == NULL ? "/" : cwd), path, &path);
		free(cwd);
		if (err != KODO_OK)
			why_set(why, err, "--state needs the path of a state folder");
	}
	if (err == KODO_OK)
		/* path_absolute and loader_watch_find keep to PATH_BYTES */
		memcpy(r->state_path, path.p, path.len);
	arena_free(a);
	if (err == KODO_OK)
		err = loader_watch_check_owner(
		    r->args.state == NULL ? &r->loader_watch : NULL, r->state_path, why);
	if (err == KODO_OK)
		err = state_open(&r->state, str_of(r->state_path), r->args.state == NULL, why);
	return err;
}

static enum kodo_err
run(struct runner *r, struct why *why)
{
	enum kodo_err err;
	bool again;

	if (path_own_program(r->program) != KODO_OK)
		return why_set(why, KODO_EIO, "cannot read /proc/self/exe; is /proc mounted?");
	err = shutdown_open(&r->watch.stop_fd, why);
	if (err == KODO_OK)
		err = find_state(r, why);
	if (err != KODO_OK)
		return err;
	if (!shutdown_open_service(&r->watch.service_fd))
		return KODO_OK;
	r->watch.arg = r;
	if (r->args.state == NULL || machine_is_member(&r->state))
		r->watch.tick = tick;
	if (r->args.is_cron)
		environment_note(&r->state, RUN_HISTORY_CRON_FILE);
	if (r->args.resolve)
		return resolve(r, why);
	if (r->args.probe)
		return probe(r, why);
	if (r->args.cluster)
		return engine_run(&r->state, r->args.parent, r->watch.stop_fd, why);
	r->lifetime.stay = r->args.stay;
	r->lifetime.once = r->args.once;
	r->lifetime.began_us = clock_mono_us();
	r->lifetime.until_us = r->lifetime.began_us + r->args.for_s * 1000000ll;
	do {
		why->text[0] = '\0';
		see_to_cluster(r);
		err = run_once(r, &again, why);
	} while (err == KODO_OK ? again : outlast(r, &err, why));
	return err;
}

static bool
read_seconds(const char *text, unsigned *out)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	*out = (unsigned)n;
	return errno == 0 && end != text && *end == '\0' && n >= 1 && n <= 86400 && text[0] != '-';
}

/* false: wrong; the reason is on stderr. */
static bool
read_arguments(int argc, char *argv[], struct arguments *out)
{
	static const struct option options[] = {
		{ "state", required_argument, NULL, 's' },
		{ "for", required_argument, NULL, 'f' },
		{ "stay", no_argument, NULL, 'y' },
		{ "once", no_argument, NULL, 'o' },
		{ "resolve", no_argument, NULL, 'r' },
		{ "probe", no_argument, NULL, 'p' },
		{ "cluster", optional_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool ok = true;
	int c;

	*out = (struct arguments){ .for_s = 300 };
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 's': out->state = optarg; break;
		case 'f':
			ok = ok && read_seconds(optarg, &out->for_s);
			out->is_cron = true;
			break;
		case 'y': out->stay = true; break;
		case 'o': out->once = true; break;
		case 'r': out->resolve = true; break;
		case 'p': out->probe = true; break;
		case 'c':
			out->cluster = true;
			out->parent = optarg == NULL ? 0 : (pid_t)strtol(optarg, NULL, 10);
			break;
		case 'h': fputs(usage, stdout); exit(screen_end("kodo-reconnect", 0));
		default: return false;		/* getopt has printed why */
		}
	if (optind < argc)
		out->loader = argv[optind++];
	if (!ok)
		fputs("kodo-reconnect: --for needs seconds, 1 to 86400\n", stderr);
	else if (optind < argc || (out->state != NULL && (out->loader != NULL || out->resolve)))
		fputs("kodo-reconnect: one loader, or --state FOLDER alone; see --help\n", stderr);
	else
		return true;
	return false;
}

int
main(int argc, char *argv[])
{
	static struct runner r;
	struct why why = { "" };
	bool is_outdated;
	enum kodo_err err;

	if (!read_arguments(argc, argv, &r.args))
		return 1;
	/* a file at its limit (ulimit -f) is an error of a write, as a full disk is */
	signal(SIGXFSZ, SIG_IGN);
	err = run(&r, &why);
	if (err != KODO_OK && !r.is_logged)
		fprintf(stderr, "kodo-reconnect: %s\n",
		    why.text[0] != '\0' ? why.text : kodo_err_text(err));
	is_outdated = r.registry != NULL && store_is_outdated(registry_store(r.registry));
	dispatch_free(r.dispatch);
	metrics_use(NULL);
	registry_close(r.registry);
	log_close();
	if (is_outdated)
		renew_become(store_format_own, argv);
	return screen_end("kodo-reconnect", err == KODO_OK && !r.has_errors ? 0 : 1);
}
