#include <stddef.h>
#include <stdio.h>

#include "core/config/option_private.h"

#define AT(member)	offsetof(struct options, member)

/*
 * In the order of the sample and the manual. A new option is a row here and a member of struct
 * options.
 */
const struct option_row option_rows[] = {
	[OPTION_LOADER] = { "loader", OPT_PATH, AT(loader), 0, 0, 0, NULL, 0, NULL, "PATH",
	    "a YAML file, a folder of *.yaml and *.yml read in order, or an executable that "
	    "prints YAML",
	    .of_machine = true },
	[OPTION_URL] = { "url", OPT_URL, AT(url), 0, 0, 0, "http://localhost:3366", 'u', NULL,
	    "URL", "own address, as peers reach it; without a port 80 of http, 443 of https" },
	[OPTION_CACHE_DATA] = { "cache_data", OPT_PATH, AT(cache_data), 0, 0, 0,
	    "./data/cache.json", 'd', "cache-file", "PATH",
	    "names the state folder: .json is cut, .lmdb is added",
	    .of_machine = true },
	[OPTION_ORGANIZATION] = { "organization", OPT_TEXT, AT(organization), 0, 0, 0, NULL, 'o',
	    NULL, "TEXT", "who runs this service" },
	[OPTION_CONNECT] = { "connect", OPT_URLS, AT(connect), AT(n_connect), 0, 0, NULL, 'C', NULL,
	    "URL,..", "registries to connect to" },
	[OPTION_REGISTRY] = { "registry", OPT_BOOL, AT(registry), 0, 0, 0, "true", 'R', NULL,
	    "BOOL", "take in what nodes and peers send" },
	[OPTION_FEED] = { "feed", OPT_BOOL, AT(feed), 0, 0, 0, "true", 'f', NULL, "BOOL",
	    "give others what was taken in; a node (registry: false) needs feed: false" },
	[OPTION_LISTEN] = { "listen", OPT_ADDRESS, AT(listen_host), AT(listen_port), 0, 0, NULL, 0,
	    NULL, "ADDRESS:PORT", "where kodo service listens; host and port of url unless given",
	    .of_machine = true },
	[OPTION_USER] = { "user", OPT_TEXT, AT(user), 0, 0, 0, NULL, 0, NULL, "NAME",
	    "whom kodo service, started by root, becomes when its port is open",
	    .of_machine = true },
	[OPTION_IMPORT] = { "import", OPT_IMPORTS, AT(imports), AT(n_imports), 0, 0, NULL, 0, NULL,
	    "URL,..", "registries and agents of other families, that are read every hour" },
	[OPTION_OTHERS] = { "cache_reset", OPT_BOOL, AT(cache_reset), 0, 0, 0, "false", 'c',
	    "reset", "BOOL", "forget all providers at start" },
	{ "screen_level", OPT_LEVEL, AT(screen_level), 0, 0, 0, "INFO", 'l', "level", "LEVEL",
	    "of log lines on the screen: DEBUG, INFO, WARNING, ERROR, CRITICAL or OFF",
	    .of_machine = true },
	{ "log_file", OPT_PATH, AT(log_file), 0, 0, 0, "./data/kodo.log", 0, NULL, "PATH",
	    "log file",
	    .of_machine = true },
	{ "log_file_level", OPT_LEVEL, AT(log_file_level), 0, 0, 0, "INFO", 0, NULL, "LEVEL",
	    "of lines in the log file",
	    .of_machine = true },
	{ "log_max_mib", OPT_UINT, AT(log_max_mib), 0, 1, 1 << 20, "10", 0, NULL, "MIB",
	    "size at which the log file is renamed to .1",
	    .of_machine = true },
	{ "log_format", OPT_WORD, AT(log_format), 0, 0, 0, "text", 0, NULL, "text|json",
	    "of log lines, on the screen and in the file",
	    .of_machine = true },
	{ "audit_file", OPT_PATH, AT(audit_file), 0, 0, 0, NULL, 0, NULL, "PATH",
	    "who changed what; audit.jsonl in the state folder unless given",
	    .of_machine = true },
	{ "audit_max_mib", OPT_UINT, AT(audit_max_mib), 0, 0, 1 << 20, "8", 0, NULL, "MIB",
	    "size at which the audit is renamed to .1, that to .2, and so on; 0: no audit" },
	{ "audit_keep", OPT_UINT, AT(audit_keep), 0, 1, 100, "7", 0, NULL, "NUMBER",
	    "renamed files of the audit that are kept" },
	{ "exec_data", OPT_PATH, AT(exec_data), 0, 0, 0, "./data/exec", 0, NULL, "PATH",
	    "folder for data of executions",
	    .of_machine = true },
	{ "timeout", OPT_UINT, AT(timeout_s), 0, 1, 3600, "30", 0, NULL, "SECONDS",
	    "one attempt to reach a peer may take" },
	{ "retry", OPT_INT, AT(retry), 0, -1, 1000000, "9", 0, NULL, "NUMBER",
	    "attempts before a peer is paused, then seldom; -1: for ever, 0: never connect "
	    "by itself" },
	{ "workers", OPT_UINT, AT(workers), 0, 1, 256, "2", 0, NULL, "NUMBER",
	    "processes of kodo service",
	    .of_machine = true },
	{ "wait", OPT_UINT, AT(wait), 0, 0, 256, "1", 0, NULL, "NUMBER",
	    "requests that may wait for messages to others at once" },
	{ "followers", OPT_UINT, AT(followers), 0, 0, 1000, "128", 0, NULL, "NUMBER",
	    "requests that may wait for changes at once" },
	{ "body_max_mib", OPT_UINT, AT(body_max_mib), 0, 1, 1024, "10", 0, NULL, "MIB",
	    "ceiling of a request's body" },
	{ "page_max", OPT_UINT, AT(page_max), 0, 1, 1 << 30, "1000", 0, NULL, "NUMBER",
	    "flows in a page for whoever has not the key; a longer one is refused" },
	{ "spool_max_mib", OPT_UINT, AT(spool_max_mib), 0, 1, 1 << 20, "128", 0, NULL, "MIB",
	    "long answers on their way at once, and bodies of requests coming in" },
	{ "rate_client", OPT_UINT, AT(rate_client), 0, 0, 60000, "3000", 0, NULL, "NUMBER",
	    "requests a minute of one public address (of IPv6 its /64); 0: no limit" },
	{ "rate_peer", OPT_UINT, AT(rate_peer), 0, 0, 60000, "1500", 0, NULL, "NUMBER",
	    "messages a minute of one peer from a public address; 0: no limit" },
	{ "quota_providers", OPT_UINT, AT(quota_providers), 0, 0, 1 << 30, "1000", 0, NULL,
	    "NUMBER", "providers that one public address may make; 0: no quota" },
	{ "quota_strangers", OPT_UINT, AT(quota_strangers), 0, 0, 1 << 30, "200000", 0, NULL,
	    "NUMBER", "peers that never answered under their url; 0: no quota" },
	{ "quota_nodes", OPT_UINT, AT(quota_nodes), 0, 0, 1 << 30, "1000000", 0, NULL, "NUMBER",
	    "nodes that a peer may hold, no target; 0: no quota" },
	{ "quota_flows", OPT_UINT, AT(quota_flows), 0, 0, 1 << 30, "4000000", 0, NULL, "NUMBER",
	    "flows that a peer may hold, no target; 0: no quota" },
	{ "quota_mib", OPT_UINT, AT(quota_mib), 0, 0, 1 << 20, "4096", 0, NULL, "MIB",
	    "what the nodes of a peer, no target, may take; 0: no quota" },
	{ "map_max_mib", OPT_UINT, AT(map_max_mib), 0, 1, 1 << 20, "8192", 0, NULL, "MIB",
	    "ceiling of the state" },
	{ "trigger", OPT_WORD, AT(trigger), 0, 0, 0, "auto", 0, NULL, "auto|cron|request",
	    "what starts the runner that sends to others" },
	{ "tombstone_days", OPT_UINT, AT(tombstone_days), 0, 1, 36500, "30", 0, NULL, "DAYS",
	    "how long a removal is remembered" },
	{ "expire_days", OPT_UINT, AT(expire_days), 0, 0, 36500, "7", 0, NULL, "DAYS",
	    "how long a provider may be silent until it is withdrawn; 0: for ever" },
	{ "probe", OPT_BOOL, AT(probe), 0, 0, 0, "false", 0, NULL, "BOOL",
	    "ask the flows of providers once a day whether they answer" },
	{ "backup_hours", OPT_UINT, AT(backup_hours), 0, 0, 8760, "0", 0, NULL, "HOURS",
	    "how often the runner writes a backup (see kodo restore), without keys; 0: never" },
	{ "backup_keep", OPT_UINT, AT(backup_keep), 0, 1, 10000, "7", 0, NULL, "NUMBER",
	    "how many of these stay" },
	{ "backup_folder", OPT_PATH, AT(backup_folder), 0, 0, 0, NULL, 0, NULL, "PATH",
	    "where they go; beside the state, .backups for .lmdb, unless given",
	    .of_machine = true },
	{ "loader_s", OPT_UINT, AT(loader_s), 0, 1, 86400, "300", 0, NULL, "SECONDS",
	    "how often an executable loader is run" },
	{ "accept", OPT_PEERS, AT(accept), AT(n_accept), 0, 0, NULL, 0, NULL, "URL[#KEY],..",
	    "who may be a peer: these urls and what is below them; all unless given. With #KEY: "
	    "that url alone, with that key" },
	{ "private", OPT_PRIVATE, AT(private_peers), 0, 0, 0, "auto", 0, NULL, "auto|BOOL",
	    "may loopback and private addresses be peers; auto: where the own url is one" },
	{ "trust", OPT_WORD, AT(trust), 0, 0, 0, "known", 0, NULL, "open|known|signed|listed",
	    "whose word counts for a url: anybody's, who spoke for it first, only with a key, "
	    "only with one given here" },
	{ "metrics", OPT_WORD, AT(metrics), 0, 0, 0, "admin", 0, NULL, "admin|public",
	    "who may read /metrics: who has the key of the admin, or anybody" },
	{ "proxies", OPT_NETS, AT(proxies), AT(n_proxies), 0, 0, NULL, 0, NULL,
	    "ADDRESS,..", "addresses or prefixes of proxies, whose X-Forwarded-For is believed" },
	{ "cors_origins", OPT_ORIGINS, AT(cors_origins), AT(n_cors_origins), 0, 0, OPTION_CORS_ANY,
	    0, NULL, "ORIGIN,..",
	    "sites whose pages may read what anybody may: https://example.org, .. , or * or none" },
	{ "bridges", OPT_BRIDGES, AT(bridges), AT(n_bridges), 0, 0, "mcp,ard,a2a,llms", 0, NULL,
	    "NAME,..", "other families that may read this registry, in their ways; or none" },
	{ "auth_jwks_url", OPT_ISSUER, AT(auth_jwks_url), 0, 0, 0, NULL, 0, NULL,
	    "URL", "keys of the issuer (http, https, file) of the tokens that reading then needs" },
	{ "auth_jwt_role_path", OPT_TEXT, AT(auth_jwt_role_path), 0, 0, 0,
	    "resource_access/%AUD%/roles", 0, NULL, "PATH",
	    "where a token has its roles; %AUD% is auth_audience" },
	{ "auth_audience", OPT_TEXT, AT(auth_audience), 0, 0, 0, NULL, 0, NULL,
	    "TEXT", "what a token's aud must name; url unless given" },
	{ "auth_remote_user", OPT_BOOL, AT(auth_remote_user), 0, 0, 0, "false", 0, NULL, "BOOL",
	    "reading needs a token, or that the web server knows the user (REMOTE_USER)" },
	{ "cluster", OPT_TEXT, AT(cluster), 0, 0, 0, NULL, 0, NULL, "ADDRESS,..",
	    "etcd, where several machines are one registry: http://HOST:PORT or "
	    "unix:///PATH", .of_machine = true },
	{ "cluster_name", OPT_TEXT, AT(cluster_name), 0, 0, 0, "kodo", 0, NULL, "NAME",
	    "of this registry, where several share an etcd", .of_machine = true },
	{ "cluster_quota_mib", OPT_UINT, AT(cluster_quota_mib), 0, 64, 1048576, "2048", 0, NULL,
	    "MIB", "that etcd may have, as its quota-backend-bytes", .of_machine = true },
	{ "durability", OPT_WORD, AT(durability), 0, 0, 0, "cluster", 0, NULL, "cluster|local",
	    "who has what is acknowledged; local: where etcd has no majority this machine alone",
	    .of_machine = true },
	{ "machine", OPT_TEXT, AT(machine), 0, 0, 0, NULL, 0, NULL, "NAME",
	    "of this one in the cluster; the host name unless given", .of_machine = true },
	{ "machine_url", OPT_TEXT, AT(machine_url), 0, 0, 0, NULL, 0, NULL, "URL",
	    "where the other machines of the cluster reach this one; as it listens unless given",
	    .of_machine = true },
	[OPTION_FLOWS] = { "flows", OPT_FLOWS, AT(flows), AT(n_flows), 0, 0, NULL, 0, NULL, NULL,
	    "own flows: url and name, and if you like description, author, tags, entry, queries" },
};

const unsigned option_n_rows = sizeof(option_rows) / sizeof(option_rows[0]);

_Static_assert(
    sizeof(option_rows) / sizeof(option_rows[0]) <= OPTION_MAX, "OPTION_MAX is too small");

/* The rows as people read them: flows, though named first in the enum, are last. */
static const struct option_row *
row_shown(unsigned i)
{
	if (i + 1 == option_n_rows)
		return &option_rows[OPTION_FLOWS];
	return &option_rows[i < OPTION_FLOWS ? i : i + 1];
}

const struct option_row *
option_find(struct str name)
{
	unsigned i;

	for (i = 0; i < option_n_rows; i++)
		if (loader_same_name(name, str_of(option_rows[i].name)))
			return &option_rows[i];
	return NULL;
}

/* A default as YAML that means the same. */
static const char *
sample_value(const struct option_row *row)
{
	static const struct {
		const char *name, *text;
	} samples[] = {
		{ "organization", "My Organization" },
		{ "connect", "[http://localhost:3367]" },
		{ "backup_folder", "/var/backups/kodo" },
		{ "listen", "127.0.0.1:3366" },
		{ "user", "kodo" },
		{ "audit_file", "./data/audit.jsonl" },
		{ "cors_origins", "'*'" },
		{ "bridges", "[mcp, ard, a2a, llms]" },
		{ "import", "[https://registry.modelcontextprotocol.io]" },
		{ "auth_jwks_url", "https://example.org/realms/all/protocol/openid-connect/certs" },
		{ "auth_audience", "http://localhost:3366" },
		{ "cluster", "unix:///run/kodo/etcd.sock:0" },
		{ "machine", "m1" },
		{ "machine_url", "http://10.0.0.1:3366" },
	};
	unsigned i;

	for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		if (strcmp(row->name, samples[i].name) == 0)
			return samples[i].text;
	if (row->type == OPT_NETS)
		return "[127.0.0.1]";
	return row->preset != NULL ? row->preset : "[https://example.org]";
}

void
option_put_sample(struct buf *out)
{
	unsigned i;

	buf_puts(out,
	    "# A loader of kodo: the options of one service.\n"
	    "#\n"
	    "# A list of `- name: value`; lines that begin with # say what there is besides, most "
	    "with the default.\n"
	    "# `kodo service FILE` takes this file before arguments, KODO_* of the environment, "
	    "and .env; under a web server\n"
	    "# and in cron nothing but this file and the .env beside it counts. Relative paths are "
	    "relative to the working\n"
	    "# directory of `kodo service`, else to the folder of this file.\n");
	for (i = 1; i < option_n_rows; i++) {
		const struct option_row *row = row_shown(i);

		buf_printf(out, "\n# %s\n", row->help);
		if (row->type != OPT_FLOWS)
			buf_printf(out, "%s- %s: %s\n", row == &option_rows[OPTION_URL] ? "" : "# ",
			    row->name, sample_value(row));
	}
	buf_puts(out,
	    "# - flows:\n"
	    "#   - url: /travel-planner\n"
	    "#     name: Travel Planner\n"
	    "#     description: Plans a journey door to door\n"
	    "#     author: jane.doe@example.org\n"
	    "#     tags: [travel, planning]\n"
	    "#     entry: https://agents.example.org/travel   # where the agent is\n"
	    "#     queries: [how do I get to Rome, which train is the first]\n");
}

/* "--url", or "--screen-level" for screen_level. */
static void
put_long_name(struct buf *out, const struct option_row *row)
{
	const char *p;

	buf_puts(out, "--");
	for (p = row->also != NULL ? row->also : row->name; *p != '\0'; p++)
		buf_putc(out, *p == '_' ? '-' : *p);
}

void
option_put_help(struct buf *out)
{
	struct buf left = BUF_INIT(0);
	unsigned i;

	for (i = 0; i < option_n_rows; i++) {
		const struct option_row *row = row_shown(i);

		if (row->type == OPT_FLOWS)
			continue;
		buf_reset(&left);
		if (row->letter != 0)
			buf_printf(&left, "-%c, ", row->letter);
		else
			buf_puts(&left, "    ");
		put_long_name(&left, row);
		buf_printf(&left, " %s", row->shape);
		buf_printf(out, "  %-34s %s", buf_z(&left), row->help);
		if (row->preset != NULL)
			buf_printf(out, " (%s)", row->preset);
		buf_putc(out, '\n');
	}
	buf_free(&left);
}
