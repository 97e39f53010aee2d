#include <stddef.h>
#include <stdlib.h>

#include "core/base/ascii.h"
#include "core/base/limit.h"
#include "core/base/url.h"
#include "core/config/option_private.h"

/* --- addresses --- */

/*
 * A flow's url is its path below /flows, and links lead there: what ends a path in a link may not
 * be in it. Each with what to write instead.
 */
static enum kodo_err
check_path(struct option_input *in, const struct loader_value *v, struct str *url)
{
	static const struct {
		const char *of, *text;
	} ends[] = {
		{ "?", "a query: write the path before the ? alone, and the whole address as "
		    "entry" },
		{ "#", "a fragment: write the path before the # alone" },
		{ " \t\n\v\f\r", "a blank: write - or %20 for it" },
	};
	char shown[LOADER_SHOWN_BYTES], path[LOADER_SHOWN_BYTES];
	const char *scheme = memmem(url->p, url->len, "://", 3);
	const char *query = memchr(url->p, '?', url->len);
	struct url u;
	size_t i, j;

	if (url_parse(*url, &u, NULL) == KODO_OK) {
		if (query != NULL && u.path.len > 0)
			u.path.len = (size_t)(query - u.path.p);
		return option_fail(in, v,
		    "url of a flow is its path below /flows: write url: %s, and entry: %s",
		    u.path.len > 0 ? loader_shown(u.path, path) : "/NAME",
		    loader_shown(*url, shown));
	}
	if (scheme != NULL)
		return option_fail(in, v, "url of a flow is its path below /flows, as /name, and "
		    "where the agent is its entry: %s", loader_shown(*url, shown));
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		for (j = 0; j < url->len; j++)
			if (url->p[j] != '\0' && strchr(ends[i].of, url->p[j]) != NULL)
				return option_fail(in, v, "url of a flow has %s: %s", ends[i].text,
				    loader_shown(*url, shown));
	return KODO_OK;
}

/* The place of code in the original: package.module:name, perhaps with an environment before it. */
static bool
is_code(struct str s)
{
	size_t i, colons = 0;
	bool begins = true;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] == ':') {
			if (begins)
				return false;
			colons++;
		} else if (begins ? !ascii_is_letter(s.p[i]) && s.p[i] != '_'
		    : !ascii_is_letter(s.p[i]) && !ascii_is_digit(s.p[i])
		    && strchr("_.-", s.p[i]) == NULL) {
			return false;
		}
		begins = s.p[i] == ':';
	}
	return colons > 0 && colons < 3 && !begins;
}

/* An address counts; of code, which nobody but the original can use, nothing is said. */
static enum kodo_err
check_entry(struct option_input *in, const struct loader_value *v, struct str *entry)
{
	char shown[LOADER_SHOWN_BYTES];
	const char *reason = NULL;
	struct url u;

	if (url_is_web(*entry) && url_parse(*entry, &u, &reason) != KODO_OK)
		return option_fail(in, v, "entry of a flow: no url, %s: %s", reason,
		    loader_shown(*entry, shown));
	if (url_is_web(*entry))
		return KODO_OK;
	if (entry->len > 0 && !is_code(*entry))
		return option_fail(in, v, "entry of a flow: expected where the agent is, with "
		    "http:// or https:// (or package.module:name of the original), got %s",
		    loader_shown(*entry, shown));
	*entry = STR_NULL;
	return KODO_OK;
}

/* --- a flow --- */

/* Texts of a flow; tags are by themselves. */
static const struct field {
	const char *name;
	size_t offset;
	size_t max_bytes;
	bool required;
	/* of a text that is there, which it may change; NULL: any will do */
	enum kodo_err (*check)(
	    struct option_input *in, const struct loader_value *v, struct str *text);
} fields[] = {
	{ "url", offsetof(struct flow, url), LIMIT_URL_BYTES, true, check_path },
	{ "name", offsetof(struct flow, name), LIMIT_NAME_BYTES, true, NULL },
	{ "description", offsetof(struct flow, description), LIMIT_DESCRIPTION_BYTES, false, NULL },
	{ "author", offsetof(struct flow, author), LIMIT_NAME_BYTES, false, NULL },
	{ "entry", offsetof(struct flow, entry), LIMIT_URL_BYTES, false, check_entry },
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static struct str *
field_of(struct flow *f, const struct field *field)
{
	return (struct str *)(void *)((char *)f + field->offset);
}

static const struct field *
find_field(struct str name)
{
	unsigned i;

	for (i = 0; i < N_FIELDS; i++)
		if (loader_same_name(name, str_of(fields[i].name)))
			return &fields[i];
	return NULL;
}

static enum kodo_err
read_text(struct option_input *in, const struct loader_value *v, const char *name, size_t max_bytes,
    struct str *out)
{
	if (v->kind == LOADER_NULL)
		return KODO_OK;
	if (v->kind != LOADER_TEXT)
		return option_fail(in, v, "%s of a flow: expected a text", name);
	if (v->text.len > max_bytes)
		return option_fail(in, v, "%s of a flow is over %zu bytes", name, max_bytes);
	*out = v->text;
	return KODO_OK;
}

/* The texts of a list. what: one of them; least: 0, or as many unless there are none. */
static enum kodo_err
read_texts(struct option_input *in, const struct loader_value *v, const char *name,
    const char *what, const size_t limits[3], const struct str **out, size_t *n)
{
	const size_t least = limits[0], most = limits[1], max_bytes = limits[2];
	const struct loader_entry *e;
	enum kodo_err err = KODO_OK;
	struct str *texts;

	if (v->kind == LOADER_NULL)
		return KODO_OK;
	if (v->kind != LOADER_LIST)
		return option_fail(in, v, "%s of a flow: expected a list of texts", name);
	if (v->n > most)
		return option_fail(in, v, "over %zu %s of a flow", most, name);
	if (v->n > 0 && v->n < least)
		return option_fail(in, v, "%s of a flow are %zu at least", name, least);
	texts = arena_alloc(in->a, v->n * sizeof(*texts) + 1);
	if (texts == NULL)
		return option_no_memory(in);
	*out = texts;
	for (e = v->first; e != NULL && err == KODO_OK; e = e->next) {
		if (e->value->kind == LOADER_NULL ||
		    (least > 0 && e->value->kind == LOADER_TEXT && e->value->text.len == 0))
			return option_fail(in, e->value, "%s of a flow is empty: put quotes "
			    "around it, or take it out", what);
		err = read_text(in, e->value, what, max_bytes, &texts[(*n)++]);
	}
	return err;
}

/* Does a flow say anything for that field, right or wrong? */
static bool
is_given(const struct loader_value *v, const struct field *field)
{
	const struct loader_entry *e;

	for (e = v->first; e != NULL; e = e->next)
		if (find_field(e->key) == field && e->value->kind != LOADER_NULL)
			return true;
	return false;
}

static enum kodo_err
read_member(struct option_input *in, const struct loader_entry *e, struct flow *f)
{
	const struct field *field = find_field(e->key);
	/* the line of the key, which is what is wrong where the value is not */
	struct loader_value at = { .file = e->value->file, .line = e->line };
	static const size_t tag_limits[] = { 0, LIMIT_TAGS, LIMIT_TAG_BYTES },
		query_limits[] = { LIMIT_QUERIES_LEAST, LIMIT_QUERIES, LIMIT_QUERY_TEXT_BYTES };
	char shown[LOADER_SHOWN_BYTES];
	enum kodo_err err;

	if (field != NULL && field_of(f, field)->p != NULL)
		return option_fail(in, &at, "%s of a flow is given twice", field->name);
	if (field != NULL) {
		err = read_text(in, e->value, field->name, field->max_bytes, field_of(f, field));
		return err == KODO_OK && field->check != NULL && field_of(f, field)->p != NULL
		    ? field->check(in, e->value, field_of(f, field)) : err;
	}
	if (loader_same_name(e->key, STR("tags")))
		return read_texts(
		    in, e->value, "tags", "a tag", tag_limits, &f->tags, &f->n_tags);
	if (loader_same_name(e->key, STR("queries")))
		return read_texts(in, e->value, "queries", "a query", query_limits, &f->queries,
		    &f->n_queries);
	return option_fail(in, &at, "unknown member %s of a flow: expected url, name, "
	    "description, author, tags, entry or queries",
	    loader_shown(e->key, shown));
}

static enum kodo_err
read_flow(struct option_input *in, const struct loader_value *v, struct flow *f)
{
	const struct loader_entry *e;
	enum kodo_err err = KODO_OK;
	unsigned i;

	if (v->kind != LOADER_MAP)
		return option_fail(in, v, "a flow: expected url, name and so on");
	for (e = v->first; e != NULL && err == KODO_OK; e = e->next)
		err = why_take(in->why, read_member(in, e, f));
	for (i = 0; i < N_FIELDS && err == KODO_OK; i++)
		if (fields[i].required && !is_given(v, &fields[i]))
			err = why_take(in->why,
			    option_fail(in, v, "a flow without %s", fields[i].name));
	if (err == KODO_OK && f->url.p != NULL && f->url.len == 0)
		err = option_fail(in, v, "a flow with an empty url");
	return err;
}

/* The place of a flow, to report two of one url. */
struct origin {
	struct str url; /* without leading slashes: the own url is joined with exactly one */
	const struct loader_value *v;
	size_t i;
};

static int
compare_origins(const void *x, const void *y)
{
	const struct origin *a = x, *b = y;
	int c = str_cmp(a->url, b->url);

	return c != 0 ? c : (a->i > b->i) - (a->i < b->i);
}

static enum kodo_err
check_twice(struct option_input *in, struct origin *all, size_t n)
{
	char shown[LOADER_SHOWN_BYTES];
	enum kodo_err err = KODO_OK;
	size_t i;

	qsort(all, n, sizeof(*all), compare_origins);
	for (i = 1; i < n && err == KODO_OK; i++)
		if (all[i].url.p != NULL && str_eq(all[i - 1].url, all[i].url))
			err = why_take(in->why, option_fail(in, all[i].v,
			    "two flows of one url %s, the other in %s:%u",
			    loader_shown(all[i].url, shown), all[i - 1].v->file,
			    all[i - 1].v->line));
	return err;
}

static struct str
without_slashes(struct str s)
{
	while (s.len > 0 && s.p[0] == '/')
		s = str_skip(s, 1);
	return s;
}

enum kodo_err
option_read_flows(
    struct option_input *in, const struct loader_value *list, const struct flow **out, size_t *n)
{
	const struct loader_entry *e;
	struct origin *origins;
	enum kodo_err err = KODO_OK;
	struct flow *flows;
	size_t i = 0;

	*out = NULL;
	*n = 0;
	if (list->n > LIMIT_NODE_FLOWS)
		return option_fail(in, list, "over %u flows", LIMIT_NODE_FLOWS);
	flows = arena_zalloc(in->a, list->n * sizeof(*flows) + 1);
	origins = malloc(list->n * sizeof(*origins) + 1);
	if (flows == NULL || origins == NULL) {
		err = option_no_memory(in);
		goto out;
	}
	for (e = list->first; e != NULL && err == KODO_OK; e = e->next, i++) {
		err = why_take(in->why, read_flow(in, e->value, &flows[i]));
		origins[i] = (struct origin){ without_slashes(flows[i].url), e->value, i };
	}
	if (err == KODO_OK)
		err = check_twice(in, origins, i);
	if (err == KODO_OK) {
		*out = flows;
		*n = i;
	}
out:
	free(origins);
	return err;
}
