#include "core/base/ascii.h"
#include "core/base/buf.h"
#include "core/base/hash.h"
#include "core/base/limit.h"
#include "core/base/url.h"
#include "core/import/import_private.h"

/*
 * The families: a member that their documents have (of two rows of one family, one of them), and
 * who reads them. The first row that fits is what a document is.
 */
static const struct {
	enum import_kind kind;
	const char *mark;
	enum kodo_err (*read)(struct import_reader *r, struct str object, struct why *why);
} families[] = {
	{ IMPORT_MCP, "servers", import_read_mcp },
	{ IMPORT_ARD, "entries", import_read_ard },
	{ IMPORT_A2A, "skills", import_read_a2a },
	{ IMPORT_OPENAPI, "paths", import_read_openapi },
	{ IMPORT_KODOSUMI, "items", import_read_kodosumi },
	{ IMPORT_ARD, "items", import_read_ard },
};
#define N_FAMILIES	(sizeof(families) / sizeof(families[0]))

const char *
import_refusal_text(enum import_refusal why)
{
	static const char *const texts[IMPORT_REFUSALS] = {
		[IMPORT_MALFORMED] = "not of the form that it should have",
		[IMPORT_NO_TARGET] = "no address where it could be called",
		[IMPORT_BAD_TARGET] = "its address is no url of http or https",
		[IMPORT_TOO_LONG] = "a text that is too long, or too many tags",
		[IMPORT_OTHER_PUBLISHER] = "speaks for another host than it came from",
		[IMPORT_RELAYED] = "imported there itself: name its source",
		[IMPORT_TOO_DEEP] = "too many manifests above it",
		[IMPORT_TOO_MANY] = "over the ceiling of entries (items), or of their bytes (mib)",
	};

	return texts[why];
}

enum kodo_err
import_read(struct import_reader *r, struct str json, struct why *why)
{
	struct jread_fault fault;
	struct str object, mark;
	size_t i;
	enum kodo_err err = KODO_OK;

	if (!jread_check(json, &object, &fault))
		return why_set(why, KODO_EINVAL, "not JSON: %s, at byte %zu",
		    fault.text == NULL ? "it ends too early" : fault.text, fault.at);
	/* a panel of kodosumi may answer a bare list */
	if (jread_kind(object) == JREAD_LIST && r->doc.kind == IMPORT_KODOSUMI)
		return import_read_kodosumi(r, object, why);
	if (jread_kind(object) != JREAD_OBJECT)
		return why_set(why, KODO_EINVAL, "no JSON object");
	for (i = 0; i < N_FAMILIES; i++) {
		if (r->doc.kind != IMPORT_ANY && r->doc.kind != families[i].kind)
			continue;
		err = import_member(r, object, families[i].mark, &mark);
		if (err != KODO_OK)
			return err;
		if (mark.p == NULL)
			continue;
		r->doc.kind = families[i].kind;
		return families[i].read(r, object, why);
	}
	return r->doc.kind == IMPORT_ANY
	    ? why_set(why, KODO_EINVAL, "JSON of no kind that can be imported")
	    : why_set(why, KODO_EINVAL, "JSON, but not of the kind %s",
		import_kind_name(r->doc.kind));
}

/* --- members --- */

enum kodo_err
import_member(struct import_reader *r, struct str object, const char *name, struct str *out)
{
	*out = STR_NULL;
	return jread_kind(object) != JREAD_OBJECT ? KODO_OK
						  : jread_fields(r->j, object, &name, 1, out);
}

enum kodo_err
import_text(struct import_reader *r, struct str object, const char *name, struct str *out)
{
	struct str value;
	enum kodo_err err = import_member(r, object, name, &value);

	*out = STR_NULL;
	return err == KODO_OK && jread_kind(value) == JREAD_TEXT
	    ? jread_text(r->j, r->a, value, out) : err;
}

enum kodo_err
import_take_texts(struct import_reader *r, struct str object, const struct import_field *fields,
    size_t n, struct import_entry *e)
{
	const char *names[IMPORT_FIELDS_MAX] = { NULL };
	struct str values[IMPORT_FIELDS_MAX], text;
	size_t i;
	enum kodo_err err;

	for (i = 0; i < n; i++)
		names[i] = fields[i].name;
	err = jread_fields(r->j, object, names, n, values);
	for (i = 0; i < n && err == KODO_OK; i++) {
		struct str *to = (struct str *)(void *)((char *)e + fields[i].at);

		if (jread_kind(values[i]) != JREAD_TEXT || to->p != NULL)
			continue;
		err = jread_text(r->j, r->a, values[i], &text);
		text = ascii_trim(text);
		if (err == KODO_OK && text.len > 0)
			*to = text;
	}
	return err;
}

/* Can it be stored by its names? */
static bool
has_place(const struct import_entry *e)
{
	return import_is_slug(e->space) && import_is_slug(e->slug) && e->id.len > 0;
}

/* Tags that an entry may get. A list that is longer is refused, whatever is in it. */
static size_t
tags_most(struct str list, const char *const more[])
{
	struct jread_walk w;
	struct str key, value;
	size_t n = 1;

	while (more[n - 1] != NULL)
		n++;
	if (jread_kind(list) == JREAD_LIST) {
		jread_begin(&w, list);
		while (n <= LIMIT_TAGS && jread_next(&w, &key, &value))
			n++;
	}
	return n;
}

enum kodo_err
import_take_tags(
    struct import_reader *r, struct str list, const char *const more[], struct import_entry *e)
{
	struct str *tags, key, value, text;
	struct jread_walk w;
	size_t n = 0, i;
	enum kodo_err err = KODO_OK;

	/* a page may have millions that are nothing: no memory for those */
	if (!has_place(e))
		return KODO_OK;
	tags = arena_alloc(r->a, tags_most(list, more) * sizeof(*tags));
	if (r->tag.p == NULL)
		r->tag = str_of(arena_printf(r->a, IMPORT_TAG "%.*s", STR_ARG(r->slug)));
	if (tags == NULL || r->tag.p == NULL)
		return KODO_ENOMEM;
	tags[n++] = r->tag;
	for (i = 0; more[i] != NULL; i++)
		tags[n++] = str_of(more[i]);
	if (jread_kind(list) == JREAD_LIST) {
		jread_begin(&w, list);
		while (err == KODO_OK && n <= LIMIT_TAGS && jread_next(&w, &key, &value)) {
			if (jread_kind(value) != JREAD_TEXT)
				continue;
			err = jread_text(r->j, r->a, value, &text);
			text = ascii_trim(text);
			for (i = 0; i < n && !str_eq(tags[i], text); i++)
				;
			e->is_relayed |= str_starts(text, STR(IMPORT_TAG));
			if (err == KODO_OK && text.len > 0 && i == n)
				tags[n++] = text;
		}
	}
	e->tags = tags;
	e->n_tags = n;
	return err;
}

/* --- urls --- */

static bool
is_slug_char(char c)
{
	return ascii_is_letter(c) || ascii_is_digit(c) || c == '.' || c == '-' || c == '_';
}

bool
import_is_slug(struct str s)
{
	size_t i;

	for (i = 0; i < s.len && is_slug_char(s.p[i]); i++)
		;
	return i == s.len && s.len > 0 && s.len <= IMPORT_SLUG_BYTES && !str_eq(s, STR(".")) &&
	    !str_eq(s, STR(".."));
}

enum kodo_err
import_slug(struct arena *a, struct str text, struct str *out)
{
	const size_t most = IMPORT_SLUG_BYTES - 9;	/* and the hash */
	struct buf b = BUF_INIT(0);
	bool is_lost = text.len > most || text.len == 0;
	size_t i;
	enum kodo_err err;

	for (i = 0; i < text.len && i < most; i++) {
		const bool is_kept = is_slug_char(text.p[i]);

		is_lost |= !is_kept || ascii_lower(text.p[i]) != text.p[i];
		buf_putc(&b, is_kept ? ascii_lower(text.p[i]) : '-');
	}
	is_lost |= !import_is_slug(buf_str(&b));
	if (is_lost)
		buf_printf(&b, "-%08x", (unsigned)(hash_text(HASH_STORED, text) & 0xffffffffu));
	err = buf_failed(&b) ? b.err : arena_str(a, buf_str(&b), out);
	buf_free(&b);
	return err;
}

enum kodo_err
import_put_query(struct import_reader *r, struct str url, const char *name, struct str value,
    struct str *out)
{
	const struct str own = str_of(name);
	struct str query = url, member;
	struct buf b = BUF_INIT(0);
	char mark = '?';
	size_t i;
	enum kodo_err err;

	buf_put_str(&b, str_cut(&query, '?'));
	while (query.len > 0) {
		member = str_cut(&query, '&');
		if (str_starts(member, own) && str_starts(str_skip(member, own.len), STR("=")))
			continue;
		buf_putc(&b, mark);
		buf_put_str(&b, member);
		mark = '&';
	}
	buf_printf(&b, "%c%s=", mark, name);
	for (i = 0; i < value.len; i++)
		if (is_slug_char(value.p[i]) || value.p[i] == '~')
			buf_putc(&b, value.p[i]);
		else
			buf_printf(&b, "%%%02X", (unsigned char)value.p[i]);
	err = buf_failed(&b) ? b.err : arena_str(r->a, buf_str(&b), out);
	buf_free(&b);
	return err;
}

enum kodo_err
import_join(struct import_reader *r, struct str url, struct str *out)
{
	const struct str doc = r->doc.url;
	struct url u;
	size_t origin;

	*out = url;
	if (url.len == 0 || url_is_web(url) || url_parse(doc, &u, NULL) != KODO_OK)
		return KODO_OK;
	origin = u.path.len > 0 ? (size_t)(u.path.p - doc.p) : doc.len;
	if (url.p[0] == '/' && !str_starts(url, STR("//")))
		*out = str_of(arena_printf(r->a, "%.*s%.*s", (int)origin, doc.p, STR_ARG(url)));
	return out->p == NULL ? KODO_ENOMEM : KODO_OK;
}

/* --- handing over --- */

/* A place-holder, which some families have in addresses, is none that could be called. */
static bool
is_target(struct str url)
{
	struct url u;

	return url_is_web(url) && url_parse(url, &u, NULL) == KODO_OK &&
	    memchr(url.p, '{', url.len) == NULL;
}

static bool
is_too_long(const struct import_entry *e)
{
	bool is = e->name.len > LIMIT_NAME_BYTES || e->author.len > LIMIT_NAME_BYTES ||
	    e->organization.len > LIMIT_NAME_BYTES || e->id.len > LIMIT_URL_BYTES ||
	    e->description.len > LIMIT_DESCRIPTION_BYTES || e->n_tags > LIMIT_TAGS;
	size_t i;

	for (i = 0; !is && i < e->n_tags; i++)
		is = e->tags[i].len > LIMIT_TAG_BYTES;
	return is;
}

/* IMPORT_REFUSALS: it may be taken in. */
static enum import_refusal
judge(const struct import_entry *e)
{
	if (e->name.len == 0)
		return IMPORT_MALFORMED;
	/* two registries would import from each other what each has of the other, for ever */
	if (e->is_relayed)
		return IMPORT_RELAYED;
	if (e->target.len == 0)
		return IMPORT_NO_TARGET;
	if (!is_target(e->target))
		return IMPORT_BAD_TARGET;
	return is_too_long(e) ? IMPORT_TOO_LONG : IMPORT_REFUSALS;
}

/* What is refused ends what was taken in under its name before. */
enum kodo_err
import_give(struct import_reader *r, const struct import_entry *e)
{
	struct import_entry gone = *e;
	enum import_refusal why;
	enum kodo_err err;

	if (!has_place(e))
		return r->refuse(r->arg, IMPORT_MALFORMED, e->id);
	why = e->is_gone ? IMPORT_REFUSALS : judge(e);
	if (why == IMPORT_REFUSALS)
		return r->entry(r->arg, e);
	gone.is_gone = true;
	err = r->refuse(r->arg, why, e->id);
	return err == KODO_OK ? r->entry(r->arg, &gone) : err;
}

static enum kodo_err
give_doc(struct import_reader *r, struct str url, unsigned depth, bool is_next)
{
	const struct import_doc doc = { r->doc.kind, depth, is_next, url };

	if (depth > IMPORT_DEPTH)
		return r->refuse(r->arg, IMPORT_TOO_DEEP, url);
	if (!is_target(url))
		return r->refuse(r->arg, IMPORT_BAD_TARGET, url);
	return r->follow(r->arg, &doc);
}

enum kodo_err
import_give_doc(struct import_reader *r, struct str url)
{
	return give_doc(r, url, r->doc.depth + 1, false);
}

enum kodo_err
import_give_next(struct import_reader *r, const char *name, struct str cursor)
{
	struct str url;
	enum kodo_err err;

	if (cursor.len == 0)
		return KODO_OK;
	if (cursor.len > IMPORT_CURSOR_BYTES)
		return r->refuse(r->arg, IMPORT_TOO_LONG, STR("its cursor"));
	err = import_put_query(r, r->doc.url, name, cursor, &url);
	return err == KODO_OK ? give_doc(r, url, r->doc.depth, true) : err;
}
