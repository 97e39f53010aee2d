#include <string.h>

#include "core/base/json.h"
#include "core/base/url.h"
#include "core/exchange/digest_check.h"
#include "core/merge/ingest.h"
#include "core/merge/resync.h"
#include "core/merge/statement.h"
#include "core/records/digest.h"
#include "core/records/known.h"

/* Is our url a member of `registers`, the last member of a legacy peer's map? */
static bool
is_registered(const struct change *ch, struct str body)
{
	static const char member[] = "\"registers\":";
	struct buf b = BUF_INIT(0);
	const char *at =
	    body.len == 0 ? NULL : memmem(body.p, body.len, member, sizeof(member) - 1);
	bool found = false;

	json_put_str(&b, ch->o->url);
	buf_putc(&b, ':');
	if (at != NULL && !buf_failed(&b))
		found = memmem(at, body.len - (size_t)(at - body.p), b.p, b.len) != NULL;
	buf_free(&b);
	return found;
}

/* It states what it did: its own node is said again, and raised over what others say of it. */
static enum kodo_err
own_confirm(struct change *ch, struct peer *p)
{
	struct statement own = { .version = 0 };
	uint32_t node;
	enum kodo_err err = node_find(ch->t, p->key, &node);

	if (err == KODO_OK)
		err = known_statement(ch->t, node, p->id, &own);
	if (err == KODO_OK)
		err = arena_str(ch->a, own.bytes, &own.bytes);
	if (err == KODO_OK)
		err = statement_take(ch, p, p->key, own.bytes, own.version, false, &node);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

enum kodo_err
digest_check_agrees(struct change *ch, struct peer *p, const struct wire_body *b,
    const struct exchange_job *job, const struct exchange_result *res, bool *out)
{
	char digest[DIGEST_SIZE];
	enum kodo_err err = KODO_OK;

	if (!job->is_post) {
		*out = is_registered(ch, res->body);
		return KODO_OK;
	}
	*out = b != NULL && b->view.p != NULL && job->view.p != NULL && str_eq(b->view, job->view);
	/* an answer that was overtaken does not tell of what came since */
	if (*out && b->told.p != NULL && !ingest_is_late(p, b) && ch->o->registry && ch->o->feed) {
		err = digest_stated(ch->t, p->id, p->key, change_is_subscriber(ch, p),
		    b->keeps_entries, digest);
		*out = str_eq(b->told, str_of(digest));
		if (err == KODO_OK && *out)
			err = own_confirm(ch, p);
	} else if (!peer_is_live_target(p)) {
		*out = false; /* it was its word that was asked for */
	} else if (*out && resync_is_asked(ch, p)) {
		/* it holds news back, or has spoken since: its word is still to come */
		resync_check(ch, p, ch->now_us + PEER_HEARD_US);
	}
	return err;
}

enum kodo_err
digest_check_targets(struct change *ch)
{
	struct peer *p;
	struct str key;
	size_t i;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < ch->o->n_connect && err == KODO_OK; i++) {
		err = url_key(ch->a, ch->o->connect[i], &key);
		if (err == KODO_OK)
			err = change_peer_find(ch, key, &p);
		/* a resync that waits asks for more than a check does */
		if (err == KODO_OK && peer_is_live_target(p) && p->out.connected_us != 0 &&
		    (p->flags & PEER_RESYNC) == 0)
			resync_check(ch, p, ch->now_us);
		else if (err == KODO_ENOTFOUND)
			err = KODO_OK;
	}
	return err;
}
