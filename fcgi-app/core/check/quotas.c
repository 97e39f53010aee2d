#include <stdarg.h>
#include <stdio.h>

#include "core/base/address.h"
#include "core/check/quotas.h"
#include "core/records/peer.h"
#include "core/records/tally.h"

struct quotas {
	struct view *v;
	struct arena *a;
	void (*say)(void *arg, enum finding kind, const char *line);
	void *arg;
};

/* A recount of the peers. */
struct recount {
	uint64_t n_strangers, n_made;
};

static void say(const struct quotas *q, enum finding kind, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static void
say(const struct quotas *q, enum finding kind, const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	q->say(q->arg, kind, line);
}

/* What is used of a quota; a warning from nine tenths on. who: whose use it is, "" for all. */
static void
say_use(const struct quotas *q, const char *what, uint64_t used, unsigned quota,
    const char *option, const char *who)
{
	const bool is_near = quota > 0 && used >= (uint64_t)quota - quota / 10;

	say(q, is_near ? FINDING_WARNING : FINDING_OK, "quota: %s: %llu%s%s of %u%s%s%s", what,
	    (unsigned long long)used, who[0] == '\0' ? "" : " by ", who, quota,
	    quota == 0 ? ", which is none" : "",
	    is_near ? "; if it is no attack, raise " : "", is_near ? option : "");
}

static enum kodo_err
recount(const struct quotas *q, struct recount *out)
{
	struct peer p;
	uint32_t id = 0;
	enum kodo_err err;

	*out = (struct recount){ 0 };
	while ((err = peer_next(&q->v->t, q->a, &id, &p)) == KODO_OK) {
		out->n_strangers += peer_is_stranger(&p);
		out->n_made += peer_tally(&p).client.len > 0;
		arena_reset(q->a);
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static enum kodo_err
peers_check(const struct quotas *q)
{
	const struct options *o = q->v->options;
	char text[INET6_ADDRSTRLEN];
	struct tally_sum sum;
	struct recount n;
	uint64_t strangers;
	enum kodo_err err = recount(q, &n);

	if (err == KODO_OK)
		err = tally_strangers(&q->v->t, &strangers);
	if (err == KODO_OK)
		err = tally_sum(&q->v->t, &sum);
	/* a record of a peer that cannot be read is named elsewhere */
	if (err == KODO_ENOMEM)
		return err;
	if (err != KODO_OK || strangers != n.n_strangers || sum.n_providers != n.n_made) {
		say(q, FINDING_ERROR, "the tallies of peers are wrong; " STORE_RESTORE);
		return KODO_OK;
	}
	say_use(q, "providers of one address", sum.most, o->quota_providers, "quota_providers",
	    sum.most == 0 ? "" : address_text(&sum.client, text));
	say_use(q, "peers that nobody vouches for", strangers, o->quota_strangers,
	    "quota_strangers", "");
	return KODO_OK;
}

enum kodo_err
quotas_check(struct view *v, void (*say_line)(void *arg, enum finding kind, const char *line),
    void *arg)
{
	const struct quotas q = { v, arena_new(), say_line, arg };
	enum kodo_err err = q.a == NULL ? KODO_ENOMEM : peers_check(&q);

	arena_free(q.a);
	return err;
}
