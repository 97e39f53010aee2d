#include <stdio.h>

#include "hash.h"
#include "json.h"
#include "look.h"
#include "outbox.h"

struct digest {
	struct txn *t;
	uint32_t peer;
	bool has_parked;
	uint64_t sum;		/* of hashes: does not depend on the order of the nodes */
};

static enum kodo_err
told_add(void *arg, uint32_t node, const struct statement *s, const struct peer *source)
{
	struct outbox_entry entry = { .why = STR_NULL };
	struct digest *d = arg;
	enum kodo_err err = KODO_OK;

	if (source->id == d->peer)
		return KODO_OK;
	if (d->has_parked)
		err = outbox_get(d->t, d->peer, node, &entry);
	if (err == KODO_ENOTFOUND || (err == KODO_OK && entry.why.p == NULL)) {
		d->sum += hash_text(HASH_KEPT, s->bytes);
		err = KODO_OK;
	}
	return err;
}

enum kodo_err
look_digest_told(struct txn *t, struct arena *a, uint32_t peer, char out[LOOK_DIGEST_SIZE])
{
	struct digest d = { .t = t, .peer = peer };
	bool to_tell;
	enum kodo_err err = outbox_look(t, peer, &to_tell, &d.has_parked);

	if (err == KODO_OK)
		err = registry_each_seen(t, a, told_add, &d);

	snprintf(out, LOOK_DIGEST_SIZE, "%016llx", (unsigned long long)d.sum);
	return err;
}

static enum kodo_err
stated_add(void *arg, uint32_t node, const struct statement *s)
{
	struct digest *d = arg;

	(void)node;
	d->sum += hash_text(HASH_KEPT, s->bytes);
	return KODO_OK;
}

enum kodo_err
look_digest_stated(struct txn *t, uint32_t peer, char out[LOOK_DIGEST_SIZE])
{
	struct digest d = { .peer = peer };
	enum kodo_err err = registry_each_stated(t, peer, stated_add, &d);

	snprintf(out, LOOK_DIGEST_SIZE, "%016llx", (unsigned long long)d.sum);
	return err;
}

/*
 * Our url as a member name in the `registers` of an original's map; the last member of its answer.
 */
static bool
is_registered(const struct edit *e, struct str body)
{
	static const char member[] = "\"registers\":";
	struct buf b = BUF_INIT(0);
	const char *at =
	    body.len == 0 ? NULL : memmem(body.p, body.len, member, sizeof(member) - 1);
	bool found = false;

	json_put_str(&b, e->o->url);
	buf_putc(&b, ':');
	if (at != NULL && !buf_failed(&b))
		found = memmem(at, body.len - (size_t)(at - body.p), b.p, b.len) != NULL;
	buf_free(&b);
	return found;
}

enum kodo_err
look_agrees(struct edit *e, const struct peer *p, const struct wire_body *b, bool has_body,
    const struct exchange_job *job, const struct exchange_result *res, bool *out)
{
	char digest[LOOK_DIGEST_SIZE];
	enum kodo_err err = KODO_OK;

	if (!job->is_post) {
		*out = is_registered(e, res->body);
		return KODO_OK;
	}
	*out = has_body && b->view.p != NULL && job->view.p != NULL && str_eq(b->view, job->view);
	if (*out && b->told.p != NULL && e->o->registry && e->o->feed) {
		err = look_digest_stated(e->t, p->id, digest);
		*out = str_eq(b->told, str_of(digest));
	}
	return err;
}
