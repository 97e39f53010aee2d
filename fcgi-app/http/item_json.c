#include "core/base/json.h"
#include "http/item_json.h"

void
item_json_put_time(struct buf *b, const char *key, int64_t us)
{
	buf_putc(b, ',');
	json_put_key(b, key);
	json_put_time(b, us, true);
}

void
item_json_put_about(struct buf *b, const struct row *r)
{
	buf_putc(b, ',');
	json_put_text(b, "author", r->author);
	buf_putc(b, ',');
	json_put_text(b, "description", r->description);
	buf_puts(b, ",\"tags\":");
	json_put_texts(b, r->tags, r->n_tags);
}

void
item_json_put(struct buf *b, const struct row *r)
{
	json_put_text(b, "organization", r->organization);
	item_json_put_time(b, "created", r->created_us);
	item_json_put_time(b, "modified", r->modified_us);
	item_json_put_time(b, "heartbeat", r->heartbeat_us);
	buf_putc(b, ',');
	json_put_text(b, "url", r->url);
	buf_putc(b, ',');
	json_put_text(b, "name", r->name);
	item_json_put_about(b, r);
}
