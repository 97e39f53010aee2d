#include "core/base/isotime.h"
#include "core/base/json.h"
#include "core/base/url.h"
#include "core/import/imported.h"
#include "core/import/place.h"
#include "core/records/record.h"

#define JOINS	"/flows/"

static enum kodo_err
elsewhere_find(struct txn *t, struct arena *a, uint32_t node, struct str *out)
{
	struct statement s;
	struct packed p;
	enum kodo_err err = node == 0 ? KODO_ENOTFOUND : record_get_seen(t, node, &s);

	if (err == KODO_OK)
		err = packed_open(s.bytes, &p);
	if (err == KODO_OK)
		err = arena_str(a, p.url, out);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

enum kodo_err
imported_find(
    struct txn *t, struct arena *a, struct str own_url, struct str url, struct imported *out)
{
	const size_t n = sizeof(JOINS) - 1;
	struct str node = url, slug = STR_NULL;
	struct place_parts parts;
	struct option_import o;
	struct source_space space;
	struct source_entry e;
	struct source s;
	const char *at = url.len == 0 ? NULL : memmem(url.p, url.len, JOINS, n);
	enum kodo_err err;

	*out = (struct imported){ .kind = "" };
	if (at != NULL) {
		node.len = (size_t)(at - url.p);
		slug = str_skip(url, node.len + n);
	}
	if (!place_read(node, &parts) || !str_eq(parts.before, own_url))
		return KODO_ENOTFOUND;
	err = source_get(t, a, parts.slug, &s);
	if (err == KODO_OK)
		err = source_space_get(t, s.peer, source_hash(parts.space), &space);
	if (err == KODO_OK)
		err = elsewhere_find(t, a, space.rival, &out->elsewhere);
	if (err == KODO_OK && slug.p != NULL)
		err = source_entry_get(t, s.peer, parts.space, slug, &e);
	if (err == KODO_OK && slug.p != NULL)
		err = arena_str(a, e.e.id, &out->id);
	if (err == KODO_OK)
		err = option_import_read(s.text, &o, NULL);
	if (err != KODO_OK)
		return err == KODO_EINVAL ? KODO_ECORRUPT : err;
	out->peer = s.peer;
	out->first_us = slug.p != NULL ? e.first_us : 0;
	out->kind = import_kind_name((enum import_kind)s.kind);
	out->source = url_less_query(o.url);
	return KODO_OK;
}

static enum kodo_err
put_source(void *arg, const struct source *s)
{
	struct buf *b = arg;
	struct option_import o;

	if (s->phase == SOURCE_ENDS || option_import_read(s->text, &o, NULL) != KODO_OK)
		return KODO_OK;
	buf_puts(b, b->len > 0 ? ",{\"source\":" : "{\"source\":");
	json_put_str(b, url_less_query(o.url));
	buf_printf(b, ",\"kind\":\"%s\",\"entries\":%llu,\"refused\":%u,\"last\":",
	    import_kind_name((enum import_kind)s->kind), (unsigned long long)s->n_entries,
	    source_n_refused(s));
	json_put_time(b, s->done_us, false);
	buf_puts(b, ",\"due\":");
	json_put_time(b, (s->flags & SOURCE_ONCE) != 0 ? 0 : s->due_us, false);
	buf_puts(b, ",\"error\":");
	json_put_str(b, s->error);
	buf_putc(b, '}');
	return KODO_OK;
}

enum kodo_err
imported_put_sources(struct txn *t, struct buf *out)
{
	struct buf b = BUF_INIT(0);
	enum kodo_err err = source_each(t, put_source, &b);

	if (err == KODO_OK && buf_failed(&b))
		err = b.err;
	if (err == KODO_OK && b.len > 0)
		buf_printf(out, ",\"imports\":[%.*s]", STR_ARG(buf_str(&b)));
	buf_free(&b);
	return err;
}
