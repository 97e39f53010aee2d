/*
 * The audit: who changed what, and whom it was refused. One line of JSON for each request that is
 * to change something, and for each withdrawal that follows from no request; PROTOCOL.md, "Audit",
 * has its members.
 *
 * Each line is one write() to a file that all processes of the service append to. A file that is
 * full is renamed to `.1`, the former ones go one up, and those over the number to be kept are
 * removed. What is given here is all that is written: there is no member for a key of the admin, a
 * signature or a query.
 */
#ifndef KODO_AUDIT_H
#define KODO_AUDIT_H

#include "core/storage/state.h"

#define AUDIT_NODES	20u	/* named in a line; others are counted */
#define AUDIT_KEEP_MAX	100u	/* renamed files; a reader has all of them open at once */

struct audit_node {
	struct str url;
	uint64_t version;	/* 0: none */
};

/* Texts may be null, numbers 0: then the line says nothing of them. */
struct audit_line {
	int64_t at_us;
	const char *by;		/* "request", else the program: "runner", "command", .. */
	struct str url, key;	/* of whoever spoke; the key as people see it */
	const char *known;	/* how well it is known: "proved" .. "anonymous", "admin" */
	const char *address;
	struct str method;
	const char *route;
	struct str subject;	/* what it is about, if no nodes */
	const struct audit_node *nodes;	/* the first AUDIT_NODES of them */
	size_t n_nodes;
	uint64_t n_withdrawn;	/* nodes that are not shown any more, by a request */
	uint64_t view, state;	/* after it */
	unsigned status;
	const char *outcome;	/* "taken", "refused", "withdrawn", "forgotten" */
	const char *reason;
};

struct audit_file {
	int fd;			/* -1: not open */
	bool has_failed;	/* and the log says so */
};

/* Where it is, and its bounds: keep files of max_bytes beside the present one. */
struct audit_place {
	char path[PATH_BYTES];
	bool is_own;		/* in the state folder, where a link is not followed */
	mode_t mode;
	uint64_t max_bytes;
	unsigned keep;
};

/* That of the option audit_file, or, if that is null, in the state folder. KODO_ETOOBIG. */
enum kodo_err audit_path(
    const struct state *s, struct str option, char out[PATH_BYTES]) MUST_CHECK;

/* A line that cannot be written is lost; the log says so once. */
void audit_write(
    struct audit_file *f, const struct audit_place *at, const struct audit_line *line);
void audit_close(struct audit_file *f);

/*
 * Open all files for reading, the oldest first, so that no line is missed or read twice whatever is
 * renamed meanwhile. *n 0: there is none.
 */
void audit_open_all(const char *path, int fds[AUDIT_KEEP_MAX + 1], unsigned *n);

#endif
