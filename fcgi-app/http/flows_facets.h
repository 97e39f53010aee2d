/*
 * What a list of flows may be narrowed to, for its page and in JSON; counted once a view.
 */
#ifndef KODO_FLOWS_FACETS_H
#define KODO_FLOWS_FACETS_H

#include "core/views/facets.h"
#include "core/views/search.h"
#include "http/template_values.h"

/* Of what is asked for; NULL where its query takes too many steps. Until the next call. */
enum kodo_err flows_facets_find(
    struct view *v, const struct search_asked *asked, const struct facets **out) MUST_CHECK;

/* Rows `facet` with what is not chosen already. */
enum kodo_err flows_facets_put(
    struct view *v, struct template_values *values, const struct search_asked *asked) MUST_CHECK;

#endif
