/*
 * Bodies of ARD's questions, and their answers' ends.
 */
#ifndef KODO_ARD_SEARCH_H
#define KODO_ARD_SEARCH_H

#include "http/bridges/ard_query.h"

/* Its members by names. KODO_EINVAL: it is no object, which q says; KODO_ENOMEM. */
enum kodo_err ard_search_body(struct ard_query *q, struct jread *j, struct str text,
    const char *const names[], size_t n, struct str values[]) MUST_CHECK;

/* A whole number from 1 to max, else q says what is wrong; absent, *out stays. KODO_ENOMEM. */
enum kodo_err ard_search_number(struct ard_query *q, struct jread *j, struct str json,
    uint64_t max, const char *wrong, uint64_t *out) MUST_CHECK;

/* End the answer; KODO_EINVAL: refuse what q says, KODO_ETOOBIG: its budget. */
enum kodo_err ard_search_end(
    struct call *c, const struct ard_query *q, enum kodo_err err) MUST_CHECK;

#endif
