#include "core/liveness/watch.h"
#include "core/records/codec.h"

#define META_WATCH "watch"

enum kodo_err
watch_get(struct txn *t, struct watch *out)
{
	struct reader r;
	struct str v;
	enum kodo_err err = meta_get(t, META_WATCH, &v);

	*out = (struct watch){ .seen_us = 0 };
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	r = reader_of(v);
	out->seen_us = read_time(&r);
	out->since_us = read_time(&r);
	out->suspect_us = read_time(&r);
	out->until_us = read_time(&r);
	return r.bad ? KODO_ECORRUPT : KODO_OK;
}

enum kodo_err
watch_put(struct txn *t, const struct watch *w)
{
	struct buf b = BUF_INIT(0);
	enum kodo_err err;

	buf_put_u64(&b, (uint64_t)w->seen_us);
	buf_put_u64(&b, (uint64_t)w->since_us);
	buf_put_u64(&b, (uint64_t)w->suspect_us);
	buf_put_u64(&b, (uint64_t)w->until_us);
	err = buf_failed(&b) ? b.err : meta_put(t, META_WATCH, buf_str(&b));
	buf_free(&b);
	return err;
}

bool
watch_is_off(const struct watch *w, int64_t now_us)
{
	return w->seen_us == 0 || now_us - w->seen_us > 3 * WATCH_ROUND_US;
}
