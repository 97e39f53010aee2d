#include "core/merge/ingest.h"
#include "core/merge/statement.h"
#include "core/registry/registry_private.h"
#include "core/registry/startup.h"

/* The own url is who made a tombstone itself, or on behalf of who is forgotten. */
static enum kodo_err
tombs_take(struct change *ch, const struct wire_body *b)
{
	struct peer *p;
	enum kodo_err err = str_eq(b->from_key, ch->o->url_key) ?
	    change_peer(ch, PEER_SELF, &p) :
	    change_peer_make(ch, b->from.url, b->from_key, &p);
	size_t i;

	for (i = 0; err == KODO_OK && i < b->n_gone; i++)
		err = statement_take_gone(
		    ch, p, b->gone[i].url, b->gone[i].key, b->gone[i].version);
	return err;
}

static enum kodo_err
provider_take(struct change *ch, const struct wire_body *b)
{
	struct peer *p;
	uint32_t node;
	size_t i;
	enum kodo_err err = change_peer_make(ch, b->from.url, b->from_key, &p);

	if (err == KODO_OK)
		err = ingest_greeting(ch, p, &b->from);
	if (err != KODO_OK)
		return err;
	p->created_us = p->modified_us = p->in.registered_us = b->from.now_us;
	/* versions are taken as they are; in which dialect it speaks, its next word says */
	p->flags |= PEER_CONNECTS | PEER_KODO;
	for (i = 0; err == KODO_OK && i < b->n_nodes; i++) {
		node = 0;
		err = statement_take(ch, p, b->nodes[i].key, b->nodes[i].bytes,
		    b->nodes[i].version, true, &node);
	}
	p->flags &= ~(unsigned)PEER_KODO;
	return err;
}

static enum kodo_err
lines_fn(struct change *ch, void *arg)
{
	const struct startup_lines *lines = arg;
	enum kodo_err err = KODO_OK;
	size_t i;

	for (i = 0; err == KODO_OK && i < lines->n; i++)
		err = lines->list[i].n_gone > 0 ? tombs_take(ch, &lines->list[i]) :
		    provider_take(ch, &lines->list[i]);
	return err;
}

const struct change_type change_import_lines = { .kind = CHANGE_IMPORT_LINES, .fn = lines_fn };

enum kodo_err
startup_import_lines(struct registry *r, struct startup_lines *lines, int64_t now_us)
{
	struct change_run run = { .type = &change_import_lines, .r = r, .now_us = now_us,
		.arg = lines };

	return registry_change(&run);
}
