#include "core/base/json.h"
#include "core/views/item.h"
#include "http/bridges/bridge.h"
#include "http/bridges/cards.h"
#include "http/bridges/mcp.h"
#include "http/etag.h"

#define SHORT_CHARS	1000u

/* A2A 1.0.1 of 2026-05-28. */
static enum kodo_err
put_agent(struct call *c, struct view *v, const struct bridge_flow *f)
{
	struct buf *b = &c->res->body.buf;
	const struct row *row = &f->row;
	const struct str about = row->description.len > 0 ? row->description : row->name;

	buf_putc(b, '{');
	json_put_text(b, "name", row->name);
	buf_putc(b, ',');
	json_put_text(b, "description", about);
	buf_puts(b, ",\"version\":\"0.0.");
	json_put_u64(b, f->version);
	buf_puts(b, "\",\"provider\":{");
	json_put_text(
	    b, "organization", row->organization.len > 0 ? row->organization : f->id.host);
	buf_putc(b, ',');
	bridge_put_link(b, "url", v->options->url, "");
	buf_puts(b, "},");
	bridge_put_link(b, "documentationUrl", row->url, "");
	buf_puts(b, ",\"supportedInterfaces\":[{");
	bridge_put_link(b, "url", row->entry.len > 0 ? row->entry : row->url, "");
	buf_puts(b, ",\"protocolBinding\":\"JSONRPC\",\"protocolVersion\":\"1.0\"}],"
	    "\"capabilities\":{},\"defaultInputModes\":[\"text/plain\"],"
	    "\"defaultOutputModes\":[\"text/plain\"],\"skills\":[{");
	json_put_text(b, "id", f->id.slug);
	buf_putc(b, ',');
	json_put_text(b, "name", row->name);
	buf_puts(b, ",\"description\":");
	bridge_put_short(b, about, SHORT_CHARS);
	buf_puts(b, ",\"tags\":");
	json_put_texts(b, row->tags, row->n_tags);
	buf_puts(b, "}]}");
	return KODO_OK;
}

static const struct card {
	struct str suffix;
	const char *tag, *type;
	enum option_bridge bridge;
	enum kodo_err (*put)(struct call *c, struct view *v, const struct bridge_flow *f);
} cards[] = {
	{ { "/agent-card.json", 16 }, "a2a", TYPE_JSON, BRIDGE_A2A, put_agent },
	{ { "/server-card", 12 }, "mcp", "application/mcp-server-card+json", BRIDGE_MCP,
	    mcp_put_card },
};

static const struct card *
find_card(const struct options *o, struct str path)
{
	size_t i;

	for (i = 0; i < sizeof(cards) / sizeof(cards[0]); i++)
		if (str_ends(path, cards[i].suffix) && option_has_bridge(o, cards[i].bridge))
			return &cards[i];
	return NULL;
}

enum kodo_err
cards_put(struct call *c, struct view *v, struct str path)
{
	const struct card *card = find_card(v->options, path);
	struct bridge_flow f;
	struct item it;
	enum kodo_err err;

	if (card == NULL)
		return KODO_ENOTFOUND;
	path.len -= card->suffix.len;
	err = item_find_own(v, c->a, path, c->req->query, &it);
	if (err == KODO_OK && !bridge_has_tag(&it.row, card->tag))
		err = KODO_ENOTFOUND;
	if (err == KODO_OK)
		err = bridge_flow_of(c, v, &it.row, it.node, &f);
	if (err != KODO_OK)
		return err;
	c->res->type = card->type;
	if (etag_matches(c, v, ETAG_VIEW, (uint64_t)card->bridge))
		return KODO_OK;
	err = card->put(c, v, &f);
	return err == KODO_OK ? sink_end(&c->res->body) : err;
}
