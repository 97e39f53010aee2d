/*
 * kodo, kodo.fcgi and kodo-reconnect of the tarball for shared hosts: starts the program of that
 * name in the folder lib/ with the ld.so and the libraries that lie there, so that nothing of the
 * host is needed. Linked statically.
 *
 * lib/ is looked for beside this file, then in a folder kodo/ beside the folders that this file
 * lies in, upward: /home/you/public_html/kodo/kodo.fcgi finds /home/you/kodo/lib. Only one of the
 * same owner as this file is taken: a user named kodo must not be able to lend his programs to
 * others.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEVELS_MAX	8
#define ARGUMENTS_MAX	64

static int
fail(const char *what, const char *path)
{
	fprintf(stderr, "kodo: %s %s: %s\n", what, path, errno != 0 ? strerror(errno) : "");
	return 1;
}

/* Cut the last part off. 0: there was none. */
static int
go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path)
		return 0;
	*slash = '\0';
	return 1;
}

static int
is_ours(const char *folder, const char *below, uid_t owner, char lib[PATH_MAX])
{
	char loader[PATH_MAX];
	struct stat st;

	if (snprintf(lib, PATH_MAX, "%s%s", folder, below) >= PATH_MAX ||
	    snprintf(loader, PATH_MAX, "%.4000s/ld.so", lib) >= PATH_MAX)
		return 0;
	return stat(loader, &st) == 0 && st.st_uid == owner;
}

static int
find_lib(const char *self, char lib[PATH_MAX])
{
	char folder[PATH_MAX];
	struct stat st;
	int level;

	if (stat(self, &st) != 0)
		return 0;
	snprintf(folder, sizeof(folder), "%s", self);
	for (level = 0; level < LEVELS_MAX && go_up(folder); level++)
		if ((level == 0 && is_ours(folder, "/lib", st.st_uid, lib)) ||
		    is_ours(folder, "/kodo/lib", st.st_uid, lib))
			return 1;
	errno = 0;
	return 0;
}

int
main(int argc, char *argv[])
{
	static char library_path[] = "--library-path", argv0[] = "--argv0";
	char self[PATH_MAX], lib[PATH_MAX], loader[PATH_MAX], program[PATH_MAX];
	char *args[ARGUMENTS_MAX + 8];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *name;
	int n = 0, i;

	if (len <= 0)
		return fail("cannot read", "/proc/self/exe");
	self[len] = '\0';
	if (argc > ARGUMENTS_MAX) {
		errno = E2BIG;
		return fail("cannot start", self);
	}
	if (!find_lib(self, lib))
		return fail("no folder kodo/lib of the same owner beside or above", self);
	name = strstr(strrchr(self, '/'), "kodo-reconnect") != NULL ? "kodo-reconnect" : "kodo";
	if (snprintf(loader, sizeof(loader), "%.4000s/ld.so", lib) >= PATH_MAX ||
	    snprintf(program, sizeof(program), "%.4000s/%s", lib, name) >= PATH_MAX)
		return fail("path too long:", lib);
	args[n++] = loader;
	args[n++] = library_path;
	args[n++] = lib;
	args[n++] = argv0;
	args[n++] = strrchr(program, '/') + 1;
	args[n++] = program;
	for (i = 1; i < argc; i++)
		args[n++] = argv[i];
	args[n] = NULL;
	execv(loader, args);
	return fail("cannot start", loader);
}
