#include "core/records/flow_order_private.h"

size_t
same_start(struct str x, struct str y)
{
	const size_t max = x.len < y.len ? x.len : y.len;
	size_t n = 0;

	while (n < max && x.p[n] == y.p[n])
		n++;
	return n;
}

struct block_reader
block_reader_of(struct str bytes)
{
	const unsigned char *p = (const unsigned char *)bytes.p;
	const unsigned char *end = bytes.len == 0 ? p : p + bytes.len;

	return (struct block_reader){ .raw = p, .next = p, .end = end };
}

static uint32_t
number_read(struct block_reader *r)
{
	uint64_t v = 0;
	unsigned shift = 0;

	while (r->next < r->end && shift < 35) {
		const unsigned char c = *r->next++;

		v |= (uint64_t)(c & 127u) << shift;
		if (c < 128 && v <= UINT32_MAX)
			return (uint32_t)v;
		shift += 7;
	}
	r->bad = true;
	return 0;
}

bool
block_next(struct block_reader *r)
{
	size_t same, more;

	r->raw = r->next;
	r->is_over = r->is_over || r->next == r->end;
	if (r->is_over || r->bad)
		return false;
	r->at.node = number_read(r);
	r->at.flow = number_read(r);
	if (r->bad || r->end - r->next < 2) {
		r->bad = true;
		return false;
	}
	same = r->next[0];
	more = r->next[1];
	r->next += 2;
	if (same > r->hint.len || same + more > HINT_MAX || (size_t)(r->end - r->next) < more) {
		r->bad = true;
		return false;
	}
	if (more <= 8 && r->end - r->next >= 8)
		memcpy(r->hint.p + same, r->next, 8); /* one load and one store */
	else
		memcpy(r->hint.p + same, r->next, more);
	r->hint.len = same + more;
	r->same = same;
	r->next += more;
	r->n++;
	return true;
}

/* Pass over two lengths and the start of a name. */
static bool
hint_skip(struct block_reader *r)
{
	if (r->end - r->next < 2 || r->end - r->next - 2 < r->next[1]) {
		r->bad = true;
		return false;
	}
	r->next += 2 + r->next[1];
	r->n++;
	return true;
}

void
block_skip(struct block_reader *r, uint64_t n)
{
	for (; n > 0 && r->next < r->end && !r->bad; n--) {
		unsigned numbers = 2;

		while (numbers > 0 && r->next < r->end)
			numbers -= *r->next++ < 128;
		if (!hint_skip(r))
			return;
	}
}

size_t
block_entries(struct block_reader *r, struct flow_order_entry *out, uint64_t n)
{
	size_t i;

	for (i = 0; i < n && r->next < r->end && !r->bad; i++) {
		out[i].node = number_read(r);
		out[i].flow = number_read(r);
		if (r->bad || !hint_skip(r))
			break;
	}
	return i;
}

static char *
number_put(char *p, uint32_t v)
{
	for (; v >= 128; v >>= 7)
		*p++ = (char)(v | 128);
	*p++ = (char)v;
	return p;
}

void
block_put(struct block_writer *w, struct flow_order_entry at, struct str hint)
{
	const size_t same = same_start(hint_str(&w->last), hint);
	char *begin, *p;

	block_end(w);
	p = begin = buf_room(&w->out, ENTRY_MAX);
	if (begin == NULL)
		return;
	p = number_put(p, at.node);
	p = number_put(p, at.flow);
	*p++ = (char)same;
	*p++ = (char)(hint.len - same);
	if (hint.len > same)
		memcpy(p, hint.p + same, hint.len - same);
	p += hint.len - same;
	w->out.len += (size_t)(p - begin);
	hint_set(&w->last, hint);
	w->n++;
	w->is_in_step = false;
}

void
block_end(struct block_writer *w)
{
	if (w->run != w->run_end)
		buf_put(&w->out, w->run, (size_t)(w->run_end - w->run));
	w->run = w->run_end = NULL;
}

void
block_copy(struct block_writer *w, const struct block_reader *r)
{
	if (!w->is_in_step) {
		block_put(w, r->at, hint_str(&r->hint));
		w->is_in_step = true;
		return;
	}
	if (w->run == NULL)
		w->run = r->raw;
	w->run_end = r->next;
	w->n++;
}

void
block_copy_rest(struct block_writer *w, struct block_reader *r)
{
	const uint32_t n = r->n;

	block_copy(w, r);
	if (w->run == NULL)
		w->run = r->next;
	block_skip(r, UINT64_MAX);
	w->run_end = r->next;
	w->n += r->n - n;
}

void
block_copy_like(struct block_writer *w, struct block_reader *r, size_t same)
{
	const unsigned char *p = r->next;

	if (w->run == NULL)
		w->run = r->next;
	for (;;) {
		while (p < r->end && *p >= 128)
			p++;
		for (p++; p < r->end && *p >= 128; p++)
			;
		p++;
		if (r->end - p < 2 || p[0] <= same || p[1] > r->end - p - 2)
			break;
		r->next = p += 2 + p[1];
		r->n++;
		w->n++;
	}
	w->run_end = r->next;
}

size_t
block_size(const struct block_writer *w)
{
	return w->out.len + (size_t)(w->run_end - w->run);
}
