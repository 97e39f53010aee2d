/*
 * Signed messages: HTTP Message Signatures (RFC 9421) over a Content-Digest (RFC 9530).
 *
 * Covered is nothing that a proxy may change: of a request the method, whom it is for (Kodo-To: the
 * receiver's own url with the path below it), who speaks (Kodo-From) and the digest of the body; of
 * an answer the status, who speaks, the digest, and the signature of the request that it answers.
 *
 *	Content-Digest: sha-256=:<base64>:
 *	Kodo-From: http://b.example
 *	Kodo-To: http://a.example/connect
 *	Signature-Input: kodo=("@method" "kodo-to" "kodo-from" "content-digest")
 *		;created=1763000000;keyid="<key, base64url>";alg="ed25519";tag="kodo"
 *	Signature: kodo=:<base64>:
 *	Kodo-Former: <former key>.<its signature of the next one> ..	(base64url)
 *
 * A replay is void by `kodo.life` and `kodo.sent` in the body, which the digest covers.
 */
#ifndef KODO_SIGNATURE_H
#define KODO_SIGNATURE_H

#include "core/base/arena.h"
#include "core/trust/own_key.h"

/* What is signed. */
struct signed_message {
	struct str method;		/* of a request; null: it is an answer */
	unsigned status;		/* of an answer */
	/* of an answer: the Signature field of its request */
	struct str request_signature;
	struct str body;
};

/* The fields of its head; null: not there. from is set by both sides before. */
struct signature_fields {
	struct str digest, from, to, input, signature, former;
};

/* Their names, in the order of struct signature_fields. */
#define SIGNATURE_FIELDS	6u
extern const char *const signature_names[SIGNATURE_FIELDS];

static inline struct str *
signature_field(struct signature_fields *f, unsigned i)
{
	struct str *const at[SIGNATURE_FIELDS] = { &f->digest, &f->from, &f->to, &f->input,
		&f->signature, &f->former };

	return at[i];
}

/* Whose word a message is. */
struct signer {
	unsigned char key[CRYPTO_KEY_BYTES];
	struct rotation former[OWN_KEY_FORMER];
	size_t n_former;
	int64_t created_s;	/* as it says */
};

/*
 * Sign: f->from and, of a request, f->to are given, the rest is filled in, in a. Errors as
 * crypto.h, KODO_ENOMEM.
 */
enum kodo_err signature_make(struct arena *a, const struct own_key *k,
    const struct signed_message *m, int64_t now_us, struct signature_fields *f) MUST_CHECK;

/* Has that field Signature a signature of a peer, good or not? */
bool signature_is_ours(struct str field);

/*
 * KODO_OK: it was signed by *out. KODO_ENOTFOUND: it is not signed. KODO_EINVAL: its signature does
 * not hold; *why says so in words, static. Errors as crypto.h, KODO_ENOMEM. Whether f->to is of the
 * receiver, and f->from of the sender that the body names, is not looked at.
 */
enum kodo_err signature_check(const struct signed_message *m, const struct signature_fields *f,
    struct signer *out, const char **why) MUST_CHECK;

#endif
