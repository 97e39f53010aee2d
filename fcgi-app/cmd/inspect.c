#include <stdio.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/inspect.h"
#include "core/base/isotime.h"
#include "core/base/path.h"
#include "core/storage/runner.h"

#define COPY_BYTES	65536

/* The first argument, unless it is an option. */
static enum kodo_err
take_what(struct inspect *in, const struct inspect_command *c, struct why *why)
{
	struct state_arg *t = &in->state_arg;

	if (c->has_what && t->argc > 0 && t->argv[0][0] != '-') {
		in->what = str_of(t->argv[0]);
		t->argv++;
		t->argc--;
	}
	if (c->wants_what && in->what.p == NULL)
		return why_set(why, KODO_EINVAL, "which URL? see kodo %s --help", in->name);
	return KODO_OK;
}

static enum kodo_err
read_arguments(struct inspect *in, const struct inspect_command *c, void *arg, struct why *why)
{
	enum kodo_err err = KODO_OK;

	in->is_json = state_arg_take_flag(&in->state_arg, "--json");
	if (c->prepare != NULL)
		err = c->prepare(in, arg, why);
	return err == KODO_OK ? take_what(in, c, why) : err;
}

static enum kodo_err
run_body(struct inspect *in, const struct inspect_command *c, void *arg, struct why *why)
{
	enum kodo_err err = state_arg_open(&in->state_arg, &in->registry, why);

	if (err != KODO_OK)
		return err;
	err = view_begin(in->registry, in->now_us, &in->view);
	if (err == KODO_ENOTFOUND)
		why_set(why, err, "the state has no options yet; start the service once");
	if (err == KODO_OK) {
		err = c->body(in, arg, why);
		view_end(&in->view);
	}
	registry_close(in->registry);
	return err;
}

int
inspect_run(const struct inspect_command *c, int argc, char *argv[], void *arg)
{
	struct inspect in = { .name = argv[0], .now_us = isotime_now_us() };
	struct why why = { "" };
	int status = 2;
	enum kodo_err err = state_arg_read(&in.state_arg, argc - 1, argv + 1, &why);

	if (err == KODO_OK && in.state_arg.is_help) {
		fputs(c->usage, stdout);
		state_arg_free(&in.state_arg);
		return 0;
	}
	if (err == KODO_OK)
		err = read_arguments(&in, c, arg, &why);
	if (err == KODO_OK) {
		err = run_body(&in, c, arg, &why);
		status = err == KODO_OK ? 0 : 1;
	}
	if (err != KODO_OK)
		cmd_complain(in.name, err, &why);
	state_arg_free(&in.state_arg);
	return status;
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
