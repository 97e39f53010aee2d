/* kodo cluster: how the machines of a registry are, and what is done by hand. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/state_arg.h"
#include "cmd/table.h"
#include "core/base/isotime.h"
#include "core/cluster/apply.h"
#include "core/cluster/link.h"
#include "core/cluster/state_digest.h"
#include "core/registry/restored.h"
#include "core/storage/cluster_status.h"
#include "core/storage/machine.h"
#include "core/views/cluster_view.h"

static const char usage[] =
    "usage: kodo cluster status [-o json] [SERVICE ...]\n"
    "       kodo cluster digest | snapshot | init | skip REVISION | leave MACHINE\n"
    "                    [SERVICE ...]\n"
    "\n"
    "The machines that are one registry (option cluster), as this one knows them.\n"
    "  status            each machine, how far it has come, who sends, what is wrong\n"
    "  digest            revision and digest of the state here: equal on all machines at\n"
    "                    one revision\n"
    "  snapshot          take the state of another machine, after a digest that differs\n"
    "  skip REVISION     let all machines pass over an entry of the log that cannot be\n"
    "                    applied\n"
    "  leave MACHINE     forget one that does not come back\n"
    "  init              with the service ended: its state becomes the first one of a new\n"
    "                    cluster, where etcd was lost or restored from a backup\n"
    "Exit status: 0, 1 if this machine takes no writes, or it cannot be done, 2 for wrong\n"
    "arguments.\n"
    "Example: kodo cluster status my.yaml\n"
    "\n"
    STATE_ARG_HELP;

struct cluster {
	struct state_arg args;
	struct registry *registry;
	const char *word;	/* what follows skip or leave */
	bool is_json;
};

/* --- status --- */

static void
print_state(const struct cluster_status *st)
{
	const char *why = cluster_unready(st);

	printf("cluster %s, machine %s, revision %" PRIu64 ", etcd %s of %" PRIu64 " KiB\n",
	    st->name, st->machine, st->revision, st->etcd_version, st->db_bytes >> 10);
	printf("sends to peers: %s\n", st->leader[0] == '\0' ? "nobody now" : st->leader);
	if (!st->has_quorum)
		puts("no majority of etcd answers: no writes are taken, reads go on");
	if (st->queued > 0)
		printf("taken here, and not yet by the cluster: %" PRIu64 "\n", st->queued);
	if (st->n_alarms > 0)
		printf("etcd has raised an alarm (member %" PRIu64 "), and takes nothing: see kodo "
		    "check\n", st->alarm_member);
	if (why != NULL)
		printf("not ready: %s\n", why);
}

static enum kodo_err
print_members(struct cluster *c, const struct cluster_status *st)
{
	static const struct table_column columns[] = { { "MACHINE", TABLE_WHOLE, 0 },
		{ "STATE", TABLE_TEXT, 0 }, { "BEHIND", TABLE_TEXT, 0 }, { "SEEN", TABLE_TEXT, 0 },
		{ "OPTIONS", TABLE_TEXT, 2 }, { "VERSION", TABLE_TEXT, 3 },
		{ "URL", TABLE_TEXT, 1 }, { NULL, TABLE_TEXT, 0 } };
	struct table *t = table_new(c->args.a, columns);
	const int64_t now_us = isotime_now_us();
	unsigned i;

	if (t == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < st->n_members; i++) {
		const struct cluster_member *m = &st->members[i];

		table_put(t, str_of(m->name));
		table_put(t, str_of(!m->is_live ? "gone" : m->is_ready ? "ready" : "not ready"));
		table_put_u64(t, cluster_behind(st, m));
		table_put_ago(t, cluster_heard_us(m, now_us), now_us);
		table_put(t, str_of(strcmp(m->options, st->options) == 0 ? "same" : "differ"));
		table_put(t, str_of(m->version));
		table_put(t, str_of(m->url));
		table_end_row(t);
	}
	return table_print(t, TABLE_FIT);
}

static enum kodo_err
run_status(struct cluster *c, int *status, struct why *why)
{
	struct cluster_status st;
	struct buf b = BUF_INIT(0);
	enum kodo_err err = cluster_status_read(registry_state(c->registry), &st);

	if (err == KODO_ENOTFOUND)
		return why_set(why, err,
		    "this machine is in no cluster: the option cluster names one");
	if (err != KODO_OK)
		return err;
	*status = cluster_unready(&st) == NULL ? 0 : 1;
	if (!c->is_json) {
		print_state(&st);
		return print_members(c, &st);
	}
	cluster_view_put(&b, &st);
	puts(buf_z(&b));
	buf_free(&b);
	return KODO_OK;
}

/* --- the others --- */

static enum kodo_err
run_digest(struct cluster *c, int *status, struct why *why)
{
	char text[STATE_DIGEST_SIZE];
	uint64_t revision = 0;
	struct txn t;
	enum kodo_err err = store_begin(registry_store(c->registry), STORE_READ, &t);

	(void)why;
	if (err != KODO_OK)
		return err;
	err = cluster_applied(&t, &revision);
	if (err == KODO_OK)
		err = state_digest(&t, text);
	err = store_end(&t, err);
	if (err == KODO_OK)
		printf("%" PRIu64 " %s\n", revision, text);
	*status = 0;
	return err;
}

/* Why an order is not taken; with its word. */
struct order_words {
	const char *name, *invalid, *conflict;
};

static enum kodo_err
run_order(struct cluster *c, const struct order_words *o, int *status, struct why *why)
{
	struct buf b = BUF_INIT(0);
	enum kodo_err err;

	buf_printf(&b, "%s %s", o->name, c->word);
	err = buf_failed(&b) ? b.err : link_order(registry_state(c->registry), buf_str(&b));
	buf_free(&b);
	*status = 0;
	if (err == KODO_EBUSY)
		return why_set(why, err, "etcd does not answer, or the process of the cluster "
		    "does not run here");
	if (err == KODO_ECONFLICT || err == KODO_EINVAL || err == KODO_ENOTFOUND)
		return why_set(why, err, "%s %s: %s", o->name, c->word,
		    err == KODO_ECONFLICT ? o->conflict : o->invalid);
	return err;
}

static enum kodo_err
run_skip(struct cluster *c, int *status, struct why *why)
{
	static const struct order_words words = { "skip", "that is no revision",
		"this machine has not stopped at that revision, or another one has applied it: "
		"then kodo cluster snapshot takes that one's state" };

	return run_order(c, &words, status, why);
}

static enum kodo_err
run_leave(struct cluster *c, int *status, struct why *why)
{
	static const struct order_words words = { "leave", "no machine is called so: kodo cluster "
		"status names them", "it is there: end it first, and wait until it is gone" };

	return run_order(c, &words, status, why);
}

static enum kodo_err
run_snapshot(struct cluster *c, int *status, struct why *why)
{
	static const struct order_words words = { "snapshot", "that is not taken", "not now" };

	return run_order(c, &words, status, why);
}

/* With the service ended: what it has begins a new cluster, on an etcd that is empty. */
static enum kodo_err
run_init(struct cluster *c, int *status, struct why *why)
{
	const struct state *s = registry_state(c->registry);
	char owner[STATE_OWNER_BYTES];
	enum kodo_err err = state_lock_owner(s, MACHINE_LOCK, owner);

	if (err == KODO_OK)
		return why_set(why, KODO_ECONFLICT, "the service runs: end it first");
	link_leave();	/* no log takes this */
	err = cluster_forget(c->registry);
	/* peers may have heard more than this state knows */
	if (err == KODO_OK)
		err = restored_note(c->registry, isotime_now_us());
	if (err != KODO_OK)
		return err;
	machine_remove(s, MACHINE_STATUS);
	puts("This state begins a new cluster. Start this machine first: others take its state.");
	*status = 0;
	return KODO_OK;
}

static const struct verb {
	const char *name;
	bool has_word;
	enum kodo_err (*run)(struct cluster *c, int *status, struct why *why);
} verbs[] = {
	{ "status", false, run_status },
	{ "digest", false, run_digest },
	{ "skip", true, run_skip },
	{ "leave", true, run_leave },
	{ "snapshot", false, run_snapshot },
	{ "init", false, run_init },
};

/* The verb, and its word, out of the arguments. */
static enum kodo_err
read_verb(struct cluster *c, const struct verb **out, struct why *why)
{
	struct state_arg *t = &c->args;
	size_t i;

	*out = NULL;
	for (i = 0; t->argc > 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(t->argv[0], verbs[i].name) == 0)
			*out = &verbs[i];
	if (*out == NULL)
		return why_set(why, KODO_EINVAL,
		    "status, digest, snapshot, skip, leave or init must follow");
	t->argv++;
	t->argc--;
	if (!(*out)->has_word)
		return KODO_OK;
	if (t->argc == 0)
		return why_set(why, KODO_EINVAL, "%s needs what it is about", (*out)->name);
	c->word = t->argv[0];
	t->argv++;
	t->argc--;
	return KODO_OK;
}

int
cmd_cluster(int argc, char *argv[])
{
	struct cluster c = { .word = "" };
	const struct verb *verb = NULL;
	const char *output = NULL;
	struct why why = { "" };
	int status = 2;
	enum kodo_err err = state_arg_read(&c.args, argc - 1, argv + 1, &why);

	if (err == KODO_OK && c.args.is_help) {
		fputs(usage, stdout);
		state_arg_free(&c.args);
		return 0;
	}
	if (err == KODO_OK)
		err = state_arg_take(&c.args, "-o", &output, &why);
	if (err == KODO_OK)
		err = read_verb(&c, &verb, &why);
	if (err == KODO_OK && output != NULL && strcmp(output, "json") != 0)
		err = why_set(&why, KODO_EINVAL, "-o takes json");
	c.is_json = output != NULL;
	if (err == KODO_OK)
		err = state_arg_check(&c.args, &why);
	if (err == KODO_OK) {
		status = 1;
		err = state_arg_open(&c.args, &c.registry, &why);
	}
	if (err == KODO_OK)
		err = verb->run(&c, &status, &why);
	if (err != KODO_OK)
		cmd_complain("cluster", err, &why);
	link_leave();
	registry_close(c.registry);
	state_arg_free(&c.args);
	return err == KODO_OK ? status : status == 2 ? 2 : 1;
}
