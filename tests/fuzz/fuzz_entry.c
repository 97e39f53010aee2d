/*
 * Any bytes as an entry of a cluster's log, and as what came of one: what is read says all that the
 * bytes did, so that written again it is the same; nothing of the rest is taken.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/cluster/entry_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
write_again(const struct entry *e, struct str bytes)
{
	const struct change_run run = { .type = e->row->type, .now_us = e->head.now_us,
		.arg = e->arg };
	struct buf out = BUF_INIT(0);

	if (run.type == NULL)
		entry_write_skip(&out, e->head.now_us, *(uint64_t *)e->arg);
	else
		must(entry_write(&out, &run, e->head.room_bytes) == KODO_OK);
	/* options may be written otherwise than option_write does; a skip has no room */
	if (e->head.kind != CHANGE_START && e->head.kind != CHANGE_SKIP)
		must(str_eq(buf_str(&out), bytes));
	buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct str bytes = { (const char *)data, n };
	struct arena *a = arena_new();
	struct entry_head h;
	struct entry e;
	enum kodo_err err, head;

	if (a == NULL)
		abort();
	head = entry_head_read(bytes, &h);
	err = entry_read(a, bytes, &e);
	must(err == KODO_OK || err == KODO_EINVAL || err == KODO_EVERSION);
	must(err != KODO_OK || head == KODO_OK);
	must(head == KODO_EVERSION ? err == head : err != KODO_EVERSION);
	if (err == KODO_OK)
		write_again(&e, bytes);
	arena_free(a);
	return 0;
}
