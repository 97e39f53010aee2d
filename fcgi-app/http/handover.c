#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/path.h"
#include "core/base/renew.h"
#include "core/storage/store.h"
#include "http/handover.h"

#define COPY_BYTES	65536u

/* Does it stand for a search of the request? */
static bool
is_query(const char *variable)
{
	return strncmp(variable, "REQUEST_URI=", 12) == 0 ||
	    strncmp(variable, "QUERY_STRING=", 13) == 0;
}

/* That of this process, and the variables of the request, which come first. */
static enum kodo_err
make_environment(struct arena *a, struct transport *t, const char *loader, bool is_late,
    char ***out)
{
	char **from = t->environment(t);
	size_t n = 0, i, k = 0;
	char **env;

	for (i = 0; from[i] != NULL; i++)
		n++;
	for (i = 0; environ[i] != NULL; i++)
		n++;
	env = arena_alloc(a, (n + 3) * sizeof(*env));
	if (env == NULL || (env[k] = arena_alloc(a, RENEW_MARK_BYTES)) == NULL)
		return KODO_ENOMEM;
	renew_mark(store_format_own, env[k++]);
	if (loader[0] != '\0' && (env[k++] = arena_printf(a, "KODO_LOADER=%s", loader)) == NULL)
		return KODO_ENOMEM;
	for (i = 0; from[i] != NULL; i++) {
		env[k] = !is_late || !is_query(from[i]) ? from[i] :
		    arena_printf(a, "%s&wait=0", from[i]);
		if (env[k++] == NULL)
			return KODO_ENOMEM;
	}
	for (i = 0; from != environ && environ[i] != NULL; i++)
		env[k++] = environ[i];
	env[k] = NULL;
	*out = env;
	return KODO_OK;
}

/* The body, in a file of memory: the program may answer before it has read it. */
static enum kodo_err
body_file(struct transport *t, const struct buf *body, uint64_t body_max, int *fd)
{
	char bytes[COPY_BYTES];
	uint64_t taken = body->len;
	size_t n = 0;
	enum kodo_err err;

	*fd = memfd_create("body", MFD_CLOEXEC);
	err = *fd < 0 ? KODO_EIO : path_write(*fd, buf_str(body));
	while (err == KODO_OK && (err = t->read(t, bytes, sizeof(bytes), &n)) == KODO_OK && n > 0) {
		taken += n;
		err = taken > body_max ? KODO_ETOOBIG :
		    path_write(*fd, (struct str){ bytes, n });
	}
	return err == KODO_OK && lseek(*fd, 0, SEEK_SET) != 0 ? KODO_EIO : err;
}

static enum kodo_err
pass_on(struct transport *t, int fd, bool *is_begun)
{
	char bytes[COPY_BYTES];
	enum kodo_err err = KODO_OK;
	ssize_t n;

	while (err == KODO_OK && (n = read(fd, bytes, sizeof(bytes))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		*is_begun = true;
		err = t->write(t, bytes, (size_t)n);
	}
	return *is_begun ? KODO_OK : KODO_EIO;
}

static void
run_child(const char *program, char **env, int in, int out)
{
	static char name[] = "kodo";
	char *argv[] = { name, NULL };

	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) {
		closefrom(STDERR_FILENO + 1);	/* connections of libfcgi's are among them */
		execve(program, argv, env);
	}
	_exit(127);
}

enum kodo_err
handover(struct transport *t, const struct buf *body, const char *loader, bool is_late,
    uint64_t body_max)
{
	char program[PATH_BYTES], **env;
	bool is_begun = false;
	int in = -1, out[2] = { -1, -1 };
	struct arena *a = arena_new();
	enum kodo_err err = a == NULL ? KODO_ENOMEM : path_own_program(program);
	pid_t child = -1;

	if (err == KODO_OK && !renew_may(store_format_own))
		err = KODO_EVERSION;
	if (err == KODO_OK)
		err = make_environment(a, t, loader, is_late, &env);
	if (err == KODO_OK)
		err = body_file(t, body, body_max, &in);
	if (err == KODO_OK && pipe2(out, O_CLOEXEC) != 0)
		err = KODO_EIO;
	if (err == KODO_OK && (child = fork()) == 0)
		run_child(program, env, in, out[1]);
	if (out[1] != -1)
		close(out[1]);
	if (err == KODO_OK)
		err = child < 0 ? KODO_EIO : pass_on(t, out[0], &is_begun);
	if (out[0] != -1)
		close(out[0]);
	if (in != -1)
		close(in);
	if (child > 0)
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
	arena_free(a);
	return err;
}
