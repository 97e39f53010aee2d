/*
 * Cards of own flows, at /flows/<path>/<card>: that of an agent for those tagged `a2a`, that of a
 * server of MCP for those tagged `mcp`.
 */
#ifndef KODO_CARDS_H
#define KODO_CARDS_H

#include "http/call.h"

/*
 * The card that path, which is below /flows/ and leads to no flow, leads to. KODO_ENOTFOUND: to
 * none.
 */
enum kodo_err cards_put(struct call *c, struct view *v, struct str path) MUST_CHECK;

#endif
