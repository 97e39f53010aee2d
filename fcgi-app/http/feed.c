#include "core/base/ascii.h"
#include "core/base/isotime.h"
#include "core/base/url.h"
#include "core/base/utf8.h"
#include "http/feed.h"

/* --- XML --- */

/* XML 1.0, 2.2: what may stand in a document, in whatever writing. cp is no surrogate. */
static bool
is_xml(uint32_t cp)
{
	return cp >= 0x20 ? cp != 0xfffe && cp != 0xffff : cp == '\t' || cp == '\n' || cp == '\r';
}

static const char *
escape_of(uint32_t cp)
{
	static const struct {
		uint32_t cp;
		const char *text;
	} rows[] = {
		{ '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" },
		/* a reader would take them for other blanks */
		{ '\t', "&#9;" }, { '\n', "&#10;" }, { '\r', "&#13;" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].cp == cp)
			return rows[i].text;
	return NULL;
}

/* For the content of an element or an attribute in double quotes. */
static void
put_text(struct buf *b, struct str s)
{
	size_t at = 0, from;
	const char *escape;
	uint32_t cp;

	while (at < s.len) {
		from = at;
		cp = utf8_next(s, &at);
		escape = is_xml(cp) ? escape_of(cp) : "\xef\xbf\xbd";
		if (escape != NULL)
			buf_puts(b, escape);
		else
			buf_put(b, s.p + from, at - from);
	}
}

static void
put_element(struct buf *b, const char *name, struct str text)
{
	buf_printf(b, "<%s>", name);
	put_text(b, text);
	buf_printf(b, "</%s>", name);
}

static bool
is_escape(const char *p, size_t len)
{
	return len >= 3 && ascii_hex_value(p[1]) >= 0 && ascii_hex_value(p[2]) >= 0;
}

/* Append a url as RFC 3986 has it, also where its owner wrote a `%` that begins no escape. */
static void
put_url(struct buf *b, struct str url)
{
	struct buf link = BUF_INIT(0);
	size_t i;

	url_put_link(&link, url);
	if (buf_failed(&link) && b->err == KODO_OK)
		b->err = link.err;
	for (i = 0; !buf_failed(&link) && i < link.len; i++) {
		put_text(b, (struct str){ link.p + i, 1 });
		if (link.p[i] == '%' && !is_escape(link.p + i, link.len - i))
			buf_puts(b, "25");
	}
	buf_free(&link);
}

static void
put_link(struct buf *b, const char *rel, const char *type, struct str url)
{
	buf_printf(b, "<link rel=\"%s\"", rel);
	if (type != NULL)
		buf_printf(b, " type=\"%s\"", type);
	buf_puts(b, " href=\"");
	put_url(b, url);
	buf_puts(b, "\"/>");
}

/* 0, none: the begin of all times of ours, as each must have one. */
static void
put_time(struct buf *b, const char *name, int64_t us)
{
	char text[ISOTIME_BYTES];

	(void)isotime_format(us, false, text);
	put_element(b, name, str_of(text));
}

static void
put_author(struct buf *b, struct str name, struct str url)
{
	buf_puts(b, "<author>");
	put_element(b, "name", name);
	if (url.len > 0) {
		buf_puts(b, "<uri>");
		put_url(b, url);
		buf_puts(b, "</uri>");
	}
	buf_puts(b, "</author>");
}

/* The first that is more than blanks. */
static struct str
first_of(struct str x, struct str y, struct str z)
{
	if (utf8_trim(x).len > 0)
		return x;
	return utf8_trim(y).len > 0 ? y : z;
}

/* --- the feed --- */

bool
feed_may_order(const struct order *by, enum query_field *time)
{
	bool descending;

	*time = order_first(by, &descending);
	return descending && (*time == QUERY_CHANGED || *time == QUERY_CREATED ||
	    *time == QUERY_MODIFIED);
}

/* updated_us: of its first entry, which is the newest. */
static void
feed_open(struct call *c, struct view *v, struct feed *f, int64_t updated_us)
{
	const struct options *o = v->options;
	const struct str site = first_of(o->organization, o->url, o->url);
	struct buf *b = &c->res->body.buf;

	f->is_open = true;
	buf_puts(b, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
	    "<feed xmlns=\"http://www.w3.org/2005/Atom\"><id>");
	put_url(b, f->id);
	buf_puts(b, "</id><title>Flows");
	if (utf8_trim(f->q).len > 0) {
		buf_puts(b, ": ");
		put_text(b, f->q);
	}
	buf_puts(b, " \xc2\xb7 ");
	put_text(b, site);
	buf_puts(b, "</title>");
	put_time(b, "updated", updated_us);
	put_author(b, site, o->url);
	put_link(b, "self", "application/atom+xml", f->self);
	put_link(b, "alternate", "text/html", f->page);
	if (f->next.p != NULL)
		put_link(b, "next", "application/atom+xml", f->next);
	buf_putc(b, '\n');
}

static void
put_entry(struct buf *b, const struct row *row, int64_t updated_us, struct str node)
{
	size_t i;

	buf_puts(b, "<entry><id>");
	put_url(b, row->url);
	buf_puts(b, "</id>");
	put_element(b, "title", first_of(row->name, row->url, row->url));
	put_time(b, "updated", updated_us);
	if (row->created_us != 0)
		put_time(b, "published", row->created_us);
	put_author(b, first_of(row->author, row->organization, node), STR_NULL);
	put_link(b, "alternate", NULL, row->url);
	for (i = 0; i < row->n_tags; i++) {
		buf_puts(b, "<category term=\"");
		put_text(b, row->tags[i]);
		buf_puts(b, "\"/>");
	}
	/* without a content, an entry should have one */
	put_element(b, "summary", first_of(row->description, row->name, row->url));
	buf_puts(b, "</entry>\n");
}

enum kodo_err
feed_entry(struct call *c, struct view *v, struct feed *f, const struct row *row, struct str node)
{
	const int64_t updated_us = row_time(row, f->time);
	uint32_t i;
	enum kodo_err err = strmap_find(&f->urls, row->url, &i);

	if (err != KODO_OK || f->urls.all[i].value++ > 0)
		return err;
	if (!f->is_open)
		feed_open(c, v, f, updated_us);
	put_entry(&c->res->body.buf, row, updated_us, node);
	return sink_step(&c->res->body);
}

enum kodo_err
feed_end(struct call *c, struct view *v, struct feed *f)
{
	if (!f->is_open)
		feed_open(c, v, f, 0);
	buf_puts(&c->res->body.buf, "</feed>\n");
	return sink_step(&c->res->body);
}

void
feed_free(struct feed *f)
{
	strmap_free(&f->urls);
}
