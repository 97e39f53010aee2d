/*
 * Agentic Resource Discovery, v0.91 of 2026-08-26: manifests (`entries`) and pages of a registry's
 * agents (`items`). Who speaks for another host than that of the document is refused (4.5.1).
 */
#include "core/base/ascii.h"
#include "core/base/url.h"
#include "core/import/import_private.h"

#define URN		"urn:air:"

static const struct import_field fields[] = {
	IMPORT_FIELD("identifier", id),
	IMPORT_FIELD("displayName", name),
	IMPORT_FIELD("description", description),
	IMPORT_FIELD("url", target),
};

/* What an entry may be beside an agent, by its type. */
static const struct {
	const char *type;
	enum { NESTED_MANIFEST, NESTED_REGISTRY } what;
} nested[] = {
	{ "application/ai-catalog+json", NESTED_MANIFEST },
	{ "application/ard+json", NESTED_MANIFEST },
	{ "application/ai-registry+json", NESTED_REGISTRY },
};
#define N_NESTED	(sizeof(nested) / sizeof(nested[0]))

/*
 * urn:air:publisher[:namespace..]:name. The namespace of the entry is the publisher with what
 * stands between. false: it is none, or of another publisher than that host, *is_other.
 */
static enum kodo_err
id_split(struct import_reader *r, struct import_entry *e, bool *is_other)
{
	struct str rest = e->id, publisher, space, name;
	const char *last;
	struct url u;
	char *c, *text;

	*is_other = false;
	if (!ascii_starts(rest, STR(URN)))
		return KODO_OK;
	rest = str_skip(rest, sizeof(URN) - 1);
	space = rest;
	publisher = str_cut(&rest, ':');
	last = rest.len == 0 ? NULL : memrchr(rest.p, ':', rest.len);
	name = last == NULL ? rest : str_skip(rest, (size_t)(last + 1 - rest.p));
	space.len = (size_t)(name.p - space.p) - (space.p[publisher.len] == ':');
	if (publisher.len == 0 || name.len == 0)
		return KODO_OK;
	*is_other = url_parse(r->doc.url, &u, NULL) != KODO_OK || u.host.len != publisher.len ||
	    strncasecmp(u.host.p, publisher.p, publisher.len) != 0;
	text = arena_strz(r->a, space);
	if (text == NULL)
		return KODO_ENOMEM;
	for (c = text; *c != '\0'; c++)
		*c = *c == ':' ? '.' : ascii_lower(*c);
	e->space = str_of(text);
	return import_slug(r->a, name, &e->slug);
}

/* The address in `data`, where an item of another registry of our kind stands. */
static enum kodo_err
take_data(struct import_reader *r, struct str object, struct import_entry *e)
{
	static const struct import_field inner[] = {
		IMPORT_FIELD("entry", target),
		IMPORT_FIELD("url", target),
		IMPORT_FIELD("author", author),
		IMPORT_FIELD("organization", organization),
	};
	struct str data;
	enum kodo_err err = import_member(r, object, "data", &data);

	return err == KODO_OK && jread_kind(data) == JREAD_OBJECT
	    ? import_take_texts(r, data, inner, sizeof(inner) / sizeof(inner[0]), e) : err;
}

static enum kodo_err
take_metadata(struct import_reader *r, struct str object, struct import_entry *e)
{
	static const struct import_field inner[] = {
		IMPORT_FIELD("author", author),
		IMPORT_FIELD("organization", organization),
	};
	struct str metadata;
	enum kodo_err err = import_member(r, object, "metadata", &metadata);

	return err == KODO_OK && jread_kind(metadata) == JREAD_OBJECT
	    ? import_take_texts(r, metadata, inner, sizeof(inner) / sizeof(inner[0]), e) : err;
}

/* A manifest below this one, or the first page of a registry's agents. */
static enum kodo_err
follow(struct import_reader *r, const struct import_entry *e, bool is_registry)
{
	struct str url = e->target;
	enum kodo_err err = KODO_OK;

	if (url.len == 0)
		return r->refuse(r->arg, IMPORT_NO_TARGET, e->id);
	if (is_registry) {
		const char *agents = arena_printf(r->a, "%.*s%sagents?pageSize=100", STR_ARG(url),
		    str_ends(url, STR("/")) ? "" : "/");

		url = str_of(agents);
		err = agents == NULL ? KODO_ENOMEM : KODO_OK;
	}
	return err == KODO_OK ? import_give_doc(r, url) : err;
}

static enum kodo_err
read_entry(struct import_reader *r, struct str object)
{
	struct import_entry e = { .is_gone = false };
	struct str type, tags;
	bool is_other = false;
	size_t i;
	enum kodo_err err;

	if (jread_kind(object) != JREAD_OBJECT)
		return r->refuse(r->arg, IMPORT_MALFORMED, STR("an entry that is no object"));
	err = import_take_texts(r, object, fields, sizeof(fields) / sizeof(fields[0]), &e);
	if (err == KODO_OK)
		err = import_text(r, object, "type", &type);
	if (err == KODO_OK)
		err = import_join(r, e.target, &e.target);
	for (i = 0; err == KODO_OK && i < N_NESTED; i++)
		if (str_eq(type, str_of(nested[i].type)))
			return follow(r, &e, nested[i].what == NESTED_REGISTRY);
	if (err == KODO_OK)
		err = id_split(r, &e, &is_other);
	if (err == KODO_OK && is_other)
		return r->refuse(r->arg, IMPORT_OTHER_PUBLISHER, e.id);
	if (err == KODO_OK)
		err = take_metadata(r, object, &e);
	if (err == KODO_OK)
		err = take_data(r, object, &e);
	if (err == KODO_OK)
		err = import_member(r, object, "tags", &tags);
	if (err == KODO_OK) {
		const char *word = type.len == 0 ? NULL : arena_strz(r->a, type);
		const char *const more[] = { "ard", word, NULL };

		err = import_take_tags(r, tags, more, &e);
	}
	return err == KODO_OK ? import_give(r, &e) : err;
}

enum kodo_err
import_read_ard(struct import_reader *r, struct str object, struct why *why)
{
	static const char *const names[] = { "entries", "items" };
	struct str lists[2], token = STR_NULL, key, item;
	struct jread_walk w;
	bool is_page;
	enum kodo_err err = jread_fields(r->j, object, names, 2, lists);

	if (err != KODO_OK)
		return err;
	is_page = jread_kind(lists[0]) != JREAD_LIST;
	if (jread_kind(lists[is_page]) != JREAD_LIST)
		return why_set(why, KODO_EINVAL, "neither `entries` nor `items` is a list");
	jread_begin(&w, lists[is_page]);
	while (err == KODO_OK && jread_next(&w, &key, &item))
		err = read_entry(r, item);
	if (err == KODO_OK && is_page)
		err = import_text(r, object, "pageToken", &token);
	return err == KODO_OK ? import_give_next(r, "pageToken", token) : err;
}
