/* Were options read from files in the middle of a write, or from what such a write has left? */
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/ascii.h"
#include "core/base/codec.h"
#include "core/base/isotime.h"
#include "core/base/path.h"
#include "core/config/option_private.h"

#define TEXT_BYTES	((size_t)1 << 20)	/* of one file that are kept; 5,000 flows or so */
#define ALL_BYTES	((size_t)8 << 20)	/* of all files */
#define QUIET_S		10	/* what looks cut off counts when it was left alone so long */

/* A file as it was, as far as it was kept. */
struct before {
	struct str label, text;
	size_t len;		/* of the file */
};

void
option_put_sources(struct buf *out, const struct options *o)
{
	const struct loader_text *t;
	struct str kept;

	buf_putc(out, o->has_source_url ? 'u' : '-');
	for (t = o->sources; t != NULL; t = t->next) {
		kept = t->text;
		if (kept.len > TEXT_BYTES)
			kept.len = out->len > ALL_BYTES ? 0 : TEXT_BYTES;
		write_str(out, str_of(t->label));
		buf_put_u32(out, (uint32_t)t->text.len);
		write_str(out, kept);
	}
}

static bool
read_before(struct reader *r, struct before *out)
{
	read_str(r, &out->label);
	out->len = read_u32(r);
	read_str(r, &out->text);
	return !r->bad;
}

/* Is there anything but space, comments and marks of a document? */
static bool
has_content(struct str text)
{
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_skip(text, 3);
	while (text.len > 0) {
		struct str line = ascii_trim(str_cut(&text, '\n'));

		if (line.len > 0 && line.p[0] != '#' && line.p[0] != '%' &&
		    !str_eq(line, STR("---")) && !str_eq(line, STR("...")))
			return true;
	}
	return false;
}

/* Seconds since the last change of the file or folder; INT64_MAX: not known. */
static int64_t
quiet_s(const char *path)
{
	int64_t now_s = isotime_now_us() / 1000000;
	struct stat st;

	if (stat(path, &st) != 0 || st.st_mtime > now_s)
		return INT64_MAX;
	return now_s - st.st_mtime;
}

static unsigned
count_lines(struct str s)
{
	unsigned n = 1;
	size_t i;

	for (i = 0; i < s.len; i++)
		n += s.p[i] == '\n';
	return n;
}

static bool
ends_in_line(struct str text)
{
	return text.len == 0 || text.p[text.len - 1] == '\n';
}

/*
 * Something else than before, of which the last line has no end, though all lines had one: the last
 * value may be cut off. The output of a program does not grow any more.
 */
static enum kodo_err
check_end(const struct loader_text *t, const struct before *b, bool may_wait, struct why *why)
{
	const bool is_file = access(t->label, F_OK) == 0;

	if (ends_in_line(t->text) || b->len != b->text.len || !ends_in_line(b->text))
		return KODO_OK;
	if (!is_file)
		return why_set(why, KODO_EINVAL,
		    "%s:%u: the last line has no end, as if the program had not come to its own, "
		    "and what it said before stays in force: let it end each line", t->label,
		    count_lines(t->text));
	if (may_wait && quiet_s(t->label) < QUIET_S)
		return why_set(why, KODO_EBUSY,
		    "%s:%u: the last line has no end, which it had before; that counts if it is "
		    "left so for %u s", t->label, count_lines(t->text), QUIET_S);
	return KODO_OK;
}

/* A file that is there as before, against what it was. */
static enum kodo_err
check_text(const struct loader_text *t, const struct before *b, bool may_wait, struct why *why)
{
	const struct str now = t->text;
	const size_t common = now.len < b->text.len ? now.len : b->text.len;
	bool is_line;

	if (has_content(b->text) && !has_content(now))
		return why_set(why, KODO_EINVAL,
		    "%s: it is empty, or holds comments only, and what it said before stays in "
		    "force: write it anew; a file of a folder may be removed", t->label);
	if (may_wait && path_is_being_written(t->label, now.len))
		return why_set(why, KODO_EBUSY,
		    "%s: it is being written, and what it said before stays in force meanwhile",
		    t->label);
	if (now.len >= b->len || common == 0 || memcmp(now.p, b->text.p, common) != 0)
		return check_end(t, b, may_wait, why);
	is_line = now.p[now.len - 1] == '\n' || (common == now.len && common < b->text.len &&
	    (b->text.p[common] == '\n' || b->text.p[common] == '\r'));
	if (is_line && b->len == b->text.len && !has_content(str_skip(b->text, common)))
		return KODO_OK;
	if (!is_line)
		return why_set(why, KODO_EINVAL,
		    "%s:%u: the file ends in the middle of what was a line, and what it said "
		    "before stays in force: write it anew; or end that line, if it is meant so",
		    t->label, count_lines(now));
	if (may_wait && quiet_s(t->label) < QUIET_S)
		return why_set(why, KODO_EBUSY,
		    "%s:%u: the file ends where it went on before; that counts if it is left so "
		    "for %u s", t->label, count_lines(now) - 1, QUIET_S);
	return KODO_OK;
}

/* A file that was there before, and is not. */
static enum kodo_err
check_gone(struct arena *a, struct str label, struct why *why)
{
	const char *folder = arena_strz(a, path_folder(label));

	if (folder == NULL || quiet_s(folder) >= QUIET_S)
		return KODO_OK;
	return why_set(why, KODO_EBUSY,
	    "%.*s: the file is gone; that counts if it stays so for %u s", STR_ARG(label), QUIET_S);
}

static const struct loader_text *
find_source(const struct options *o, struct str label)
{
	const struct loader_text *t;

	for (t = o->sources; t != NULL && !str_eq(str_of(t->label), label); t = t->next)
		;
	return t;
}

enum kodo_err
option_check_whole(struct arena *a, const struct options *o, struct str sources, bool may_wait,
    struct why *why)
{
	const struct loader_text *t;
	enum kodo_err err = KODO_OK;
	bool had_url = sources.len > 0 && sources.p[0] == 'u';
	struct reader r = reader_of(str_skip(sources, sources.len > 0));
	struct before b;

	while (err == KODO_OK && read_before(&r, &b)) {
		t = find_source(o, b.label);
		if (t != NULL)
			err = check_text(t, &b, may_wait, why);
		else if (may_wait)
			err = check_gone(a, b.label, why);
	}
	if (err == KODO_OK && had_url && !o->has_url)
		err = why_set(why, KODO_EINVAL,
		    "%.*s: it gives no url any more, and what it said before stays in force: write "
		    "the url, or the file anew", STR_ARG(o->loader));
	return err;
}
