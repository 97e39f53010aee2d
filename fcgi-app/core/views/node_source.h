/*
 * By way of which registry a node came here.
 */
#ifndef KODO_NODE_SOURCE_H
#define KODO_NODE_SOURCE_H

#include "core/registry/registry.h"

/*
 * peer: whose statement of it wins. *out: the own url, where that is the node's own service; else
 * the url of the peer, null where that is moderated. In the map.
 */
enum kodo_err node_source_get(
    struct view *v, uint32_t node, uint32_t peer, struct str *out) MUST_CHECK;

#endif
