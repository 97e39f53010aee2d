/*
 * /v0.1: the registry API of the Model Context Protocol, as frozen on 2025-10-17, for reading.
 *
 * Each flow is a server. It has a `remotes` only where its tags say that what answers at its entry
 * speaks that protocol. Of nodes that have gone one server each tells, as which flows they had is
 * not known any more.
 */
#include "core/base/ascii.h"
#include "core/base/hash.h"
#include "core/base/isotime.h"
#include "core/base/json.h"
#include "core/base/url.h"
#include "core/base/utf8.h"
#include "core/records/known.h"
#include "core/trust/moderation.h"
#include "http/asked.h"
#include "http/bridges/mcp.h"
#include "http/etag.h"
#include "http/handlers.h"
#include "http/item_json.h"

#define SERVERS_MAX	100
#define SHORT_CHARS	100u	/* of title and description */
#define PATH		"/v0.1/servers/"
#define GONE_MARK	'~'	/* of a cursor: a node that has gone, by its id */
#define SCHEMA \
	"https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
#define CARD_SCHEMA \
	"https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json"
#define META		"io.modelcontextprotocol.registry/"

struct mcp {
	struct bridge_page page;
	struct str version;	/* only this one; null: whichever */
	int64_t since_us;	/* 0: from the begin */
	bool with_gone;
	uint32_t gone;		/* go on with nodes that have gone from this id on */
	bool is_gone_next;	/* they follow on the next page, from there on */
	uint64_t limit;
};

/* --- a server --- */

static enum kodo_err
put_own_member(struct buf *b, struct view *v, struct arena *a, const char *name)
{
	struct str host, reversed;
	enum kodo_err err = identifier_host(a, v->options->url, &host);

	if (err == KODO_OK)
		err = identifier_reversed(a, host, &reversed);
	if (err == KODO_OK)
		buf_printf(b, ",\"%.*s/%s\":{", STR_ARG(reversed), name);
	return err;
}

/* Behind what is said of a server; times may be 0. */
static void
put_official(struct buf *b, const char *status, int64_t published_us, int64_t updated_us)
{
	buf_printf(b, ",\"_meta\":{\"" META "official\":{\"status\":\"%s\",", status);
	buf_puts(b, "\"publishedAt\":");
	json_put_time(b, published_us > 0 && published_us < updated_us ? published_us : updated_us,
	    false);
	buf_puts(b, ",\"updatedAt\":");
	json_put_time(b, updated_us, false);
	buf_puts(b, ",\"isLatest\":true}");
}

static enum kodo_err
put_begin(struct buf *b, struct arena *a, const struct identifier *id, uint64_t version,
    const char *schema)
{
	struct str name;
	enum kodo_err err = identifier_name(a, id, &name);

	if (err != KODO_OK)
		return err;
	buf_printf(b, "{\"$schema\":\"%s\",", schema);
	json_put_text(b, "name", name);
	buf_puts(b, ",\"version\":\"0.0.");
	json_put_u64(b, version);
	buf_puts(b, "\",");
	return KODO_OK;
}

/* Where what its tags promise is called. */
static void
put_remotes(struct buf *b, const struct row *row)
{
	static const struct {
		const char *tag, *type;
	} transports[] = {
		{ "mcp", "streamable-http" },
		{ "mcp-sse", "sse" },
	};
	size_t i, n = 0;

	for (i = 0; i < sizeof(transports) / sizeof(transports[0]) && row->entry.len > 0; i++) {
		if (!bridge_has_tag(row, transports[i].tag))
			continue;
		buf_printf(b, "%s{\"type\":\"%s\",", n++ == 0 ? ",\"remotes\":[" : ",",
		    transports[i].type);
		bridge_put_link(b, "url", row->entry, "");
		buf_putc(b, '}');
	}
	buf_puts(b, n > 0 ? "]" : "");
}

/* What the limits of a server leave out of it. */
static void
put_provided(struct buf *b, const struct row *row)
{
	buf_puts(b, ",\"_meta\":{\"" META "publisher-provided\":{");
	json_put_text(b, "organization", row->organization);
	item_json_put_about(b, row);
	buf_puts(b, "}}");
}

/* What a server and its card have in common, without the brace that ends it. */
static enum kodo_err
put_common(struct call *c, const struct bridge_flow *f, const char *schema)
{
	struct buf *b = &c->res->body.buf;
	const struct row *row = &f->row;
	const struct str title = row->name.len > 0 ? row->name : f->id.slug;
	enum kodo_err err = put_begin(b, c->a, &f->id, f->version, schema);

	if (err != KODO_OK)
		return err;
	json_put_key(b, "title");
	bridge_put_short(b, title, SHORT_CHARS);
	buf_putc(b, ',');
	json_put_key(b, "description");
	bridge_put_short(b, row->description.len > 0 ? row->description : title, SHORT_CHARS);
	buf_putc(b, ',');
	bridge_put_link(b, "websiteUrl", row->url, "");
	put_remotes(b, row);
	return KODO_OK;
}

enum kodo_err
mcp_put_card(struct call *c, struct view *v, const struct bridge_flow *f)
{
	enum kodo_err err = put_common(c, f, CARD_SCHEMA);

	(void)v;
	buf_putc(&c->res->body.buf, '}');
	return err;
}

static enum kodo_err
put_server(struct call *c, struct view *v, const struct bridge_flow *f)
{
	struct buf *b = &c->res->body.buf;
	const struct row *row = &f->row;
	enum kodo_err err;

	buf_puts(b, "{\"server\":");
	err = put_common(c, f, SCHEMA);
	if (err != KODO_OK)
		return err;
	put_provided(b, row);
	buf_putc(b, '}');
	put_official(b, "active", row->created_us, row->changed_us);
	err = put_own_member(b, v, c->a, "item");
	item_json_put(b, row);
	buf_puts(b, "}}}");
	return err;
}

/* --- nodes that have gone --- */

static enum kodo_err
put_gone(struct mcp *m, const struct statement *tomb)
{
	struct call *c = m->page.call;
	struct buf *b = &c->res->body.buf;
	struct identifier id;
	enum kodo_err err = identifier_of_node(c->a, tomb->bytes, &id);

	buf_puts(b, m->page.n++ > 0 ? "," : "");
	buf_puts(b, "{\"server\":");
	if (err == KODO_OK)
		err = put_begin(b, c->a, &id, tomb->version, SCHEMA);
	if (err != KODO_OK)
		return err;
	json_put_key(b, "description");
	bridge_put_short(b, str_of(arena_printf(c->a, "This node and its flows are gone: %.*s",
	    STR_ARG(tomb->bytes))), SHORT_CHARS);
	buf_putc(b, ',');
	bridge_put_link(b, "websiteUrl", tomb->bytes, "");
	buf_putc(b, '}');
	put_official(b, "deleted", 0, tomb->at_us);
	err = put_own_member(b, m->page.view, c->a, "node");
	json_put_text(b, "url", tomb->bytes);
	buf_puts(b, "}}}");
	return err == KODO_OK ? sink_step(&c->res->body) : err;
}

/* Would it be shown, if it were not gone? By its url, and by whom that came from. */
static enum kodo_err
may_show_gone(struct mcp *m, const struct moderation *list, const struct statement *tomb, bool *out)
{
	const struct moderation_entry *e = NULL;
	struct arena *a = m->page.call->a;
	struct peer p;
	struct str key;
	enum kodo_err err = KODO_OK;

	*out = list->n == 0;
	if (*out)
		return KODO_OK;
	err = url_key(a, tomb->bytes, &key);
	if (err == KODO_OK)
		err = moderation_of_node(list, key, STR(""), &e);
	if (err == KODO_OK && e == NULL && tomb->peer != PEER_SELF) {
		err = peer_get(&m->page.view->t, a, tomb->peer, &p);
		if (err == KODO_OK)
			e = moderation_of_peer(list, &p);
	}
	/* or that is not known any more */
	if (err == KODO_ENOTFOUND)
		err = KODO_OK;
	*out = err == KODO_OK && moderation_verdict(e) == VERDICT_SHOWN;
	return err;
}

/* Those from an id on, as many as the page has room for. */
static enum kodo_err
put_all_gone(struct mcp *m)
{
	struct txn *t = &m->page.view->t;
	struct moderation list;
	bool may = false;
	enum kodo_err err = moderation_get(t, m->page.call->a, &list);
	struct scan s;
	struct statement winner;
	struct record r;
	enum verdict verdict;

	if (err != KODO_OK)
		return err;
	s = record_scan_shadows_from(t, m->gone);
	while (!m->is_gone_next && record_next(&s, &r)) {
		if (!r.is_tomb || r.said.at_us < m->since_us)
			continue;
		s.err = record_get_winner(t, r.node, &winner, &verdict);
		if (s.err != KODO_ENOTFOUND)
			continue;
		s.err = may_show_gone(m, &list, &r.said, &may);
		if (!may)
			continue;
		m->is_gone_next = m->page.n >= m->limit;
		m->gone = r.node;
		if (!m->is_gone_next)
			s.err = put_gone(m, &r.said);
	}
	return scan_end(&s);
}

/* --- a page --- */

static enum kodo_err
put_one(struct bridge_page *page, const struct bridge_flow *f, bool *is_put)
{
	struct mcp *m = page->arg;

	if (m->version.p != NULL) {
		const char *own = arena_printf(
		    page->call->a, "0.0.%llu", (unsigned long long)f->version);

		if (own == NULL)
			return KODO_ENOMEM;
		*is_put = str_eq(m->version, str_of(own));
		if (!*is_put)
			return KODO_OK;
	}
	return put_server(page->call, page->view, f);
}

static void
put_metadata(const struct mcp *m, struct buf *b)
{
	buf_puts(b, "],\"metadata\":{\"count\":");
	json_put_u64(b, m->page.n);
	if (m->page.found.next.p != NULL) {
		buf_putc(b, ',');
		json_put_text(b, "nextCursor", m->page.found.next);
	} else if (m->is_gone_next) {
		buf_printf(b, ",\"nextCursor\":\"%c%u\"", GONE_MARK, m->gone);
	}
	buf_puts(b, "}}");
}

static enum kodo_err
put_servers(struct mcp *m)
{
	struct call *c = m->page.call;
	struct buf *b = &c->res->body.buf;
	enum kodo_err err = KODO_OK;

	buf_puts(b, "{\"servers\":[");
	if (m->gone == 0)
		err = bridge_page_put(&m->page);
	if (err == KODO_OK && m->with_gone && m->page.found.next.p == NULL)
		err = put_all_gone(m);
	if (err != KODO_OK)
		return err == KODO_EINVAL ? KODO_OK : err;
	put_metadata(m, b);
	return sink_end(&c->res->body);
}

/* The one whose name is asked for, if the search is one. KODO_ENOTFOUND: it is not. */
static enum kodo_err
put_named(struct mcp *m, struct str name)
{
	struct call *c = m->page.call;
	struct identifier id;
	struct bridge_flow f;
	enum kodo_err err = identifier_read_name(c->a, name, &id);

	if (err == KODO_OK)
		err = bridge_find(c, m->page.view, &id, &f);
	if (err != KODO_OK)
		return err == KODO_EINVAL ? KODO_ENOTFOUND : err;
	m->page.n = 1;
	m->with_gone = false;
	buf_puts(&c->res->body.buf, "{\"servers\":[");
	err = put_server(c, m->page.view, &f);
	put_metadata(m, &c->res->body.buf);
	return err == KODO_OK ? sink_end(&c->res->body) : err;
}

/* A place among what has gone. false: it is none. */
static bool
read_gone_cursor(struct str cursor, uint32_t *out)
{
	uint64_t id = 0;
	size_t i;

	for (i = 1; i < cursor.len; i++) {
		if (!ascii_is_digit(cursor.p[i]) || i > 10)
			return false;
		id = id * 10 + (uint64_t)(cursor.p[i] - '0');
	}
	*out = (uint32_t)id;
	return id > 0 && id <= UINT32_MAX;
}

/* What is asked for. false: the answer is a refusal. */
static bool
read_asked(struct call *c, struct mcp *m)
{
	const struct params *p = &c->params;
	const struct str cursor = p->text[PARAM_CURSOR], since = p->text[PARAM_UPDATED_SINCE];
	const struct str version = p->text[PARAM_VERSION], gone = p->text[PARAM_INCLUDE_DELETED];
	const char *wrong = NULL;

	m->limit = m->page.pp = (uint64_t)p->number[PARAM_SERVERS];
	m->page.asked.words = p->text[PARAM_SEARCH];
	if (version.len > 0 && !str_eq(version, STR("latest")))
		m->version = version;
	if (p->number[PARAM_SERVERS] < 1 || p->number[PARAM_SERVERS] > SERVERS_MAX)
		wrong = "limit: from 1 to 100";
	if (gone.len > 0 && !str_eq(gone, STR("true")) && !str_eq(gone, STR("false")))
		wrong = "include_deleted: true or false";
	if (since.len > 0 && (isotime_parse_text(since, &m->since_us, NULL) != KODO_OK))
		wrong = "updated_since: no time as 2026-01-31T12:00:00Z";
	m->with_gone = (str_eq(gone, STR("true")) || (since.len > 0 && gone.len == 0)) &&
	    m->version.p == NULL && m->page.asked.words.len == 0;
	if (cursor.len > 0 && cursor.p[0] != GONE_MARK)
		m->page.after = cursor;
	else if (cursor.len > 0 && (!m->with_gone || !read_gone_cursor(cursor, &m->gone)))
		wrong = "cursor: of no page";
	if (wrong != NULL)
		response_fail(c->res, 400, wrong);
	return wrong == NULL;
}

/* What was taken in since then, as a question. */
static enum kodo_err
ask_since(struct call *c, struct mcp *m)
{
	char text[ISOTIME_BYTES];
	const char *q;

	if (m->since_us == 0)
		return KODO_OK;
	isotime_format(m->since_us, false, text);
	q = arena_printf(c->a, "changed >= \"%s\"", text);
	m->page.asked.q = str_of(q);
	return q == NULL ? KODO_ENOMEM : KODO_OK;
}

static enum kodo_err
put_page(struct call *c, struct view *v)
{
	struct mcp m = { .page = { .call = c, .view = v, .put = put_one } };
	const struct str search = c->params.text[PARAM_SEARCH];
	enum kodo_err err;

	m.page.arg = &m;
	if (!read_asked(c, &m))
		return KODO_OK;
	err = ask_since(c, &m);
	if (err == KODO_OK)
		err = bridge_page_check(&m.page);
	if (err != KODO_OK)
		return err == KODO_EINVAL ? KODO_OK : err;
	if (etag_matches(
	    c, v, m.with_gone ? ETAG_VIEW | ETAG_STATE : ETAG_VIEW, asked_variant(c)))
		return KODO_OK;
	if (err == KODO_OK && search.len > 0 && m.since_us == 0 && m.version.p == NULL) {
		err = put_named(&m, search);
		if (err != KODO_ENOTFOUND)
			return err;
		err = KODO_OK;
	}
	return err == KODO_OK ? put_servers(&m) : err;
}

enum kodo_err
handle_mcp_servers(struct call *c)
{
	return call_with_view(c, put_page);
}

/* --- one --- */

/* Take NAME/versions[/VERSION] apart; the name has one slash. */
static bool
read_path(struct str path, struct str *name, struct str *version)
{
	struct str rest = path, before = str_cut(&rest, '/'), slug = str_cut(&rest, '/'),
		   word = str_cut(&rest, '/');

	*name = (struct str){ path.p, before.len + 1 + slug.len };
	*version = rest;
	return slug.len > 0 && str_eq(word, STR("versions")) &&
	    memchr(rest.p, '/', rest.len) == NULL;
}

/* Is it the one version that there is, by its number, as the latest, or among all? */
static bool
has_version(struct arena *a, const struct bridge_flow *f, struct str version)
{
	const char *own = arena_printf(a, "0.0.%llu", (unsigned long long)f->version);

	return version.len == 0 || str_eq(version, STR("latest")) ||
	    (own != NULL && str_eq(version, str_of(own)));
}

static enum kodo_err
put_versions(struct call *c, struct view *v, const struct bridge_flow *f, struct str version)
{
	struct buf *b = &c->res->body.buf;
	enum kodo_err err;

	if (!has_version(c->a, f, version))
		return KODO_ENOTFOUND;
	if (version.len == 0)
		buf_puts(b, "{\"servers\":[");
	err = put_server(c, v, f);
	buf_puts(b, version.len == 0 ? "],\"metadata\":{\"count\":1}}" : "");
	return err == KODO_OK ? sink_end(&c->res->body) : err;
}

static enum kodo_err
put_named_one(struct call *c, struct view *v)
{
	struct str name, version;
	struct identifier id;
	struct bridge_flow f;
	enum kodo_err err = KODO_ENOTFOUND;

	if (read_path(call_path_below(c, STR(PATH)), &name, &version) &&
	    identifier_read_name(c->a, name, &id) == KODO_OK)
		err = bridge_find(c, v, &id, &f);
	if (err == KODO_OK && has_version(c->a, &f, version) &&
	    etag_matches(c, v, ETAG_VIEW, hash_text(HASH_STORED, c->req->path)))
		return KODO_OK;
	if (err == KODO_OK)
		err = put_versions(c, v, &f, version);
	if (err != KODO_ENOTFOUND)
		return err;
	response_fail(c->res, 404, "Server not found");
	return KODO_OK;
}

enum kodo_err
handle_mcp_server(struct call *c)
{
	return call_with_view(c, put_named_one);
}
