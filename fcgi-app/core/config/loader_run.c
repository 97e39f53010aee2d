#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/spawn.h"
#include "core/config/loader.h"

#define SLICE_MS	20	/* between checks for an end without end of output */
#define CHUNK_BYTES	((size_t)65536)

struct child {
	const char *program;
	pid_t pid;
	int fd;			/* of its output */
	int64_t until_ms;	/* monotonic */
	int status;
	bool reaped;
	bool closed;		/* the end of its output was read */
	struct buf text;
};

static int
set_files(posix_spawn_file_actions_t *files, int out, const char *folder)
{
	int failed;

	/* first the pipe, which may be descriptor 0 where that was closed */
	failed = posix_spawn_file_actions_adddup2(files, out, STDOUT_FILENO);
	if (failed == 0)
		failed =
		    posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (failed == 0)
		failed = posix_spawn_file_actions_addchdir_np(files, folder);
	return failed;
}

/* In a process group of its own, so that all of it can be killed. 0, or an errno. */
static int
spawn(struct child *r, int out, const char *folder)
{
	char *argv[2];
	posix_spawn_file_actions_t files;
	int failed;

	/* argv is char *, but nobody writes to it */
	memcpy(argv, (const char *[]){ r->program, NULL }, sizeof(argv));
	failed = posix_spawn_file_actions_init(&files);
	if (failed != 0)
		return failed;
	failed = set_files(&files, out, folder);
	if (failed == 0)
		failed = spawn_program(r->program, argv, &files, POSIX_SPAWN_SETPGROUP, &r->pid);
	posix_spawn_file_actions_destroy(&files);
	return failed;
}

static void
reap(struct child *r, int flags)
{
	pid_t pid;

	do
		pid = waitpid(r->pid, &r->status, flags);
	while (pid < 0 && errno == EINTR);
	/* -1: SIGCHLD is ignored; without a status its output decides */
	r->reaped = pid != 0;
}

/* Read the output there is. False: no more at the moment. */
static bool
take(struct child *r)
{
	char *to = buf_room(&r->text, 1);
	size_t room;
	ssize_t n;

	if (to == NULL)
		return false;
	room = r->text.max - r->text.len < CHUNK_BYTES ? r->text.max - r->text.len : CHUNK_BYTES;
	to = buf_room(&r->text, room);
	if (to == NULL)
		return false;
	n = read(r->fd, to, room);
	if (n > 0)
		r->text.len += (size_t)n;
	r->closed = n == 0;
	return n > 0 || (n < 0 && errno == EINTR);
}

/* Wait for its end and read its output; not for children of its own that hold the output open. */
static enum kodo_err
follow(struct child *r, struct why *why)
{
	for (;;) {
		struct pollfd p = { .fd = r->closed ? -1 : r->fd, .events = POLLIN };
		bool ended = r->reaped;

		while (!r->closed && take(r))
			;
		if (buf_failed(&r->text))
			return why_set(why, r->text.err, "loader %s printed over %zu bytes",
			    r->program, r->text.max);
		if (ended)
			return KODO_OK;
		if (clock_mono_ms() > r->until_ms)
			return why_set(why, KODO_EIO,
			    "loader %s did not end in time and was killed: "
			    "run it by hand to see what it waits for",
			    r->program);
		(void)poll(&p, 1, SLICE_MS);
		reap(r, WNOHANG);
	}
}

static enum kodo_err
judge(const struct child *r, struct why *why)
{
	if (WIFSIGNALED(r->status))
		return why_set(why, KODO_EIO,
		    "loader %s was ended by signal %d: run it by hand to see why", r->program,
		    WTERMSIG(r->status));
	if (WEXITSTATUS(r->status) != 0)
		return why_set(why, KODO_EIO,
		    "loader %s ended with status %d: run it by hand to see why", r->program,
		    WEXITSTATUS(r->status));
	return KODO_OK;
}

enum kodo_err
loader_run(struct arena *a, const char *program, const char *folder, unsigned timeout_ms,
    size_t max_bytes, struct str *out, struct why *why)
{
	struct child r = { .program = program,
		.until_ms = clock_mono_ms() + timeout_ms,
		.text = BUF_INIT(max_bytes) };
	enum kodo_err err;
	int ends[2], failed;

	*out = STR_NULL;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return why_set(why, KODO_EIO, "cannot run loader %s: %s", program, strerror(errno));
	r.fd = ends[0];
	/* only our end: the other one is shared with the program */
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	failed = spawn(&r, ends[1], folder);
	close(ends[1]);
	if (failed != 0) {
		err = why_set(why, KODO_EIO, "cannot run loader %s: %s", program, strerror(failed));
		goto out;
	}
	err = follow(&r, why);
	if (err != KODO_OK && !r.reaped) {
		kill(-r.pid, SIGKILL);
		reap(&r, 0);
	}
	if (err == KODO_OK)
		err = judge(&r, why);
	if (err == KODO_OK && arena_str(a, buf_str(&r.text), out) != KODO_OK)
		err = why_set(why, KODO_ENOMEM, "out of memory");
out:
	close(r.fd);
	buf_free(&r.text);
	return err;
}
