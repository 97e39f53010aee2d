/* The simulated clock and wire. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/registry/startup.h"
#include "mesh.h"

#define DIGEST_CHECK_SPAN_US \
	(460 * SECOND_US) /* every target has a digest check, every paused peer an attempt within */
#define QUIET_BOUND_US (9 * DIGEST_CHECK_SPAN_US) /* it must be quiet by then */
#define RUNNER_SLEEP_US (60 * SECOND_US) /* it wakes again, whatever it knows */
#define LONG_DELAY_US (60 * SECOND_US)	  /* of a request that its client has given up */
#define FAR_US (30 * 86400 * SECOND_US)	  /* of a clock: it is set right in the end */
#define STORM 20000u			  /* messages of one history; more is an echo */
/*
 * What the backoff allows to fail in a minute, several times over: starts and messages of the peer
 * begin it anew.
 */
#define FAILED_MAX 40u

enum event_kind { EVENT_REQUEST, EVENT_ANSWER, EVENT_TIMEOUT, EVENT_POLL };

struct event {
	int64_t at_us;
	uint64_t order;
	enum event_kind kind;
	unsigned client, server;
	unsigned slot;
	uint64_t gen;
	unsigned boots; /* life of the server that it was sent to */
	bool is_repeat; /* nobody waits for its answer */
	char path[MESH_PATH_BYTES];
	unsigned variant; /* of the server's url */
	uint64_t key;	  /* of whoever speaks: the client, or in an answer the server */
	struct buf body;
	unsigned status;
};

/* --- words --- */

void
mesh_fail(struct mesh *m, const char *fmt, ...)
{
	va_list ap;

	if (m->fault[0] != '\0')
		return;
	va_start(ap, fmt);
	vsnprintf(m->fault, sizeof(m->fault), fmt, ap);
	va_end(ap);
}

void
mesh_trace(struct mesh *m, const char *fmt, ...)
{
	va_list ap;

	if (!m->is_traced)
		return;
	printf("%11.6f ", (double)m->now_us / 1e6);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* --- events --- */

static struct event *
event_add(struct mesh *m, int64_t at_us, enum event_kind kind)
{
	struct event *ev;

	if (m->n_events == m->cap_events) {
		m->cap_events = m->cap_events == 0 ? 256 : m->cap_events * 2;
		m->events = realloc(m->events, m->cap_events * sizeof(*m->events));
		if (m->events == NULL)
			abort();
	}
	ev = &m->events[m->n_events++];
	*ev = (struct event) {
		.at_us = at_us, .order = m->n_made++, .kind = kind, .body = BUF_INIT(0)
	};
	return ev;
}

static bool
event_take(struct mesh *m, int64_t until_us, struct event *out)
{
	size_t i, first = 0;

	if (m->n_events == 0)
		return false;
	for (i = 1; i < m->n_events; i++)
		if (m->events[i].at_us < m->events[first].at_us ||
		    (m->events[i].at_us == m->events[first].at_us &&
			m->events[i].order < m->events[first].order))
			first = i;
	if (m->events[first].at_us > until_us)
		return false;
	*out = m->events[first];
	m->events[first] = m->events[--m->n_events];
	return true;
}

void
mesh_poll_later(struct service *s, int64_t at_us)
{
	struct mesh *m = s->mesh;
	struct event *ev;

	if (at_us < m->now_us)
		at_us = m->now_us;
	/* a runner needs a moment; in it, everything may stop */
	at_us += mesh_below(&m->random, m->is_perfect ? 1000 : 30000);
	if (at_us >= s->poll_us)
		return;
	s->poll_us = at_us;
	ev = event_add(m, at_us, EVENT_POLL);
	ev->client = s->i;
}

static void
look(struct service *s)
{
	bound_look(s);
	if (s->mesh->looks != NULL)
		s->mesh->looks(s, s->mesh->looker);
}

/* --- the wire --- */

static bool
is_unlucky(struct mesh *m)
{
	return !m->is_perfect && mesh_below(&m->random, 100) < m->h->fault_percent;
}

static int64_t
delay_make(struct mesh *m)
{
	if (is_unlucky(m))
		return (int64_t)(mesh_random(&m->random) % (uint64_t)LONG_DELAY_US);
	return 500 + mesh_below(&m->random, m->is_perfect ? 5000 : 40000);
}

static void
fail_later(struct mesh *m, unsigned client, unsigned slot, uint64_t gen, int64_t after_us)
{
	struct event *ev = event_add(m, m->now_us + after_us, EVENT_ANSWER);

	ev->client = client;
	ev->slot = slot;
	ev->gen = gen;
}

static void
request_put(struct mesh *m, const struct event *like, struct str body, bool is_repeat)
{
	struct event *ev = event_add(m, m->now_us + delay_make(m), EVENT_REQUEST);
	int64_t at_us = ev->at_us;
	uint64_t order = ev->order;

	*ev = *like;
	ev->at_us = at_us;
	ev->order = order;
	ev->kind = EVENT_REQUEST;
	ev->is_repeat = is_repeat;
	ev->boots = m->services[ev->server].boots;
	ev->body = (struct buf)BUF_INIT(0);
	buf_put_str(&ev->body, body);
}

static void
send_one(struct service *s, unsigned slot, struct str url, struct str body)
{
	struct mesh *m = s->mesh;
	struct event like = { .client = s->i, .slot = slot, .gen = s->slots[slot].gen,
		.key = s->key }, *ev;
	bool is_cut;

	if (!service_find(url, &like.server, &like.variant, like.path)) {
		if (like.server == MESH_LIAR) {
			fail_later(m, s->i, slot, s->slots[slot].gen, 1000);
			return;
		}
		mesh_fail(m, "s%u posts to %.*s\n", s->i, STR_ARG(url));
		return;
	}
	is_cut = m->is_cut[s->i][like.server];
	ev = event_add(
	    m, m->now_us + (is_cut ? MESH_CONNECT_US : MESH_TIMEOUT_US), EVENT_TIMEOUT);
	ev->client = s->i;
	ev->slot = slot;
	ev->gen = like.gen;
	if (!m->services[like.server].is_up && !is_cut) {
		fail_later(m, s->i, slot, like.gen, 1000); /* refused */
		return;
	}
	if (is_cut || is_unlucky(m))
		return;
	request_put(m, &like, body, false);
	if (is_unlucky(m))
		request_put(m, &like, body, true);
}

/* Each service has an address of its own. */
static struct speaker
speaker_of(uint64_t key, unsigned i)
{
	struct speaker who = { .is_signed = key != 0, .has_address = true };

	who.address.s6_addr[15] = (uint8_t)(i + 1);
	service_key(key, who.signer.key);
	return who;
}

static void
answer_put(struct mesh *m, const struct event *ev, struct answer *a)
{
	struct event *back;

	if (ev->is_repeat || m->is_cut[ev->client][ev->server] || is_unlucky(m)) {
		buf_free(&a->body);
		return;
	}
	if (is_unlucky(
		m)) { /* cut off on the way: the client notices, for the length was announced */
		fail_later(m, ev->client, ev->slot, ev->gen, delay_make(m));
		buf_free(&a->body);
		return;
	}
	back = event_add(m, m->now_us + delay_make(m), EVENT_ANSWER);
	back->client = ev->client;
	back->server = ev->server;
	back->slot = ev->slot;
	back->gen = ev->gen;
	back->status = a->status;
	back->key = m->services[ev->server].key;
	back->body = a->body;
}

static void
request_arrive(struct mesh *m, struct event *ev)
{
	struct service *s = &m->services[ev->server];
	const struct speaker who = speaker_of(ev->key, ev->client);
	struct answer a = { 500, BUF_INIT(0) };

	if (!s->is_up || s->boots != ev->boots || s->url_variant != ev->variant) {
		if (!ev->is_repeat)
			fail_later(m, ev->client, ev->slot, ev->gen, 1000);
		return;
	}
	/* an error of the web server, before or after our program answered */
	if (!is_unlucky(m) || mesh_below(&m->random, 2) == 0)
		service_answer(s, ev->path, buf_str(&ev->body), &who, &a);
	look(s);
	mesh_trace(m, "  s%u%s answers s%u %u", ev->server, ev->is_repeat ? " (repeated)" : "",
	    ev->client, a.status);
	if (m->is_traced && a.body.len < 400000)
		mesh_trace(m, "    %.*s", STR_ARG(buf_str(&a.body)));
	if (!m->is_perfect && mesh_below(&m->random, 100) < m->h->fault_percent / 4)
		a.status = 500;
	answer_put(m, ev, &a);
}

/* --- the runner --- */

/* An attempt at a peer has failed: whatever the peer does, the backoff bounds how often. */
static void
failed_count(struct service *s, struct str url)
{
	struct mesh *m = s->mesh;
	int64_t minute = m->now_us / (60 * SECOND_US);
	unsigned server = 0, variant, *n;
	char path[MESH_PATH_BYTES];

	if (!service_find(url, &server, &variant, path))
		return;
	n = &m->failed[s->i][server].n;
	if (m->failed[s->i][server].minute != minute)
		*n = 0;
	m->failed[s->i][server].minute = minute;
	if (++*n > m->most_failed)
		m->most_failed = *n;
	if (*n > FAILED_MAX)
		mesh_fail(m, "s%u tries s%u more than %u times in a minute\n", s->i, server,
		    FAILED_MAX);
}

static void
answer_arrive(struct mesh *m, struct event *ev)
{
	struct service *s = &m->services[ev->client];
	struct slot *slot = &s->slots[ev->slot];
	const struct speaker who = speaker_of(ev->key, ev->server);
	struct exchange_result res = { .status = ev->status, .body = buf_str(&ev->body),
		.error = "simulated", .who = &who };
	enum kodo_err err;
	bool wake;

	if (!slot->is_busy || slot->gen != ev->gen)
		return;
	slot->is_busy = false;
	slot->gen++;
	if (ev->status == 0)
		mesh_trace(m, "  s%u gets no answer", ev->client);
	if (s->legacy == NULL && (ev->status < 200 || ev->status > 299))
		failed_count(s, slot->job.url);
	if (s->legacy != NULL) {
		legacy_done(s->legacy, ev->status, buf_str(&ev->body), service_now(s));
	} else {
		err = outcome_take(s->r, slot->a, &slot->job, &res, service_now(s), &wake);
		if (err != KODO_OK)
			mesh_fail(m, "s%u: exchange_done: %s\n", s->i, kodo_err_text(err));
	}
	look(s);
	mesh_poll_later(s, m->now_us);
}

static void
sent_count(struct service *s, struct str url, bool is_quiet)
{
	struct mesh *m = s->mesh;
	unsigned server = 0, variant;
	char path[MESH_PATH_BYTES];

	if (is_quiet) {
		m->n_digest_checks++;
		return;
	}
	if (!service_find(url, &server, &variant, path))
		return;
	m->n_sent++;
	m->link[s->i][server]++;
	if (!model_is_mistaken(m, s->i, server))
		m->last_sent_us = m->now_us;
}

static unsigned
slot_find(struct service *s, uint32_t *busy, size_t *n_busy)
{
	unsigned i, free_slot = MESH_SLOTS;

	*n_busy = 0;
	for (i = 0; i < MESH_SLOTS; i++) {
		if (s->slots[i].is_busy)
			busy[(*n_busy)++] = s->slots[i].job.peer;
		else if (free_slot == MESH_SLOTS)
			free_slot = i;
	}
	return free_slot;
}

static void
poll_legacy(struct service *s)
{
	struct message msg;
	int64_t due_us;
	char url[96];

	if (s->slots[0].is_busy || !legacy_next(s->legacy, service_now(s), &msg, &due_us)) {
		if (!s->slots[0].is_busy && due_us != INT64_MAX)
			mesh_poll_later(s, due_us - MESH_T0_US - s->offset_us);
		return;
	}
	snprintf(url, sizeof(url), "%s%s",
	    service_url(s->mesh, msg.to, s->mesh->services[msg.to].url_variant), msg.path);
	mesh_trace(s->mesh, "s%u (legacy) -> %s %s", s->i, url, msg.body);
	s->slots[0].is_busy = true;
	sent_count(s, str_of(url), false);
	send_one(s, 0, str_of(url), str_of(msg.body));
	free(msg.body);
}

static void
poll_ours(struct service *s)
{
	int64_t next_us = INT64_MAX, active_us;
	uint32_t busy[MESH_SLOTS];
	size_t n_busy;
	enum kodo_err err;

	liveness_runs(s);
	for (;;) {
		unsigned i = slot_find(s, busy, &n_busy);
		struct slot *slot = &s->slots[i];

		if (i == MESH_SLOTS)
			return;
		arena_reset(slot->a);
		err = schedule_next(
		    s->r, slot->a, service_now(s), busy, n_busy, &slot->job, &next_us, &active_us);
		if (err == KODO_ENOTFOUND)
			err = schedule_next_in(s->r, slot->a, service_now(s), POOL_LIVENESS,
			    busy, n_busy, &slot->job, &next_us, &active_us);
		if (err != KODO_OK)
			break;
		slot->is_busy = true;
		sent_count(s, slot->job.url,
		    slot->job.kind == EXCHANGE_DIGEST_CHECK || slot->job.kind == EXCHANGE_PROBE ||
			slot->job.kind == EXCHANGE_PROVE || slot->job.kind == EXCHANGE_LOOK);
		mesh_trace(s->mesh, "s%u -> %.*s %.*s", s->i, STR_ARG(slot->job.url),
		    slot->job.body.len < 400000 ? (int)slot->job.body.len : 0,
		    slot->job.body.p == NULL ? "" : slot->job.body.p);
		send_one(s, i, slot->job.url, slot->job.body);
	}
	if (err != KODO_ENOTFOUND)
		mesh_fail(s->mesh, "s%u: exchange_next: %s\n", s->i, kodo_err_text(err));
	next_us = next_us == INT64_MAX ? next_us : next_us - MESH_T0_US - s->offset_us;
	if (next_us > s->mesh->now_us + RUNNER_SLEEP_US)
		next_us = s->mesh->now_us + RUNNER_SLEEP_US;
	mesh_poll_later(s, next_us);
}

static void
poll(struct service *s, int64_t at_us)
{
	if (s->poll_us != at_us || !s->is_up)
		return;
	s->poll_us = INT64_MAX;
	if (s->legacy != NULL)
		poll_legacy(s);
	else
		poll_ours(s);
	if (s->mesh->n_sent > STORM)
		mesh_fail(s->mesh, "more than %u messages: an echo\n", STORM);
}

void
mesh_run_until(struct mesh *m, int64_t until_us)
{
	struct event ev;

	while (m->fault[0] == '\0' && event_take(m, until_us, &ev)) {
		m->now_us = ev.at_us;
		if (ev.kind == EVENT_REQUEST)
			request_arrive(m, &ev);
		else if (ev.kind == EVENT_POLL)
			poll(&m->services[ev.client], ev.at_us);
		else
			answer_arrive(m, &ev);
		buf_free(&ev.body);
	}
	if (m->now_us < until_us)
		m->now_us = until_us;
}

void
mesh_sleep(struct mesh *m, int64_t us)
{
	size_t i;

	m->now_us += us;
	for (i = 0; i < m->n_events; i++)
		m->events[i].at_us += us;
	for (i = 0; i < m->h->n; i++)
		if (m->services[i].poll_us != INT64_MAX)
			m->services[i].poll_us += us;
}

/* --- histories --- */

/* Who lost its disk was away for longer than a message is under way. */
void
mesh_lose_messages(struct mesh *m, unsigned client)
{
	size_t i;

	for (i = 0; i < m->n_events; i++)
		if (m->events[i].kind == EVENT_REQUEST && m->events[i].client == client)
			m->events[i].boots = UINT32_MAX;
}

void
mesh_begin(struct mesh *m, const struct history *h, const char *dir, bool is_traced)
{
	unsigned i, j;

	*m = (struct mesh){ .h = h, .is_traced = is_traced,
		.random = h->seed ^ 0x5bd1e995u ^ h->luck * 1000003u };
	snprintf(m->dir, sizeof(m->dir), "%s", dir);
	for (i = 0; i < h->n; i++) {
		struct service *s = &m->services[i];

		*s = (struct service){ .mesh = m,
			.i = i,
			.role = h->role[i],
			.connect = h->connect[i],
			.poll_us = INT64_MAX };
		snprintf(s->dir, sizeof(s->dir), "%s/s%u", dir, i);
		s->options_arena = arena_new();
		for (j = 0; j < MESH_SLOTS; j++)
			s->slots[j].a = arena_new();
		s->key = h->is_legacy[i] ? 0 : i + 1;
		if (h->is_legacy[i])
			s->legacy = legacy_new(s);
	}
}

void
mesh_end(struct mesh *m)
{
	struct event ev;
	unsigned i, j;

	for (i = 0; i < m->h->n; i++) {
		struct service *s = &m->services[i];

		service_stop(s);
		service_wipe(s);
		for (j = 0; j < MESH_SLOTS; j++)
			arena_free(s->slots[j].a);
		arena_free(s->options_arena);
		legacy_free(s->legacy);
	}
	while (event_take(m, INT64_MAX, &ev))
		buf_free(&ev.body);
	free(m->events);
	arena_free(m->wanted_arena);
}

/*
 * What is under way arrives, or ends, soon: what a client waits for was repeated until it passed,
 * and of what it does not wait for no network keeps a copy longer.
 */
static void
hanging_hurry(struct mesh *m)
{
	static const int64_t within_us[] = {
		[EVENT_REQUEST] = SECOND_US, [EVENT_ANSWER] = 2 * SECOND_US,
		[EVENT_TIMEOUT] = 3 * SECOND_US
	};
	size_t i;

	for (i = 0; i < m->n_events; i++) {
		struct event *ev = &m->events[i];
		const struct slot *slot = &m->services[ev->client].slots[ev->slot];

		if (ev->kind == EVENT_POLL ||
		    (ev->kind != EVENT_REQUEST && (!slot->is_busy || slot->gen != ev->gen)))
			continue;
		if (ev->at_us > m->now_us + within_us[ev->kind])
			ev->at_us = m->now_us + within_us[ev->kind];
	}
}

static void
heal(struct mesh *m)
{
	unsigned i;

	mesh_trace(m, "--- healed");
	memset(m->is_cut, 0, sizeof(m->is_cut));
	m->is_perfect = true;
	for (i = 0; i < m->h->n; i++)
		if (llabs(m->services[i].offset_us) > FAR_US) {
			m->services[i].offset_us = 0;
			mesh_poll_later(&m->services[i], m->now_us);
		}
	for (i = 0; i < m->h->n; i++)
		if (!m->services[i].is_up)
			service_start(&m->services[i], START_NOW);
	hanging_hurry(m);
	bound_begin(m);
}

bool
mesh_run(struct mesh *m)
{
	int64_t end_us;
	unsigned i;

	for (i = 0; i < m->h->n_ops; i++) {
		if (m->h->is_dropped[i])
			continue;
		mesh_run_until(m, m->h->ops[i].at_us);
		mesh_apply(m, &m->h->ops[i]);
	}
	mesh_run_until(m, m->now_us + SECOND_US);
	heal(m);
	m->last_sent_us = m->now_us;
	end_us = m->now_us + QUIET_BOUND_US;
	while (m->fault[0] == '\0' && m->now_us < end_us &&
	    m->now_us < m->last_sent_us + DIGEST_CHECK_SPAN_US)
		mesh_run_until(m, m->last_sent_us + DIGEST_CHECK_SPAN_US);
	if (m->now_us >= end_us)
		mesh_fail(m, "not quiet %d minutes after healing\n",
		    (int)(QUIET_BOUND_US / 60 / SECOND_US));
	return m->fault[0] == '\0';
}
