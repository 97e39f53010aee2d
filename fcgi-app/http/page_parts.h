/*
 * What the pages of flows and organizations share: lists of flows and of registries, and the answer
 * where there is nothing.
 */
#ifndef KODO_PAGE_PARTS_H
#define KODO_PAGE_PARTS_H

#include "http/call.h"

struct template_values;

/* Rows of flows, each with url, name, description (cut off), state. */
struct page_flows {
	struct template_values *values;
	struct arena *a;
	const char *list;	/* name of the rows */
	struct str but;		/* url of a flow to leave out, null: none */
	size_t max;
	size_t characters;	/* of a description */
	size_t n;		/* rows written */
	uint64_t filtered;	/* flows that there are */
	enum kodo_err err;
};

/* A page of the flows of an organization, by name. */
enum kodo_err page_parts_put_flows(struct view *v, struct page_flows *f, struct str organization,
    uint64_t p, uint64_t pp) MUST_CHECK;

/* The registries that list what is shown here: rows `registry`, and `,"registries":[..]`. */
enum kodo_err page_parts_list_registries(
    struct call *c, struct view *v, struct template_values *t) MUST_CHECK;
enum kodo_err page_parts_put_registries(
    struct call *c, struct view *v, struct buf *b) MUST_CHECK;

/*
 * The url of a node, as `name`; flag `is_ours`: it leads to this service, whose own node it is, or
 * one that was imported here.
 */
void page_parts_put_node(struct template_values *t, const struct options *o, const char *name,
    struct str url);

/* 404, as a page if one is wanted. reason is static. */
enum kodo_err page_parts_missing(
    struct call *c, struct view *v, bool is_page, const char *reason) MUST_CHECK;

#endif
