/*
 * Whose word an answer is: that of the peer that was asked, or of whoever sits at its place.
 */
#ifndef KODO_ANSWER_H
#define KODO_ANSWER_H

#include "core/exchange/delivery.h"

/*
 * Does the answer count? Who is known by a key has signed what changes anything. Otherwise it is a
 * failure from here on: oc->res becomes *no, with the reason. Its key is pinned, and proved.
 */
enum kodo_err answer_judge(struct change *ch, struct peer *p, struct outcome *oc,
    struct exchange_result *no) MUST_CHECK;

/* The document of a peer's keys was asked for, and that came of it. *is_its: it names p's url. */
enum kodo_err answer_document(
    struct change *ch, struct peer *p, struct outcome *oc, bool *is_its) MUST_CHECK;

/* Does that job ask for the document? */
bool answer_is_document(const struct exchange_job *job);

/*
 * A target may call itself by another url than the one that the options have. Of nobody else that
 * counts: it would take the url of another.
 */
enum kodo_err answer_alias(struct change *ch, struct peer *p, struct str key) MUST_CHECK;

/* A PROVE has ended; where it was answered, the peer can be reached for other work, too. */
enum kodo_err answer_shown(struct change *ch, struct peer *p, struct outcome *oc) MUST_CHECK;

/* 421: a target calls itself otherwise than the options do, and what it is sent must say so. */
enum kodo_err answer_elsewhere(
    struct change *ch, struct peer *p, struct outcome *oc) MUST_CHECK;

#endif
