#include "core/base/url.h"
#include "core/merge/resync.h"
#include "core/merge/statement.h"
#include "core/registry/registry_private.h"
#include "core/registry/target.h"
#include "core/registry/target_private.h"

enum kodo_err
target_sign_off(struct edit *e, struct peer *p, struct str own_url)
{
	char *urls = arena_printf(e->a, "%.*s%.*s\n",
	    STR_ARG(p->leave_urls.p == NULL ? STR("") : p->leave_urls), STR_ARG(own_url));

	if (urls == NULL)
		return KODO_ENOMEM;
	p->leave_urls = str_of(urls);
	edit_want(e, p, WORK_LEAVE, true);
	return KODO_OK;
}

enum kodo_err
target_leave(struct edit *e, struct peer *p, struct str own_url)
{
	enum kodo_err err = KODO_OK;
	int i;

	for (i = 0; i < WORK_MAX && err == KODO_OK; i++)
		if (i != WORK_LEAVE)
			err = edit_unwant(e, p, (enum peer_work)i);
	if (err != KODO_OK)
		return err;
	p->flags |= PEER_LEFT;
	p->connected_us = 0;
	p->look_us = 0;
	doubt_drop(p);
	p->acked_url = STR_NULL;
	p->out_piece = 0;
	err = target_sign_off(e, p, own_url);
	return err == KODO_OK ? statement_drop_all(e, p) : err;
}

enum kodo_err
target_sign_on(struct edit *e, struct peer *p, struct str own_url)
{
	struct buf b = BUF_INIT(0);
	size_t at, end;
	enum kodo_err err;

	for (at = 0; at < p->leave_urls.len; at = end + 1) {
		struct str one;

		for (end = at; end < p->leave_urls.len && p->leave_urls.p[end] != '\n'; end++)
			continue;
		one = (struct str){ p->leave_urls.p + at, end - at };
		if (!str_eq(one, own_url)) {
			buf_put_str(&b, one);
			buf_putc(&b, '\n');
		}
	}
	err = buf_failed(&b) ? b.err : arena_str(e->a, buf_str(&b), &p->leave_urls);
	if (b.len == 0)
		p->leave_urls = STR_NULL;
	buf_free(&b);
	return err;
}

/* --- what people ask for on the command line --- */

struct wish {
	struct str key;		/* null: every target */
};

static enum kodo_err
evict_fn(struct edit *e, void *arg)
{
	struct wish *w = arg;
	struct peer *p;
	enum kodo_err err = edit_peer_find(e, w->key, &p);

	if (err != KODO_OK)
		return err;
	if ((p->flags & PEER_PROVIDER) == 0)
		return KODO_ENOTFOUND;
	if ((p->flags & (PEER_TARGET | PEER_LEFT)) == PEER_TARGET)
		return KODO_ECONFLICT;
	return statement_drop_all(e, p);
}

static enum kodo_err
connect_one(struct edit *e, struct peer *p)
{
	enum kodo_err err = edit_unwant(e, p, WORK_LEAVE);

	if (err != KODO_OK)
		return err;
	p->flags &= ~(unsigned)(PEER_LEFT | PEER_PARKED);
	p->attempts = 0;
	edit_want_connect(e, p);
	return KODO_OK;
}

static enum kodo_err
leave_one(struct edit *e, struct peer *p)
{
	return (p->flags & PEER_LEFT) != 0 ? KODO_OK : target_leave(e, p, e->o->url);
}

/* Every target, or that of w->key. */
static enum kodo_err
each_target(
    struct edit *e, const struct wish *w, enum kodo_err (*fn)(struct edit *e, struct peer *p))
{
	struct peer found, *p;
	uint32_t id = 0;
	bool any = false;
	enum kodo_err err;

	if (w->key.p != NULL) {
		err = edit_peer_find(e, w->key, &p);
		if (err != KODO_OK)
			return err;
		return (p->flags & PEER_TARGET) != 0 ? fn(e, p) : KODO_ENOTFOUND;
	}
	while ((err = peer_next(e->t, e->a, &id, &found)) == KODO_OK) {
		if ((found.flags & PEER_TARGET) == 0)
			continue;
		any = true;
		err = edit_peer(e, found.id, &p);
		if (err == KODO_OK)
			err = fn(e, p);
		if (err != KODO_OK)
			return err;
	}
	return err == KODO_ENOTFOUND && any ? KODO_OK : err;
}

static enum kodo_err
connect_fn(struct edit *e, void *arg)
{
	return each_target(e, arg, connect_one);
}

static enum kodo_err
leave_fn(struct edit *e, void *arg)
{
	return each_target(e, arg, leave_one);
}

static enum kodo_err
run_wish(struct registry *r, struct str url, int64_t now_us, uint64_t *ticket,
    enum kodo_err (*fn)(struct edit *e, void *arg))
{
	struct arena *a = arena_new();
	struct wish w = { STR_NULL };
	struct edit_run run = { .r = r, .now_us = now_us, .fn = fn, .arg = &w };
	enum kodo_err err = a == NULL ? KODO_ENOMEM : KODO_OK;

	*ticket = 0;
	if (err == KODO_OK && url.p != NULL)
		err = url_key(a, url, &w.key);
	if (err == KODO_OK)
		err = registry_edit(&run);
	*ticket = run.state;
	arena_free(a);
	return err;
}

enum kodo_err
registry_evict(struct registry *r, struct str url, int64_t now_us, uint64_t *ticket)
{
	return run_wish(r, url, now_us, ticket, evict_fn);
}

enum kodo_err
registry_connect_again(struct registry *r, struct str url, int64_t now_us, uint64_t *ticket)
{
	return run_wish(r, url, now_us, ticket, connect_fn);
}

enum kodo_err
registry_leave_target(struct registry *r, struct str url, int64_t now_us, uint64_t *ticket)
{
	return run_wish(r, url, now_us, ticket, leave_fn);
}
