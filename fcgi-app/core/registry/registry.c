#include <stdlib.h>
#include <unistd.h>

#include "core/registry/registry_private.h"
#include "core/storage/cluster_status.h"
#include "core/storage/derived.h"
#include "core/storage/machine.h"

/* --- opening --- */

static enum kodo_err
head_init(struct txn *t, void *arg)
{
	struct head h;
	enum kodo_err err = head_get(t, &h);

	(void)arg;
	if (err != KODO_ENOTFOUND)
		return err;
	h = (struct head){ .view = 1,
		.state = 1,
		.next_node = 1,
		.next_peer = 1,
		.next_order = 1,
		.next_block = 1 };
	arc4random_buf(&h.state_id, sizeof(h.state_id));
	return head_put(t, &h);
}

/*
 * Every state has a head; a write transaction is needed only for a new one. What was made of a
 * later state than this one goes before anything is written here.
 */
static enum kodo_err
head_make(struct registry *r)
{
	const struct derived_mark mark = derived_mark(&r->state);
	struct head h;
	struct txn t;
	enum kodo_err err = store_begin(r->store, STORE_READ, &t);

	if (err == KODO_OK)
		err = store_end(&t, head_get(&t, &h));
	if (err == KODO_OK && mark.state_id == h.state_id && mark.logged > h.logged)
		derived_drop(&r->state);
	return err == KODO_ENOTFOUND ? store_write(r->store, head_init, NULL) : err;
}

/* The ceiling of the map is an option, which lies in the map. */
#define MAP_MAX_DEFAULT_BYTES	((uint64_t)8192 << 20)

/* The key of /cron and /check; a failure is reported where the key is needed. */
static void
make_key(const struct registry *r)
{
	char path[sizeof(r->state.path)], key[33];

	if (state_file(&r->state, "key", path) != KODO_OK || access(path, F_OK) == 0)
		return;
	if (state_key(&r->state, key) == KODO_OK)
		log_debug("the key of /cron and /check is in %s", path);
}

enum kodo_err
registry_open(
    struct str state_path, enum store_open how, struct why *why, struct registry **out)
{
	const bool create = how == STORE_MAKE;
	struct registry *r = calloc(1, sizeof(*r));
	const struct options *o;
	enum kodo_err err = KODO_ENOMEM;

	*out = NULL;
	if (r == NULL)
		return err;
	r->a = arena_new();
	r->options_arena = arena_new();
	r->audit.fd = -1;
	r->program = "kodo";
	if (r->a != NULL && r->options_arena != NULL)
		err = state_open(&r->state, state_path, create, why);
	if (err == KODO_OK)
		err = store_open(&r->state, how, MAP_MAX_DEFAULT_BYTES, why, &r->store);
	if (err == KODO_OK) {
		err = head_make(r);
		if (err != KODO_OK)
			why_set(why, err, "%s: cannot read the registry: %s; see `kodo check`",
			    r->state.path, kodo_err_text(err));
	}
	if (err == KODO_OK && create)
		make_key(r);
	if (err == KODO_OK && registry_options(r, &o) == KODO_OK)
		store_set_map_max(r->store, (uint64_t)o->map_max_mib << 20);
	if (err != KODO_OK) {
		registry_close(r);
		return err;
	}
	*out = r;
	return KODO_OK;
}

void
registry_close(struct registry *r)
{
	if (r == NULL)
		return;
	audit_close(&r->audit);
	store_close(r->store);
	arena_free(r->a);
	arena_free(r->options_arena);
	buf_free(&r->silent.ids);
	arena_free(r->moderated.a);
	free(r);
}

struct store *
registry_store(struct registry *r)
{
	return r->store;
}

const struct state *
registry_state(const struct registry *r)
{
	return &r->state;
}

/* --- options --- */

/* What each machine of a cluster has for itself, in place of what the one had that stored them. */
static enum kodo_err
options_of_machine(struct registry *r, struct str stored)
{
	struct str machine;
	enum kodo_err err = machine_read(&r->state, r->options_arena, MACHINE_FILE, &machine);

	return err == KODO_OK ? option_read_here(r->options_arena, stored, machine, &r->options)
	    : err == KODO_ENOTFOUND ? KODO_OK : err;
}

/*
 * The options in force, read again if the head says that they changed. KODO_ENOTFOUND: none were
 * applied.
 */
static enum kodo_err
options_at(struct registry *r, struct txn *t, const struct head *h)
{
	struct str v;
	enum kodo_err err;

	if (h->options_gen == 0)
		return KODO_ENOTFOUND;
	if (r->options_gen == h->options_gen)
		return KODO_OK;
	err = meta_get(t, "options", &v);
	r->options_gen = 0;
	arena_reset(r->options_arena);
	if (err == KODO_OK)
		err = arena_str(r->options_arena, v, &v);
	if (err == KODO_OK)
		err = option_read(r->options_arena, v, &r->options);
	if (err == KODO_OK && r->options.cluster.p != NULL)
		err = options_of_machine(r, v);
	if (err == KODO_OK)
		r->options_gen = h->options_gen;
	return err == KODO_EINVAL || err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
}

enum kodo_err
registry_is_current(struct registry *r, struct str stamp, bool *out)
{
	struct str v, b;
	char boot[STATE_BOOT_BYTES];
	struct txn t;
	enum kodo_err err = store_begin(r->store, STORE_READ, &t);

	*out = false;
	if (err != KODO_OK)
		return err;
	state_boot_id(boot);
	err = meta_get(&t, "stamp", &v);
	if (err == KODO_OK)
		err = meta_get(&t, "boot", &b);
	if (err == KODO_OK)
		*out = str_eq(v, stamp) && state_boot_is_seen(b, boot);
	return store_end(&t, err == KODO_ENOTFOUND ? KODO_OK : err);
}

/* --- edits --- */

enum kodo_err
registry_change_within(struct txn *t, struct arena *a, struct change_run *run,
    struct withdrawals *gone, struct head *after)
{
	struct registry *r = run->r;
	struct change ch;
	enum kodo_err err;

	*gone = (struct withdrawals){ .a = a };
	if (run->type->plain != NULL)
		return run->type->plain(t, run->arg);
	err = change_begin(
	    &ch, t, a, run->now_us, run->options != NULL ? run->options : &r->options);
	if (err == KODO_OK && run->options == NULL)
		err = options_at(r, t, &ch.head);
	ch.gone.cause = run->type->cause;
	ch.has_room = run->has_room;
	ch.room_bytes = run->room_bytes;
	if (err == KODO_OK)
		err = run->type->fn(&ch, run->arg);
	err = change_end(&ch, err);
	run->is_due = ch.is_due;
	run->is_view_changed = ch.is_view_changed;
	run->state = ch.head.state;
	run->view = ch.head.view;
	run->n_withdrawn = withdrawal_count(&ch.gone);
	*gone = ch.gone;
	*after = ch.head;
	return err;
}

enum kodo_err
registry_look(struct change_run *run)
{
	struct registry *r = run->r;
	struct change ch;
	struct txn t;
	enum kodo_err err, ended;

	if (run->type->look == NULL)
		return KODO_OK;
	err = store_begin(r->store, STORE_READ, &t);
	if (err != KODO_OK)
		return err;
	arena_reset(r->a);
	err = change_begin(&ch, &t, r->a, run->now_us, &r->options);
	run->state = ch.head.state - 1;
	run->view = ch.head.view;
	if (err == KODO_OK)
		err = options_at(r, &t, &ch.head);
	if (err == KODO_OK)
		err = run->type->look(&ch, run);
	/* nothing of it is stored: it never ends well */
	ended = change_end(&ch, err == KODO_OK ? KODO_ECONFLICT : err);
	return store_end(&t, err == KODO_OK ? KODO_OK : ended);
}

/* A run, and what is of its last try. */
struct change_try {
	struct change_run *run;
	struct withdrawals gone;
	struct head head;
};

static enum kodo_err
change_fn(struct txn *t, void *arg)
{
	struct change_try *try = arg;

	arena_reset(try->run->r->a);
	return registry_change_within(t, try->run->r->a, try->run, &try->gone, &try->head);
}

void
registry_submit_by(
    struct registry *r, enum kodo_err (*fn)(void *arg, struct change_run *run), void *arg)
{
	r->submit = fn;
	r->submit_arg = arg;
}

enum kodo_err
registry_change(struct change_run *run)
{
	struct registry *r = run->r;

	return r->submit != NULL && run->type->kind != CHANGE_LOCAL
	    ? r->submit(r->submit_arg, run) : registry_change_here(run);
}

enum kodo_err
registry_change_here(struct change_run *run)
{
	struct change_try try = { .run = run };
	const struct options *o;
	enum kodo_err err = store_write(run->r->store, change_fn, &try);

	/* the audit is as the new options want it */
	if (err == KODO_OK && run->options != NULL && try.gone.last != NULL)
		err = registry_options(run->r, &o);
	if (err == KODO_OK && !run->type->is_audited)
		registry_audit_gone(run->r, &try.gone, &try.head, run->now_us);
	/* a large change must not stay in the memory of a worker that may idle for hours */
	if (run->is_kept == NULL || !*run->is_kept)
		arena_reset(run->r->a);
	return err;
}

static enum kodo_err
epoch_fn(struct change *ch, void *arg)
{
	if (ch->head.options_gen != 0)
		return KODO_ECONFLICT;
	ch->head.state_id = *(const uint64_t *)arg;
	return KODO_OK;
}

const struct change_type change_epoch = { .kind = CHANGE_EPOCH, .fn = epoch_fn };

enum kodo_err
registry_epoch_set(struct registry *r, uint64_t epoch, int64_t now_us)
{
	static const struct options none;
	struct change_run run = { .type = &change_epoch, .r = r, .now_us = now_us,
		.arg = &epoch, .options = &none };

	return registry_change(&run);
}

/* --- views --- */

/* Is nothing in flight or due within a minute? Paused work and digest checks do not count. */
static enum kodo_err
is_idle(struct txn *t, const struct head *h, bool *out)
{
	struct scan s = peer_scan_due(t);
	struct peer_behind behind;
	struct peer_due first;
	enum kodo_err err;

	/* the longest backoff is 9 s: whatever counts is due within a minute */
	*out = !peer_next_due(&s, &first) || first.class > DUE_FAILING;
	err = scan_end(&s);
	if (err != KODO_OK || !*out)
		return err;
	s = peer_scan_behind(t);
	*out = !peer_next_behind(&s, &behind) || behind.pos >= h->notified;
	return scan_end(&s);
}

/* See that what is kept is as t sees it. */
static enum kodo_err
keep(struct registry *r, struct txn *t)
{
	const uint64_t seen = store_seen(t);
	struct commit_cache *k = &r->cache;
	enum kodo_err err;

	if (k->seen == seen)
		return KODO_OK;
	*k = (struct commit_cache){ .seen = 0 };
	err = head_get(t, &k->head);
	if (err == KODO_OK)
		err = options_at(r, t, &k->head);
	if (err == KODO_OK)
		err = is_idle(t, &k->head, &k->idle);
	if (err == KODO_OK)
		k->seen = seen;
	return err;
}

enum kodo_err
registry_options(struct registry *r, const struct options **out)
{
	struct txn t;
	enum kodo_err err = KODO_OK;

	*out = NULL;
	if (r->cache.seen == 0 || r->cache.seen != store_last(r->store)) {
		err = store_begin(r->store, STORE_READ, &t);
		if (err == KODO_OK)
			err = store_end(&t, keep(r, &t));
	}
	if (err == KODO_OK)
		*out = &r->options;
	return err;
}

/* Of a cluster: nothing that this machine does not know of may be about to come. */
static bool
is_settled(const struct registry *r)
{
	struct cluster_status st;

	return r->options.cluster.p == NULL ||
	    (cluster_status_read(registry_state(r), &st) == KODO_OK && cluster_is_settled(&st));
}

enum kodo_err
view_begin(struct registry *r, int64_t now_us, struct view *v)
{
	enum kodo_err err;

	*v = (struct view){ .registry = r, .now_us = now_us, .options = &r->options };
	err = store_begin(r->store, STORE_READ, &v->t);
	if (err == KODO_OK)
		err = keep(r, &v->t);
	if (err != KODO_OK)
		return store_end(&v->t, err);
	v->head = r->cache.head;
	v->idle = r->cache.idle && is_settled(r);
	return KODO_OK;
}

void
view_end(struct view *v)
{
	/* a read transaction has nothing to fail at */
	enum kodo_err ignored = store_end(&v->t, KODO_OK);

	(void)ignored;
}

void
view_greeting(const struct view *v, struct greeting *g)
{
	*g = (struct greeting){ .url = v->options->url,
		.organization = v->options->organization,
		.registry = v->options->registry,
		.feed = v->options->feed,
		.idle = v->idle,
		.now_us = v->now_us };
}
