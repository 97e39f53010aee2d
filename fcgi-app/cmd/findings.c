#include <stdio.h>
#include <stdlib.h>

#include "cmd/colour.h"
#include "cmd/findings.h"
#include "core/base/ascii.h"
#include "core/base/screen.h"

#define SHOWN	3u	/* of a group: fewer are not folded, more are counted */

/* Faults that are equal. */
struct finding_group {
	const char *lines[SHOWN];
	uint64_t n;
};

static void
print(enum finding kind, const char *line)
{
	static const enum colour colours[FINDING_KINDS] = { COLOUR_GOOD, COLOUR_WARN, COLOUR_BAD };

	printf("%s%-7s%s ", colour_begin(colours[kind]), environment_word(kind),
	    colour_end(colours[kind]));
	screen_print(stdout, str_of(line));
	putchar('\n');
	fflush(stdout);		/* in step with stderr, and there if a damaged map ends us */
}

/* "http://a: paused": the url; null: the line is not of a peer. */
static struct str
peer_of(const char *line)
{
	const char *end = strstr(line, ": ");

	if (end == NULL || !(strncmp(line, "http://", 7) == 0 || strncmp(line, "https://", 8) == 0))
		return STR_NULL;
	return (struct str){ line, (size_t)(end - line) };
}

/* What is equal of lines that are folded: without the peer, and each number a 0. */
static struct str
sameness(struct arena *a, enum finding kind, const char *line)
{
	const struct str peer = peer_of(line);
	char *text = arena_printf(a, "%u%s%s", (unsigned)kind, peer.len > 0 ? "p" : "",
	    line + peer.len), *to;
	const char *from;

	if (text == NULL)
		return STR_NULL;
	for (from = to = text; *from != '\0'; from++)
		if (!ascii_is_digit(*from))
			*to++ = *from;
		else if (to == text || to[-1] != '0')
			*to++ = '0';
	*to = '\0';
	text[0] = (char)('0' + kind);
	return (struct str){ text, (size_t)(to - text) };
}

static struct finding_group *
group_of(struct findings *f, struct str text)
{
	struct finding_group *grown;
	uint32_t i;

	if (text.p == NULL || strmap_find(&f->kinds_of, text, &i) != KODO_OK)
		return NULL;
	if (i < f->cap)
		return &f->groups[i];
	grown = realloc(f->groups, (i + 64) * sizeof(*grown));
	if (grown == NULL)
		return NULL;
	memset(grown + f->cap, 0, (i + 64 - f->cap) * sizeof(*grown));
	f->groups = grown;
	f->cap = i + 64;
	return &f->groups[i];
}

/* false: memory ran out; the line is printed as it is. */
static bool
fold(struct findings *f, enum finding kind, const char *line)
{
	struct finding_group *g = group_of(f, sameness(f->a, kind, line));
	const char *copy = g == NULL || g->n >= SHOWN ? NULL : arena_strz(f->a, str_of(line));

	if (g == NULL || (g->n < SHOWN && copy == NULL))
		return false;
	if (g->n < SHOWN)
		g->lines[g->n] = copy;
	g->n++;
	return true;
}

void
findings_line(void *arg, enum finding kind, const char *line)
{
	struct findings *f = arg;

	f->n[kind]++;
	if (!f->is_folding || kind == FINDING_OK || !fold(f, kind, line))
		print(kind, line);
}

void
findings_fold_begin(struct findings *f)
{
	f->is_folding = true;
}

static void
print_group(enum finding kind, const struct finding_group *g)
{
	const unsigned long long more = g->n - SHOWN;
	struct str peers[SHOWN];
	char line[4096];
	unsigned i;

	for (i = 0; i < SHOWN && i < g->n; i++)
		peers[i] = peer_of(g->lines[i]);
	if (g->n < SHOWN) {
		for (i = 0; i < g->n; i++)
			print(kind, g->lines[i]);
		return;
	}
	if (peers[0].len > 0)
		snprintf(line, sizeof(line), "%llu peers%s: %.*s, %.*s, %.*s",
		    (unsigned long long)g->n, g->lines[0] + peers[0].len, STR_ARG(peers[0]),
		    STR_ARG(peers[1]), STR_ARG(peers[2]));
	else
		snprintf(line, sizeof(line), "%llu times: %s", (unsigned long long)g->n,
		    g->lines[0]);
	if (peers[0].len > 0 && more > 0)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), " and %llu more", more);
	print(kind, line);
}

void
findings_fold_end(struct findings *f)
{
	size_t i;

	for (i = 0; i < f->kinds_of.n; i++)
		print_group((enum finding)(f->kinds_of.all[i].text.p[0] - '0'), &f->groups[i]);
	strmap_free(&f->kinds_of);
	free(f->groups);
	f->groups = NULL;
	f->cap = 0;
	f->is_folding = false;
}

void
findings_end(struct findings *f)
{
	unsigned i;

	printf("summary %llu ok", (unsigned long long)f->n[FINDING_OK]);
	for (i = FINDING_WARNING; i < FINDING_KINDS; i++)
		if (f->n[i] > 0)
			printf(", %llu %s%s", (unsigned long long)f->n[i],
			    environment_word(i), f->n[i] > 1 ? "s" : "");
	putchar('\n');
}
