/*
 * GET /metrics: OpenMetrics 1.0 text, or that of Prometheus 0.0.4 to who names it alone. What is
 * shown are the rows of the tables here; counters are core/metrics.
 */
#include <stddef.h>
#include <stdio.h>

#include "core/base/json.h"
#include "core/exchange/traffic.h"
#include "core/import/source.h"
#include "core/views/cluster_view.h"
#include "core/views/numbers.h"
#include "core/views/search.h"
#include "http/count.h"
#include "http/follow.h"
#include "http/handlers.h"
#include "http/page.h"
#include "http/wait_slots.h"

#define TYPE_OPENMETRICS	"application/openmetrics-text; version=1.0.0; charset=utf-8"
#define TYPE_PROMETHEUS		"text/plain; version=0.0.4; charset=utf-8"

enum family_type { COUNTER, GAUGE, HISTOGRAM };

struct answer {
	struct buf *b;
	struct txn *t;
	bool is_open;		/* OpenMetrics */
	struct numbers n;
	uint64_t slots_used[3], slots[3];
	struct cluster_status cluster;
	int64_t lag_us;
	bool is_sender, is_stopped;
	unsigned live, ready;
	enum kodo_err err;	/* of what was read for the samples */
};

struct family {
	const char *name;
	enum family_type type;
	const char *unit;	/* which the name ends with; NULL: none */
	const char *help;
	void (*put)(struct answer *m, const struct family *f);
	size_t at;		/* of put_number and its like: in struct answer */
};

/* --- samples --- */

static void
put_seconds(struct buf *b, int64_t us)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%lld.%06lld", (long long)us / 1000000,
	    (long long)us % 1000000);

	while (n > 2 && text[n - 1] == '0' && text[n - 2] != '.')
		n--;
	buf_put(b, text, (size_t)n);
}

static void
put_u64(struct answer *m, const char *name, const char *suffix, const char *labels, uint64_t n)
{
	buf_puts(m->b, name);
	buf_puts(m->b, suffix);
	if (labels != NULL)
		buf_printf(m->b, "{%s}", labels);
	buf_putc(m->b, ' ');
	json_put_u64(m->b, n);
	buf_putc(m->b, '\n');
}

static const void *
at(const struct answer *m, const struct family *f)
{
	return (const char *)m + f->at;
}

static void
put_number(struct answer *m, const struct family *f)
{
	put_u64(m, f->name, "", NULL, *(const uint64_t *)at(m, f));
}

static void
put_count(struct answer *m, const struct family *f)
{
	put_u64(m, f->name, "", NULL, *(const unsigned *)at(m, f));
}

static void
put_flag(struct answer *m, const struct family *f)
{
	put_u64(m, f->name, "", NULL, *(const bool *)at(m, f));
}

static void
put_time(struct answer *m, const struct family *f)
{
	buf_printf(m->b, "%s ", f->name);
	put_seconds(m->b, *(const int64_t *)at(m, f));
	buf_putc(m->b, '\n');
}

static void
put_each(struct answer *m, const struct family *f, const char *label, const char *const *values,
    size_t n)
{
	const uint64_t *numbers = at(m, f);
	char labels[64];
	size_t i;

	for (i = 0; i < n; i++) {
		snprintf(labels, sizeof(labels), "%s=\"%s\"", label, values[i]);
		put_u64(m, f->name, "", labels, numbers[i]);
	}
}

static void
put_nodes(struct answer *m, const struct family *f)
{
	static const char *const verdicts[] = { "shown", "hidden", "denied" };

	put_each(m, f, "verdict", verdicts, 3);
}

static void
put_peers(struct answer *m, const struct family *f)
{
	const char *names[STATUS_MAX];
	enum peer_status s;

	for (s = 0; s < STATUS_MAX; s++)
		names[s] = peer_status_name(s);
	put_each(m, f, "state", names, STATUS_MAX);
}

static void
put_outbox(struct answer *m, const struct family *f)
{
	put_each(m, f, "kind", numbers_work_names, WORK_MAX);
}

static void
put_oldest(struct answer *m, const struct family *f)
{
	enum peer_work kind;

	for (kind = 0; kind < WORK_MAX; kind++) {
		buf_printf(m->b, "%s{kind=\"%s\"} ", f->name, numbers_work_names[kind]);
		put_seconds(m->b, m->n.oldest_us[kind]);
		buf_putc(m->b, '\n');
	}
}

static void
put_ends(struct answer *m, const struct family *f)
{
	put_each(m, f, "end", numbers_end_names, RUN_ENDS);
}

static void
put_slots(struct answer *m, const struct family *f)
{
	static const char *const kinds[] = { "changes", "messages", "answers_mib" };

	put_each(m, f, "kind", kinds, 3);
}

static void
put_build(struct answer *m, const struct family *f)
{
	char labels[128];

	snprintf(labels, sizeof(labels), "version=\"%s\"", page_version());
	put_u64(m, f->name, "", labels, 1);
}

/* --- counters --- */

static void
put_refusals(struct answer *m, const struct family *f)
{
	unsigned r;
	char labels[64];

	for (r = REFUSAL_NONE + 1; r < REFUSALS; r++) {
		const char *name = refusal_code(r);

		snprintf(labels, sizeof(labels), "reason=\"%s\"", name);
		put_u64(m, f->name, "_total", labels,
		    metrics_get(&(struct metric){ f->name, { name } }));
	}
}

static void
put_searches(struct answer *m, const struct family *f)
{
	char labels[64];
	size_t i;

	for (i = 0; i < SEARCH_WAYS; i++) {
		snprintf(labels, sizeof(labels), "way=\"%s\"", search_way_names[i]);
		put_u64(m, f->name, "_total", labels,
		    metrics_get(&(struct metric){ f->name, { search_way_names[i] } }));
	}
}

static void
put_messages(struct answer *m, const struct family *f)
{
	char labels[64];
	uint64_t k;
	size_t i;

	for (i = 0; i < TRAFFIC_KINDS * TRAFFIC_ANSWERS; i++) {
		const char *kind = traffic_kinds[i / TRAFFIC_ANSWERS];
		const char *answer = traffic_answers[i % TRAFFIC_ANSWERS];

		snprintf(labels, sizeof(labels), "kind=\"%s\",answer=\"%s\"", kind, answer);
		k = metrics_get(&(struct metric){ f->name, { kind, answer } });
		/* others come with their first message */
		if (k > 0 || i % TRAFFIC_ANSWERS == TRAFFIC_NONE ||
		    i % TRAFFIC_ANSWERS == TRAFFIC_2XX)
			put_u64(m, f->name, "_total", labels, k);
	}
}

/* A route, by a method that it may have been called with. */
struct called {
	const char *path, *method;
	const char *pool;
	char labels[160];
};

/* What there may be counters of: each is given to each once. */
static void
called_each(struct answer *m, const struct family *f,
    void (*each)(struct answer *m, const struct family *f, struct called *c))
{
	char text[COUNT_ROUTE_BYTES];
	const struct route *r;
	struct called c;
	enum method method;
	size_t pool;
	bool is_last;

	for (r = router_table(), is_last = false; !is_last; r++) {
		is_last = r->path == NULL;
		c.path = count_route(is_last ? NULL : r, text);
		for (method = 0; method < METHOD_MAX; method++) {
			/* HEAD and OPTIONS are those of GET; what is no route has any method */
			if (!is_last && method != r->method && (r->method != METHOD_GET ||
				(method != METHOD_HEAD && method != METHOD_OPTIONS)))
				continue;
			c.method = count_method(method);
			for (pool = 0; pool < 2; pool++) {
				c.pool = count_pools[pool];
				snprintf(c.labels, sizeof(c.labels),
				    "route=\"%s\",method=\"%s\",pool=\"%s\"", c.path, c.method,
				    c.pool);
				each(m, f, &c);
			}
		}
	}
}

static void
put_statuses(struct answer *m, const struct family *f, struct called *c)
{
	char labels[200], text[16];
	unsigned status;
	uint64_t n;
	size_t i;

	for (i = 0; (status = response_status(i)) != 0; i++) {
		snprintf(text, sizeof(text), "%u", status);
		n = metrics_get(
		    &(struct metric){ f->name, { c->path, c->method, text, c->pool } });
		if (n == 0)
			continue;
		snprintf(labels, sizeof(labels), "%s,status=\"%s\"", c->labels, text);
		put_u64(m, f->name, "_total", labels, n);
	}
}

static void
put_requests(struct answer *m, const struct family *f)
{
	called_each(m, f, put_statuses);
}

static void
put_histogram(struct answer *m, const struct family *f, struct called *c)
{
	struct metrics_histogram h;
	uint64_t sum = 0;
	size_t i;

	if (!metrics_get_times(&(struct metric){ f->name, { c->path, c->method, c->pool } }, &h))
		return;
	for (i = 0; i < METRICS_BUCKETS; i++) {
		sum += h.buckets[i];
		buf_printf(m->b, "%s_bucket{%s,le=\"", f->name, c->labels);
		if (i < METRICS_BUCKETS - 1)
			put_seconds(m->b, metrics_bounds_us[i]);
		else
			buf_puts(m->b, "+Inf");
		buf_printf(m->b, "\"} %llu\n", (unsigned long long)sum);
	}
	put_u64(m, f->name, "_count", c->labels, h.count);
	buf_printf(m->b, "%s_sum{%s} ", f->name, c->labels);
	put_seconds(m->b, (int64_t)h.sum_us);
	buf_putc(m->b, '\n');
}

static void
put_durations(struct answer *m, const struct family *f)
{
	called_each(m, f, put_histogram);
}

/* --- all --- */

#define AT(member)	offsetof(struct answer, member)

static const struct family families[] = {
	{ COUNT_REQUESTS, COUNTER, NULL, "Requests answered, by route and status.",
	    put_requests, 0 },
	{ COUNT_SECONDS, HISTOGRAM, "seconds",
	    "From the request to its answer, before that is sent, without a wait for changes.",
	    put_durations, 0 },
	{ COUNT_REFUSALS, COUNTER, NULL, "Requests refused, or failed, by reason.",
	    put_refusals, 0 },
	{ SEARCH_METRIC, COUNTER, NULL,
	    "Searches, by way: read in order, scanned for a text, or every node evaluated.",
	    put_searches, 0 },
	{ TRAFFIC_METRIC, COUNTER, NULL,
	    "Messages to peers and questions to them, by kind and by status of the answer.",
	    put_messages, 0 },
	{ "kodo_build_info", GAUGE, NULL, "The program.", put_build, 0 },
	{ "kodo_start_time_seconds", GAUGE, "seconds", "When the service was started.", put_time,
	    AT(n.started_us) },
	{ "kodo_view", GAUGE, NULL, "Number of what is shown; rises with each change of it.",
	    put_number, AT(n.view) },
	{ "kodo_state", GAUGE, NULL, "Number of the state; rises with each change.", put_number,
	    AT(n.state) },
	{ "kodo_flows", GAUGE, NULL, "Flows shown.", put_number, AT(n.flows) },
	{ "kodo_nodes", GAUGE, NULL, "Nodes, by what moderation says of them.", put_nodes,
	    AT(n.shown) },
	{ "kodo_peers", GAUGE, NULL, "Peers, by the worst that holds of each.", put_peers,
	    AT(n.peers) },
	{ "kodo_outbox_peers", GAUGE, NULL,
	    "Peers to which a message is to be sent, by its kind.", put_outbox, AT(n.outbox) },
	{ "kodo_outbox_age_seconds", GAUGE, "seconds",
	    "How long the one of them that waits longest has taken nothing.", put_oldest, 0 },
	{ "kodo_outbox_nodes", GAUGE, NULL,
	    "Nodes owed to single peers beside the log of changes, refused ones included.",
	    put_number, AT(n.outbox_nodes) },
	{ "kodo_runner_running", GAUGE, NULL, "Is a runner there.", put_flag, AT(n.has_runner) },
	{ "kodo_runner_last_begin_seconds", GAUGE, "seconds", "When its last run began; 0: none.",
	    put_time, AT(n.run.began_us) },
	{ "kodo_runner_last_end_seconds", GAUGE, "seconds", "When that ended; 0: it did not.",
	    put_time, AT(n.run.ended_us) },
	{ "kodo_runner_last_run", GAUGE, NULL, "How it ended: 1 at one of these.", put_ends,
	    AT(n.ends) },
	{ "kodo_cron_last_seconds", GAUGE, "seconds", "When cron ran last; 0: never.", put_time,
	    AT(n.cron_us) },
	{ "kodo_map_bytes", GAUGE, "bytes", "The map of the state.", put_number,
	    AT(n.store.map_bytes) },
	{ "kodo_map_used_bytes", GAUGE, "bytes", "Its part that was ever used.", put_number,
	    AT(n.store.used_bytes) },
	{ "kodo_map_max_bytes", GAUGE, "bytes", "How far it may grow (map_max_mib).", put_number,
	    AT(n.store.map_max_bytes) },
	{ "kodo_file_bytes", GAUGE, "bytes", "The file of the state.", put_number,
	    AT(n.store.file_bytes) },
	{ "kodo_disk_bytes", GAUGE, "bytes", "The disk that it lies on.", put_number,
	    AT(n.disk_bytes) },
	{ "kodo_disk_free_bytes", GAUGE, "bytes", "What is free of it.", put_number,
	    AT(n.disk_free_bytes) },
	{ "kodo_disk_free_inodes", GAUGE, NULL, "Inodes that are free.", put_number,
	    AT(n.inodes_free) },
	{ "kodo_readers", GAUGE, NULL, "Slots of readers in use.", put_count,
	    AT(n.store.readers_now) },
	{ "kodo_readers_max", GAUGE, NULL, "Slots of readers.", put_count,
	    AT(n.store.readers_max) },
	{ "kodo_waiting_slots_used", GAUGE, NULL,
	    "Requests that wait for changes, and for messages; MiB of answers on their way.",
	    put_slots, AT(slots_used) },
	{ "kodo_waiting_slots", GAUGE, NULL,
	    "How many there may be (followers, wait, spool_max_mib).", put_slots, AT(slots) },
};

/* Where this is a cluster. */
static const struct family cluster_families[] = {
	{ "kodo_cluster_revision", GAUGE, NULL, "Revision of the log that is applied here.",
	    put_number, AT(cluster.revision) },
	{ "kodo_cluster_lag_seconds", GAUGE, "seconds",
	    "How long something of the log has not been applied here.", put_time, AT(lag_us) },
	{ "kodo_cluster_queued", GAUGE, NULL,
	    "Bodies that this machine has taken, and the cluster not yet.", put_number,
	    AT(cluster.queued) },
	{ "kodo_cluster_quorum", GAUGE, NULL, "Does a majority of etcd answer.", put_flag,
	    AT(cluster.has_quorum) },
	{ "kodo_cluster_sender", GAUGE, NULL, "Does this machine send to peers.", put_flag,
	    AT(is_sender) },
	{ "kodo_cluster_stopped", GAUGE, NULL, "Does this machine refuse writes for a fault.",
	    put_flag, AT(is_stopped) },
	{ "kodo_cluster_members", GAUGE, NULL, "Machines whose lease goes on.", put_count,
	    AT(live) },
	{ "kodo_cluster_members_ready", GAUGE, NULL, "Those that serve.", put_count, AT(ready) },
	{ "kodo_cluster_etcd_bytes", GAUGE, "bytes", "The database of etcd.", put_number,
	    AT(cluster.db_bytes) },
	{ "kodo_cluster_etcd_alarms", GAUGE, NULL, "Alarms of etcd: with one it takes nothing.",
	    put_number, AT(cluster.n_alarms) },
};

/* --- imports --- */

enum import_number { IMPORT_ENTRIES, IMPORT_REFUSED, IMPORT_LAST, IMPORT_FAILED };

struct import_samples {
	struct answer *m;
	const struct family *f;	/* at is of enum import_number */
};

static enum kodo_err
put_source(void *arg, const struct source *s)
{
	const struct import_samples *i = arg;
	char labels[IMPORT_SLUG_BYTES + sizeof("source=\"\"")];
	const uint64_t numbers[] = {
		[IMPORT_ENTRIES] = s->n_entries, [IMPORT_REFUSED] = source_n_refused(s),
		[IMPORT_LAST] = (uint64_t)s->done_us / 1000000,
		[IMPORT_FAILED] = s->error.p != NULL,
	};

	if (s->phase == SOURCE_ENDS)
		return KODO_OK;
	/* a slug holds nothing that would have to be escaped */
	snprintf(labels, sizeof(labels), "source=\"%.*s\"", STR_ARG(s->slug));
	put_u64(i->m, i->f->name, "", labels, numbers[i->f->at]);
	return KODO_OK;
}

static void
put_imports(struct answer *m, const struct family *f)
{
	struct import_samples i = { .m = m, .f = f };

	if (m->err == KODO_OK)
		m->err = source_each(m->t, put_source, &i);
}

static const struct family import_families[] = {
	{ "kodo_import_entries", GAUGE, NULL, "Entries that a source of imports has here.",
	    put_imports, IMPORT_ENTRIES },
	{ "kodo_import_refused", GAUGE, NULL, "Entries that its last walk has refused.",
	    put_imports, IMPORT_REFUSED },
	{ "kodo_import_last_seconds", GAUGE, "seconds", "When that ended; 0: never.",
	    put_imports, IMPORT_LAST },
	{ "kodo_import_failed", GAUGE, NULL, "Did it not come to its end.", put_imports,
	    IMPORT_FAILED },
};

static enum kodo_err
has_source(void *arg, const struct source *s)
{
	bool *has = arg;

	*has |= s->phase != SOURCE_ENDS;
	return KODO_OK;
}

/* Counters end in _total: in OpenMetrics their samples do, in the other form the family, too. */
static void
put_family(struct answer *m, const struct family *f)
{
	static const char *const types[] = {
		[COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram",
	};
	const char *total = f->type == COUNTER && !m->is_open ? "_total" : "";

	buf_printf(m->b, "# TYPE %s%s %s\n", f->name, total, types[f->type]);
	if (f->unit != NULL && m->is_open)
		buf_printf(m->b, "# UNIT %s %s\n", f->name, f->unit);
	buf_printf(m->b, "# HELP %s%s %s\n", f->name, total, f->help);
	f->put(m, f);
}

/* Prometheus names both; a person's curl neither. */
static bool
wants_open(struct str accept)
{
	return memmem(accept.p, accept.len, "application/openmetrics-text", 28) != NULL ||
	    memmem(accept.p, accept.len, "text/plain", 10) == NULL;
}

static enum kodo_err
put_all(struct call *c, struct view *v)
{
	const struct state *s = registry_state(c->registry);
	struct answer m = { .b = &c->res->body.buf, .t = &v->t,
		.is_open = c->req->accept.len == 0 || wants_open(c->req->accept) };
	bool has_sources = false;
	size_t i;
	enum kodo_err err = numbers_get(v, &m.n);

	if (err != KODO_OK)
		return err;
	m.slots_used[0] = follow_used(s);
	m.slots_used[1] = wait_slots_used(s, v->options->wait);
	m.slots_used[2] = spool_used_mib(s, v->options->spool_max_mib);
	m.slots[0] = v->options->followers;
	m.slots[1] = v->options->wait;
	m.slots[2] = v->options->spool_max_mib;
	(void)metrics_are_ready();
	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		put_family(&m, &families[i]);
	err = source_each(&v->t, has_source, &has_sources);
	for (i = 0; has_sources && i < sizeof(import_families) / sizeof(import_families[0]); i++)
		put_family(&m, &import_families[i]);
	if (v->options->cluster.p != NULL && cluster_status_read(s, &m.cluster) == KODO_OK) {
		m.lag_us = cluster_lag_us(&m.cluster);
		m.is_sender = m.cluster.token != 0;
		m.is_stopped = m.cluster.stopped[0] != '\0';
		cluster_view_count(&m.cluster, &m.live, &m.ready);
		for (i = 0; i < sizeof(cluster_families) / sizeof(cluster_families[0]); i++)
			put_family(&m, &cluster_families[i]);
	}
	if (m.is_open)
		buf_puts(m.b, "# EOF\n");
	c->res->type = m.is_open ? TYPE_OPENMETRICS : TYPE_PROMETHEUS;
	c->res->varies = true;
	return err == KODO_OK ? m.err : err;
}

enum kodo_err
handle_metrics(struct call *c)
{
	return call_with_view(c, put_all);
}
