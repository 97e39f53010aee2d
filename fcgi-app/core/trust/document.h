/*
 * What a service shows at /.well-known/kodo.json, by which others find out if a key is its own:
 *
 *	{"url":"http://a.example","keys":[{"key":"<base64url>","alg":"ed25519",
 *	 "since":"2026-11-27T01:00:00Z"}]}
 *
 * The first key is that in use; others may follow.
 */
#ifndef KODO_DOCUMENT_H
#define KODO_DOCUMENT_H

#include "core/base/arena.h"
#include "core/trust/own_key.h"

#define DOCUMENT_PATH	"/.well-known/kodo.json"

void document_put(struct buf *out, struct str url, const struct own_key *k);

/* *url_key: see url.h. KODO_EINVAL: it is none. KODO_ENOMEM. */
enum kodo_err document_read(struct arena *a, struct str json, struct str *url_key,
    unsigned char key[CRYPTO_KEY_BYTES]) MUST_CHECK;

#endif
