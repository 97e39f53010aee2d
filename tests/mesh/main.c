/*
 * usage: mesh --check | --costs | [--from N] [--count N] [--seconds N]
 * [--kind ours|one|two|long|roles|far|lies] [--seeds FILE] [--all] [--trust WORD]
 * [--liveness] [--log FILE] [--seed N [--luck N] [--keep I,J,..] [--trace]]
 *
 * Runs histories of consecutive seeds, those of the file first. A history that fails is made as
 * short as it can be, printed, and the command that replays it. Exit status 1 if one failed, or if
 * all was right too late. --luck: the same steps, and other dice for the wire.
 * --liveness: signs of life, too. --log: all changes are written to the file, see entry_log.h.
 * --check, or no argument: what `make check` runs, in TAP. --costs: messages per change.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/log.h"
#include "entry_log.h"
#include "mesh.h"

struct arguments {
	uint64_t from, count, luck;
	unsigned seconds;
	enum history_kind kind;
	const char *seeds;
	bool is_one; /* --seed */
	bool is_check, is_costs;
	const char *keep;
	bool is_traced;
	bool is_all; /* go on after failures, and do not shrink */
	const char *program;
};

/* each history of the file is tried so often: what its seed means changes with all that we send */
#define LUCKS 4u

static char scratch[64];

static unsigned long n_messages, n_digest_checks, n_histories;
static bool is_liveness; /* --liveness */
static unsigned most_failed; /* attempts at one peer in a minute */

static bool
history_try(const struct history *h, bool is_traced, char fault[4096])
{
	struct mesh *m = malloc(sizeof(*m));
	bool is_good;

	if (m == NULL)
		abort();
	mesh_begin(m, h, scratch, is_traced);
	if (mesh_run(m))
		model_check(m);
	bound_note(m);
	if (is_liveness && m->fault[0] == '\0')
		liveness_check(m);
	is_good = m->fault[0] == '\0';
	memcpy(fault, m->fault, sizeof(m->fault));
	n_messages += m->n_sent;
	n_digest_checks += m->n_digest_checks;
	if (m->most_failed > most_failed)
		most_failed = m->most_failed;
	mesh_end(m);
	free(m);
	return is_good;
}

/* Leave out one thing after the other that the failure does not need. */
static void
history_shrink(struct history *h, char fault[4096])
{
	char other[4096];
	bool again = true;
	unsigned i;

	while (again) {
		again = false;
		for (i = h->n_ops; i > 0; i--) {
			if (h->is_dropped[i - 1])
				continue;
			h->is_dropped[i - 1] = true;
			if (history_try(h, false, other)) {
				h->is_dropped[i - 1] = false;
			} else {
				memcpy(fault, other, sizeof(other));
				again = true;
			}
		}
	}
}

static void
failure_print(const struct history *h, const struct arguments *args, const char *fault)
{
	const char *comma = "";
	unsigned i;

	printf("\nFAILED: ");
	history_print(h, stdout);
	printf("%s\nreplay: %s --kind %s --seed %llu --luck %llu --trace --keep ", fault,
	    args->program, history_kinds[h->kind], (unsigned long long)h->seed,
	    (unsigned long long)h->luck);
	for (i = 0; i < h->n_ops; i++) {
		if (h->is_dropped[i])
			continue;
		printf("%s%u", comma, i);
		comma = ",";
	}
	printf("\n");
	fflush(stdout);
}

static bool
seed_try(uint64_t seed, uint64_t luck, const struct arguments *args)
{
	struct history h;
	char fault[4096];

	history_make(&h, seed, args->kind);
	h.luck = luck;
	n_histories++;
	if (history_try(&h, false, fault))
		return true;
	if (args->is_all) {
		printf("seed %llu: %.60s\n", (unsigned long long)seed, fault);
		return false;
	}
	history_shrink(&h, fault);
	failure_print(&h, args, fault);
	return false;
}

/* --seed: one history, all of it or what --keep names. */
static bool
one_try(const struct arguments *args)
{
	struct history h;
	char fault[4096], *end;
	const char *at = args->keep;
	unsigned i;

	history_make(&h, args->from, args->kind);
	h.luck = args->luck;
	if (at != NULL) {
		for (i = 0; i < h.n_ops; i++)
			h.is_dropped[i] = true;
		for (; *at != '\0'; at = *end == ',' ? end + 1 : end) {
			i = (unsigned)strtoul(at, &end, 10);
			if (end == at)
				break;
			if (i < h.n_ops)
				h.is_dropped[i] = false;
		}
	}
	history_print(&h, stdout);
	if (history_try(&h, args->is_traced, fault))
		return true;
	printf("FAILED: %s", fault);
	return false;
}

static bool
kind_read(const char *word, enum history_kind *out)
{
	int k;

	for (k = 0; k < HISTORY_KINDS; k++)
		if (strcmp(word, history_kinds[k]) == 0)
			*out = (enum history_kind)k;
	return k == HISTORY_KINDS && strcmp(word, history_kinds[*out]) == 0;
}

/* A line of a kind and a seed, perhaps /luck, with anything after; # begins a comment. */
static unsigned
line_try(char *line, struct arguments *args)
{
	char *word = strsep(&line, " "), *end;
	unsigned n_failed = 0;
	uint64_t seed, luck;

	if (line == NULL || !kind_read(word, &args->kind))
		return 0;
	seed = strtoull(line, &end, 10);
	if (*end == '/')
		return seed_try(seed, strtoull(end + 1, NULL, 10), args) ? 0 : 1;
	for (luck = 0; luck < LUCKS && n_failed == 0; luck++)
		n_failed += !seed_try(seed, luck, args);
	return n_failed;
}

static bool
kept_try(const struct arguments *args, unsigned *n_failed)
{
	FILE *f = fopen(args->seeds, "r");
	struct arguments one = *args;
	char line[256];

	if (f == NULL) {
		fprintf(stderr, "mesh: cannot read %s\n", args->seeds);
		return false;
	}
	while (fgets(line, sizeof(line), f) != NULL)
		*n_failed += line_try(line, &one);
	fclose(f);
	return true;
}

static bool
arguments_read(int argc, char **argv, struct arguments *out)
{
	int i;

	*out = (struct arguments){ .from = 1, .count = 500, .program = argv[0] };
	out->is_check = argc == 1;
	for (i = 1; i < argc; i++) {
		const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(name, "--trace") == 0) {
			out->is_traced = true;
			continue;
		}
		if (strcmp(name, "--check") == 0 || strcmp(name, "--costs") == 0) {
			out->is_check = strcmp(name, "--check") == 0;
			out->is_costs = !out->is_check;
			continue;
		}
		if (strcmp(name, "--liveness") == 0) {
			is_liveness = true;
			continue;
		}
		if (strcmp(name, "--all") == 0) {
			out->is_all = true;
			continue;
		}
		i++;
		if (strcmp(name, "--from") == 0 || strcmp(name, "--seed") == 0) {
			out->from = strtoull(value, NULL, 10);
			out->is_one = strcmp(name, "--seed") == 0;
		} else if (strcmp(name, "--count") == 0) {
			out->count = strtoull(value, NULL, 10);
		} else if (strcmp(name, "--luck") == 0) {
			out->luck = strtoull(value, NULL, 10);
		} else if (strcmp(name, "--seconds") == 0) {
			out->seconds = (unsigned)strtoul(value, NULL, 10);
		} else if (strcmp(name, "--seeds") == 0) {
			out->seeds = value;
		} else if (strcmp(name, "--trust") == 0) {
			mesh_trust = value;
		} else if (strcmp(name, "--log") == 0) {
			if (!entry_log_open(value))
				return false;
		} else if (strcmp(name, "--keep") == 0) {
			out->keep = value;
		} else if (strcmp(name, "--kind") == 0) {
			if (!kind_read(value, &out->kind))
				return false;
		} else {
			return false;
		}
	}
	return true;
}

static unsigned
seeds_try(const struct arguments *args)
{
	time_t end = time(NULL) + (args->seconds == 0 ? 1000000 : (time_t)args->seconds);
	unsigned n_failed = 0;
	uint64_t i;

	if (args->seeds != NULL && !kept_try(args, &n_failed))
		return 1;
	for (i = 0; i < args->count && time(NULL) < end && n_failed < (args->is_all ? 1000000 : 5);
	    i++)
		if (!seed_try(args->from + i, args->luck, args))
			n_failed++;
	return n_failed;
}

static unsigned
tap_say(bool is_good, unsigned n, const char *what)
{
	printf("%s %u - %s\n", is_good ? "ok" : "not ok", n, what);
	fflush(stdout);
	return is_good ? 0 : 1;
}

/* What `make check` runs. */
static unsigned
check_range(struct arguments *args)
{
	static const struct {
		enum history_kind kind;
		uint64_t count;
		const char *what;
	} groups[] = {
		{ HISTORY_OURS, 500, "500 histories of kodo peers" },
		{ HISTORY_ONE_LEGACY, 100, "100 of rings with a legacy peer" },
		{ HISTORY_TWO_LEGACY, 100, "100 of rings with two legacy peers" },
		{ HISTORY_LONG, 60, "60 that outlast a digest check of every target" },
		{ HISTORY_ROLES, 150, "150 with changes of roles" },
		{ HISTORY_FAR, 100, "100 with clocks far ahead and behind" },
		{ HISTORY_LIES, 100, "100 with a peer that lies" },
	};
	const char *srcdir = getenv("SRCDIR");
	char path[4096], fault[4096];
	unsigned n_failed = 0, kept_failed = 0, i;
	bool is_good;

	printf("1..10\n");
	snprintf(path, sizeof(path), "%s/tests/mesh/seeds.txt", srcdir == NULL ? "." : srcdir);
	args->seeds = path;
	is_good = kept_try(args, &kept_failed) && kept_failed == 0;
	is_good = bound_print("seeds", stdout) && is_good;
	n_failed += tap_say(is_good, 1, "histories that once failed");
	args->seeds = NULL;
	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		args->kind = groups[i].kind;
		args->count = groups[i].count;
		is_good = seeds_try(args) == 0;
		is_good = bound_print(history_kinds[args->kind], stdout) && is_good;
		n_failed += tap_say(is_good, i + 2, groups[i].what);
	}
	n_failed += tap_say(cost_try(scratch, 3, false, fault), i + 2, "messages per change");
	args->kind = HISTORY_OURS;
	args->count = 20;
	is_liveness = true;
	n_failed += tap_say(seeds_try(args) == 0, i + 3, "20 with signs of life");
	printf("%s", fault);
	return n_failed;
}

int
main(int argc, char **argv)
{
	struct arguments args;
	char fault[4096];
	unsigned n_failed;

	if (!arguments_read(argc, argv, &args)) {
		fprintf(stderr, "usage: see the head of main.c\n");
		return 2;
	}
	snprintf(scratch, sizeof(scratch), "%s/kodo-mesh-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(scratch) == NULL) {
		perror("mesh: no scratch folder");
		return 2;
	}
	log_setup(STR("mesh"), LOG_OFF, STR_NULL, LOG_OFF, 0);
	if (args.is_check)
		n_failed = check_range(&args);
	else if (args.is_costs)
		n_failed =
		    cost_try(scratch, 50, true, fault) ? 0 : (unsigned)printf("FAILED: %s", fault);
	else if (args.is_one)
		n_failed = one_try(&args) ? 0 : 1;
	else
		n_failed = seeds_try(&args);
	if (!entry_log_close()) {
		fputs("mesh: the log cannot be written\n", stderr);
		n_failed++;
	}
	if (rmdir(scratch) != 0) {
		perror(scratch);
		n_failed++;
	}
	if (!bound_print(history_kinds[args.kind], stdout) && !args.is_one)
		n_failed++;
	if (!args.is_one && !args.is_check && !args.is_costs)
		printf("%lu histories, %u failed, %lu messages, %lu digest checks, "
		    "%u failures a minute\n", n_histories, n_failed, n_messages, n_digest_checks,
		    most_failed);
	return n_failed == 0 ? 0 : 1;
}
