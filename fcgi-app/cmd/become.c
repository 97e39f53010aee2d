#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "cmd/become.h"
#include "core/base/arena.h"

enum kodo_err
become_begin(struct arena *a, struct str user, struct become *out, struct why *why)
{
	const char *name = arena_strz(a, user);
	const struct passwd *pw;

	*out = (struct become){ .is_root = geteuid() == 0 };
	if (!out->is_root || user.len == 0)
		return KODO_OK;
	if (name == NULL)
		return why_set(why, KODO_ENOMEM, "memory ran out");
	errno = 0;
	pw = getpwnam(name);
	if (pw == NULL && errno != 0)
		return why_set(why, KODO_EIO, "cannot look up the user %s: %s", name,
		    strerror(errno));
	if (pw == NULL)
		return why_set(why, KODO_EINVAL,
		    "there is no user %s: make one (useradd --system %s), or set `user` to another",
		    name, name);
	out->uid = pw->pw_uid;
	if (initgroups(name, pw->pw_gid) != 0 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 || seteuid(pw->pw_uid) != 0)
		return why_set(why, KODO_EIO, "cannot become the user %s: %s", name,
		    strerror(errno));
	return KODO_OK;
}

enum kodo_err
become_root(const struct become *b, struct why *why)
{
	if (b->uid == 0 || seteuid(0) == 0)
		return KODO_OK;
	return why_set(why, KODO_EIO, "cannot act as root: %s", strerror(errno));
}

enum kodo_err
become_end(const struct become *b, struct why *why)
{
	if (b->uid == 0 || setresuid(b->uid, b->uid, b->uid) == 0)
		return KODO_OK;
	return why_set(why, KODO_EIO, "cannot become uid %lu: %s", (unsigned long)b->uid,
	    strerror(errno));
}
