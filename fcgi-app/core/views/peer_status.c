#include <stdio.h>

#include "core/records/changelog.h"
#include "core/records/known.h"
#include "core/records/outbox.h"
#include "core/trust/pin.h"
#include "core/views/moderated.h"
#include "core/views/peer_status.h"

#define PENDING_MAX	100000u		/* counted no further */

const char *
peer_status_name(enum peer_status status)
{
	static const char *const names[STATUS_MAX] = {
		[STATUS_OK] = "ok",
		[STATUS_PENDING] = "pending",
		[STATUS_LEFT] = "left",
		[STATUS_UNKNOWN] = "unknown",
		[STATUS_SILENT] = "silent",
		[STATUS_LOST] = "lost",
		[STATUS_UNREACHED] = "unreached",
		[STATUS_FAILING] = "failing",
		[STATUS_PAUSED] = "paused",
	};

	return names[status];
}

const char *
peer_status_direction(const struct peer_state *p)
{
	if (p->is_target)
		return p->is_provider ? "both ways" : "is fed";
	return p->is_provider ? "feeds" : "gone";
}

struct str
peer_status_failure(const struct peer_state *p)
{
	static const struct str status = { "HTTP status ", 12 },
				refused = { "Address is private", 18 };
	const char *end;

	if (p->error.p == NULL)
		return STR_NULL;
	if (str_starts(p->error, refused))
		return STR("refused");
	end = str_starts(p->error, status) ? memchr(p->error.p, ':', p->error.len) : NULL;
	return end == NULL ? STR("no answer")
			   : (struct str){ p->error.p, (size_t)(end - p->error.p) };
}

bool
peer_status_is_bad(const struct peer_state *p)
{
	return p->health == STATUS_FAILING || p->health == STATUS_PAUSED;
}

/* The url of a refused node, and why. */
static enum kodo_err
describe_refused(struct txn *t, struct arena *a, const struct outbox_entry *entry, struct str *out)
{
	struct packed p = { .url = STR("a node") };
	struct known kn;
	enum kodo_err err = known_get(t, entry->node, &kn);
	char *text;

	if (err == KODO_OK && kn.is_seen)
		err = packed_open(kn.winner.bytes, &p);
	if (err != KODO_OK)
		return err;
	text = arena_printf(a, "%.*s %.*s", STR_ARG(p.url), STR_ARG(entry->why));
	*out = str_of(text);
	return text == NULL ? KODO_ENOMEM : KODO_OK;
}

/* What the peer has not got of the changelog. */
static enum kodo_err
count_behind(struct txn *t, const struct peer *p, struct peer_state *out)
{
	struct scan s = changelog_scan(t, p->out.pos);
	struct changelog_entry entry;
	struct statement said;
	enum verdict verdict;

	while (out->n_pending < PENDING_MAX && changelog_next(&s, &entry)) {
		s.err = entry.skip == p->id ? KODO_ENOTFOUND
					    : record_get_winner(t, entry.node, &said, &verdict);
		if (s.err == KODO_OK && said.peer != p->id)
			out->n_pending++;
		else if (s.err == KODO_ENOTFOUND)
			s.err = KODO_OK;
	}
	return scan_end(&s);
}

static enum kodo_err
count_pending(struct txn *t, struct arena *a, uint32_t peer, struct peer_state *out)
{
	struct scan s = outbox_scan(t, peer, 0);
	struct outbox_entry entry;

	while (out->n_pending < PENDING_MAX && outbox_next(t, &s, &entry)) {
		if (entry.why.p == NULL)
			out->n_pending++;
		else if (out->n_refused++ == 0)
			s.err = describe_refused(t, a, &entry, &out->refused);
	}
	return scan_end(&s);
}

static enum peer_status
status_of(const struct peer *p)
{
	if (peer_is_stranger(p) && ((p->flags & PEER_DROPPED) != 0 || p->out.attempts > 0))
		return STATUS_UNREACHED;
	if (peer_has_work(p) && (p->flags & PEER_PAUSED) != 0)
		return STATUS_PAUSED;
	if (peer_has_work(p) && p->out.attempts > 0)
		return STATUS_FAILING;
	if ((p->flags & PEER_LEFT) != 0)
		return STATUS_LEFT;
	if (peer_has_work(p) || ((p->flags & PEER_TARGET) != 0 && p->out.connected_us == 0))
		return STATUS_PENDING;
	return STATUS_OK;
}

static struct str
work_of(struct arena *a, const struct peer *p)
{
	static const char *const names[WORK_MAX] = {
		[WORK_PROVE] = "ask for its key",
		[WORK_LEAVE] = "leave",
		[WORK_CONNECT] = "connect",
		[WORK_RECONNECT] = "reconnect",
		[WORK_NOTIFY] = "update",
	};
	char text[64];
	struct str copy;
	int i, n = 0;

	for (i = 0; i < WORK_MAX; i++)
		if (p->out.work[i] != 0)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%s",
			    n > 0 ? ", " : "", names[i]);
	if (n == 0 || arena_str(a, (struct str){ text, (size_t)n }, &copy) != KODO_OK)
		return STR_NULL;
	return copy;
}

static const enum peer_status status_of_liveness[LIVENESS_STATES] = {
	[LIVENESS_FRESH] = STATUS_OK,
	[LIVENESS_UNKNOWN] = STATUS_UNKNOWN,
	[LIVENESS_SILENT] = STATUS_SILENT,
	[LIVENESS_LOST] = STATUS_LOST,
};

/* A target that states nothing is heard by its answers alone. */
static void
liveness_of(const struct view *v, const struct peer *p, const struct watch *w,
    struct peer_state *out)
{
	const int64_t heard_us = liveness_heard_us(p);
	int64_t since_us = peer_is_watched(p) ? liveness_since_us(p) : 0;

	if (!peer_is_watched(p) && heard_us == 0)
		since_us = LIVENESS_NOT_KNOWN;
	else if (!peer_is_watched(p) && v->now_us - heard_us > LIVENESS_SILENT_US &&
	    v->now_us - w->since_us > LIVENESS_SILENT_US)
		since_us = heard_us;
	out->liveness = liveness_state_of(since_us, v->now_us);
	if (out->liveness == LIVENESS_FRESH && watch_is_off(w, v->now_us))
		out->liveness = LIVENESS_UNKNOWN;
	out->silent_us = since_us > 0 ? since_us : 0;
}

/* The health, once liveness and whether nodes are to be sent are known. */
static void
take_pending(struct peer_state *out, bool is_pending)
{
	if (is_pending && out->health == STATUS_OK)
		out->health = STATUS_PENDING;
	/* what is to be sent says more than that nothing is known */
	if (out->health == STATUS_OK ||
	    (out->health == STATUS_PENDING && out->silent_us != 0))
		out->health = status_of_liveness[out->liveness];
}

static enum kodo_err
state_of(struct view *v, struct arena *a, const struct moderation *m, const struct peer *p,
    struct peer_state *out)
{
	const struct peer_state state = {
		.url = p->url,
		.organization = p->organization,
		.error = p->out.attempts > 0 || (p->flags & PEER_DROPPED) != 0
		    ? p->out.error : STR_NULL,
		.work = work_of(a, p),
		.is_target = (p->flags & PEER_TARGET) != 0,
		.is_provider = (p->flags & PEER_PROVIDER) != 0,
		.is_feeding = (p->flags & PEER_FEED) != 0,
		.health = status_of(p),
		.trust = pin_level_name(pin_level(v->options, p)),
		.key = p->trust.key,
		.registered_us = p->in.registered_us,
		.connected_us = p->out.connected_us,
		.in_us = p->in.at_us,
		.out_us = p->out.at_us,
		.due_us = !peer_has_work(p) ? 0
		    : peer_is_asking(p, v->now_us) ? p->out.asked_us : p->out.due_us,
		.attempts = p->out.attempts,
		.n_nodes = p->holds.nodes,
		.n_flows = p->holds.flows,
	};
	struct watch w;
	enum kodo_err err;

	*out = state;
	err = watch_get(&v->t, &w);
	if (err != KODO_OK)
		return err;
	liveness_of(v, p, &w, out);
	err = moderated_words(a, moderation_of_peer(m, p), &out->moderated);
	if (err == KODO_OK)
		err = count_pending(&v->t, a, p->id, out);
	if (err == KODO_OK && (p->flags & PEER_NOTIFIED) != 0)
		err = count_behind(&v->t, p, out);
	take_pending(out, out->n_pending > 0);
	return err;
}

bool
peer_status_is_shown(const struct peer *p)
{
	/* a peer that signed off stays known for a while */
	return (p->flags & (PEER_TARGET | PEER_PROVIDER)) != 0 || peer_has_work(p);
}

enum kodo_err
peer_status_health(struct view *v, const struct peer *p, const struct watch *w,
    enum peer_status *out)
{
	struct peer_state state = { .health = status_of(p) };
	bool waits;
	enum kodo_err err = outbox_has(&v->t, p->id, &waits, NULL);

	liveness_of(v, p, w, &state);
	waits |= (p->flags & PEER_NOTIFIED) != 0 && peer_pos(p) < v->head.notified;
	take_pending(&state, waits);
	*out = state.health;
	return err;
}

enum kodo_err
peer_status_each(struct view *v, struct arena *a,
    enum kodo_err (*each)(void *arg, const struct peer_state *p), void *arg)
{
	struct peer_state state;
	struct moderation m;
	struct peer p;
	uint32_t id = 0;
	enum kodo_err err = moderation_get(&v->t, a, &m);

	if (err != KODO_OK)
		return err;
	while ((err = peer_next(&v->t, a, &id, &p)) == KODO_OK) {
		if (!peer_status_is_shown(&p))
			continue;
		err = state_of(v, a, &m, &p, &state);
		if (err == KODO_OK)
			err = each(arg, &state);
		if (err != KODO_OK)
			return err;
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}
