/*
 * The options of a service: a row each (option_table.c), which feeds the loader, the command line,
 * the environment, the check, the sample file and the manual. Which options hold where: DESIGN.md,
 * "Whose options".
 */
#ifndef KODO_OPTION_H
#define KODO_OPTION_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/log.h"
#include "core/flow/model.h"

enum option_trigger { TRIGGER_AUTO, TRIGGER_CRON, TRIGGER_REQUEST };
/* may this machine of a cluster take bodies that no majority of it has */
enum option_durability { DURABILITY_CLUSTER, DURABILITY_LOCAL };
/* who may read /metrics: who has the key of the admin, or anybody */
enum option_metrics { METRICS_ADMIN, METRICS_PUBLIC };
/* whose word counts for a url, see trust/pin.h */
enum option_trust { TRUST_OPEN, TRUST_KNOWN, TRUST_SIGNED, TRUST_LISTED };
/* auto: only where the own url is private itself */
enum option_private { PRIVATE_AUTO, PRIVATE_YES, PRIVATE_NO };

#define OPTION_CORS_ANY		"*"
#define OPTION_CORS_NONE	"none"

/* readings of the registry for programs of other families */
enum option_bridge { BRIDGE_NONE, BRIDGE_MCP, BRIDGE_ARD, BRIDGE_A2A, BRIDGE_LLMS, BRIDGES };

struct loader_text;
struct near;

struct options {
	struct str loader;		/* absolute path, or null */
	bool loader_is_program;
	struct str user;		/* of `kodo service` started by root; null: root stays */
	struct str url;			/* shown form */
	struct str url_key;		/* see url_key() */
	struct str organization;	/* null if unset */
	const struct str *connect;	/* shown forms, each once, without the own url */
	size_t n_connect;
	bool registry;
	bool feed;
	bool cache_reset;
	struct str cache_data;		/* absolute path as given: /srv/x/data/3367.json */
	struct str state_path;		/* of the state folder: /srv/x/data/3367.lmdb */
	enum log_level screen_level;
	enum log_level log_file_level;
	struct str log_file;		/* absolute path */
	struct str exec_data;		/* absolute path */
	struct str listen_host;		/* where `kodo service` listens: */
	unsigned listen_port;		/* host and port of url unless given; of https: 443 */
	unsigned timeout_s;
	int retry;			/* attempts; -1: for ever; 0: never by itself */
	unsigned workers;
	unsigned wait;			/* requests that may wait for messages at once */
	unsigned followers;		/* requests that may wait for changes at once */
	unsigned body_max_mib;
	unsigned quota_providers;	/* of one public address, as the next: 0: no quota */
	unsigned quota_strangers;	/* peers that nobody vouches for */
	unsigned quota_nodes, quota_flows, quota_mib;	/* that a peer may hold */
	unsigned rate_client, rate_peer;	/* requests a minute; 0: no limit */
	unsigned page_max;		/* flows in a page of GET /flows, without the key */
	unsigned spool_max_mib;		/* long answers on their way, in files */
	unsigned map_max_mib;
	unsigned log_max_mib;
	enum log_format log_format;
	struct str audit_file;		/* absolute path; null: in the state folder */
	unsigned audit_max_mib, audit_keep;
	enum option_trigger trigger;
	unsigned tombstone_days;
	unsigned expire_days;		/* 0: never */
	bool probe;
	unsigned backup_hours;		/* between backups that the runner writes; 0: none */
	unsigned backup_keep;
	struct str backup_folder;	/* null: NAME.backups beside the state NAME.lmdb */
	unsigned loader_s;
	/* url prefixes allowed as peers; none: all. With #KEY: that url alone */
	const struct str *accept;
	size_t n_accept;
	enum option_private private_peers;
	enum option_trust trust;
	enum option_metrics metrics;
	const struct str *proxies;	/* addresses, prefixes: see address_net_read */
	size_t n_proxies;
	/* sites whose pages may read; or the one item OPTION_CORS_ANY or OPTION_CORS_NONE */
	const struct str *cors_origins;
	size_t n_cors_origins;
	const struct str *bridges;	/* names of option_bridge_name, or the one item "none" */
	size_t n_bridges;
	const struct str *imports;	/* sources, each as option_import_read takes it */
	size_t n_imports;
	struct str auth_jwks_url;	/* null: reading needs no token, see core/auth/auth.h */
	struct str auth_jwt_role_path;
	struct str auth_audience;	/* null: url */
	bool auth_remote_user;
	struct str cluster;		/* endpoints of etcd; null: one machine is all */
	struct str cluster_name;
	unsigned cluster_quota_mib;	/* of etcd: shares of it are in cron/cluster/context.h */
	enum option_durability durability;
	struct str machine;		/* null: the host name */
	struct str machine_url;		/* null: as it listens */
	const struct flow *flows;	/* own ones, checked like a body's, in order */
	size_t n_flows;
	/* not stored with the options (option_put_sources): */
	const struct loader_text *sources;	/* what they were read from; see loader.h */
	bool has_url;			/* the url was given, and */
	bool has_source_url;		/* in one of the sources */
	bool has_listen;		/* listen was given */
};

#define OPTION_OWN_FILE	"kodo.yaml"

/*
 * Options of `kodo service`: defaults, then .env of the working directory, then KODO_* of the
 * environment, then arguments, then the loader file (the later wins). Where none of them gives
 * anything, the loader is OPTION_OWN_FILE of the working directory, if it is there. Relative paths
 * are relative to that directory.
 *
 * argv: what follows "service". Messages for people in why, one line, with file:line where a file
 * is at fault, and what to do. Warnings (options of later versions without effect) are given to
 * log_warning. Of several files in a loader folder the later wins, and flows add up. A null value
 * counts as not given. A loader program runs in the working directory, but only with run_program.
 *
 * Faults that are collected (why_collect) are all that the files have; one of an argument ends it.
 *
 * KODO_OK; KODO_EBUSY: the loader is a program that must not run, and only loader and state_path
 * are set, as far as they are known without it; KODO_EINVAL, KODO_ENOTFOUND (no such loader),
 * KODO_EIO, KODO_ENOMEM with why set. Everything lives in a.
 */
enum kodo_err option_load_service(struct arena *a, int argc, char *const argv[], bool run_program,
    struct options *out, struct why *why) MUST_CHECK;

/*
 * Options of a program started by a web server or cron: defaults, the `.env` beside the loader,
 * then the loader. loader NULL: $KODO_LOADER, else kodo.yaml beside the executable. Other KODO_*
 * in the environment are ignored with a warning. Relative paths are relative to the loader's
 * folder.
 *
 * run_program: run an executable loader (in its folder); without it such a loader gives KODO_EBUSY
 * (it is the runner's to run). KODO_EINVAL also if cache_data of the loader is not that of
 * option_find_state.
 */
enum kodo_err option_load_hosted(struct arena *a, const char *loader, bool run_program,
    struct options *out, struct why *why) MUST_CHECK;

/*
 * Only the state folder of a hosted program, cheaply: `cache_data` (KODO_CACHE_DATA in .env, else a
 * scan of the YAML for that key; an executable loader needs it in .env, or the default holds).
 * *loader: the absolute path that option_load_hosted would use.
 */
enum kodo_err option_find_state(struct arena *a, const char *loader_arg, struct str *loader,
    struct str *state_path, struct why *why) MUST_CHECK;

/*
 * The present stamp of the loader: a text of (dev, ino, size, mtime) of it, of the files in a
 * loader folder, and of the `.env` beside it. Equal stamps: nothing was changed. loader is
 * absolute. Cheap: stat only. A loader that is gone has a stamp too.
 */
enum kodo_err option_stamp(struct arena *a, struct str loader, struct str *out) MUST_CHECK;

/*
 * The same for `kodo service`: the .env is that of the working directory, and loader may be null.
 */
enum kodo_err option_stamp_service(struct arena *a, struct str loader, struct str *out) MUST_CHECK;

/*
 * Options as one text for the store, and back; everything but the flows (they are the own node's
 * record). KODO_ECORRUPT: the text was not written by option_write.
 */
void option_write(struct buf *out, const struct options *o);
enum kodo_err option_read(struct arena *a, struct str text, struct options *out) MUST_CHECK;

/*
 * In a cluster each machine has some options for itself: what option_write_machine writes, and
 * option_write_shared does not. option_read_here takes them from machine instead of text.
 */
void option_write_machine(struct buf *out, const struct options *o);
void option_write_shared(struct buf *out, const struct options *o);
enum kodo_err option_read_here(
    struct arena *a, struct str text, struct str machine, struct options *out) MUST_CHECK;

/* Do two differ in the option of that name? */
bool option_differs(const struct options *x, const struct options *y, const char *name);

/* "mcp", "ard", ..; of BRIDGE_NONE "none". Static. */
const char *option_bridge_name(enum option_bridge b);
/* Is what the bridge serves served? BRIDGE_NONE, what is no bridge: always. */
bool option_has_bridge(const struct options *o, enum option_bridge b);

/* What the options were read from, for the store: their files, the first MiB of each. */
void option_put_sources(struct buf *out, const struct options *o);

/*
 * Are options whole, or were their files caught in the middle of a write, or left so? sources: of
 * the options in force, of the same loader. may_wait: what looks cut off may still be written.
 *
 * KODO_EINVAL with why: no, and only another change helps (empty, cut off within a line, without
 * its url). KODO_EBUSY with why: not yet; ask again.
 */
enum kodo_err option_check_whole(struct arena *a, const struct options *o, struct str sources,
    bool may_wait, struct why *why) MUST_CHECK;

/*
 * Are these arguments of `kodo service`, by their names? KODO_EINVAL with why; where only a name is
 * not known, *near has it and the nearest of ours, in a.
 */
enum kodo_err option_check_args(struct arena *a, int argc, char *const argv[], struct near *near,
    struct why *why) MUST_CHECK;

/*
 * Can `kodo service` be what answers at url? KODO_EINVAL with why: of https it cannot, so `listen`
 * must say where it listens behind the web server that can.
 */
enum kodo_err option_check_listen(const struct options *o, struct why *why) MUST_CHECK;

/* A commented sample loader, and one line per option for a manual; made from the table. */
void option_put_sample(struct buf *out);
void option_put_help(struct buf *out);

/* The key that accept gives for just that url key. false: it gives none. */
#define OPTION_KEY_BYTES	32u
bool option_key_of(
    const struct options *o, struct str key, unsigned char out[OPTION_KEY_BYTES]);

/*
 * Does none but this service speak for the url key? It is that of the service, or below its
 * /import/.
 */
bool option_is_own(const struct options *o, struct str key);

/*
 * May url be a peer of ours (accept, private)? KODO_EINVAL with the reason in why; KODO_ENOMEM.
 * accept allows its urls and all below: https://example.org allows https://example.org/x, neither
 * https://example.org.evil nor another port; with a key it allows that very url. A target of
 * connect is always allowed. Judged by the text of the url: a name that resolves to a private
 * address is found by the runner.
 */
enum kodo_err option_allows_peer(
    const struct options *o, struct str url, struct why *why) MUST_CHECK;
/*
 * May a connection that no target asked for lead to a private address? The text of its url was
 * checked before, but a name may resolve to such an address all the same.
 */
bool option_allows_private(const struct options *o);

#endif
