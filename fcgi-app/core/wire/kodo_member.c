#include "core/base/json.h"
#include "core/wire/kodo_member.h"

static void
put_version(struct buf *b, struct str url, uint64_t version)
{
	if (b->len > 0)
		buf_putc(b, ',');
	json_put_str(b, url);
	buf_putc(b, ':');
	json_put_u64(b, version);
}

void
kodo_begin(struct kodo_member *m, uint64_t epoch, uint64_t sequence, uint64_t former_epoch,
    uint64_t acked_epoch, uint64_t acked)
{
	m->epoch = epoch;
	m->sequence = sequence;
	m->former_epoch = former_epoch;
	m->acked_epoch = acked_epoch;
	m->acked = acked;
}

void
kodo_put_version(struct kodo_member *m, struct str url, uint64_t version, bool is_back)
{
	if (version > 0)
		put_version(is_back ? &m->back : &m->versions, url, version);
}

void
kodo_put_gone(struct kodo_member *m, struct str url, uint64_t version)
{
	if (version > 0)
		put_version(&m->gone, url, version);
}

void
kodo_put_silent(struct kodo_member *m, struct str url, int64_t since_us)
{
	if (m->silent.len > 0)
		buf_putc(&m->silent, ',');
	json_put_str(&m->silent, url);
	buf_puts(&m->silent, since_us < 0 ? ":-1" : ":");
	if (since_us >= 0)
		json_put_u64(&m->silent, (uint64_t)since_us);
}

static void
put_number(struct buf *out, const char *key, uint64_t v)
{
	buf_putc(out, ',');
	json_put_key(out, key);
	json_put_u64(out, v);
}

static void
put_digest(struct buf *out, const char *key, struct str digest)
{
	if (digest.p == NULL)
		return;
	buf_putc(out, ',');
	json_put_key(out, key);
	json_put_str(out, digest);
}

void
kodo_end(struct kodo_member *m, struct buf *out, uint64_t list_id, bool more, struct str view)
{
	buf_puts(out, ",\"kodo\":{\"versions\":{");
	buf_put_str(out, buf_str(&m->versions));
	if (m->back.len > 0) {
		buf_puts(out, "},\"back\":{");
		buf_put_str(out, buf_str(&m->back));
	}
	buf_puts(out, "},\"gone\":{");
	buf_put_str(out, buf_str(&m->gone));
	if (m->silent.len > 0) {
		buf_puts(out, "},\"silent\":{");
		buf_put_str(out, buf_str(&m->silent));
	}
	buf_putc(out, '}');
	if (list_id != 0) {
		put_number(out, "piece", list_id);
		buf_puts(out, more ? ",\"more\":true" : ",\"more\":false");
	}
	if (m->chunk.id.p != NULL) {
		buf_puts(out, ",\"part\":{\"id\":");
		json_put_str(out, m->chunk.id);
		put_number(out, "from", m->chunk.from);
		put_number(out, "of", m->chunk.of);
		buf_putc(out, '}');
	}
	if (m->has_taken)
		put_number(out, "has", m->taken);
	if (m->epoch != 0) {
		put_number(out, "life", m->epoch);
		put_number(out, "sent", m->sequence);
	}
	if (m->former_epoch != 0)
		put_number(out, "former_life", m->former_epoch);
	if (m->acked_epoch != 0) {
		put_number(out, "heard_life", m->acked_epoch);
		put_number(out, "heard", m->acked);
	}
	put_digest(out, "told", m->told);
	put_digest(out, "view", view);
	buf_puts(out, ",\"entries\":true");
	put_number(out, "protocol", KODO_PROTOCOL);
	buf_putc(out, '}');
	if ((buf_failed(&m->versions) || buf_failed(&m->back) || buf_failed(&m->gone) ||
	    buf_failed(&m->silent)) &&
	    out->err == KODO_OK)
		out->err = KODO_ENOMEM;
	kodo_free(m);
}

void
kodo_free(struct kodo_member *m)
{
	buf_free(&m->versions);
	buf_free(&m->back);
	buf_free(&m->gone);
	buf_free(&m->silent);
}
