/* Options that are lists: of urls, networks, words. */
#include "core/base/address.h"
#include "core/base/base64.h"
#include "core/base/url.h"
#include "core/base/utf8.h"
#include "core/config/option_import.h"
#include "core/config/option_private.h"

/* One url of a list: where from is item. */
static enum kodo_err
to_list_url(const struct option_place *p, const struct loader_value *item, struct str *out)
{
	char shown[LOADER_SHOWN_BYTES];
	const char *reason = "not UTF-8";
	struct url u;

	*out = url_shown(item->text);
	if (!utf8_valid(*out) || url_parse(*out, &u, &reason) != KODO_OK)
		return option_fail(p->in, item, "%s: no url, %s: %s", p->row->name, reason,
		    loader_shown(item->text, shown));
	return KODO_OK;
}

/* With a key behind it, as `kodo key` prints it, or without. */
static enum kodo_err
to_list_peer(const struct option_place *p, const struct loader_value *item, struct str *out)
{
	struct loader_value url = *item;
	struct str key = item->text, shown;
	unsigned char bytes[OPTION_KEY_BYTES];
	const bool has_key = memchr(key.p, '#', key.len) != NULL;
	enum kodo_err err;

	url.text = str_cut(&key, '#');
	err = to_list_url(p, &url, &shown);
	*out = has_key ? item->text : shown;
	if (err == KODO_OK && has_key &&
	    base64_read_n(BASE64_URL, key, bytes, sizeof(bytes)) != KODO_OK)
		return option_fail(p->in, item, "%s: no key behind #: one has 43 letters, as `kodo "
		    "key` prints it", p->row->name);
	return err;
}

static enum kodo_err
to_list_net(const struct option_place *p, const struct loader_value *item, struct str *out)
{
	char shown[LOADER_SHOWN_BYTES];
	struct address_net net;

	*out = item->text;
	if (!address_net_read(item->text, &net))
		return option_fail(p->in, item,
		    "%s: no address, nor a prefix as 10.0.0.0/8: %s", p->row->name,
		    loader_shown(item->text, shown));
	return KODO_OK;
}

/* A list, or a text that is one. */
static enum kodo_err
to_list(const struct option_place *p, const char *what,
    enum kodo_err (*add)(const struct option_place *, const struct loader_value *, struct str *))
{
	struct loader_value items = { .kind = LOADER_LIST };
	const struct loader_value *v = p->v;
	size_t *n = (size_t *)(void *)((char *)p->out + p->row->offset_n);
	const struct loader_entry *e;
	struct str *list;
	enum kodo_err err = KODO_OK;

	if (v->kind == LOADER_TEXT) {
		err = option_split(p->in, p->row, v, &items);
		v = &items;
	}
	if (v->kind != LOADER_LIST)
		return option_fail(p->in, p->v, "%s: expected a list of %ss", p->row->name, what);
	list = arena_alloc(p->in->a, sizeof(*list) * (v->n + 1));
	if (list == NULL)
		return option_no_memory(p->in);
	*n = 0;
	*(const struct str **)option_target(p) = list;
	for (e = v->first; e != NULL && err == KODO_OK; e = e->next) {
		err = e->value->kind == LOADER_TEXT || p->row->type == OPT_IMPORTS ?
		    add(p, e->value, &list[*n]) :
		    option_fail(p->in, e->value, "%s: expected a %s", p->row->name, what);
		*n += err == KODO_OK;
		err = why_take(p->in->why, err);
	}
	return err;
}

enum kodo_err
option_to_peers(const struct option_place *p)
{
	return to_list(p, "url", to_list_peer);
}

enum kodo_err
option_to_urls(const struct option_place *p)
{
	return to_list(p, "url", to_list_url);
}

enum kodo_err
option_to_nets(const struct option_place *p)
{
	return to_list(p, "network", to_list_net);
}

static enum kodo_err
to_list_origin(const struct option_place *p, const struct loader_value *item, struct str *out)
{
	char shown[LOADER_SHOWN_BYTES];
	struct url u;

	*out = url_shown(item->text);
	if (str_eq(*out, STR(OPTION_CORS_ANY)) || str_eq(*out, STR(OPTION_CORS_NONE)) ||
	    (utf8_valid(*out) && url_parse(*out, &u, NULL) == KODO_OK && u.path.len == 0))
		return KODO_OK;
	return option_fail(p->in, item, "%s: no origin as https://example.org, nor * or none: %s",
	    p->row->name, loader_shown(item->text, shown));
}

/* One that names all sites, or none, is alone; no item means none, too. */
enum kodo_err
option_to_origins(const struct option_place *p)
{
	static const struct str any = { OPTION_CORS_ANY, 1 }, none = { OPTION_CORS_NONE, 4 };
	enum kodo_err err = to_list(p, "site", to_list_origin);
	size_t i;

	if (err == KODO_OK && p->out->n_cors_origins == 0) {
		p->out->cors_origins = &none;
		p->out->n_cors_origins = 1;
	}
	for (i = 0; err == KODO_OK && i < p->out->n_cors_origins; i++)
		if (str_eq(p->out->cors_origins[i], any) ||
		    (str_eq(p->out->cors_origins[i], none) && p->out->n_cors_origins == 1)) {
			p->out->cors_origins = str_eq(p->out->cors_origins[i], any) ? &any : &none;
			p->out->n_cors_origins = 1;
		} else if (str_eq(p->out->cors_origins[i], none)) {
			err = option_fail(p->in, p->v, "%s: none, or a list", p->row->name);
		}
	return err;
}

static enum kodo_err
to_list_bridge(const struct option_place *p, const struct loader_value *item, struct str *out)
{
	char shown[LOADER_SHOWN_BYTES];
	unsigned b = BRIDGE_NONE;

	*out = item->text;
	while (b < BRIDGES && !str_eq(*out, str_of(option_bridge_name((enum option_bridge)b))))
		b++;
	if (b < BRIDGES)
		return KODO_OK;
	return option_fail(p->in, item, "%s: expected mcp, ard, a2a, llms or none, got %s",
	    p->row->name, loader_shown(item->text, shown));
}

/* No item means none, which is alone. */
enum kodo_err
option_to_bridges(const struct option_place *p)
{
	static const struct str none = { "none", 4 };
	enum kodo_err err = to_list(p, "name", to_list_bridge);
	size_t i;

	if (err == KODO_OK && p->out->n_bridges == 0) {
		p->out->bridges = &none;
		p->out->n_bridges = 1;
	}
	for (i = 0; err == KODO_OK && p->out->n_bridges > 1 && i < p->out->n_bridges; i++)
		if (str_eq(p->out->bridges[i], none))
			err = option_fail(p->in, p->v, "%s: none, or a list", p->row->name);
	return err;
}

/* A mapping as the text that means the same. */
static enum kodo_err
map_text(const struct option_place *p, const struct loader_value *item, struct str *out)
{
	struct buf b = BUF_INIT(0);
	const struct loader_entry *e;
	struct str url = STR_NULL;
	char mark = '#';
	enum kodo_err err = KODO_OK;

	for (e = item->first; e != NULL && err == KODO_OK; e = e->next)
		if (e->value->kind == LOADER_TEXT && loader_same_name(e->key, STR("url")))
			url = e->value->text;
		else if (e->value->kind == LOADER_TEXT) {
			buf_printf(&b, "%c%.*s=%.*s", mark, STR_ARG(e->key),
			    STR_ARG(e->value->text));
			mark = '&';
		} else if (e->value->kind != LOADER_NULL)
			err = option_fail(p->in, e->value, "%s: expected a text or a number",
			    p->row->name);
	if (err == KODO_OK && url.p == NULL)
		err = option_fail(p->in, item, "%s: a source without url", p->row->name);
	if (err == KODO_OK && memchr(url.p, '#', url.len) != NULL)
		err = option_fail(p->in, item, "%s: a url with #", p->row->name);
	if (err == KODO_OK) {
		*out = str_of(arena_printf(p->in->a, "%.*s%.*s", STR_ARG(url),
		    STR_ARG(buf_str(&b))));
		if (buf_failed(&b) || out->p == NULL)
			err = option_no_memory(p->in);
	}
	buf_free(&b);
	return err;
}

static enum kodo_err
to_list_import(const struct option_place *p, const struct loader_value *item, struct str *out)
{
	char shown[LOADER_SHOWN_BYTES];
	struct option_import read;
	const char *reason;
	enum kodo_err err = KODO_OK;

	if (item->kind == LOADER_MAP)
		err = map_text(p, item, out);
	else if (item->kind == LOADER_TEXT)
		*out = item->text;
	else
		err = option_fail(p->in, item, "%s: expected a url, or a mapping with url",
		    p->row->name);
	if (err == KODO_OK && option_import_read(*out, &read, &reason) != KODO_OK)
		err = option_fail(p->in, item, "%s: no source, %s: %s", p->row->name, reason,
		    loader_shown(*out, shown));
	return err;
}

/* A single mapping is a list of one. */
enum kodo_err
option_to_imports(const struct option_place *p)
{
	struct loader_value one = { .kind = LOADER_LIST };
	struct option_place of = *p;
	enum kodo_err err = KODO_OK;

	if (p->v->kind == LOADER_MAP) {
		err = option_list_add(p->in->a, &one, p->v);
		of.v = &one;
	}
	return err == KODO_OK ? to_list(&of, "source", to_list_import) : err;
}

const char *
option_bridge_name(enum option_bridge b)
{
	static const char *const names[BRIDGES] = {
		[BRIDGE_NONE] = "none", [BRIDGE_MCP] = "mcp", [BRIDGE_ARD] = "ard",
		[BRIDGE_A2A] = "a2a", [BRIDGE_LLMS] = "llms",
	};

	return names[b];
}

bool
option_has_bridge(const struct options *o, enum option_bridge b)
{
	bool has = b == BRIDGE_NONE;
	size_t i;

	for (i = 0; i < o->n_bridges && !has; i++)
		has = str_eq(o->bridges[i], str_of(option_bridge_name(b)));
	return has;
}
