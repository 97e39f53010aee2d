#include "core/base/ascii.h"
#include "core/query/query.h"

#define FIELD_MAX	16u	/* letters of what may be a field */

/* --- which field was meant --- */

/* Letters to change, add, leave out or swap to make b of a; both are short. */
static size_t
distance(struct str a, struct str b)
{
	size_t d[FIELD_MAX + 1][FIELD_MAX + 1], i, k, least;
	bool same;

	for (i = 0; i <= a.len; i++)
		for (k = 0; k <= b.len; k++) {
			if (i == 0 || k == 0) {
				d[i][k] = i + k;
				continue;
			}
			same = ascii_lower(a.p[i - 1]) == b.p[k - 1];
			least = d[i - 1][k - 1] + !same;
			least = d[i - 1][k] + 1 < least ? d[i - 1][k] + 1 : least;
			least = d[i][k - 1] + 1 < least ? d[i][k - 1] + 1 : least;
			if (i > 1 && k > 1 && ascii_lower(a.p[i - 1]) == b.p[k - 2] &&
			    ascii_lower(a.p[i - 2]) == b.p[k - 1] && d[i - 2][k - 2] + 1 < least)
				least = d[i - 2][k - 2] + 1;
			d[i][k] = least;
		}
	return d[a.len][b.len];
}

/* The name of the field that word stands for; NULL: none. */
static const char *
find_field(struct str word)
{
	static const struct {
		const char *word, *field;
	} others[] = {
		{ "org", "organization" }, { "company", "organization" },
		{ "organisation", "organization" }, { "tag", "@tag(\"..\")" },
		{ "title", "name" }, { "text", "description" }, { "desc", "description" },
		{ "by", "author" }, { "date", "modified" }, { "updated", "modified" },
	};
	const char *best = NULL;
	size_t i, far, least = 1 + (word.len > 3);	/* letters that may be wrong */
	unsigned f;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (word.len == strlen(others[i].word) &&
		    ascii_starts(word, str_of(others[i].word)))
			return others[i].field;
	for (f = 0; f < QUERY_FOLDED && word.len <= FIELD_MAX; f++) {
		far = distance(word, str_of(query_field_name((enum query_field)f)));
		if (far <= least && (best == NULL || far < least)) {
			best = query_field_name((enum query_field)f);
			least = far;
		}
	}
	return best;
}

/* --- what is said of a q that is no test --- */

/* Does it look like a test? Words have none of these. */
static bool
is_like_test(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] == '=' || s.p[i] == '<' || s.p[i] == '>' || s.p[i] == '~' ||
		    (i > 0 && s.p[i] == '(' && ascii_is_letter(s.p[i - 1])))
			return true;
	return false;
}

/* What stands between the first quotes of s; null: nothing. */
static struct str
quoted(struct str s)
{
	str_cut(&s, '\'');
	return s.len == 0 ? STR_NULL : str_cut(&s, '\'');
}

/* `invalid syntax (column 9: unexpected x)`: `unexpected x`. The column is said apart. */
static struct str
without_column(struct str reason)
{
	static const char mark[] = " (column ";
	const char *at = memmem(reason.p, reason.len, mark, sizeof(mark) - 1);
	struct str inside;

	if (at == NULL)
		return reason;
	inside = str_skip(reason, (size_t)(at - reason.p) + sizeof(mark) - 1);
	reason.len = (size_t)(at - reason.p);
	str_cut(&inside, ' ');
	if (inside.len < 2 || inside.p[inside.len - 1] != ')')
		return reason;
	return (struct str){ inside.p, inside.len - 1 };
}

enum kodo_err
query_mistake(struct arena *a, const struct query *q, struct query_mistake *out)
{
	const struct str text = query_text(q), note = query_note(q);
	const size_t after = sizeof(", fulltext: ") - 1 + text.len;
	struct str reason, kind, name;
	const char *said;

	*out = (struct query_mistake){ .reason = NULL };
	if (query_is_test(q) || note.len <= after || !is_like_test(text))
		return KODO_OK;
	reason = (struct str){ note.p, note.len - after };
	kind = str_cut(&reason, ':');
	reason = ascii_trim(reason);
	name = quoted(reason);
	if (str_eq(kind, STR("UndefinedVariableError")) && name.p != NULL) {
		out->meant = find_field(name);
		said = arena_printf(a, "there is no field `%.*s`", STR_ARG(name));
	} else {
		reason = without_column(reason);
		said = arena_strz(a, reason);
	}
	out->reason = said;
	out->column = query_column(q);
	return said == NULL ? KODO_ENOMEM : KODO_OK;
}
