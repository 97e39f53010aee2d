#include "core/exchange/look.h"
#include "core/exchange/place.h"
#include "core/liveness/node_state.h"
#include "core/merge/alive.h"

#define HEARD_AT_ONCE	200u	/* each is a record that is written, all in one commit */

/* Whoever answers must name the url that was asked; it is not signed, and nothing else counts. */
enum kodo_err
look_take(struct change *ch, struct peer *p, struct outcome *oc)
{
	const struct str key = oc->has_body ? oc->body.from_key : STR_NULL;

	if (oc->res->status != 200 || key.p == NULL ||
	    !(str_eq(key, p->key) || str_eq(key, p->alias)))
		return alive_missed(ch, p);
	p->flags |= PEER_PROVEN;
	p->out.at_us = ch->now_us;
	liveness_look_later(p, ch->now_us);
	/* it was withdrawn while nothing was heard of it */
	if ((p->flags & PEER_PROVIDER) == 0 && ch->o->registry)
		change_want(ch, p, WORK_RECONNECT, true);
	return alive_heard(ch, p);
}

enum kodo_err
look_put_off_heard(struct change *ch, uint32_t first)
{
	struct scan s;
	struct peer_due due;
	struct peer *p;
	unsigned n = 0;
	enum kodo_err err = change_peer(ch, first, &p);

	/* whatever it is, or it would be found for ever: it may be ahead of a clock that was set */
	if (err == KODO_OK)
		liveness_look_later(p, ch->now_us);
	else if (err != KODO_ENOTFOUND)
		return err;
	s = peer_scan_due_from(ch->t, DUE_LIVENESS, 0);
	while (n < HEARD_AT_ONCE && peer_next_due(&s, &due) && due.class == DUE_LIVENESS &&
	    due.at_us <= ch->now_us) {
		s.err = change_peer(ch, due.peer, &p);
		if (s.err == KODO_OK && liveness_is_heard(p, ch->now_us)) {
			liveness_look_later(p, ch->now_us);
			n++;
		}
	}
	return scan_end(&s);
}

enum kodo_err
look_build(struct view *v, struct arena *a, const struct peer *p, struct exchange_job *job)
{
	*job = (struct exchange_job){ .kind = EXCHANGE_LOOK,
		.peer = p->id,
		.gen = v->head.state,
		.begun_us = v->now_us,
		.is_stranger = peer_is_stranger(p),
		.is_target = (p->flags & PEER_TARGET) != 0 };
	return place_set(a, p, job);
}

enum kodo_err
look_put(struct view *v, const struct peer *p, struct kodo_member *kodo, uint32_t node,
    struct str url, bool is_alone)
{
	struct node_state s;
	enum kodo_err err;

	if (!peer_dialect(p)->has_versions)
		return KODO_OK;
	err = node_state_get(&v->t, node, &s);
	if (err == KODO_OK && (is_alone || s.since_us != 0))
		kodo_put_silent(kodo, url, s.since_us);
	return err;
}
