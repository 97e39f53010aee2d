#include <stdio.h>

#include "core/base/url.h"
#include "core/exchange/answer.h"
#include "core/exchange/failure.h"
#include "core/merge/proof.h"
#include "core/trust/document.h"

bool
answer_is_document(const struct exchange_job *job)
{
	return str_ends(job->url, STR(DOCUMENT_PATH));
}

/* Others come from proxies, too, and change nothing that is believed. */
static bool
changes_anything(const struct exchange_result *res)
{
	return (res->status >= 200 && res->status <= 299) || res->status == 404;
}

/* Where the url of a legacy peer leads to is its address. */
static enum kodo_err
address_note(struct change *ch, struct peer *p, const struct speaker *who)
{
	const struct speaker unsigned_one = { .has_address = who->has_address,
		.address = who->address };

	return p->trust.key.len > 0
	    ? KODO_OK : pin_take(ch->a, p, &unsigned_one, true, ch->now_us);
}

/*
 * What is there shows key. It may have been asked while that was known, and have signed for another
 * one before the answer came: then it is asked again. Whoever is known under a key that is not its
 * own cannot put that off so, for its own is another than was known.
 */
static enum kodo_err
shown_take(struct change *ch, struct peer *p, const struct exchange_job *job, struct str key)
{
	if (key.len == 0 || !str_eq(job->pin, key) || str_eq(p->trust.key, key))
		return proof_take(ch, p, key);
	change_want(ch, p, WORK_PROVE, false);
	return KODO_OK;
}

/* There is no document of keys at its url; a server in trouble, or too busy, does not say that. */
static void
no_document_note(struct peer *p, const struct exchange_result *res)
{
	if (res->status >= 400 && res->status <= 499 && res->status != 429)
		p->flags |= PEER_NO_DOCUMENT;
}

/*
 * A greeting that is not signed shows that there is no key only where there is no document either:
 * a proxy may have it in store, or take out what it does not know.
 */
static enum kodo_err
greeting_take(struct change *ch, struct peer *p, const struct outcome *oc)
{
	const struct speaker *who = oc->res->who;
	const bool has_no_document = (p->flags & PEER_NO_DOCUMENT) != 0;
	enum kodo_err err = KODO_OK;

	p->flags &= ~(unsigned)PEER_NO_DOCUMENT;
	if (!oc->has_body || !str_eq(oc->body.from_key, p->key))
		return KODO_OK;
	if (who->is_signed || has_no_document)
		err = shown_take(ch, p, oc->job,
		    who->is_signed ? key_bytes(who->signer.key) : STR_NULL);
	return err == KODO_OK ? address_note(ch, p, who) : err;
}

enum kodo_err
answer_judge(
    struct change *ch, struct peer *p, struct outcome *oc, struct exchange_result *no)
{
	const struct speaker *who = oc->res->who;
	enum pin_verdict verdict;
	enum kodo_err err = KODO_OK;

	if (who != NULL && oc->res->status != 0)
		err = address_note(ch, p, who);
	if (answer_is_document(oc->job))
		no_document_note(p, oc->res);
	if (err != KODO_OK || who == NULL || !changes_anything(oc->res) ||
	    answer_is_document(oc->job))
		return err;
	/* a greeting shows who is there, with which key or none */
	if (oc->job->kind == EXCHANGE_PROBE || oc->job->kind == EXCHANGE_PROVE)
		return greeting_take(ch, p, oc);
	verdict = pin_judge(ch->o, p->key, p, who);
	/* where it was called its address is its own */
	if (verdict == PIN_COUNTS || verdict == PIN_OTHER_ADDRESS)
		return pin_take(ch->a, p, who, true, ch->now_us);
	*no = (struct exchange_result){ .who = who,
		.error = verdict == PIN_NOT_LISTED ? "Its key is not among those given here"
		    : verdict == PIN_OTHER_KEY ? "It answers with another key than is known of it"
		    : "Its answer is not signed with the key that is known of it" };
	snprintf(oc->note, sizeof(oc->note), "the answer of %.*s is refused: %s",
	    STR_ARG(oc->job->url), no->error);
	oc->res = no;
	oc->has_body = oc->has_nodes = false;
	(void)proof_ask(ch, p, verdict);
	return KODO_OK;
}

enum kodo_err
answer_document(struct change *ch, struct peer *p, struct outcome *oc, bool *is_its)
{
	const struct speaker *who = oc->res->who;
	unsigned char key[CRYPTO_KEY_BYTES];
	struct str url_key;
	enum kodo_err err = document_read(ch->a, oc->res->body, &url_key, key);

	p->out.work[WORK_PROVE] = 0;
	*is_its = err == KODO_OK && str_eq(url_key, p->key);
	p->flags &= ~(unsigned)PEER_NO_DOCUMENT;
	if (!*is_its)
		p->flags |= PEER_NO_DOCUMENT;
	/* a key that the known one has signed for takes nothing away */
	if (*is_its && who != NULL && who->is_signed &&
	    str_eq(key_bytes(who->signer.key), key_bytes(key)) &&
	    pin_judge(ch->o, p->key, p, who) == PIN_COUNTS)
		return pin_take(ch->a, p, who, true, ch->now_us);
	if (*is_its)
		return shown_take(ch, p, oc->job, key_bytes(key));
	return err == KODO_EINVAL ? KODO_OK : err;
}

enum kodo_err
answer_alias(struct change *ch, struct peer *p, struct str key)
{
	struct peer *other;
	enum kodo_err err = change_peer_find(ch, key, &other);

	p->alias = STR_NULL;
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	/* that of another would be signed for, and could be passed on to that one */
	if ((p->flags & PEER_TARGET) == 0 || str_eq(key, p->key) || str_eq(key, ch->o->url_key) ||
	    (err == KODO_OK && other->id != p->id))
		return KODO_OK;
	return arena_str(ch->a, key, &p->alias);
}

enum kodo_err
answer_shown(struct change *ch, struct peer *p, struct outcome *oc)
{
	enum kodo_err err = KODO_OK;
	bool is_its;

	p->out.due_us = ch->now_us;
	if (p->out.attempts > 0 && oc->res->status != 200)
		p->out.due_us += (p->flags & PEER_PAUSED) != 0 ? peer_pause_us(p, false)
		    : peer_backoff_us(p->out.attempts, PEER_HEARD_US);
	p->out.work[WORK_PROVE] = 0;
	if (oc->res->status == 200 && answer_is_document(oc->job))
		err = answer_document(ch, p, oc, &is_its);
	if (answer_is_document(oc->job) && (p->flags & PEER_NO_DOCUMENT) != 0 &&
	    p->trust.proved_us == 0)
		change_want(ch, p, WORK_PROVE, false);	/* its greeting, now */
	return err;
}

enum kodo_err
answer_elsewhere(struct change *ch, struct peer *p, struct outcome *oc)
{
	const struct speaker *who = oc->res->who;
	struct str key;
	enum kodo_err err = who == NULL ? KODO_EINVAL : url_key(ch->a, who->from, &key);

	if (err == KODO_ENOMEM)
		return err;
	if (err == KODO_OK && who->is_signed && pin_judge(ch->o, p->key, p, who) == PIN_COUNTS)
		err = answer_alias(ch, p, key);
	/* after a wait, whatever it calls itself next */
	return err == KODO_ENOMEM ? err : failure_retry(ch, p, oc);
}
