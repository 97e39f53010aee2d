#include <errno.h>

#include "core/base/ascii.h"
#include "core/base/buf.h"
#include "core/base/path.h"
#include "core/base/utf8.h"
#include "core/config/dotenv.h"

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

/* A value without quotes: up to a # at its start or after a blank. */
static struct str
plain_value(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] == '#' && (i == 0 || ascii_is_space(s.p[i - 1])))
			break;
	return ascii_trim((struct str){ s.p, i });
}

/* The character that \c stands for in double quotes. */
static char
unescape(char c)
{
	static const char from[] = "nrt", to[] = "\n\r\t";
	const char *at = c == '\0' ? NULL : strchr(from, c);

	return at == NULL ? c : to[at - from];
}

/* s starts with its quote. A static text if the value is wrong, else NULL. */
static const char *
quoted_value(struct arena *a, struct str s, struct str *out)
{
	char quote = s.p[0], *to = arena_alloc(a, s.len);
	size_t i, len = 0;

	if (to == NULL)
		return "out of memory";
	for (i = 1; i < s.len && s.p[i] != quote; i++) {
		if (quote == '"' && s.p[i] == '\\' && i + 1 < s.len)
			to[len++] = unescape(s.p[++i]);
		else
			to[len++] = s.p[i];
	}
	if (i == s.len)
		return "the quote is not closed on its line";
	s = ascii_trim(str_skip(s, i + 1));
	if (s.len > 0 && s.p[0] != '#')
		return "text after the closing quote";
	*out = (struct str){ to, len };
	return NULL;
}

/* One line with something on it. A static text if it is wrong, else NULL. */
static const char *
read_entry(struct arena *a, struct str line, struct dotenv_entry *out)
{
	const char *wrong = NULL;
	struct str value;

	if (memchr(line.p, '=', line.len) == NULL)
		return "expected KEY=value";
	out->key = ascii_trim(str_cut(&line, '='));
	if (str_starts(out->key, STR("export")) && out->key.len > 6 &&
	    ascii_is_space(out->key.p[6]))
		out->key = ascii_trim(str_skip(out->key, 6));
	if (!is_key(out->key))
		return "a key is made of letters, digits and _";
	value = ascii_trim(line);
	if (value.len > 0 && (value.p[0] == '"' || value.p[0] == '\''))
		wrong = quoted_value(a, value, &out->value);
	else
		out->value = plain_value(value);
	if (wrong == NULL && !utf8_valid(out->value))
		return "the value is not UTF-8";
	return wrong;
}

enum kodo_err
dotenv_read(struct arena *a, const char *path, struct dotenv_entry **entries, size_t *n,
    struct why *why)
{
	struct buf list = BUF_INIT(0);
	struct dotenv_entry e;
	const char *wrong;
	enum kodo_err err;
	struct str text;
	unsigned line = 0;

	*entries = NULL;
	*n = 0;
	err = path_read(a, path, ENV_FILE_BYTES, &text);
	if (err == KODO_ENOTFOUND)
		return err;
	if (err != KODO_OK)
		return why_set(why, err, "cannot read %s: %s", path,
		    err == KODO_EIO ? strerror(errno) : kodo_err_text(err));
	while (text.len > 0) {
		struct str s = ascii_trim(str_cut(&text, '\n'));

		line++;
		if (s.len == 0 || s.p[0] == '#')
			continue;
		e = (struct dotenv_entry){ .line = line };
		wrong = read_entry(a, s, &e);
		if (wrong != NULL) {
			err = why_set(why, KODO_EINVAL, "%s:%u: %s", path, line, wrong);
			goto out;
		}
		buf_put(&list, &e, sizeof(e));
	}
	*entries = arena_dup(a, list.p, list.len);
	if (*entries == NULL || buf_failed(&list))
		err = why_set(why, KODO_ENOMEM, "out of memory");
	else
		*n = list.len / sizeof(e);
out:
	buf_free(&list);
	return err;
}
