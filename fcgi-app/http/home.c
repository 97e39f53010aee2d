#include "core/auth/auth.h"
#include "core/check/environment.h"
#include "core/storage/run_history.h"
#include "core/liveness/watch.h"
#include "core/views/peer_status.h"
#include "core/views/render.h"
#include "core/views/changes.h"
#include "http/etag.h"
#include "http/handlers.h"
#include "http/page.h"

#define TROUBLES_MAX	20u	/* shown; the map has all */

/* The counts of the page. */
struct status {
	struct template_values *values;
	int64_t now_us;
	uint64_t n_rows_max;
	uint64_t n_providers, n_targets, n_nodes, n_pending, n_troubles, n_waiting, n_silent;
};

static enum kodo_err
put_json(struct call *c, struct view *v)
{
	struct greeting g;

	view_greeting(v, &g);
	buf_putc(&c->res->body.buf, '{');
	wire_put_greeting(&c->res->body.buf, &g);
	buf_putc(&c->res->body.buf, '}');
	return KODO_OK;
}

static enum kodo_err
count_peer(void *arg, const struct peer_state *p)
{
	struct status *s = arg;
	struct template_values *row;

	s->n_providers += p->is_provider;
	s->n_targets += p->is_target;
	s->n_nodes += p->n_nodes;
	s->n_pending += p->n_pending;
	s->n_waiting += p->work.p != NULL;
	s->n_silent += p->liveness == LIVENESS_SILENT || p->liveness == LIVENESS_LOST;
	if (p->moderated.p != NULL || !peer_status_is_bad(p) ||
	    s->n_troubles++ >= s->n_rows_max)
		return KODO_OK;
	row = template_values_row(s->values, "trouble");
	template_values_put(row, "url", p->url);
	template_values_put(row, "organization", p->organization);
	template_values_put(row, "health", str_of(peer_status_name(p->health)));
	template_values_put_flag(row, "paused", p->health == STATUS_PAUSED);
	template_values_put(row, "error", peer_status_failure(p));
	template_values_put_u64(row, "attempts", p->attempts);
	template_values_put_span(row, "reached", p->out_us, s->now_us);
	if (p->due_us > s->now_us)
		template_values_put_span(row, "next", s->now_us, p->due_us);
	return KODO_OK;
}

/* The roles of DESIGN.md. */
static const char *
role_of(const struct options *o)
{
	return !o->registry ? "node" : o->feed ? "registry" : "provider";
}

/* The runner: is it running, its last runs, the last one by cron. */
static void
put_runs(struct template_values *t, const struct state *s, int64_t now_us)
{
	struct run runs[RUN_HISTORY_MAX];
	size_t n = run_history_read(s, runs);
	bool is_here = state_has_runner(s);
	int64_t cron_us = run_history_noted_us(s, ENVIRONMENT_CRON_FILE);

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
	if (err == KODO_OK)
		err = watch_get(&v->t, &w);
	if (err != KODO_OK)
		return err;
	template_values_put(t, "role", str_of(role_of(v->options)));
	template_values_put_u64(t, "total", v->head.total);
	template_values_put_u64(t, "providers", s.n_providers);
	template_values_put_u64(t, "targets", s.n_targets);
	template_values_put_u64(t, "nodes", s.n_nodes);
	template_values_put_u64(t, "pending", s.n_pending);
	template_values_put_u64(t, "waiting", s.n_waiting);
	template_values_put_flag(t, "idle", v->idle);
	template_values_put_flag(t, "troubled", s.n_troubles > 0);
	template_values_put_u64(t, "troubles", s.n_troubles);
	template_values_put_flag(t, "listed", s.n_troubles > 0 && s.n_rows_max > 0);
	if (s.n_troubles > s.n_rows_max)
		template_values_put_u64(t, "more_troubles", s.n_troubles - s.n_rows_max);
	template_values_put_u64(t, "silent", s.n_silent);
	template_values_put_flag(t, "any_silent", s.n_silent > 0);
	if (w.suspect_us != 0)
		template_values_put_time(t, "suspect_until", w.until_us);
	template_values_put_time(t, "started", v->head.started_us);
	template_values_put_span(t, "up", v->head.started_us, c->now_us);
	put_runs(t, registry_state(c->registry), c->now_us);
	return page_put(c, "home.html", t);
}

enum kodo_err
handle_home(struct call *c)
{
	return call_with_view(c, page_is_offered(c, "home.html") ? put_page : put_json);
}

static enum kodo_err
put_nodes(struct call *c, struct view *v)
{
	c->res->view = changes_last(&v->head);
	return etag_matches(c, v, ETAG_VIEW | ETAG_STATE | ETAG_IDLE, 0) ? KODO_OK :
	    render_connect(v, &c->res->body);
}

enum kodo_err
handle_nodes(struct call *c)
{
	return call_with_view(c, put_nodes);
}
