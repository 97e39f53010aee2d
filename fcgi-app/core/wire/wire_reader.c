#include <stdarg.h>
#include <stdio.h>

#include "core/base/isotime.h"
#include "core/base/limit.h"
#include "core/base/url.h"
#include "core/wire/wire_private.h"

/* of the url of a node that is left out: it may be over a ceiling itself */
#define SHOWN_BYTES 200u

enum kodo_err
wire_reader_init(struct wire_reader *r, struct arena *a, struct str json)
{
	static const struct packed_writer packer = PACKED_WRITER_INIT;

	memset(r, 0, sizeof(*r));
	r->a = r->texts = a;
	r->json = json;
	r->packer = packer;
	r->j = jread_new();
	r->node_a = arena_new();
	r->flow_a = arena_new();
	return r->j == NULL || r->node_a == NULL || r->flow_a == NULL ? KODO_ENOMEM : KODO_OK;
}

void
wire_reader_free(struct wire_reader *r)
{
	buf_free(&r->errors);
	buf_free(&r->nodes);
	buf_free(&r->left_out);
	buf_free(&r->gone);
	buf_free(&r->silent);
	packed_writer_free(&r->packer);
	arena_free(r->flow_a);
	arena_free(r->node_a);
	jread_free(r->j);
}

void
wire_push(struct wire_reader *r, struct buf *list, const void *record, size_t n)
{
	buf_put(list, record, n);
	if (buf_failed(list))
		r->err = KODO_ENOMEM;
}

struct str
wire_name(struct wire_reader *r, struct str raw)
{
	struct str name;

	if (jread_text(r->j, r->a, raw, &name) != KODO_OK)
		r->err = KODO_ENOMEM;
	return name;
}

/* "nodes.0.url", outermost first. */
static void
put_key(struct wire_reader *r, struct buf *b, const struct wire_at *at)
{
	if (at->up != NULL) {
		put_key(r, b, at->up);
		buf_putc(b, '.');
	}
	if (at->name.p == NULL)
		buf_printf(b, "%zu", at->index);
	else
		buf_put_str(b, at->name.p[0] == '"' ? wire_name(r, at->name) : at->name);
}

void
wire_fail(struct wire_reader *r, const struct wire_at *at, struct str value, const char *fmt, ...)
{
	struct wire_error e = { STR_NULL, STR_NULL, STR_NULL };
	struct buf key = BUF_INIT(0);
	char message[4096];
	va_list ap;
	int n;

	if (r->n_errors++ == 0 && value.p != NULL)
		r->error_at = (size_t)(value.p - r->json.p);
	if (r->err != KODO_OK || r->n_errors > WIRE_ERRORS)
		return;
	va_start(ap, fmt);
	n = vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (n < 0 || arena_str(r->a, str_of(message), &e.message) != KODO_OK)
		r->err = KODO_ENOMEM;
	if (at != NULL) {
		put_key(r, &key, at);
		if (buf_failed(&key) || arena_str(r->a, buf_str(&key), &e.key) != KODO_OK)
			r->err = KODO_ENOMEM;
		buf_free(&key);
	}
	wire_push(r, &r->errors, &e, sizeof(e));
}

/* Is at an element of `nodes`? */
static bool
is_node(const struct wire_at *at)
{
	return at->name.p == NULL && str_eq(at->up->name, STR("nodes"));
}

/* "tag 2 of flow 3": from the inside, up to the node. */
static void
put_where(struct buf *b, const struct wire_at *at)
{
	bool first = true;

	for (; at != NULL && !is_node(at); at = at->up) {
		const size_t index = at->index;

		if (!first)
			buf_puts(b, " of ");
		first = false;
		if (at->name.p != NULL) {
			buf_put_str(b, at->name);
			continue;
		}
		at = at->up;
		buf_put(b, at->name.p, at->name.len - 1);	/* of the plural */
		buf_printf(b, " %zu", index);
	}
}

static void
set_over(struct wire_reader *r, const struct wire_at *at, const char *what)
{
	struct buf b = BUF_INIT(0);

	if (r->over.p != NULL)
		return;
	put_where(&b, at);
	buf_puts(&b, what);
	if (buf_failed(&b) || arena_str(r->a, buf_str(&b), &r->over) != KODO_OK)
		r->err = KODO_ENOMEM;
	buf_free(&b);
}

void
wire_over(struct wire_reader *r, const struct wire_at *at, struct str value, uint32_t max,
    const char *unit)
{
	char what[96];

	if (r->lenient && unit != NULL)
		snprintf(what, sizeof(what), " is over %u %s", max, unit);
	else
		snprintf(what, sizeof(what), " are more than %u", max);
	if (r->lenient)
		set_over(r, at, what);
	else
		wire_fail(r, at, value, "Input should have at most %u %s", max,
		    unit != NULL ? unit : "items");
}

bool
wire_is_clean(const struct wire_reader *r)
{
	return r->n_errors == 0 && r->over.p == NULL && r->err == KODO_OK;
}

void
wire_leave_out(struct wire_reader *r, struct str url, const char *reason)
{
	struct wire_left_out l = { STR_NULL, reason != NULL ? str_of(reason) : r->over };

	if (url.len > SHOWN_BYTES) {
		url.len = SHOWN_BYTES;
		while (url.len > 0 && ((unsigned char)url.p[url.len] & 0xc0) == 0x80)
			url.len--;
	}
	if (arena_str(r->a, url, &l.url) != KODO_OK)
		r->err = KODO_ENOMEM;
	wire_push(r, &r->left_out, &l, sizeof(l));
}

void
wire_read_text(struct wire_reader *r, const struct wire_at *at, struct str value, uint32_t max,
    struct str *out)
{
	*out = STR_NULL;
	if (jread_kind(value) != JREAD_TEXT) {
		wire_fail(r, at, value, "Input should be a valid string");
		return;
	}
	if (jread_text(r->j, r->texts, value, out) != KODO_OK)
		r->err = KODO_ENOMEM;
	else if (out->len > max)
		wire_over(r, at, value, max, "bytes");
}

void
wire_read_url(struct wire_reader *r, const struct wire_at *at, struct str value, struct str *out)
{
	const char *reason;
	struct url u;
	enum kodo_err err;

	wire_read_text(r, at, value, UINT32_MAX, out);
	if (out->p == NULL)
		return;
	err = url_parse(*out, &u, &reason);
	if (err == KODO_ETOOBIG)
		wire_over(r, at, value, LIMIT_URL_BYTES, "bytes");
	else if (err != KODO_OK && r->is_cache)
		set_over(r, at, " is no http or https url");
	else if (err != KODO_OK)
		wire_fail(r, at, value, "Input should be a valid URL, %s", reason);
	*out = url_shown(*out);
}

struct str
wire_key(struct wire_reader *r, const struct wire_at *at, struct str value, struct str url)
{
	struct str key;
	enum kodo_err err = url_key(r->a, url, &key);

	if (err == KODO_ENOMEM)
		r->err = err;
	else if (err != KODO_OK)
		wire_fail(r, at, value, "Input should be a valid URL");
	return key;
}

void
wire_read_time(struct wire_reader *r, const struct wire_at *at, struct str value, int64_t *us)
{
	const enum jread_kind kind = jread_kind(value);
	const char *reason = "out of range";
	enum kodo_err err = KODO_EINVAL;
	struct str text;
	double number;

	*us = 0;
	if (kind == JREAD_TEXT) {
		if (jread_text(r->j, r->texts, value, &text) != KODO_OK)
			r->err = KODO_ENOMEM;
		else
			err = isotime_parse(text, us, &reason);
	} else if (kind == JREAD_NUMBER) {
		if (jread_number(r->j, value, &number) != KODO_OK)
			r->err = KODO_ENOMEM;
		else
			err = isotime_from_number(number, us);
	} else {
		wire_fail(r, at, value, "Input should be a valid datetime");
		return;
	}
	if (err != KODO_OK && r->err == KODO_OK)
		wire_fail(r, at, value, "Input should be a valid datetime or date, %s", reason);
}

static void
read_bool(struct wire_reader *r, const struct wire_at *at, struct str value, bool *out)
{
	switch (jread_kind(value)) {
	case JREAD_BOOL:
		*out = value.p[0] == 't';
		break;
	case JREAD_NUMBER:
	case JREAD_TEXT:
		wire_fail(r, at, value,
		    "Input should be a valid boolean, unable to interpret input");
		break;
	case JREAD_ABSENT:
	case JREAD_NULL:
	case JREAD_LIST:
	case JREAD_OBJECT:
		wire_fail(r, at, value, "Input should be a valid boolean");
		break;
	}
}

static void
read_integer(struct wire_reader *r, const struct wire_at *at, struct str value, uint64_t *out)
{
	bool negative = true;
	enum kodo_err err = KODO_EINVAL;

	if (jread_kind(value) == JREAD_NUMBER)
		err = jread_integer(r->j, value, out, &negative);
	if (err == KODO_ENOMEM)
		r->err = err;
	else if (err != KODO_OK || negative)
		wire_fail(r, at, value, "Input should be a valid integer, not below 0");
}

/* Take a value that is there. */
static void
read_value(struct wire_reader *r, const struct wire_at *at, const struct wire_field *f,
    struct str value, void *target)
{
	const size_t n_errors = r->n_errors;
	char *to = (char *)target + f->offset;

	switch (f->type) {
	case WIRE_TEXT:
		wire_read_text(r, at, value, f->max, (struct str *)(void *)to);
		break;
	case WIRE_URL:
		wire_read_url(r, at, value, (struct str *)(void *)to);
		break;
	case WIRE_BOOL:
		read_bool(r, at, value, (bool *)(void *)to);
		break;
	case WIRE_TIME:
		wire_read_time(r, at, value, (int64_t *)(void *)to);
		break;
	case WIRE_INTEGER:
		read_integer(r, at, value, (uint64_t *)(void *)to);
		break;
	case WIRE_LIST:
		if (jread_kind(value) != JREAD_LIST)
			wire_fail(r, at, value, "Input should be a valid list");
		break;
	case WIRE_OBJECT:
		if (jread_kind(value) != JREAD_OBJECT)
			wire_fail(r, at, value, "Input should be a valid dictionary");
		break;
	case WIRE_ANY:
		break;
	}
	if (f->read != NULL && r->n_errors == n_errors)
		f->read(r, at, value, target);
}

void
wire_read_fields(struct wire_reader *r, const struct wire_at *up, const struct wire_field *fields,
    size_t n, struct str object, void *target)
{
	const char *names[WIRE_FIELDS_MAX] = { NULL };
	struct str values[WIRE_FIELDS_MAX];
	size_t i;

	for (i = 0; i < n; i++)
		names[i] = fields[i].name;
	if (jread_fields(r->j, object, names, n, values) != KODO_OK)
		r->err = KODO_ENOMEM;
	for (i = 0; i < n && r->err == KODO_OK; i++) {
		const struct wire_at at = { up, str_of(names[i]), 0 };
		const enum jread_kind kind = jread_kind(values[i]);

		if (kind == JREAD_ABSENT && fields[i].required)
			wire_fail(r, &at, object, "Field required");
		else if (fields[i].required || (kind != JREAD_ABSENT && kind != JREAD_NULL))
			read_value(r, &at, &fields[i], values[i], target);
	}
}

size_t
wire_read_each(struct wire_reader *r, const struct wire_at *at, struct str container,
    wire_read_fn *read, void *target)
{
	struct wire_at here = { at, STR_NULL, 0 };
	struct jread_walk w;
	struct str value;

	jread_begin(&w, container);
	for (here.index = 0; r->err == KODO_OK && jread_next(&w, &here.name, &value); here.index++)
		read(r, &here, value, target);
	return here.index;
}

void *
wire_take(struct wire_reader *r, const struct buf *list, size_t size, size_t *n)
{
	void *copy = NULL;

	*n = 0;
	if (list->len > 0 && r->err == KODO_OK) {
		copy = arena_dup(r->a, list->p, list->len);
		if (copy == NULL)
			r->err = KODO_ENOMEM;
		else
			*n = list->len / size;
	}
	return copy;
}
