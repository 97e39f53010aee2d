/*
 * Tables from url keys to ids (T_PEER_URL, T_NODE_URL). The value under a key's hash is a list of
 * (id, length, key), for keys whose hashes are equal.
 */
#ifndef KODO_URL_IDS_H
#define KODO_URL_IDS_H

#include "core/storage/store.h"

/* KODO_ENOTFOUND. */
enum kodo_err id_find(
    struct txn *t, enum store_table table, struct str key, uint32_t *id) MUST_CHECK;
/* id 0: forget the key. */
enum kodo_err id_set(
    struct txn *t, enum store_table table, struct str key, uint32_t id) MUST_CHECK;

/* The same for who has the hash: the order of the hashes is that of the table. */
uint64_t id_hash(struct str key);
enum kodo_err id_find_hashed(struct txn *t, enum store_table table, uint64_t hash,
    struct str key, uint32_t *id) MUST_CHECK;
enum kodo_err id_set_hashed(struct txn *t, enum store_table table, uint64_t hash, struct str key,
    uint32_t id) MUST_CHECK;

/* Call each for all pairs of a table from url keys to ids. key points into the map. */
enum kodo_err id_each(struct txn *t, enum store_table table,
    enum kodo_err (*each)(void *arg, uint32_t id, struct str key), void *arg) MUST_CHECK;

#endif
