#include "core/base/buf.h"
#include "core/base/isotime.h"
#include "core/base/url.h"
#include "core/import/walk_private.h"

/* Where sources are found that are named by their host alone, in the order in which it is tried. */
static const struct way {
	enum import_kind kind;
	const char *path;
} ways[] = {
	{ IMPORT_ARD, "/.well-known/ard.json" },
	{ IMPORT_ARD, "/.well-known/ai-catalog.json" },
	{ IMPORT_A2A, "/.well-known/agent-card.json" },
	{ IMPORT_A2A, "/.well-known/agent.json" },
	{ IMPORT_MCP, "/v0.1/servers" },
	{ IMPORT_OPENAPI, "/openapi.json" },
	{ IMPORT_KODOSUMI, "/flow" },
	{ IMPORT_KODOSUMI, "/sumi" },
};
#define N_WAYS	(sizeof(ways) / sizeof(ways[0]))

bool
walk_queue_first(struct str queue, struct import_doc *out)
{
	struct str line = str_cut(&queue, '\n');

	*out = (struct import_doc){ .kind = IMPORT_ANY };
	if (line.len < 4)
		return false;
	out->kind = (enum import_kind)((unsigned)(line.p[0] - '0') % IMPORT_KINDS);
	out->depth = (unsigned)(line.p[1] - '0');
	out->is_next = line.p[2] == 'n';
	out->url = str_skip(line, 3);
	return true;
}

struct str
walk_queue_rest(struct str queue)
{
	(void)str_cut(&queue, '\n');
	return queue;
}

void
walk_queue_put(struct buf *out, const struct import_doc *doc)
{
	buf_printf(out, "%u%u%c%.*s\n", (unsigned)doc->kind, doc->depth, doc->is_next ? 'n' : '-',
	    STR_ARG(doc->url));
}

/* The way that the url names itself. NULL: none. */
static const struct way *
way_of(struct str url)
{
	size_t i;

	for (i = 0; i < N_WAYS; i++)
		if (str_ends(url, str_of(ways[i].path)))
			return &ways[i];
	return NULL;
}

/* path goes before the query that the url may have. */
static void
put(struct buf *out, enum import_kind kind, struct str url, const char *path)
{
	struct str query = url, base = str_cut(&query, '?');

	if (path[0] != '\0' && str_ends(base, STR("/")))
		base.len--;
	buf_printf(out, "%u0-%.*s%s%s%.*s\n", (unsigned)kind, STR_ARG(base), path,
	    base.len < url.len && query.len > 0 ? "?" : "", STR_ARG(query));
}

/* What a page of an MCP registry is asked for with, behind the query of the source's url. */
static void
put_mcp_query(struct buf *out, const struct source *s, struct str url)
{
	char since[ISOTIME_BYTES];

	buf_printf(out, "%cversion=latest&limit=100",
	    memchr(url.p, '?', url.len) == NULL ? '?' : '&');
	if ((s->flags & SOURCE_FULL) != 0)
		return;
	isotime_format(s->since_us, false, since);
	buf_printf(out, "&include_deleted=true&updated_since=%s", since);
}

struct str
walk_queue_root(const struct source *s, struct str url)
{
	struct buf query = BUF_INIT(0);

	put_mcp_query(&query, s, STR(""));
	if (!buf_failed(&query) && str_ends(url, str_skip(buf_str(&query), 1)))
		url.len -= query.len;
	buf_free(&query);
	return url;
}

/* What the url may lead to, by its path and the kind that is wanted. */
static void
put_ways(struct buf *out, struct str url, enum import_kind kind)
{
	struct str query = url;
	const struct str base = str_cut(&query, '?');
	const struct way *way = way_of(base);
	struct url u;
	size_t i;

	if (way != NULL && (kind == IMPORT_ANY || kind == way->kind)) {
		put(out, way->kind, url, "");
		return;
	}
	if (str_ends(base, STR("/v0.1")) && (kind == IMPORT_ANY || kind == IMPORT_MCP)) {
		put(out, IMPORT_MCP, url, "/servers");
		return;
	}
	if (kind != IMPORT_MCP && url_parse(url, &u, NULL) == KODO_OK && u.path.len > 0)
		put(out, kind, url, "");
	for (i = 0; i < N_WAYS; i++)
		if (kind == IMPORT_ANY || kind == ways[i].kind)
			put(out, ways[i].kind, url, ways[i].path);
}

enum kodo_err
walk_queue_begin(struct arena *a, const struct source *s, const struct option_import *o,
    struct str *out)
{
	struct buf b = BUF_INIT(0);
	struct str all, line;
	struct buf docs = BUF_INIT(0);
	enum kodo_err err;

	if (s->root.p != NULL)
		put(&docs, (enum import_kind)s->kind, s->root, "");
	else
		put_ways(&docs, o->url, o->kind);
	for (all = buf_str(&docs); all.len > 0;) {
		line = str_cut(&all, '\n');
		buf_put_str(&b, line);
		if (line.p[0] == '0' + IMPORT_MCP)
			put_mcp_query(&b, s, line);
		buf_putc(&b, '\n');
	}
	err = buf_failed(&b) || buf_failed(&docs) ? KODO_ENOMEM : arena_str(a, buf_str(&b), out);
	buf_free(&b);
	buf_free(&docs);
	return err;
}
