/* The MCP registry's API, GET /v0.1/servers, frozen 2025-10-17: a page of servers. */
#include "core/base/str.h"
#include "core/import/import_private.h"

#define OFFICIAL	"io.modelcontextprotocol.registry/official"
#define PROVIDED	"io.modelcontextprotocol.registry/publisher-provided"

static const struct import_field fields[] = {
	IMPORT_FIELD("name", id),
	IMPORT_FIELD("title", name),
	IMPORT_FIELD("name", name),
	IMPORT_FIELD("description", description),
};

/* Transports over the network, and the tag by which a bridge knows them again. */
static const struct transport {
	const char *type, *tag;
} transports[] = {
	{ "streamable-http", "mcp" },
	{ "sse", "mcp-sse" },
};
#define N_TRANSPORTS	(sizeof(transports) / sizeof(transports[0]))

/* The first remote of the best transport that there is. */
static enum kodo_err
take_remote(struct import_reader *r, struct str remotes, const struct transport **of,
    struct import_entry *e)
{
	struct jread_walk w;
	struct str key, remote, type, url;
	size_t i;
	enum kodo_err err = KODO_OK;

	*of = NULL;
	if (jread_kind(remotes) != JREAD_LIST)
		return KODO_OK;
	jread_begin(&w, remotes);
	while (err == KODO_OK && jread_next(&w, &key, &remote)) {
		err = import_text(r, remote, "type", &type);
		if (err == KODO_OK)
			err = import_text(r, remote, "url", &url);
		for (i = 0; i < N_TRANSPORTS && !str_eq(type, str_of(transports[i].type)); i++)
			;
		if (err != KODO_OK || i == N_TRANSPORTS || url.len == 0 ||
		    (*of != NULL && *of <= &transports[i]))
			continue;
		*of = &transports[i];
		e->target = url;
	}
	return err;
}

/* namespace/name, with one slash */
static void
name_split(struct import_entry *e)
{
	struct str rest = e->id;

	e->space = e->author = str_cut(&rest, '/');
	e->slug = rest;
}

static enum kodo_err
read_status(struct import_reader *r, struct str meta, bool *is_gone, bool *is_former)
{
	struct str official, status, latest;
	enum kodo_err err = import_member(r, meta, OFFICIAL, &official);

	*is_gone = *is_former = false;
	if (err == KODO_OK)
		err = import_text(r, official, "status", &status);
	if (err == KODO_OK)
		err = import_member(r, official, "isLatest", &latest);
	if (err != KODO_OK)
		return err;
	*is_gone = str_eq(status, STR("deleted"));
	*is_former = str_eq(latest, STR("false"));
	return KODO_OK;
}

/* Tags, which the API does not have, where a publisher gives some. */
static enum kodo_err
read_tags(struct import_reader *r, struct str server, struct str *tags)
{
	struct str meta, provided;
	enum kodo_err err = import_member(r, server, "_meta", &meta);

	if (err == KODO_OK)
		err = import_member(r, meta, PROVIDED, &provided);
	return err == KODO_OK ? import_member(r, provided, "tags", tags) : err;
}

static enum kodo_err
read_server(struct import_reader *r, struct str item)
{
	static const char *const names[] = { "server", "_meta" };
	const struct transport *of;
	struct import_entry e = { .is_gone = false };
	struct str values[2], remotes, tags = STR_NULL;
	bool is_former;
	enum kodo_err err;

	if (jread_kind(item) != JREAD_OBJECT)
		return r->refuse(r->arg, IMPORT_MALFORMED, STR("an item that is no object"));
	err = jread_fields(r->j, item, names, 2, values);
	if (err != KODO_OK)
		return err;
	if (jread_kind(values[0]) != JREAD_OBJECT)
		return r->refuse(r->arg, IMPORT_MALFORMED, STR("an item without a server"));
	err = import_take_texts(r, values[0], fields, sizeof(fields) / sizeof(fields[0]), &e);
	if (err == KODO_OK)
		err = read_status(r, values[1], &e.is_gone, &is_former);
	/* of an older version nothing is wanted, not even its end */
	if (err != KODO_OK || is_former)
		return err;
	if (e.id.len == 0)
		return r->refuse(r->arg, IMPORT_MALFORMED, STR("a server without a name"));
	name_split(&e);
	err = import_member(r, values[0], "remotes", &remotes);
	if (err == KODO_OK)
		err = take_remote(r, remotes, &of, &e);
	if (err == KODO_OK)
		err = read_tags(r, values[0], &tags);
	if (err == KODO_OK) {
		const char *const more[] = { of == NULL ? transports[0].tag : of->tag, NULL };

		err = import_take_tags(r, tags, more, &e);
	}
	return err == KODO_OK ? import_give(r, &e) : err;
}

enum kodo_err
import_read_mcp(struct import_reader *r, struct str object, struct why *why)
{
	struct str servers, metadata, cursor = STR_NULL, key, item;
	struct jread_walk w;
	enum kodo_err err = import_member(r, object, "servers", &servers);

	if (err == KODO_OK)
		err = import_member(r, object, "metadata", &metadata);
	if (err == KODO_OK)
		err = import_text(r, metadata, "nextCursor", &cursor);
	if (err != KODO_OK)
		return err;
	/* Go writes null for a list without items */
	if (jread_kind(servers) != JREAD_LIST && jread_kind(servers) != JREAD_NULL)
		return why_set(why, KODO_EINVAL, "`servers` is no list");
	if (jread_kind(servers) == JREAD_LIST) {
		jread_begin(&w, servers);
		while (err == KODO_OK && jread_next(&w, &key, &item))
			err = read_server(r, item);
	}
	return err == KODO_OK ? import_give_next(r, "cursor", cursor) : err;
}
