#include <errno.h>

#include "core/base/ascii.h"
#include "core/base/buf.h"
#include "core/base/path.h"
#include "core/base/utf8.h"
#include "core/config/dotenv.h"

struct reader {
	struct arena *a;
	struct str ours;
	struct str rest;	/* of the file, from the line after the present one on */
	unsigned line;		/* number of the present one */
	bool is_ours;		/* it, or what is meant by it */
	struct buf entries;
	struct buf value;	/* while it is read */
};

static bool
is_key(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (!ascii_is_letter(c) && c != '_' && (i == 0 || !ascii_is_digit(c)))
			return false;
	}
	return s.len > 0;
}

/* Without the word at its begin, if that is followed by space. */
static struct str
skip_word(struct str s, struct str word)
{
	if (!str_starts(s, word) || s.len == word.len || !ascii_is_space(s.p[word.len]))
		return s;
	return ascii_trim(str_skip(s, word.len));
}

/* The value of an earlier line; null: none. */
static struct str
find_value(const struct reader *r, struct str key)
{
	const struct dotenv_entry *e = (const void *)r->entries.p;
	size_t i = r->entries.len / sizeof(*e);

	while (i-- > 0)
		if (str_eq(e[i].key, key))
			return e[i].value;
	return STR_NULL;
}

/* Put ${NAME} or ${NAME:-value} at the begin of *s, and take it off. Wrong: a static text. */
static const char *
put_variable(struct reader *r, struct str *s)
{
	const char *end = memchr(s->p, '}', s->len), *at;
	struct str name, value, preset = STR_NULL;

	if (end == NULL)
		return "${ without }: in single quotes it stands as it is";
	name = (struct str){ s->p + 2, (size_t)(end - s->p) - 2 };
	*s = str_skip(*s, name.len + 3);
	at = memchr(name.p, '-', name.len);
	if (at != NULL) {
		preset = str_skip(name, (size_t)(at - name.p) + 1);
		name.len = (size_t)(at - name.p);
		if (name.len > 0 && name.p[name.len - 1] == ':')
			name.len--;
	}
	value = find_value(r, name);
	if (value.len == 0 && at != NULL)
		value = preset;
	if (value.p == NULL && !r->is_ours)
		value = STR("");
	if (value.p == NULL)
		return "${NAME} of no line before (the environment is not looked at): write its "
		    "value, or single quotes around what stands for itself";
	buf_put_str(&r->value, value);
	return NULL;
}

/* The character that \c stands for in double quotes; NUL: the backslash stands for itself. */
static char
unescape(char c)
{
	static const char from[] = "nrtabfv\\\"'$`", to[] = "\n\r\t\a\b\f\v\\\"'$`";
	const char *at = c == '\0' ? NULL : strchr(from, c);

	return at == NULL ? '\0' : to[at - from];
}

/* Put a value's text. quote: around it; 0: none. Wrong: a static text. */
static const char *
put_value(struct reader *r, struct str s, char quote)
{
	const char *wrong = NULL;

	while (s.len > 0 && wrong == NULL) {
		char c = s.p[0], next = s.len > 1 ? s.p[1] : '\0';

		if (c == '$' && next == '{' && (quote == '"' || quote == 0)) {
			wrong = put_variable(r, &s);
			continue;
		}
		if (c == '\\' && next == '\n' && quote == '"') {
			s = str_skip(s, 2);
			continue;
		}
		if (c == '\\' && quote == '"' && unescape(next) != '\0')
			c = unescape(next);
		else if (c == '\\' && quote == '\'' && next == '\'')
			c = next;
		else
			next = '\0';
		buf_putc(&r->value, c);
		s = str_skip(s, next == '\0' ? 1 : 2);
	}
	return wrong;
}

/* Without quotes: up to a # at the start or after a blank. */
static struct str
without_comment(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] == '#' && (i == 0 || ascii_is_space(s.p[i - 1])))
			break;
	return ascii_trim((struct str){ s.p, i });
}

static struct str
next_line(struct reader *r)
{
	r->line++;
	return str_cut(&r->rest, '\n');
}

/* s is the rest of a line. A \ at the end of a line of ours joins the next one. */
static const char *
plain_value(struct reader *r, struct str s)
{
	const char *wrong = NULL;

	s = without_comment(s);
	while (wrong == NULL && r->is_ours && str_ends(s, STR("\\")) && r->rest.len > 0) {
		s.len--;
		wrong = put_value(r, s, 0);
		s = without_comment(next_line(r));
	}
	return wrong == NULL ? put_value(r, s, 0) : wrong;
}

/* The closing quote, and what stands after it on its line. Null: there is none. */
static struct str
find_close(struct str s, char quote, struct str *after)
{
	size_t i = 1;

	while (i < s.len && s.p[i] != quote)
		i += s.p[i] == '\\' && quote != '`' && i + 1 < s.len ? 2 : 1;
	if (i >= s.len)
		return STR_NULL;
	*after = str_skip(s, i + 1);
	*after = ascii_trim(str_cut(after, '\n'));
	return (struct str){ s.p + 1, i - 1 };
}

/* s starts with its quote and is the rest of a line; the text may go on over further lines. */
static const char *
quoted_value(struct reader *r, struct str s)
{
	const char quote = s.p[0];
	struct str all = { s.p, (size_t)(r->rest.p - s.p) + r->rest.len }, after, text;
	const char *wrong;

	text = find_close(all, quote, &after);
	if (text.p == NULL)
		return "the quote is not closed";
	if (after.len > 0 && after.p[0] != '#')
		return "text after the closing quote";
	wrong = put_value(r, text, quote);
	while (wrong == NULL && r->rest.p <= text.p + text.len)
		(void)next_line(r);
	return wrong;
}

static const char *
read_value(struct reader *r, struct str s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = str_skip(s, 1);
	buf_reset(&r->value);
	if (s.len > 0 && strchr("\"'`", s.p[0]) != NULL && s.p[0] != '\0')
		return quoted_value(r, s);
	return plain_value(r, s);
}

/* The key of a line without its space, up to = or a colon and a blank; *value: what follows. */
static struct str
cut_key(struct str line, struct str *value)
{
	struct str key = line;
	size_t i;

	*value = STR_NULL;
	for (i = 0; i < line.len && value->p == NULL; i++)
		if (line.p[i] == '=' || (line.p[i] == ':' && i + 1 < line.len &&
		    ascii_is_space(line.p[i + 1]))) {
			key.len = i;
			*value = str_skip(line, i + 1);
		}
	key = skip_word(ascii_trim(key), STR("export"));
	if (key.len > 2 && strchr("\"'", key.p[0]) != NULL && key.p[key.len - 1] == key.p[0])
		key = (struct str){ key.p + 1, key.len - 2 };
	return key;
}

/* Is a line that is no KEY=value meant for us? Its first or last word tells. */
static bool
is_meant(const struct reader *r, struct str key)
{
	size_t i = key.len;

	while (i > 0 && !ascii_is_space(key.p[i - 1]))
		i--;
	return ascii_starts(key, r->ours) || ascii_starts(str_skip(key, i), r->ours);
}

/* A line with something on it. Wrong: a static text. */
static const char *
read_entry(struct reader *r, struct str line)
{
	struct dotenv_entry e = { .line = r->line };
	const char *wrong = NULL;
	struct str value;

	e.key = cut_key(line, &value);
	r->is_ours = is_meant(r, e.key);
	if (value.p == NULL && is_key(e.key) && r->is_ours)
		return NULL;		/* named, not given: `export KODO_URL` */
	if (!is_key(e.key) || value.p == NULL)
		return "expected KEY=value, the key of letters, digits and _";
	wrong = read_value(r, value);
	if (wrong == NULL && r->is_ours && !utf8_valid(buf_str(&r->value)))
		return "the value is not UTF-8";
	if (wrong == NULL && (arena_str(r->a, buf_str(&r->value), &e.value) != KODO_OK ||
	    buf_failed(&r->value)))
		r->entries.err = KODO_ENOMEM;
	if (wrong == NULL)
		buf_put(&r->entries, &e, sizeof(e));
	return wrong;
}

static enum kodo_err
read_lines(struct reader *r, const char *path, struct dotenv *out, struct why *why)
{
	const char *wrong;
	unsigned line;

	while (r->rest.len > 0) {
		struct str s = ascii_trim(next_line(r));

		if (s.len == 0 || s.p[0] == '#' || s.p[0] == ';')
			continue;
		line = r->line;
		wrong = read_entry(r, s);
		if (wrong != NULL && r->is_ours)
			return why_set(why, KODO_EINVAL, "%s:%u: %s", path, line, wrong);
		if (wrong != NULL && out->passed++ == 0)
			out->passed_line = line;
	}
	out->entries = arena_dup(r->a, r->entries.p, r->entries.len);
	out->n = r->entries.len / sizeof(*out->entries);
	if (out->entries != NULL && !buf_failed(&r->entries))
		return KODO_OK;
	out->n = 0;
	return why_set(why, KODO_ENOMEM, "out of memory");
}

enum kodo_err
dotenv_read(struct arena *a, const char *path, struct str ours, struct dotenv *out, struct why *why)
{
	struct reader r = { .a = a, .ours = ours };
	enum kodo_err err;

	*out = (struct dotenv){ .n = 0 };
	err = path_read(a, path, ENV_FILE_BYTES, &r.rest);
	if (err == KODO_ENOTFOUND || (err == KODO_EIO && errno == EISDIR))
		return KODO_ENOTFOUND;
	if (err != KODO_OK)
		return why_set(why, err, "cannot read %s: %s", path,
		    err == KODO_EIO ? strerror(errno) : kodo_err_text(err));
	out->text = r.rest;
	if (path_is_utf16(r.rest))
		return why_set(
		    why, KODO_EINVAL, "%s:1: the text is UTF-16: save it as UTF-8", path);
	if (str_starts(r.rest, STR("\xef\xbb\xbf")))
		r.rest = str_skip(r.rest, 3);
	err = read_lines(&r, path, out, why);
	buf_free(&r.entries);
	buf_free(&r.value);
	return err;
}
