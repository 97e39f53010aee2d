#include "core/merge/ingest.h"
#include "core/registry/registry_private.h"
#include "core/registry/restored.h"

static enum kodo_err
restored_fn(struct change *ch, void *arg)
{
	(void)arg;
	return ingest_is_copy(ch);
}

const struct change_type change_restored = { .kind = CHANGE_RESTORED, .fn = restored_fn };

enum kodo_err
restored_note(struct registry *r, int64_t now_us)
{
	struct change_run run = { .type = &change_restored, .r = r, .now_us = now_us };
	const enum kodo_err err = registry_change(&run);

	return err == KODO_ENOTFOUND ? KODO_OK : err;
}
