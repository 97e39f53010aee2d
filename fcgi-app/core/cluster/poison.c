#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/base/codec.h"
#include "core/cluster/apply.h"
#include "core/cluster/poison.h"

#define NOTE_FILE	"applying"
#define NOTE_BYTES	24u	/* the members of a note, little-endian */
#define STARTS		2u

struct note {
	uint64_t revision;
	uint64_t starts;	/* at which it was found begun, by the process before */
	uint64_t is_begun;	/* since the last start */
};

static enum kodo_err
note_open(const struct state *s, int *fd)
{
	char path[PATH_BYTES];
	enum kodo_err err = state_file(s, NOTE_FILE, path);

	*fd = -1;
	if (err != KODO_OK)
		return err;
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, s->file_mode);
	return *fd >= 0 ? KODO_OK : errno == ENOSPC || errno == EDQUOT ? KODO_EFULL : KODO_EIO;
}

/* What is there; nothing, if it was never written whole. */
static struct note
note_read(int fd)
{
	unsigned char b[NOTE_BYTES];

	if (pread(fd, b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return (struct note){ 0 };
	return (struct note){ get_le64(b), get_le64(b + 8), get_le64(b + 16) };
}

static enum kodo_err
note_write(int fd, struct note n)
{
	unsigned char b[NOTE_BYTES];
	ssize_t put;

	put_le64(b, n.revision);
	put_le64(b + 8, n.starts);
	put_le64(b + 16, n.is_begun);
	put = pwrite(fd, b, sizeof(b), 0);
	return put == (ssize_t)sizeof(b) ? KODO_OK : errno == ENOSPC ? KODO_EFULL : KODO_EIO;
}

enum kodo_err
poison_note(const struct state *s, uint64_t revision)
{
	struct note n;
	int fd;
	enum kodo_err err = note_open(s, &fd);

	if (err != KODO_OK)
		return err;
	n = note_read(fd);
	/* the one that was found at a start is counted on */
	if (n.revision != revision || n.is_begun == 0)
		err = note_write(fd, (struct note){ revision,
		    n.revision == revision ? n.starts : 0, 1 });
	close(fd);
	return err;
}

enum kodo_err
poison_returned(const struct state *s, uint64_t revision)
{
	int fd;
	enum kodo_err err = note_open(s, &fd);

	if (err != KODO_OK)
		return err;
	err = note_write(fd, (struct note){ revision, 0, 0 });
	close(fd);
	return err;
}

bool
poison_is_begun(struct registry *r)
{
	struct note n = { 0 };
	uint64_t applied;
	int fd;

	if (note_open(registry_state(r), &fd) == KODO_OK)
		n = note_read(fd);
	if (fd >= 0)
		close(fd);
	return n.is_begun != 0 && cluster_applied_now(r, &applied) == KODO_OK &&
	    n.revision > applied;
}

enum kodo_err
poison_find(struct registry *r, uint64_t *begun, uint64_t *revision)
{
	struct note n;
	uint64_t applied;
	int fd;
	enum kodo_err err = note_open(registry_state(r), &fd);

	*begun = *revision = 0;
	if (err != KODO_OK)
		return err;
	n = note_read(fd);
	err = cluster_applied_now(r, &applied);
	/* a process that was killed before it came to it says nothing of it */
	if (err == KODO_OK && n.revision > applied && n.is_begun != 0) {
		n.starts++;
		n.is_begun = 0;
		err = note_write(fd, n);
	}
	close(fd);
	if (err == KODO_OK && n.revision > applied && n.starts > 0)
		*begun = n.revision;
	if (err == KODO_OK && n.revision > applied && n.starts >= STARTS)
		*revision = n.revision;
	return err;
}
