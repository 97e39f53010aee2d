/* kodo service follows its loader: a file that changes, a program every loader_s. */
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/service_private.h"
#include "core/base/isotime.h"
#include "core/cluster/link.h"
#include "core/registry/registry.h"
#include "core/registry/startup.h"

#define LOOK_US		(500 * 1000ll)	/* between two looks at the files */
#define EXIT_BUSY	3		/* of the child: the files are being written; try again */

/* Options of the processes that are running already, or of the port. */
static const char *const at_start_only[] = { "listen", "user", "workers", "trigger", "body_max_mib",
	"spool_max_mib", "screen_level", "log_file", "log_file_level", "log_max_mib",
	"log_format" };

/* The line for people after a change. */
static void
say_change(const struct service *s, const struct options *o)
{
	struct buf late = BUF_INIT(0);
	size_t i;

	for (i = 0; i < sizeof(at_start_only) / sizeof(at_start_only[0]); i++)
		if (option_differs(&s->options, o, at_start_only[i]))
			buf_printf(&late, "%s %s", late.len > 0 ? "," : "", at_start_only[i]);
	log_info("the loader has changed, and holds: flows: %zu, connection: %zu", o->n_flows,
	    o->n_connect);
	if (late.len > 0)
		log_warning("only from the next start of kodo service on:%s", buf_z(&late));
	buf_free(&late);
}

/* Applies what the loader says now. */
static enum kodo_err
apply(const struct service *s, struct registry *r, struct arena *a, struct why *why)
{
	struct options o;
	struct str stamp;
	enum kodo_err err;

	/* the stamp before the contents: files that change in between are read again */
	err = option_stamp_service(a, s->options.loader, &stamp);
	if (err == KODO_OK)
		err = option_load_service(a, s->argc, s->argv, true, &o, why);
	if (err == KODO_OK)
		err = startup_check(r, &o, START_IF_CHANGED, why);
	if (err == KODO_OK &&
	    (!str_eq(o.url_key, s->options.url_key) ||
		!str_eq(o.state_path, s->options.state_path)))
		err = why_set(why, KODO_ECONFLICT,
		    "the loader now names another url or cache_data; start the service anew");
	/* what writes here, and how, is decided at a start */
	if (err == KODO_OK && (o.cluster.p == NULL) != (s->options.cluster.p == NULL))
		err = why_set(why, KODO_ECONFLICT,
		    "the loader now names %s cluster; start the service anew",
		    o.cluster.p == NULL ? "no" : "a");
	if (err == KODO_OK && link_note(registry_state(r), &o) != KODO_OK)
		err = why_set(why, KODO_EIO, "cannot write %s/machine", s->state.path);
	if (err == KODO_OK)
		err = startup_apply(r, &o, stamp, START_IF_CHANGED, isotime_now_us(), NULL, why);
	if (err == KODO_OK && !o.loader_is_program)
		say_change(s, &o);
	return err;
}

/* In a child, which opens the state. Returns the exit status. */
static int
reload(const struct service *s)
{
	struct arena *a = arena_new();
	struct why why = { "" };
	struct registry *r = NULL;
	enum kodo_err err;

	if (s->lock_fd >= 0)
		close(s->lock_fd);	/* else we would hold it after the end of the service */
	if (a == NULL)
		return 1;
	err = registry_open(s->options.state_path, STORE_UPGRADE, &why, &r);
	if (err == KODO_OK) {
		link_join(r, LINK_REQUEST_MS);
		err = apply(s, r, a, &why);
	}
	if (err == KODO_OK && state_wake(&s->state) != KODO_OK)
		log_debug("the loader was read; no runner waits");
	if (err == KODO_EBUSY && !s->loader_is_busy)
		log_info("%s", cmd_words(err, &why));
	else if (err != KODO_OK && err != KODO_EBUSY)
		log_error("the options stay as they are: %s", cmd_words(err, &why));
	registry_close(r);
	arena_free(a);
	return err == KODO_OK ? 0 : err == KODO_EBUSY ? EXIT_BUSY : 1;
}

static void
start_reload(struct service *s)
{
	pid_t parent = getpid();

	s->loader_pid = fork();
	if (s->loader_pid == 0) {
		child_detach(parent);
		_exit(reload(s));
	}
	if (s->loader_pid < 0)
		service_loader_ended(s, W_EXITCODE(EXIT_BUSY, 0));
}

enum kodo_err
service_loader_begin(struct service *s)
{
	s->stamp_arena = arena_new();
	return s->stamp_arena == NULL ? KODO_ENOMEM :
	    option_stamp_service(s->stamp_arena, s->options.loader, &s->stamp);
}

void
service_loader_ended(struct service *s, int status)
{
	s->loader_pid = 0;
	s->loader_is_busy = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_BUSY;
	if (s->new_arena == NULL)
		return;
	/* a faulty one is not read again until it changes */
	if (s->loader_is_busy) {
		arena_free(s->new_arena);
	} else {
		arena_free(s->stamp_arena);
		s->stamp_arena = s->new_arena;
		s->stamp = s->new_stamp;
	}
	s->new_arena = NULL;
}

/* Have the files changed? Their new stamp is kept until it is known what became of them. */
static bool
has_changed(struct service *s)
{
	struct arena *a = arena_new();

	if (a == NULL || option_stamp_service(a, s->options.loader, &s->new_stamp) != KODO_OK ||
	    str_eq(s->stamp, s->new_stamp)) {
		arena_free(a);
		return false;
	}
	s->new_arena = a;
	return true;
}

int64_t
service_loader_look(struct service *s, int64_t now_us)
{
	bool is_due;

	if (now_us < s->loader_due_us || s->loader_pid > 0)
		return s->loader_pid > 0 ? NEVER : s->loader_due_us;
	s->loader_due_us = now_us + LOOK_US;
	is_due = s->options.loader_is_program && now_us >= s->loader_run_us;
	if (has_changed(s) || is_due) {
		s->loader_run_us = now_us + s->options.loader_s * 1000000ll;
		start_reload(s);
	}
	return s->loader_due_us;
}
