#include "core/base/hash.h"
#include "core/records/codec.h"
#include "core/records/url_ids.h"

uint64_t
id_hash(struct str key)
{
	return hash_text(HASH_STORED, key);
}

enum kodo_err
id_find(struct txn *t, enum store_table table, struct str key, uint32_t *id)
{
	return id_find_hashed(t, table, id_hash(key), key, id);
}

enum kodo_err
id_find_hashed(
    struct txn *t, enum store_table table, uint64_t hash, struct str key, uint32_t *id)
{
	unsigned char k[8];
	struct reader r;
	struct str v, found;
	enum kodo_err err;

	*id = 0;
	err = store_get(t, table, key_u64(k, hash), &v);
	if (err != KODO_OK)
		return err;
	for (r = reader_of(v); r.p < r.end && !r.bad; ) {
		uint32_t one = read_u32(&r);

		read_str(&r, &found);
		if (!r.bad && str_eq(found, key)) {
			*id = one;
			return KODO_OK;
		}
	}
	return r.bad ? KODO_ECORRUPT : KODO_ENOTFOUND;
}

enum kodo_err
id_set(struct txn *t, enum store_table table, struct str key, uint32_t id)
{
	return id_set_hashed(t, table, id_hash(key), key, id);
}

/* Rewrite the list under key's hash without key, and with (id, key) where id is not 0. */
enum kodo_err
id_set_hashed(
    struct txn *t, enum store_table table, uint64_t key_hash, struct str key, uint32_t id)
{
	struct buf b = BUF_INIT(0);
	unsigned char k[8];
	struct str hash = key_u64(k, key_hash), v, found;
	struct reader r;
	enum kodo_err err;

	err = store_get(t, table, hash, &v);
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	for (r = reader_of(v); r.p < r.end && !r.bad; ) {
		uint32_t one = read_u32(&r);

		read_str(&r, &found);
		if (!r.bad && !str_eq(found, key)) {
			buf_put_u32(&b, one);
			write_str(&b, found);
		}
	}
	if (id != 0) {
		buf_put_u32(&b, id);
		write_str(&b, key);
	}
	if (r.bad)
		err = KODO_ECORRUPT;
	else if (buf_failed(&b))
		err = b.err;
	else
		err =
		    b.len == 0 ? store_del(t, table, hash) : store_put(t, table, hash, buf_str(&b));
	buf_free(&b);
	return err;
}

enum kodo_err
id_each(struct txn *t, enum store_table table,
    enum kodo_err (*each)(void *arg, uint32_t id, struct str key), void *arg)
{
	struct scan s = scan_prefix(t, table, STR_NULL);
	struct str key;

	while (scan_next(&s)) {
		struct reader r = reader_of(s.v);

		while (r.p < r.end && s.err == KODO_OK) {
			uint32_t id = read_u32(&r);

			read_str(&r, &key);
			s.err = r.bad ? KODO_ECORRUPT : each(arg, id, key);
		}
	}
	return scan_end(&s);
}
