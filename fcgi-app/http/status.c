/*
 * /status, for the operator: how this service is.
 */
#include "core/auth/auth.h"
#include "core/base/json.h"
#include "core/check/environment.h"
#include "core/import/imported.h"
#include "core/liveness/watch.h"
#include "core/storage/cluster_status.h"
#include "core/storage/run_history.h"
#include "core/views/peer_status.h"
#include "http/handlers.h"
#include "http/page.h"

#define TROUBLES_MAX	20u	/* shown; the map has all */

enum count {
	COUNT_PROVIDERS,
	COUNT_TARGETS,
	COUNT_NODES,
	COUNT_TROUBLED,
	COUNT_UNREACHED,
	COUNT_SILENT,
	COUNT_PENDING,
	COUNT_WAITING,
	COUNTS
};

/* Members of the JSON answer, values of the page. */
static const char *const names[COUNTS] = {
	[COUNT_PROVIDERS] = "providers",
	[COUNT_TARGETS] = "targets",
	[COUNT_NODES] = "nodes",
	[COUNT_TROUBLED] = "troubled",
	[COUNT_UNREACHED] = "unreached",
	[COUNT_SILENT] = "silent",
	[COUNT_PENDING] = "pending",
	[COUNT_WAITING] = "waiting",
};

struct status {
	struct template_values *values;		/* NULL: JSON */
	int64_t now_us;
	uint64_t n_rows_max;
	uint64_t n[COUNTS];
};

static void
put_trouble(struct status *s, const struct peer_state *p)
{
	struct template_values *row = template_values_row(s->values, "trouble");

	template_values_put(row, "url", p->url);
	template_values_put(row, "organization", p->organization);
	template_values_put(row, "health", str_of(peer_status_name(p->health)));
	template_values_put_flag(row, "paused", p->health == STATUS_PAUSED);
	template_values_put(row, "error", peer_status_failure(p));
	template_values_put_count(row, "attempts", p->attempts);
	template_values_put_span(row, "reached", p->out_us, s->now_us);
	if (p->due_us > s->now_us)
		template_values_put_span(row, "next", s->now_us, p->due_us);
}

static enum kodo_err
count_peer(void *arg, const struct peer_state *p)
{
	struct status *s = arg;

	s->n[COUNT_PROVIDERS] += p->is_provider;
	s->n[COUNT_TARGETS] += p->is_target;
	s->n[COUNT_NODES] += p->n_nodes;
	s->n[COUNT_PENDING] += p->n_pending;
	s->n[COUNT_WAITING] += p->work.p != NULL;
	s->n[COUNT_UNREACHED] += p->health == STATUS_UNREACHED;
	s->n[COUNT_SILENT] += p->liveness == LIVENESS_SILENT || p->liveness == LIVENESS_LOST;
	if (p->moderated.p != NULL || !peer_status_is_bad(p))
		return KODO_OK;
	if (s->n[COUNT_TROUBLED]++ < s->n_rows_max)
		put_trouble(s, p);
	return KODO_OK;
}

/* The roles of DESIGN.md. */
static const char *
role_of(const struct options *o)
{
	return !o->registry ? "node" : o->feed ? "registry" : "provider";
}

static enum kodo_err
put_json(struct call *c, struct view *v)
{
	const struct state *state = registry_state(c->registry);
	struct buf *b = &c->res->body.buf;
	struct status s = { .now_us = c->now_us };
	size_t i;
	enum kodo_err err = peer_status_each(v, c->a, count_peer, &s);

	buf_puts(b, "{\"url\":");
	json_put_str(b, v->options->url);
	buf_printf(b, ",\"role\":\"%s\",\"version\":\"%s\",\"flows\":", role_of(v->options),
	    page_version());
	json_put_u64(b, v->head.total);
	for (i = 0; i < COUNTS; i++) {
		buf_printf(b, ",\"%s\":", names[i]);
		json_put_u64(b, s.n[i]);
	}
	buf_puts(b, ",\"idle\":");
	json_put_bool(b, v->idle);
	buf_puts(b, ",\"started\":");
	json_put_time(b, v->head.started_us, false);
	buf_puts(b, ",\"runner\":");
	json_put_bool(b, state_has_runner(state));
	buf_puts(b, ",\"cron\":");
	json_put_time(b, run_history_noted_us(state, RUN_HISTORY_CRON_FILE), false);
	/* of flows that not everybody may see */
	if (err == KODO_OK && !auth_is_on(v->options))
		err = imported_put_sources(&v->t, b);
	buf_putc(b, '}');
	return err;
}

static enum kodo_err
put_import(void *arg, const struct source *source)
{
	const struct status *s = arg;
	struct template_values *row;

	if (source->phase == SOURCE_ENDS)
		return KODO_OK;
	template_values_put_flag(s->values, "imports", true);
	row = template_values_row(s->values, "import");
	template_values_put(row, "slug", source->slug);
	template_values_put_count(row, "entries", source->n_entries);
	template_values_put_count(row, "refused", source_n_refused(source));
	template_values_put_span(row, "read", source->done_us, s->now_us);
	template_values_put(row, "error", source->error);
	return KODO_OK;
}

/* The machines of a cluster, as the one that answers knows them. */
static void
put_machines(struct template_values *t, const struct state *s, int64_t now_us)
{
	struct cluster_status st;
	unsigned i;

	if (cluster_status_read(s, &st) != KODO_OK)
		return;
	template_values_put_flag(t, "cluster", true);
	template_values_printf(t, "answers", "%s", st.machine);
	template_values_put_flag(t, "quorum", st.has_quorum);
	if (cluster_unready(&st) != NULL)
		template_values_printf(t, "unready", "%s", cluster_unready(&st));
	for (i = 0; i < st.n_members; i++) {
		const struct cluster_member *m = &st.members[i];
		struct template_values *row = template_values_row(t, "machine");

		template_values_printf(row, "name", "%s", m->name);
		template_values_put_flag(row, "live", m->is_live);
		template_values_put_flag(row, "ready", m->is_ready);
		template_values_put_flag(row, "sends", strcmp(m->name, st.leader) == 0);
		template_values_put_count(row, "behind", cluster_behind(&st, m));
		template_values_put_span(row, "seen", cluster_heard_us(m, now_us), now_us);
	}
}

/* The runner: is it running, its last runs, the last one by cron. */
static void
put_runs(struct template_values *t, const struct state *s, int64_t now_us)
{
	struct run runs[RUN_HISTORY_MAX];
	size_t n = run_history_read(s, runs);
	bool is_here = state_has_runner(s);
	int64_t cron_us = run_history_noted_us(s, RUN_HISTORY_CRON_FILE);

	template_values_put_flag(t, "ran", n > 0);
	template_values_put_flag(t, "runner_here", is_here);
	/* the newest first */
	while (n-- > 0) {
		struct template_values *row = template_values_row(t, "run");

		template_values_put_time(row, "began", runs[n].began_us);
		template_values_put_span(row, "lasted",
		    runs[n].ended_us == 0 ? 0 : runs[n].began_us, runs[n].ended_us);
		template_values_printf(row, "by", "%s", runs[n].by);
		template_values_put_flag(row, "at_work", is_here);
		is_here = false;	/* all others have ended */
	}
	template_values_put_time(t, "cron", cron_us);
	template_values_put_span(t, "cron_ago", cron_us, now_us);
}

/* Each count with its number, and whether it is any, and one. */
static void
put_counts(struct template_values *t, const uint64_t n[COUNTS])
{
	static const char *const any[COUNTS] = {
		"any_providers", "any_targets", "any_nodes", "any_troubled", "any_unreached",
		"any_silent", "any_pending", "any_waiting",
	};
	static const char *const one[COUNTS] = {
		"one_provider", "one_target", "one_node", "one_troubled", "one_unreached",
		"one_silent", "one_pending", "one_waiting",
	};
	size_t i;

	for (i = 0; i < COUNTS; i++) {
		template_values_put_count(t, names[i], n[i]);
		template_values_put_flag(t, any[i], n[i] > 0);
		template_values_put_flag(t, one[i], n[i] == 1);
	}
}

static enum kodo_err
put_page(struct call *c, struct view *v)
{
	/* this page is open to all: who the peers are is on the map, for who has the role */
	struct status s = { .now_us = c->now_us,
		.n_rows_max = auth_is_on(v->options) ? 0 : TROUBLES_MAX };
	struct template_values *t;
	struct watch w;
	enum kodo_err err = page_begin(c, v, "Status", &t);

	s.values = t;
	if (err == KODO_OK)
		err = peer_status_each(v, c->a, count_peer, &s);
	if (err == KODO_OK && !auth_is_on(v->options))
		err = source_each(&v->t, put_import, &s);
	if (err == KODO_OK)
		err = watch_get(&v->t, &w);
	if (err != KODO_OK)
		return err;
	template_values_put(t, "role", str_of(role_of(v->options)));
	template_values_put_count(t, "total", v->head.total);
	template_values_put_flag(t, "one_flow", v->head.total == 1);
	put_counts(t, s.n);
	template_values_put_flag(t, "idle", v->idle);
	template_values_put_flag(t, "listed", s.n[COUNT_TROUBLED] > 0 && s.n_rows_max > 0);
	if (s.n[COUNT_TROUBLED] > s.n_rows_max)
		template_values_put_count(
		    t, "more_troubles", s.n[COUNT_TROUBLED] - s.n_rows_max);
	if (w.suspect_us != 0)
		template_values_put_time(t, "suspect_until", w.until_us);
	template_values_put_time(t, "started", v->head.started_us);
	template_values_put_span(t, "up", v->head.started_us, c->now_us);
	put_runs(t, registry_state(c->registry), c->now_us);
	if (!auth_is_on(v->options))
		put_machines(t, registry_state(c->registry), c->now_us);
	return page_put(c, "status.html", t);
}

enum kodo_err
handle_status(struct call *c)
{
	return call_with_view(c, page_is_offered(c, "status.html") ? put_page : put_json);
}
