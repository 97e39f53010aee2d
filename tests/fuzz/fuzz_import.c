/*
 * Any bytes as a document of a source, of the kind that the first byte says: what is read of it
 * keeps to the ceilings, and every entry can be stored and packed as a flow.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/limit.h"
#include "core/base/url.h"
#include "core/base/utf8.h"
#include "core/flow/packed.h"
#include "core/import/import.h"
#include "core/import/place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
must_be_url(struct str url)
{
	struct url u;

	must(url_parse(url, &u, NULL) == KODO_OK);
}

static enum kodo_err
take_entry(void *arg, const struct import_entry *e)
{
	struct import_reader *r = arg;
	struct packed_writer w = PACKED_WRITER_INIT;
	const struct packed_end end = { .heartbeat_us = 0 };
	struct flow f = { .name = e->name, .description = e->description, .author = e->author,
		.tags = e->tags, .n_tags = e->n_tags, .entry = e->target };
	struct buf out = BUF_INIT(0);
	struct place_parts parts;
	struct str url;

	must(place_node(r->a, STR("https://own.example"), r->slug, e->space, &url) == KODO_OK);
	must_be_url(url);
	must(place_read(url, &parts) && str_eq(parts.slug, r->slug) &&
	    str_eq(parts.space, e->space));
	must(e->id.len > 0 && e->slug.len > 0 && e->slug.len <= IMPORT_SLUG_BYTES);
	if (e->is_gone)
		return KODO_OK;
	must_be_url(e->target);
	must(e->name.len > 0 && e->name.len <= LIMIT_NAME_BYTES && e->n_tags > 0 &&
	    e->n_tags <= LIMIT_TAGS && e->description.len <= LIMIT_DESCRIPTION_BYTES);
	f.url = str_of(arena_printf(r->a, "/%.*s", STR_ARG(e->slug)));
	packed_begin(&w, url, e->organization);
	packed_add(&w, &f);
	packed_end(&w, &end, &out);
	must(!buf_failed(&out) && packed_check(buf_str(&out), NULL) == KODO_OK);
	packed_writer_free(&w);
	buf_free(&out);
	return KODO_OK;
}

static enum kodo_err
take_refusal(void *arg, enum import_refusal why, struct str id)
{
	(void)arg;
	must(why < IMPORT_REFUSALS && import_refusal_text(why)[0] != '\0' && utf8_valid(id));
	return KODO_OK;
}

static enum kodo_err
take_doc(void *arg, const struct import_doc *doc)
{
	const struct import_reader *r = arg;

	must_be_url(doc->url);
	must(doc->depth <= IMPORT_DEPTH && memchr(doc->url.p, '\n', doc->url.len) == NULL);
	must(doc->is_next ? doc->depth == r->doc.depth : doc->depth == r->doc.depth + 1);
	return KODO_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct import_reader r = { .a = arena_new(), .j = jread_new(), .slug = STR("s.example"),
		.entry = take_entry, .refuse = take_refusal, .follow = take_doc, .arg = &r };
	struct why why = { "" };
	enum kodo_err err;

	must(r.a != NULL && r.j != NULL);
	if (n > 0) {
		r.doc = (struct import_doc){ .kind = (enum import_kind)(data[0] % IMPORT_KINDS),
			.depth = data[0] / IMPORT_KINDS % (IMPORT_DEPTH + 1),
			.url = STR("https://s.example/x/doc.json?a=1") };
		err = import_read(&r, (struct str){ (const char *)data + 1, n - 1 }, &why);
		must(err == KODO_OK || (err == KODO_EINVAL && why.text[0] != '\0'));
	}
	jread_free(r.j);
	arena_free(r.a);
	return 0;
}
