#include "core/base/json.h"
#include "core/wire/kodo_member.h"

static void
kodo_put(struct buf *b, struct str url, uint64_t version)
{
	if (b->len > 0)
		buf_putc(b, ',');
	json_put_str(b, url);
	buf_putc(b, ':');
	json_put_u64(b, version);
}

void
kodo_begin(
    struct kodo_member *m, uint64_t epoch, uint64_t sequence, uint64_t acked_epoch, uint64_t acked)
{
	m->epoch = epoch;
	m->sequence = sequence;
	m->acked_epoch = acked_epoch;
	m->acked = acked;
}

void
kodo_put_version(struct kodo_member *m, struct str url, uint64_t version)
{
	if (version > 0)
		kodo_put(&m->versions, url, version);
}

void
kodo_put_gone(struct kodo_member *m, struct str url, uint64_t version)
{
	if (version > 0)
		kodo_put(&m->gone, url, version);
}

void
kodo_end(struct kodo_member *m, struct buf *out, uint64_t list_id, bool more, struct str view)
{
	buf_puts(out, ",\"kodo\":{\"versions\":{");
	buf_put_str(out, buf_str(&m->versions));
	buf_puts(out, "},\"gone\":{");
	buf_put_str(out, buf_str(&m->gone));
	buf_putc(out, '}');
	if (list_id != 0) {
		buf_puts(out, ",\"piece\":");
		json_put_u64(out, list_id);
		buf_puts(out, ",\"more\":");
		json_put_bool(out, more);
	}
	if (m->chunk.id.p != NULL) {
		buf_puts(out, ",\"part\":{\"id\":");
		json_put_str(out, m->chunk.id);
		buf_printf(out, ",\"from\":%llu,\"of\":%llu}", (unsigned long long)m->chunk.from,
		    (unsigned long long)m->chunk.of);
	}
	if (m->has_taken) {
		buf_puts(out, ",\"has\":");
		json_put_u64(out, m->taken);
	}
	if (m->epoch != 0) {
		buf_puts(out, ",\"life\":");
		json_put_u64(out, m->epoch);
		buf_puts(out, ",\"sent\":");
		json_put_u64(out, m->sequence);
	}
	if (m->acked_epoch != 0) {
		buf_puts(out, ",\"heard_life\":");
		json_put_u64(out, m->acked_epoch);
		buf_puts(out, ",\"heard\":");
		json_put_u64(out, m->acked);
	}
	if (m->told.p != NULL) {
		buf_puts(out, ",\"told\":");
		json_put_str(out, m->told);
	}
	if (view.p != NULL) {
		buf_puts(out, ",\"view\":");
		json_put_str(out, view);
	}
	buf_putc(out, '}');
	if ((buf_failed(&m->versions) || buf_failed(&m->gone)) && out->err == KODO_OK)
		out->err = KODO_ENOMEM;
	buf_free(&m->versions);
	buf_free(&m->gone);
}
