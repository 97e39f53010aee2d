/*
 * For tests that need files: a folder of their own, which is the working directory while a test
 * runs and goes with it. Include it after cmocka.h.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/arena.h"

struct scratch {
	char path[256];		/* absolute, without symbolic links */
	struct arena *a;
	int err_fd;		/* the standard error of before */
};

static struct scratch scratch;

static int
scratch_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Setup and teardown for cmocka. Lines of the log go to the file "err" meanwhile. */
static inline int
scratch_setup(void **state)
{
	char path[] = "/tmp/kodo-unit-XXXXXX";
	int fd;

	(void)state;
	if (mkdtemp(path) == NULL || chdir(path) != 0 ||
	    getcwd(scratch.path, sizeof(scratch.path)) == NULL)
		return -1;
	scratch.a = arena_new();
	fflush(stderr);
	scratch.err_fd = dup(STDERR_FILENO);
	fd = open("err", O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (scratch.a == NULL || fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		return -1;
	close(fd);
	return 0;
}

static inline int
scratch_teardown(void **state)
{
	(void)state;
	dup2(scratch.err_fd, STDERR_FILENO);
	close(scratch.err_fd);
	arena_free(scratch.a);
	if (chdir("/") != 0)
		return -1;
	return nftw(scratch.path, scratch_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* fail_msg, seen although the log has the standard error. */
#define scratch_fail(...)				\
	do {						\
		dup2(scratch.err_fd, STDERR_FILENO);	\
		fail_msg(__VA_ARGS__);			\
	} while (0)

/* name in the folder, absolute; valid until the test ends. */
static inline const char *
scratch_path(const char *name)
{
	return arena_printf(scratch.a, "%s/%s", scratch.path, name);
}

static inline void
scratch_write(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* The contents of a file, "" where there is none. */
static inline const char *
scratch_read(const char *name)
{
	char *to = arena_alloc(scratch.a, 1 << 20);
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, to, (1 << 20) - 1);

	if (fd >= 0)
		close(fd);
	to[n < 0 ? 0 : n] = '\0';
	return to;
}

static inline mode_t
scratch_mode(const char *name)
{
	struct stat st;

	assert_int_equal(stat(name, &st), 0);
	return st.st_mode & 07777;
}

#endif
