#include "core/base/json.h"
#include "core/base/utf8.h"
#include "core/flow/packed_private.h"

/* Skip text at the start of rest; false: it is not there. */
static bool
skip(struct str *rest, struct str text)
{
	if (!str_starts(*rest, text))
		return false;
	rest->p += text.len;
	rest->len -= text.len;
	return true;
}

/* Skip a fragment of n bytes; false: no whole JSON string as json_put_str writes it, nor null. */
static bool
skip_fragment(struct arena *a, struct str *rest, size_t n)
{
	struct str fragment, text;
	struct buf again = BUF_INIT(0);
	bool ok;

	if (n > rest->len)
		return false;
	fragment = (struct str){ rest->p, n };
	ok = packed_raw(a, fragment, &text) == KODO_OK && utf8_valid(text);
	if (ok) {
		json_put_str(&again, text);
		ok = !buf_failed(&again) && str_eq(buf_str(&again), fragment);
	}
	buf_free(&again);
	rest->p += n;
	rest->len -= n;
	return ok;
}

/* Is it a list of texts, each as json_put_str writes it? */
static bool
check_tags(struct arena *a, struct str json)
{
	struct buf again = BUF_INIT(0);
	const struct str *tags;
	size_t n, i;
	bool ok;

	if (packed_tags(a, json, &tags, &n) != KODO_OK)
		return false;
	buf_putc(&again, '[');
	for (i = 0; i < n && utf8_valid(tags[i]); i++) {
		if (i > 0)
			buf_putc(&again, ',');
		json_put_str(&again, tags[i]);
	}
	buf_putc(&again, ']');
	ok = i == n && !buf_failed(&again) && str_eq(buf_str(&again), json);
	buf_free(&again);
	return ok;
}

/* The fragments of an item against their keys and lengths; row offsets are checked before. */
static const char *
check_item(struct arena *a, struct str prefix, struct str item, const unsigned char *row)
{
	const size_t url_len = packed_get_u16(row + PACKED_ROW_URL);
	const size_t name_len = packed_get_u16(row + PACKED_ROW_NAME);
	const size_t author_len = packed_get_u16(row + PACKED_ROW_AUTHOR);
	const size_t description_len = get_le32(row + PACKED_ROW_DESCRIPTION);

	/* as the prefix is no whole string, a url that is one is longer */
	if (!skip(&item, STR(PACKED_KEY_URL)) || !str_starts(item, prefix)
	    || !skip_fragment(a, &item, url_len))
		return "url of a flow";
	if (!skip(&item, STR(PACKED_KEY_NAME)) || !skip_fragment(a, &item, name_len))
		return "name of a flow";
	if (!skip(&item, STR(PACKED_KEY_AUTHOR)) || !skip_fragment(a, &item, author_len))
		return "author of a flow";
	if (!skip(&item, STR(PACKED_KEY_DESCRIPTION)) || !skip_fragment(a, &item, description_len))
		return "description of a flow";
	if (!skip(&item, STR(PACKED_KEY_TAGS)) || !check_tags(a, item))
		return "tags of a flow";
	return NULL;
}

/* The entries, one behind the other; not even one, nor an audience: no rest should be there. */
static const char *
check_rest(struct arena *a, const struct packed *p)
{
	struct str rest = p->entries;
	uint32_t i, from, to;

	if (p->entry_table == NULL)
		return NULL;
	if (!utf8_valid(p->audience)
	    || (p->audience.p == NULL && rest.len == 0 && p->query_table == NULL))
		return "audience of the node";
	for (i = 0; i < p->n_flows; i++) {
		from = packed_entry_at(p, i);
		to = packed_entry_at(p, i + 1);
		if (from == to)
			continue;
		/* a shorter one would have `null`, which is no text */
		if (from > to || rest.p[0] != '"' || !skip_fragment(a, &rest, to - from))
			return "entry of a flow";
		arena_reset(a);
	}
	rest = p->queries;
	for (i = 0; i < p->n_flows; i++) {
		from = packed_queries_at(p, i);
		to = packed_queries_at(p, i + 1);
		if (from == to)
			continue;
		if (from > to || to > p->queries.len
		    || !check_tags(a, (struct str){ rest.p + from, to - from }))
			return "queries of a flow";
		arena_reset(a);
	}
	return NULL;
}

static const char *
check_flows(struct arena *a, const struct packed *p, struct str prefix)
{
	struct str item, text;
	const char *wrong = NULL;
	uint32_t i;

	for (i = 0; i < p->n_flows && wrong == NULL; i++) {
		const unsigned char *row = p->table + (size_t)i * PACKED_ROW_BYTES;

		/* a row ends where the next begins, the first and the last one are at the ends */
		if (!packed_between(row, PACKED_ROW_ITEM, p->items, &item)
		    || !packed_between(row, PACKED_ROW_TEXT, p->texts, &text))
			return "offsets of a flow";
		if (memchr(text.p, '\0', text.len) != text.p + text.len - 1
		    || !utf8_valid((struct str){ text.p, text.len - 1 }))
			return "search text of a flow";
		wrong = check_item(a, prefix, item, row);
		arena_reset(a);
	}
	return wrong;
}

enum kodo_err
packed_check(struct str bytes, struct why *why)
{
	struct buf prefix = BUF_INIT(0);
	struct arena *a = NULL;
	struct packed p;
	const char *wrong;
	enum kodo_err err;

	err = packed_open(bytes, &p);
	if (err != KODO_OK)
		return why_set(why, err, "not a packed node of format %u", PACKED_FORMAT);
	buf_putc(&prefix, '"');
	json_put_inside(&prefix, p.url);
	buf_put_str(&prefix, STR(PACKED_FLOWS));
	a = arena_new();
	if (a == NULL || buf_failed(&prefix)) {
		err = why_set(why, KODO_ENOMEM, "out of memory");
		goto out;
	}
	if (!utf8_valid(p.url) || !utf8_valid(p.organization) || !utf8_valid(p.status))
		wrong = "texts of the node";
	else if (p.prefix_len != prefix.len)
		wrong = "start of the flows' urls";
	else
		wrong = check_flows(a, &p, buf_str(&prefix));
	if (wrong == NULL)
		wrong = check_rest(a, &p);
	if (wrong != NULL)
		err = why_set(why, KODO_ECORRUPT, "damaged: %s", wrong);
out:
	arena_free(a);
	buf_free(&prefix);
	return err;
}
