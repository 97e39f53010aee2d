/*
 * The commands of the command line: one row each in a const table, one file each.
 */
#ifndef KODO_CMD_H
#define KODO_CMD_H

#include "core/base/err.h"

/*
 * argv: the name of the command and its arguments. Each returns the exit status: 0 done, 1 failed
 * (with one line on stderr: reason and remedy), 2 wrong arguments.
 */
int cmd_service(int argc, char *argv[]);	/* service.c */
int cmd_init(int argc, char *argv[]);		/* init.c */
int cmd_check(int argc, char *argv[]);		/* check.c */
int cmd_status(int argc, char *argv[]);		/* status.c */
int cmd_logs(int argc, char *argv[]);		/* logs.c */
int cmd_backup(int argc, char *argv[]);		/* backup.c */
int cmd_restore(int argc, char *argv[]);
int cmd_audit(int argc, char *argv[]);		/* audit.c */
int cmd_export(int argc, char *argv[]);		/* cache.c */
int cmd_import(int argc, char *argv[]);
int cmd_flows(int argc, char *argv[]);		/* flows.c */
int cmd_counts(int argc, char *argv[]);
int cmd_peers(int argc, char *argv[]);		/* peers.c */
int cmd_map(int argc, char *argv[]);
int cmd_explain(int argc, char *argv[]);
int cmd_connect(int argc, char *argv[]);	/* change.c */
int cmd_disconnect(int argc, char *argv[]);
int cmd_evict(int argc, char *argv[]);
int cmd_key(int argc, char *argv[]);		/* keys.c */
int cmd_trust(int argc, char *argv[]);
int cmd_deny(int argc, char *argv[]);
int cmd_hide(int argc, char *argv[]);
int cmd_allow(int argc, char *argv[]);
int cmd_cluster(int argc, char *argv[]);	/* cluster.c */

/* The text of why; where that is empty, of err. */
const char *cmd_words(enum kodo_err err, const struct why *why);

/* One line on stderr: the command's name and cmd_words. */
void cmd_complain(const char *name, enum kodo_err err, const struct why *why);

/* Run the command line of main. Without a known command: print the list of commands. */
int cmd_run(int argc, char *argv[]);

#endif
