/* What the files of walk.h share. */
#ifndef KODO_IMPORT_WALK_PRIVATE_H
#define KODO_IMPORT_WALK_PRIVATE_H

#include "core/import/walk.h"
#include "core/registry/registry_private.h"

#define HOUR_US		(3600ll * 1000000)
/* of the documents that are to be fetched */
#define QUEUE_BYTES	65536u

/* The first document of the queue, which is not taken off. false: it is empty. */
bool walk_queue_first(struct str queue, struct import_doc *out);
/* The queue without it. */
struct str walk_queue_rest(struct str queue);
void walk_queue_put(struct buf *out, const struct import_doc *doc);

/* The documents that a walk begins with: the first that can be read is what the source is. */
enum kodo_err walk_queue_begin(struct arena *a, const struct source *s,
    const struct option_import *o, struct str *out) MUST_CHECK;

/* The url of a page of an MCP registry, without what walk_queue_begin has put behind it. */
struct str walk_queue_root(const struct source *s, struct str url);

/*
 * The walk is over, whole or by s->error; nodes are made next. retry_after_s: the source asks for
 * it.
 */
void walk_end(struct source *s, int64_t now_us, unsigned retry_after_s);

/* The peer of a source, made where it is missing. */
enum kodo_err walk_peer(struct change *ch, struct source *s, struct peer **out) MUST_CHECK;

#endif
