#include <stdarg.h>
#include <stdio.h>

#include "core/base/isotime.h"
#include "core/base/utf8.h"
#include "http/template.h"
#include "http/template_values.h"

struct value {
	const char *name;
	const struct str *texts;
	size_t n;
	struct str one;			/* texts of n 1 points here */
	struct value *next;
};

struct list {
	const char *name;
	struct template_values *first, *last;
	struct list *next;
};

struct template_values {
	struct arena *a;
	const struct template_values *above;
	struct value *values;
	struct list *lists;
	struct template_values *next;		/* row of the same list */
	bool has_failed;
};

struct template_values *
template_values_new(struct arena *a)
{
	struct template_values *t = arena_zalloc(a, sizeof(*t));

	if (t != NULL)
		t->a = a;
	return t;
}

struct template_values *
template_values_below(const struct template_values *t, struct arena *a)
{
	struct template_values *below = template_values_new(a);

	if (below != NULL)
		below->above = t;
	return below;
}

static void
fail(struct template_values *t)
{
	t->has_failed = true;
	while (t->above != NULL && t->above->a == t->a) {
		/* rows are made from what is not const */
		t = (struct template_values *)(uintptr_t)t->above;
		t->has_failed = true;
	}
}

bool
template_values_failed(const struct template_values *t)
{
	return t->has_failed;
}

static struct value *
add(struct template_values *t, const char *name)
{
	struct value *v = t->a == NULL ? NULL : arena_zalloc(t->a, sizeof(*v));

	if (v == NULL) {
		fail(t);
		return NULL;
	}
	v->name = name;
	v->next = t->values;
	t->values = v;
	return v;
}

void
template_values_put(struct template_values *t, const char *name, struct str text)
{
	struct value *v = add(t, name);

	if (v == NULL)
		return;
	v->one = text;
	v->texts = &v->one;
	v->n = text.len > 0;
}

void
template_values_printf(struct template_values *t, const char *name, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (t->a == NULL)
		return;	/* after a failure */
	if (n >= 0)
		text = arena_alloc(t->a, (size_t)n + 1);
	if (text == NULL) {
		fail(t);
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	template_values_put(t, name, (struct str){ text, (size_t)n });
}

void
template_values_put_short(
    struct template_values *t, const char *name, struct str text, size_t characters)
{
	static const struct str ellipsis = STR("…");
	const size_t end = utf8_bytes(text, characters - 1);
	char *copy;

	if (utf8_bytes(text, characters) == text.len) {
		template_values_put(t, name, text);
		return;
	}
	copy = t->a == NULL ? NULL : arena_alloc(t->a, end + ellipsis.len);
	if (copy == NULL) {
		fail(t);
		return;
	}
	memcpy(copy, text.p, end);
	memcpy(copy + end, ellipsis.p, ellipsis.len);
	template_values_put(t, name, (struct str){ copy, end + ellipsis.len });
}

void
template_values_put_u64(struct template_values *t, const char *name, uint64_t n)
{
	template_values_printf(t, name, "%llu", (unsigned long long)n);
}

void
template_values_put_count(struct template_values *t, const char *name, uint64_t n)
{
	char text[32], *at = text + sizeof(text) - 1;
	unsigned digits = 0;

	*at = '\0';
	do {
		if (digits > 0 && digits % 3 == 0)
			*--at = ',';
		*--at = (char)('0' + n % 10);
		n /= 10;
		digits++;
	} while (n > 0);
	template_values_printf(t, name, "%s", at);
}

void
template_values_put_time(struct template_values *t, const char *name, int64_t us)
{
	char text[ISOTIME_BYTES];

	if (us == 0)
		return;
	isotime_format(us - us % 1000000, false, text);
	text[10] = ' ';		/* as HTML's <time> has it too */
	template_values_printf(t, name, "%s", text);
}

void
template_values_put_span(
    struct template_values *t, const char *name, int64_t from_us, int64_t to_us)
{
	static const struct {
		int64_t s;
		const char *unit;
	} units[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } };
	int64_t s = (to_us - from_us) / 1000000, n;
	size_t i = 0;

	if (from_us == 0 || to_us == 0)
		return;
	s = s < 0 ? 0 : s;
	while (i < 3 && s < 2 * units[i].s)
		i++;
	n = s / units[i].s;
	template_values_printf(
	    t, name, "%lld %s%s", (long long)n, units[i].unit, n == 1 ? "" : "s");
}

void
template_values_put_flag(struct template_values *t, const char *name, bool is_set)
{
	if (is_set)
		template_values_put(t, name, STR("yes"));
}

void
template_values_put_list(
    struct template_values *t, const char *name, const struct str *texts, size_t n)
{
	struct value *v = add(t, name);

	if (v == NULL)
		return;
	v->texts = texts;
	v->n = n;
}

static struct list *
find_list(const struct template_values *t, struct str name)
{
	struct list *l;

	for (l = t->lists; l != NULL && !str_eq(name, str_of(l->name)); l = l->next)
		;
	return l;
}

struct template_values *
template_values_row(struct template_values *t, const char *name)
{
	static struct template_values nowhere;
	struct list *l = find_list(t, str_of(name));
	struct template_values *row = t->a == NULL ? NULL : template_values_below(t, t->a);

	if (l == NULL && row != NULL && (l = arena_zalloc(t->a, sizeof(*l))) != NULL) {
		l->name = name;
		l->next = t->lists;
		t->lists = l;
	}
	if (row == NULL || l == NULL) {
		fail(t);
		nowhere = (struct template_values){ .has_failed = true };
		return &nowhere;
	}
	if (l->last == NULL)
		l->first = row;
	else
		l->last->next = row;
	l->last = row;
	return row;
}

/* --- as the source of a template --- */

struct place {
	const struct template_values *here;
};

static struct str
value_of(void *arg, struct str name, size_t i)
{
	const struct template_values *t;
	const struct value *v;

	for (t = ((struct place *)arg)->here; t != NULL; t = t->above)
		for (v = t->values; v != NULL; v = v->next)
			if (str_eq(name, str_of(v->name)))
				return i < v->n ? v->texts[i] : STR_NULL;
	return STR_NULL;
}

static bool
step(void *arg, struct str name, enum template_step which)
{
	struct place *p = arg;
	const struct list *l;

	if (which == STEP_NEXT && p->here->next != NULL) {
		p->here = p->here->next;
		return true;
	}
	if (which != STEP_FIRST) {
		p->here = p->here->above;
		return false;
	}
	l = find_list(p->here, name);
	if (l == NULL)
		return false;
	p->here = l->first;
	return true;
}

void
template_values_render(struct template_values *t, struct str part, struct buf *out)
{
	struct place p = { t };
	const struct template_source from = { value_of, step, &p };

	template_render(part, out, &from);
}
