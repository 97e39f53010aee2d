/*
 * kodo service: one service in the foreground. It listens, starts its workers, the runner and a
 * private web server, starts them again when they die, and ends them all. This process itself
 * serves nothing, and has the state open only before the first fork, as LMDB requires.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cmd/child.h"
#include "cmd/cmd.h"
#include "cmd/lighttpd.h"
#include "cmd/service_private.h"
#include "core/base/clock.h"
#include "core/base/isotime.h"
#include "core/base/limit.h"
#include "core/base/near.h"
#include "core/cluster/link.h"
#include "core/registry/registry.h"
#include "core/registry/startup.h"
#include "core/storage/machine.h"
#include "core/storage/runner.h"

#define SOCKET_NAME	"fcgi.sock"
#define READY_US	(10 * 1000000ll)	/* a start that takes longer has failed */
#define ASK_US		10000			/* between two requests until it answers */
#define PORT_US		(2 * 1000000ll)		/* so long a port may be taken at a start */

/* --- before anything is started --- */

static enum kodo_err
lock_state(struct service *s, struct why *why)
{
	char owner[2100], url[LIMIT_URL_BYTES + 1];
	enum kodo_err err;

	snprintf(url, sizeof(url), "%.*s", STR_ARG(s->options.url));
	err = state_lock(&s->state, "service.lock", url, &s->lock_fd, owner);
	if (err == KODO_EBUSY && strcmp(owner, url) == 0)
		return why_set(why, KODO_ECONFLICT,
		    "the service %s runs already (its state is %s); end it first", url,
		    s->state.path);
	if (err == KODO_EBUSY)
		return why_set(why, KODO_ECONFLICT,
		    "the state %s is in use by the service %s; give %s another cache_data",
		    s->state.path, owner, url);
	if (err != KODO_OK)
		why_set(why, err,
		    "cannot lock %s/service.lock: %s; make the folder writable, or set cache_data "
		    "to another path",
		    s->state.path, strerror(errno));
	return err;
}

/* The programs of the children: this one, and the runner. */
static enum kodo_err
find_programs(struct service *s, struct why *why)
{
	if (runner_find(s->runner_path) != KODO_OK)
		return why_set(why, KODO_ENOTFOUND,
		    "kodo-reconnect was not found beside this program: install it there, or "
		    "name it in KODO_RECONNECT");
	if (path_own_program(s->own_path) != KODO_OK)
		return why_set(why, KODO_EIO, "cannot read /proc/self/exe; is /proc mounted?");
	return KODO_OK;
}

/* The web server of a service that was killed a moment ago may still hold the port. */
static enum kodo_err
open_port(struct service *s, struct why *why)
{
	const int64_t until_us = clock_mono_us() + PORT_US;
	const struct options *o = &s->options;
	enum kodo_err err;

	for (;;) {
		err = listen_open_tcp(o->listen_host, o->listen_port, &s->tcp, why);
		if (err != KODO_ECONFLICT || clock_mono_us() > until_us)
			return err;
		usleep(ASK_US);
	}
}

/* Also after a failure it goes on as that user: what it does at its end is in the user's folder. */
static enum kodo_err
open_port_as_root(struct service *s, struct why *why)
{
	struct why end_why = { "" };
	enum kodo_err ended, err = become_root(&s->become, why);

	if (err != KODO_OK)
		return err;
	err = open_port(s, why);
	ended = become_end(&s->become, err == KODO_OK ? why : &end_why);
	return err == KODO_OK ? ended : err;
}

/* A start ends at the first fault of a loader. */
static enum kodo_err
load_options(struct service *s, struct why *why)
{
	enum kodo_err err = option_load_service(s->arena, s->argc, s->argv, true, &s->options, why);
	const size_t len = strlen(why->text);

	if (err == KODO_EINVAL && why->text[0] == '/')		/* its file */
		snprintf(why->text + len, sizeof(why->text) - len,
		    "; kodo check says all that is wrong");
	return err;
}

static enum kodo_err
prepare(struct service *s, struct why *why)
{
	const struct rlimit none = { 0, 0 };
	const struct options *o = &s->options;
	enum kodo_err err;

	(void)setrlimit(RLIMIT_CORE, &none);	/* memory holds the key */
	err = load_options(s, why);
	if (err == KODO_OK)
		err = option_check_listen(o, why);
	if (err == KODO_OK)
		err = become_begin(s->arena, o->user, &s->become, why);
	if (err != KODO_OK)
		return err;
	/* before the log, which makes its folder */
	err = state_open(&s->state, o->state_path, true, why);
	if (err != KODO_OK)
		return err;
	log_set_format(o->log_format);
	log_setup(o->url, o->screen_level, o->log_file, o->log_file_level,
	    (uint64_t)o->log_max_mib << 20);
	err = lock_state(s, why);
	if (err == KODO_OK)
		err = lighttpd_find(s->lighttpd_path, why);
	if (err == KODO_OK)
		err = find_programs(s, why);
	return err == KODO_OK ? open_port_as_root(s, why) : err;
}

#define START_AGAIN_US	500000u

/* In a cluster until this machine has caught up with it, and a majority of etcd is there. */
static enum kodo_err
apply_start(struct service *s, struct registry *r, struct why *why)
{
	bool is_told = false;
	enum kodo_err err;

	for (;;) {
		link_ensure(registry_state(r), s->runner_path);
		link_join(r, LINK_START_MS);
		err = startup_apply(
		    r, &s->options, s->stamp, START_NOW, isotime_now_us(), NULL, why);
		if (err != KODO_EBUSY || !machine_is_member(registry_state(r)))
			return err;
		if (!is_told)
			log_warning("the cluster does not take the options yet, or this machine "
			    "has not caught up with it: the start waits");
		is_told = true;
		usleep(START_AGAIN_US);
	}
}

/*
 * Options and the work of the start go into the state before the port opens: `idle` is false from
 * the first answer on.
 */
static enum kodo_err
apply(struct service *s, struct why *why)
{
	struct registry *r = NULL;
	struct store_stat stat;
	enum kodo_err err;

	err = service_loader_begin(s);
	if (err == KODO_OK)
		err = registry_open(s->options.state_path, STORE_MAKE, why, &r);
	if (err == KODO_OK)
		err = link_note(registry_state(r), &s->options);
	if (err == KODO_OK)
		err = apply_start(s, r, why);
	if (err == KODO_OK)
		err = store_stat(registry_store(r), &stat);
	if (err == KODO_OK)
		s->n_providers = stat.entries[T_PROVIDER];
	link_leave();
	registry_close(r);
	return err;
}

/* --- children --- */

static struct child *
add_child(struct service *s, const char *name)
{
	struct child *c = &s->children[s->n_children++];

	snprintf(c->name, sizeof(c->name), "%s", name);
	c->program.stdin_fd = c->program.stderr_fd = -1;
	return c;
}

static void
add_worker(struct service *s, unsigned number)
{
	static char name[] = "kodo";
	static char *const argv[] = { name, NULL };
	struct child *c = add_child(s, "");

	snprintf(c->name, sizeof(c->name), "worker %u", number);
	c->program.path = s->own_path;
	c->program.argv = argv;
	c->program.stdin_fd = s->unix_fd;
	c->program.env[0] = s->env_state;
	c->program.env[1] = s->env_runner;
	c->program.env[2] = s->env_pid;
	c->program.env[3] = s->env_www;
}

static void
add_runner(struct service *s)
{
	static char name[] = "kodo-reconnect", state[] = "--state", stay[] = "--stay";
	static char *argv[] = { name, state, NULL, stay, NULL };
	struct child *c = add_child(s, "the runner");

	argv[2] = s->state.path;
	c->program.path = s->runner_path;
	c->program.argv = argv;
	c->program.env[0] = s->env_pid;
	s->runner = c;
}

static void
add_lighttpd(struct service *s)
{
	static char name[] = "lighttpd", foreground[] = "-D", file[] = "-f";
	static char *argv[] = { name, foreground, file, NULL, NULL };
	struct child *c = add_child(s, "lighttpd");

	argv[3] = s->conf_path;
	c->program.path = s->lighttpd_path;
	c->program.argv = argv;
	c->program.folder = s->state.path;
	c->program.stderr_fd = s->errors[1];
	c->program.sockets = &s->tcp;
	s->lighttpd = c;
}

static enum kodo_err
add_children(struct service *s, struct why *why)
{
	const char *www = getenv("KODO_WWW");
	unsigned workers = s->options.workers, i;

	s->children = arena_zalloc(s->arena, (workers + 2) * sizeof(s->children[0]));
	s->env_state = arena_printf(s->arena, "KODO_STATE=%s", s->state.path);
	s->env_runner = arena_printf(s->arena, "KODO_RECONNECT=%s", s->runner_path);
	s->env_pid = arena_printf(s->arena, "KODO_SERVICE_PID=%ld", (long)getpid());
	if (www != NULL && www[0] == '/')
		s->env_www = arena_printf(s->arena, "KODO_WWW=%s", www);
	if (s->children == NULL || s->env_state == NULL || s->env_runner == NULL ||
	    s->env_pid == NULL || (www != NULL && www[0] == '/' && s->env_www == NULL))
		return why_set(why, KODO_ENOMEM, "memory ran out");
	for (i = 0; i < workers; i++)
		add_worker(s, i + 1);
	if (s->options.trigger != TRIGGER_CRON)
		add_runner(s);
	add_lighttpd(s);
	return KODO_OK;
}

/* Signals are read from a descriptor; children get their mask back. */
static enum kodo_err
open_signals(struct service *s, struct why *why)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0 || pipe2(s->errors, O_CLOEXEC | O_NONBLOCK) != 0)
		return why_set(
		    why, KODO_EIO, "cannot make a descriptor for signals: %s", strerror(errno));
	/* the writing end is lighttpd's, which expects it to block */
	if (fcntl(s->errors[1], F_SETFL, 0) != 0)
		return why_set(why, KODO_EIO, "cannot set up a pipe: %s", strerror(errno));
	return KODO_OK;
}

/*
 * The port opens after the start of the runner: a script that waits for the open port and then
 * starts the next service finds that ours connects first.
 */
static enum kodo_err
start_all(struct service *s, struct why *why)
{
	enum kodo_err err = KODO_OK;
	unsigned i;

	for (i = 0; err == KODO_OK && i < s->n_children; i++) {
		if (&s->children[i] == s->lighttpd)
			err = listen_start(&s->tcp, s->options.listen_port, why);
		if (err == KODO_OK)
			err = child_start(&s->children[i], clock_mono_us(), why);
	}
	return err;
}

/* --- the loop --- */

static int64_t
start_due(struct service *s)
{
	int64_t now_us = clock_mono_us(), next_us = service_upload_look(s, now_us);
	const int64_t look_us = service_loader_look(s, now_us);
	unsigned i;

	next_us = look_us < next_us ? look_us : next_us;
	for (i = 0; i < s->n_children; i++) {
		struct child *c = &s->children[i];
		struct why why = { "" };

		if (c->pid > 0)
			continue;
		if (c->due_us <= now_us && child_start(c, now_us, &why) != KODO_OK) {
			log_error("%s", why.text);
			c->pause_us = child_pause_us(0, c->pause_us);
			c->due_us = now_us + c->pause_us;
		}
		if (c->pid == 0 && c->due_us < next_us)
			next_us = c->due_us;
	}
	return next_us;
}

/* A child that dies before the first answer of the service would die again. */
static enum kodo_err
explain_death(struct service *s, struct why *why)
{
	unsigned i;

	service_read_errors(s);
	for (i = 0; i < s->n_children; i++)
		if (s->children[i].pid == 0)
			return why_set(why, KODO_EIO, "%s did not start%s%s; see the lines before",
			    s->children[i].name, s->complaint[0] != '\0' ? ": " : "", s->complaint);
	return why_set(why, KODO_EIO, "a process did not start");
}

/* Wait until web server, worker and state work together. *stop: by a signal to end. */
static enum kodo_err
wait_ready(struct service *s, bool *stop, struct why *why)
{
	int64_t until_us = clock_mono_us() + READY_US;
	bool ready = false;
	int fd;

	*stop = false;
	while (!ready && !*stop) {
		int64_t begun_us = clock_mono_us();

		if (begun_us > until_us)
			return why_set(why, KODO_EIO,
			    "the service does not answer after %d s; see the lines before",
			    (int)(READY_US / 1000000));
		if (listen_ask(&s->tcp, &fd) != KODO_OK)
			fd = -1;
		do {
			*stop = service_wait(s, fd < 0 ? begun_us + ASK_US : until_us, fd);
			service_reap(s, true);
			if (s->n_deaths > 0 && !*stop) {
				if (fd >= 0)
					close(fd);
				return explain_death(s, why);
			}
		} while (
		    !*stop && clock_mono_us() < until_us && fd >= 0 && !service_is_readable(fd));
		if (fd >= 0)
			ready = listen_was_answered(fd);
		if (!ready && !*stop)
			*stop = service_wait(s, clock_mono_us() + ASK_US, -1);
	}
	return KODO_OK;
}

static void
log_started(const struct service *s)
{
	const struct options *o = &s->options;
	char level[16];
	size_t i;

	snprintf(level, sizeof(level), "%s", log_level_name(o->screen_level));
	for (i = 0; level[i] != '\0'; i++)
		level[i] = (char)(level[i] | 0x20);
	log_info("startup with flows: %zu, providers: %llu, connection: %zu, log level: %s",
	    o->n_flows, (unsigned long long)s->n_providers, o->n_connect, level);
	if (o->registry)
		log_info("registry startup complete (feed is %s)", o->feed ? "True" : "False");
	else
		log_info("node startup complete");
	log_info("%.*s%s%.*s%s%.*s; Ctrl-C ends it", STR_ARG(o->organization),
	    o->organization.len > 0 ? " is at " : "", STR_ARG(o->url),
	    o->loader.len > 0 ? ", and follows " : "", STR_ARG(o->loader));
	if (!o->registry && o->n_connect == 0)
		log_info("listed by nobody: connect names no registry");
	if (s->become.is_root && s->become.uid == 0)
		log_info("this is root, and stays so: the option `user` names somebody else");
}

static enum kodo_err
serve(struct service *s, struct why *why)
{
	enum kodo_err err;
	bool stop;

	err = start_all(s, why);
	if (err == KODO_OK)
		err = wait_ready(s, &stop, why);
	if (err != KODO_OK || stop)
		return err;
	log_started(s);
	s->loader_run_us = clock_mono_us() + s->options.loader_s * 1000000ll;
	do {
		stop = service_wait(s, start_due(s), -1);
		service_reap(s, false);
	} while (!stop);
	return KODO_OK;
}

int
cmd_service(int argc, char *argv[])
{
	static struct service s = {
		.lock_fd = -1, .unix_fd = -1, .signal_fd = -1, .errors = { -1, -1 },
		.upload_fd = -1
	};
	struct why why = { "" };
	enum kodo_err err = KODO_ENOMEM;
	struct near unknown;
	int status = 2;

	s.argc = argc - 1;
	s.argv = argv + 1;
	s.arena = arena_new();
	if (s.arena != NULL)
		err = option_check_args(s.arena, s.argc, s.argv, &unknown, &why);
	if (err == KODO_OK) {
		status = 1;
		err = prepare(&s, &why);
	}
	if (err == KODO_OK)
		err = apply(&s, &why);
	if (err == KODO_OK)
		err = listen_open_unix(s.state.path, SOCKET_NAME, &s.unix_fd, &why);
	if (err == KODO_OK)
		err = lighttpd_write_conf(&s.options, &s.state, SOCKET_NAME, s.conf_path, &why);
	if (err == KODO_OK)
		err = service_upload_open(&s, &why);
	if (err == KODO_OK)
		err = open_signals(&s, &why);
	if (err == KODO_OK)
		err = add_children(&s, &why);
	if (err == KODO_OK)
		err = serve(&s, &why);
	service_end(&s, SOCKET_NAME);
	if (err != KODO_OK)
		cmd_complain("service", err, &why);
	else
		log_info("shutdown now");
	log_close();
	arena_free(s.stamp_arena);
	arena_free(s.arena);
	return err == KODO_OK ? 0 : status;
}
