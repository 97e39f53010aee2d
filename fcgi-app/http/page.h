/*
 * Pages for people: what they all show, and how they are sent. The texts are templates in www/;
 * handlers put values into struct fields.
 */
#ifndef KODO_PAGE_H
#define KODO_PAGE_H

#include "http/handlers.h"
#include "http/template_values.h"

/* Does the client ask for a page? By `format`, else by Accept. */
bool page_is_wanted(const struct call *c);

/* Is its template there? Without one a page is not offered, and JSON answers. */
bool page_is_there(const char *file);

/* Fields with what every page shows: base, service, organization, version, title. KODO_ENOMEM. */
enum kodo_err page_begin(
    struct call *c, const struct view *v, const char *title, struct template_values **out) MUST_CHECK;

/* Render www/<file> as the answer. KODO_ENOTFOUND: the file is not there. */
enum kodo_err page_put(struct call *c, const char *file, struct template_values *f) MUST_CHECK;

/* A number that changes when the template does. */
uint64_t page_stamp(const char *name);

#endif
