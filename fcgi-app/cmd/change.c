/*
 * kodo connect, kodo disconnect, kodo evict: the changes that people may make to a service, running
 * or not. They go into the state; the runner, woken or started, sends their messages, and the
 * command waits for its first attempts.
 */
#include <stdio.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/inspect.h"
#include "core/base/isotime.h"
#include "core/base/screen.h"
#include "core/base/url.h"
#include "core/registry/target.h"
#include "core/registry/wait.h"
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
    "Example: kodo connect http://localhost:3367\n"
    "\n"
    STATE_ARG_HELP;

static const char disconnect_usage[] =
    "usage: kodo disconnect [URL] [--no-wait] [SERVICE ...]\n"
    "\n"
    "Leave a target (without URL each), until kodo connect or the next start.\n"
    "Waits up to 5 s for the first attempts, unless --no-wait.\n"
    "Exit status: 0 left (or not waited for), 1 not, 2 for wrong arguments.\n"
    "Example: kodo disconnect http://localhost:3367 my.yaml\n"
    "\n"
    STATE_ARG_HELP;

static const char evict_usage[] =
    "usage: kodo evict URL [--forget] [--no-wait] [SERVICE ...]\n"
    "\n"
    "Throw out a provider with all nodes that it gave; it may connect again (keep it out with\n"
    "the option `accept`). --forget: then forget too that these nodes were removed, also of one\n"
    "that has gone already: what other peers state of them is shown. Not before it was sent.\n"
    "Exit status: 0 gone, 1 not, 2 for wrong arguments.\n"
    "Example: kodo evict http://spam.example.org --forget\n"
    "\n"
    STATE_ARG_HELP;

struct action {
	enum kodo_err (*make)(
	    struct registry *r, struct str url, int64_t now_us, uint64_t *ticket);
	const char *unknown;		/* the message where there is no such peer */
	bool can_forget, forget;	/* --forget */
	bool no_wait;
	struct inspect *in;
	size_t n_peers;			/* after: of the action */
	bool is_bad;			/* one of them is failing or paused */
	struct str key;			/* of the url, if one was given */
};

static enum kodo_err
change_prepare(struct inspect *in, void *arg, struct why *why)
{
	struct action *c = arg;

	(void)why;
	c->no_wait = state_arg_take_flag(&in->state_arg, "--no-wait");
	c->forget = c->can_forget && state_arg_take_flag(&in->state_arg, "--forget");
	return KODO_OK;
}

static enum kodo_err
wait_until_tried(struct inspect *in, uint64_t ticket, bool *tried)
{
	int left = WAIT_MS;
	enum kodo_err err;

	do {
		err = wait_is_tried(in->registry, ticket, isotime_now_us(), tried);
		if (err != KODO_OK || *tried)
			return err;
		usleep(STEP_MS * 1000);
		left -= STEP_MS;
	} while (left > 0);
	return KODO_OK;
}

/* One line for each peer of the action. */
static enum kodo_err
put_peer(void *arg, const struct peer_state *p)
{
	struct action *c = arg;
	struct str key;

	if (url_key(c->in->state_arg.a, p->url, &key) != KODO_OK)
		return KODO_ENOMEM;
	if (c->key.p != NULL ? !str_eq(key, c->key) : !p->is_target)
		return KODO_OK;
	c->n_peers++;
	screen_print(stdout, p->url);
	printf(": %s", peer_status_name(p->health));
	if (p->error.len > 0) {
		fputs(": ", stdout);
		screen_print(stdout, p->error);
	}
	putchar('\n');
	c->is_bad |= peer_status_is_bad(p);
	return KODO_OK;
}

static enum kodo_err
put_outcome(struct inspect *in, struct action *c, struct why *why)
{
	struct view v;
	enum kodo_err err = view_begin(in->registry, isotime_now_us(), &v);

	if (err != KODO_OK)
		return err;
	if (in->what.p != NULL)
		err = url_key(in->state_arg.a, in->what, &c->key);
	if (err == KODO_OK)
		err = peer_status_each(&v, in->state_arg.a, put_peer, c);
	view_end(&v);
	if (err == KODO_OK && c->n_peers == 0 && in->what.p != NULL)
		/* a url: nothing in it moves a cursor */
		printf("%.*s: gone\n", STR_ARG(in->what));
	if (err == KODO_OK && c->is_bad)
		return why_set(why, KODO_EIO, "not every peer could be reached; it is tried again");
	return err;
}

/* After peers were told of the removals. acted: what came of the eviction. */
static enum kodo_err
forget(struct inspect *in, enum kodo_err acted)
{
	size_t n = 0;
	enum kodo_err err;

	if (acted != KODO_OK && acted != KODO_ENOTFOUND)
		return acted;
	err = registry_forget(in->registry, in->what, in->now_us, isotime_now_us(), &n);
	if (err == KODO_OK && n > 0)
		printf("%.*s: %zu removals forgotten\n", STR_ARG(in->what), n);
	return err != KODO_OK ? err : n > 0 ? KODO_OK : acted;
}

/*
 * The view is closed during the action: its result would not be in it, and it would keep the store
 * from reusing pages.
 */
static enum kodo_err
change_body(struct inspect *in, void *arg, struct why *why)
{
	struct action *c = arg;
	uint64_t ticket;
	bool tried = false;
	enum kodo_err err;

	c->in = in;
	in->what = url_shown(in->what);
	view_end(&in->view);
	err = c->make(in->registry, in->what, in->now_us, &ticket);
	if (err == KODO_OK && !inspect_wake(in))
		fprintf(stderr, "kodo %s: noted; no runner is running, so it is sent at the "
		    "next request or cron\n", in->name);
	else if (err == KODO_OK && !c->no_wait)
		err = wait_until_tried(in, ticket, &tried);
	if (c->forget && (err != KODO_OK || tried))
		err = forget(in, err);
	else if (c->forget)
		why_set(why, err = KODO_EBUSY, "its removals are not sent yet: give --forget "
		    "again when `kodo peers` shows nothing pending");
	if (err == KODO_ENOTFOUND)
		why_set(why, err, "%s", c->unknown);
	else if (err == KODO_ECONFLICT)
		why_set(why, err, "it is a target of ours too, and would be back at once; "
		    "kodo disconnect it first");
	else if (err == KODO_EINVAL)
		why_set(why, err, "%.*s is no http or https url", STR_ARG(in->what));
	if (err == KODO_OK && tried)
		err = put_outcome(in, c, why);
	if (view_begin(in->registry, in->now_us, &in->view) != KODO_OK)
		return err == KODO_OK ? KODO_EIO : err;
	return err;
}

static int
run(const char *usage, bool wants_what, struct action c, int argc, char *argv[])
{
	const struct inspect_command command = {
		.usage = usage, .has_what = true, .wants_what = wants_what,
		.prepare = change_prepare, .body = change_body,
	};

	return inspect_run(&command, argc, argv, &c);
}

int
cmd_connect(int argc, char *argv[])
{
	return run(connect_usage, false, (struct action){ .make = registry_connect_again,
	    .unknown = "no such target: add it to the option `connect` first" }, argc, argv);
}

int
cmd_disconnect(int argc, char *argv[])
{
	return run(disconnect_usage, false, (struct action){ .make = registry_leave_target,
	    .unknown = "no such target; see kodo peers" }, argc, argv);
}

int
cmd_evict(int argc, char *argv[])
{
	return run(evict_usage, true, (struct action){ .make = registry_evict, .can_forget = true,
	    .unknown = "no such provider; see kodo peers" }, argc, argv);
}
