/*
 * With KODO_TEST_TWIN in the environment every change of a fixture's registry goes the way that it
 * goes in a cluster: written as an entry, applied, its result read. And it is applied to a twin,
 * another state, from the same entry: both must be equal after it. What a test writes to its store
 * itself is copied to the twin.
 */
#ifndef TWIN_H
#define TWIN_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/cluster/apply.h"
#include "core/cluster/entry.h"
#include "core/cluster/state_digest.h"
#include "core/registry/registry_private.h"
#include "core/registry/requests.h"

struct twin {
	struct registry *r;
	char dir[72];
	uint64_t revision;
	uint64_t seen;	/* the last commit of the state that the twin is equal to */
};

static inline void
twin_must(enum kodo_err err, const char *what)
{
	if (err != KODO_OK)
		fail_msg("twin: %s: %s", what, kodo_err_text(err));
}

static inline void
twin_digest(struct registry *r, char out[STATE_DIGEST_SIZE])
{
	struct txn t;

	twin_must(store_begin(registry_store(r), STORE_READ, &t), "read");
	twin_must(store_end(&t, state_digest(&t, out)), "digest");
}

static inline void
twin_remove(struct twin *w)
{
	static const char *const names[] = { "data.mdb", "lock.mdb", "write.lock", "key",
	    "audit.jsonl" };
	char path[256];
	size_t i;

	registry_close(w->r);
	w->r = NULL;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
		unlink(path);
	}
	rmdir(w->dir);
}

/* A twin of r as it is now. */
static inline void
twin_make(struct twin *w, struct registry *r)
{
	struct why why = { "" };
	char path[256];
	uint64_t at;
	int fd;

	twin_must(cluster_applied_now(r, &at), "applied");
	w->revision = at > w->revision ? at : w->revision;
	twin_remove(w);
	twin_must(registry_open(str_of(w->dir), STORE_MAKE, &why, &w->r), why.text);
	registry_close(w->r);
	snprintf(path, sizeof(path), "%s/data.mdb", w->dir);
	fd = open(path, O_RDWR | O_TRUNC);
	assert_true(fd >= 0);
	twin_must(store_copy(registry_store(r), fd, &why), why.text);
	close(fd);
	twin_must(registry_open(str_of(w->dir), STORE_FIND, &why, &w->r), why.text);
}

static inline enum kodo_err
twin_submit(void *arg, struct change_run *run)
{
	char after[2][STATE_DIGEST_SIZE];
	struct twin *w = arg;
	struct buf b = BUF_INIT(0);
	struct arena *a = arena_new();
	struct str entry, results[2];
	uint64_t room_bytes;
	enum kodo_err looked, err;

	if (w->r == NULL || store_last(registry_store(run->r)) != w->seen)
		twin_make(w, run->r);
	looked = registry_look(run);
	twin_must(looked == KODO_ENOTFOUND ? KODO_OK : looked, "look");
	twin_must(entry_room(run->r, &room_bytes), "room");
	twin_must(entry_write(&b, run, room_bytes), "entry_write");
	entry = buf_str(&b);
	w->revision++;
	err = cluster_apply(run->r, a, w->revision, &entry, 1, &results[0]);
	w->seen = store_last(registry_store(run->r));
	if (err == KODO_OK) {
		twin_must(cluster_apply(w->r, a, w->revision, &entry, 1, &results[1]), "apply");
		twin_digest(run->r, after[0]);
		twin_digest(w->r, after[1]);
		assert_string_equal(after[0], after[1]);
		assert_true(str_eq(results[0], results[1]));
		err = entry_result_read(results[0], run);
		/* what a look refuses would be refused */
		if (looked == KODO_ENOTFOUND)
			assert_false(((struct change_post *)run->arg)->out->known);
	}
	arena_free(a);
	buf_free(&b);
	return err;
}

static inline struct twin *
twin_follow(struct registry *r, const char *dir)
{
	struct twin *w = NULL;

	if (getenv("KODO_TEST_TWIN") != NULL) {
		w = calloc(1, sizeof(*w));
		assert_non_null(w);
		snprintf(w->dir, sizeof(w->dir), "%s.twin", dir);
		registry_submit_by(r, twin_submit, w);
	}
	return w;
}

static inline void
twin_free(struct twin *w)
{
	if (w != NULL)
		twin_remove(w);
	free(w);
}

#endif
