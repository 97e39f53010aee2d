/*
 * Rows of what is known of a node, who speaks, the word, what is known then and what follows:
 *
 *	known	"1:5a* 2:0b #7@3": peer 1 says a under version 5 and is seen, peer 2 says b without
 *		one, a tombstone of version 7 came from peer 3; peer 0 is this service. A + behind:
 *		as of this word, not of before. A ' behind its text: that of the owner, ''
 *		of one that has a key, ''? of one that has not spoken to this copy; a ^ that of
 *		this service, which imports it. Peers connected in the order of their numbers.
 *	by	a kodo peer's number, with o: an owner, e: legacy, echoes, s: legacy, silent, i: as
 *		whom this service imports it, a ! where the node is this service's own
 *	word	"5a", "5a list", "gone 7", "drops", "expires"; "at 3": the clock, else it is 100
 *	effects	"void resync all you ask owner"; "all-2": all but 2; owner: it is asked
 *
 * ~ before known marks states that no words lead to.
 */
#ifndef RULES_HELP_H
#define RULES_HELP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/merge/rules.h"

#define OLD_US 1
#define NOW_US 100
#define N(a) (sizeof(a) / sizeof((a)[0]))

struct row {
	const char *known, *by, *word, *then, *effects;
};

struct trial {
	struct rules_statement all[8];
	struct rules_node n;
	char text[256];
};

/* --- the notation --- */

static void
known_read(struct trial *t, const char *s)
{
	char *end;

	*t = (struct trial){ .n.seen = RULES_NONE, .n.owner = PEER_TOMB };
	/* nobody reads it where there is no tombstone */
	t->n.tomb = (struct statement){ .version = 7777, .peer = 1 };
	t->n.all = t->all;
	while (*s != '\0') {
		if (*s == '#') {
			t->n.is_gone = true;
			t->n.tomb.version = strtoull(s + 1, &end, 10);
			t->n.tomb.peer = (uint32_t)strtoul(end + 1, &end, 10);
			t->n.tomb.at_us = OLD_US;
			t->n.tomb.bytes = STR("old");
		} else if (*s >= '0' && *s <= '9') {
			struct rules_statement *r = &t->all[t->n.n];

			r->said.peer = (uint32_t)strtoul(s, &end, 10);
			r->said.version = strtoull(end + 1, &end, 10);
			r->said.at_us = OLD_US;
			r->said.bytes = (struct str){ end, strspn(end, "abc") };
			r->place = r->said.peer;
			end += r->said.bytes.len;
			if (*end == '\'') {
				t->n.owner = r->said.peer;
				t->n.is_keyed = *++end == '\'';
				end += t->n.is_keyed;
				t->n.is_unheard = *end == '?';
				end += t->n.is_unheard;
			}
			if (*end == '^') {
				t->n.own = r->said.peer;
				end++;
			}
			if (*end == '*')
				t->n.seen = t->n.n;
			t->n.n++;
		} else {
			s++;
			continue;
		}
		s = end;
	}
}

static const char *
known_write(struct trial *t)
{
	const struct rules_node *n = &t->n;
	struct { char *p; size_t left; } to = { t->text, sizeof(t->text) };
	size_t i;
	int len;

	t->text[0] = '\0';
	for (i = 0; i < n->n; i++) {
		const struct statement *s = &n->all[i].said;

		assert_int_equal(n->all[i].place, s->peer);
		len = snprintf(to.p, to.left, "%s%u:%llu%.*s%s%s", i > 0 ? " " : "", s->peer,
		    (unsigned long long)s->version, STR_ARG(s->bytes),
		    s->at_us == OLD_US ? "" : s->at_us == NOW_US ? "+" : "?",
		    n->seen == i ? "*" : "");
		to.p += len;
		to.left -= (size_t)len;
	}
	if (n->is_gone) {
		const bool is_old = n->tomb.at_us == OLD_US && str_eq(n->tomb.bytes, STR("old"));
		const bool is_new = n->tomb.at_us == NOW_US && str_eq(n->tomb.bytes, STR("url"));

		snprintf(to.p, to.left, "%s#%llu@%u%s", n->n > 0 ? " " : "",
		    (unsigned long long)n->tomb.version, n->tomb.peer,
		    is_old ? "" : is_new ? "+" : "?");
	}
	return t->text;
}

static struct rules_word
word_read(const char *s)
{
	struct rules_word w = { .url = STR("url"), .now_us = NOW_US };
	const char *at = strstr(s, " at ");
	char *end;

	w.is_list = strstr(s, " list") != NULL;
	if (at != NULL)
		w.now_us = strtoll(at + 4, NULL, 10);
	if (strncmp(s, "drops", 5) == 0) {
		w.kind = RULES_WITHDRAWS;
	} else if (strncmp(s, "expires", 7) == 0) {
		w.kind = RULES_EXPIRES;
	} else if (strncmp(s, "gone ", 5) == 0) {
		w.kind = RULES_REMOVES;
		w.version = strtoull(s + 5, NULL, 10);
	} else {
		w.kind = RULES_SAYS;
		w.version = strtoull(s, &end, 10);
		w.bytes = (struct str){ end, strspn(end, "abc") };
	}
	return w;
}

static struct rules_speaker
speaker_read(const char *s)
{
	const bool is_owner = strchr(s, 'o') != NULL, echoes = strchr(s, 'e') != NULL;
	const bool is_silent = strchr(s, 's') != NULL;
	const bool is_import = strchr(s, 'i') != NULL, is_self = s[0] == '0';
	const uint32_t peer = s[0] == '\0' ? PEER_TOMB : (uint32_t)strtoul(s, NULL, 10);

	return (struct rules_speaker){ .peer = peer,
		.place = peer,
		.is_owner = is_owner || is_self,
		.is_our_node = strchr(s, '!') != NULL,
		.has_authority = is_owner || is_silent || is_import || is_self,
		.is_relaying = (echoes || is_silent) && !is_owner,
		.is_echoing = echoes };
}

static const char *
effects_write(const struct rules_effects *fx)
{
	static char text[64];
	char all[16] = "";

	if (fx->notify_all && fx->skip != PEER_SELF)
		snprintf(all, sizeof(all), " all-%u", fx->skip);
	else if (fx->notify_all)
		snprintf(all, sizeof(all), " all");
	snprintf(text, sizeof(text), "%s%s%s%s%s%s", fx->is_void ? " void" : "",
	    fx->resync ? " resync" : "", all, fx->ask_others ? " ask" : "",
	    fx->notify_speaker ? " you" : "", fx->ask_owner ? " owner" : "");
	return text[0] == '\0' ? text : text + 1;
}

static void
rows_try(const struct row *rows, size_t n)
{
	size_t i, failed = 0;

	for (i = 0; i < n; i++) {
		const struct row *r = &rows[i];
		const struct rules_word w = word_read(r->word);
		const struct rules_speaker by = speaker_read(r->by);
		struct rules_effects fx;
		struct trial t;
		size_t k;

		known_read(&t, r->known);
		if (strchr(r->by, 'i') != NULL)
			t.n.own = by.peer;
		rules_apply(&t.n, &w, &by, &fx);
		/* the notation knows one clock */
		for (k = 0; k < t.n.n; k++)
			if (t.all[k].said.at_us == w.now_us)
				t.all[k].said.at_us = NOW_US;
		if (t.n.tomb.at_us == w.now_us)
			t.n.tomb.at_us = NOW_US;
		if (strcmp(known_write(&t), r->then) == 0 &&
		    strcmp(effects_write(&fx), r->effects) == 0)
			continue;
		failed++;
		print_error("%-24s %-4s %-12s -> \"%s\", \"%s\"\n%46s not \"%s\", \"%s\"\n",
		    r->known, r->by, r->word, t.text, effects_write(&fx), "", r->then, r->effects);
	}
	assert_int_equal(failed, 0);
}

#endif
