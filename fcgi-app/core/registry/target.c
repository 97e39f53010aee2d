#include "core/base/url.h"
#include "core/merge/ingest.h"
#include "core/merge/proof.h"
#include "core/merge/resync.h"
#include "core/merge/statement.h"
#include "core/registry/registry_private.h"
#include "core/registry/target.h"
#include "core/registry/target_private.h"

enum kodo_err
target_sign_off(struct change *ch, struct peer *p, struct str own_url)
{
	char *urls = arena_printf(ch->a, "%.*s%.*s\n",
	    STR_ARG(p->out.leave_urls.p == NULL ? STR("") : p->out.leave_urls), STR_ARG(own_url));

	if (urls == NULL)
		return KODO_ENOMEM;
	p->out.leave_urls = str_of(urls);
	change_want(ch, p, WORK_LEAVE, true);
	return KODO_OK;
}

enum kodo_err
target_leave(struct change *ch, struct peer *p, struct str own_url)
{
	enum kodo_err err = KODO_OK;
	int i;

	/* what it says by a link of its own is asked for all the same */
	for (i = 0; i < WORK_MAX && err == KODO_OK; i++)
		if (i != WORK_LEAVE && i != WORK_RECONNECT)
			err = change_unwant(ch, p, (enum peer_work)i);
	if (err != KODO_OK)
		return err;
	p->flags |= PEER_LEFT;
	p->out.connected_us = 0;
	p->out.check_us = 0;
	resync_cancel(p);
	p->out.acked_url = STR_NULL;
	p->out.list = 0;
	err = target_sign_off(ch, p, own_url);
	/* its own link to us goes on */
	return err == KODO_OK ? ingest_drop_answers(ch, p) : err;
}

enum kodo_err
target_sign_on(struct change *ch, struct peer *p, struct str own_url)
{
	const struct str urls = p->out.leave_urls;
	struct buf b = BUF_INIT(0);
	size_t at, end;
	enum kodo_err err;

	for (at = 0; at < urls.len; at = end + 1) {
		struct str one;

		for (end = at; end < urls.len && urls.p[end] != '\n'; end++)
			continue;
		one = (struct str){ urls.p + at, end - at };
		if (!str_eq(one, own_url)) {
			buf_put_str(&b, one);
			buf_putc(&b, '\n');
		}
	}
	err = buf_failed(&b) ? b.err : arena_str(ch->a, buf_str(&b), &p->out.leave_urls);
	if (b.len == 0)
		p->out.leave_urls = STR_NULL;
	buf_free(&b);
	return err;
}

/* --- what people ask for on the command line --- */

/* A wish, and what is worked with. */
struct forgetting {
	struct change_wish *wish;
	uint32_t peer;		/* PEER_TOMB: it is not known any more */
	struct arena *scratch;
};

static enum kodo_err
evict_fn(struct change *ch, void *arg)
{
	struct change_wish *w = arg;
	struct peer *p;
	enum kodo_err err = change_peer_find(ch, w->key, &p);

	if (err != KODO_OK)
		return err;
	if ((p->flags & PEER_PROVIDER) == 0)
		return KODO_ENOTFOUND;
	if (peer_is_live_target(p))
		return KODO_ECONFLICT;
	return statement_drop_all(ch, p);
}

/* Is it the url that is wished, or one below it? */
static bool
is_at(const struct forgetting *f, struct str url)
{
	const struct str wished = f->wish->key;
	struct str key;

	arena_reset(f->scratch);
	return url_key(f->scratch, url, &key) == KODO_OK && str_starts(key, wished) &&
	    (key.len == wished.len || key.p[wished.len] == '/');
}

static bool
is_of_wish(void *arg, const struct statement *tomb)
{
	const struct forgetting *f = arg;

	return tomb->peer == f->peer || is_at(f, tomb->bytes) ||
	    (tomb->peer == PEER_SELF && tomb->at_us == f->wish->evicted_us);
}

static enum kodo_err
forget_fn(struct change *ch, void *arg)
{
	struct forgetting f = { .wish = arg, .peer = PEER_TOMB, .scratch = arena_new() };
	struct peer *p;
	enum kodo_err err = f.scratch == NULL ? KODO_ENOMEM
	    : change_peer_find(ch, f.wish->key, &p);

	if (err == KODO_OK)
		f.peer = p->id;
	if (err == KODO_OK || err == KODO_ENOTFOUND)
		err = statement_forget(ch, is_of_wish, &f, &f.wish->n);
	arena_free(f.scratch);
	return err;
}

static enum kodo_err
connect_one(struct change *ch, struct peer *p)
{
	enum kodo_err err = change_unwant(ch, p, WORK_LEAVE);

	if (err != KODO_OK)
		return err;
	p->flags &= ~(unsigned)(PEER_LEFT | PEER_PAUSED);
	p->out.attempts = 0;
	p->out.asked_us = 0;
	change_want_connect(ch, p);
	return KODO_OK;
}

static enum kodo_err
leave_one(struct change *ch, struct peer *p)
{
	return (p->flags & PEER_LEFT) != 0 ? KODO_OK : target_leave(ch, p, ch->o->url);
}

/* Every target, or that of w->key. */
static enum kodo_err
each_target(struct change *ch, const struct change_wish *w,
    enum kodo_err (*fn)(struct change *ch, struct peer *p))
{
	struct peer found, *p;
	uint32_t id = 0;
	bool any = false;
	enum kodo_err err;

	if (w->key.p != NULL) {
		err = change_peer_find(ch, w->key, &p);
		if (err != KODO_OK)
			return err;
		return (p->flags & PEER_TARGET) != 0 ? fn(ch, p) : KODO_ENOTFOUND;
	}
	while ((err = peer_next(ch->t, ch->a, &id, &found)) == KODO_OK) {
		if ((found.flags & PEER_TARGET) == 0)
			continue;
		any = true;
		err = change_peer(ch, found.id, &p);
		if (err == KODO_OK)
			err = fn(ch, p);
		if (err != KODO_OK)
			return err;
	}
	return err == KODO_ENOTFOUND && any ? KODO_OK : err;
}

static enum kodo_err
connect_fn(struct change *ch, void *arg)
{
	return each_target(ch, arg, connect_one);
}

static enum kodo_err
leave_fn(struct change *ch, void *arg)
{
	return each_target(ch, arg, leave_one);
}

static enum kodo_err
trust_fn(struct change *ch, void *arg)
{
	struct change_wish *w = arg;
	struct peer *p;
	enum kodo_err err = w->public_key.len > 0
	    ? change_peer_make(ch, w->url, w->key, &p) : change_peer_find(ch, w->key, &p);

	if (err != KODO_OK)
		return err;
	p->flags &= ~(unsigned)PEER_VOUCHED;
	if (w->public_key.len == 0) {
		pin_forget(p);
		return KODO_OK;
	}
	err = proof_set(ch, p, w->public_key);
	p->flags |= PEER_VOUCHED;
	p->in.at_us = ch->now_us;
	return err;
}

const struct change_type change_evict = { .kind = CHANGE_EVICT, .fn = evict_fn,
	.cause = WITHDRAWN_BY_ADMIN };
const struct change_type change_forget = { .kind = CHANGE_FORGET, .fn = forget_fn,
	.cause = WITHDRAWN_BY_ADMIN };
const struct change_type change_connect_again = { .kind = CHANGE_CONNECT_AGAIN, .fn = connect_fn,
	.cause = WITHDRAWN_BY_ADMIN };
const struct change_type change_leave_target = { .kind = CHANGE_LEAVE_TARGET, .fn = leave_fn,
	.cause = WITHDRAWN_BY_ADMIN };
const struct change_type change_trust = { .kind = CHANGE_TRUST, .fn = trust_fn,
	.cause = WITHDRAWN_BY_ADMIN };

static enum kodo_err
carry_out(struct registry *r, struct str url, int64_t now_us, struct change_wish *w,
    const struct change_type *type, uint64_t *ticket)
{
	struct arena *a = arena_new();
	struct change_run run = { .type = type, .r = r, .now_us = now_us, .arg = w };
	enum kodo_err err = a == NULL ? KODO_ENOMEM : KODO_OK;

	w->url = url;
	if (err == KODO_OK && url.p != NULL)
		err = url_key(a, url, &w->key);
	if (err == KODO_OK)
		err = registry_change(&run);
	*ticket = run.state;
	arena_free(a);
	return err;
}

static enum kodo_err
run_wish(struct registry *r, struct str url, int64_t now_us, uint64_t *ticket,
    const struct change_type *type)
{
	struct change_wish w = { .key = STR_NULL };

	return carry_out(r, url, now_us, &w, type, ticket);
}

enum kodo_err
registry_evict(struct registry *r, struct str url, int64_t now_us, uint64_t *ticket)
{
	return run_wish(r, url, now_us, ticket, &change_evict);
}

enum kodo_err
registry_forget(
    struct registry *r, struct str url, int64_t evicted_us, int64_t now_us, size_t *n)
{
	struct change_wish w = { .evicted_us = evicted_us };
	uint64_t ticket;
	enum kodo_err err = carry_out(r, url, now_us, &w, &change_forget, &ticket);

	*n = w.n;
	return err;
}

enum kodo_err
registry_connect_again(struct registry *r, struct str url, int64_t now_us, uint64_t *ticket)
{
	return run_wish(r, url, now_us, ticket, &change_connect_again);
}

enum kodo_err
registry_leave_target(struct registry *r, struct str url, int64_t now_us, uint64_t *ticket)
{
	return run_wish(r, url, now_us, ticket, &change_leave_target);
}

enum kodo_err
registry_trust(struct registry *r, struct str url, struct str key, int64_t now_us)
{
	struct change_wish w = { .public_key = key };
	uint64_t ticket;

	return carry_out(r, url, now_us, &w, &change_trust, &ticket);
}
