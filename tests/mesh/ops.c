/* The steps of a history. */
#include "core/registry/startup.h"
#include "mesh.h"

static void
link_turn(struct mesh *m, struct service *s, struct service *other)
{
	if (s == other || (s->connect & 1u << other->i) == 0)
		return;
	s->connect &= ~(1u << other->i);
	other->connect |= 1u << s->i;
	/* in either order, and with what is under way between both */
	service_start(mesh_below(&m->random, 2) == 0 ? s : other, START_NOW);
	mesh_run_until(m, m->now_us + mesh_below(&m->random, 3000) * 1000ll);
	service_start(s, START_NOW);
	service_start(other, START_NOW);
}

static void
clock_set(struct service *s, int64_t offset_s)
{
	s->offset_us = offset_s * SECOND_US;
	if (s->is_up)
		mesh_poll_later(s, s->mesh->now_us);
}

void
mesh_apply(struct mesh *m, const struct op *op)
{
	struct service *s = &m->services[op->service];

	mesh_trace(m, "--- op %d of s%u (s%u, %lld)", (int)op->kind, op->service, op->other,
	    (long long)op->value);
	switch (op->kind) {
	case OP_FLOWS:
		s->flows_variant = (unsigned)op->value;
		if (s->is_up)
			service_start(s, s->legacy != NULL ? START_NOW : START_IF_CHANGED);
		break;
	case OP_START:
		s->is_reset = false;
		service_start(s, START_NOW);
		break;
	case OP_STOP:
		service_stop(s);
		service_copy(s);
		break;
	case OP_WIPE:
		service_stop(s);
		mesh_lose_messages(m, s->i);
		if (op->value % 2 == 0)
			service_wipe(s);
		m->has_lost |= op->value % 2 == 0 || !service_restore(s);
		service_start(s, START_NOW);
		break;
	case OP_LEAVE:
		if (s->is_up && s->r != NULL)
			service_leave(s);
		break;
	case OP_CUT:
	case OP_JOIN:
		m->is_cut[op->service][op->other] = m->is_cut[op->other][op->service] =
		    op->kind == OP_CUT;
		break;
	case OP_CLOCK:
		clock_set(s, op->value);
		break;
	case OP_TARGETS:
		s->connect = (unsigned)op->value;
		service_start(s, START_NOW);
		break;
	case OP_URL:
		s->url_variant = (unsigned)op->value;
		service_start(s, START_NOW);
		break;
	case OP_ROLE:
		s->role = (enum role)op->value;
		service_start(s, START_NOW);
		break;
	case OP_RESET:
		s->is_reset = true;
		service_start(s, START_NOW);
		break;
	case OP_FAR:
		clock_set(s, (op->value % 2 == 0 ? 60 : -60) * 86400);
		m->has_lost = true;
		break;
	case OP_TURN:
		link_turn(m, s, &m->services[op->other]);
		break;
	case OP_LIE:
		service_lie(s, &m->services[op->other], op->value);
		break;
	case OP_MAX:
		break;
	}
}
