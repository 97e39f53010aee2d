#include <errno.h>
#include <stdio.h>

#include "core/base/log.h"
#include "core/base/path.h"
#include "core/base/url.h"
#include "core/merge/ingest.h"
#include "core/merge/resync.h"
#include "core/merge/statement.h"
#include "core/registry/registry_private.h"
#include "core/registry/startup.h"
#include "core/registry/target_private.h"

#define META_OPTIONS "options"
#define META_STAMP "stamp"
#define META_BOOT "boot"
#define META_SOURCES "sources" /* what the options were read from */
#define META_IMPORTED "imported" /* path of the original's cache file that was imported */
#define CACHE_MAX_BYTES ((size_t)1 << 30)
#define DAY_US (86400ll * 1000000)

/* A start, and what was in force before it. */
struct apply {
	struct change_start *start;
	const struct options *o;
	struct options before;
	bool had_before;
	bool is_start;
};

static bool
is_same_list(const struct options *x, const struct options *y)
{
	size_t i;

	if (x->n_connect != y->n_connect)
		return false;
	for (i = 0; i < x->n_connect; i++)
		if (!str_eq(x->connect[i], y->connect[i]))
			return false;
	return true;
}

/* Options whose change is a start. */
static bool
is_same_service(const struct options *x, const struct options *y)
{
	return str_eq(x->url, y->url) && str_eq(x->organization, y->organization) &&
	    (x->organization.p == NULL) == (y->organization.p == NULL) &&
	    x->registry == y->registry && x->feed == y->feed && x->cache_reset == y->cache_reset &&
	    is_same_list(x, y);
}

static enum kodo_err
before_read(struct change *ch, struct apply *ap)
{
	const struct change_start *start = ap->start;
	char now[STATE_BOOT_BYTES];
	struct str v, boot;
	enum kodo_err err = meta_get(ch->t, META_OPTIONS, &v);

	if (err == KODO_OK)
		err = arena_str(ch->a, v, &v);
	if (err == KODO_OK)
		err = option_read(ch->a, v, &ap->before);
	ap->had_before = err == KODO_OK;
	if (err == KODO_EINVAL ||
	    err == KODO_ENOTFOUND) /* unreadable options of an older program are as good as none */
		err = KODO_OK;
	if (err != KODO_OK)
		return err;
	snprintf(now, sizeof(now), "%.*s", STR_ARG(start->boot));
	err = meta_get(ch->t, META_BOOT, &boot);
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	ap->is_start = start->is_now || !ap->had_before ||
	    !is_same_service(&ap->before, ap->o) || err == KODO_ENOTFOUND ||
	    !state_boot_is_seen(boot, now);
	return KODO_OK;
}

static enum kodo_err
options_store(struct change *ch, struct apply *ap)
{
	const struct change_start *start = ap->start;
	char boot[STATE_BOOT_BYTES], boots[STATE_BOOTS_BYTES];
	struct buf b = BUF_INIT(0);
	struct str seen;
	enum kodo_err err;

	snprintf(boot, sizeof(boot), "%.*s", STR_ARG(start->boot));
	option_write(&b, ap->o);
	err = buf_failed(&b) ? b.err : meta_put(ch->t, META_OPTIONS, buf_str(&b));
	buf_free(&b);
	if (err == KODO_OK && start->stamp.p != NULL)
		err = meta_put(ch->t, META_STAMP, start->stamp);
	if (err == KODO_OK)
		err = meta_put(ch->t, META_SOURCES, start->sources);
	if (err == KODO_OK)
		err = meta_get(ch->t, META_BOOT, &seen);
	if (err == KODO_OK || err == KODO_ENOTFOUND)
		err = arena_str(ch->a, seen, &seen);
	if (err == KODO_OK)
		err = meta_put(ch->t, META_BOOT, state_boot_note(seen, boot, boots));
	ch->head.options_gen++;
	return err;
}

/* --- the own node --- */

static enum kodo_err
self_get(struct change *ch, struct peer **out)
{
	struct peer p = { .id = PEER_SELF, .flags = PEER_PROVIDER };
	enum kodo_err err = change_peer(ch, PEER_SELF, out);

	if (err != KODO_ENOTFOUND)
		return err;
	err = peer_put(ch->t, &p);
	return err == KODO_OK ? change_peer(ch, PEER_SELF, out) : err;
}

static enum kodo_err
own_drop(struct change *ch, struct peer *self, struct str key)
{
	uint32_t node;
	enum kodo_err err = node_find(ch->t, key, &node);

	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	return statement_drop(ch, self, node);
}

static enum kodo_err
own_apply(struct change *ch, struct apply *ap)
{
	const struct str own = ap->start->own;
	uint32_t node = 0;
	struct peer *self;
	enum kodo_err err = self_get(ch, &self);

	if (err != KODO_OK)
		return err;
	if (ap->is_start || self->created_us == 0) {
		self->created_us = self->modified_us =
		    peer_time_on(self->modified_us, ch->now_us);
		ch->head.started_us = ch->now_us;
		ch->is_view_changed = true;
	}
	self->url = ap->o->url;
	self->key = ap->o->url_key;
	self->organization = ap->o->organization;
	if (ap->had_before && !str_eq(ap->before.url_key, ap->o->url_key))
		err = own_drop(ch, self, ap->before.url_key);
	if (err != KODO_OK)
		return err;
	return own.p != NULL ? statement_take(ch, self, ap->o->url_key, own, 0, false, &node)
	    : own_drop(ch, self, ap->o->url_key);
}

/* --- targets --- */

/* A configured target at a start: signed off under an older url of ours, then connected. */
static enum kodo_err
target_start(struct change *ch, struct apply *ap, struct str url)
{
	const struct options *o = ap->o;
	struct peer *p;
	struct str key;
	enum kodo_err err = url_key(ch->a, url, &key);

	if (err == KODO_OK)
		err = change_peer_make(ch, url, key, &p);
	if (err == KODO_OK && p->out.acked_url.p != NULL && !str_eq(p->out.acked_url, o->url))
		err = target_leave(ch, p, p->out.acked_url);
	if (err == KODO_OK)
		err = target_sign_on(ch, p, o->url);
	if (err != KODO_OK)
		return err;
	if (p->out.leave_urls.len == 0)
		p->out.work[WORK_LEAVE] = 0;
	p->url = url;
	p->flags |= PEER_TARGET;
	p->flags &= ~(unsigned)(PEER_LEFT | PEER_PAUSED);
	p->out.attempts = 0;
	p->out.connected_us = 0;
	p->out.check_us = 0;
	resync_cancel(p);
	if (o->retry != 0)
		change_want_connect(ch, p);
	return KODO_OK;
}

static bool
is_wanted(struct change *ch, const struct options *o, const struct peer *p, enum kodo_err *err)
{
	struct str key;
	size_t i;

	for (i = 0; i < o->n_connect; i++) {
		*err = url_key(ch->a, o->connect[i], &key);
		if (*err != KODO_OK || str_eq(key, p->key))
			return true;
	}
	return false;
}

/*
 * What is forgotten are statements, not whom to ask. A node tells those that it fed what it is now,
 * and asks all once it is a registry again.
 */
static enum kodo_err
provider_start(struct change *ch, const struct apply *ap, struct peer *p)
{
	const struct options *o = ap->o;
	bool is_to_ask = (p->flags & PEER_TO_ASK) != 0;
	enum kodo_err err = KODO_OK;

	if ((p->flags & (PEER_PROVIDER | PEER_TO_ASK)) == 0)
		return KODO_OK;
	if ((p->flags & PEER_PROVIDER) != 0 && (!o->registry || o->cache_reset)) {
		is_to_ask |= (p->flags & PEER_CONNECTS) != 0;
		ch->is_forgetting = true;
		err = statement_drop_all(ch, p);
		ch->is_forgetting = false;
	} else if (!o->feed) {
		err = ingest_drop_answers(ch, p);
	}
	/* one that was silent too long is asked on */
	if (p->liveness.silent_us == 0)
		p->flags &= ~(unsigned)PEER_TO_ASK;
	if (!o->registry)
		p->flags |= PEER_TO_ASK;
	/* a target is connected to; what it says by a link of its own must be asked for */
	if (err == KODO_OK && o->retry != 0 && (o->registry || (p->flags & PEER_FEED) != 0) &&
	    (is_to_ask || !is_wanted(ch, o, p, &err) || (p->flags & PEER_REGISTRY) == 0 ||
		(p->flags & PEER_CONNECTS) != 0))
		change_want(ch, p, WORK_RECONNECT, true);
	return err;
}

/* Everything that a start says of a peer that exists already. */
static enum kodo_err
peer_start(struct change *ch, struct apply *ap, struct peer *p)
{
	enum kodo_err err = KODO_OK;

	if ((p->flags & PEER_TARGET) != 0 && !is_wanted(ch, ap->o, p, &err)) {
		p->flags &= ~(unsigned)PEER_TARGET;
		if (err == KODO_OK && p->out.acked_url.p != NULL)
			return target_leave(ch, p, p->out.acked_url);
		p->alias = STR_NULL;
		err = change_unwant(ch, p, WORK_CONNECT);
	}
	return err == KODO_OK ? provider_start(ch, ap, p) : err;
}

static enum kodo_err
peers_start(struct change *ch, struct apply *ap)
{
	struct peer found, *p;
	uint32_t id = 0;
	size_t i;
	enum kodo_err err;

	while ((err = peer_next(ch->t, ch->a, &id, &found)) == KODO_OK) {
		err = change_peer(ch, found.id, &p);
		if (err == KODO_OK)
			err = peer_start(ch, ap, p);
		if (err != KODO_OK)
			return err;
	}
	if (err != KODO_ENOTFOUND)
		return err;
	for (err = KODO_OK, i = 0; i < ap->o->n_connect && err == KODO_OK; i++)
		err = target_start(ch, ap, ap->o->connect[i]);
	return err;
}

/* --- the original's cache --- */

static enum kodo_err
cache_take(struct change *ch, const struct wire_cache *c)
{
	size_t i, j;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < c->n_providers && err == KODO_OK; i++) {
		const struct wire_cache_provider *cp = &c->providers[i];
		struct wire_body b = { .from = cp->from,
			.from_key = cp->key,
			.nodes = cp->nodes,
			.n_nodes = cp->n_nodes };
		struct peer *p;

		err = change_peer_make(ch, cp->from.url, cp->key, &p);
		if (err == KODO_OK)
			err = ingest_greeting(ch, p, &cp->from);
		if (err != KODO_OK)
			break;
		p->created_us = cp->created_us != 0 ? cp->created_us : ch->now_us;
		p->modified_us = cp->modified_us != 0 ? cp->modified_us : p->created_us;
		p->flags |= PEER_CONNECTS;
		p->in.registered_us = p->modified_us;
		for (j = 0; j < c->n_registers; j++)
			if (str_eq(c->registers[j].key, cp->key) && c->registers[j].at_us != 0)
				p->in.registered_us = c->registers[j].at_us;
		err = ingest_list(ch, p, &b);
	}
	return err;
}

/*
 * The original's cache file at cache_data, parsed, unless it was imported before. What c holds
 * points into its text, which is in a. KODO_ENOTFOUND: there is none to be imported.
 */
static enum kodo_err
cache_find(struct registry *r, const struct options *o, struct arena *a, struct wire_cache *c,
    struct why *why)
{
	const char *path = arena_strz(a, o->cache_data);
	struct why inner = { "" };
	struct txn t;
	struct str v, text;
	enum kodo_err err = path == NULL ? KODO_ENOMEM : store_begin(r->store, STORE_READ, &t);

	if (err == KODO_OK)
		err = store_end(&t, meta_get(&t, META_IMPORTED, &v));
	if (err != KODO_ENOTFOUND)
		return err == KODO_OK ? KODO_ENOTFOUND : err;
	err = path_read(a, path, CACHE_MAX_BYTES, &text);
	if (err == KODO_ENOTFOUND)
		return err;
	if (err == KODO_EIO)
		return why_set(why, err, "%s: cannot read the cache of the original system: %s",
		    path, strerror(errno));
	if (err == KODO_OK)
		err = wire_read_cache(a, text, c, &inner);
	if (err != KODO_OK)
		why_set(why, err, "%s: %s; repair it or move it away; it was left as it is", path,
		    inner.text[0] != '\0' ? inner.text : kodo_err_text(err));
	return err == KODO_ENOTFOUND ? KODO_EIO : err;
}

/* --- are they whole? --- */

static enum kodo_err
sources_get(struct registry *r, struct arena *a, struct str *out)
{
	struct txn t;
	enum kodo_err err = store_begin(r->store, STORE_READ, &t);

	*out = STR_NULL;
	if (err != KODO_OK)
		return err;
	err = meta_get(&t, META_SOURCES, out);
	if (err == KODO_OK)
		err = arena_str(a, *out, out);
	return store_end(&t, err);
}

enum kodo_err
startup_check(
    struct registry *r, const struct options *o, enum registry_start kind, struct why *why)
{
	const struct options *before;
	struct str sources;
	struct arena *a;
	enum kodo_err err = registry_options(r, &before);

	if (err == KODO_ENOTFOUND && kind == START_IF_CHANGED && !o->has_url)
		return why_set(why, KODO_EINVAL,
		    "%.*s: no url: write `- url: http://HOST`, the address of this service",
		    STR_ARG(o->loader));
	/* options that cannot be read, of another program, are as good as none */
	if (err != KODO_OK || o->loader.p == NULL || !str_eq(before->loader, o->loader))
		return err == KODO_ENOMEM ? err : KODO_OK;
	a = arena_new();
	if (a == NULL)
		return why_set(why, KODO_ENOMEM, "memory ran out");
	err = sources_get(r, a, &sources);
	if (err == KODO_OK)
		err = option_check_whole(a, o, sources, kind == START_IF_CHANGED, why);
	arena_free(a);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/* --- all of it, in one transaction --- */

static enum kodo_err
start_fn(struct change *ch, void *arg)
{
	struct change_start *start = arg;
	struct apply ap = { .start = start, .o = start->o };
	enum kodo_err err = before_read(ch, &ap);

	if (err == KODO_OK)
		err = own_apply(ch, &ap);
	if (err == KODO_OK && start->cache != NULL && ap.o->registry) {
		err = cache_take(ch, start->cache);
		if (err == KODO_OK)
			err = meta_put(ch->t, META_IMPORTED, ap.o->cache_data);
	}
	if (err == KODO_OK && ap.is_start)
		err = peers_start(ch, &ap);
	ch->gone.cause = WITHDRAWN_EXPIRED;
	if (err == KODO_OK)
		err = statement_expire(ch, ch->now_us - (int64_t)ap.o->tombstone_days * DAY_US);
	if (err == KODO_OK)
		err = options_store(ch, &ap);
	start->is_start = ap.is_start;
	start->before = ap.had_before && !str_eq(ap.before.url_key, ap.o->url_key)
	    ? ap.before.url : STR_NULL;
	start->is_kept = start->before.p != NULL;
	return err;
}

const struct change_type change_start = { .kind = CHANGE_START, .fn = start_fn,
	.cause = WITHDRAWN_STARTUP };

/* What a start takes in beside the options: the own node and what they were read from, in a. */
static enum kodo_err
start_make(struct arena *a, const struct options *o, struct change_start *start)
{
	struct node own = { .url = o->url,
		.organization = o->organization,
		.audience = o->auth_audience,
		.flows = o->flows,
		.n_flows = o->n_flows };
	struct buf b = BUF_INIT(0);
	enum kodo_err err;

	option_put_sources(&b, o);
	err = buf_failed(&b) ? b.err : arena_str(a, buf_str(&b), &start->sources);
	buf_reset(&b);
	if (o->n_flows > 0)
		packed_write(&b, &own);
	if (err == KODO_OK && o->n_flows > 0)
		err = buf_failed(&b) ? b.err : arena_str(a, buf_str(&b), &start->own);
	buf_free(&b);
	return err;
}

static enum kodo_err
stamp_fn(struct txn *t, void *arg)
{
	return meta_put(t, META_STAMP, *(const struct str *)arg);
}

static enum kodo_err
start_store(struct registry *r, struct change_start *start, int64_t now_us, struct why *why)
{
	struct change_run run = { .type = &change_start, .r = r, .now_us = now_us, .arg = start,
		.options = start->o, .is_kept = &start->is_kept };
	enum kodo_err err = registry_change(&run);

	/* the stamp is of this machine's files, and in no entry */
	if (err == KODO_OK && r->submit != NULL)
		err = store_write(r->store, stamp_fn, &start->stamp);
	return err == KODO_OK ? err : why_set(why, err, "%s: cannot store the options: %s",
	    r->state.path, kodo_err_text(err));
}

enum kodo_err
startup_apply(struct registry *r, const struct options *o, struct str stamp,
    enum registry_start kind, int64_t now_us, bool *was_start, struct why *why)
{
	char boot[STATE_BOOT_BYTES];
	struct change_start start = { .o = o, .stamp = stamp, .is_now = kind == START_NOW };
	struct arena *a = arena_new();
	struct wire_cache cache;
	enum kodo_err err = KODO_ENOMEM;

	if (was_start != NULL)
		*was_start = false;
	state_boot_id(boot);
	start.boot = str_of(boot);
	if (a != NULL)
		err = startup_check(r, o, kind, why);
	if (err == KODO_OK) {
		store_set_map_max(r->store, (uint64_t)o->map_max_mib << 20);
		err = cache_find(r, o, a, &cache, why);
	}
	if (err == KODO_OK)
		start.cache = &cache;
	if (err == KODO_OK || err == KODO_ENOTFOUND)
		err = start_make(a, o, &start);
	if (err == KODO_OK)
		err = start_store(r, &start, now_us, why);
	if (err == KODO_OK && was_start != NULL)
		*was_start = start.is_start;
	if (err == KODO_OK && start.before.p != NULL)
		log_warning("%s: it was the state of %.*s, and is that of %.*s from now on; two "
		    "services need two (option cache_data)", r->state.path,
		    STR_ARG(start.before), STR_ARG(o->url));
	arena_free(a);
	return err;
}

static enum kodo_err
import_fn(struct change *ch, void *arg)
{
	return cache_take(ch, arg);
}

const struct change_type change_import = { .kind = CHANGE_IMPORT, .fn = import_fn };

enum kodo_err
startup_import(struct registry *r, struct wire_cache *c, int64_t now_us)
{
	struct change_run run = { .type = &change_import, .r = r, .now_us = now_us,
		.arg = c };

	return registry_change(&run);
}
