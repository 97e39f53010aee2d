/*
 * kodo-reconnect: sends what a service has to tell its peers. See usage below, and DESIGN.md,
 * "Outbound work".
 *
 * Started by cron, by systemd, by `kodo service`, or by the responder after a request that left
 * work. One runs per state; who comes second wakes the first and ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/isotime.h"
#include "core/base/log.h"
#include "core/check/environment.h"
#include "core/storage/run_history.h"
#include "cron/dispatch.h"
#include "cron/loader_watch.h"
#include "cron/probe.h"

#define LOCK_RETRY_MS	100	/* how often one that stays looks whether another has ended */

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
    "  --probe         only test the own url and the targets, for `kodo check`\n";

struct arguments {
	const char *loader;
	const char *state;
	unsigned for_s;
	bool stay, once, resolve, probe;
	bool is_cron;			/* --for was given, as a crontab line does */
};

struct runner {
	struct arguments args;
	struct loader_watch hosted;		/* where args.state is NULL */
	char state_path[PATH_BYTES];
	char program[PATH_BYTES];	/* this one */
	struct state state;
	struct registry *registry;
	struct dispatch_watch watch;
	struct dispatch *plan;
	struct lifetime lifetime;
	bool has_errors;		/* the probe has found some */
	bool is_told;			/* why it failed is in the log */
};

/* --- being told to end --- */

static int stop_pipe[2] = { -1, -1 };

static void
on_stop(int signal_number)
{
	int saved = errno;

	(void)signal_number;
	if (write(stop_pipe[1], "", 1) < 0) {
		/* the pipe is full: there is something to be read in it already */
	}
	errno = saved;
}

static enum kodo_err
install_stop(struct why *why)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction action = { .sa_handler = on_stop };
	unsigned i;

	if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
		return why_set(why, KODO_EIO, "cannot make a pipe: %s", strerror(errno));
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	return KODO_OK;
}

/*
 * A worker of `kodo service` that finds no runner starts one, in a session of its own; it must not
 * outlive the service. *fd: readable when that has ended; -1: we have none, or the kernel has no
 * pidfd_open. False: it has ended already.
 */
static bool
open_service(int *fd)
{
	const char *pid = getenv("KODO_SERVICE_PID");
	char *end;
	long n;

	*fd = -1;
	if (pid == NULL)
		return true;
	n = strtol(pid, &end, 10);
	if (*end != '\0' || n <= 1)
		return true;
	*fd = (int)syscall(SYS_pidfd_open, (pid_t)n, 0);
	return *fd >= 0 || errno != ESRCH;
}

/* --- options --- */

/* A crontab line without --stay shall not mail what went well. */
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
	log_setup(o->url, screen, o->log_file, o->log_file_level, (uint64_t)o->log_max_mib << 20);
}

/* An executable loader may take its time, so it is not run by the one who sends. */
static void
start_resolver(struct runner *r)
{
	static char name[] = "kodo-reconnect", option[] = "--resolve";
	char *argv[] = { name, r->hosted.loader, option, NULL };
	struct why why = { "" };
	enum kodo_err err;

	err = state_spawn(r->program, argv, true, &why);
	if (err != KODO_OK)
		log_complain(&r->hosted.said, &why, err);
	/* until then it has noted that it runs */
	r->hosted.retry_us = isotime_now_us() + 1000000;
}

static void
follow_loader(void *arg, struct registry *registry)
{
	struct runner *r = arg;
	struct why why = { "" };
	enum kodo_err err;

	switch (loader_watch_poll(&r->hosted, registry)) {
	case LOADER_WATCH_NOTHING:
		return;
	case LOADER_WATCH_RUN:
		start_resolver(r);
		return;
	case LOADER_WATCH_READ:
		err = loader_watch_resolve(&r->hosted, registry, &why);
		if (err != KODO_OK)
			log_complain(&r->hosted.said, &why, err);
		else
			set_log(r);
		return;
	}
}

/*
 * Options before the first look at the work. A bad loader is told; where there are good options
 * from before, they hold.
 */
static enum kodo_err
bring_up_to_date(struct runner *r, struct why *why)
{
	const struct options *o;
	enum kodo_err err = KODO_OK;

	if (r->args.state == NULL &&
	    (r->args.resolve || loader_watch_poll(&r->hosted, r->registry) != LOADER_WATCH_NOTHING))
		err = loader_watch_resolve(&r->hosted, r->registry, why);
	if (registry_options(r->registry, &o) == KODO_OK) {
		set_log(r);
		if (err != KODO_OK)
			log_complain(&r->hosted.said, why, err);
		r->is_told = err != KODO_OK;
		if (!r->args.resolve)
			err = KODO_OK;
	} else if (err == KODO_OK)
		err = why_set(why, KODO_ENOTFOUND,
		    "the state %s has no options yet: start the service, or name its loader",
		    r->state_path);
	return err;
}

/* --- lifetime --- */

enum held { HELD, HELD_BY_OTHER, HELD_NOT };

/* Take the runner's lock; one that stays waits for it. HELD_NOT: told to end. */
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
		if (err == KODO_OK)
			*out = HELD;
		if (err == KODO_OK)
			return KODO_OK;
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
	err = registry_open(str_of(r->state_path), r->args.state == NULL, why, &r->registry);
	if (err == KODO_OK)
		err = bring_up_to_date(r, why);
	if (err == KODO_OK && !r->args.resolve && !r->args.probe)
		err = dispatch_new(r->registry, &r->watch, &r->plan);
	return err;
}

/* Time is up and work is left: another like this one goes on, unless cron is to start it. */
static enum kodo_err
start_successor(struct runner *r, struct why *why)
{
	static char name[] = "kodo-reconnect", state[] = "--state", for_[] = "--for";
	char seconds[32];
	char *argv[] = { name, r->hosted.loader, for_, seconds, NULL };
	char *argv_state[] = { name, state, r->state_path, for_, seconds, NULL };
	const struct options *o;

	if (registry_options(r->registry, &o) == KODO_OK && o->trigger == TRIGGER_CRON)
		return KODO_OK;
	snprintf(seconds, sizeof(seconds), "%u", r->args.for_s);
	log_debug("the runner goes on in another process");
	/*
	 * cron waits for the end of what it reads from us; a service or a person wants to see the
	 * lines
	 */
	return state_spawn(r->program, r->args.state != NULL ? argv_state : argv,
	    r->watch.service_fd >= 0 || isatty(STDERR_FILENO) != 0, why);
}

/* For people who ask when it ran; see runs.h. */
static struct run
note_begin(const struct runner *r)
{
	struct run run = { .began_us = isotime_now_us() };

	snprintf(run.by, sizeof(run.by), "%s",
	    r->args.stay ? "service" : r->args.is_cron ? "cron" : "request");
	run_history_note(&r->state, &run);
	return run;
}

/*
 * Work under the lock once. *again: something came up between the last look and the end of the
 * lock.
 */
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
		end = dispatch_run(r->plan, &r->lifetime, wake);
	/*
	 * the FIFO first: who leaves work from here on finds nobody, and starts one that waits for
	 * nothing but the lock
	 */
	if (wake >= 0)
		close(wake);
	run.ended_us = isotime_now_us();
	run_history_note(&r->state, &run);
	close(lock);
	if (err != KODO_OK || end == DISPATCH_STOPPED || !dispatch_is_due(r->plan, &r->lifetime))
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
		r->hosted.loader_arg = r->args.loader;
		err = loader_watch_find(&r->hosted, why);
		path = str_of(r->hosted.state_path);
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
		    r->args.state == NULL ? &r->hosted : NULL, r->state_path, why);
	if (err == KODO_OK)
		err = state_open(&r->state, str_of(r->state_path), r->args.state == NULL, why);
	return err;
}

static enum kodo_err
run(struct runner *r, struct why *why)
{
	bool again = true;
	enum kodo_err err;

	if (path_own_program(r->program) != KODO_OK)
		return why_set(why, KODO_EIO, "cannot read /proc/self/exe; is /proc mounted?");
	err = install_stop(why);
	if (err == KODO_OK)
		err = find_state(r, why);
	if (err != KODO_OK)
		return err;
	r->watch = (struct dispatch_watch){ stop_pipe[0], -1, NULL, r };
	if (!open_service(&r->watch.service_fd))
		return KODO_OK;
	if (r->args.state == NULL)
		r->watch.tick = follow_loader;
	if (r->args.is_cron)
		environment_note(&r->state, ENVIRONMENT_CRON_FILE);
	if (r->args.resolve)
		return resolve(r, why);
	if (r->args.probe)
		return probe(r, why);
	r->lifetime.stay = r->args.stay;
	r->lifetime.once = r->args.once;
	r->lifetime.began_us = clock_mono_us();
	r->lifetime.until_us = r->lifetime.began_us + r->args.for_s * 1000000ll;
	while (err == KODO_OK && again)
		err = run_once(r, &again, why);
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

/* false: told on stderr. */
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
		case 'h': fputs(usage, stdout); exit(0);
		default: return false;		/* getopt has told */
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
	enum kodo_err err;

	if (!read_arguments(argc, argv, &r.args))
		return 1;
	err = run(&r, &why);
	if (err != KODO_OK && !r.is_told)
		fprintf(stderr, "kodo-reconnect: %s\n",
		    why.text[0] != '\0' ? why.text : kodo_err_text(err));
	dispatch_free(r.plan);
	registry_close(r.registry);
	log_close();
	return err == KODO_OK && !r.has_errors ? 0 : 1;
}
