#include <stdio.h>

#include "core/cluster/fields.h"
#include "core/config/option.h"
#include "core/wire/wire.h"

#define MORE	0x80u
#define WIRE_KINDS	(WIRE_ANSWER + 1u)

/* --- numbers --- */

void
fields_write_number(struct buf *out, uint64_t n)
{
	for (; n >= MORE; n >>= 7)
		buf_putc(out, (char)(n | MORE));
	buf_putc(out, (char)n);
}

uint64_t
fields_read_number(struct reader *r)
{
	uint64_t n = 0;
	unsigned bits;

	for (bits = 0; bits < 64; bits += 7) {
		const unsigned char *p = read_bytes(r, 1);

		if (p == NULL || (bits == 63 && *p > 1) || (bits > 0 && *p == 0))
			break;
		n |= (uint64_t)(*p & ~MORE) << bits;
		if ((*p & MORE) == 0)
			return n;
	}
	r->bad = true;
	return 0;
}

static uint64_t
number_get(const void *at, size_t size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		return *(const uint16_t *)at;
	case 4:
		return *(const uint32_t *)at;
	default:
		return *(const uint64_t *)at;
	}
}

static void
number_set(void *at, size_t size, uint64_t n)
{
	switch (size) {
	case 1:
		*(uint8_t *)at = (uint8_t)n;
		break;
	case 2:
		*(uint16_t *)at = (uint16_t)n;
		break;
	case 4:
		*(uint32_t *)at = (uint32_t)n;
		break;
	default:
		*(uint64_t *)at = n;
		break;
	}
}

static void
number_read(struct reader *r, void *at, size_t size, uint64_t max)
{
	const uint64_t n = fields_read_number(r);

	r->bad |= (size < sizeof(n) && n >> (8 * size) != 0) || (max != 0 && n >= max);
	if (!r->bad)
		number_set(at, size, n);
}

/* --- texts --- */

static void
text_write(struct buf *out, struct str s)
{
	fields_write_number(out, s.p == NULL ? 0 : (uint64_t)s.len + 1);
	buf_put_str(out, s);
}

static struct str
text_read(struct reader *r)
{
	const uint64_t n = fields_read_number(r);
	const unsigned char *p;

	if (n == 0 || r->bad)
		return STR_NULL;
	p = n - 1 > (uint64_t)(r->end - r->p) ? NULL : read_bytes(r, (size_t)(n - 1));
	r->bad |= p == NULL;
	return p == NULL ? STR_NULL : (struct str){ (const char *)p, (size_t)(n - 1) };
}

/* --- what has a text of its own --- */

static void
body_write(struct buf *out, const struct wire_body *b)
{
	fields_write_number(out, b->source.kind);
	fields_write_number(out, (uint64_t)b->source.now_us);
	text_write(out, b->source.json);
}

static enum kodo_err
body_read(struct arena *a, struct reader *r, struct wire_body *b)
{
	const uint64_t kind = fields_read_number(r), now_us = fields_read_number(r);
	const struct str json = text_read(r);
	struct wire_refusal no;

	if (r->bad || kind >= WIRE_KINDS || !is_time((int64_t)now_us) || json.p == NULL)
		return KODO_EINVAL;
	return wire_read(a, (enum wire_kind)kind, json, (int64_t)now_us, STR_NULL, b, &no);
}

static enum kodo_err
cache_read(struct arena *a, struct reader *r, struct wire_cache *c)
{
	const struct str json = text_read(r);

	return r->bad || json.p == NULL ? KODO_EINVAL : wire_read_cache(a, json, c, NULL);
}

static void
options_write(struct buf *out, const struct options *o)
{
	struct buf b = BUF_INIT(0);

	option_write(&b, o);
	text_write(out, buf_str(&b));
	if (buf_failed(&b))
		out->err = b.err;
	buf_free(&b);
}

static enum kodo_err
options_read(struct arena *a, struct reader *r, struct options *o)
{
	const struct str text = text_read(r);
	enum kodo_err err = r->bad || text.p == NULL ? KODO_EINVAL : option_read(a, text, o);

	return err == KODO_ECORRUPT ? KODO_EINVAL : err;
}

/* --- any of them --- */

static void
list_write(struct buf *out, const struct field *f, const char *first, uint64_t n)
{
	uint64_t i;

	fields_write_number(out, n);
	for (i = 0; i < n; i++)
		fields_write(out, f->shape, first + i * f->shape->size);
}

static void
field_write(struct buf *out, const struct field *f, const char *from)
{
	const char *at = from + f->at;
	const void *const *pointer = (const void *const *)(const void *)at;

	switch (f->type) {
	case FIELD_NUMBER:
	case FIELD_BOOL:
	case FIELD_TIME:
		fields_write_number(out, number_get(at, f->size));
		break;
	case FIELD_BYTES:
		buf_put(out, at, f->size);
		break;
	case FIELD_TEXT:
		text_write(out, *(const struct str *)(const void *)at);
		break;
	case FIELD_WORDS:
		text_write(out, *pointer == NULL ? STR_NULL : str_of(*pointer));
		break;
	case FIELD_CHARS:
		text_write(out, str_of(at));
		break;
	case FIELD_GROUP:
		fields_write(out, f->shape, at);
		break;
	case FIELD_POINTER:
		fields_write_number(out, *pointer != NULL);
		if (*pointer == NULL)
			break;
		/* fall through */
	case FIELD_INTO:
		fields_write(out, f->shape, *pointer);
		break;
	case FIELD_LIST:
		list_write(out, f, *pointer, number_get(from + f->n_at, f->n_size));
		break;
	case FIELD_ARRAY:
		list_write(out, f, at, number_get(from + f->n_at, f->n_size));
		break;
	case FIELD_BODY:
		body_write(out, (const void *)at);
		break;
	case FIELD_CACHE:
		text_write(out, ((const struct wire_cache *)(const void *)at)->json);
		break;
	case FIELD_OPTIONS:
		options_write(out, (const void *)at);
		break;
	}
}

void
fields_write(struct buf *out, const struct shape *s, const void *from)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		field_write(out, &s->fields[i], from);
}

static enum kodo_err
list_read(struct arena *a, struct reader *r, const struct field *f, char *to)
{
	const uint64_t n = fields_read_number(r);
	const bool is_made = f->type == FIELD_LIST;
	char *first = to + f->at;
	enum kodo_err err = KODO_OK;
	uint64_t i;

	/* each field is a byte at least */
	if (r->bad || n > (uint64_t)(r->end - r->p) / f->shape->n || (!is_made && n > f->max))
		return KODO_EINVAL;
	if (is_made) {
		first = n == 0 ? NULL : arena_zalloc(a, n * f->shape->size);
		if (n != 0 && first == NULL)
			return KODO_ENOMEM;
		memcpy(to + f->at, &first, sizeof(first));
	}
	number_set(to + f->n_at, f->n_size, n);
	for (i = 0; i < n && err == KODO_OK; i++)
		err = fields_read(a, r, f->shape, first + i * f->shape->size);
	return err;
}

/* A pointer to a struct, as what was written had one. */
static enum kodo_err
pointer_read(struct arena *a, struct reader *r, const struct field *f, void **pointer)
{
	uint64_t is_there = 0;

	number_read(r, &is_there, sizeof(is_there), 2);
	*pointer = NULL;
	if (r->bad || is_there == 0)
		return r->bad ? KODO_EINVAL : KODO_OK;
	*pointer = arena_zalloc(a, f->shape->size);
	return *pointer == NULL ? KODO_ENOMEM : fields_read(a, r, f->shape, *pointer);
}

/* One that is to be terminated. */
static struct str
terminated_read(struct reader *r)
{
	const struct str s = text_read(r);

	r->bad |= s.len > 0 && memchr(s.p, '\0', s.len) != NULL;
	return s;
}

static enum kodo_err
words_read(struct arena *a, struct reader *r, void **to)
{
	const struct str s = terminated_read(r);

	*to = s.p == NULL ? NULL : arena_strz(a, s);
	return s.p != NULL && *to == NULL ? KODO_ENOMEM : KODO_OK;
}

static void
chars_read(struct reader *r, char *to, size_t size)
{
	const struct str s = terminated_read(r);

	r->bad |= s.p == NULL || s.len >= size;
	if (!r->bad)
		snprintf(to, size, "%.*s", STR_ARG(s));
}

static enum kodo_err
field_read(struct arena *a, struct reader *r, const struct field *f, char *to)
{
	char *at = to + f->at;
	void **pointer = (void **)(void *)at;
	const unsigned char *p;

	switch (f->type) {
	case FIELD_NUMBER:
		number_read(r, at, f->size, f->max);
		break;
	case FIELD_BOOL:
		number_read(r, at, f->size, 2);
		break;
	case FIELD_TIME:
		number_read(r, at, f->size, 0);
		r->bad |= !is_time((int64_t)number_get(at, f->size));
		break;
	case FIELD_BYTES:
		p = read_bytes(r, f->size);
		if (p != NULL)
			memcpy(at, p, f->size);
		break;
	case FIELD_TEXT:
		*(struct str *)(void *)at = text_read(r);
		break;
	case FIELD_WORDS:
		return words_read(a, r, pointer);
	case FIELD_CHARS:
		chars_read(r, at, f->size);
		break;
	case FIELD_GROUP:
		return fields_read(a, r, f->shape, at);
	case FIELD_POINTER:
		return pointer_read(a, r, f, pointer);
	case FIELD_INTO:
		return fields_read(a, r, f->shape, *pointer);
	case FIELD_LIST:
	case FIELD_ARRAY:
		return list_read(a, r, f, to);
	case FIELD_BODY:
		return body_read(a, r, (void *)at);
	case FIELD_CACHE:
		return cache_read(a, r, (void *)at);
	case FIELD_OPTIONS:
		return options_read(a, r, (void *)at);
	}
	return KODO_OK;
}

enum kodo_err
fields_read(struct arena *a, struct reader *r, const struct shape *s, void *to)
{
	enum kodo_err err = KODO_OK;
	size_t i;

	for (i = 0; i < s->n && err == KODO_OK; i++) {
		err = field_read(a, r, &s->fields[i], to);
		if (err == KODO_OK && r->bad)
			err = KODO_EINVAL;
	}
	return err;
}
