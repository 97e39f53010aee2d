/*
 * Flows of kodosumi: an OpenAPI document, of which the operations with `x-kodosumi: true` are
 * flows, or the list that a panel gives under /flow or /sumi.
 */
#include "core/base/ascii.h"
#include "core/base/url.h"
#include "core/import/import_private.h"

static const struct import_field operation_fields[] = {
	IMPORT_FIELD("summary", name),
	IMPORT_FIELD("operationId", name),
	IMPORT_FIELD("description", description),
	IMPORT_FIELD("x-author", author),
	IMPORT_FIELD("x-organization", organization),
	IMPORT_FIELD("x-kodosumi-url", target),
};

static const struct import_field item_fields[] = {
	IMPORT_FIELD("url", id),
	IMPORT_FIELD("summary", name),
	IMPORT_FIELD("display", name),
	IMPORT_FIELD("name", name),
	IMPORT_FIELD("description", description),
	IMPORT_FIELD("author", author),
	IMPORT_FIELD("organization", organization),
};

static const char *const tag_of[] = { "kodosumi", NULL };

/* --- a document --- */

/* Where paths begin: the first server, else the folder of the document. */
static enum kodo_err
find_base(struct import_reader *r, struct str object, struct str *out)
{
	struct str servers, key, first, url = STR_NULL, path = url_less_query(r->doc.url);
	struct jread_walk w;
	const char *slash;
	enum kodo_err err = import_member(r, object, "servers", &servers);

	if (err == KODO_OK && jread_kind(servers) == JREAD_LIST) {
		jread_begin(&w, servers);
		if (jread_next(&w, &key, &first))
			err = import_text(r, first, "url", &url);
	}
	if (err == KODO_OK)
		err = import_join(r, url, out);
	if (err != KODO_OK || (url_is_web(*out) && out->len > 0)) {
		*out = url_shown(*out);
		return err;
	}
	slash = memrchr(path.p, '/', path.len);
	*out = (struct str){ path.p, slash == NULL ? path.len : (size_t)(slash - path.p) };
	return KODO_OK;
}

/* What is common to the operations of a document. */
struct document {
	struct str base, space;
};

static enum kodo_err
read_operation(struct import_reader *r, const struct document *d, struct str path, struct str op)
{
	struct import_entry e = { .space = d->space, .id = path };
	struct str tags, mark;
	enum kodo_err err = import_member(r, op, "x-kodosumi", &mark);

	if (err != KODO_OK || !str_eq(mark, STR("true")))
		return err;
	err = import_take_texts(r, op, operation_fields,
	    sizeof(operation_fields) / sizeof(operation_fields[0]), &e);
	if (err == KODO_OK && e.target.p == NULL) {
		e.target = str_of(arena_printf(r->a, "%.*s%s%.*s", STR_ARG(d->base),
		    str_starts(path, STR("/")) ? "" : "/", STR_ARG(path)));
		err = e.target.p == NULL ? KODO_ENOMEM : KODO_OK;
	}
	if (err == KODO_OK)
		err = import_slug(r->a, str_eq(path, STR("/")) ? STR("root")
		    : str_skip(path, str_starts(path, STR("/"))), &e.slug);
	if (err == KODO_OK)
		err = import_member(r, op, "tags", &tags);
	if (err == KODO_OK)
		err = import_take_tags(r, tags, tag_of, &e);
	return err == KODO_OK ? import_give(r, &e) : err;
}

/* The operations of a path. Of several with the mark, which have one address, the last counts. */
static enum kodo_err
read_path(struct import_reader *r, const struct document *d, struct str key, struct str item)
{
	struct str path, name, op;
	struct jread_walk w;
	enum kodo_err err = jread_text(r->j, r->a, key, &path);

	if (err != KODO_OK || jread_kind(item) != JREAD_OBJECT)
		return err;
	jread_begin(&w, item);
	while (err == KODO_OK && jread_next(&w, &name, &op))
		if (jread_kind(op) == JREAD_OBJECT)
			err = read_operation(r, d, path, op);
	return err;
}

enum kodo_err
import_read_openapi(struct import_reader *r, struct str object, struct why *why)
{
	struct document d;
	struct str paths, info, title, key, item;
	struct jread_walk w;
	enum kodo_err err = import_member(r, object, "paths", &paths);

	if (err == KODO_OK)
		err = import_member(r, object, "info", &info);
	if (err == KODO_OK)
		err = import_text(r, info, "title", &title);
	if (err == KODO_OK)
		err = find_base(r, object, &d.base);
	if (err == KODO_OK)
		err = import_slug(r->a, title.len > 0 ? title : STR("api"), &d.space);
	if (err != KODO_OK)
		return err;
	if (jread_kind(paths) != JREAD_OBJECT)
		return why_set(why, KODO_EINVAL, "`paths` is no object");
	jread_begin(&w, paths);
	while (err == KODO_OK && jread_next(&w, &key, &item))
		err = read_path(r, &d, key, item);
	return err;
}

/* --- a list --- */

static enum kodo_err
read_item(struct import_reader *r, struct str object)
{
	struct import_entry e = { .space = STR("flows") };
	struct str tags;
	enum kodo_err err;

	if (jread_kind(object) != JREAD_OBJECT)
		return r->refuse(r->arg, IMPORT_MALFORMED, STR("an item that is no object"));
	err = import_take_texts(
	    r, object, item_fields, sizeof(item_fields) / sizeof(item_fields[0]), &e);
	if (err == KODO_OK)
		err = import_join(r, e.id, &e.target);
	if (err == KODO_OK && e.id.len == 0)
		return r->refuse(r->arg, IMPORT_NO_TARGET, e.name);
	if (err == KODO_OK)
		err = import_slug(r->a, str_skip(e.id, str_starts(e.id, STR("/"))), &e.slug);
	if (err == KODO_OK)
		err = import_member(r, object, "tags", &tags);
	if (err == KODO_OK)
		err = import_take_tags(r, tags, tag_of, &e);
	return err == KODO_OK ? import_give(r, &e) : err;
}

enum kodo_err
import_read_kodosumi(struct import_reader *r, struct str object, struct why *why)
{
	struct str items = object, offset = STR_NULL, key, item;
	struct jread_walk w;
	enum kodo_err err = KODO_OK;

	if (jread_kind(object) == JREAD_OBJECT)
		err = import_member(r, object, "items", &items);
	if (err == KODO_OK)
		err = import_text(r, object, "offset", &offset);
	if (err != KODO_OK)
		return err;
	if (jread_kind(items) != JREAD_LIST)
		return why_set(why, KODO_EINVAL, "`items` is no list");
	jread_begin(&w, items);
	while (err == KODO_OK && jread_next(&w, &key, &item))
		err = read_item(r, item);
	return err == KODO_OK ? import_give_next(r, "offset", offset) : err;
}
