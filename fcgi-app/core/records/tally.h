/*
 * Tallies of peers (T_TALLY), kept in step with their records: those that nobody vouches for, and
 * the providers that each public client has made.
 */
#ifndef KODO_TALLY_H
#define KODO_TALLY_H

#include <netinet/in.h>

#include "core/storage/store.h"

/* What a peer counts for. */
struct tally_of {
	bool is_stranger;
	bool is_unproven;	/* a provider, and a stranger */
	struct str client;	/* who has made it a provider, see tally_client; null: nobody */
};

/* A peer counts for is, and not for was any more. */
enum kodo_err tally_move(
    struct txn *t, const struct tally_of *was, const struct tally_of *is) MUST_CHECK;

/* A client as a key of the table, by its address of 16 bytes; null: none that counts. */
struct str tally_client(struct str address);

/*
 * Peers that nobody vouches for: strangers, see peer_is_stranger, but for those that have left and
 * are remembered (peer_is_idle).
 */
enum kodo_err tally_strangers(struct txn *t, uint64_t *n) MUST_CHECK;
/* Providers that are strangers: nobody's line is down where they say nothing. */
enum kodo_err tally_unproven(struct txn *t, uint64_t *n) MUST_CHECK;
/* Providers made by the client with that address. */
enum kodo_err tally_providers(
    struct txn *t, const struct in6_addr *address, uint64_t *n) MUST_CHECK;

/* For `kodo check`: all clients. */
struct tally_sum {
	uint64_t n_clients, n_providers, most;
	struct in6_addr client;		/* of most */
};
enum kodo_err tally_sum(struct txn *t, struct tally_sum *out) MUST_CHECK;

#endif
