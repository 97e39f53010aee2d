#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/storage/spool.h"

#define SPOOL_FILE	"spool"
/* Where the slots of each kind begin in it; it stays empty. */
#define MIB_AT		((off_t)0)
#define POSTED_AT	((off_t)1 << 29)
#define ALONE_AT	((off_t)1 << 30)
#define CLIENT_AT	((off_t)1 << 31)
#define CLIENTS		(1u << 20)	/* of addresses with the same slots one in so many */

static struct flock
bytes(off_t at, off_t n)
{
	const struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at,
		.l_len = n };

	return range;
}

/* Take one byte of n from at on. */
static bool
take_one(int fd, off_t at, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		struct flock byte = bytes(at + i, 1);

		/* before Linux 3.15 processes have locks, not files */
		if (fcntl(fd, F_OFD_SETLK, &byte) == 0 ||
		    (errno == EINVAL && fcntl(fd, F_SETLK, &byte) == 0))
			return true;
	}
	return false;
}

enum kodo_err
spool_begin(const struct state *state, const struct spool_limits *limits, struct spool *out)
{
	*out = (struct spool)SPOOL_INIT;
	if (limits->max_mib == 0 || (out->fd = state_open_file(state, SPOOL_FILE, O_RDWR)) < 0)
		return KODO_OK;
	if ((!limits->holds_process || take_one(out->fd, ALONE_AT, SPOOL_ALONE_MAX)) &&
	    (limits->client == 0 ||
		take_one(out->fd, CLIENT_AT + (off_t)(limits->client % CLIENTS) * SPOOL_CLIENT_MAX,
		    SPOOL_CLIENT_MAX)))
		return KODO_OK;
	spool_end(out);
	return KODO_EBUSY;
}

static off_t
room_of(const struct spool_limits *limits)
{
	return limits->is_posted ? POSTED_AT : MIB_AT;
}

/* Has no other answer room? */
static bool
is_alone(const struct spool_limits *limits, const struct spool *s)
{
	struct flock all = bytes(room_of(limits), limits->max_mib);

	return (fcntl(s->fd, F_OFD_GETLK, &all) == 0 ||
		   (errno == EINVAL && fcntl(s->fd, F_GETLK, &all) == 0)) &&
	    all.l_type == F_UNLCK;
}

enum kodo_err
spool_grow(const struct spool_limits *limits, struct spool *s)
{
	if (s->fd < 0)
		return KODO_OK;
	/* one that was taken before the first of its own may be free by now */
	while (s->n_looked < limits->max_mib + s->first) {
		const unsigned at = s->n_looked++ % limits->max_mib;

		if (!take_one(s->fd, room_of(limits) + at, 1))
			continue;
		s->first = s->has_room ? s->first : at;
		s->has_room = true;
		return KODO_OK;
	}
	return is_alone(limits, s) ? KODO_OK : KODO_EBUSY;
}

void
spool_end(struct spool *s)
{
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct spool)SPOOL_INIT;
}

unsigned
spool_used_mib(const struct state *state, unsigned max_mib)
{
	return state_locked_bytes(state, SPOOL_FILE, MIB_AT, max_mib) +
	    state_locked_bytes(state, SPOOL_FILE, POSTED_AT, max_mib);
}
