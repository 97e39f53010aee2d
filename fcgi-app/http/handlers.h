/*
 * The handlers of the route table, one file per group.
 *
 * Each fills in c->res and returns KODO_OK, also where it refuses the request. Other results are
 * faults of ours: the caller answers and logs them.
 */
#ifndef KODO_HANDLERS_H
#define KODO_HANDLERS_H

#include "core/base/err.h"

struct call;

/* home.c */
enum kodo_err handle_home(struct call *c) MUST_CHECK;
enum kodo_err handle_nodes(struct call *c) MUST_CHECK;

/* status.c */
enum kodo_err handle_status(struct call *c) MUST_CHECK;

/* map.c */
enum kodo_err handle_map(struct call *c) MUST_CHECK;

/* flows.c */
enum kodo_err handle_flows(struct call *c) MUST_CHECK;

/* counts.c */
enum kodo_err handle_counts(struct call *c) MUST_CHECK;

/* flow.c, organization.c */
enum kodo_err handle_item(struct call *c) MUST_CHECK;
enum kodo_err handle_flow(struct call *c) MUST_CHECK;
enum kodo_err handle_flow_call(struct call *c) MUST_CHECK;
enum kodo_err handle_organization(struct call *c) MUST_CHECK;

/* changes.c */
enum kodo_err handle_changes(struct call *c) MUST_CHECK;

/* metrics.c */
enum kodo_err handle_metrics(struct call *c) MUST_CHECK;

/* health.c */
enum kodo_err handle_health(struct call *c) MUST_CHECK;
enum kodo_err handle_live(struct call *c) MUST_CHECK;
enum kodo_err handle_ready(struct call *c) MUST_CHECK;

/* connect.c */
enum kodo_err handle_connect(struct call *c) MUST_CHECK;
enum kodo_err handle_update(struct call *c) MUST_CHECK;
enum kodo_err handle_disconnect(struct call *c) MUST_CHECK;
enum kodo_err handle_reconnect(struct call *c) MUST_CHECK;
enum kodo_err handle_leave(struct call *c) MUST_CHECK;

/* check.c, cron.c */
enum kodo_err handle_check(struct call *c) MUST_CHECK;
enum kodo_err handle_cron(struct call *c) MUST_CHECK;

/* moderation.c */
enum kodo_err handle_moderation(struct call *c) MUST_CHECK;
enum kodo_err handle_snapshot(struct call *c) MUST_CHECK;
enum kodo_err handle_moderate(struct call *c) MUST_CHECK;

/* well_known.c */
enum kodo_err handle_well_known(struct call *c) MUST_CHECK;

/* bridges/mcp.c */
enum kodo_err handle_mcp_servers(struct call *c) MUST_CHECK;
enum kodo_err handle_mcp_server(struct call *c) MUST_CHECK;

/* bridges/llms.c */
enum kodo_err handle_llms(struct call *c) MUST_CHECK;

/* bridges/ard.c, ard_search.c, ard_explore.c */
enum kodo_err handle_ard_manifest(struct call *c) MUST_CHECK;
enum kodo_err handle_mcp_catalog(struct call *c) MUST_CHECK;
enum kodo_err handle_ard_agents(struct call *c) MUST_CHECK;
enum kodo_err handle_ard_agent(struct call *c) MUST_CHECK;
enum kodo_err handle_ard_search(struct call *c) MUST_CHECK;
enum kodo_err handle_ard_explore(struct call *c) MUST_CHECK;

/* docs.c, schema.c, assets.c */
enum kodo_err handle_docs(struct call *c) MUST_CHECK;
enum kodo_err handle_schema(struct call *c) MUST_CHECK;
enum kodo_err handle_asset(struct call *c) MUST_CHECK;
enum kodo_err handle_robots(struct call *c) MUST_CHECK;

#endif
