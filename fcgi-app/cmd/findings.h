/*
 * What `kodo check` finds, a line each, and at the end their number. Faults that are equal but for
 * the peer, or for numbers, are one line: "12 peers: paused ..: http://a, http://b, ..".
 */
#ifndef KODO_FINDINGS_H
#define KODO_FINDINGS_H

#include "core/base/arena.h"
#include "core/base/strmap.h"
#include "core/check/environment.h"

#define FINDING_KINDS	(FINDING_ERROR + 1)

struct findings {
	struct arena *a;
	uint64_t n[FINDING_KINDS];
	bool is_folding;
	struct strmap kinds_of;		/* what is equal of folded lines, with their kind */
	struct finding_group *groups;	/* in the order of kinds_of */
	size_t cap;
};

/* findings_say(f, kind, fmt, ...): a line in the manner of printf. */
#define findings_say(f, ...)	finding_say(findings_line, f, __VA_ARGS__)
/* The same for who calls back; arg is a struct findings. */
void findings_line(void *arg, enum finding kind, const char *line);

/*
 * From begin to end faults are gathered, and printed at the end. Those of which there are fewer
 * than three are lines of their own.
 */
void findings_fold_begin(struct findings *f);
void findings_fold_end(struct findings *f);

/* The last line: "summary 14 ok, 2 warnings, 1 error"; of those only that there are. */
void findings_end(struct findings *f);

#endif
