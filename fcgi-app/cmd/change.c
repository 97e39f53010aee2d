/*
 * kodo connect, kodo disconnect, kodo evict: what people may change of a service, running or not.
 * The change is made in the state; the runner, woken or started, does the sending, and its first
 * attempts are waited for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/inspect.h"
#include "cmd/table.h"
#include "core/base/isotime.h"
#include "core/base/url.h"
#include "core/registry/target.h"
#include "core/registry/wait.h"
#include "core/storage/runner.h"
#include "core/views/peer_status.h"

#define WAIT_MS		5000
#define STEP_MS		20

static const char connect_usage[] =
    "usage: kodo connect [URL] [--no-wait] [SERVICE ...]\n"
    "\n"
    "Connect to a target of the option `connect` now (without URL to each), also where it was\n"
    "left, or attempts were used up. Another url: add it to `connect` first.\n"
    "Waits up to 5 s for the first attempts, unless --no-wait.\n"
    "Exit status: 0 connected (or not waited for), 1 not, 2 for wrong arguments.\n"
    "\n"
    TARGET_HELP;

static const char disconnect_usage[] =
    "usage: kodo disconnect [URL] [--no-wait] [SERVICE ...]\n"
    "\n"
    "Leave a target (without URL each), until kodo connect or the next start.\n"
    "Waits up to 5 s for the first attempts, unless --no-wait.\n"
    "Exit status: 0 left (or not waited for), 1 not, 2 for wrong arguments.\n"
    "\n"
    TARGET_HELP;

static const char evict_usage[] =
    "usage: kodo evict URL [--no-wait] [SERVICE ...]\n"
    "\n"
    "Throw out a provider with all nodes that it gave; it may connect again (keep it out with\n"
    "the option `accept`).\n"
    "Exit status: 0 gone, 1 not, 2 for wrong arguments.\n"
    "\n"
    TARGET_HELP;

struct change {
	const char *name;
	enum kodo_err (*make)(
	    struct registry *r, struct str url, int64_t now_us, uint64_t *ticket);
	const char *unknown;		/* what to say where there is no such peer */
	bool no_wait;
	struct look *look;
	size_t n_told;			/* after: peers that were meant */
	bool is_bad;			/* one of them is in trouble */
};

static enum kodo_err
change_prepare(struct look *l, void *arg, struct why *why)
{
	struct change *c = arg;

	(void)why;
	c->no_wait = inspect_take_flag(l, "--no-wait");
	return KODO_OK;
}

/* false: nobody will send before the next request or cron. */
static bool
wake_runner(struct look *l)
{
	const struct options *o = l->view.options;
	struct why why = { "" };

	if (state_wake(registry_state(l->registry)) == KODO_OK)
		return true;
	return o->trigger != TRIGGER_CRON &&
	    runner_start(registry_state(l->registry)->path, NULL, &why) == KODO_OK;
}

static enum kodo_err
wait_until_tried(struct look *l, uint64_t ticket, bool *tried)
{
	int left = WAIT_MS;
	enum kodo_err err;

	do {
		err = wait_is_tried(l->registry, ticket, isotime_now_us(), tried);
		if (err != KODO_OK || *tried)
			return err;
		usleep(STEP_MS * 1000);
		left -= STEP_MS;
	} while (left > 0);
	return KODO_OK;
}

/* One line for each peer that was meant. */
static enum kodo_err
tell_peer(void *arg, const struct peer_state *p)
{
	struct change *c = arg;
	struct str what = c->look->what;

	if (what.p != NULL ? !str_eq(what, p->url) : !p->is_target)
		return KODO_OK;
	c->n_told++;
	table_print_text(p->url);
	printf(": %s", peer_status_name(p->health));
	if (p->error.len > 0) {
		fputs(": ", stdout);
		table_print_text(p->error);
	}
	putchar('\n');
	c->is_bad |= p->health == STATUS_FAILING || p->health == STATUS_PAUSED;
	return KODO_OK;
}

static enum kodo_err
tell_outcome(struct look *l, struct change *c, struct why *why)
{
	struct view v;
	enum kodo_err err = view_begin(l->registry, isotime_now_us(), &v);

	if (err != KODO_OK)
		return err;
	err = peer_status_each(&v, l->target.a, tell_peer, c);
	view_end(&v);
	if (err == KODO_OK && c->n_told == 0 && l->what.p != NULL)
		/* a url: nothing in it moves a cursor */
		printf("%.*s: gone\n", STR_ARG(l->what));
	if (err == KODO_OK && c->is_bad)
		return why_set(why, KODO_EIO, "not every peer could be reached; it is tried again");
	return err;
}

/*
 * The view is not held open here: what is made and waited for would not be in it, and it would keep
 * the store from reusing its pages.
 */
static enum kodo_err
change_body(struct look *l, void *arg, struct why *why)
{
	struct change *c = arg;
	uint64_t ticket;
	bool tried = false;
	enum kodo_err err;

	c->look = l;
	l->what = url_shown(l->what);
	view_end(&l->view);
	err = c->make(l->registry, l->what, l->now_us, &ticket);
	if (err == KODO_ENOTFOUND)
		why_set(why, err, "%s", c->unknown);
	else if (err == KODO_ECONFLICT)
		why_set(why, err, "it is a target of ours too, and would be back at once; "
		    "kodo disconnect it first");
	else if (err == KODO_EINVAL)
		why_set(why, err, "%.*s is no http or https url", STR_ARG(l->what));
	if (err == KODO_OK && !wake_runner(l))
		fprintf(stderr, "kodo %s: noted; no runner is running, so it is sent at the "
		    "next request or cron\n", c->name);
	else if (err == KODO_OK && !c->no_wait)
		err = wait_until_tried(l, ticket, &tried);
	if (err == KODO_OK && tried)
		err = tell_outcome(l, c, why);
	if (view_begin(l->registry, l->now_us, &l->view) != KODO_OK)
		return err == KODO_OK ? KODO_EIO : err;
	return err;
}

int
cmd_connect(int argc, char *argv[])
{
	static const struct inspect_command command = {
		.name = "connect", .usage = connect_usage, .has_what = true,
		.prepare = change_prepare, .body = change_body,
	};
	struct change c = { .name = "connect", .make = registry_connect_again,
		.unknown = "no such target: add it to the option `connect` first" };

	return inspect_run(&command, argc, argv, &c);
}

int
cmd_disconnect(int argc, char *argv[])
{
	static const struct inspect_command command = {
		.name = "disconnect", .usage = disconnect_usage, .has_what = true,
		.prepare = change_prepare, .body = change_body,
	};
	struct change c = { .name = "disconnect", .make = registry_leave_target,
		.unknown = "no such target; see kodo peers" };

	return inspect_run(&command, argc, argv, &c);
}

int
cmd_evict(int argc, char *argv[])
{
	static const struct inspect_command command = {
		.name = "evict", .usage = evict_usage, .has_what = true, .wants_what = true,
		.prepare = change_prepare, .body = change_body,
	};
	struct change c = { .name = "evict", .make = registry_evict,
		.unknown = "no such provider; see kodo peers" };

	return inspect_run(&command, argc, argv, &c);
}
