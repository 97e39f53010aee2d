/*
 * Rate limits, of all processes of a state together: a table of fixed size in the file `rates`,
 * which they map. A key is a number of somebody; its bucket holds what it may ask within a minute,
 * and fills as time goes on.
 *
 * Each bucket is one word that is compared and swapped, so there is no lock, and nothing is left
 * half done by a process that is killed. Where a key finds no room the fullest bucket of 8 gives
 * way: it belongs to who asked least.
 */
#ifndef KODO_RATE_TABLE_H
#define KODO_RATE_TABLE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"
#include "core/storage/shared_file.h"

#define RATE_TABLE_FILE	"rates"
#define RATE_PER_MINUTE_MAX	60000u

struct rate_table {
	struct shared_file file;
};

#define RATE_TABLE_INIT	{ SHARED_FILE_INIT }

struct rate_verdict {
	unsigned wait_s;	/* it asked too often: for so long; 0: it may go on */
	bool begins;		/* and that is new: it was not so for half a minute */
};

/*
 * Key asks once; it may per_minute times in a minute (1 to RATE_PER_MINUTE_MAX). Where the file
 * cannot be used everybody may go on, with one line in the log; a damaged one is replaced.
 */
struct rate_verdict rate_table_take(
    struct rate_table *t, const struct state *s, struct str key, unsigned per_minute);
/* A request of that address is refused: for the report. */
void rate_table_note(
    struct rate_table *t, const struct in6_addr *address, int64_t now_us);
void rate_table_close(struct rate_table *t);

/* What was refused since the file was made. */
struct rate_report {
	uint64_t n;
	int64_t since_s, last_s;	/* seconds since the epoch; last_s 0: nothing yet */
	struct in6_addr last;		/* who was last */
};
/* KODO_ENOTFOUND: no table yet. KODO_EIO, KODO_ECORRUPT: it cannot be used. */
enum kodo_err rate_table_report(const struct state *s, struct rate_report *out) MUST_CHECK;

#endif
