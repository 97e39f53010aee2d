#include "core/base/json.h"
#include "core/base/utf8.h"
#include "http/bridges/ard_entry.h"
#include "http/item_json.h"

#define QUERY_CHARS	200u	/* of a description as a query */

static const struct {
	const char *tag, *type;
	const char *card;	/* where it is, behind the item's url; NULL: the item is in it */
	enum option_bridge bridge;	/* that has the card */
} types[ARD_TYPES] = {
	[ARD_A2A] = { "a2a", "application/a2a-agent-card+json", "/agent-card.json", BRIDGE_A2A },
	[ARD_MCP] = { "mcp", "application/mcp-server-card+json", "/server-card", BRIDGE_MCP },
	[ARD_FLOW] = { NULL, "application/vnd.kodo.flow+json", NULL, BRIDGE_NONE },
};

const char *
ard_type_tag(const struct options *o, enum ard_type t)
{
	return option_has_bridge(o, types[t].bridge) ? types[t].tag : NULL;
}

enum ard_type
ard_type_of(const struct options *o, const struct row *row)
{
	enum ard_type t;
	const char *tag;

	for (t = ARD_A2A; t < ARD_FLOW; t++) {
		tag = ard_type_tag(o, t);
		if (tag != NULL && bridge_has_tag(row, tag))
			break;
	}
	return t;
}

const char *
ard_type_name(enum ard_type t)
{
	return types[t].type;
}

/* A list of tags: of those that are capabilities what is behind that word, or all of them. */
static void
put_tags(struct buf *b, const char *name, const struct row *row, bool capabilities)
{
	const struct str begin = STR(ARD_CAPABILITY);
	size_t i, n = 0;

	for (i = 0; i < row->n_tags; i++) {
		struct str tag = row->tags[i];

		if (capabilities && !str_starts(tag, begin))
			continue;
		if (n++ == 0) {
			buf_putc(b, ',');
			json_put_key(b, name);
		}
		buf_putc(b, n == 1 ? '[' : ',');
		json_put_str(b, capabilities ? str_skip(tag, begin.len) : tag);
	}
	buf_puts(b, n > 0 ? "]" : "");
}

/* Two that it answers: without them it is not to be found, the specification says. */
static void
put_queries(struct buf *b, const struct bridge_flow *f)
{
	const struct row *row = &f->row;

	buf_puts(b, ",\"representativeQueries\":");
	if (row->queries.p != NULL) {
		buf_put_str(b, row->queries);
		return;
	}
	buf_putc(b, '[');
	json_put_str(b, row->name);
	buf_putc(b, ',');
	if (row->description.len > 0 && !str_eq(row->description, row->name))
		bridge_put_short(b, row->description, QUERY_CHARS);
	else
		json_put_str(b, row->organization.len > 0 ? row->organization : f->node);
	buf_putc(b, ']');
}

static void
put_metadata(struct buf *b, const struct row *row)
{
	buf_puts(b, ",\"metadata\":{");
	json_put_text(b, "organization", row->organization);
	buf_putc(b, ',');
	json_put_text(b, "author", row->author);
	buf_puts(b, ",\"created\":");
	json_put_time(b, row->created_us, false);
	buf_puts(b, ",\"heartbeat\":");
	json_put_time(b, row->heartbeat_us, false);
	buf_putc(b, '}');
}

enum kodo_err
ard_entry_put(struct call *c, const struct options *o, const struct bridge_flow *f)
{
	struct buf *b = &c->res->body.buf;
	const struct row *row = &f->row;
	const enum ard_type type = ard_type_of(o, row);
	struct str urn;
	enum kodo_err err = identifier_urn(c->a, &f->id, &urn);

	if (err != KODO_OK)
		return err;
	buf_putc(b, '{');
	json_put_text(b, "identifier", urn);
	buf_putc(b, ',');
	json_put_text(b, "displayName", row->name);
	buf_printf(b, ",\"type\":\"%s\",", types[type].type);
	if (types[type].card != NULL) {
		bridge_put_link(b, "url", row->url, types[type].card);
	} else {
		buf_puts(b, "\"data\":{");
		item_json_put(b, row);
		buf_putc(b, '}');
	}
	if (row->description.len > 0) {
		buf_putc(b, ',');
		json_put_text(b, "description", row->description);
	}
	put_tags(b, "tags", row, false);
	put_tags(b, "capabilities", row, true);
	put_queries(b, f);
	buf_puts(b, ",\"version\":\"");
	json_put_u64(b, f->version);
	buf_puts(b, "\",\"updatedAt\":");
	json_put_time(b, row->changed_us, false);
	put_metadata(b, row);
	return KODO_OK;
}

enum kodo_err
ard_entry_put_registry(
    struct call *c, struct str url, struct str organization, const char *description)
{
	struct buf *b = &c->res->body.buf;
	const char *urn;
	struct str host;
	enum kodo_err err = identifier_host(c->a, url, &host);

	if (err != KODO_OK)
		return err;
	urn = arena_printf(c->a, "urn:air:%.*s:registry:kodo", STR_ARG(host));
	if (urn == NULL)
		return KODO_ENOMEM;
	buf_putc(b, '{');
	json_put_text(b, "identifier", str_of(urn));
	buf_putc(b, ',');
	json_put_text(b, "displayName", organization.len > 0 ? organization : url);
	buf_puts(b, ",\"type\":\"application/ai-registry+json\",");
	bridge_put_link(b, "url", url, "/ard/");
	if (description != NULL) {
		buf_putc(b, ',');
		json_put_text(b, "description", str_of(description));
		buf_puts(b, ",\"representativeQueries\":[\"which agents are there\",\"agents of ");
		json_put_inside(b, organization.len > 0 ? organization : url);
		buf_puts(b, "\"]");
	}
	buf_putc(b, '}');
	return KODO_OK;
}
