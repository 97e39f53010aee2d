#include "core/base/json.h"
#include "core/views/moderated.h"

static enum kodo_err
count_one(struct view *v, struct arena *a, const struct moderation *m, const struct record *rec,
    struct moderated_count *counts)
{
	const struct moderation_entry *e;
	enum verdict verdict;
	struct packed p;
	enum kodo_err err = packed_open(rec->said.bytes, &p);

	if (err == KODO_OK)
		err = moderation_of_stored(&v->t, a, m, rec->node, &e, &verdict);
	if (err != KODO_OK || e == NULL)
		return err;
	counts[e - m->all].nodes++;
	counts[e - m->all].flows += p.n_flows;
	return KODO_OK;
}

enum kodo_err
moderated_count(struct view *v, const struct moderation *m, struct moderated_count *counts)
{
	struct arena *a = arena_new();
	struct record rec;
	struct scan s;
	int verdict;
	enum kodo_err err = a == NULL ? KODO_ENOMEM : KODO_OK;

	if (m->n > 0)
		memset(counts, 0, m->n * sizeof(*counts));
	for (verdict = 0; verdict < VERDICTS && err == KODO_OK && m->n > 0; verdict++) {
		s = record_scan_winners(&v->t, (enum verdict)verdict, 0);
		while (record_next(&s, &rec)) {
			s.err = count_one(v, a, m, &rec, counts);
			arena_reset(a);
		}
		err = scan_end(&s);
	}
	arena_free(a);
	return err;
}

enum kodo_err
moderated_hits(struct view *v, struct arena *a, const struct moderation_entry *e,
    struct moderated_hits *out)
{
	struct moderated_count *counts;
	struct moderation m;
	enum kodo_err err = moderation_get(&v->t, a, &m);

	if (err == KODO_OK && moderation_entry(&m, e) == NULL)
		err = moderation_set(a, &m, e);
	counts = arena_zalloc(a, (m.n + 1) * sizeof(*counts));
	if (err == KODO_OK)
		err = counts == NULL ? KODO_ENOMEM : moderated_count(v, &m, counts);
	if (err != KODO_OK)
		return err;
	out->entry = moderation_entry(&m, e);
	out->count = counts[out->entry - m.all];
	out->is_unfinished = m.unfinished != 0;
	return KODO_OK;
}

void
moderated_put(struct buf *b, const struct moderation_entry *e, const struct moderated_count *n)
{
	buf_puts(b, "{\"pattern\":");
	json_put_str(b, e->pattern);
	buf_printf(b, ",\"verdict\":\"%s\",\"since\":", moderation_name(e->verdict));
	json_put_time(b, e->since_us, false);
	buf_printf(b, ",\"nodes\":%llu,\"flows\":%llu}", (unsigned long long)n->nodes,
	    (unsigned long long)n->flows);
}

void
moderated_put_all(
    struct buf *b, const struct moderation *m, const struct moderated_count *counts)
{
	size_t i;

	buf_putc(b, '[');
	for (i = 0; i < m->n; i++) {
		buf_puts(b, i == 0 ? "" : ",");
		moderated_put(b, &m->all[i], &counts[i]);
	}
	buf_putc(b, ']');
}

enum kodo_err
moderated_words(struct arena *a, const struct moderation_entry *e, struct str *out)
{
	char *text;

	*out = STR_NULL;
	if (moderation_verdict(e) == VERDICT_SHOWN)
		return KODO_OK;
	text = arena_printf(a, "%s by %.*s", moderation_name(e->verdict), STR_ARG(e->pattern));
	*out = str_of(text);
	return text == NULL ? KODO_ENOMEM : KODO_OK;
}
