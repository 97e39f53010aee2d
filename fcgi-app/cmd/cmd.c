#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "core/base/buf.h"
#include "core/base/near.h"
#include "core/base/screen.h"
#include "core/config/option.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION	"unversioned"
#endif

static int cmd_help(int argc, char *argv[]);
static int cmd_version(int argc, char *argv[]);

/* --help of a command says all; of those with a text here, that text. */
static const struct cmd {
	const char *name;
	int (*run)(int argc, char *argv[]);
	const char *summary;
	const char *usage;
} cmds[] = {
	{ "init", cmd_init, "write a loader to begin with", NULL },
	{ "check", cmd_check, "all faults of a loader, and of the state of its service", NULL },
	{ "service", cmd_service, "run one service in the foreground",
	    "usage: kodo service [LOADER] [OPTION ...]\n"
	    "\n"
	    "Run one service, with its web server and what sends to others, until Ctrl-C. A\n"
	    "change of the loader holds within a second.\n"
	    "Exit status: 0 ended, 1 it could not start, 2 for wrong arguments.\n"
	    "Example: kodo service my.yaml\n" },
	{ "status", cmd_status, "how a service is; exit status 1 if it is in trouble", NULL },
	{ "logs", cmd_logs, "the last lines of its log; -f: and those that come", NULL },
	{ "audit", cmd_audit, "who changed what, and who was refused", NULL },
	{ "flows", cmd_flows, "list flows", NULL },
	{ "counts", cmd_counts, "count flows by organization and tag", NULL },
	{ "peers", cmd_peers, "list peers: state, contact, failures, what is pending", NULL },
	{ "map", cmd_map, "draw who feeds whom", NULL },
	{ "explain", cmd_explain, "where a node comes from, why it is seen or hidden", NULL },
	{ "connect", cmd_connect, "connect to targets now", NULL },
	{ "disconnect", cmd_disconnect, "leave targets", NULL },
	{ "evict", cmd_evict, "throw a provider out", NULL },
	{ "deny", cmd_deny, "neither show nodes nor pass them on; list what is denied", NULL },
	{ "hide", cmd_hide, "pass nodes on, but do not show them", NULL },
	{ "allow", cmd_allow, "undo kodo deny and kodo hide", NULL },
	{ "key", cmd_key, "print or replace the key of a service, or of its admin", NULL },
	{ "trust", cmd_trust, "say which key a peer has", NULL },
	{ "cluster", cmd_cluster, "the machines that are one registry", NULL },
	{ "backup", cmd_backup, "write all that a service has to one file", NULL },
	{ "restore", cmd_restore, "put the state of a backup to its place", NULL },
	{ "export", cmd_export, "write the providers as a cache file of the original", NULL },
	{ "import", cmd_import, "read providers from a cache file of the original", NULL },
	{ "help", cmd_help, "the usage of a command; all options; a sample loader",
	    "usage: kodo help [COMMAND | options | loader]\n"
	    "\n"
	    "Print the usage of a command, the options of a service, or a loader that shows all.\n"
	    "Exit status: 0, 2 if there is no such command.\n"
	    "Example: kodo help flows\n" },
	{ "version", cmd_version, "print the version",
	    "usage: kodo version\n"
	    "\n"
	    "Print the version.\n"
	    "Example: kodo version\n" },
};
#define N_CMDS	(sizeof(cmds) / sizeof(cmds[0]))

/* Other spellings. */
static const struct {
	const char *name, *means;
} aliases[] = {
	{ "--help", "help" },
	{ "-h", "help" },
	{ "--version", "version" },
	{ "-V", "version" },
};

static const struct cmd *
find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(name, aliases[i].name) == 0)
			name = aliases[i].means;
	for (i = 0; i < N_CMDS; i++)
		if (strcmp(name, cmds[i].name) == 0)
			return &cmds[i];
	return NULL;
}

static void
put_usage(FILE *to)
{
	size_t i;

	fputs("usage: kodo COMMAND [ARGUMENT ...]; kodo COMMAND --help\n\n", to);
	for (i = 0; i < N_CMDS; i++)
		fprintf(to, "  %-11s %s\n", cmds[i].name, cmds[i].summary);
	fputs("\nStarted by a web server (FastCGI or CGI), kodo answers its requests.\n", to);
}

static int
say_unknown(const char *name)
{
	struct why why;
	struct near near;
	size_t i;

	near_begin(&near, str_of(name));
	for (i = 0; i < N_CMDS; i++)
		near_try(&near, cmds[i].name);
	if (near_say(&near, "no such command", "kodo help lists them", &why) != KODO_OK) {
		fputs("kodo: ", stderr);
		screen_print(stderr, str_of(why.text));
		fputc('\n', stderr);
	}
	return 2;
}

/* Print a text that option.h makes. */
static int
put_made(void (*make)(struct buf *out))
{
	struct buf b = BUF_INIT(0);
	bool failed;

	make(&b);
	failed = buf_failed(&b) || fwrite(b.p, 1, b.len, stdout) != b.len;
	buf_free(&b);
	return failed;
}

static int
cmd_help(int argc, char *argv[])
{
	static char help_option[] = "--help";
	const struct cmd *c;

	if (argc < 2) {
		put_usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "options") == 0)
		return put_made(option_put_help);
	if (strcmp(argv[1], "loader") == 0)
		return put_made(option_put_sample);
	c = find(argv[1]);
	if (c == NULL)
		return say_unknown(argv[1]);
	if (c->usage == NULL)
		return c->run(2, (char *[]){ argv[1], help_option, NULL });
	fputs(c->usage, stdout);
	return c->run != cmd_service ? 0 : (putchar('\n'), put_made(option_put_help));
}

static int
cmd_version(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	puts("kodo " PACKAGE_VERSION);
	return 0;
}

const char *
cmd_words(enum kodo_err err, const struct why *why)
{
	return why->text[0] != '\0' ? why->text : kodo_err_text(err);
}

void
cmd_complain(const char *name, enum kodo_err err, const struct why *why)
{
	fprintf(stderr, "kodo %s: ", name);
	screen_print(stderr, str_of(cmd_words(err, why)));
	fputc('\n', stderr);
}

int
cmd_run(int argc, char *argv[])
{
	const struct cmd *c;
	int i;

	if (argc < 2) {
		put_usage(stderr);
		return 2;
	}
	c = find(argv[1]);
	if (c == NULL)
		return say_unknown(argv[1]);
	for (i = 2; i < argc && c->usage != NULL; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return cmd_help(2, argv);
	return c->run(argc - 1, argv + 1);
}
