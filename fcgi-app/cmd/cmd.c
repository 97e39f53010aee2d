#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "core/base/buf.h"
#include "core/base/screen.h"
#include "core/config/option.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION	"unversioned"
#endif

static int cmd_help(int argc, char *argv[]);
static int cmd_version(int argc, char *argv[]);

static const struct cmd {
	const char *name;
	int (*run)(int argc, char *argv[]);
	const char *arguments;
	const char *summary;
	bool has_help;		/* --help says more */
} cmds[] = {
	{ "service", cmd_service, "[LOADER] [OPTION ...]",
	    "run one service in the foreground, with its web server and runner", false },
	{ "init", cmd_init, "[FILE] [OPTION ...]", "write a loader to begin with", true },
	{ "check", cmd_check, "[LOADER | STATE]",
	    "check a loader and the state of its service; each fault with its remedy", true },
	{ "flows", cmd_flows, "[QUERY] [--by FIELDS]", "list flows", true },
	{ "counts", cmd_counts, "", "count flows by organization and tag", true },
	{ "peers", cmd_peers, "", "list peers: state, contact, failures, what is pending", true },
	{ "map", cmd_map, "", "draw who feeds whom", true },
	{ "explain", cmd_explain, "URL",
	    "show where a node comes from, and why it is seen or hidden", true },
	{ "connect", cmd_connect, "[URL]", "connect to targets now", true },
	{ "disconnect", cmd_disconnect, "[URL]", "leave targets", true },
	{ "evict", cmd_evict, "URL", "throw a provider out", true },
	{ "key", cmd_key, "[admin] [rotate]",
	    "print or replace the key of this service, or of its admin", true },
	{ "trust", cmd_trust, "URL KEY|none", "say which key a peer has", true },
	{ "deny", cmd_deny, "[PATTERN]", "neither show nodes nor pass them on; list what is denied",
	    true },
	{ "hide", cmd_hide, "[PATTERN]", "pass nodes on, but do not show them", true },
	{ "allow", cmd_allow, "[PATTERN]", "undo kodo deny and kodo hide", true },
	{ "export", cmd_export, "[LOADER | STATE] [-o FILE]",
	    "write the providers as a cache file of the original system", true },
	{ "import", cmd_import, "[LOADER | STATE] FILE",
	    "read providers from a cache file of the original system", true },
	{ "help", cmd_help, "[COMMAND | options | loader]",
	    "show the usage of a command; list the options; print a sample loader", false },
	{ "version", cmd_version, "", "print the version", false },
};

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
	for (i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++)
		if (strcmp(name, cmds[i].name) == 0)
			return &cmds[i];
	return NULL;
}

static void
put_usage(FILE *to)
{
	size_t i;

	fputs("usage: kodo COMMAND [ARGUMENT ...]\n\n", to);
	for (i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++)
		fprintf(to, "  %-10s %-29s %s\n", cmds[i].name, cmds[i].arguments, cmds[i].summary);
	fputs("\nStarted by a web server (FastCGI or CGI), kodo answers its requests.\n", to);
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
	if (c == NULL) {
		fprintf(stderr, "kodo: no command %s; try kodo help\n", argv[1]);
		return 2;
	}
	if (c->has_help)
		return c->run(2, (char *[]){ argv[1], help_option, NULL });
	printf("usage: kodo %s %s\n\n%s\n", c->name, c->arguments, c->summary);
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

	if (argc < 2) {
		put_usage(stderr);
		return 2;
	}
	c = find(argv[1]);
	if (c == NULL) {
		fprintf(stderr, "kodo: no command %s; try kodo help\n", argv[1]);
		return 2;
	}
	return c->run(argc - 1, argv + 1);
}
