/*
 * The values of a template: names with texts, and lists of rows of the same kind. Everything lives
 * in one arena. A row sees the names of the level above it.
 *
 * A failure (memory) is sticky: one test of template_values_failed after any number of writes.
 */
#ifndef KODO_TEMPLATE_VALUES_H
#define KODO_TEMPLATE_VALUES_H

#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"

struct template_values;

/* NULL: memory ran out. */
struct template_values *template_values_new(struct arena *a);

/*
 * A text is borrowed. Null and empty: the name has no value. Names are static; of two with the
 * same name the later holds.
 */
void template_values_put(struct template_values *t, const char *name, struct str text);
void template_values_printf(struct template_values *t, const char *name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* At most that many characters of text, the last one an ellipsis where it is longer. */
void template_values_put_short(
    struct template_values *t, const char *name, struct str text, size_t characters);
void template_values_put_u64(struct template_values *t, const char *name, uint64_t n);
/* For people: 10,000. */
void template_values_put_count(struct template_values *t, const char *name, uint64_t n);
/* `2026-11-24 08:16:34Z`; 0: no value */
void template_values_put_time(struct template_values *t, const char *name, int64_t us);
/* `3 minutes`, from one time to another; 0: no value */
void template_values_put_span(
    struct template_values *t, const char *name, int64_t from_us, int64_t to_us);
void template_values_put_flag(struct template_values *t, const char *name, bool is_set);
/* A list of texts: {{#name}}{{.}}{{/name}}. */
void template_values_put_list(
    struct template_values *t, const char *name, const struct str *texts, size_t n);

/* A new row at the end of the list name; never NULL (after a failure one without effect). */
struct template_values *template_values_row(struct template_values *t, const char *name);
/* A row of t that belongs to no list, in another arena. NULL: memory ran out. */
struct template_values *template_values_below(const struct template_values *t, struct arena *a);

bool template_values_failed(const struct template_values *t);

/* Append a part of a template (template.h) with these values. */
void template_values_render(struct template_values *t, struct str part, struct buf *out);

#endif
