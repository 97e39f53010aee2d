#include "core/base/url.h"
#include "core/exchange/flow_probe.h"
#include "core/liveness/watch.h"
#include "core/probe/host.h"
#include "core/probe/probe.h"
#include "core/records/known.h"
#include "core/registry/registry_private.h"

/* a pass ends after so many: 10 to 20 ms */
#define PROVIDERS_AT_ONCE	2000u
#define FLOWS_AT_ONCE		20000u
#define BUSY_US			(3600ll * 1000000)	/* of a 429 that does not say how long */

struct pick {
	struct view v;
	struct arena *a, *scratch;
	struct flow_ask *asks;
	size_t max, n;
	uint64_t n_flows;	/* looked at */
	/* it must not be asked: noted without a request, at the end of the pass */
	bool *is_forbidden;
};

/* --- which --- */

/* The url as it is asked for. KODO_EINVAL: it cannot be. */
static enum kodo_err
address_make(struct pick *k, struct str shown, struct str *out)
{
	const char *mark = memchr(shown.p, '#', shown.len);
	struct buf b = BUF_INIT(0);
	struct url u;
	enum kodo_err err;

	if (mark != NULL)
		shown.len = (size_t)(mark - shown.p);
	url_put_link(&b, shown);
	err = buf_failed(&b) ? b.err : arena_str(k->a, buf_str(&b), out);
	buf_free(&b);
	return err == KODO_OK ? url_parse(*out, &u, NULL) : err;
}

static enum kodo_err
robots_address(struct pick *k, struct str url, struct str *out)
{
	const char *host = memchr(url.p, '/', url.len);
	const char *path = memchr(host + 2, '/', (size_t)(url.p + url.len - host - 2));
	const char *text = arena_printf(k->a, "%.*s/robots.txt",
	    (int)((path == NULL ? url.p + url.len : path) - url.p), url.p);

	*out = str_of(text == NULL ? "" : text);
	return text == NULL ? KODO_ENOMEM : KODO_OK;
}

/* The one of a node's flows that has waited longest. False: none is due. */
static bool
flow_choose(struct pick *k, struct str results, const struct packed *pk, uint32_t *out)
{
	int64_t oldest_us = INT64_MAX;
	uint32_t i;

	for (i = 0; i < pk->n_flows && oldest_us > 0; i++) {
		const struct probe_result r = probe_result_of(results, pk, i);

		k->n_flows++;
		if (!probe_is_due(&r, k->v.now_us) || r.at_us >= oldest_us)
			continue;
		oldest_us = r.at_us;
		*out = i;
	}
	return oldest_us != INT64_MAX;
}

/* Ask that flow, or first for the robots.txt that says whether it may be. */
static enum kodo_err
ask_add(struct pick *k, const struct packed *pk, uint32_t flow, struct flow_ask ask)
{
	struct probe_robots robots = { .rule = PROBE_RULE_TEXT };
	struct str shown;
	bool is_allowed = false;
	enum kodo_err err = packed_raw(k->scratch, packed_url(pk, flow), &shown), bad;

	if (err != KODO_OK)
		return err;
	ask.flow = probe_flow_id(pk, flow);
	bad = address_make(k, shown, &ask.url);
	if (bad == KODO_ENOMEM)
		return bad;
	if (bad == KODO_OK) {
		ask.origin = probe_origin_id(ask.url);
		err = probe_robots_get(&k->v.t, ask.origin, &robots);
		ask.is_robots = err == KODO_OK && probe_robots_is_old(&robots, k->v.now_us);
		is_allowed = ask.is_robots ||
		    (err == KODO_OK && probe_robots_allows(&robots, ask.url));
		if (err == KODO_OK && ask.is_robots)
			err = robots_address(k, ask.url, &ask.url);
	}
	/* while its rules cannot be had, nothing is known of the flow, and its turn is left */
	if (err != KODO_OK || (!is_allowed && robots.rule == PROBE_RULE_FORBID))
		return err;
	k->is_forbidden[k->n] = !is_allowed;
	k->asks[k->n++] = ask;
	return KODO_OK;
}

/* Has a host no request of this pass, and none of the last minute? */
static enum kodo_err
host_is_free(struct pick *k, uint64_t host, bool *out)
{
	size_t i;

	*out = false;
	for (i = 0; i < k->n; i++)
		if (k->asks[i].host == host)
			return KODO_OK;
	return host == 0 ? KODO_OK : probe_pace_get(&k->v.t, host, k->v.now_us, out);
}

/* The own node of a peer, as it is shown. KODO_ENOTFOUND: nobody is to ask it. */
static enum kodo_err
node_of(struct pick *k, const struct peer *p, uint32_t *node, struct packed *out)
{
	struct statement s, own;
	enum kodo_err err = node_find(&k->v.t, p->key, node);

	if (err == KODO_OK)
		err = record_get_seen(&k->v.t, *node, &s);
	if (err == KODO_OK)
		err = known_statement(&k->v.t, *node, p->id, &own);
	if (err == KODO_OK)
		err = packed_open(s.bytes, out);
	if (err == KODO_OK && option_allows_peer(k->v.options, out->url, NULL) != KODO_OK)
		err = KODO_ENOTFOUND;
	return err;
}

static enum kodo_err
provider_look(struct pick *k, uint32_t id)
{
	struct flow_ask ask = { 0 };
	struct packed pk;
	struct str results;
	struct peer p;
	uint32_t flow = 0;
	bool is_free;
	enum kodo_err err = peer_get(&k->v.t, k->scratch, id, &p);

	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
	/* where nobody has answered it is not known whose address that is */
	if (peer_is_stranger(&p) || p.liveness.silent_us != 0)
		return KODO_OK;
	err = node_of(k, &p, &ask.node, &pk);
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	ask.host = probe_host_id(pk.url);
	ask.is_target = (p.flags & PEER_TARGET) != 0;
	err = host_is_free(k, ask.host, &is_free);
	if (err != KODO_OK || !is_free)
		return err;
	err = probe_results_get(&k->v.t, ask.node, &results);
	if (err != KODO_OK || !flow_choose(k, results, &pk, &flow))
		return err;
	return ask_add(k, &pk, flow, ask);
}

static enum kodo_err
providers_look(struct pick *k, uint64_t *from)
{
	struct scan s = peer_scan_providers(&k->v.t);
	uint64_t at = 0;
	bool is_full = false;
	uint32_t id;

	while (!is_full && peer_next_provider(&s, &id)) {
		if (at++ < *from)
			continue;
		s.err = provider_look(k, id);
		arena_reset(k->scratch);
		is_full = k->n == k->max || k->n_flows >= FLOWS_AT_ONCE ||
		    at - *from >= PROVIDERS_AT_ONCE;
	}
	*from = is_full ? at : 0;
	return scan_end(&s);
}

static enum kodo_err
hold_fn(struct txn *t, void *arg)
{
	const struct pick *k = arg;
	size_t i;
	enum kodo_err err = KODO_OK;

	/* the time to begin it, too: its end says it right */
	for (i = 0; i < k->n && err == KODO_OK; i++)
		if (!k->is_forbidden[i])
			err = probe_pace_put(
			    t, k->asks[i].host, k->v.now_us + 2 * PROBE_PACE_US);
	return err;
}

static enum kodo_err result_note(
    struct registry *r, const struct flow_ask *ask, enum probe_verdict verdict, int64_t now_us);

/* Those that must not be asked are out of the list, and have had their turn. */
static enum kodo_err
forbidden_note(struct pick *k, struct registry *r, size_t *n)
{
	size_t i;
	enum kodo_err err = KODO_OK;

	*n = 0;
	for (i = 0; i < k->n && err == KODO_OK; i++)
		if (k->is_forbidden[i])
			err = result_note(r, &k->asks[i], PROBE_UNKNOWN, k->v.now_us);
		else
			k->asks[(*n)++] = k->asks[i];
	return err;
}

enum kodo_err
flow_probe_pick(struct registry *r, struct arena *a, uint64_t *from, int64_t now_us,
    struct flow_ask *asks, size_t max, size_t *n)
{
	struct pick k = { .a = a, .scratch = arena_new(), .asks = asks, .max = max,
		.is_forbidden = arena_zalloc(a, max * sizeof(*k.is_forbidden)) };
	enum kodo_err err = KODO_ENOMEM;

	*n = 0;
	if (k.scratch != NULL && k.is_forbidden != NULL)
		err = view_begin(r, now_us, &k.v);
	if (err == KODO_OK) {
		err = providers_look(&k, from);
		view_end(&k.v);
	}
	arena_free(k.scratch);
	if (err == KODO_OK && k.n > 0)
		err = store_write(r->store, hold_fn, &k);
	return err == KODO_OK ? forbidden_note(&k, r, n) : err;
}

/* --- what came of it --- */

static enum kodo_err
result_fn(struct change *ch, void *arg)
{
	const struct change_probe *o = arg;
	struct statement s;
	struct packed pk;
	bool changed = false;
	enum kodo_err err = record_get_seen(ch->t, o->node, &s);

	if (err == KODO_OK)
		err = packed_open(s.bytes, &pk);
	if (err == KODO_OK)
		err = probe_result_put(
		    ch->t, o->node, &pk, o->flow, o->result, &changed);
	ch->is_view_changed |= changed;
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

const struct change_type change_probe = { .kind = CHANGE_PROBE, .fn = result_fn };

static enum kodo_err
result_note(
    struct registry *r, const struct flow_ask *ask, enum probe_verdict verdict, int64_t now_us)
{
	struct change_probe o = { ask->node, ask->flow, { now_us, verdict } };
	struct change_run run = { .type = &change_probe, .r = r, .now_us = now_us,
		.arg = &o };

	return registry_change(&run);
}

struct answer {
	const struct flow_ask *ask;
	const struct exchange_result *res;
	int64_t begun_us, now_us;
	bool is_suspect;	/* after: it may be our own line */
};

static enum kodo_err
answer_fn(struct txn *t, void *arg)
{
	struct answer *o = arg;
	const struct probe_robots robots = { o->begun_us,
		probe_rule_of(o->res->status, o->res->is_cut), o->res->body };
	int64_t wait_us = (int64_t)o->res->retry_after_s * 1000000, next_us;
	struct watch w;
	enum kodo_err err = watch_get(t, &w);

	o->is_suspect = w.suspect_us != 0;
	if (o->res->status == 429 && wait_us == 0)
		wait_us = BUSY_US;
	next_us = o->now_us + (wait_us < PROBE_WAIT_MAX_US ? wait_us : PROBE_WAIT_MAX_US);
	if (next_us < o->begun_us + PROBE_PACE_US)
		next_us = o->begun_us + PROBE_PACE_US;
	if (err == KODO_OK)
		err = probe_pace_put(t, o->ask->host, next_us);
	if (err == KODO_OK && o->ask->is_robots)
		err = probe_robots_put(t, o->ask->origin, &robots);
	return err;
}

enum kodo_err
flow_probe_note(struct registry *r, const struct flow_ask *ask, const struct exchange_result *res,
    int64_t begun_us, int64_t now_us)
{
	const enum probe_verdict verdict = probe_judge(res->status);
	struct answer o = { ask, res, begun_us, now_us, false };
	enum kodo_err err = store_write(r->store, answer_fn, &o);

	/* what tells nothing of the flow leaves what was known, and its turn */
	if (err != KODO_OK || ask->is_robots || verdict == PROBE_UNKNOWN ||
	    (res->status == 0 && o.is_suspect))
		return err;
	return result_note(r, ask, verdict, now_us);
}

struct tidy {
	int64_t now_us;
	bool more;
};

static enum kodo_err
tidy_fn(struct txn *t, void *arg)
{
	struct tidy *o = arg;

	return probe_hosts_tidy(t, o->now_us, &o->more);
}

enum kodo_err
flow_probe_tidy(struct registry *r, int64_t now_us)
{
	struct tidy o = { .now_us = now_us, .more = true };
	enum kodo_err err = KODO_OK;

	while (err == KODO_OK && o.more)
		err = store_write(r->store, tidy_fn, &o);
	return err;
}
