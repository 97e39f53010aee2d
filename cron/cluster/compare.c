/*
 * At the first entry of each DIGEST_EVERY revisions each machine takes a digest of its state, and
 * tells it. Whose state is not that of most machines takes no writes from then on. Where no more
 * than half of them have one state, as of two machines, the sender's counts.
 *
 *	digest/<machine>	revision, format of the state and digest, as it was told last
 *
 * Machines whose programs have different formats of the state cannot compare it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/log.h"
#include "core/cluster/state_digest.h"
#include "cron/cluster/compare.h"

#define DIGEST_EVERY	2000u	/* revisions, with those of records */
#define DIGESTS		4u	/* of the last ones somebody may still tell */
#define PREFIX_BYTES	48u
/* So long one waits at least: all live machines are known by then, as each tells its record. */
#define SETTLE_US	(5ll * 1000000)
#define LATE_US		(30ll * 1000000)	/* and at most, for machines that tell nothing */

struct told {
	char machine[128], text[STATE_DIGEST_SIZE];
};

struct digest {
	char prefix[PREFIX_BYTES];	/* of what is told of it: revision, format; "": none */
	char text[STATE_DIGEST_SIZE];	/* here */
	uint64_t revision;
	int64_t since_us;
	struct told told[CLUSTER_MEMBERS];
	unsigned n_told;
};

struct comparer {
	struct context *e;
	struct digest digests[DIGESTS];
	unsigned at;
	uint64_t next_span;	/* of DIGEST_EVERY revisions: it has no digest yet; 0: unknown */
	uint64_t published;
	bool is_publishing;
};

enum kodo_err
compare_new(struct context *e, struct comparer **out)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return KODO_ENOMEM;
	(*out)->e = e;
	return KODO_OK;
}

void
compare_free(struct comparer *c)
{
	free(c);
}

bool
compare_wants(const struct comparer *c, uint64_t revision)
{
	/* the first one of a process says where the next is */
	return c->next_span == 0 || revision / DIGEST_EVERY >= c->next_span;
}

void
compare_applied(struct comparer *c, uint64_t before, uint64_t revision)
{
	struct digest *d;
	struct txn t;
	enum kodo_err err;

	/* at the first entry of each span, wherever this machine has noted that nothing came */
	if (c->next_span == 0)
		c->next_span = before / DIGEST_EVERY + 1;
	if (revision / DIGEST_EVERY < c->next_span)
		return;
	c->next_span = revision / DIGEST_EVERY + 1;
	c->at = (c->at + 1) % DIGESTS;
	d = &c->digests[c->at];
	*d = (struct digest){ .revision = revision, .since_us = cluster_boot_us() };
	err = store_begin(registry_store(c->e->registry), STORE_READ, &t);
	if (err == KODO_OK)
		err = store_end(&t, state_digest(&t, d->text));
	if (err == KODO_OK)
		snprintf(d->prefix, sizeof(d->prefix), "%" PRIu64 " %u ", revision,
		    (unsigned)store_format_own);
	else
		log_warning("no digest of the state: %s", kodo_err_text(err));
}

void
compare_forget(struct comparer *c)
{
	memset(c->digests, 0, sizeof(c->digests));
	c->next_span = 0;
}

void
compare_event(struct comparer *c, struct str machine, const struct etcd_kv *kv)
{
	struct digest *d;
	struct told *t = NULL;
	unsigned i;

	for (d = c->digests; d < c->digests + DIGESTS; d++)
		if (d->prefix[0] != '\0' && str_starts(kv->value, str_of(d->prefix)))
			break;
	if (kv->is_deleted || d == c->digests + DIGESTS)
		return;
	for (i = 0; i < d->n_told && t == NULL; i++)
		if (str_eq(str_of(d->told[i].machine), machine))
			t = &d->told[i];
	if (t == NULL && d->n_told < CLUSTER_MEMBERS)
		t = &d->told[d->n_told++];
	if (t == NULL)
		return;
	str_copy(t->machine, sizeof(t->machine), machine);
	str_copy(t->text, sizeof(t->text), str_skip(kv->value, strlen(d->prefix)));
}

/* --- who is right --- */

static unsigned
count(const struct digest *d, const char *text)
{
	unsigned i, n = 0;

	for (i = 0; i < d->n_told; i++)
		n += strcmp(d->told[i].text, text) == 0;
	return n;
}

static const struct told *
told_by(const struct digest *d, const char *machine)
{
	unsigned i;

	for (i = 0; i < d->n_told; i++)
		if (strcmp(d->told[i].machine, machine) == 0)
			return &d->told[i];
	return NULL;
}

/* Of most machines, or of the sender. NULL: neither is known. */
static const struct told *
right_one(const struct comparer *c, const struct digest *d)
{
	unsigned i;

	for (i = 0; i < d->n_told; i++)
		if (2 * count(d, d->told[i].text) > d->n_told)
			return &d->told[i];
	return told_by(d, c->e->status.leader);
}

/* Has every machine told it that is there? */
static bool
is_whole(const struct comparer *c, const struct digest *d)
{
	const struct cluster_status *st = &c->e->status;
	unsigned i;

	for (i = 0; i < st->n_members; i++)
		if (st->members[i].is_live && told_by(d, st->members[i].name) == NULL)
			return false;
	return true;
}

static void
judge(struct comparer *c, const struct digest *d)
{
	const int64_t age_us = cluster_boot_us() - d->since_us;
	const struct told *right;

	if (d->prefix[0] == '\0' || age_us < SETTLE_US ||
	    (age_us < LATE_US && !is_whole(c, d)))
		return;
	right = right_one(c, d);
	if (right == NULL || strcmp(right->text, d->text) == 0)
		return;
	c->e->status.differs = d->revision;
	context_stop(c->e, "at revision %" PRIu64 " this machine's state is not that of %s: its "
	    "digest is %s, and %s there, as at %u of the %u machines that told it; kodo cluster "
	    "snapshot takes that one's", d->revision, right->machine, d->text, right->text,
	    count(d, right->text), d->n_told);
}

static void
on_published(void *arg, const struct etcd_answer *an)
{
	struct comparer *c = arg;

	c->is_publishing = false;
	if (an->err != KODO_OK)
		c->published = 0;
}

static void
publish(struct comparer *c, uint64_t lease)
{
	const struct etcd_done done = { on_published, c };
	const struct digest *d = &c->digests[c->at];
	char key[KEY_BYTES], text[PREFIX_BYTES + STATE_DIGEST_SIZE];
	const int n = snprintf(text, sizeof(text), "%s%s", d->prefix, d->text);

	if (c->is_publishing || lease == 0 || d->prefix[0] == '\0' || d->revision == c->published)
		return;
	c->published = d->revision;
	c->is_publishing = etcd_put(c->e->etcd, context_key(c->e, key, "digest/%s", c->e->name),
	    (struct str){ text, (size_t)n }, lease, done) == KODO_OK;
	if (!c->is_publishing)
		c->published = 0;
}

void
compare_tick(struct comparer *c, uint64_t lease)
{
	unsigned i;

	publish(c, lease);
	for (i = 0; i < DIGESTS; i++)
		judge(c, &c->digests[i]);
}
