#include "core/merge/ingest.h"
#include "core/registry/registry_private.h"
#include "core/registry/restored.h"

static enum kodo_err
restored_fn(struct change *ch, void *arg)
{
	(void)arg;
	return ingest_is_copy(ch);
}

enum kodo_err
restored_note(struct registry *r, int64_t now_us)
{
	struct change_run run = { .r = r, .now_us = now_us, .fn = restored_fn };
	const enum kodo_err err = registry_change(&run);

	return err == KODO_ENOTFOUND ? KODO_OK : err;
}
