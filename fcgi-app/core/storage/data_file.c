#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/storage/data_file.h"

/* Of LMDB's format, data version 1; its header does not have them. */
#define PAGE_META		0x08u
#define META_MAGIC		0xBEEFC0DEu
#define META_VERSION		1u
#define PAGE_MIN_BYTES		512u
#define PAGE_MAX_BYTES		65536u
#define READER_BYTES		64u	/* a cache line; and two at the head of the table */

#define PLACE_BYTES		4096	/* a block of any file system */
#define MAP_SPARE_BYTES		((uint64_t)32 << 20)	/* for all that is not the map */
#define MAP_FIT_TRIES		16

struct tree {
	uint32_t pad;		/* of the first one: the size of a page */
	uint16_t flags, depth;
	size_t branch_pages, leaf_pages, overflow_pages, entries, root;
};

struct meta {
	uint32_t magic, version;
	void *address;
	size_t map_bytes;
	struct tree trees[2];
	size_t last_page, txnid;
};

struct meta_page {
	size_t number;
	uint16_t pad, flags;
	uint32_t bounds;
	struct meta meta;
};

static bool
read_meta(int fd, uint64_t at, struct meta *out)
{
	struct meta_page p;
	ssize_t n = pread(fd, &p, sizeof(p), (off_t)at);

	if (n != (ssize_t)sizeof(p) || (p.flags & PAGE_META) == 0 || p.meta.magic != META_MAGIC)
		return false;
	*out = p.meta;
	return true;
}

/*
 * Both meta pages are written at once, and reach the disk before anything else does (store.c). So
 * without both of them no other page counts, unless one of them tells of a commit.
 */
static enum data_kind
judge(int fd, uint64_t size, struct data_file *out)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct meta first = { 0 }, second = { 0 };
	bool has_first = read_meta(fd, 0, &first), has_second, is_whole;
	size_t psize = has_first ? first.trees[0].pad : page;

	if (psize < PAGE_MIN_BYTES || psize > PAGE_MAX_BYTES)
		return DATA_DAMAGED;
	has_second = read_meta(fd, psize, &second);
	is_whole = has_first && has_second && size >= 2 * psize;
	if (!is_whole && size <= 2 * psize && first.txnid == 0 && second.txnid == 0)
		return DATA_UNBORN;
	if (!has_first || !has_second)
		return DATA_DAMAGED;
	if (first.version != META_VERSION)
		return DATA_DAMAGED;
	if (second.txnid > first.txnid)
		first = second;
	out->used_bytes = ((uint64_t)first.last_page + 1) * psize;
	out->map_bytes = first.map_bytes;
	return size < out->used_bytes ? DATA_SHORT : DATA_WHOLE;
}

/* Refuse what LMDB must not open. KODO_ENOTFOUND: not there. */
static enum kodo_err
check_file(const struct state *state, const char *name, char path[PATH_BYTES], struct why *why)
{
	enum kodo_err err = state_file(state, name, path);
	struct stat st;

	if (err != KODO_OK)
		return err;
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? KODO_ENOTFOUND :
		    why_set(why, KODO_EIO, "cannot examine %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return why_set(why, KODO_EIO, "%s is %s; remove it", path,
		    S_ISLNK(st.st_mode) ? "a symbolic link" : "not a file");
	return KODO_OK;
}

enum kodo_err
data_file_look(const struct state *state, struct data_file *out, struct why *why)
{
	char path[PATH_BYTES];
	struct stat st;
	enum kodo_err err;
	int fd;

	*out = (struct data_file){ .kind = DATA_NONE };
	err = check_file(state, "lock.mdb", path, why);
	if (err == KODO_OK || err == KODO_ENOTFOUND)
		err = check_file(state, "data.mdb", path, why);
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) != 0)
		err = why_set(why, path_errno(errno), "%s: %s", path, path_words(errno));
	else if (st.st_size > 0)
		out->kind = judge(fd, (uint64_t)st.st_size, out);
	if (fd != -1)
		close(fd);
	return err;
}

enum kodo_err
data_file_renew(const struct state *state)
{
	char path[PATH_BYTES];
	enum kodo_err err = state_file(state, "data.mdb", path);
	int fd, failed;

	if (err != KODO_OK)
		return err;
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return KODO_EIO;
	failed = ftruncate(fd, 0);
	close(fd);
	return failed == 0 ? KODO_OK : KODO_EIO;
}

/* A file that is copied when it is written, as on btrfs, needs new room for each write. */
static void
write_in_place(int fd)
{
	int flags;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_NOCOW_FL) == 0) {
		flags |= FS_NOCOW_FL;
		/* other file systems have no such flag */
		(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
}

enum kodo_err
data_file_place_locks(const struct state *state, unsigned readers, struct why *why)
{
	const off_t bytes = (off_t)(readers + 2) * READER_BYTES;
	char path[PATH_BYTES];
	enum kodo_err err = state_file(state, "lock.mdb", path);
	struct stat st;
	int fd, failed = 0;

	if (err != KODO_OK)
		return err;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, state->file_mode);
	if (fd == -1 || fstat(fd, &st) != 0)
		failed = errno;
	else if (st.st_size == 0) {
		(void)fchmod(fd, state->file_mode);
		write_in_place(fd);
	}
	/* its size stays what LMDB makes it; a file system that cannot do this says EOPNOTSUPP */
	if (failed == 0 && st.st_blocks * 512 < bytes &&
	    fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, bytes) != 0 && path_errno(errno) == KODO_EFULL)
		failed = errno;
	if (fd != -1)
		close(fd);
	if (failed == 0 || failed == EROFS || failed == EACCES)
		return KODO_OK;		/* LMDB says it, if it matters */
	return why_set(why, path_errno(failed), "%s: %s", path, path_words(failed));
}

int
data_file_no_room(int fd)
{
	static const char block[PLACE_BYTES];
	struct stat st;
	ssize_t n;
	int failed;

	if (fstat(fd, &st) != 0)
		return errno;
	n = pwrite(fd, block, sizeof(block), st.st_size);
	failed = n == (ssize_t)sizeof(block) ? 0 : n == -1 ? errno : ENOSPC;
	if (ftruncate(fd, st.st_size) != 0 && failed == 0)
		failed = errno;
	return failed;
}

static bool
has_room(uint64_t bytes)
{
	void *p;

	bytes += MAP_SPARE_BYTES;
	if (bytes > SIZE_MAX)
		return false;
	p = mmap(NULL, (size_t)bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
	    0);
	if (p == MAP_FAILED)
		return false;
	munmap(p, (size_t)bytes);
	return true;
}

uint64_t
data_file_map_room(uint64_t want, uint64_t least, uint64_t held)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	unsigned tries;

	for (tries = 0; tries < MAP_FIT_TRIES && want > least; tries++) {
		if (has_room(want > held ? want - held : 0))
			return want;
		want = (least + (want - least) / 2) / page * page;
	}
	return has_room(least > held ? least - held : 0) ? least : 0;
}
