#include <stdlib.h>

#include "core/base/log.h"
#include "core/exchange/flow_probe.h"
#include "core/probe/host.h"
#include "cron/flow_asker.h"

#define ASKS_MAX	64u
#define TIMEOUT_S	5u	/* of a request */
#define ROUND_US	(60 * 1000000ll)

struct asking {
	bool is_busy;
	struct flow_ask ask;
	struct exchange_job job;
	int64_t begun_us;
};

struct flow_asker {
	struct registry *registry;
	struct sender *sender;
	unsigned first;
	struct asking slots[FLOW_SLOTS];
	unsigned n_busy;
	struct arena *a;	/* of what was picked last */
	struct flow_ask asks[ASKS_MAX];
	size_t n, next;
	uint64_t from;		/* see flow_probe_pick */
	int64_t picked_us;
};

struct flow_asker *
flow_asker_new(struct registry *r, struct sender *s, unsigned first)
{
	struct flow_asker *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	*f = (struct flow_asker){ .registry = r, .sender = s, .first = first, .a = arena_new() };
	if (f->a != NULL)
		return f;
	free(f);
	return NULL;
}

void
flow_asker_free(struct flow_asker *f)
{
	if (f == NULL)
		return;
	arena_free(f->a);
	free(f);
}

unsigned
flow_asker_n_busy(const struct flow_asker *f)
{
	return f->n_busy;
}

/* A whole round without work is followed by a pause; one with some by the next. */
static void
pick(struct flow_asker *f, int64_t now_us)
{
	const bool had_some = f->n > 0;
	enum kodo_err err;

	if (!had_some && now_us >= f->picked_us && now_us - f->picked_us < ROUND_US)
		return;
	arena_reset(f->a);
	f->next = f->n = 0;
	f->picked_us = now_us;
	err = flow_probe_pick(
	    f->registry, f->a, &f->from, now_us, f->asks, ASKS_MAX, &f->n);
	if (err != KODO_OK) {
		f->n = 0;
		log_warning("cannot find out which flows to ask: %s", kodo_err_text(err));
	}
}

static enum kodo_err
start(struct flow_asker *f, unsigned i, const struct options *o, int64_t now_us)
{
	struct asking *s = &f->slots[i];
	const struct flow_ask *ask = &f->asks[f->next++];
	const char *agent = arena_printf(f->a, "User-Agent: " PROBE_AGENT " (+%.*s)",
	    STR_ARG(o->url));
	/* a robots.txt is wanted whole */
	const char *const head[] = { agent, "Accept: */*",
		ask->is_robots ? NULL : "Range: bytes=0-0", NULL };
	const struct sender_limits limits = { .timeout_s = TIMEOUT_S, .head = head,
		.answer_max_bytes = PROBE_ROBOTS_BYTES, .head_only = !ask->is_robots,
		.allow_private = ask->is_target || option_allows_private(o) };
	enum kodo_err err = KODO_ENOMEM;

	*s = (struct asking){ .ask = *ask, .job = { .url = ask->url }, .begun_us = now_us };
	if (agent != NULL)
		err = sender_start(f->sender, f->first + i, &s->job, &limits);
	s->is_busy = err == KODO_OK;
	f->n_busy += s->is_busy;
	log_debug("does it answer? %.*s", STR_ARG(ask->url));
	return err;
}

void
flow_asker_begin(struct flow_asker *f, int64_t now_us, int64_t *due_us)
{
	const struct options *o;
	enum kodo_err err = KODO_OK;
	unsigned i;

	if (registry_options(f->registry, &o) != KODO_OK || !o->probe)
		return;
	if (f->next == f->n && f->n_busy == 0)
		pick(f, now_us);
	/* they are valid until a function of the registry is called */
	if (registry_options(f->registry, &o) != KODO_OK)
		return;
	for (i = 0; i < FLOW_SLOTS && f->next < f->n && err == KODO_OK; i++)
		if (!f->slots[i].is_busy)
			err = start(f, i, o, now_us);
	if (err != KODO_OK)
		f->next = f->n;
	if (f->n_busy == 0 && f->picked_us + ROUND_US < *due_us)
		*due_us = f->picked_us + ROUND_US;
}

void
flow_asker_end(
    struct flow_asker *f, unsigned slot, const struct exchange_result *res, int64_t now_us)
{
	struct asking *s = &f->slots[slot - f->first];
	enum kodo_err err;

	s->is_busy = false;
	f->n_busy--;
	log_debug("%.*s: %u %s", STR_ARG(s->ask.url), res->status,
	    res->error == NULL ? "" : res->error);
	err = flow_probe_note(f->registry, &s->ask, res, s->begun_us, now_us);
	if (err != KODO_OK)
		log_warning("cannot store whether %.*s answers: %s", STR_ARG(s->ask.url),
		    kodo_err_text(err));
}
