#include "core/base/json.h"
#include "core/wire/wire.h"

static void
put_texts(struct buf *out, const struct str *texts, size_t n)
{
	size_t i;

	buf_putc(out, '[');
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_putc(out, ',');
		json_put_str(out, texts[i]);
	}
	buf_putc(out, ']');
}

/* `,"name":`, without the comma where it is the first. */
static void
put_key(struct buf *out, const char *name, bool first)
{
	if (!first)
		buf_putc(out, ',');
	json_put_key(out, name);
}

void
wire_put_greeting(struct buf *out, const struct greeting *g)
{
	put_key(out, "url", true);
	json_put_str(out, g->url);
	put_key(out, "organization", false);
	json_put_str(out, g->organization);
	put_key(out, "registry", false);
	json_put_bool(out, g->registry);
	put_key(out, "feed", false);
	json_put_bool(out, g->feed);
	put_key(out, "idle", false);
	json_put_bool(out, g->idle);
	put_key(out, "now", false);
	json_put_time(out, g->now_us, false);
	put_key(out, "message", false);
	put_texts(out, g->message, g->n_message);
}

void
wire_put_disconnect(struct buf *out, struct str provider, const struct str *urls, size_t n)
{
	buf_putc(out, '{');
	put_key(out, "provider", true);
	json_put_str(out, provider);
	put_key(out, "url", false);
	put_texts(out, urls, n);
}

static void
put_error_entry(struct buf *out, const struct wire_error *e)
{
	buf_putc(out, '{');
	put_key(out, "message", true);
	json_put_str(out, e->message);
	if (e->key.p != NULL) {
		put_key(out, "key", false);
		json_put_str(out, e->key);
	}
	if (e->source.p != NULL) {
		put_key(out, "source", false);
		json_put_str(out, e->source);
	}
	buf_putc(out, '}');
}

void
wire_put_error(struct buf *out, unsigned status, struct str detail, const struct wire_error *errors,
    size_t n)
{
	size_t i;

	buf_putc(out, '{');
	put_key(out, "status_code", true);
	json_put_u64(out, status);
	put_key(out, "detail", false);
	json_put_str(out, detail);
	if (n > 0) {
		put_key(out, "extra", false);
		buf_putc(out, '[');
		for (i = 0; i < n; i++) {
			if (i > 0)
				buf_putc(out, ',');
			put_error_entry(out, &errors[i]);
		}
		buf_putc(out, ']');
	}
	buf_putc(out, '}');
}
