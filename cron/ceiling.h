/*
 * What peers that never answered may take of one host: slots, bytes a minute, and how many of them
 * wait. Whoever posts to us may name any url, so many of them may lead to a host that has asked for
 * nothing. Arithmetic on the monotonic clock, without network.
 *
 * Peers that answered are not counted, nor are private hosts: there the operator decides whom the
 * service may reach (option `private`), and hundreds of services may live on one address.
 */
#ifndef KODO_CEILING_H
#define KODO_CEILING_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/str.h"

/* of 16: one host that hangs leaves most of them to others */
#define CEILING_SLOTS		4u
/* on average: some 150 probes. As many at once are no burden either */
#define CEILING_MINUTE_BYTES	16384u
/* a shared host has hundreds; the rest is asked when it connects again */
#define CEILING_PEERS		1000u
#define CEILING_PACE_US		250000		/* between two that waited */

struct ceiling;

enum ceiling_verdict { CEILING_GO, CEILING_WAIT, CEILING_DROP };

enum kodo_err ceiling_new(struct ceiling **out) MUST_CHECK;	/* KODO_ENOMEM */
void ceiling_free(struct ceiling *c);				/* NULL is fine */

/* The host of a url, for the functions below. 0: none that has a ceiling. */
uint32_t ceiling_host(struct str url);

/*
 * May so many bytes go to the host now? CEILING_GO takes a slot, until ceiling_end. CEILING_WAIT:
 * not before *wait_us.
 */
enum ceiling_verdict ceiling_ask(
    struct ceiling *c, uint32_t host, size_t bytes, int64_t now_us, int64_t *wait_us) MUST_CHECK;
void ceiling_end(struct ceiling *c, uint32_t host);

#endif
