#include <stddef.h>

#include "core/base/hash.h"
#include "core/base/limit.h"
#include "core/import/source.h"
#include "core/records/codec.h"

#define KEY_BYTES	21u

enum { KIND_SOURCE = 's', KIND_WATCHED = 'w', KIND_SPACE = 'n', KIND_ENTRY = 'e' };

/* --- keys --- */

/* n numbers behind peer and kind. */
static struct str
key_of(unsigned char out[KEY_BYTES], uint32_t peer, char kind, uint64_t first, uint64_t second,
    unsigned n)
{
	key_u32(out, peer);
	out[4] = (unsigned char)kind;
	key_u64(out + 5, first);
	key_u64(out + 13, second);
	return (struct str){ (const char *)out, 5 + 8 * n };
}

uint64_t
source_hash(struct str slug)
{
	return hash_text(HASH_STORED, slug);
}

/* --- sources --- */

static const struct record_field fields[] = {
#define FIELD(type, member) { type, offsetof(struct source, member) }
	FIELD(FIELD_U32, peer),
	FIELD(FIELD_U32, phase),
	FIELD(FIELD_U32, flags),
	FIELD(FIELD_U32, kind),
	FIELD(FIELD_U32, failures),
	FIELD(FIELD_U32, tries),
	FIELD(FIELD_U32, requests),
	FIELD(FIELD_U32, n_new),
	FIELD(FIELD_U32, n_changed),
	FIELD(FIELD_U32, n_gone),
	FIELD(FIELD_U32, loop_power),
	FIELD(FIELD_U32, loop_steps),
	FIELD(FIELD_U64, walk),
	FIELD(FIELD_U64, bytes),
	FIELD(FIELD_U64, loop_hash),
	FIELD(FIELD_U64, settled),
	FIELD(FIELD_U64, n_entries),
	FIELD(FIELD_TIME, began_us),
	FIELD(FIELD_TIME, since_us),
	FIELD(FIELD_TIME, full_us),
	FIELD(FIELD_TIME, done_us),
	FIELD(FIELD_TIME, due_us),
	FIELD(FIELD_TEXT, slug),
	FIELD(FIELD_TEXT, text),
	FIELD(FIELD_TEXT, queue),
	FIELD(FIELD_TEXT, root),
	FIELD(FIELD_TEXT, etag),
	FIELD(FIELD_TEXT, own_url),
	FIELD(FIELD_TEXT, error),
	FIELD(FIELD_TEXT, example),
#undef FIELD
};
#define N_FIELDS	(sizeof(fields) / sizeof(fields[0]))

/* Texts point into v. */
static enum kodo_err
source_read(struct str v, struct source *out)
{
	struct reader r = reader_of(v);
	size_t i;

	*out = (struct source){ .peer = 0 };
	for (i = 0; i < N_FIELDS; i++)
		field_read(&r, &fields[i], out);
	for (i = 0; i < IMPORT_REFUSALS; i++)
		out->refused[i] = read_u32(&r);
	/* former builds did not count */
	if (r.p < r.end)
		out->held = read_u64(&r);
	return r.bad || out->slug.p == NULL || out->text.p == NULL || out->kind >= IMPORT_KINDS ||
	    out->phase > SOURCE_ENDS ? KODO_ECORRUPT : KODO_OK;
}

enum kodo_err
source_get(struct txn *t, struct arena *a, struct str slug, struct source *out)
{
	unsigned char k[KEY_BYTES];
	struct str v;
	enum kodo_err err = store_get(
	    t, T_IMPORT, key_of(k, 0, KIND_SOURCE, source_hash(slug), 0, 1), &v);

	*out = (struct source){ .peer = 0 };
	if (err == KODO_OK)
		err = arena_str(a, v, &v);
	if (err == KODO_OK)
		err = source_read(v, out);
	return err == KODO_OK && !str_eq(out->slug, slug) ? KODO_ENOTFOUND : err;
}

enum kodo_err
source_put(struct txn *t, const struct source *s)
{
	struct buf b = BUF_INIT(0);
	unsigned char k[KEY_BYTES];
	size_t i;
	enum kodo_err err;

	for (i = 0; i < N_FIELDS; i++)
		field_write(&b, &fields[i], s);
	for (i = 0; i < IMPORT_REFUSALS; i++)
		buf_put_u32(&b, s->refused[i]);
	buf_put_u64(&b, s->held);
	err = buf_failed(&b) ? b.err : store_put(t, T_IMPORT,
	    key_of(k, 0, KIND_SOURCE, source_hash(s->slug), 0, 1), buf_str(&b));
	buf_free(&b);
	return err;
}

enum kodo_err
source_del(struct txn *t, struct str slug)
{
	unsigned char k[KEY_BYTES];

	return store_del(t, T_IMPORT, key_of(k, 0, KIND_SOURCE, source_hash(slug), 0, 1));
}

enum kodo_err
source_watched_get(struct txn *t, struct str own_url, uint64_t *at)
{
	unsigned char k[KEY_BYTES];
	struct reader r;
	struct str v;
	enum kodo_err err = store_get(t, T_IMPORT, key_of(k, 0, KIND_WATCHED, 0, 0, 0), &v);

	*at = 0;
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	r = reader_of(v);
	if (read_u64(&r) == source_hash(own_url))
		*at = read_u64(&r);
	return r.bad ? KODO_ECORRUPT : KODO_OK;
}

enum kodo_err
source_watched_put(struct txn *t, struct str own_url, uint64_t at)
{
	unsigned char k[KEY_BYTES];
	struct buf b = BUF_INIT(0);
	enum kodo_err err;

	buf_put_u64(&b, source_hash(own_url));
	buf_put_u64(&b, at);
	err = buf_failed(&b) ? b.err : store_put(t, T_IMPORT,
	    key_of(k, 0, KIND_WATCHED, 0, 0, 0), buf_str(&b));
	buf_free(&b);
	return err;
}

enum kodo_err
source_each(struct txn *t, enum kodo_err (*each)(void *arg, const struct source *s), void *arg)
{
	unsigned char k[KEY_BYTES];
	struct scan scan = scan_prefix(t, T_IMPORT, key_of(k, 0, KIND_SOURCE, 0, 0, 0));
	struct source s;

	while (scan_next(&scan)) {
		scan.err = source_read(scan.v, &s);
		if (scan.err == KODO_OK)
			scan.err = each(arg, &s);
	}
	return scan_end(&scan);
}

void
source_hold(struct source *s, size_t was, size_t now)
{
	s->held = (s->held > was ? s->held - was : 0) + now;
}

uint32_t
source_n_refused(const struct source *s)
{
	uint32_t n = 0;
	unsigned i;

	for (i = 0; i < IMPORT_REFUSALS; i++)
		n += s->refused[i];
	return n;
}

/* --- namespaces --- */

static enum kodo_err
space_read(struct str v, struct source_space *out)
{
	struct reader r = reader_of(v);

	out->is_changed = read_u32(&r) != 0;
	out->rival = read_u32(&r);
	read_str(&r, &out->space);
	return r.bad || out->space.p == NULL ? KODO_ECORRUPT : KODO_OK;
}

enum kodo_err
source_space_get(struct txn *t, uint32_t peer, uint64_t hash, struct source_space *out)
{
	unsigned char k[KEY_BYTES];
	struct str v;
	enum kodo_err err = store_get(t, T_IMPORT, key_of(k, peer, KIND_SPACE, hash, 0, 1), &v);

	*out = (struct source_space){ .rival = 0 };
	return err == KODO_OK ? space_read(v, out) : err;
}

enum kodo_err
source_space_put(struct txn *t, uint32_t peer, const struct source_space *s)
{
	struct buf b = BUF_INIT(0);
	unsigned char k[KEY_BYTES];
	enum kodo_err err;

	buf_put_u32(&b, s->is_changed);
	buf_put_u32(&b, s->rival);
	write_str(&b, s->space);
	err = buf_failed(&b) ? b.err : store_put(t, T_IMPORT,
	    key_of(k, peer, KIND_SPACE, source_hash(s->space), 0, 1), buf_str(&b));
	buf_free(&b);
	return err;
}

enum kodo_err
source_space_del(struct txn *t, uint32_t peer, struct str space)
{
	unsigned char k[KEY_BYTES];

	return store_del(t, T_IMPORT, key_of(k, peer, KIND_SPACE, source_hash(space), 0, 1));
}

struct scan
source_space_scan(struct txn *t, uint32_t peer, uint64_t from)
{
	unsigned char k[KEY_BYTES];

	return scan_from(t, T_IMPORT, key_of(k, peer, KIND_SPACE, from, 0, 1), 5);
}

bool
source_space_next(struct scan *s, uint64_t *hash, struct source_space *out)
{
	if (!scan_next(s))
		return false;
	if (s->k.len != 13)
		s->err = KODO_ECORRUPT;
	else
		*hash = get_be64(s->k.p + 5);
	if (s->err == KODO_OK)
		s->err = space_read(s->v, out);
	return s->err == KODO_OK;
}

/* --- entries --- */

#define STAMP_BYTES	16u	/* what stands before the contents: two numbers */

static enum kodo_err
entry_read(struct str v, struct source_entry *out)
{
	struct reader r = reader_of(v);

	*out = (struct source_entry){ .n_bytes = v.len };
	out->first_us = read_time(&r);
	out->walk = read_u64(&r);
	read_str(&r, &out->e.id);
	read_str(&r, &out->e.space);
	read_str(&r, &out->e.slug);
	read_str(&r, &out->e.name);
	read_str(&r, &out->e.description);
	read_str(&r, &out->e.author);
	read_str(&r, &out->e.organization);
	read_str(&r, &out->e.target);
	out->tags = (struct str){ (const char *)r.p, (size_t)(r.end - r.p) };
	return r.bad || out->e.slug.p == NULL || out->e.name.p == NULL ? KODO_ECORRUPT : KODO_OK;
}

enum kodo_err
source_entry_get(struct txn *t, uint32_t peer, struct str space, struct str slug,
    struct source_entry *out)
{
	unsigned char k[KEY_BYTES];
	struct str v;
	enum kodo_err err = store_get(t, T_IMPORT,
	    key_of(k, peer, KIND_ENTRY, source_hash(space), source_hash(slug), 2), &v);

	return err == KODO_OK ? entry_read(v, out) : err;
}

enum kodo_err
source_entry_put(struct txn *t, uint32_t peer, int64_t first_us, uint64_t walk,
    const struct import_entry *e, bool *is_same, size_t *n_bytes)
{
	const struct str texts[] = { e->id, e->space, e->slug, e->name, e->description, e->author,
		e->organization, e->target };
	struct buf b = BUF_INIT(0);
	unsigned char k[KEY_BYTES];
	struct str v, key;
	size_t i;
	enum kodo_err err;

	buf_put_u64(&b, (uint64_t)first_us);
	buf_put_u64(&b, walk);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		write_str(&b, texts[i]);
	for (i = 0; i < e->n_tags; i++)
		write_str(&b, e->tags[i]);
	key = key_of(k, peer, KIND_ENTRY, source_hash(e->space), source_hash(e->slug), 2);
	err = buf_failed(&b) ? b.err : store_get(t, T_IMPORT, key, &v);
	*is_same = err == KODO_OK && v.len >= STAMP_BYTES &&
	    str_eq(str_skip(v, STAMP_BYTES), str_skip(buf_str(&b), STAMP_BYTES));
	if (err == KODO_OK || err == KODO_ENOTFOUND)
		err = store_put(t, T_IMPORT, key, buf_str(&b));
	*n_bytes = b.len;
	buf_free(&b);
	return err;
}

enum kodo_err
source_entry_del(struct txn *t, uint32_t peer, struct str space, struct str slug)
{
	unsigned char k[KEY_BYTES];

	return store_del(t, T_IMPORT,
	    key_of(k, peer, KIND_ENTRY, source_hash(space), source_hash(slug), 2));
}

struct scan
source_entry_scan(struct txn *t, uint32_t peer, struct str space)
{
	unsigned char k[KEY_BYTES];

	return scan_prefix(t, T_IMPORT, key_of(k, peer, KIND_ENTRY, source_hash(space), 0, 1));
}

bool
source_entry_next(struct scan *s, struct source_entry *out)
{
	if (!scan_next(s))
		return false;
	s->err = s->k.len != KEY_BYTES ? KODO_ECORRUPT : entry_read(s->v, out);
	return s->err == KODO_OK;
}

enum kodo_err
source_entry_tags(const struct source_entry *e, struct str *tags, size_t *n)
{
	struct reader r = reader_of(e->tags);

	for (*n = 0; r.p < r.end && !r.bad && *n < LIMIT_TAGS; ++*n)
		read_str(&r, &tags[*n]);
	return r.bad ? KODO_ECORRUPT : KODO_OK;
}

enum kodo_err
source_forget(struct txn *t, uint32_t peer, unsigned n, bool *more)
{
	unsigned char prefix[4], k[KEY_BYTES];
	size_t len = 0;
	struct scan s;
	enum kodo_err err = KODO_OK;

	*more = true;
	for (; n > 0 && *more && err == KODO_OK; n--) {
		/* a scan cannot go on over a change */
		s = scan_prefix(t, T_IMPORT, key_u32(prefix, peer));
		*more = scan_next(&s);
		len = *more && s.k.len <= sizeof(k) ? s.k.len : 0;
		if (len > 0)
			memcpy(k, s.k.p, len);
		else if (*more)
			s.err = KODO_ECORRUPT;
		err = scan_end(&s);
		if (err == KODO_OK && *more)
			err = store_del(t, T_IMPORT, (struct str){ (const char *)k, len });
	}
	return err;
}
