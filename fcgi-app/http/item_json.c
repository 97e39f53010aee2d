#include <stddef.h>

#include "core/base/json.h"
#include "http/item_json.h"

void
item_json_put_about(struct buf *b, const struct row *r)
{
	static const struct json_member about[] = {
		{ "author", JSON_TEXT, offsetof(struct row, author) },
		{ "description", JSON_TEXT, offsetof(struct row, description) },
	};

	buf_putc(b, ',');
	JSON_PUT_MEMBERS(b, about, r);
	buf_puts(b, ",\"tags\":");
	json_put_texts(b, r->tags, r->n_tags);
}

void
item_json_put(struct buf *b, const struct row *r)
{
	static const struct json_member first[] = {
		{ "organization", JSON_TEXT, offsetof(struct row, organization) },
		{ "created", JSON_TIME, offsetof(struct row, created_us) },
		{ "modified", JSON_TIME, offsetof(struct row, modified_us) },
		{ "heartbeat", JSON_TIME, offsetof(struct row, heartbeat_us) },
		{ "url", JSON_TEXT, offsetof(struct row, url) },
		{ "name", JSON_TEXT, offsetof(struct row, name) },
	};

	JSON_PUT_MEMBERS(b, first, r);
	item_json_put_about(b, r);
}
