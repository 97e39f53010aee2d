/*
 * /map for people: this service in the middle, who feeds it on the left, whom it feeds on the
 * right, and the same as a table. Up to ROWS_MAX peers of a side have a box each; more are grouped
 * by organization, a dot each.
 */
#include <stdlib.h>

#include "core/views/changes.h"
#include "core/views/peer_status.h"
#include "core/views/render.h"
#include "http/etag.h"
#include "http/handlers.h"
#include "http/page.h"

/* Units of the picture's own system; it is scaled as a whole. */
#define WIDTH		960u
#define BOX_WIDTH	300u
#define BOX_HEIGHT	48u
#define BOX_STEP	58u
#define ROWS_MAX	16u
#define GROUPS_MAX	10u	/* of a side; the last one holds the others */
#define GROUP_HEAD	30u
#define GROUP_GAP	12u
#define DOTS		15u	/* in a row */
#define DOT_STEP	19u
#define MIDDLE_WIDTH	180u
#define MIDDLE_HEIGHT	96u

struct shown {
	struct peer_state p;
	unsigned id;			/* row of the table, from 1 */
};

struct side {
	struct shown *all;
	size_t n, cap;
	unsigned x;			/* of its boxes */
	unsigned edge_from, edge_to;	/* x of its links, from the box to the middle */
	unsigned height;
};

struct map {
	struct call *call;
	struct template_values *values;
	struct side left, right;
	unsigned height;
	unsigned n_peers;
	unsigned by_status[STATUS_MAX];
};

static enum kodo_err
side_add(struct map *m, struct side *s, const struct peer_state *p)
{
	struct shown *all = arena_grow(m->call->a, s->all, s->n, &s->cap, sizeof(*all));

	if (all == NULL)
		return KODO_ENOMEM;
	s->all = all;
	s->all[s->n++] = (struct shown){ *p, ++m->n_peers };
	return KODO_OK;
}

static enum kodo_err
add_peer(void *arg, const struct peer_state *p)
{
	struct map *m = arg;

	if (p->moderated.p != NULL)
		return KODO_OK;
	m->by_status[p->health]++;
	return side_add(m, p->is_target ? &m->right : &m->left, p);
}

/* Peers of one organization together; those without one at the end. */
static int
shown_cmp(const void *x, const void *y)
{
	const struct shown *a = x, *b = y;
	int c = (a->p.organization.len == 0) - (b->p.organization.len == 0);

	if (c == 0)
		c = str_cmp(a->p.organization, b->p.organization);
	return c != 0 ? c : str_cmp(a->p.url, b->p.url);
}

/* The url without its scheme, which all have. */
static struct str
label_of(struct str url)
{
	const char *at = url.len == 0 ? NULL : memmem(url.p, url.len, "://", 3);

	return at == NULL ? url :
	    (struct str){ at + 3, url.len - (size_t)(at + 3 - url.p) };
}

static void
put_peer(struct template_values *row, const struct shown *s)
{
	const struct peer_state *p = &s->p;

	template_values_put_u64(row, "id", s->id);
	template_values_put(row, "url", p->url);
	template_values_put(row, "label", label_of(p->url));
	template_values_put(row, "organization", p->organization);
	template_values_put(row, "health", str_of(peer_status_name(p->health)));
	template_values_put(row, "direction", str_of(peer_status_direction(p)));
	template_values_put_u64(row, "nodes", p->n_nodes);
	template_values_put_u64(row, "flows", p->n_flows);
	template_values_put_flag(row, "one_node", p->n_nodes == 1);
	template_values_put_flag(row, "one_flow", p->n_flows == 1);
}

static void
put_table_row(struct template_values *row, const struct shown *s)
{
	const struct peer_state *p = &s->p;
	bool bad = peer_status_is_bad(p);

	put_peer(row, s);
	if (p->attempts > 0)
		template_values_put_u64(row, "attempts", p->attempts);
	template_values_put(row, "error", peer_status_failure(p));
	template_values_put_time(row, "silent", p->silent_us);
	template_values_put(row, "work", p->work);
	template_values_put(row, "trust", str_of(p->trust));
	if (p->n_pending > 0)
		template_values_put_u64(row, "pending", p->n_pending);
	template_values_put_time(row, "connected", p->connected_us);
	template_values_put_time(row, "registered", p->registered_us);
	template_values_put_time(row, "received", p->in_us);
	template_values_put_time(row, "reached", p->out_us);
	template_values_put_flag(row, "bad", bad);
	template_values_put_flag(row, "paused", p->health == STATUS_PAUSED);
	if (bad)
		template_values_put_time(row, "due", p->due_us);
}

/* --- the picture --- */

/* The link of a box or group whose middle is at y. */
static void
put_link(struct map *m, const struct side *s, unsigned y, const char *health, bool in, bool out)
{
	struct template_values *row = template_values_row(m->values, "link");
	unsigned middle = m->height / 2, bend = (s->edge_from + s->edge_to) / 2;

	template_values_printf(row, "path", "M%u,%u C%u,%u %u,%u %u,%u", s->edge_from, y, bend, y,
	    bend, middle, s->edge_to, middle);
	template_values_put(row, "health", str_of(health));
	template_values_put_flag(row, "in", in);
	template_values_put_flag(row, "out", out);
}

static void
put_boxes(struct map *m, const struct side *s)
{
	unsigned top = (m->height - s->height) / 2;
	size_t i;

	for (i = 0; i < s->n; i++) {
		struct template_values *row = template_values_row(m->values, "box");
		unsigned y = top + (unsigned)i * BOX_STEP;

		put_peer(row, &s->all[i]);
		template_values_put_u64(row, "x", s->x);
		template_values_put_u64(row, "y", y);
		put_link(m, s, y + BOX_HEIGHT / 2, peer_status_name(s->all[i].p.health),
		    s->all[i].p.is_provider, s->all[i].p.is_target);
	}
}

/* The end of the group that begins at i; the last group takes all that is left. */
static size_t
group_end(const struct side *s, size_t i, size_t group)
{
	size_t end = i + 1;

	if (group + 1 == GROUPS_MAX)
		return s->n;
	while (end < s->n && str_eq(s->all[end].p.organization, s->all[i].p.organization))
		end++;
	return end;
}

static unsigned
group_height(size_t n)
{
	return GROUP_HEAD + (unsigned)((n + DOTS - 1) / DOTS) * DOT_STEP + 6;
}

static void
put_group(struct map *m, const struct side *s, size_t from, size_t end, unsigned y)
{
	struct template_values *group = template_values_row(m->values, "group"), *dot;
	enum peer_status worst = STATUS_OK;
	size_t i, bad = 0;
	bool mixed = !str_eq(s->all[from].p.organization, s->all[end - 1].p.organization);

	for (i = from; i < end; i++) {
		const struct shown *p = &s->all[i];
		unsigned k = (unsigned)(i - from);

		dot = template_values_row(group, "dot");
		put_peer(dot, p);
		template_values_put_u64(dot, "cx", 16 + k % DOTS * DOT_STEP);
		template_values_put_u64(dot, "cy", GROUP_HEAD + 6 + k / DOTS * DOT_STEP);
		bad += peer_status_is_bad(&p->p);
		worst = p->p.health > worst ? p->p.health : worst;
	}
	template_values_put_u64(group, "x", s->x);
	template_values_put_u64(group, "y", y);
	template_values_put_u64(group, "height", group_height(end - from));
	template_values_put_u64(group, "peers", end - from);
	template_values_put_flag(group, "one", end - from == 1);
	if (bad > 0)
		template_values_put_u64(group, "bad", bad);
	template_values_put(group, "organization", mixed ? STR_NULL : s->all[from].p.organization);
	template_values_put_flag(group, "mixed", mixed);
	put_link(m, s, y + group_height(end - from) / 2,
	    bad == end - from ? peer_status_name(worst) : "ok", s->x == 0, s->x != 0);
}

/* The height of a side; put: draw it, too. */
static unsigned
walk_groups(struct map *m, const struct side *s, bool put)
{
	unsigned top = put ? (m->height - s->height) / 2 : 0, y = top;
	size_t i = 0, end, group;

	for (group = 0; i < s->n; group++, i = end) {
		end = group_end(s, i, group);
		if (put)
			put_group(m, s, i, end, y);
		y += group_height(end - i) + GROUP_GAP;
	}
	return y - top;
}

static void
measure(struct map *m, struct side *s)
{
	if (s->n > 0)
		qsort(s->all, s->n, sizeof(*s->all), shown_cmp);
	s->height = s->n <= ROWS_MAX ? (unsigned)s->n * BOX_STEP : walk_groups(m, s, false);
}

static void
draw(struct map *m, const struct side *s)
{
	if (s->n <= ROWS_MAX)
		put_boxes(m, s);
	else
		(void)walk_groups(m, s, true);
}

static void
put_table(struct map *m, const struct side *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		put_table_row(template_values_row(m->values, "peer"), &s->all[i]);
}

static void
put_frame(struct map *m, const struct view *v)
{
	static const char *const names[STATUS_MAX] = {
		[STATUS_OK] = "n_ok",
		[STATUS_PENDING] = "n_pending",
		[STATUS_LEFT] = "n_left",
		[STATUS_UNKNOWN] = "n_unknown",
		[STATUS_SILENT] = "n_silent",
		[STATUS_LOST] = "n_lost",
		[STATUS_UNREACHED] = "n_unreached",
		[STATUS_FAILING] = "n_failing",
		[STATUS_PAUSED] = "n_paused",
	};
	struct template_values *t = m->values;
	unsigned i;

	template_values_put_u64(t, "width", WIDTH);
	template_values_put_u64(t, "view_height", m->height + 34);	/* and a line above it */
	template_values_put_u64(t, "middle_x", (WIDTH - MIDDLE_WIDTH) / 2);
	template_values_put_u64(t, "middle_y", (m->height - MIDDLE_HEIGHT) / 2);
	template_values_put_u64(t, "peers", m->n_peers);
	template_values_put_flag(t, "one_peer", m->n_peers == 1);
	template_values_put_u64(t, "total", v->head.total);
	template_values_put_flag(t, "any", m->n_peers > 0);
	template_values_put_flag(t, "any_left", m->left.n > 0);
	template_values_put_flag(t, "any_right", m->right.n > 0);
	template_values_put_short(t, "short_label", label_of(v->options->url), 26);
	template_values_put_short(t, "short_site", v->options->organization.len > 0 ?
	    v->options->organization : label_of(v->options->url), 19);
	for (i = 0; i < STATUS_MAX; i++)
		if (m->by_status[i] > 0)
			template_values_put_u64(t, names[i], m->by_status[i]);
}

static enum kodo_err
put_page(struct call *c, struct view *v)
{
	struct map m = {
		.call = c,
		.left = { .x = 0, .edge_from = BOX_WIDTH, .edge_to = (WIDTH - MIDDLE_WIDTH) / 2 },
		.right = { .x = WIDTH - BOX_WIDTH, .edge_from = WIDTH - BOX_WIDTH,
		    .edge_to = (WIDTH + MIDDLE_WIDTH) / 2 },
	};
	enum kodo_err err = page_begin(c, v, "Map", &m.values);

	if (err == KODO_OK)
		err = peer_status_each(v, c->a, add_peer, &m);
	if (err != KODO_OK)
		return err;
	measure(&m, &m.left);
	measure(&m, &m.right);
	m.height = m.left.height > m.right.height ? m.left.height : m.right.height;
	if (m.height < MIDDLE_HEIGHT + 24)
		m.height = MIDDLE_HEIGHT + 24;
	put_frame(&m, v);
	draw(&m, &m.left);
	draw(&m, &m.right);
	put_table(&m, &m.left);
	put_table(&m, &m.right);
	return page_put(c, "map.html", m.values);
}

static enum kodo_err
put_map(struct call *c, struct view *v)
{
	c->res->is_page = page_is_offered(c, "map.html");
	c->res->view = changes_last(&v->head);
	if (etag_matches(c, v, ETAG_VIEW | ETAG_STATE | ETAG_IDLE,
	    c->res->is_page ? page_stamp("map.html") | 1 : 0))
		return KODO_OK;
	return c->res->is_page ? put_page(c, v) : render_map(v, &c->res->body);
}

enum kodo_err
handle_map(struct call *c)
{
	return call_with_view(c, put_map);
}
