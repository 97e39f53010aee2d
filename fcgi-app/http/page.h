/*
 * Pages for people: what all of them show, and their sending. The texts are templates in www/,
 * their values come from the handlers.
 */
#ifndef KODO_PAGE_H
#define KODO_PAGE_H

#include "http/call.h"
#include "http/template_values.h"

/* Does the client ask for a page? By `format`, else by Accept. */
bool page_is_wanted(const struct call *c);

/* Is a page wanted, and is its template there? Else JSON answers. */
bool page_is_offered(const struct call *c, const char *file);

const char *page_version(void);

/*
 * The values that every page shows: base, canonical, its place in the navigation, service,
 * organization, version, title; view, which is its Kodo-View, too. KODO_ENOMEM.
 */
enum kodo_err page_begin(struct call *c, const struct view *v, const char *title,
    struct template_values **out) MUST_CHECK;

/* The same for a page that shows no state: without view. o NULL: the options are not known. */
enum kodo_err page_begin_without_view(struct call *c, const struct options *o, const char *title,
    struct template_values **out) MUST_CHECK;

/* Render www/<file> as the answer. KODO_ENOTFOUND: there is no such file. */
enum kodo_err page_put(struct call *c, const char *file, struct template_values *t) MUST_CHECK;

/* A number that changes when the template does. */
uint64_t page_stamp(const char *name);

#endif
