/*
 * The room for bodies of requests that come in: lighttpd has no ceiling of all together, and 40
 * uploads that stop short of their end would lie there as long as somebody sends a byte now and
 * then. While the folder is over its quota, the kernel refuses lighttpd every write to a file
 * (RLIMIT_FSIZE): a body that needs one is answered 503, smaller ones are served as ever.
 */
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmd/lighttpd.h"
#include "cmd/service_private.h"
#include "core/base/log.h"

#define LOOK_US		50000	/* at the folder, while something is in it */
#define BODIES_MIN	2u	/* of the longest ones: room for these, whatever is set */

enum kodo_err
service_upload_open(struct service *s, struct why *why)
{
	enum kodo_err err = state_file(&s->state, LIGHTTPD_UPLOAD, s->upload_path);

	if (err != KODO_OK)
		return why_set(why, err, "the path %s is too long", s->state.path);
	s->upload_due_us = NEVER;
	s->upload_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->upload_fd >= 0 && inotify_add_watch(s->upload_fd, s->upload_path, IN_CREATE) >= 0)
		return KODO_OK;
	/* a user may have few of these; then the folder is looked at all the time */
	if (s->upload_fd >= 0)
		close(s->upload_fd);
	s->upload_fd = -1;
	log_debug("the folder %s cannot be watched", s->upload_path);
	s->upload_due_us = 0;
	return KODO_OK;
}

static uint64_t
quota(const struct options *o)
{
	unsigned least = BODIES_MIN * o->body_max_mib;

	return (uint64_t)(o->spool_max_mib > least ? o->spool_max_mib : least) << 20;
}

/* May lighttpd write files? */
static void
allow(struct service *s, bool may)
{
	struct rlimit rl;

	if (s->lighttpd->pid <= 0 || s->upload_is_closed == !may ||
	    prlimit(s->lighttpd->pid, RLIMIT_FSIZE, NULL, &rl) != 0)
		return;
	rl.rlim_cur = may ? rl.rlim_max : 0;
	if (prlimit(s->lighttpd->pid, RLIMIT_FSIZE, &rl, NULL) != 0)
		return;
	s->upload_is_closed = !may;
	if (!may)
		log_warning("bodies of requests that come in have taken all room: raise "
			    "spool_max_mib if these are no attack");
}

void
service_upload_noticed(struct service *s)
{
	char events[4096];

	while (read(s->upload_fd, events, sizeof(events)) > 0)
		continue;
	s->upload_due_us = 0;
}

int64_t
service_upload_look(struct service *s, int64_t now_us)
{
	uint64_t used;

	if (s->lighttpd->pid == 0) {
		/* what it has left nobody removes; the next one begins without a limit */
		lighttpd_empty_upload(s->upload_path);
		s->upload_is_closed = false;
	} else if (now_us < s->upload_due_us) {
		return s->upload_due_us;
	}
	used = lighttpd_count_upload(s->upload_path);
	/* closed, it opens with some room, or it would do so for each body that is given up */
	allow(s, used < (s->upload_is_closed ? quota(&s->options) / 4 * 3 : quota(&s->options)));
	s->upload_due_us = used > 0 || s->upload_fd < 0 ? now_us + LOOK_US : NEVER;
	return s->upload_due_us;
}
