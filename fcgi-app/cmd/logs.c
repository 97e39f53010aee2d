/* kodo logs: the log of a service, its last lines, and what comes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/colour.h"
#include "cmd/state_arg.h"
#include "core/base/path.h"
#include "core/base/screen.h"
#include "core/registry/registry.h"

#define LINES		20u		/* shown without -n */
#define BLOCK_BYTES	65536u
#define LINE_BYTES	8192u		/* one of the log has at most 4,096, and what is escaped */
#define LOOK_US		200000u		/* between two looks for more */
#define OLD_LOOKS	6u		/* so long some process may not have noticed the new file */

static const char usage[] =
    "usage: kodo logs [-f] [-n N] [--level LEVEL] [SERVICE ...]\n"
    "\n"
    "Print the last lines of the log of a service.\n"
    "  -n N           so many (20)\n"
    "  -f, --follow   and go on with those that come, also when the log is rotated\n"
    "  --level LEVEL  only from that level on: DEBUG, INFO, WARNING, ERROR or CRITICAL\n"
    "Exit status: 0, 1 if there is no log, 2 for wrong arguments.\n"
    "Example: kodo logs my.yaml -f --level warning\n"
    "\n"
    STATE_ARG_HELP;

struct logs {
	struct state_arg args;
	const char *path;
	enum log_level least, level;	/* level: of the last line that has one */
	uint64_t n;
	bool follows;
	int fd;
	ino_t inode;
	char line[LINE_BYTES];		/* begun, not ended */
	size_t len;
};

static enum kodo_err
take_number(struct logs *l, struct why *why)
{
	const char *text;
	char *end;
	enum kodo_err err = state_arg_take(&l->args, "-n", &text, why);

	l->n = LINES;
	if (err != KODO_OK || text == NULL)
		return err;
	errno = 0;
	l->n = strtoull(text, &end, 10);
	if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0')
		return why_set(why, KODO_EINVAL, "-n needs a number");
	return KODO_OK;
}

static enum kodo_err
take_level(struct logs *l, struct why *why)
{
	const char *text;
	enum kodo_err err = state_arg_take(&l->args, "--level", &text, why);

	l->least = LOG_DEBUG;
	if (err != KODO_OK || text == NULL)
		return err;
	if (log_level_parse(str_of(text), &l->least) != KODO_OK)
		return why_set(why, KODO_EINVAL,
		    "--level is DEBUG, INFO, WARNING, ERROR or CRITICAL, not %s", text);
	return KODO_OK;
}

static enum kodo_err
take_arguments(struct state_arg *t, void *arg, struct why *why)
{
	struct logs *l = arg;
	bool is_f = state_arg_take_flag(t, "-f");
	enum kodo_err err;

	l->follows = state_arg_take_flag(t, "--follow") || is_f;
	err = take_number(l, why);
	return err == KODO_OK ? take_level(l, why) : err;
}

/* That of the options in force; the state is not kept open. */
static enum kodo_err
find_log(struct logs *l, struct why *why)
{
	const struct options *o;
	struct registry *r = NULL;
	enum kodo_err err = state_arg_open_to_read(&l->args, &r, why);

	if (err == KODO_OK)
		err = registry_options(r, &o);
	if (err == KODO_OK)
		l->path = arena_strz(l->args.a, o->log_file);
	registry_close(r);
	if (err == KODO_OK && l->path == NULL)
		err = KODO_ENOMEM;
	return err;
}

/* In place of the one that is open, which stays where there is none. */
static enum kodo_err
open_log(struct logs *l, struct why *why)
{
	int fd = open(l->path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0) {
		if (l->fd >= 0)
			close(l->fd);
		l->fd = fd;
		l->inode = st.st_ino;
		return KODO_OK;
	}
	return why_set(why, KODO_EIO, "cannot read the log %s: %s", l->path, strerror(errno));
}

/* --- lines --- */

/*
 * "2026-11-24 08:16:34,656 LEVEL kodo: ..", or an object with "level":"LEVEL" behind its time: its
 * level; that of the line before, if it has none.
 */
static enum log_level
level_of(const struct logs *l, struct str line)
{
	const bool is_json = str_starts(line, STR("{\"time\":\""));
	enum log_level level;
	struct str word;

	if (is_json) {
		(void)str_cut(&line, ',');
		(void)str_cut(&line, ':');
		line = str_skip(line, 1);
	} else {
		(void)str_cut(&line, ' ');
		(void)str_cut(&line, ' ');
	}
	word = str_cut(&line, is_json ? '"' : ' ');
	return log_level_parse(word, &level) == KODO_OK ? level : l->level;
}

static void
print_line(struct logs *l, struct str line)
{
	static const enum colour colours[] = { [LOG_WARNING] = COLOUR_WARN,
		[LOG_ERROR] = COLOUR_BAD, [LOG_CRITICAL] = COLOUR_BAD };
	enum colour colour;

	l->level = level_of(l, line);
	if (l->level < l->least)
		return;
	colour = l->level >= LOG_WARNING && l->level <= LOG_CRITICAL ? colours[l->level] :
	    COLOUR_NONE;
	fputs(colour_begin(colour), stdout);
	screen_print(stdout, line);
	printf("%s\n", colour_end(colour));
}

/* More of the log; what has no end yet waits for it. */
static void
take(struct logs *l, struct str text)
{
	while (text.len > 0) {
		const char *end = memchr(text.p, '\n', text.len);
		size_t n = end == NULL ? text.len : (size_t)(end - text.p);
		const size_t room = LINE_BYTES - l->len;

		memcpy(l->line + l->len, text.p, n < room ? n : room);
		l->len += n < room ? n : room;
		if (end != NULL) {
			print_line(l, (struct str){ l->line, l->len });
			l->len = 0;
			n++;
		}
		text = str_skip(text, n);
	}
}

/* All there is to read now. */
static enum kodo_err
take_all(struct logs *l)
{
	char block[BLOCK_BYTES];
	ssize_t n;

	while ((n = read(l->fd, block, sizeof(block))) > 0)
		take(l, (struct str){ block, (size_t)n });
	return n < 0 || fflush(stdout) != 0 ? KODO_EIO : KODO_OK;
}

/* Lines of a block that count, from its end on, up to *n; returns where the first one begins. */
static size_t
count_back(struct logs *l, const char *block, size_t len, uint64_t *n)
{
	size_t end = len, at = len;

	while (at > 0 && *n > 0) {
		const char *nl = memrchr(block, '\n', block[at - 1] == '\n' ? at - 1 : at);

		end = at;
		at = nl == NULL ? 0 : (size_t)(nl - block) + 1;
		if (level_of(l, (struct str){ block + at, end - at }) >= l->least)
			--*n;
	}
	return at;
}

/* To where the last n lines begin that are shown. */
static enum kodo_err
seek_back(struct logs *l)
{
	char block[BLOCK_BYTES];
	off_t at = lseek(l->fd, 0, SEEK_END);
	uint64_t n = l->n;
	size_t cut;

	while (at > 0 && n > 0) {
		const size_t want = at < (off_t)sizeof(block) ? (size_t)at : sizeof(block);
		ssize_t got = pread(l->fd, block, want, at - (off_t)want);
		const char *nl;

		if (got != (ssize_t)want)
			return KODO_EIO;
		cut = count_back(l, block, want, &n);
		if (n == 0 || at == (off_t)want) {
			at = at - (off_t)want + (off_t)cut;
			break;
		}
		/* the first line may begin in the block before; it counts there */
		nl = memchr(block, '\n', want);
		at = nl == NULL ? at - (off_t)want : at - (off_t)want + (nl - block) + 1;
		if (level_of(l, (struct str){ block, want }) >= l->least)
			n++;
	}
	return lseek(l->fd, at, SEEK_SET) < 0 ? KODO_EIO : KODO_OK;
}

/* --- following --- */

/* Is it another file now, or one that was cut? */
static bool
is_rotated(const struct logs *l)
{
	struct stat st;

	return stat(l->path, &st) == 0 &&
	    (st.st_ino != l->inode || st.st_size < lseek(l->fd, 0, SEEK_CUR));
}

static enum kodo_err
follow(struct logs *l, struct why *why)
{
	enum kodo_err err = KODO_OK;
	unsigned looks = 0;

	while (err == KODO_OK) {
		err = take_all(l);
		looks = is_rotated(l) ? looks + 1 : 0;
		if (err == KODO_OK && looks > OLD_LOOKS && open_log(l, why) == KODO_OK)
			looks = 0;
		else
			usleep(LOOK_US);
	}
	return err;
}

static enum kodo_err
find_and_print(struct state_arg *t, void *arg, struct why *why)
{
	struct logs *l = arg;
	enum kodo_err err = find_log(l, why);

	(void)t;	/* it is that of l */
	if (err == KODO_OK)
		err = open_log(l, why);
	if (err == KODO_OK)
		err = seek_back(l);
	if (err == KODO_OK)
		err = l->follows ? follow(l, why) : take_all(l);
	return err;
}

int
cmd_logs(int argc, char *argv[])
{
	static const struct state_arg_command command = { usage, take_arguments, find_and_print };
	static struct logs l = { .fd = -1, .level = LOG_INFO };

	return state_arg_run(&command, &l.args, argc, argv, &l);
}
