#include "core/base/json.h"
#include "http/item_json.h"

static void
put_text(struct buf *b, const char *key, struct str value)
{
	json_put_key(b, key);
	json_put_str(b, value);
}

static void
put_time(struct buf *b, const char *key, int64_t us)
{
	buf_putc(b, ',');
	json_put_key(b, key);
	json_put_time(b, us, true);
}

void
item_json_put(struct buf *b, const struct row *r)
{
	size_t i;

	put_text(b, "organization", r->organization);
	put_time(b, "created", r->created_us);
	put_time(b, "modified", r->modified_us);
	put_time(b, "heartbeat", r->heartbeat_us);
	buf_putc(b, ',');
	put_text(b, "url", r->url);
	buf_putc(b, ',');
	put_text(b, "name", r->name);
	buf_putc(b, ',');
	put_text(b, "author", r->author);
	buf_putc(b, ',');
	put_text(b, "description", r->description);
	buf_puts(b, ",\"tags\":[");
	for (i = 0; i < r->n_tags; i++) {
		buf_puts(b, i > 0 ? "," : "");
		json_put_str(b, r->tags[i]);
	}
	buf_putc(b, ']');
}
