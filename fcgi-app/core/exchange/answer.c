#include "core/exchange/answer.h"
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

enum kodo_err
answer_judge(
    struct change *ch, struct peer *p, struct outcome *oc, struct exchange_result *no)
{
	const struct speaker *who = oc->res->who;
	enum pin_verdict verdict;

	if (who == NULL || !changes_anything(oc->res) || answer_is_document(oc->job))
		return KODO_OK;
	/* the greeting of a stranger shows who is there, with which key or none */
	if (oc->job->kind == EXCHANGE_PROBE)
		return oc->has_body && str_eq(oc->body.from_key, p->key)
		    ? proof_take(ch, p, who->is_signed ? key_bytes(who->signer.key) : STR_NULL)
		    : KODO_OK;
	verdict = pin_judge(ch->o, p->key, p, who);
	/* where it was called its address is its own */
	if (verdict == PIN_COUNTS || verdict == PIN_OTHER_ADDRESS)
		return pin_take(ch->a, p, who, true, ch->now_us);
	*no = (struct exchange_result){ .who = who,
		.error = verdict == PIN_NOT_LISTED ? "Its key is not among those given here"
		    : verdict == PIN_OTHER_KEY ? "It answers with another key than is known of it"
		    : "Its answer is not signed with the key that is known of it" };
	oc->res = no;
	oc->has_body = oc->has_nodes = false;
	(void)proof_ask(ch, p, verdict);
	return KODO_OK;
}

enum kodo_err
answer_document(struct change *ch, struct peer *p, struct outcome *oc, bool *is_its)
{
	unsigned char key[CRYPTO_KEY_BYTES];
	struct str url_key;
	enum kodo_err err = document_read(ch->a, oc->res->body, &url_key, key);

	p->out.work[WORK_PROVE] = 0;
	*is_its = err == KODO_OK && str_eq(url_key, p->key);
	if (*is_its)
		return proof_take(ch, p, key_bytes(key));
	return err == KODO_EINVAL ? KODO_OK : err;
}
