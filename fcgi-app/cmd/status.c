/* kodo status: how a service is, on one screen, and as an exit status. */
#include <stdarg.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/inspect.h"
#include "core/base/json.h"
#include "core/base/screen.h"
#include "core/check/environment.h"
#include "core/import/imported.h"
#include "core/storage/run_history.h"
#include "core/views/peer_status.h"

#define TROUBLES_MAX	10u	/* shown; kodo peers has all */
#define RUNS_MAX	3u

static const char usage[] =
    "usage: kodo status [-o json] [--watch[=S]] [SERVICE ...]\n"
    "\n"
    "How a service is: its role and address, whether it runs, which registries list its flows,\n"
    "peers in trouble, what came of imports, what is pending, the last runs of what sends.\n"
    "--watch: every S seconds (2) again.\n"
    "Exit status: 0 all is well; 1 kodo service does not run (unless --hosted or --state), its\n"
    "changed loader was refused, a target is in trouble, or the state cannot be read; 2 for\n"
    "wrong arguments.\n"
    "Example: kodo status my.yaml\n"
    "\n"
    STATE_ARG_HELP;

struct facts {
	struct inspect *in;
	bool is_served, is_running;	/* kodo service; the runner */
	struct run runs[RUN_HISTORY_MAX];
	size_t n_runs;
	int64_t cron_us;
	uint64_t by_state[STATUS_MAX];
	uint64_t n_peers, n_pending, n_listed, n_troubles;
	bool is_target_bad;
	struct buf listed, troubles, imports;	/* as text or JSON */
};

/* The roles of DESIGN.md. */
static const char *
role_of(const struct options *o)
{
	return !o->registry ? "node" : o->feed ? "registry" : "provider";
}

static void
put_text(struct buf *b, struct str text)
{
	char c[SCREEN_CHAR_BYTES];
	size_t pos = 0;

	while (pos < text.len) {
		const size_t n = screen_put_char(text, &pos, c);

		buf_put(b, c, n);
	}
}

static void
add_listed(struct facts *f, const struct peer_state *p)
{
	struct buf *b = &f->listed;

	f->n_listed++;
	if (f->in->is_json) {
		buf_puts(b, f->n_listed > 1 ? "," : "");
		json_put_str(b, p->url);
		return;
	}
	buf_puts(b, f->n_listed > 1 ? "\n              " : "");
	put_text(b, p->url);
	if (p->organization.len > 0) {
		buf_puts(b, " (");
		put_text(b, p->organization);
		buf_putc(b, ')');
	}
}

static void
add_trouble(struct facts *f, const struct peer_state *p)
{
	struct buf *b = &f->troubles;

	f->n_troubles++;
	f->is_target_bad |= p->is_target;
	if (f->in->is_json) {
		buf_puts(b, f->n_troubles > 1 ? ",{\"url\":" : "{\"url\":");
		json_put_str(b, p->url);
		buf_puts(b, ",\"state\":");
		json_put_str(b, str_of(peer_status_name(p->health)));
		buf_puts(b, ",\"error\":");
		json_put_str(b, p->error);
		buf_printf(b, ",\"target\":%s}", p->is_target ? "true" : "false");
		return;
	}
	if (f->n_troubles > TROUBLES_MAX)
		return;
	buf_printf(b, "  %s%-11s%s ", colour_begin(COLOUR_BAD), peer_status_name(p->health),
	    colour_end(COLOUR_BAD));
	put_text(b, p->url);
	buf_puts(b, p->error.len > 0 ? "\n              " : "");
	put_text(b, p->error);
	buf_putc(b, '\n');
}

static enum kodo_err
add_peer(void *arg, const struct peer_state *p)
{
	struct facts *f = arg;

	f->n_peers++;
	f->by_state[p->health]++;
	f->n_pending += p->n_pending;
	if (p->is_target && p->connected_us != 0 && !peer_status_is_bad(p))
		add_listed(f, p);
	if (peer_status_is_bad(p) && p->moderated.p == NULL)
		add_trouble(f, p);
	return KODO_OK;
}

static enum kodo_err
add_import(void *arg, const struct source *s)
{
	struct facts *f = arg;
	struct buf *b = &f->imports;
	char ago[TABLE_AGO_BYTES];

	if (s->phase == SOURCE_ENDS)
		return KODO_OK;
	buf_printf(b, "  %-11s ", b->len == 0 ? "imports" : "");
	put_text(b, s->slug);
	buf_printf(b, ": %llu entries, %u refused, ", (unsigned long long)s->n_entries,
	    source_n_refused(s));
	if (s->done_us == 0)
		buf_puts(b, "not read yet");
	else
		buf_printf(b, "read %s ago", table_ago(s->done_us, f->in->now_us, ago));
	if (s->error.p != NULL) {
		buf_printf(b, "\n              %s", colour_begin(COLOUR_BAD));
		put_text(b, s->error);
		buf_puts(b, colour_end(COLOUR_BAD));
	}
	buf_putc(b, '\n');
	return KODO_OK;
}

static enum kodo_err
imports_find(struct facts *f)
{
	struct txn *t = &f->in->view.t;

	if (f->in->is_json)
		return imported_put_sources(t, &f->imports);
	return source_each(t, add_import, f);
}

static enum kodo_err
find_facts(struct facts *f)
{
	const struct state *s = registry_state(f->in->registry);
	char owner[2100];
	enum kodo_err err;

	f->is_served = state_lock_owner(s, "service.lock", owner) == KODO_OK;
	f->is_running = state_has_runner(s);
	f->n_runs = run_history_read(s, f->runs);
	f->cron_us = run_history_noted_us(s, RUN_HISTORY_CRON_FILE);
	err = imports_find(f);
	return err == KODO_OK
	    ? peer_status_each(&f->in->view, f->in->state_arg.a, add_peer, f) : err;
}

/* Of a hosted one, or a folder, it is not known whether it should. */
static bool
must_run(const struct facts *f)
{
	return !f->in->state_arg.is_hosted && f->in->state_arg.folder == NULL;
}

static bool
is_well(const struct facts *f)
{
	return !f->is_target_bad && (f->is_served || !must_run(f)) &&
	    f->in->state_arg.refused.text[0] == '\0';
}

/* --- for people --- */

static void line(const char *name, enum colour colour, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void
line(const char *name, enum colour colour, const char *fmt, ...)
{
	va_list ap;

	printf("  %-11s %s", name, colour_begin(colour));
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("%s\n", colour_end(colour));
}

static void
print_peers(const struct facts *f)
{
	const struct str troubles = buf_str(&f->troubles);
	unsigned i;

	printf("  %-11s %llu", "peers", (unsigned long long)f->n_peers);
	for (i = 0; i < STATUS_MAX; i++)
		if (f->by_state[i] > 0)
			printf(", %s %llu", peer_status_name(i),
			    (unsigned long long)f->by_state[i]);
	putchar('\n');
	fwrite(troubles.p, 1, troubles.len, stdout);
	if (f->n_troubles > TROUBLES_MAX)
		printf("  %llu more in trouble: kodo peers\n",
		    (unsigned long long)(f->n_troubles - TROUBLES_MAX));
}

static void
print_runs(const struct facts *f)
{
	const int64_t now_us = f->in->now_us;
	char ago[TABLE_AGO_BYTES], lasted[TABLE_AGO_BYTES];
	size_t i;

	for (i = f->n_runs; i > 0 && f->n_runs - i < RUNS_MAX; i--) {
		const struct run *run = &f->runs[i - 1];

		line(i == f->n_runs ? "last runs" : "", COLOUR_NONE, "%s ago, by %s%s%s",
		    table_ago(run->began_us, now_us, ago), run->by,
		    run->ended_us == 0 ? "" : ", for ", run->ended_us == 0 ? "" :
		    table_ago(run->began_us, run->ended_us, lasted));
	}
	if (f->cron_us != 0)
		line("cron", COLOUR_NONE, "%s ago", table_ago(f->cron_us, now_us, ago));
}

static void
print_facts(struct facts *f)
{
	const struct view *v = &f->in->view;
	const struct options *o = v->options;
	char ago[TABLE_AGO_BYTES];

	fputs(colour_begin(COLOUR_HEAD), stdout);
	screen_print(stdout, o->organization.len > 0 ? o->organization : STR("kodo"));
	printf("%s, %s at ", colour_end(COLOUR_HEAD), role_of(o));
	screen_print(stdout, o->url);
	putchar('\n');
	table_ago(v->head.started_us, f->in->now_us, ago);
	if (f->is_served)
		line("service", COLOUR_GOOD, "runs, since %s", ago);
	else if (must_run(f))
		line("service", COLOUR_BAD, "does not run; its last start was %s ago", ago);
	else
		line("service", COLOUR_NONE,
		    "kodo service does not run here; the last start was %s ago", ago);
	if (o->loader.len > 0) {
		printf("  %-11s ", "loader");
		screen_print(stdout, o->loader);
		putchar('\n');
	}
	if (f->in->state_arg.refused.text[0] != '\0')
		line("", COLOUR_BAD, "refused since it was changed; what held before goes on");
	line("state", COLOUR_NONE, "%s", registry_state(f->in->registry)->path);
	line("flows", COLOUR_NONE, "%llu", (unsigned long long)v->head.total);
	if (f->n_listed > 0)
		line("listed by", COLOUR_GOOD, "%s", buf_z(&f->listed));
	else if (o->n_connect > 0 || !o->registry)
		line("listed by", COLOUR_WARN, "nobody%s", o->n_connect > 0 ? " yet" :
		    ": connect names no registry");
	print_peers(f);
	fputs(f->imports.len > 0 ? buf_z(&f->imports) : "", stdout);
	line("pending", f->n_pending > 0 ? COLOUR_WARN : COLOUR_NONE, "%llu",
	    (unsigned long long)f->n_pending);
	line("runner", COLOUR_NONE, f->is_running ? "runs" : "does not run");
	print_runs(f);
}

/* --- for programs --- */

static enum kodo_err
put_json(struct facts *f)
{
	const struct view *v = &f->in->view;
	const char *refused = f->in->state_arg.refused.text;
	struct sink out = SINK_INIT(NULL);
	struct buf *b = &out.buf;
	size_t i;

	buf_puts(b, "{\"url\":");
	json_put_str(b, v->options->url);
	buf_puts(b, ",\"organization\":");
	json_put_str(b, v->options->organization);
	buf_printf(b, ",\"role\":\"%s\",\"well\":%s,\"served\":%s,\"runner\":%s,\"started\":",
	    role_of(v->options), is_well(f) ? "true" : "false", f->is_served ? "true" : "false",
	    f->is_running ? "true" : "false");
	json_put_time(b, v->head.started_us, false);
	buf_puts(b, ",\"refused\":");
	json_put_str(b, refused[0] == '\0' ? STR_NULL : str_of(refused));
	buf_printf(b, ",\"flows\":%llu,\"peers\":%llu,\"pending\":%llu,\"listed_by\":[",
	    (unsigned long long)v->head.total, (unsigned long long)f->n_peers,
	    (unsigned long long)f->n_pending);
	buf_put_str(b, buf_str(&f->listed));
	buf_puts(b, "],\"troubles\":[");
	buf_put_str(b, buf_str(&f->troubles));
	buf_puts(b, "],\"runs\":[");
	for (i = 0; i < f->n_runs; i++) {
		buf_puts(b, i > 0 ? ",{\"began\":" : "{\"began\":");
		json_put_time(b, f->runs[i].began_us, false);
		buf_puts(b, ",\"ended\":");
		json_put_time(b, f->runs[i].ended_us, false);
		buf_printf(b, ",\"by\":\"%s\"}", f->runs[i].by);
	}
	buf_putc(b, ']');
	buf_put_str(b, buf_str(&f->imports));
	buf_putc(b, '}');
	return inspect_end_json(&out, KODO_OK);
}

static enum kodo_err
status_body(struct inspect *in, void *arg, struct why *why)
{
	struct facts f = { .in = in, .listed = BUF_INIT(0), .troubles = BUF_INIT(0),
		.imports = BUF_INIT(0) };
	enum kodo_err err = find_facts(&f);

	(void)arg;
	(void)why;
	if (err == KODO_OK && (buf_failed(&f.listed) || buf_failed(&f.troubles) ||
	    buf_failed(&f.imports)))
		err = KODO_ENOMEM;
	if (err == KODO_OK && in->is_json)
		err = put_json(&f);
	else if (err == KODO_OK)
		print_facts(&f);
	in->status = is_well(&f) ? 0 : 1;
	buf_free(&f.listed);
	buf_free(&f.troubles);
	buf_free(&f.imports);
	return err;
}

int
cmd_status(int argc, char *argv[])
{
	static const struct inspect_command command = {
		.usage = usage, .body = status_body, .outputs = OUTPUT_JSON, .can_watch = true,
	};

	return inspect_run(&command, argc, argv, NULL);
}
