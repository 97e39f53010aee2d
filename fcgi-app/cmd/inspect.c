#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/inspect.h"
#include "core/base/isotime.h"
#include "core/base/path.h"
#include "core/storage/runner.h"

#define COPY_BYTES	65536
#define WATCH_S		2u
#define WATCH_MAX_S	86400u

/* `--json`, `-h`; `-draft` is what a search leaves out. */
static bool
is_option(const char *arg)
{
	return arg[0] == '-' && (arg[1] == '-' || arg[1] == '\0' || arg[2] == '\0');
}

/* The first argument, or the one after a loader, unless it is an option. */
static enum kodo_err
take_what(struct inspect *in, const struct inspect_command *c, struct why *why)
{
	struct state_arg *t = &in->state_arg;
	const int i = t->argc > 0 && state_arg_is_service(t, t->argv[0]) ? 1 : 0;

	if (c->has_what && t->argc > i && !is_option(t->argv[i])) {
		in->what = str_of(t->argv[i]);
		t->argv[i] = t->argv[0];
		t->argv++;
		t->argc--;
	}
	if (c->wants_what && in->what.p == NULL)
		return why_set(why, KODO_EINVAL, "which URL? see kodo %s --help", in->name);
	return KODO_OK;
}

static const struct form {
	const char *name;
	unsigned output;		/* OUTPUT_ */
	enum table_output table;
} forms[] = {
	{ "json", OUTPUT_JSON, TABLE_FIT },
	{ "wide", OUTPUT_WIDE, TABLE_WIDE },
	{ "name", OUTPUT_NAME, TABLE_NAMES },
};

static enum kodo_err
take_output(struct inspect *in, const struct inspect_command *c, struct why *why)
{
	const char *name = NULL;
	enum kodo_err err = KODO_OK;
	unsigned i;

	if (c->outputs == 0)
		return KODO_OK;
	if (state_arg_take_flag(&in->state_arg, "--json"))
		name = "json";
	else
		err = state_arg_take(&in->state_arg, "-o", &name, why);
	if (err != KODO_OK || name == NULL)
		return err;
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(forms[i].name, name) == 0 && (c->outputs & forms[i].output) != 0) {
			in->is_json = forms[i].output == OUTPUT_JSON;
			in->output = forms[i].table;
			return KODO_OK;
		}
	return why_set(why, KODO_EINVAL, "-o of kodo %s is %s, not %s", in->name,
	    c->outputs == OUTPUT_JSON ? "json" : "json, wide or name", name);
}

static enum kodo_err
take_watch(struct inspect *in, const struct inspect_command *c, struct why *why)
{
	const char *text;
	char *end;
	unsigned long s;

	if (!c->can_watch || !state_arg_take_optional(&in->state_arg, "--watch", &text))
		return KODO_OK;
	s = text == NULL ? WATCH_S : strtoul(text, &end, 10);
	if (text != NULL && (*end != '\0' || text[0] < '0' || text[0] > '9'))
		s = 0;
	if (s < 1 || s > WATCH_MAX_S)
		return why_set(why, KODO_EINVAL, "--watch=S needs seconds, from 1 to %u",
		    WATCH_MAX_S);
	in->watch_s = (unsigned)s;
	return KODO_OK;
}

/* What a command of state_arg is handed. */
struct inspection {
	struct inspect *in;
	const struct inspect_command *c;
	void *arg;
};

static enum kodo_err
take_arguments(struct state_arg *t, void *arg, struct why *why)
{
	const struct inspection *x = arg;
	enum kodo_err err = take_output(x->in, x->c, why);

	(void)t;	/* it is that of in */

	if (err == KODO_OK)
		err = take_watch(x->in, x->c, why);
	if (err == KODO_OK && x->c->prepare != NULL)
		err = x->c->prepare(x->in, x->arg, why);
	return err == KODO_OK ? take_what(x->in, x->c, why) : err;
}

/* body in a view of now, with memory of its own. */
static enum kodo_err
run_once(struct inspect *in, const struct inspect_command *c, void *arg, struct why *why)
{
	struct arena *whole = in->state_arg.a, *a = arena_new();
	enum kodo_err err;

	if (a == NULL)
		return KODO_ENOMEM;
	in->now_us = isotime_now_us();
	err = view_begin(in->registry, in->now_us, &in->view);
	if (err == KODO_ENOTFOUND)
		why_set(why, err, "the state has no options yet; start the service once");
	in->state_arg.a = a;
	if (err == KODO_OK) {
		err = c->body(in, arg, why);
		view_end(&in->view);
	}
	in->state_arg.a = whole;
	arena_free(a);
	return err;
}

/* Between two rounds: the screen from its top, or a line. */
static void
clear_screen(void)
{
	char now[ISOTIME_BYTES];

	isotime_format(isotime_now_us(), false, now);
	if (colour_is_on())
		printf("\033[H\033[J%s\n", now);
	else
		printf("\n%s\n", now);
}

static enum kodo_err
run_body(struct state_arg *t, void *arg, struct why *why)
{
	const struct inspection *x = arg;
	struct inspect *in = x->in;
	enum kodo_err err = state_arg_open_to_read(t, &in->registry, why);

	if (err != KODO_OK)
		return err;
	if (t->refused.text[0] != '\0')
		fprintf(stderr, "kodo %s: %s; what held before goes on\n", in->name,
		    t->refused.text);
	do {
		if (in->watch_s > 0 && !in->is_json)
			clear_screen();
		err = run_once(in, x->c, x->arg, why);
		if (fflush(stdout) != 0 && err == KODO_OK)
			err = KODO_EIO;
		if (in->watch_s > 0 && err == KODO_OK)
			sleep(in->watch_s);
	} while (in->watch_s > 0 && err == KODO_OK);
	registry_close(in->registry);
	return err;
}

int
inspect_run(const struct inspect_command *c, int argc, char *argv[], void *arg)
{
	const struct state_arg_command command = { c->usage, take_arguments, run_body };
	struct inspect in = { .name = argv[0], .now_us = isotime_now_us() };
	struct inspection x = { &in, c, arg };
	int status = state_arg_run(&command, &in.state_arg, argc, argv, &x);

	return status != 0 ? status : in.status;
}

bool
inspect_wake(struct inspect *in)
{
	const struct options *o = in->view.options;
	struct why why = { "" };

	if (state_wake(registry_state(in->registry)) == KODO_OK)
		return true;
	return o->trigger != TRIGGER_CRON &&
	    runner_start(registry_state(in->registry)->path, NULL, false, &why) == KODO_OK;
}

enum kodo_err
inspect_write(int fd, const struct sink *s)
{
	char block[COPY_BYTES];
	uint64_t at = 0;
	enum kodo_err err = KODO_OK;

	if (s->fd == -1)
		err = path_write(fd, buf_str(&s->buf));
	while (err == KODO_OK && s->fd != -1 && at < s->len) {
		ssize_t n = pread(s->fd, block, sizeof(block), (off_t)at);

		if (n <= 0)
			return KODO_EIO;
		at += (uint64_t)n;
		err = path_write(fd, (struct str){ block, (size_t)n });
	}
	return err == KODO_OK ? path_write(fd, STR("\n")) : err;
}

enum kodo_err
inspect_end_json(struct sink *out, enum kodo_err err)
{
	if (err == KODO_OK && buf_failed(&out->buf))
		err = out->buf.err;
	if (err == KODO_OK)
		err = inspect_write(STDOUT_FILENO, out);
	sink_free(out);
	return err;
}
