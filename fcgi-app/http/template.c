#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/url.h"
#include "core/storage/runner.h"
#include "http/template.h"

#define FILES		24u
#define FILE_BYTES	((size_t)1 << 20)	/* no page of ours is larger */
#define NAME_BYTES	32u
#define INCLUDES_MAX	4u	/* deep: a file that includes itself ends */

static struct file {
	char name[NAME_BYTES];
	uint64_t stamp;
	struct buf text;
} files[FILES];

/* --- rendering --- */

/*
 * The bytes of an invisible character at s.p[i]: controls except blanks and line ends, and marks
 * that turn the direction of the text after them, past the end of the value. 0: none.
 */
static size_t
unseen_bytes(struct str s, size_t i)
{
	unsigned char c = (unsigned char)s.p[i], d, e;

	if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
		return 1;
	d = i + 1 < s.len ? (unsigned char)s.p[i + 1] : 0;
	if (c == 0xc2 && d >= 0x80 && d < 0xa0)
		return 2;	/* U+0080 to U+009F */
	e = i + 2 < s.len ? (unsigned char)s.p[i + 2] : 0;
	if (c == 0xe2 && d == 0x80 && e >= 0xa8 && e <= 0xae)
		return 3;	/* U+2028 to U+202E */
	if (c == 0xe2 && d == 0x81 && e >= 0xa6 && e <= 0xa9)
		return 3;	/* U+2066 to U+2069 */
	return 0;
}

static void
put_escaped(struct buf *out, struct str s)
{
	static const char *const escapes[256] = { ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;",
		['"'] = "&quot;", ['\''] = "&#39;" };
	size_t i, n, plain = 0;

	for (i = 0; i < s.len; i += n) {
		const char *as = escapes[(unsigned char)s.p[i]];

		n = as != NULL ? 1 : unseen_bytes(s, i);
		if (n == 0) {
			n = 1;
			continue;
		}
		buf_put(out, s.p + plain, i - plain);
		buf_puts(out, as != NULL ? as : "\xef\xbf\xbd");
		plain = i + n;
	}
	if (s.len > plain)
		buf_put(out, s.p + plain, s.len - plain);
}

void
template_put_percent(struct buf *out, struct str s)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] != '\0' && strchr(plain, s.p[i]) != NULL)
			buf_putc(out, s.p[i]);
		else
			buf_printf(out, "%%%02X", (unsigned char)s.p[i]);
	}
}

/* The next tag of s: the text before it, its inside, the text after it. false: none. */
static bool
next_tag(struct str s, struct str *before, struct str *tag, struct str *after)
{
	const char *open = s.len == 0 ? NULL : memmem(s.p, s.len, "{{", 2);
	const char *end = s.p + s.len, *close;

	if (open == NULL)
		return false;
	close = memmem(open, (size_t)(end - open), "}}", 2);
	if (close == NULL)
		return false;
	*before = (struct str){ s.p, (size_t)(open - s.p) };
	*tag = (struct str){ open + 2, (size_t)(close - open - 2) };
	*after = (struct str){ close + 2, (size_t)(end - close - 2) };
	return true;
}

/*
 * Cut s, the text after {{#name}}, at {{/name}}: the part before and the text after it. Without an
 * end the part is all of s.
 */
static void
cut_part(struct str s, struct str name, struct str *part, struct str *rest)
{
	struct str left = s, before, tag, after;

	while (next_tag(left, &before, &tag, &after)) {
		if (tag.len == name.len + 1 && tag.p[0] == '/' &&
		    memcmp(tag.p + 1, name.p, name.len) == 0) {
			*part = (struct str){ s.p, (size_t)(before.p + before.len - s.p) };
			*rest = after;
			return;
		}
		left = after;
	}
	*part = s;
	*rest = (struct str){ s.p + s.len, 0 };
}

static void render(
    struct str part, struct buf *out, const struct template_source *from, struct str here);

static void
put_value(struct str name, struct buf *out, const struct template_source *from, struct str here)
{
	char mark = name.len > 0 && (name.p[0] == '%' || name.p[0] == '@') ? name.p[0] : '\0';
	struct buf link = BUF_INIT(0);
	struct str value;

	if (mark != '\0')
		name = (struct str){ name.p + 1, name.len - 1 };
	value = str_eq(name, STR(".")) ? here : from->value(from->arg, name, 0);
	if (mark == '@') {
		url_put_link(&link, url_is_web(value) ? value : STR("#"));
		if (buf_failed(&link) && out->err == KODO_OK)
			out->err = link.err;
		value = buf_str(&link);
	}
	if (mark == '%')
		template_put_percent(out, value);
	else
		put_escaped(out, value);
	buf_free(&link);
}

static bool
has_row(struct str name, const struct template_source *from)
{
	return from->step != NULL && from->step(from->arg, name, STEP_FIRST);
}

static void
put_part(char mark, struct str name, struct str part, struct buf *out,
    const struct template_source *from, struct str here)
{
	struct str value = from->value(from->arg, name, 0);
	bool row = value.p == NULL && has_row(name, from);
	size_t i;

	if (mark == '^') {
		if (row)
			(void)from->step(from->arg, name, STEP_LEAVE);
		else if (value.p == NULL)
			render(part, out, from, here);
		return;
	}
	while (row) {
		render(part, out, from, here);
		row = from->step(from->arg, name, STEP_NEXT);
	}
	for (i = 1; value.p != NULL; i++) {
		render(part, out, from, value);
		value = from->value(from->arg, name, i);
	}
}

/* {{>name}} */
static void
put_file(struct str name, struct buf *out, const struct template_source *from, struct str here)
{
	static unsigned depth;
	char file[NAME_BYTES];
	struct str text;

	snprintf(file, sizeof(file), "%.*s.html", STR_ARG(name));
	if (depth == INCLUDES_MAX)
		return;
	text = template_load(file);
	depth++;
	if (text.p != NULL)
		render(text, out, from, here);
	depth--;
}

/* Recursion ends: each part is shorter than its text, and templates are ours. */
static void
render(struct str part, struct buf *out, const struct template_source *from, struct str here)
{
	struct str before, tag, after, name, inner;

	while (next_tag(part, &before, &tag, &after)) {
		buf_put_str(out, before);
		if (tag.len > 0 && (tag.p[0] == '#' || tag.p[0] == '^')) {
			name = (struct str){ tag.p + 1, tag.len - 1 };
			cut_part(after, name, &inner, &after);
			put_part(tag.p[0], name, inner, out, from, here);
		} else if (tag.len > 0 && tag.p[0] == '>') {
			put_file((struct str){ tag.p + 1, tag.len - 1 }, out, from, here);
		} else {
			put_value(tag, out, from, here);
		}
		part = after;
	}
	buf_put_str(out, part);
}

void
template_render(struct str part, struct buf *out, const struct template_source *from)
{
	render(part, out, from, STR_NULL);
}

bool
template_split(
    struct str text, const char *name, struct str *head, struct str *row, struct str *tail)
{
	struct str left = text, before, tag, after;

	while (next_tag(left, &before, &tag, &after)) {
		if (tag.len == strlen(name) + 1 && tag.p[0] == '#' &&
		    memcmp(tag.p + 1, name, tag.len - 1) == 0) {
			*head = (struct str){ text.p, (size_t)(before.p + before.len - text.p) };
			cut_part(after, str_of(name), row, tail);
			return true;
		}
		left = after;
	}
	*head = text;
	*row = *tail = STR("");
	return false;
}

/* --- files --- */

static bool
is_file(char path[PATH_BYTES], const char *folder, const char *below, const char *name,
    struct stat *st)
{
	int n = snprintf(path, PATH_BYTES, "%s%s/%s", folder, below, name);

	return n < (int)PATH_BYTES && stat(path, st) == 0;
}

static bool
find_file(const char *name, char path[PATH_BYTES], struct stat *st)
{
	static const char *const places[] = { "/../share/kodo/www", "/../www", "/www" };
	const char *named = getenv("KODO_WWW");
	char folder[PATH_BYTES];
	size_t i;

	if (named != NULL)
		return is_file(path, named, "", name, st);
	if (runner_own_folder(folder) != KODO_OK)
		return false;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (is_file(path, folder, places[i], name, st))
			return true;
	return false;
}

static uint64_t
stamp_of(const struct stat *st)
{
	return ((uint64_t)st->st_mtim.tv_sec * 1000000007u + (uint64_t)st->st_mtim.tv_nsec) ^
	    (uint64_t)st->st_size << 40 ^ (uint64_t)st->st_ino << 20;
}

uint64_t
template_stamp(const char *name)
{
	static const char *const included[] = { "top.html", "end.html" };
	char path[PATH_BYTES];
	struct stat st;
	uint64_t stamp;
	size_t i;

	if (!find_file(name, path, &st))
		return 0;
	stamp = stamp_of(&st);
	for (i = 0; i < sizeof(included) / sizeof(included[0]); i++)
		if (find_file(included[i], path, &st))
			stamp = (stamp << 1 | stamp >> 63) ^ stamp_of(&st);
	return stamp | 1;
}

static bool
read_file(const char *path, struct buf *out)
{
	char *p;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return false;
	while ((p = buf_room(out, 16384)) != NULL && (n = read(fd, p, 16384)) > 0)
		out->len += (size_t)n;
	close(fd);
	return n == 0 && !buf_failed(out);
}

struct str
template_load(const char *name)
{
	char path[PATH_BYTES];
	struct stat st;
	struct file *f = files;

	if (!find_file(name, path, &st))
		return STR_NULL;
	while (f < files + FILES - 1 && f->name[0] != '\0' && strcmp(f->name, name) != 0)
		f++;
	if (strcmp(f->name, name) == 0 && f->stamp == stamp_of(&st))
		return buf_str(&f->text);
	snprintf(f->name, sizeof(f->name), "%s", name);
	f->stamp = stamp_of(&st);
	buf_free(&f->text);
	f->text.max = FILE_BYTES;
	if (read_file(path, &f->text))
		return buf_str(&f->text);
	f->name[0] = '\0';
	return STR_NULL;
}
