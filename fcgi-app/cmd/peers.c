/*
 * kodo peers, kodo map, kodo explain: who is connected, and where a node comes from.
 */
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/inspect.h"
#include "cmd/table.h"
#include "core/base/isotime.h"
#include "core/base/json.h"
#include "core/base/screen.h"
#include "core/trust/pin.h"
#include "core/views/peer_status.h"
#include "core/views/provenance.h"
#include "core/views/render.h"

static const char peers_usage[] =
    "usage: kodo peers [-o FORM] [--watch[=S]] [SERVICE ...]\n"
    "\n"
    "List each peer: whether it feeds us, we feed it, or both; its state; how it is known\n"
    "(proved: its url shows its key; pinned: it signs; by address; open); its nodes and flows;\n"
    "last contact both ways; of how many nodes it must still learn; failed attempts in a row and\n"
    "the next; the last error, else whether it is denied or hidden and by which pattern, else the\n"
    "first node that it refuses, and how many there are.\n"
    "  -o FORM       json; wide: all columns, whatever the terminal's width; name: urls\n"
    "  --watch[=S]   again and again, every S seconds (2)\n"
    "Exit status: 0, 1 if the state cannot be read, 2 for wrong arguments.\n"
    "Example: kodo peers my.yaml --watch\n"
    "\n"
    STATE_ARG_HELP;

static const char map_usage[] =
    "usage: kodo map [-o json] [--watch[=S]] [SERVICE ...]\n"
    "\n"
    "Draw who feeds whom as a tree; -o json: the answer of GET /map; --watch: every S seconds\n"
    "(2) again.\n"
    "Exit status: 0, 1 if the state cannot be read, 2 for wrong arguments.\n"
    "Example: kodo map my.yaml\n"
    "\n"
    STATE_ARG_HELP;

static const char explain_usage[] =
    "usage: kodo explain URL [-o json] [SERVICE ...]\n"
    "\n"
    "Show the statements about a node, or about the node of a flow: of which peer, with which\n"
    "version, which one wins and why; whether the node was removed, or is denied or hidden and by\n"
    "which pattern; which peers must still learn of it, and for which it is paused and why.\n"
    "Exit status: 0, 1 if nothing is known of it, 2 for wrong arguments.\n"
    "Example: kodo explain http://localhost:3366/flows/newsletter\n"
    "\n"
    STATE_ARG_HELP;

/* --- peers --- */

struct peers_output {
	struct inspect *in;
	struct table *table;
	struct sink json;
	size_t n;
};

/* The nodes that the peer refuses; null: none. */
static struct str
refused_words(struct arena *a, const struct peer_state *p)
{
	char *text = NULL;

	if (p->n_refused > 1)
		text = arena_printf(a, "%.*s, and %llu more nodes", STR_ARG(p->refused),
		    (unsigned long long)p->n_refused - 1);
	return text != NULL ? str_of(text) : p->refused;
}

static enum kodo_err
put_table_row(void *arg, const struct peer_state *p)
{
	static const enum colour colours[STATUS_MAX] = { [STATUS_OK] = COLOUR_GOOD,
		[STATUS_PENDING] = COLOUR_WARN, [STATUS_SILENT] = COLOUR_WARN,
		[STATUS_LOST] = COLOUR_BAD, [STATUS_FAILING] = COLOUR_BAD,
		[STATUS_PAUSED] = COLOUR_BAD };
	struct peers_output *o = arg;
	struct table *t = o->table;

	table_put(t, p->url);
	table_put(t, p->organization);
	table_put(t, str_of(peer_status_direction(p)));
	table_put_coloured(t, str_of(peer_status_name(p->health)), colours[p->health]);
	table_put(t, str_of(p->trust));
	table_put_u64(t, p->n_nodes);
	table_put_u64(t, p->n_flows);
	table_put_ago(t, p->in_us, o->in->now_us);
	table_put_ago(t, p->out_us, o->in->now_us);
	table_put_u64(t, p->n_pending);
	table_put_u64(t, p->attempts);
	table_put_ago(t, p->due_us, o->in->now_us);
	table_put(t, p->error.p != NULL ? p->error :
	    p->moderated.p != NULL ? p->moderated : refused_words(o->in->state_arg.a, p));
	table_end_row(t);
	return KODO_OK;
}

static void
put_json_text(struct buf *b, const char *key, struct str text)
{
	buf_putc(b, ',');
	json_put_key(b, key);
	json_put_str(b, text);
}

static enum kodo_err
put_json_row(void *arg, const struct peer_state *p)
{
	struct peers_output *o = arg;
	struct buf *b = &o->json.buf;
	const struct {
		const char *key;
		uint64_t n;
	} numbers[] = { { "nodes", p->n_nodes }, { "flows", p->n_flows },
		{ "pending", p->n_pending }, { "refused", p->n_refused },
		{ "attempts", p->attempts } };
	const struct {
		const char *key;
		int64_t us;
	} times[] = { { "registered", p->registered_us }, { "connected", p->connected_us },
		{ "received", p->in_us }, { "reached", p->out_us }, { "due", p->due_us },
		{ "silent", p->silent_us } };
	char key[PIN_KEY_CHARS];
	size_t i;

	buf_puts(b, o->n++ == 0 ? "{\"url\":" : ",{\"url\":");
	json_put_str(b, p->url);
	put_json_text(b, "organization", p->organization);
	put_json_text(b, "direction", str_of(peer_status_direction(p)));
	put_json_text(b, "state", str_of(peer_status_name(p->health)));
	put_json_text(b, "liveness", str_of(liveness_names[p->liveness]));
	put_json_text(b, "trust", str_of(p->trust));
	if (p->key.len > 0)
		pin_key_text(p->key, key);
	put_json_text(b, "key", p->key.len > 0 ? str_of(key) : STR_NULL);
	put_json_text(b, "work", p->work);
	put_json_text(b, "error", p->error);
	put_json_text(b, "refuses", p->refused);
	put_json_text(b, "moderated", p->moderated);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		buf_printf(b, ",\"%s\":%llu", numbers[i].key, (unsigned long long)numbers[i].n);
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		buf_printf(b, ",\"%s\":", times[i].key);
		json_put_time(b, times[i].us, false);
	}
	buf_putc(b, '}');
	return KODO_OK;
}

static enum kodo_err
peers_body(struct inspect *in, void *arg, struct why *why)
{
	static const struct table_column columns[] = { { "PEER", TABLE_WHOLE, 0 },
		{ "ORGANIZATION", TABLE_TEXT, 4 }, { "DIRECTION", TABLE_TEXT, 3 },
		{ "STATE", TABLE_TEXT, 0 }, { "TRUST", TABLE_TEXT, 6 }, { "NODES", TABLE_TEXT, 5 },
		{ "FLOWS", TABLE_TEXT, 0 }, { "RECEIVED", TABLE_TEXT, 2 },
		{ "REACHED", TABLE_TEXT, 2 }, { "PENDING", TABLE_TEXT, 1 },
		{ "FAILED", TABLE_TEXT, 3 }, { "NEXT", TABLE_TEXT, 1 },
		{ "ERROR", TABLE_BELOW, 0 }, { NULL, 0, 0 } };
	struct peers_output o = { .in = in, .json = SINK_INIT(NULL) };
	enum kodo_err err;

	(void)arg;
	(void)why;
	if (in->is_json) {
		buf_putc(&o.json.buf, '[');
		err = peer_status_each(&in->view, in->state_arg.a, put_json_row, &o);
		buf_putc(&o.json.buf, ']');
		return inspect_end_json(&o.json, err);
	}
	o.table = table_new(in->state_arg.a, columns);
	if (o.table == NULL)
		return KODO_ENOMEM;
	err = peer_status_each(&in->view, in->state_arg.a, put_table_row, &o);
	return err == KODO_OK ? table_print(o.table, in->output) : err;
}

int
cmd_peers(int argc, char *argv[])
{
	static const struct inspect_command command = {
		.usage = peers_usage, .body = peers_body, .outputs = OUTPUT_ALL, .can_watch = true,
	};

	return inspect_run(&command, argc, argv, NULL);
}

/* --- map --- */

static enum kodo_err
put_branch(void *arg, const struct peer_state *p)
{
	(void)arg;
	printf("  %-4s ", p->is_target && p->is_provider ? "<->" : p->is_target ? "-->" : "<--");
	screen_print(stdout, p->url);
	if (p->organization.len > 0) {
		fputs("  ", stdout);
		screen_print(stdout, p->organization);
	}
	printf("  nodes: %llu, flows: %llu  %s", (unsigned long long)p->n_nodes,
	    (unsigned long long)p->n_flows, peer_status_name(p->health));
	if (p->health == STATUS_PAUSED)
		fputs(", tried again later", stdout);
	if (p->error.len > 0) {
		fputs(": ", stdout);
		screen_print(stdout, p->error);
	}
	putchar('\n');
	return KODO_OK;
}

static enum kodo_err
map_body(struct inspect *in, void *arg, struct why *why)
{
	const struct options *o = in->view.options;
	struct sink out = SINK_INIT(registry_state(in->registry));

	(void)arg;
	(void)why;
	if (in->is_json)
		return inspect_end_json(&out, render_map(&in->view, &out));
	screen_print(stdout, o->url);
	if (o->organization.len > 0) {
		fputs("  ", stdout);
		screen_print(stdout, o->organization);
	}
	printf("  %s, flows: %llu\n", !o->registry ? "node" : o->feed ? "registry" : "provider",
	    (unsigned long long)in->view.head.total);
	return peer_status_each(&in->view, in->state_arg.a, put_branch, NULL);
}

int
cmd_map(int argc, char *argv[])
{
	static const struct inspect_command command = {
		.usage = map_usage, .body = map_body, .outputs = OUTPUT_JSON, .can_watch = true,
	};

	return inspect_run(&command, argc, argv, NULL);
}

/* --- explain --- */

static void
put_moment(int64_t us)
{
	char text[ISOTIME_BYTES];

	isotime_format(us, false, text);
	printf("%s", us == 0 ? "an unknown time" : text);
}

static void
print_imported(const struct imported *m)
{
	if (m->source.p == NULL)
		return;
	printf("  imported from ");
	screen_print(stdout, m->source);
	printf(" (%s)", m->kind);
	if (m->id.p != NULL) {
		fputs(" as ", stdout);
		screen_print(stdout, m->id);
	}
	if (m->first_us != 0) {
		fputs(", seen there first at ", stdout);
		put_moment(m->first_us);
	}
	putchar('\n');
	if (m->elsewhere.p != NULL) {
		fputs("  left to another registry that imports the same: ", stdout);
		screen_print(stdout, m->elsewhere);
		putchar('\n');
	}
}

static void
print_provenance(const struct provenance *o)
{
	size_t i;

	screen_print(stdout, o->url);
	fputs(": ", stdout);
	if (o->moderated.p != NULL)
		screen_print(stdout, o->moderated);
	else
		fputs(o->is_seen ? "seen" : o->is_gone ? "not seen, removed" : "not seen", stdout);
	putchar('\n');
	for (i = 0; i < o->n_statements; i++) {
		const struct provenance_statement *c = &o->statements[i];

		fputs("  statement of ", stdout);
		screen_print(stdout, c->peer);
		if (c->organization.len > 0) {
			fputs(" (", stdout);
			screen_print(stdout, c->organization);
			putchar(')');
		}
		printf("%s%s at ", c->trust[0] != '\0' ? ", " : "", c->trust);
		put_moment(c->at_us);
		printf(", flows: %llu, version %llu; %s\n", (unsigned long long)c->n_flows,
		    (unsigned long long)c->version, c->why);
	}
	print_imported(&o->imported);
	if (o->is_gone) {
		fputs("  removed at ", stdout);
		put_moment(o->gone_us);
		printf(", version %llu\n", (unsigned long long)o->gone_version);
	}
	for (i = 0; i < o->n_unnotified; i++) {
		fputs("  must still learn of it: ", stdout);
		screen_print(stdout, o->unnotified[i]);
		putchar('\n');
	}
	for (i = 0; i < o->n_refusals; i++) {
		fputs("  paused for ", stdout);
		screen_print(stdout, o->refusals[i].peer);
		fputs(": ", stdout);
		screen_print(stdout, o->refusals[i].why);
		putchar('\n');
	}
}

static void
put_imported_json(struct buf *b, const struct imported *m)
{
	if (m->source.p == NULL)
		return;
	buf_puts(b, ",\"imported\":{\"source\":");
	json_put_str(b, m->source);
	put_json_text(b, "kind", str_of(m->kind));
	put_json_text(b, "identifier", m->id);
	buf_puts(b, ",\"first_seen\":");
	json_put_time(b, m->first_us, false);
	put_json_text(b, "elsewhere", m->elsewhere);
	buf_putc(b, '}');
}

static void
put_provenance_json(struct buf *b, const struct provenance *o)
{
	size_t i;

	buf_puts(b, "{\"url\":");
	json_put_str(b, o->url);
	buf_puts(b, ",\"seen\":");
	json_put_bool(b, o->is_seen && o->moderated.p == NULL);
	put_json_text(b, "moderated", o->moderated);
	buf_puts(b, ",\"removed\":");
	json_put_time(b, o->is_gone ? o->gone_us : 0, false);
	buf_printf(b, ",\"removed_version\":%llu,\"statements\":[",
	    (unsigned long long)o->gone_version);
	for (i = 0; i < o->n_statements; i++) {
		buf_puts(b, i == 0 ? "{\"by\":" : ",{\"by\":");
		json_put_str(b, o->statements[i].peer);
		put_json_text(b, "organization", o->statements[i].organization);
		put_json_text(b, "trust", str_of(o->statements[i].trust));
		buf_puts(b, ",\"at\":");
		json_put_time(b, o->statements[i].at_us, false);
		buf_printf(b, ",\"flows\":%llu,\"version\":%llu,\"wins\":%s",
		    (unsigned long long)o->statements[i].n_flows,
		    (unsigned long long)o->statements[i].version,
		    o->statements[i].wins ? "true" : "false");
		put_json_text(b, "why", str_of(o->statements[i].why));
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
	put_imported_json(b, &o->imported);
	buf_puts(b, ",\"unnotified\":[");
	for (i = 0; i < o->n_unnotified; i++) {
		buf_puts(b, i == 0 ? "" : ",");
		json_put_str(b, o->unnotified[i]);
	}
	buf_puts(b, "],\"paused\":[");
	for (i = 0; i < o->n_refusals; i++) {
		buf_puts(b, i == 0 ? "{\"for\":" : ",{\"for\":");
		json_put_str(b, o->refusals[i].peer);
		put_json_text(b, "why", o->refusals[i].why);
		buf_putc(b, '}');
	}
	buf_puts(b, "]}");
}

static enum kodo_err
explain_body(struct inspect *in, void *arg, struct why *why)
{
	struct sink out = SINK_INIT(NULL);
	struct provenance o;
	enum kodo_err err = provenance_find(&in->view, in->state_arg.a, in->what, &o);

	(void)arg;
	if (err == KODO_ENOTFOUND)
		why_set(why, err, "nothing is known of %.*s", STR_ARG(in->what));
	else if (err == KODO_EINVAL)
		why_set(why, err, "%.*s is no http or https url", STR_ARG(in->what));
	if (err != KODO_OK)
		return err;
	if (!in->is_json) {
		print_provenance(&o);
		return KODO_OK;
	}
	put_provenance_json(&out.buf, &o);
	return inspect_end_json(&out, KODO_OK);
}

int
cmd_explain(int argc, char *argv[])
{
	static const struct inspect_command command = {
		.usage = explain_usage, .has_what = true, .wants_what = true, .body = explain_body,
		.outputs = OUTPUT_JSON,
	};

	return inspect_run(&command, argc, argv, NULL);
}
