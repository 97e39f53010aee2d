#include "core/liveness/liveness.h"
#include "core/liveness/node_state.h"
#include "core/liveness/watch.h"
#include "core/probe/probe.h"
#include "core/registry/registry_private.h"
#include "core/views/node_liveness.h"

#define MINUTE_US	60000000ll

static enum kodo_err
fresh_get(struct view *v, uint32_t peer, struct node_liveness *out)
{
	struct watch w;
	struct peer p;
	enum kodo_err err = watch_get(&v->t, &w);

	if (err == KODO_OK)
		err = peer_get_numbers(&v->t, peer, &p);
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
	if (watch_is_off(&w, v->now_us))
		out->state = str_of(liveness_names[LIVENESS_UNKNOWN]);
	out->heard_us = p.in.at_us > p.out.at_us ? p.in.at_us : p.out.at_us;
	return KODO_OK;
}

enum kodo_err
node_liveness_get(struct view *v, uint32_t node, uint32_t peer, struct node_liveness *out)
{
	struct node_state s;
	enum kodo_err err = node_state_get(&v->t, node, &s);

	*out = (struct node_liveness){ .state = str_of(liveness_names[LIVENESS_FRESH]) };
	if (err != KODO_OK)
		return err;
	if (peer == PEER_SELF) {
		/* of the minute, as such an answer is good for one: pages by it stay in place */
		out->heard_us = v->now_us - v->now_us % MINUTE_US;
		return KODO_OK;
	}
	if (s.since_us == 0)
		return fresh_get(v, peer, out);
	out->state = str_of(liveness_names[liveness_state_of(s.since_us, v->now_us)]);
	if (s.since_us > 0)
		out->heard_us = out->silent_us = s.since_us;
	return KODO_OK;
}

enum kodo_err
node_probes_get(struct view *v, uint32_t node, struct str *out)
{
	struct node_state s;
	enum kodo_err err = node_state_get(&v->t, node, &s);

	*out = STR_NULL;
	return err != KODO_OK || s.since_us > 0 ? err : probe_results_get(&v->t, node, out);
}

/* Once a commit: a page is asked for again and again. */
static enum kodo_err
silent_read(struct view *v)
{
	struct registry *r = v->registry;
	struct scan s = node_state_scan(&v->t);
	int64_t since_us;
	uint32_t node;

	r->silent.seen = 0;
	buf_reset(&r->silent.ids);
	while (node_state_next(&s, &node, &since_us))
		if (since_us > 0)
			buf_put(&r->silent.ids, (const char *)&node, sizeof(node));
	if (s.err == KODO_OK)
		s.err = r->silent.ids.err;
	if (s.err == KODO_OK)
		r->silent.seen = store_seen(&v->t);
	return scan_end(&s);
}

enum kodo_err
node_liveness_silent(struct view *v, struct silent_nodes *out)
{
	const struct registry *r = v->registry;
	enum kodo_err err = KODO_OK;

	if (r->silent.seen != store_seen(&v->t))
		err = silent_read(v);
	*out = (struct silent_nodes){ buf_str(&r->silent.ids) };
	return err;
}

bool
silent_nodes_has(const struct silent_nodes *s, uint32_t node)
{
	size_t low = 0, high = s->ids.len / sizeof(node), mid;
	uint32_t at;

	while (low < high) {
		mid = low + (high - low) / 2;
		memcpy(&at, s->ids.p + mid * sizeof(at), sizeof(at));
		if (at == node)
			return true;
		if (at < node)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}
