#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/base/path.h"
#include "core/storage/write_lock.h"

/*
 * Bytes of the file: of the one that may wait long, of its wait that has become long, and of the
 * holder of the lock, as the system tells whose they are.
 */
enum { PLACE_BYTE, LONG_BYTE, HOLDER_BYTE };

#define TICKS_S	50		/* looks at the holder in a second */

#define RELEASE_TRIES	10

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
		    "%s is a symbolic link; remove it (%s)" : "%s: %s", path, path_words(errno));
	/* whatever the umask is; of another user's file it fails, and the mode is that user's */
	(void)fchmod(*fd, state->file_mode);
	return KODO_OK;
}

enum kodo_err
write_lock_renew(const struct state *state, int *fd, struct why *why)
{
	char path[PATH_BYTES];
	enum kodo_err err = state_file(state, "write.lock", path);
	struct stat open_one, there;

	if (err != KODO_OK)
		return err;
	if (*fd != -1 && fstat(*fd, &open_one) == 0 && stat(path, &there) == 0 &&
	    open_one.st_ino == there.st_ino && open_one.st_dev == there.st_dev)
		return KODO_OK;
	if (*fd != -1)
		close(*fd);
	return write_lock_open(state, fd, why);
}

static volatile sig_atomic_t ticks;

static void
on_alarm(int sig)
{
	(void)sig;
	ticks++;	/* and interrupts flock */
}

/* A byte of the file is locked beside the whole of it, and freed with its process. */
static bool
byte_lock(int fd, off_t at, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };

	return fcntl(fd, F_SETLK, &lock) == 0;
}

/* Who has it locked, 0: nobody; -1: somebody whom we cannot see. */
static pid_t
byte_owner(int fd, off_t at)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1
	};

	if (fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid > 0 ? lock.l_pid : -1;
}

static bool
byte_is_locked(int fd, off_t at)
{
	return byte_owner(fd, at) != 0;
}

/* The state letter of a process, behind its name in brackets; '\0': there is none to be seen. */
static char
process_state(pid_t pid)
{
	char path[32], text[128];
	const char *end;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text));
		close(fd);
	}
	end = n > 0 ? memrchr(text, ')', (size_t)n) : NULL;
	return end != NULL && end + 2 < text + n ? end[2] : '\0';
}

static bool leaves_stopped;

void
write_lock_leave_stopped(void)
{
	leaves_stopped = true;
}

bool
write_lock_leaves_stopped(void)
{
	return leaves_stopped;
}

/* Is the holder stopped, by SIGSTOP or a debugger, and not to be waited for? */
static bool
is_held_in_vain(int fd)
{
	const pid_t holder = leaves_stopped ? byte_owner(fd, HOLDER_BYTE) : 0;
	const char state = holder > 0 ? process_state(holder) : '\0';

	return state == 'T' || state == 't';
}

/* May we wait any longer? The one with the place tells all others when its wait becomes long. */
static bool
may_wait(int fd, bool has_place)
{
	if (is_held_in_vain(fd))
		return false;
	if (!has_place)
		return ticks < WRITE_LOCK_SHORT_S * TICKS_S && !byte_is_locked(fd, LONG_BYTE);
	if (ticks >= WRITE_LOCK_SHORT_S * TICKS_S)
		(void)byte_lock(fd, LONG_BYTE, F_WRLCK);
	return ticks < WRITE_LOCK_WAIT_S * TICKS_S;
}

/* The timer repeats: an alarm before flock has begun to wait interrupts nothing. */
static enum kodo_err
wait_for_lock(int fd, bool has_place)
{
	const struct timeval tick = { .tv_usec = 1000000 / TICKS_S };
	const struct itimerval each_tick = { tick, tick };
	const struct itimerval none = { { 0 }, { 0 } };
	struct sigaction act = { .sa_handler = on_alarm }, old;
	sigset_t alarm_set, old_set;
	int rc;

	ticks = 0;
	sigemptyset(&act.sa_mask);
	sigemptyset(&alarm_set);
	sigaddset(&alarm_set, SIGALRM);
	sigaction(SIGALRM, &act, &old);
	sigprocmask(SIG_UNBLOCK, &alarm_set, &old_set);
	setitimer(ITIMER_REAL, &each_tick, NULL);
	do
		rc = flock(fd, LOCK_EX);
	while (rc != 0 && errno == EINTR && may_wait(fd, has_place));
	setitimer(ITIMER_REAL, &none, NULL);
	sigprocmask(SIG_SETMASK, &old_set, NULL);
	sigaction(SIGALRM, &old, NULL);
	return rc == 0 ? KODO_OK : KODO_EBUSY;
}

enum kodo_err
write_lock_take(int fd)
{
	enum kodo_err err;
	bool has_place;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		(void)byte_lock(fd, HOLDER_BYTE, F_WRLCK);
		return KODO_OK;
	}
	if (errno != EWOULDBLOCK)
		return KODO_EIO;
	if (byte_is_locked(fd, LONG_BYTE) || is_held_in_vain(fd))
		return KODO_EBUSY;
	has_place = byte_lock(fd, PLACE_BYTE, F_WRLCK);
	err = wait_for_lock(fd, has_place);
	if (has_place) {
		(void)byte_lock(fd, LONG_BYTE, F_UNLCK);
		(void)byte_lock(fd, PLACE_BYTE, F_UNLCK);
	}
	if (err == KODO_OK)
		(void)byte_lock(fd, HOLDER_BYTE, F_WRLCK);
	return err;
}

void
write_lock_release(int fd)
{
	unsigned tries;

	(void)byte_lock(fd, HOLDER_BYTE, F_UNLCK);
	/* a lock that stays stops all writers */
	for (tries = 0; flock(fd, LOCK_UN) != 0 && tries < RELEASE_TRIES; tries++)
		;
}

enum write_lock_state
write_lock_look(int fd)
{
	if (fd == -1)
		return WRITE_LOCK_FREE;
	/* shared for a moment: a writer that comes then waits as for any other */
	if (flock(fd, LOCK_SH | LOCK_NB) == 0) {
		write_lock_release(fd);
		return WRITE_LOCK_FREE;
	}
	return byte_is_locked(fd, LONG_BYTE) ? WRITE_LOCK_LONG : WRITE_LOCK_HELD;
}

long
write_lock_holder(int fd)
{
	FILE *f = fd == -1 ? NULL : fopen("/proc/locks", "re");
	/* `1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF`: the process, and the inode */
	const char *lock, *inode;
	char line[128];
	struct stat st;
	long found = 0;

	if (f == NULL)
		return 0;
	while (fstat(fd, &st) == 0 && found == 0 && fgets(line, sizeof(line), f) != NULL) {
		lock = strstr(line, ": FLOCK ");
		inode = strrchr(line, ':');
		if (lock != NULL && strtoul(inode + 1, NULL, 10) == st.st_ino)
			found = strtol(lock + strcspn(lock, "0123456789"), NULL, 10);
	}
	fclose(f);
	return found;
}
