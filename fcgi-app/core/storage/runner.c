#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/spawn.h"
#include "core/storage/runner.h"

#define NAME	"kodo-reconnect"

enum kodo_err
runner_own_folder(char out[PATH_BYTES])
{
	enum kodo_err err = path_own_program(out);

	out[path_folder(str_of(out)).len] = '\0';
	return err;
}

enum kodo_err
runner_find(char out[PATH_BYTES])
{
	/* below the folder of this program: beside it, in the build tree, where packages put it */
	static const char *const near[] = { "/" NAME, "/../cron/" NAME, "/../bin/" NAME,
		"/../libexec/" NAME };
	static const char *const installed[] = { "/usr/local/bin/" NAME, "/usr/bin/" NAME };
	const char *named = getenv("KODO_RECONNECT");
	char folder[PATH_BYTES];
	size_t i;

	out[0] = '\0';
	if (named != NULL && named[0] == '/' && strlen(named) < PATH_BYTES) {
		memcpy(out, named, strlen(named) + 1);
		return access(out, X_OK) == 0 ? KODO_OK : KODO_ENOTFOUND;
	}
	if (runner_own_folder(folder) != KODO_OK)
		return KODO_EIO;
	for (i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
		int n = snprintf(out, PATH_BYTES, "%s%s", folder, near[i]);

		if (n < (int)PATH_BYTES && access(out, X_OK) == 0)
			return KODO_OK;
	}
	for (i = 0; i < sizeof(installed) / sizeof(installed[0]); i++) {
		memcpy(out, installed[i], strlen(installed[i]) + 1);
		if (access(out, X_OK) == 0)
			return KODO_OK;
	}
	if (snprintf(out, PATH_BYTES, "%s/" NAME, folder) >= (int)PATH_BYTES)
		out[0] = '\0';
	return KODO_ENOTFOUND;
}

enum kodo_err
runner_start(const char *state_path, const char *loader, bool keep_stderr, struct why *why)
{
	static char name[] = NAME, option[] = "--state";
	char program[PATH_BYTES], place[PATH_BYTES];
	const char *what = state_path != NULL ? state_path : loader;
	char *for_state[] = { name, option, place, NULL }, *for_loader[] = { name, place, NULL };
	enum kodo_err err;

	err = runner_find(program);
	if (err != KODO_OK)
		return why_set(why, err,
		    NAME " was not found: install it beside kodo, or name it in KODO_RECONNECT");
	if (strlen(what) >= sizeof(place))
		return why_set(why, KODO_EIO, "the path %.100s.. is too long", what);
	memcpy(place, what, strlen(what) + 1);
	return spawn_detached(
	    program, state_path != NULL ? for_state : for_loader, keep_stderr, why);
}
