/*
 * What an admin orders by hand: kodo cluster.
 */
#include <stdlib.h>

#include "core/base/isotime.h"
#include "core/cluster/entry.h"
#include "cron/cluster/context.h"
#include "cron/cluster/order.h"
#include "cron/cluster/propose.h"

static void
on_done(void *arg, const struct etcd_answer *an)
{
	propose_order_done(arg, an->err);
}

/* An entry that names the revision which all machines are to pass over. */
static enum kodo_err
skip(struct context *e, struct str word, struct etcd_done done)
{
	struct buf value = BUF_INIT(0);
	char digits[24], *end, key[KEY_BYTES];
	uint64_t revision;
	unsigned i;
	enum kodo_err err;

	str_copy(digits, sizeof(digits), word);
	revision = strtoull(digits, &end, 10);
	if (revision == 0 || *end != '\0')
		return KODO_EINVAL;
	/* only what does not go on here; who has applied it would have to take a state */
	if (revision != e->poison)
		return KODO_ECONFLICT;
	for (i = 0; i < e->status.n_members; i++)
		if (e->status.members[i].is_live && e->status.members[i].applied >= revision)
			return KODO_ECONFLICT;
	buf_putc(&value, 'E');
	entry_write_skip(&value, isotime_now_us(), revision);
	err = buf_failed(&value) ? value.err
	    : etcd_put(e->etcd, propose_key(e->proposer, key), buf_str(&value), 0, done);
	buf_free(&value);
	return err;
}

static enum kodo_err
leave(struct context *e, struct str word, struct etcd_done done)
{
	const struct cluster_status *st = &e->status;
	char key[KEY_BYTES];
	unsigned i;

	for (i = 0; i < st->n_members; i++)
		if (str_eq(str_of(st->members[i].name), word))
			break;
	if (i == st->n_members)
		return KODO_ENOTFOUND;
	if (st->members[i].is_live)
		return KODO_ECONFLICT;
	return etcd_put(e->etcd, context_key(e, key, "left"), word, 0, done);
}

/* Take another machine's state, also where nothing seems to be missing. */
static enum kodo_err
snapshot(struct context *e, struct str word, struct etcd_done done)
{
	(void)word;
	e->status.is_catching_up = true;
	e->is_changed = true;
	return etcd_version(e->etcd, done);
}

static const struct {
	const char *name;
	enum kodo_err (*run)(struct context *e, struct str word, struct etcd_done done);
} orders[] = {
	{ "skip", skip },
	{ "leave", leave },
	{ "snapshot", snapshot },
};

void
order_take(struct context *e, void *client, struct str words)
{
	const struct etcd_done done = { on_done, client };
	const struct str name = str_cut(&words, ' ');
	enum kodo_err err = KODO_EINVAL;
	size_t i;

	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (str_eq(name, str_of(orders[i].name)))
			err = orders[i].run(e, words, done);
	if (err != KODO_OK)
		propose_order_done(client, err);
}
