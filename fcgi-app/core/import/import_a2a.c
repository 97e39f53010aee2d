/* An agent's card of A2A, 1.0.1 of 2026-05-28; also that of 0.3, which has one `url`. */
#include "core/import/import_private.h"

static const struct import_field fields[] = {
	IMPORT_FIELD("id", id),
	IMPORT_FIELD("name", name),
	IMPORT_FIELD("description", description),
};

/* What all skills of a card share. */
struct card {
	struct str name, space, url, organization;
};

/* The first interface with an address. */
static enum kodo_err
take_interface(struct import_reader *r, struct str object, struct str *url)
{
	struct str list, key, item;
	struct jread_walk w;
	enum kodo_err err = import_member(r, object, "supportedInterfaces", &list);

	*url = STR_NULL;
	if (err == KODO_OK && jread_kind(list) == JREAD_LIST) {
		jread_begin(&w, list);
		while (err == KODO_OK && url->len == 0 && jread_next(&w, &key, &item))
			err = import_text(r, item, "url", url);
	}
	return err == KODO_OK && url->len == 0 ? import_text(r, object, "url", url) : err;
}

static enum kodo_err
read_card(struct import_reader *r, struct str object, struct card *c)
{
	struct str provider;
	enum kodo_err err = import_text(r, object, "name", &c->name);

	if (err == KODO_OK)
		err = import_slug(r->a, c->name, &c->space);
	if (err == KODO_OK)
		err = take_interface(r, object, &c->url);
	if (err == KODO_OK)
		err = import_member(r, object, "provider", &provider);
	return err == KODO_OK ? import_text(r, provider, "organization", &c->organization) : err;
}

static enum kodo_err
read_skill(struct import_reader *r, const struct card *c, struct str object)
{
	static const char *const more[] = { "a2a", NULL };
	struct import_entry e = { .space = c->space, .author = c->name, .target = c->url,
		.organization = c->organization };
	struct str tags;
	enum kodo_err err;

	if (jread_kind(object) != JREAD_OBJECT)
		return r->refuse(r->arg, IMPORT_MALFORMED, STR("a skill that is no object"));
	err = import_take_texts(r, object, fields, sizeof(fields) / sizeof(fields[0]), &e);
	if (err == KODO_OK)
		err = import_slug(r->a, e.id, &e.slug);
	if (err == KODO_OK)
		err = import_member(r, object, "tags", &tags);
	if (err == KODO_OK)
		err = import_take_tags(r, tags, more, &e);
	return err == KODO_OK ? import_give(r, &e) : err;
}

enum kodo_err
import_read_a2a(struct import_reader *r, struct str object, struct why *why)
{
	struct str skills, key, item;
	struct jread_walk w;
	struct card c;
	enum kodo_err err = import_member(r, object, "skills", &skills);

	if (err == KODO_OK)
		err = read_card(r, object, &c);
	if (err != KODO_OK)
		return err;
	if (jread_kind(skills) != JREAD_LIST || c.name.len == 0)
		return why_set(why, KODO_EINVAL, "a card without a name, or without skills");
	jread_begin(&w, skills);
	while (err == KODO_OK && jread_next(&w, &key, &item))
		err = read_skill(r, &c, item);
	return err;
}
