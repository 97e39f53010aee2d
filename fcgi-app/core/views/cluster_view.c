#include "core/base/json.h"
#include "core/views/cluster_view.h"

static void
put_member(struct buf *b, const struct cluster_status *st, const struct cluster_member *m)
{
	buf_putc(b, '{');
	json_put_text(b, "machine", str_of(m->name));
	buf_putc(b, ',');
	json_put_text(b, "version", str_of(m->version));
	buf_puts(b, ",\"applied\":");
	json_put_u64(b, m->applied);
	buf_puts(b, ",\"behind\":");
	json_put_u64(b, cluster_behind(st, m));
	buf_puts(b, ",\"ready\":");
	json_put_bool(b, m->is_ready && m->is_live);
	buf_puts(b, ",\"seen\":");
	json_put_time(b, m->seen_us, true);
	buf_putc(b, '}');
}

void
cluster_view_put(struct buf *b, const struct cluster_status *st)
{
	unsigned i;

	buf_putc(b, '{');
	json_put_text(b, "name", str_of(st->name));
	buf_putc(b, ',');
	json_put_text(b, "machine", str_of(st->machine));
	buf_putc(b, ',');
	json_put_text(b, "leader", st->leader[0] == '\0' ? STR_NULL : str_of(st->leader));
	buf_puts(b, ",\"revision\":");
	json_put_u64(b, st->revision);
	buf_puts(b, ",\"queued\":");
	json_put_u64(b, st->queued);
	buf_puts(b, ",\"quorum\":");
	json_put_bool(b, st->has_quorum);
	buf_putc(b, ',');
	json_put_text(b, "stopped", st->stopped[0] == '\0' ? STR_NULL : str_of(st->stopped));
	buf_puts(b, ",\"members\":[");
	for (i = 0; i < st->n_members; i++) {
		if (i > 0)
			buf_putc(b, ',');
		put_member(b, st, &st->members[i]);
	}
	buf_puts(b, "]}");
}

void
cluster_view_count(const struct cluster_status *st, unsigned *live, unsigned *ready)
{
	unsigned i;

	*live = *ready = 0;
	for (i = 0; i < st->n_members; i++) {
		*live += st->members[i].is_live;
		*ready += st->members[i].is_live && st->members[i].is_ready;
	}
}
