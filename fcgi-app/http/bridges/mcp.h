/*
 * A flow as a server of the Model Context Protocol, outside of its registry API.
 */
#ifndef KODO_MCP_H
#define KODO_MCP_H

#include "http/bridges/bridge.h"

/* Its card (SEP-2127, a draft), where it says how it is called. KODO_ENOMEM. */
enum kodo_err mcp_put_card(
    struct call *c, struct view *v, const struct bridge_flow *f) MUST_CHECK;

#endif
