/*
 * A library to be loaded before all others (LD_PRELOAD): calls of the system and of malloc are
 * counted, and one of them, or all from one on, fails as told. Writes to data.mdb can be recorded.
 * faults.py is its user; the two share a file, named by KODO_FAULTS, and the order of the lines F
 * below, which number the functions.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FUNCTIONS_MAX	128
#define SHORT_WRITE	(-1)	/* in place of an errno: half of the bytes */

static struct control {
	uint64_t counts[FUNCTIONS_MAX];
	uint64_t at;		/* the call that fails, from 1 on */
	int32_t function;	/* -1: none */
	int32_t error;
	int32_t goes_on;	/* all later calls of it fail too */
	int32_t hits;
	int32_t records;	/* writes to data.mdb are noted in the file beside this one */
	int32_t unused;
} *control;

static int record_fd = -1;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("KODO_FAULTS");
	char record[4096];
	size_t n = path == NULL ? 0 : strlen(path);
	void *p;
	long fd;

	if (n == 0 || n > sizeof(record) - 8)
		return;
	fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	p = fd < 0 ? MAP_FAILED : (void *)syscall(SYS_mmap, NULL, sizeof(*control),
	    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		_exit(99);
	syscall(SYS_close, fd);
	unsetenv("LD_PRELOAD");		/* not in the programs that it starts */
	if (((struct control *)p)->records) {
		memcpy(record, path, n);
		memcpy(record + n, ".log", 5);
		record_fd = (int)syscall(SYS_openat, AT_FDCWD, record,
		    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
		/* out of the way of numbers that programs count on */
		record_fd = (int)syscall(SYS_fcntl, record_fd, F_DUPFD_CLOEXEC, 200);
	}
	control = p;
}

/* 0: the call goes on; else its errno, or SHORT_WRITE. */
static int
fault(int function)
{
	uint64_t n;

	if (control == NULL)
		return 0;
	n = __atomic_add_fetch(&control->counts[function], 1, __ATOMIC_RELAXED);
	if (control->function != function || n < control->at ||
	    (n > control->at && !control->goes_on))
		return 0;
	control->hits++;
	return control->error;
}

#define REAL(name) \
	static __typeof__(fault_##name) *real; \
	if (real == NULL) \
		real = (__typeof__(fault_##name) *)dlsym(RTLD_NEXT, #name);

#define F(type, name, params, args, failed) \
	type fault_##name params __asm__(#name); \
	type fault_##name params { \
		const int error = fault(__COUNTER__); \
		REAL(name) \
		if (error != 0) { errno = error == SHORT_WRITE ? EIO : error; return failed; } \
		return real args; \
	}
/* returns the error itself */
#define E(name, params, args) \
	int fault_##name params __asm__(#name); \
	int fault_##name params { \
		const int error = fault(__COUNTER__); \
		REAL(name) \
		return error != 0 ? error : real args; \
	}
/* of malloc's family, which dlsym itself may call */
#define M(name, params, args) \
	void *__libc_##name params; \
	void *fault_##name params __asm__(#name); \
	void *fault_##name params { \
		if (fault(__COUNTER__) != 0) { errno = ENOMEM; return NULL; } \
		return __libc_##name args; \
	}

/* --- the record of writes: kind, 1 if it is synchronous, offset, length, then the bytes --- */

static int
is_data_file(int fd)
{
	char link[64], path[4096];
	ssize_t n;
	int i, digits = 0;

	memcpy(link, "/proc/self/fd/", 14);
	for (i = fd; i > 0 || digits == 0; i /= 10)
		digits++;
	for (i = 0; i < digits; i++, fd /= 10)
		link[14 + digits - 1 - i] = (char)('0' + fd % 10);
	link[14 + digits] = '\0';
	n = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof(path));
	return n > 9 && memcmp(path + n - 9, "/data.mdb", 9) == 0;
}

static void
record(char kind, int fd, int64_t at, const struct iovec *v, int n)
{
	struct {
		int64_t kind, is_sync, at, bytes;
	} head = { kind, 0, at, 0 };
	int i;

	if (record_fd < 0 || !is_data_file(fd))
		return;
	head.is_sync = (syscall(SYS_fcntl, fd, F_GETFL) & O_DSYNC) != 0;
	for (i = 0; i < n; i++)
		head.bytes += (int64_t)v[i].iov_len;
	syscall(SYS_write, record_fd, &head, sizeof(head));
	syscall(SYS_writev, record_fd, v, n);
}

/* --- functions that can do half of it --- */

#define HALF(type, name, params, args, half) \
	type fault_##name params __asm__(#name); \
	type fault_##name params { \
		const int error = fault(__COUNTER__); \
		REAL(name) \
		if (error > 0) { errno = error; return -1; } \
		if (error == SHORT_WRITE) half; \
		NOTE_##name \
		return real args; \
	}
#define NOTE_write
#define NOTE_read
#define NOTE_pread
#define NOTE_pwrite { struct iovec v = { (void *)(uintptr_t)p, n }; record('w', fd, at, &v, 1); }
#define NOTE_writev record('w', fd, syscall(SYS_lseek, fd, 0, SEEK_CUR), v, n);
#define NOTE_ftruncate record('t', fd, n, NULL, 0);
#define NOTE_fsync record('s', fd, 0, NULL, 0);
#define NOTE_fdatasync record('s', fd, 0, NULL, 0);

HALF(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n), n /= 2)
HALF(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at), n /= 2)
HALF(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n), n = (n + 1) / 2)
HALF(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n), n = (n + 1) / 2)
HALF(ssize_t, pread, (int fd, void *p, size_t n, off_t at), (fd, p, n, at), n /= 2)
HALF(int, ftruncate, (int fd, off_t n), (fd, n), (void)0)
HALF(int, fsync, (int fd), (fd), (void)0)
HALF(int, fdatasync, (int fd), (fd), (void)0)

struct stat;
struct statfs;
struct statvfs;
struct sockaddr;
struct pollfd;
struct epoll_event;
struct sigaction;
struct itimerval;
struct timespec;
struct rlimit;

M(malloc, (size_t n), (n))
M(calloc, (size_t n, size_t m), (n, m))
M(realloc, (void *p, size_t n), (p, n))
E(posix_memalign, (void **p, size_t a, size_t n), (p, a, n))
F(char *, strdup, (const char *s), (s), NULL)
F(int, open, (const char *p, int f, mode_t m), (p, f, m), -1)
F(int, close, (int fd), (fd), -1)
F(off_t, lseek, (int fd, off_t n, int w), (fd, n, w), -1)
F(int, fallocate, (int fd, int m, off_t o, off_t n), (fd, m, o, n), -1)
F(void *, mmap, (void *a, size_t n, int p, int f, int fd, off_t o), (a, n, p, f, fd, o), MAP_FAILED)
F(int, fcntl, (int fd, int c, long a), (fd, c, a), -1)
F(int, flock, (int fd, int o), (fd, o), -1)
F(int, ioctl, (int fd, unsigned long r, long a), (fd, r, a), -1)
F(int, stat, (const char *p, struct stat *s), (p, s), -1)
F(int, lstat, (const char *p, struct stat *s), (p, s), -1)
F(int, fstat, (int fd, struct stat *s), (fd, s), -1)
F(int, __fxstat, (int v, int fd, struct stat *s), (v, fd, s), -1)
F(int, statfs, (const char *p, struct statfs *s), (p, s), -1)
F(int, fstatfs, (int fd, struct statfs *s), (fd, s), -1)
F(int, statvfs, (const char *p, struct statvfs *s), (p, s), -1)
F(int, access, (const char *p, int m), (p, m), -1)
F(int, faccessat, (int d, const char *p, int m, int f), (d, p, m, f), -1)
F(ssize_t, readlink, (const char *p, char *b, size_t n), (p, b, n), -1)
F(char *, getcwd, (char *b, size_t n), (b, n), NULL)
F(int, mkdir, (const char *p, mode_t m), (p, m), -1)
F(int, chmod, (const char *p, mode_t m), (p, m), -1)
F(int, fchmod, (int fd, mode_t m), (fd, m), -1)
F(int, mkfifo, (const char *p, mode_t m), (p, m), -1)
F(int, mkostemp, (char *t, int f), (t, f), -1)
F(int, rename, (const char *a, const char *b), (a, b), -1)
F(int, link, (const char *a, const char *b), (a, b), -1)
F(int, unlink, (const char *p), (p), -1)
F(int, futimens, (int fd, const struct timespec *t), (fd, t), -1)
F(void *, opendir, (const char *p), (p), NULL)
F(int, dup2, (int a, int b), (a, b), -1)
F(int, pipe2, (int *p, int f), (p, f), -1)
F(int, poll, (struct pollfd *p, unsigned long n, int t), (p, n, t), -1)
F(int, ppoll, (struct pollfd *p, unsigned long n, const void *t, const void *s), (p, n, t, s), -1)
F(int, select, (int n, void *r, void *w, void *e, void *t), (n, r, w, e, t), -1)
F(int, epoll_create1, (int f), (f), -1)
F(int, epoll_ctl, (int e, int o, int fd, struct epoll_event *v), (e, o, fd, v), -1)
F(int, epoll_pwait, (int e, void *v, int n, int t, const void *s), (e, v, n, t, s), -1)
F(int, sigaction, (int s, const struct sigaction *a, struct sigaction *o), (s, a, o), -1)
F(int, sigprocmask, (int h, const void *s, void *o), (h, s, o), -1)
F(int, setitimer, (int w, const struct itimerval *n, struct itimerval *o), (w, n, o), -1)
F(int, socket, (int d, int t, int p), (d, t, p), -1)
F(int, connect, (int fd, const struct sockaddr *a, unsigned n), (fd, a, n), -1)
F(int, bind, (int fd, const struct sockaddr *a, unsigned n), (fd, a, n), -1)
F(int, listen, (int fd, int n), (fd, n), -1)
F(int, accept, (int fd, struct sockaddr *a, unsigned *n), (fd, a, n), -1)
F(int, setsockopt, (int fd, int l, int o, const void *v, unsigned n), (fd, l, o, v, n), -1)
F(int, getsockopt, (int fd, int l, int o, void *v, unsigned *n), (fd, l, o, v, n), -1)
F(int, getsockname, (int fd, struct sockaddr *a, unsigned *n), (fd, a, n), -1)
F(ssize_t, send, (int fd, const void *p, size_t n, int f), (fd, p, n, f), -1)
F(ssize_t, recv, (int fd, void *p, size_t n, int f), (fd, p, n, f), -1)
F(int, getrlimit, (int r, struct rlimit *l), (r, l), -1)
F(int, shutdown, (int fd, int h), (fd, h), -1)
E(posix_spawn,
    (int *p, const char *f, const void *a, const void *b, char *const *v, char *const *e),
    (p, f, a, b, v, e))
E(posix_spawn_file_actions_init, (void *a), (a))
E(posix_spawn_file_actions_adddup2, (void *a, int x, int y), (a, x, y))
E(posix_spawnattr_init, (void *a), (a))
E(pthread_mutex_lock, (void *m), (m))
E(pthread_mutex_init, (void *m, const void *a), (m, a))
E(pthread_create, (void *t, const void *a, void *(*f)(void *), void *x), (t, a, f, x))
