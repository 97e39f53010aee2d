/*
 * kodo backup, kodo restore: all of a service to one file, and back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/state_arg.h"
#include "core/base/isotime.h"
#include "core/base/screen.h"
#include "core/registry/registry.h"
#include "core/registry/restored.h"
#include "core/storage/backup.h"
#include "core/storage/restore.h"

static const char backup_usage[] =
    "usage: kodo backup FILE | - [--with-keys] [--force] [SERVICE ...]\n"
    "\n"
    "Write all that a service has, as of one moment, while it runs: its registry, its options,\n"
    "the files of its loader. --with-keys: the keys of the service and of its admin as well,\n"
    "which whoever has the file can use. FILE gets mode 0600, whole or not at all; one that is\n"
    "there is replaced with --force alone. -: to standard output. It is a tar archive, which\n"
    "kodo restore reads.\n"
    "Exit status: 0, 1 if it could not be done, 2 for wrong arguments.\n"
    "Example: kodo backup /backup/kodo.tar my.yaml\n"
    "\n"
    STATE_ARG_HELP;

static const char restore_usage[] =
    "usage: kodo restore FILE | - [SERVICE ...]\n"
    "\n"
    "Put the state of a backup to where the service has its state. Nothing may use that\n"
    "meanwhile. What was there stays beside it, under a name that is printed; its keys go on to\n"
    "be used, else those of the backup. A damaged file changes nothing. Peers keep what they\n"
    "have learnt since, and give it back. The loader is not put back: tar -xf FILE loader\n"
    "Exit status: 0, 1 if it could not be done, 2 for wrong arguments.\n"
    "Example: kodo restore /backup/kodo.tar my.yaml\n"
    "\n"
    STATE_ARG_HELP;

struct command {
	bool is_backup;
	const char *file;
	bool with_keys, force;
};

/* The first word that is no option, nor the service's name. */
static enum kodo_err
take_file(struct state_arg *t, void *arg, struct why *why)
{
	struct command *c = arg;
	int i = t->argc > 1 && state_arg_is_service(t, t->argv[0]) ? 1 : 0;

	if (c->is_backup) {
		c->with_keys = state_arg_take_flag(t, "--with-keys");
		c->force = state_arg_take_flag(t, "--force");
	}
	if (t->argc == 0 && t->hosted_is_word) {
		c->file = t->hosted_loader;	/* --hosted FILE, of the usual loader */
		t->hosted_loader = NULL;
		return KODO_OK;
	}
	if (t->argc <= i || (t->argv[i][0] == '-' && t->argv[i][1] != '\0'))
		return why_set(why, KODO_EINVAL, "which FILE? see --help");
	c->file = t->argv[i];
	if (c->is_backup && state_arg_is_service(t, c->file))
		return why_set(why, KODO_EINVAL, "%s names a service; which FILE? see --help",
		    c->file);
	for (t->argc--; i < t->argc; i++)
		t->argv[i] = t->argv[i + 1];
	return KODO_OK;
}

/* --- backup --- */

/* A state of another format is copied as it is; what its options are is not known. */
static enum kodo_err
write_backup(struct state_arg *t, const struct command *c, struct backup *b, struct why *why)
{
	enum kodo_err err;

	if (b->loader.len == 0)
		b->loader = t->loader;
	if (strcmp(c->file, "-") != 0)
		return backup_write(b, c->file, c->force, why);
	if (isatty(STDOUT_FILENO))
		return why_set(why, KODO_EINVAL, "a backup is not for a terminal: kodo backup - "
		    ">FILE");
	err = backup_send(b, STDOUT_FILENO, why);
	return err;
}

static enum kodo_err
backup_raw(struct state_arg *t, const struct command *c, struct why *why)
{
	struct state s;
	struct backup b = { .state = &s, .with_keys = c->with_keys };
	enum kodo_err err = state_open(&s, t->state_path, false, why);

	if (err == KODO_OK)
		err = store_open_raw(&s, why, &b.store);
	if (err == KODO_OK)
		err = write_backup(t, c, &b, why);
	store_close(b.store);
	return err;
}

static enum kodo_err
backup_body(struct state_arg *t, void *arg, struct why *why)
{
	const struct command *c = arg;
	struct registry *r = NULL;
	const struct options *o;
	struct backup b = { .with_keys = c->with_keys };
	enum kodo_err err = state_arg_open(t, &r, why);

	if (err == KODO_EVERSION)
		return backup_raw(t, c, why);
	if (err != KODO_OK)
		return err;
	b.store = registry_store(r);
	b.state = registry_state(r);
	if (registry_options(r, &o) == KODO_OK) {
		b.url = o->url;
		b.loader = o->loader;
	}
	err = write_backup(t, c, &b, why);
	registry_close(r);
	return err;
}

int
cmd_backup(int argc, char *argv[])
{
	static const struct state_arg_command command = { backup_usage, take_file, backup_body };
	struct command c = { .is_backup = true };
	struct state_arg t;

	return state_arg_run(&command, &t, argc, argv, &c);
}

/* --- restore --- */

/* In its place beside: this state is a copy, which its peers are to know. */
static enum kodo_err
mark_restored(const struct restore *r, struct why *why)
{
	char former[PATH_BYTES + 32];
	struct registry *reg;
	enum kodo_err err = registry_open(str_of(r->folder), STORE_UPGRADE, why, &reg);

	/* that of an upgrade; the one that is restored will do */
	snprintf(former, sizeof(former), "%s.format-%u.tar", r->folder, r->format);
	unlink(former);
	if (err != KODO_OK)
		return err;
	err = restored_note(reg, isotime_now_us());
	registry_close(reg);
	return err == KODO_OK ? err : why_set(why, err, "the state in it cannot be written: %s",
	    kodo_err_text(err));
}

static void
print_restored(const struct restore *r)
{
	char line[2 * PATH_BYTES + STATE_OWNER_BYTES];

	snprintf(line, sizeof(line), "restored %s of %s, of %s", r->place,
	    r->url[0] == '\0' ? "a service" : r->url, r->taken);
	screen_print(stdout, str_of(line));
	printf("\n");
	if (r->aside[0] != '\0')
		printf("what was there is in %s\n", r->aside);
	if (r->loader[0] != '\0')
		printf("its loader is in the backup: tar -xf FILE loader\n");
	printf("start the service, or let its web server start it: it asks its peers for what it "
	    "has forgotten\n");
}

static enum kodo_err
restore_body(struct state_arg *t, void *arg, struct why *why)
{
	const struct command *c = arg;
	const bool is_pipe = strcmp(c->file, "-") == 0;
	struct restore r = { .locks = { -1, -1, -1 } };
	struct why inner = { "" };
	enum kodo_err err;
	int fd = is_pipe ? STDIN_FILENO : open(c->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return why_set(why, KODO_ENOTFOUND, "%s: %s", c->file, strerror(errno));
	err = state_arg_find(t, why);
	if (err == KODO_OK && t->state_path.p == NULL)
		err = why_set(why, KODO_EINVAL, "the loader is a program, which this command does "
		    "not run: name the state by --state FOLDER");
	if (err == KODO_OK)
		err = restore_begin(&r, t->state_path, why);
	if (err == KODO_OK) {
		err = restore_unpack(&r, fd, &inner);
		if (err != KODO_OK)
			why_set(why, err, "%s: %s; nothing was restored",
			    is_pipe ? "standard input" : c->file, cmd_words(err, &inner));
	}
	if (err == KODO_OK)
		err = mark_restored(&r, why);
	if (err == KODO_OK)
		err = restore_end(&r, why);
	if (err == KODO_OK)
		print_restored(&r);
	restore_free(&r);
	if (!is_pipe)
		close(fd);
	return err;
}

int
cmd_restore(int argc, char *argv[])
{
	static const struct state_arg_command command = { restore_usage, take_file, restore_body };
	struct command c = { .is_backup = false };
	struct state_arg t;

	return state_arg_run(&command, &t, argc, argv, &c);
}
