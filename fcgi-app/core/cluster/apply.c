#include "core/cluster/apply.h"
#include "core/cluster/entry_private.h"

#define META_APPLIED	"applied"	/* a revision, 8 bytes big-endian */
#define META_SKIPPED	"skipped"	/* revisions, the oldest first */

/* --- how far --- */

enum kodo_err
cluster_applied(struct txn *t, uint64_t *revision)
{
	struct str v;
	enum kodo_err err = meta_get(t, META_APPLIED, &v);

	*revision = 0;
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	if (v.len != sizeof(*revision))
		return KODO_ECORRUPT;
	*revision = get_be64(v.p);
	return KODO_OK;
}

enum kodo_err
cluster_applied_now(struct registry *r, uint64_t *revision)
{
	struct txn t;
	enum kodo_err err = store_begin(r->store, STORE_READ, &t);

	*revision = 0;
	return err == KODO_OK ? store_end(&t, cluster_applied(&t, revision)) : err;
}

enum kodo_err
cluster_applied_put(struct txn *t, uint64_t revision)
{
	unsigned char v[8];

	return meta_put(t, META_APPLIED, key_u64(v, revision));
}

static enum kodo_err
forget_fn(struct txn *t, void *arg)
{
	enum kodo_err err = store_del(t, T_META, STR(META_APPLIED));

	(void)arg;
	return err == KODO_OK ? store_del(t, T_META, STR(META_SKIPPED)) : err;
}

enum kodo_err
cluster_forget(struct registry *r)
{
	return store_write(r->store, forget_fn, NULL);
}

/* --- what was passed over --- */

static enum kodo_err
skipped_get(struct txn *t, struct str *all)
{
	enum kodo_err err = meta_get(t, META_SKIPPED, all);

	if (err == KODO_ENOTFOUND)
		*all = STR("");
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static enum kodo_err
skip_fn(struct txn *t, void *arg)
{
	const uint64_t revision = *(const uint64_t *)arg;
	char kept[8 * CLUSTER_SKIPS];
	unsigned char last[8];
	struct str all;
	size_t n;
	enum kodo_err err = skipped_get(t, &all);

	if (err != KODO_OK)
		return err;
	n = all.len < sizeof(kept) - sizeof(last) ? all.len : sizeof(kept) - sizeof(last);
	memcpy(kept, all.p + all.len - n, n);
	memcpy(kept + n, key_u64(last, revision).p, sizeof(last));
	err = meta_put(t, META_SKIPPED, (struct str){ kept, n + sizeof(last) });
	return err == KODO_OK ? cluster_applied_put(t, revision) : err;
}

enum kodo_err
cluster_skip(struct registry *r, uint64_t revision)
{
	return store_write(r->store, skip_fn, &revision);
}

enum kodo_err
cluster_is_skipped(struct registry *r, uint64_t revision, bool *out)
{
	struct str all;
	struct txn t;
	size_t i;
	enum kodo_err err = store_begin(r->store, STORE_READ, &t);

	*out = false;
	if (err != KODO_OK)
		return err;
	err = skipped_get(&t, &all);
	for (i = 0; err == KODO_OK && i + 8 <= all.len; i += 8)
		*out |= get_be64(all.p + i) == revision;
	return store_end(&t, err);
}

/* --- one revision --- */

/* An entry, and what came of it. */
struct step {
	struct entry e;
	struct change_run run;
	struct withdrawals gone;
	struct head after;
	enum kodo_err err;
};

struct revision {
	struct registry *r;
	uint64_t number;
	struct step *steps;
	size_t n;
	struct arena *a;	/* of a try */
};

static enum kodo_err
step_make(struct revision *v, struct txn *t, struct step *s)
{
	struct txn within;
	enum kodo_err err;

	s->err = KODO_OK;
	if (s->e.row->type == NULL)
		return KODO_OK;	/* CHANGE_SKIP: of the log, not of the state */
	err = store_begin_within(t, &within);
	if (err != KODO_OK)
		return err;
	err = store_end(&within,
	    registry_change_within(&within, v->a, &s->run, &s->gone, &s->after));
	if (entry_is_refused(err)) {
		s->err = err;
		s->gone = (struct withdrawals){ .a = v->a };
		err = KODO_OK;
	}
	return err;
}

static enum kodo_err
revision_fn(struct txn *t, void *arg)
{
	struct revision *v = arg;
	uint64_t applied;
	size_t i;
	enum kodo_err err = cluster_applied(t, &applied);

	arena_reset(v->a);
	if (err == KODO_OK && v->number <= applied)
		return KODO_ECONFLICT;
	for (i = 0; i < v->n && err == KODO_OK; i++)
		err = step_make(v, t, &v->steps[i]);
	return err == KODO_OK ? cluster_applied_put(t, v->number) : err;
}

static enum kodo_err
steps_read(struct arena *a, struct registry *r, const struct str *entries, struct step *steps,
    size_t n)
{
	size_t i;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < n && err == KODO_OK; i++) {
		struct step *s = &steps[i];

		err = entry_read(a, entries[i], &s->e);
		s->run = (struct change_run){ .type = err == KODO_OK ? s->e.row->type : NULL,
			.r = r, .now_us = s->e.head.now_us, .arg = s->e.arg,
			.options = s->e.options, .has_room = true,
			.room_bytes = s->e.head.room_bytes };
	}
	return err;
}

/* The options may have come into force by one of the steps. */
static enum kodo_err
steps_audit(struct revision *v)
{
	const struct options *o;
	size_t i;
	enum kodo_err err = registry_options(v->r, &o);

	for (i = 0; i < v->n && err == KODO_OK; i++) {
		const struct step *s = &v->steps[i];

		if (s->err == KODO_OK && s->run.type != NULL && !s->run.type->is_audited)
			registry_audit_gone(v->r, &s->gone, &s->after, s->run.now_us);
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static enum kodo_err
results_make(struct arena *a, const struct revision *v, struct str *results)
{
	struct buf b = BUF_INIT(0);
	size_t i;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < v->n && err == KODO_OK; i++) {
		buf_reset(&b);
		if (v->steps[i].run.type != NULL)
			entry_result_write(&b, &v->steps[i].run, v->steps[i].err);
		err = buf_failed(&b) ? b.err : arena_str(a, buf_str(&b), &results[i]);
	}
	buf_free(&b);
	return err;
}

enum kodo_err
cluster_apply(struct registry *r, struct arena *a, uint64_t revision, const struct str *entries,
    size_t n, struct str *results)
{
	struct revision v = { .r = r, .number = revision, .n = n, .a = arena_new(),
		.steps = arena_zalloc(a, (n + 1) * sizeof(*v.steps)) };
	enum kodo_err err = v.a == NULL || v.steps == NULL ? KODO_ENOMEM
	    : steps_read(a, r, entries, v.steps, n);

	if (err == KODO_OK)
		err = store_write(r->store, revision_fn, &v);
	if (err == KODO_OK)
		err = steps_audit(&v);
	if (err == KODO_OK)
		err = results_make(a, &v, results);
	arena_free(v.a);
	return err;
}
