/*
 * The commands of the command line: one row each in a const table, one file each.
 */
#ifndef KODO_CMD_H
#define KODO_CMD_H

#include <stdbool.h>

/*
 * Each gets its own name as argv[0] and its arguments behind it, and returns the exit status: 0
 * done, 1 failed (one line on stderr said why and what to do), 2 wrong arguments.
 */
int cmd_service(int argc, char *argv[]);	/* service.c */
int cmd_check(int argc, char *argv[]);		/* check.c */
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

/*
 * Run the command line of main. Without arguments, or with an unknown command, it says what there
 * is.
 */
int cmd_run(int argc, char *argv[]);

#endif
