/*
 * All errors in one enum, and the line that explains one to a person.
 *
 * A function that can fail returns enum kodo_err (KODO_OK is 0) and must be checked; results leave
 * through out-pointers at the end of the parameter list, set to a safe value first.
 */
#ifndef KODO_ERR_H
#define KODO_ERR_H

#define MUST_CHECK	__attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

enum kodo_err {
	KODO_OK = 0,
	KODO_ENOMEM,	/* memory ran out */
	KODO_EINVAL,	/* wrong input; struct why or the caller's list of errors tells where */
	KODO_ENOTFOUND,	/* no such record, file, provider */
	KODO_EEXIST,	/* it is there already */
	KODO_ETOOBIG,	/* over a ceiling of limit.h */
	KODO_EFULL,	/* the map or the disk is full: raise map_max_mib, or free space */
	KODO_EBUSY,	/* reader table full, a writer holds the lock, no room: try again later */
	KODO_EIO,	/* the system refused; errno is explained in struct why */
	KODO_ECORRUPT,	/* a stored record cannot be read */
	KODO_EVERSION,	/* the state was written by another record format */
	KODO_ECONFLICT,	/* in use by another: port, lock, state of another url */
	KODO_ELATER,	/* taken, and done later: of a cluster, by durability: local */
	KODO_ERR_MAX
};

/* A few words for e, static, never NULL: "not found". */
const char *kodo_err_text(enum kodo_err e);

/*
 * One line for a person: what was wrong, where (file:line), what to do. Or the empty text.
 */
struct why {
	char text[1024];
};

/* Set the line, cut off at its size; w may be NULL. Returns e: `return why_set(...);`. */
enum kodo_err why_set(struct why *w, enum kodo_err e, const char *fmt, ...) PRINTF_LIKE(3, 4);

/*
 * All faults of an input instead of the first, for `kodo check`: from now on each gets the line of
 * every one, and reading goes on behind it. NULL: the first one ends it again. Of this process, as
 * the log is.
 */
void why_collect(void (*each)(void *arg, const char *line), void *arg);

/*
 * What became of a step that those after it do not need: e, or KODO_OK where faults are collected
 * and this was one.
 */
enum kodo_err why_take(struct why *w, enum kodo_err e) MUST_CHECK;

/* At the end of such steps: KODO_EINVAL where faults were collected; their number is the line. */
enum kodo_err why_end(struct why *w, enum kodo_err e) MUST_CHECK;

#endif
