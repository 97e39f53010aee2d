#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "core/base/path.h"
#include "core/storage/write_lock.h"

enum kodo_err
write_lock_open(const struct state *state, int *fd, struct why *why)
{
	char path[PATH_BYTES];
	enum kodo_err err = state_file(state, "write.lock", path);

	*fd = -1;
	if (err != KODO_OK)
		return err;
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
	    state->file_mode);
	if (*fd == -1 && errno == EROFS)
		return KODO_OK;
	if (*fd == -1)
		return why_set(why, path_errno(errno), errno == ELOOP ?
		    "%s is a symbolic link; remove it (%s)" :
		    "%s: %s; see who owns the folder and its files", path, strerror(errno));
	/* whatever the umask is; of another user's file it fails, and the mode is that user's */
	(void)fchmod(*fd, state->file_mode);
	return KODO_OK;
}

static volatile sig_atomic_t ticks;

static void
on_alarm(int sig)
{
	(void)sig;
	ticks++;	/* and interrupts flock */
}

/* The timer repeats: an alarm before flock has begun to wait interrupts nothing. */
enum kodo_err
write_lock_take(int fd)
{
	const struct itimerval each_s = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	const struct itimerval none = { { 0 }, { 0 } };
	struct sigaction act = { .sa_handler = on_alarm }, old;
	sigset_t alarm_set, old_set;
	int rc;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return KODO_OK;
	if (errno != EWOULDBLOCK)
		return KODO_EIO;
	ticks = 0;
	sigemptyset(&act.sa_mask);
	sigemptyset(&alarm_set);
	sigaddset(&alarm_set, SIGALRM);
	sigaction(SIGALRM, &act, &old);
	sigprocmask(SIG_UNBLOCK, &alarm_set, &old_set);
	setitimer(ITIMER_REAL, &each_s, NULL);
	do
		rc = flock(fd, LOCK_EX);
	while (rc != 0 && errno == EINTR && ticks < WRITE_LOCK_WAIT_S);
	setitimer(ITIMER_REAL, &none, NULL);
	sigprocmask(SIG_SETMASK, &old_set, NULL);
	sigaction(SIGALRM, &old, NULL);
	return rc == 0 ? KODO_OK : KODO_EBUSY;
}

void
write_lock_release(int fd)
{
	flock(fd, LOCK_UN);
}
