#include <stdio.h>
#include <unistd.h>

#include "cmd/inspect.h"
#include "core/base/isotime.h"

#define COPY_BYTES	65536

bool
inspect_take_flag(struct look *l, const char *name)
{
	struct state_arg *t = &l->target;
	int i;

	for (i = 0; i < t->argc; i++) {
		if (strcmp(t->argv[i], name) != 0)
			continue;
		for (t->argc--; i < t->argc; i++)
			t->argv[i] = t->argv[i + 1];
		return true;
	}
	return false;
}

/* The first argument, if it is none of those that name the service. */
static enum kodo_err
take_what(struct look *l, const struct inspect_command *c, struct why *why)
{
	struct state_arg *t = &l->target;

	if (c->has_what && t->argc > 0 && t->argv[0][0] != '-') {
		l->what = str_of(t->argv[0]);
		t->argv++;
		t->argc--;
	}
	if (c->wants_what && l->what.p == NULL)
		return why_set(why, KODO_EINVAL, "which URL? see kodo %s --help", c->name);
	return KODO_OK;
}

static enum kodo_err
begin(struct look *l, struct why *why)
{
	enum kodo_err err = state_arg_open(&l->target, &l->registry, why);

	if (err != KODO_OK)
		return err;
	err = view_begin(l->registry, l->now_us, &l->view);
	if (err == KODO_ENOTFOUND)
		return why_set(why, err, "the state has no options yet; start the service once");
	return err;
}

int
inspect_run(const struct inspect_command *c, int argc, char *argv[], void *arg)
{
	struct look l = { .what = STR_NULL };
	struct why why = { "" };
	bool wrong = true;
	enum kodo_err err;

	l.now_us = isotime_now_us();
	err = state_arg_read(&l.target, argc - 1, argv + 1, &why);
	if (err == KODO_OK && l.target.is_help) {
		fputs(c->usage, stdout);
		state_arg_free(&l.target);
		return 0;
	}
	if (err == KODO_OK) {
		l.is_json = inspect_take_flag(&l, "--json");
		if (c->prepare != NULL)
			err = c->prepare(&l, arg, &why);
	}
	if (err == KODO_OK)
		err = take_what(&l, c, &why);
	if (err == KODO_OK) {
		wrong = false;
		err = begin(&l, &why);
		if (err == KODO_OK) {
			err = c->body(&l, arg, &why);
			view_end(&l.view);
		}
	}
	registry_close(l.registry);
	if (err != KODO_OK)
		fprintf(stderr, "kodo %s: %s\n", c->name,
		    why.text[0] != '\0' ? why.text : kodo_err_text(err));
	state_arg_free(&l.target);
	return err == KODO_OK ? 0 : wrong ? 2 : 1;
}

enum kodo_err
inspect_print(struct sink *out)
{
	char piece[COPY_BYTES];
	uint64_t at = 0;
	ssize_t n;

	if (buf_failed(&out->buf))
		return out->buf.err;
	if (out->fd == -1)
		fwrite(out->buf.p, 1, out->buf.len, stdout);
	while (out->fd != -1 && at < out->len &&
	    (n = pread(out->fd, piece, sizeof(piece), (off_t)at)) > 0) {
		fwrite(piece, 1, (size_t)n, stdout);
		at += (uint64_t)n;
	}
	putchar('\n');
	return fflush(stdout) == 0 ? KODO_OK : KODO_EIO;
}
