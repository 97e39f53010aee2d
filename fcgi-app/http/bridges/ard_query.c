#include "core/base/ascii.h"
#include "core/base/isotime.h"
#include "core/base/json.h"
#include "core/base/utf8.h"
#include "http/bridges/ard_query.h"

/* What a filter may name, and the test that it is in q. */
enum filter_kind { BY_TAG, BY_CAPABILITY, BY_TYPE, BY_PUBLISHER, BY_ORGANIZATION, BY_AUTHOR,
    BY_NAME, BY_CREATED, BY_UPDATED };

static const struct {
	const char *name;
	enum filter_kind kind;
} filters[] = {
	{ "tags", BY_TAG },
	{ "capabilities", BY_CAPABILITY },
	{ "type", BY_TYPE },
	{ "publisher", BY_PUBLISHER },
	{ "publisherId", BY_PUBLISHER },
	{ "metadata.organization", BY_ORGANIZATION },
	{ "metadata.author", BY_AUTHOR },
	{ "displayName", BY_NAME },
	{ "createdAfter", BY_CREATED },
	{ "updatedAfter", BY_UPDATED },
};
#define N_FILTERS	(sizeof(filters) / sizeof(filters[0]))

#define STEP_BYTES	16u	/* searched in a step, see LIMIT_QUERY_STEPS */
#define NOTHING		"url == \"\""	/* no flow is so */
#define ANYTHING	"url != \"\""

void
ard_query_free(struct ard_query *q)
{
	buf_free(&q->q);
}

/* A byte of a text in quotes; no line ends in one. */
static void
put_byte(struct buf *b, char c)
{
	if (c == '"' || c == '\\')
		buf_putc(b, '\\');
	if (c == '\n')
		buf_puts(b, "\\n");
	else
		buf_putc(b, c);
}

static void
put_quoted(struct buf *b, const char *before, struct str text, const char *behind)
{
	size_t i;

	buf_puts(b, "\"");
	buf_puts(b, before);
	for (i = 0; i < text.len; i++)
		put_byte(b, text.p[i]);
	buf_puts(b, behind);
	buf_putc(b, '"');
}

/* It has the tag of that type, and none of those before it. */
static void
put_type(struct ard_query *q, struct str value)
{
	enum ard_type t = ARD_A2A, before;
	const char *tag;

	while (t < ARD_TYPES && !str_eq(value, str_of(ard_type_name(t))))
		t++;
	tag = t < ARD_FLOW ? ard_type_tag(q->options, t) : NULL;
	if (tag != NULL)
		buf_printf(&q->q, "(@tag(\"%s\")", tag);
	else
		buf_puts(&q->q, t == ARD_FLOW ? "(" ANYTHING : "(" NOTHING);
	for (before = ARD_A2A; before < t; before++) {
		tag = ard_type_tag(q->options, before);
		if (tag != NULL)
			buf_printf(&q->q, " and not @tag(\"%s\")", tag);
	}
	buf_putc(&q->q, ')');
}

/* Items at that host, in letters of whatever case, and whatever stands behind it. */
static void
put_publisher(struct buf *b, struct str value)
{
	size_t i;

	buf_puts(b, "url.str.match(\"https?://");
	for (i = 0; i < value.len; i++) {
		const char c = value.p[i];

		if ((unsigned char)c < 0x80 && !ascii_is_letter(c) && !ascii_is_digit(c))
			put_byte(b, '\\');
		put_byte(b, c);
	}
	buf_puts(b, "[/:]\", case=False)");
}

static void
put_time(struct ard_query *q, const char *field, struct str value)
{
	int64_t us;

	buf_puts(&q->q, field);
	buf_puts(&q->q, " > ");
	put_quoted(&q->q, "", value, "");
	if (isotime_parse_text(value, &us, NULL) != KODO_OK)
		q->wrong = "filter: no time as 2026-01-31T12:00:00Z";
}

static void
put_test(struct ard_query *q, enum filter_kind kind, struct str value)
{
	struct buf *b = &q->q;

	switch (kind) {
	case BY_TAG:
	case BY_CAPABILITY:
		buf_puts(b, "@tag(");
		put_quoted(b, kind == BY_TAG ? "" : ARD_CAPABILITY, value, "");
		buf_putc(b, ')');
		break;
	case BY_TYPE:
		put_type(q, value);
		break;
	case BY_PUBLISHER:
		put_publisher(b, value);
		break;
	case BY_ORGANIZATION:
	case BY_AUTHOR:
		buf_puts(b, kind == BY_AUTHOR ? "author == " : "organization == ");
		put_quoted(b, "", value, "");
		break;
	case BY_NAME:
		buf_puts(b, "name ~ ");
		put_quoted(b, "", value, "");
		break;
	case BY_CREATED:
		put_time(q, "created", value);
		break;
	case BY_UPDATED:
		put_time(q, "changed", value);
		break;
	}
}

/* Begin the tests of a key, of which one must hold. false: it is none. */
static bool
begin_key(struct ard_query *q, struct str name, enum filter_kind *kind)
{
	size_t i = 0;

	while (i < N_FILTERS && !str_eq(name, str_of(filters[i].name)))
		i++;
	if (i == N_FILTERS) {
		q->wrong = "filter: may be type, tags, publisher, capabilities, "
		    "metadata.organization, metadata.author";
		return false;
	}
	*kind = filters[i].kind;
	q->has_filter = true;
	buf_puts(&q->q, q->q.len > 0 ? " and (" : "(");
	return true;
}

static void
put_value(struct ard_query *q, enum filter_kind kind, struct str value, bool is_first)
{
	buf_puts(&q->q, is_first ? "" : " or ");
	if (utf8_valid(value))
		put_test(q, kind, value);
	else
		q->wrong = "filter: not UTF-8";
}

/* --- the filter of a body --- */

/* Values are a list of texts, or one. */
static enum kodo_err
read_values(struct ard_query *q, struct jread *j, enum filter_kind kind, struct str json)
{
	struct jread_walk w = { .is_object = false };
	struct str key, value = json, text;
	const bool is_list = jread_kind(json) == JREAD_LIST;
	size_t n = 0;
	enum kodo_err err = KODO_OK;

	if (is_list)
		jread_begin(&w, json);
	while (err == KODO_OK && (is_list ? jread_next(&w, &key, &value) : n == 0)) {
		if (jread_kind(value) != JREAD_TEXT) {
			q->wrong = "filter: values are texts";
			return KODO_OK;
		}
		err = jread_text(j, q->a, value, &text);
		if (err == KODO_OK)
			put_value(q, kind, text, n++ == 0);
	}
	buf_puts(&q->q, n > 0 ? ")" : NOTHING ")");
	return err;
}

static enum kodo_err
read_filter(struct ard_query *q, struct jread *j, struct str json)
{
	struct jread_walk w;
	struct str key, value, name;
	enum filter_kind kind = BY_TAG;
	enum kodo_err err = KODO_OK;

	if (jread_kind(json) == JREAD_ABSENT || jread_kind(json) == JREAD_NULL)
		return KODO_OK;
	if (jread_kind(json) != JREAD_OBJECT) {
		q->wrong = "filter: an object";
		return KODO_OK;
	}
	jread_begin(&w, json);
	while (err == KODO_OK && q->wrong == NULL && jread_next(&w, &key, &value)) {
		err = jread_text(j, q->a, key, &name);
		if (err == KODO_OK && !str_eq(name, STR("@context")) && begin_key(q, name, &kind))
			err = read_values(q, j, kind, value);
	}
	return err;
}

/* --- its text --- */

/* Words that a sentence has and a flow need not. */
static bool
is_stop_word(struct str word)
{
	static const char *const stops[] = { "a", "an", "and", "any", "are", "at", "by", "can",
		"do", "does", "find", "for", "from", "get", "give", "help", "how", "i", "in",
		"into", "is", "it", "looking", "me", "my", "need", "of", "on", "or", "please",
		"show", "some", "that", "the", "there", "this", "to", "want", "what", "which",
		"who", "with", "you" };
	size_t i, n;

	for (i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		n = strlen(stops[i]);
		if (word.len == n && ascii_starts(word, str_of(stops[i])))
			return true;
	}
	return false;
}

/* What parts words of a sentence; all else is a part of one. */
static bool
parts_words(char c)
{
	return (unsigned char)c <= ' ' || strchr("\"'()[]{},;:!?<>|`\\", c) != NULL;
}

static struct str
next_word(struct str *rest)
{
	size_t i = 0, from;

	while (i < rest->len && parts_words(rest->p[i]))
		i++;
	for (from = i; i < rest->len && !parts_words(rest->p[i]); i++)
		;
	struct str word = { rest->p + from, i - from };

	*rest = str_skip(*rest, i);
	while (word.len > 0 && (word.p[0] == '-' || word.p[0] == '.'))
		word = str_skip(word, 1);
	while (word.len > 0 && word.p[word.len - 1] == '.')
		word.len--;
	return word;
}

/* Take the words of the text, all or those that are no stop words. */
static enum kodo_err
take_words(struct ard_query *q, struct str text, bool all)
{
	struct why why = { "" };
	struct str rest = text, word;
	enum kodo_err err;

	while (rest.len > 0 && q->n_words < ARD_WORDS_MAX) {
		word = next_word(&rest);
		if (word.len == 0 || word.len > LIMIT_WORD_BYTES || (!all && is_stop_word(word)))
			continue;
		err = words_compile(q->a, word, &q->words[q->n_words], &why);
		if (err == KODO_ENOMEM)
			return err;
		if (err != KODO_OK || q->words[q->n_words] == NULL)
			continue;
		buf_puts(&q->q, q->n_words++ == 0 ? "(" : " or ");
		put_quoted(&q->q, "", word, "");
	}
	buf_puts(&q->q, q->n_words > 0 ? ")" : "");
	return KODO_OK;
}

static enum kodo_err
read_text(struct ard_query *q, struct jread *j, struct str json, bool needs_text)
{
	struct str text;
	enum kodo_err err;

	if (jread_kind(json) == JREAD_ABSENT && !needs_text)
		return KODO_OK;
	if (jread_kind(json) != JREAD_TEXT) {
		q->wrong = "query.text: a text";
		return KODO_OK;
	}
	err = jread_text(j, q->a, json, &text);
	if (err == KODO_OK)
		err = take_words(q, text, false);
	if (err == KODO_OK && q->n_words == 0)
		err = take_words(q, text, true);
	if (err == KODO_OK && q->n_words == 0 && needs_text)
		q->wrong = "query.text: no word is in it";
	/* a text alone in parentheses is none */
	if (q->n_words == 1 && !buf_failed(&q->q)) {
		q->q.p[0] = ' ';
		q->q.p[q->q.len - 1] = ' ';
	}
	return err;
}

enum kodo_err
ard_query_read(struct ard_query *q, struct jread *j, struct str json, bool needs_text)
{
	static const char *const names[] = { "text", "filter" };
	struct str values[2] = { STR_NULL, STR_NULL };
	enum kodo_err err = KODO_OK;

	if (jread_kind(json) == JREAD_OBJECT) {
		err = jread_fields(j, json, names, 2, values);
	} else if (needs_text || jread_kind(json) != JREAD_ABSENT) {
		q->wrong = "query: an object";
		return KODO_OK;
	}
	if (err == KODO_OK)
		err = read_text(q, j, values[0], needs_text);
	if (err == KODO_OK && q->wrong == NULL)
		err = read_filter(q, j, values[1]);
	return err;
}

/* --- the filter of a list --- */

static struct str
without_quotes(struct str s)
{
	s = ascii_trim(s);
	if (s.len >= 2 && s.p[0] == '"' && s.p[s.len - 1] == '"')
		return (struct str){ s.p + 1, s.len - 2 };
	return s;
}

void
ard_query_read_filter(struct ard_query *q, struct str filter)
{
	static const struct str joint = { " AND ", 5 };
	struct str rest = filter, values;
	enum filter_kind kind = BY_TAG;

	while (rest.len > 0 && q->wrong == NULL) {
		const char *at = memmem(rest.p, rest.len, joint.p, joint.len);
		bool is_first = true;

		values = (struct str){ rest.p, at == NULL ? rest.len : (size_t)(at - rest.p) };
		rest = str_skip(rest, at == NULL ? rest.len : values.len + joint.len);
		if (memchr(values.p, '=', values.len) == NULL) {
			q->wrong = "filter: expected as type=a,b AND publisherId=c";
			break;
		}
		if (!begin_key(q, ascii_trim(str_cut(&values, '=')), &kind))
			break;
		do {
			put_value(q, kind, without_quotes(str_cut(&values, ',')), is_first);
			is_first = false;
		} while (values.len > 0);
		buf_putc(&q->q, ')');
	}
}

bool
ard_query_read_order(struct arena *a, struct str order, struct str *by)
{
	static const struct {
		const char *name, *by;
	} rows[] = {
		{ "name", "name" }, { "displayName", "name" }, { "identifier", "url" },
		{ "updatedAt", "changed" }, { "updated_at", "changed" },
		{ "createdAt", "created" }, { "created_at", "created" },
	};
	struct str rest = ascii_trim(order), name = str_cut(&rest, ' ');
	const bool descends = str_eq(rest, STR("DESC")) || str_eq(rest, STR("desc"));
	const char *text = NULL;
	size_t i;

	*by = STR_NULL;
	if (!descends && rest.len > 0 && !str_eq(rest, STR("ASC")) && !str_eq(rest, STR("asc")))
		return false;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (str_eq(name, str_of(rows[i].name)))
			text = arena_printf(a, "%s%s", rows[i].by, descends ? ":d" : "");
	*by = str_of(text);
	return text != NULL;
}

/* --- the question --- */

enum kodo_err
ard_query_compile(struct ard_query *q, struct query **out)
{
	struct str text;
	enum kodo_err err;

	*out = NULL;
	if (buf_failed(&q->q))
		return KODO_ENOMEM;
	err = arena_str(q->a, buf_str(&q->q), &text);
	if (err == KODO_OK && q->wrong == NULL)
		err = query_compile(q->a, text, out);
	/* over a ceiling it is taken as a text; a single word alone is one */
	if (err == KODO_OK && q->wrong == NULL && (q->has_filter || q->n_words > 1) &&
	    !query_is_test(*out))
		q->wrong = "the query is too long";
	return err == KODO_OK && q->wrong != NULL ? KODO_EINVAL : err;
}

enum kodo_err
ard_query_score(struct ard_query *q, const struct row *row, unsigned *out)
{
	/* of the best place of a word, by its rank less one: a name, a tag, others */
	static const unsigned weights[] = { 3, 3, 2, 2 };
	unsigned sum = 0;
	uint32_t rank;
	size_t i;

	for (i = 0; i < q->n_words; i++) {
		rank = words_rank(q->words[i], row->folded, &row->bounds, &q->vain);
		if (rank > 0)
			sum += rank <= sizeof(weights) / sizeof(weights[0]) ? weights[rank - 1] : 1;
	}
	*out = q->n_words == 0 ? 0 : sum * 100 / (3 * (unsigned)q->n_words);
	return q->vain / STEP_BYTES > LIMIT_QUERY_STEPS ? KODO_ETOOBIG : KODO_OK;
}
