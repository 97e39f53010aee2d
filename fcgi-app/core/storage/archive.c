#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/crypto.h"
#include "core/base/path.h"
#include "core/storage/archive.h"

#define COPY_BYTES	((size_t)1 << 16)
#define SUMS_MAX	((size_t)1 << 20)
#define OCTAL_MAX	((uint64_t)1 << 33)	/* of eleven digits */

/* As they lie in the archive. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], time[12], sum[8], type, link[100];
	char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == ARCHIVE_BLOCK, "a header is a block");

void
archive_free(struct archive *w)
{
	buf_free(&w->sums);
}

/* What is over eleven octal digits is binary, as GNU and BSD tar have it. */
static void
put_size(char out[12], uint64_t size)
{
	unsigned i;

	if (size < OCTAL_MAX) {
		snprintf(out, 12, "%011llo", (unsigned long long)size);
		return;
	}
	for (i = 11; i > 0; i--, size >>= 8)
		out[i] = (char)(size & 0xff);
	out[0] = (char)0x80;
}

static uint64_t
get_number(const char in[12])
{
	uint64_t n = 0;
	unsigned i;

	if (((unsigned char)in[0] & 0x80) != 0) {
		for (i = 4; i < 12; i++)
			n = n << 8 | (unsigned char)in[i];
		return n;
	}
	for (i = 0; i < 11 && in[i] >= '0' && in[i] <= '7'; i++)
		n = n << 3 | (uint64_t)(in[i] - '0');
	return n;
}

static struct header
header_of(const char *name, uint64_t size, int64_t time_s)
{
	struct header h = { .type = '0', .magic = "ustar", .version = { '0', '0' },
		.mode = "0000600", .uid = "0000000", .gid = "0000000" };
	const unsigned char *p = (const unsigned char *)&h;
	unsigned sum = 0, i;

	snprintf(h.name, sizeof(h.name), "%s", name);
	put_size(h.size, size);
	snprintf(h.time, sizeof(h.time), "%011llo",
	    (unsigned long long)time_s & (OCTAL_MAX - 1));
	memset(h.sum, ' ', sizeof(h.sum));
	for (i = 0; i < sizeof(h); i++)
		sum += p[i];
	snprintf(h.sum, sizeof(h.sum), "%06o", sum & 0777777);
	h.sum[7] = ' ';
	return h;
}

static size_t
padding_of(uint64_t size)
{
	return (size_t)(-size % ARCHIVE_BLOCK);
}

/* A line of ARCHIVE_SUMS. */
static enum kodo_err
add_sum(struct archive *w, const char *name, struct str contents)
{
	unsigned char sum[CRYPTO_SHA256_BYTES];
	enum kodo_err err = crypto_sha256(contents, sum);
	size_t i;

	if (err != KODO_OK)
		return why_set(w->why, err, "no SHA-256: libcrypto cannot be opened");
	for (i = 0; i < sizeof(sum); i++)
		buf_printf(&w->sums, "%02x", sum[i]);
	buf_printf(&w->sums, "  %s\n", name);
	return buf_failed(&w->sums) ? w->sums.err : KODO_OK;
}

/* The same of size bytes of an open file. */
static enum kodo_err
add_sum_at(struct archive *w, const char *name, int fd, uint64_t at, uint64_t size)
{
	char *p = mmap(NULL, (size_t)(at + size), PROT_READ, MAP_SHARED, fd, 0);
	enum kodo_err err;

	if (p == MAP_FAILED)
		return why_set(w->why, path_errno(errno), "cannot read what was written: %s",
		    path_words(errno));
	err = add_sum(w, name, (struct str){ p + at, (size_t)size });
	munmap(p, (size_t)(at + size));
	return err;
}

static enum kodo_err
put_bytes(struct archive *w, struct str s)
{
	enum kodo_err err = path_write(w->fd, s);

	w->at += s.len;
	return err == KODO_OK ? err : why_set(w->why, err, "%s", path_words(errno));
}

static enum kodo_err
put_padding(struct archive *w, uint64_t size)
{
	static const char zeros[ARCHIVE_BLOCK];

	return put_bytes(w, (struct str){ zeros, padding_of(size) });
}

static enum kodo_err
put_plain(struct archive *w, const char *name, struct str contents)
{
	const struct header h = header_of(name, contents.len, w->time_s);
	enum kodo_err err = put_bytes(w, (struct str){ (const char *)&h, sizeof(h) });

	if (err == KODO_OK)
		err = put_bytes(w, contents);
	return err == KODO_OK ? put_padding(w, contents.len) : err;
}

enum kodo_err
archive_put(struct archive *w, const char *name, struct str contents)
{
	enum kodo_err err = put_plain(w, name, contents);

	return err == KODO_OK ? add_sum(w, name, contents) : err;
}

/* The size is known afterwards: then the header is written over again. */
enum kodo_err
archive_put_from(struct archive *w, const char *name,
    enum kodo_err (*fill)(int fd, void *arg, struct why *why), void *arg)
{
	struct header h = header_of(name, 0, w->time_s);
	const uint64_t begin = w->at + sizeof(h);
	enum kodo_err err = put_bytes(w, (struct str){ (const char *)&h, sizeof(h) });
	off_t end;

	if (err == KODO_OK)
		err = fill(w->fd, arg, w->why);
	if (err != KODO_OK)
		return err;
	end = lseek(w->fd, 0, SEEK_CUR);
	if (end < (off_t)begin)
		return why_set(w->why, KODO_EIO, "no place in the file: %s", strerror(errno));
	w->at = (uint64_t)end;
	h = header_of(name, w->at - begin, w->time_s);
	if (pwrite(w->fd, &h, sizeof(h), (off_t)(begin - sizeof(h))) != (ssize_t)sizeof(h))
		return why_set(w->why, path_errno(errno), "%s", path_words(errno));
	err = add_sum_at(w, name, w->fd, begin, w->at - begin);
	return err == KODO_OK ? put_padding(w, w->at - begin) : err;
}

enum kodo_err
archive_put_end(struct archive *w)
{
	static const char zeros[2 * ARCHIVE_BLOCK];
	enum kodo_err err = put_plain(w, ARCHIVE_SUMS, buf_str(&w->sums));

	if (err == KODO_OK)
		err = put_bytes(w, (struct str){ zeros, sizeof(zeros) });
	if (err == KODO_OK && fsync(w->fd) != 0 && errno != EINVAL)
		err = why_set(w->why, path_errno(errno), "%s", path_words(errno));
	return err;
}

/* --- reading --- */

static enum kodo_err
get_bytes(struct archive *r, void *to, size_t n)
{
	char *p = to;

	while (n > 0) {
		const ssize_t got = read(r->fd, p, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return why_set(r->why, path_errno(errno), "%s", path_words(errno));
		if (got == 0)
			return why_set(r->why, KODO_ECORRUPT, "it is cut off after %llu bytes",
			    (unsigned long long)r->at);
		p += got;
		n -= (size_t)got;
		r->at += (uint64_t)got;
	}
	return KODO_OK;
}

static enum kodo_err
is_damaged(const struct archive *r)
{
	return why_set(r->why, KODO_ECORRUPT, "it is damaged, or was made by another program "
	    "(byte %llu)", (unsigned long long)r->at);
}

/* n bytes are there, and zero. */
static enum kodo_err
get_zeros(struct archive *r, size_t n)
{
	char bytes[2 * ARCHIVE_BLOCK];
	enum kodo_err err = get_bytes(r, bytes, n);
	size_t i;

	for (i = 0; err == KODO_OK && i < n; i++)
		if (bytes[i] != 0)
			err = is_damaged(r);
	return err;
}

enum kodo_err
archive_next(struct archive *r, struct archive_file *out)
{
	struct header h, same;
	enum kodo_err err = get_bytes(r, &h, sizeof(h));

	*out = (struct archive_file){ .size = 0 };
	if (err != KODO_OK)
		return err;
	memcpy(out->name, h.name, ARCHIVE_NAME_MAX);
	out->size = get_number(h.size);
	if (r->at == sizeof(h))
		r->time_s = (int64_t)get_number(h.time);
	same = header_of(out->name, out->size, r->time_s);
	return memcmp(&h, &same, sizeof(h)) == 0 && out->name[0] != '\0' ? KODO_OK : is_damaged(r);
}

enum kodo_err
archive_take(struct archive *r, const struct archive_file *f, struct arena *a, size_t max,
    struct str *out)
{
	char *p = f->size > max ? NULL : arena_alloc(a, (size_t)f->size + 1);
	enum kodo_err err;

	*out = STR_NULL;
	if (f->size > max)
		return is_damaged(r);
	if (p == NULL)
		return why_set(r->why, KODO_ENOMEM, "memory ran out");
	err = get_bytes(r, p, (size_t)f->size);
	if (err == KODO_OK)
		err = get_zeros(r, padding_of(f->size));
	if (err != KODO_OK)
		return err;
	p[f->size] = '\0';
	*out = (struct str){ p, (size_t)f->size };
	return strcmp(f->name, ARCHIVE_SUMS) == 0 ? KODO_OK : add_sum(r, f->name, *out);
}

static enum kodo_err
copy_to(struct archive *r, uint64_t size, int fd)
{
	static char bytes[COPY_BYTES];
	enum kodo_err err = KODO_OK;

	while (err == KODO_OK && size > 0) {
		const size_t n = size < sizeof(bytes) ? (size_t)size : sizeof(bytes);

		err = get_bytes(r, bytes, n);
		if (err != KODO_OK)
			break;
		err = path_write(fd, (struct str){ bytes, n });
		if (err != KODO_OK)
			why_set(r->why, err, "%s", path_words(errno));
		size -= n;
	}
	if (err == KODO_OK && fsync(fd) != 0)
		err = why_set(r->why, path_errno(errno), "%s", path_words(errno));
	return err;
}

enum kodo_err
archive_take_to(
    struct archive *r, const struct archive_file *f, const char *path, mode_t mode)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	enum kodo_err err;

	if (fd < 0)
		return why_set(r->why, path_errno(errno), "%s: %s", path, path_words(errno));
	(void)fchmod(fd, mode);		/* whatever the umask is */
	err = copy_to(r, f->size, fd);
	if (err == KODO_OK)
		err = get_zeros(r, padding_of(f->size));
	if (err == KODO_OK && f->size == 0)
		err = is_damaged(r);
	if (err == KODO_OK)
		err = add_sum_at(r, f->name, fd, 0, f->size);
	close(fd);
	return err;
}

enum kodo_err
archive_take_end(struct archive *r, const struct archive_file *f)
{
	struct arena *a = arena_new();
	struct str said = STR_NULL;
	enum kodo_err err = a == NULL ? KODO_ENOMEM : archive_take(r, f, a, SUMS_MAX, &said);
	char more;

	if (err == KODO_OK)
		err = get_zeros(r, (size_t)2 * ARCHIVE_BLOCK);
	if (err == KODO_OK && (!str_eq(said, buf_str(&r->sums)) || read(r->fd, &more, 1) > 0))
		err = why_set(r->why, KODO_ECORRUPT, "it is damaged: its checksums do not hold");
	arena_free(a);
	return err;
}
