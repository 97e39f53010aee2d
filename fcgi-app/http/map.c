/*
 * /map for people: this service in the middle, who feeds it on the left, whom it feeds on the
 * right, and the same as a table, trouble first. Up to ROWS_MAX peers of a side have a box each;
 * more are grouped by organization, a dot each, as far as DOTS_MAX go.
 */
#include <stdlib.h>

#include "core/base/hash.h"
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
#define DOTS_MAX	300u	/* of the picture, so that the page stays small */
#define TABLE_ROWS	25u	/* of a page */
#define LABEL_MAX	30u	/* characters that a box has room for */
#define SHORT_MAX	18u
#define DOT_LABEL_MAX	24u	/* shown on hover */
#define DOTS		15u	/* in a row */
#define DOT_STEP	19u
#define MIDDLE_WIDTH	180u
#define MIDDLE_HEIGHT	96u

struct shown {
	struct peer_state p;
	size_t row;			/* of the table */
	enum peer_status group;		/* the worst of its organization */
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
	unsigned n_peers;		/* all; the sides hold those of the state asked for */
	unsigned by_status[STATUS_MAX];
	unsigned state;			/* STATUS_MAX: any */
	struct shown **rows;		/* of the table */
	size_t n_rows, page, pages;
};

static enum kodo_err
side_add(struct map *m, struct side *s, const struct peer_state *p)
{
	struct shown *all = arena_grow(m->call->a, s->all, s->n, &s->cap, sizeof(*all));

	if (all == NULL)
		return KODO_ENOMEM;
	s->all = all;
	s->all[s->n++] = (struct shown){ .p = *p };
	return KODO_OK;
}

static enum kodo_err
add_peer(void *arg, const struct peer_state *p)
{
	struct map *m = arg;

	if (p->moderated.p != NULL)
		return KODO_OK;
	m->n_peers++;
	m->by_status[p->health]++;
	if (m->state != STATUS_MAX && p->health != m->state)
		return KODO_OK;
	return side_add(m, p->is_target ? &m->right : &m->left, p);
}

/* Peers of one organization together, that with the worst peer first; those without one last. */
static int
shown_cmp(const void *x, const void *y)
{
	const struct shown *a = x, *b = y;
	int c = (int)b->group - (int)a->group;

	if (c == 0)
		c = (a->p.organization.len == 0) - (b->p.organization.len == 0);
	if (c == 0)
		c = str_cmp(a->p.organization, b->p.organization);
	if (c == 0)
		c = (int)b->p.health - (int)a->p.health;
	return c != 0 ? c : str_cmp(a->p.url, b->p.url);
}

/* The table: the worst first. */
static int
row_cmp(const void *x, const void *y)
{
	const struct shown *a = *(struct shown *const *)x, *b = *(struct shown *const *)y;
	int c = (int)b->p.health - (int)a->p.health;

	if (c == 0)
		c = (a->p.organization.len == 0) - (b->p.organization.len == 0);
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

/* Its row may be on another page of the table. */
static void
put_peer(const struct map *m, struct template_values *row, const struct shown *s)
{
	const struct peer_state *p = &s->p;

	template_values_put_u64(row, "id", s->row + 1);
	if (s->row / TABLE_ROWS != m->page)
		template_values_put_u64(row, "at_page", s->row / TABLE_ROWS);
	template_values_put(row, "url", p->url);
	template_values_put_short(row, "label", label_of(p->url), LABEL_MAX);
	template_values_put(row, "organization", p->organization);
	template_values_put_short(row, "short_organization", p->organization, SHORT_MAX);
	template_values_put(row, "health", str_of(peer_status_name(p->health)));
	template_values_put(row, "direction", str_of(peer_status_direction(p)));
	template_values_put_count(row, "nodes", p->n_nodes);
	template_values_put_count(row, "flows", p->n_flows);
	template_values_put_flag(row, "one_node", p->n_nodes == 1);
	template_values_put_flag(row, "one_flow", p->n_flows == 1);
}

static void
put_table_row(const struct map *m, struct template_values *row, const struct shown *s)
{
	const struct peer_state *p = &s->p;
	bool bad = peer_status_is_bad(p);

	put_peer(m, row, s);
	if (p->attempts > 0)
		template_values_put_count(row, "attempts", p->attempts);
	template_values_put(row, "error", peer_status_failure(p));
	template_values_put_time(row, "silent", p->silent_us);
	template_values_put(row, "work", p->work);
	template_values_put(row, "trust", str_of(p->trust));
	if (p->n_pending > 0)
		template_values_put_count(row, "pending", p->n_pending);
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

		put_peer(m, row, &s->all[i]);
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
group_height(size_t dots)
{
	return GROUP_HEAD + (unsigned)((dots + DOTS - 1) / DOTS) * DOT_STEP + 6;
}

static void
put_group(
    struct map *m, const struct side *s, size_t from, size_t end, size_t dots, unsigned y)
{
	struct template_values *group = template_values_row(m->values, "group"), *dot;
	enum peer_status worst = STATUS_OK;
	size_t i, bad = 0;
	bool mixed = !str_eq(s->all[from].p.organization, s->all[end - 1].p.organization);

	for (i = from; i < end; i++) {
		const struct shown *p = &s->all[i];
		unsigned k = (unsigned)(i - from);

		bad += peer_status_is_bad(&p->p);
		worst = p->p.health > worst ? p->p.health : worst;
		if (k >= dots)
			continue;
		dot = template_values_row(group, "dot");
		put_peer(m, dot, p);
		template_values_put_short(dot, "label", label_of(p->p.url), DOT_LABEL_MAX);
		template_values_put_u64(dot, "cx", 16 + k % DOTS * DOT_STEP);
		template_values_put_u64(dot, "cy", GROUP_HEAD + 6 + k / DOTS * DOT_STEP);
	}
	template_values_put_u64(group, "x", s->x);
	template_values_put_u64(group, "y", y);
	template_values_put_u64(group, "height", group_height(dots));
	template_values_put_count(group, "peers", end - from);
	template_values_put_flag(group, "one", end - from == 1);
	if (bad > 0)
		template_values_put_count(group, "bad", bad);
	template_values_put(group, "organization", mixed ? STR_NULL : s->all[from].p.organization);
	template_values_put_flag(group, "mixed", mixed);
	put_link(m, s, y + group_height(dots) / 2, peer_status_name(worst), s->x == 0, s->x != 0);
}

/* The height of a side; put: draw it, too. */
static unsigned
walk_groups(struct map *m, const struct side *s, bool put)
{
	unsigned top = put ? (m->height - s->height) / 2 : 0, y = top;
	/* its share; groups in trouble come first, and get theirs */
	size_t i = 0, end, group, dots, left = (DOTS_MAX * s->n + m->n_rows - 1) / m->n_rows;

	for (group = 0; i < s->n; group++, i = end) {
		end = group_end(s, i, group);
		dots = end - i < left ? end - i : left;
		left -= dots;
		if (put)
			put_group(m, s, i, end, dots, y);
		y += group_height(dots) + GROUP_GAP;
	}
	return y - top;
}

/* What is the worst of each organization? All of one lie together, as no group is set yet. */
static void
find_groups(struct side *s)
{
	enum peer_status worst;
	size_t i, j, end;

	qsort(s->all, s->n, sizeof(*s->all), shown_cmp);
	for (i = 0; i < s->n; i = end) {
		worst = s->all[i].p.health;	/* sorted so */
		end = group_end(s, i, 0);
		for (j = i; j < end; j++)
			s->all[j].group = worst;
	}
	qsort(s->all, s->n, sizeof(*s->all), shown_cmp);
}

static void
measure(struct map *m, struct side *s)
{
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

/* All peers of both sides in their order, of which a page is shown. */
static enum kodo_err
find_rows(struct map *m)
{
	struct side *const sides[] = { &m->left, &m->right };
	size_t i, k;

	m->rows = arena_alloc(m->call->a, (m->left.n + m->right.n + 1) * sizeof(struct shown *));
	if (m->rows == NULL)
		return KODO_ENOMEM;
	for (k = 0; k < 2; k++)
		for (i = 0; i < sides[k]->n; i++)
			m->rows[m->n_rows++] = &sides[k]->all[i];
	if (m->n_rows > 0)
		qsort(m->rows, m->n_rows, sizeof(struct shown *), row_cmp);
	for (i = 0; i < m->n_rows; i++)
		m->rows[i]->row = i;
	m->pages = m->n_rows == 0 ? 1 : (m->n_rows - 1) / TABLE_ROWS + 1;
	return KODO_OK;
}

static void
put_table(struct map *m)
{
	struct template_values *t = m->values;
	size_t i = m->page * TABLE_ROWS;

	for (; i < m->n_rows && i < (m->page + 1) * TABLE_ROWS; i++)
		put_table_row(m, template_values_row(t, "peer"), m->rows[i]);
	template_values_put_flag(t, "many_pages", m->pages > 1);
	template_values_put_count(t, "page", m->page + 1);
	template_values_put_count(t, "pages", m->pages);
	if (m->page > 0)
		template_values_put_u64(t, "previous", m->page - 1);
	if (m->page + 1 < m->pages)
		template_values_put_u64(t, "next", m->page + 1);
}

/* The numbers of all, each a link to those of that state; trouble first. */
static void
put_states(struct map *m)
{
	struct template_values *row;
	unsigned i;

	for (i = STATUS_MAX; i-- > 0;) {
		if (m->by_status[i] == 0 && m->state != i)
			continue;
		row = template_values_row(m->values, "status");
		template_values_put(row, "name", str_of(peer_status_name((enum peer_status)i)));
		template_values_put_count(row, "n", m->by_status[i]);
		template_values_put_flag(row, "on", m->state == i);
	}
	if (m->state != STATUS_MAX)
		template_values_put(
		    m->values, "only", str_of(peer_status_name((enum peer_status)m->state)));
}

/* What was asked for that is not there is said on the page. */
static void
read_choice(struct map *m)
{
	const struct str state = m->call->params.text[PARAM_STATE];

	m->state = 0;
	while (m->state < STATUS_MAX &&
	    !str_eq(state, str_of(peer_status_name((enum peer_status)m->state))))
		m->state++;
	if (m->state == STATUS_MAX)
		template_values_put(m->values, "no_state", state);
}

static void
read_page(struct map *m)
{
	const struct str text = m->call->params.text[PARAM_MAP_P];
	size_t i;

	m->page = 0;
	for (i = 0; i < text.len && text.p[i] >= '0' && text.p[i] <= '9' && i < 6; i++)
		m->page = m->page * 10 + (size_t)(text.p[i] - '0');
	if (text.len == 0 || (i == text.len && m->page < m->pages))
		return;
	template_values_put(m->values, "no_page", text);
	template_values_put_u64(m->values, "last", m->pages - 1);
	m->page = 0;
}

static void
put_frame(struct map *m, const struct view *v)
{
	struct template_values *t = m->values;

	template_values_put_u64(t, "width", WIDTH);
	template_values_put_u64(t, "view_height", m->height + 34);	/* and a line above it */
	template_values_put_u64(t, "middle_x", (WIDTH - MIDDLE_WIDTH) / 2);
	template_values_put_u64(t, "middle_y", (m->height - MIDDLE_HEIGHT) / 2);
	template_values_put_count(t, "peers", m->n_peers);
	template_values_put_flag(t, "one_peer", m->n_peers == 1);
	template_values_put_count(t, "total", v->head.total);
	template_values_put_flag(t, "one_total", v->head.total == 1);
	template_values_put_flag(t, "any", m->n_rows > 0);
	template_values_put_flag(t, "no_peers", m->n_peers == 0);
	template_values_put_flag(t, "any_left", m->left.n > 0);
	template_values_put_flag(t, "any_right", m->right.n > 0);
	template_values_put_short(t, "short_label", label_of(v->options->url), 26);
	template_values_put_short(t, "short_site", v->options->organization.len > 0 ?
	    v->options->organization : label_of(v->options->url), 19);
	put_states(m);
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

	if (err != KODO_OK)
		return err;
	read_choice(&m);
	err = peer_status_each(v, c->a, add_peer, &m);
	if (err != KODO_OK)
		return err;
	if (m.left.n > 0)
		find_groups(&m.left);
	if (m.right.n > 0)
		find_groups(&m.right);
	err = find_rows(&m);
	if (err != KODO_OK)
		return err;
	read_page(&m);
	measure(&m, &m.left);
	measure(&m, &m.right);
	m.height = m.left.height > m.right.height ? m.left.height : m.right.height;
	if (m.height < MIDDLE_HEIGHT + 24)
		m.height = MIDDLE_HEIGHT + 24;
	put_frame(&m, v);
	draw(&m, &m.left);
	draw(&m, &m.right);
	put_table(&m);
	return page_put(c, "map.html", m.values);
}

static enum kodo_err
put_map(struct call *c, struct view *v)
{
	uint64_t variant = 0;

	c->res->is_page = page_is_offered(c, "map.html");
	c->res->view = changes_last(&v->head);
	if (c->res->is_page)
		variant = (page_stamp("map.html") ^ hash_text(HASH_STORED, c->req->query)) | 1;
	else if (v->options->cluster.p != NULL)
		variant = (uint64_t)c->now_us | 1;	/* what it says of machines goes on */
	if (etag_matches(c, v, ETAG_VIEW | ETAG_STATE | ETAG_IDLE, variant))
		return KODO_OK;
	return c->res->is_page ? put_page(c, v) : render_map(v, &c->res->body);
}

enum kodo_err
handle_map(struct call *c)
{
	return call_with_view(c, put_map);
}
