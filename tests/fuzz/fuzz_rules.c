/*
 * Any node, any words: what core/rules.c makes of them is what the model of the simulator makes of
 * them (tests/mesh/node_model.h), and the promises hold that others build on.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/merge/rules.h"
#include "tests/mesh/node_model.h"

#define PEERS 7u /* with their own order of first connects */
#define WORDS 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct input {
	const uint8_t *p;
	size_t n;
};

/* Both sides of the comparison. */
struct trial {
	bool is_our_node;
	struct rules_statement all[MODEL_MAX];
	struct rules_node n;
	struct node_model m;
	int64_t now_us;
};

static const struct str texts[] = { { "a", 1 }, { "ab", 2 }, { "b", 1 }, { "c", 1 } };

/* For whoever reads a failure: the word at hand, and what was known before it. */
static struct node_model before;
static struct model_word at_hand;

static void
must(bool holds, const char *what)
{
	unsigned i;

	if (holds)
		return;
	for (i = 0; i < before.n; i++)
		fprintf(stderr, "%s%u states %llu %.*s\n",
		    before.statements[i].peer == before.seen ? "*" : " ",
		    before.statements[i].peer,
		    (unsigned long long)before.statements[i].version,
		    STR_ARG(before.statements[i].text));
	if (before.is_gone)
		fprintf(stderr, " gone %llu, from %u\n", (unsigned long long)before.gone_version,
		    before.gone_from);
	fprintf(stderr, "word %d of %u (side %d)%s%s: %llu %.*s, at %lld\n%s\n", (int)at_hand.kind,
	    at_hand.peer, (int)at_hand.side, at_hand.is_list ? ", list" : "",
	    at_hand.is_our_node ? ", our node" : "", (unsigned long long)at_hand.version,
	    STR_ARG(at_hand.text), (long long)at_hand.now_us, what);
	abort();
}

static unsigned
draw(struct input *in, unsigned below)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++ % below;
}

/* Around all numbers at which a rule turns. */
static uint64_t
draw_version(struct input *in, const struct trial *t)
{
	const uint64_t known = rules_known_version(&t->n);

	switch (draw(in, 8)) {
	case 0:
		return 0;
	case 1:
		return known;
	case 2:
		return known + 1;
	case 3:
		return known > 0 ? known - 1 : 0;
	case 4:
		return VERSION_RELAYED_END - 1 + draw(in, 3);
	case 5:
		return t->now_us > 0 ? (uint64_t)t->now_us : 1;
	default:
		return draw(in, 12);
	}
}

static int64_t
draw_clock(struct input *in)
{
	static const int64_t clocks[] = { 1764000000000000, 0, -5, 5, 5000000, 999999000000 };

	return clocks[draw(in, 6)] + draw(in, 4) * 1000000;
}

static enum model_side
side_of(const struct trial *t, unsigned peer, unsigned owner)
{
	static const enum model_side sides[PEERS] = { MODEL_SERVICE, MODEL_KODO, MODEL_KODO,
		MODEL_LEGACY_FEEDING, MODEL_LEGACY_FEEDING, MODEL_LEGACY_SILENT, MODEL_KODO };
	static const enum model_side owners[] = { MODEL_KODO, MODEL_KODO_OWNER, MODEL_LEGACY_OWNER,
		MODEL_LEGACY_OWNER_SILENT };

	if (peer == PEERS - 1 && !t->is_our_node)
		return owners[owner];
	/* for an owner that has a key nobody without one speaks */
	return t->m.is_keyed && sides[peer] == MODEL_LEGACY_SILENT ? MODEL_KODO : sides[peer];
}

static struct rules_speaker
speaker_of(const struct trial *t, const struct model_word *w)
{
	const bool is_owner = w->side == MODEL_KODO_OWNER || w->side == MODEL_LEGACY_OWNER ||
	    w->side == MODEL_LEGACY_OWNER_SILENT;
	const bool is_silent =
	    w->side == MODEL_LEGACY_SILENT || w->side == MODEL_LEGACY_OWNER_SILENT;

	if (w->kind == MODEL_EXPIRES)
		return (struct rules_speaker){ .peer = PEER_TOMB };
	return (struct rules_speaker){ .peer = w->peer,
		.place = w->place,
		.is_owner = is_owner || w->side == MODEL_SERVICE,
		.is_our_node = t->is_our_node,
		.has_authority = is_owner || (is_silent && !t->is_our_node) ||
		    w->side == MODEL_SERVICE,
		.is_relaying =
		    w->side == MODEL_LEGACY_FEEDING || w->side == MODEL_LEGACY_SILENT,
		.is_echoing = w->side == MODEL_LEGACY_FEEDING || w->side == MODEL_LEGACY_OWNER };
}

/* --- what both know --- */

static void
state_compare(const struct trial *t)
{
	const struct model_statement *seen = node_model_seen(&t->m), *s;
	size_t i;

	must(t->n.n == t->m.n, "other statements");
	for (i = 0; i < t->n.n; i++) {
		s = node_model_of(&t->m, t->n.all[i].said.peer);
		must(s != NULL && s->version == t->n.all[i].said.version &&
			str_eq(s->text, t->n.all[i].said.bytes),
		    "another statement");
	}
	must((t->n.seen != RULES_NONE) == (seen != NULL), "seen or not");
	must(seen == NULL || t->n.all[t->n.seen].said.peer == seen->peer, "seen from another");
	must(t->n.is_gone == t->m.is_gone, "tombstone or not");
	must(!t->n.is_gone ||
		(t->n.tomb.version == t->m.gone_version && t->n.tomb.peer == t->m.gone_from &&
		    t->n.tomb.at_us == t->m.gone_us),
	    "another tombstone");
}

static void
effects_compare(const struct rules_effects *fx, const struct model_outcome *out)
{
	must(fx->is_void == out->is_void, "taken in or not");
	must(fx->resync == out->asks_list, "asked for its list or not");
	must(fx->notify_all == out->notifies_all, "others notified or not");
	must(!fx->notify_all || fx->skip == out->but, "another is skipped");
	must(fx->notify_speaker == out->notifies_speaker, "the speaker notified or not");
	must(fx->ask_others == out->asks_others, "others asked or not");
	must(fx->ask_owner == out->asks_owner, "the owner asked or not");
}

/* --- promises --- */

static void
promises_check(const struct trial *t, const struct model_word *w, const struct rules_speaker *by,
    const struct rules_effects *fx, uint64_t known_before)
{
	const struct rules_node *n = &t->n;
	const struct statement *seen = n->seen == RULES_NONE ? NULL : &n->all[n->seen].said;
	const size_t own = rules_find(n, PEER_SELF);
	size_t i;

	must(w->kind == MODEL_EXPIRES || rules_known_version(n) >= known_before, "known fell");
	must(own == RULES_NONE || n->seen == own, "the own node is not seen");
	must(seen == NULL || !n->is_gone || node_model_kept(&t->m) != NULL,
	    "seen beside a tombstone");
	must(!n->is_keyed || rules_find(n, n->owner) == RULES_NONE ||
		(seen != NULL && str_eq(seen->bytes, n->all[rules_find(n, n->owner)].said.bytes)),
	    "the owner's is not seen");
	must(w->kind != MODEL_SAYS || w->side < MODEL_LEGACY_FEEDING || t->is_our_node ||
		before.seen == MODEL_NOBODY || seen != NULL,
	    "a word without a version ended the node");
	for (i = 0; i < n->n; i++)
		must(seen != NULL || (n->is_gone && n->all[i].said.version <= n->tomb.version),
		    "hidden without a tombstone");
	/* whoever was not believed learns of it, or is asked */
	if ((w->kind == MODEL_SAYS || w->kind == MODEL_REMOVES) && by->peer != PEER_SELF &&
	    !by->is_echoing && rules_known_version(n) > 0 &&
	    (w->kind == MODEL_SAYS ? seen == NULL || !str_eq(seen->bytes, w->text)
				   : seen != NULL && w->version > 0))
		must(fx->notify_speaker || (fx->notify_all && fx->skip != by->peer) ||
			(fx->ask_owner && node_model_kept(&t->m) != NULL),
		    "not believed, and does not learn of it");
}

/* The same word again: no news. */
static void
repeat_check(struct trial *t, const struct model_word *w, const struct rules_word *word,
    const struct rules_speaker *by)
{
	const struct node_model once = t->m;
	struct rules_effects fx;
	struct model_outcome out;

	rules_apply(&t->n, word, by, &fx);
	node_model_take(&t->m, w, &out);
	must(!fx.notify_all && !fx.ask_others, "said again, and passed on");
	must(t->m.seen == once.seen && t->m.is_gone == once.is_gone &&
		t->m.gone_version == once.gone_version &&
		node_model_known(&t->m) == node_model_known(&once),
	    "said again, and something else is known");
	state_compare(t);
}

/* --- trials --- */

/* What may lie in a store: some statements, of which the best is seen, or a tombstone. */
static void
state_draw(struct input *in, struct trial *t)
{
	unsigned set = draw(in, 256) & ~(t->is_our_node ? 0u : 1u), i;

	for (i = 0; i < PEERS; i++) {
		if ((set & 1u << i) == 0)
			continue;
		t->m.statements[t->m.n++] = (struct model_statement){ .peer = i,
			.version = draw_version(in, t),
			.place = PEERS - i,
			.text = texts[draw(in, 4)] };
	}
	if ((set & 128) != 0) {
		t->m.is_gone = true;
		t->m.gone_version = draw_version(in, t);
		t->m.gone_from = draw(in, PEERS);
	}
	node_model_choose(&t->m, MODEL_NOBODY);
	if (t->m.seen != MODEL_NOBODY && node_model_kept(&t->m) == NULL)
		t->m.is_gone = false;
	for (i = 0; i < t->m.n; i++) {
		const struct model_statement *s = &t->m.statements[i];

		t->all[i].said.version = s->version;
		t->all[i].said.peer = s->peer;
		t->all[i].said.bytes = s->text;
		t->all[i].place = s->place;
		if (s->peer == t->m.seen)
			t->n.seen = i;
	}
	t->n.n = t->m.n;
	t->n.is_gone = t->m.is_gone;
	t->n.tomb = (struct statement){ .version = t->m.gone_version, .peer = t->m.gone_from };
}

static void
word_try(struct input *in, struct trial *t, unsigned owner)
{
	static const enum rules_kind kinds[] = { RULES_SAYS, RULES_REMOVES, RULES_WITHDRAWS,
		RULES_EXPIRES };
	static const enum model_kind dice[] = { MODEL_SAYS, MODEL_SAYS, MODEL_SAYS, MODEL_REMOVES,
		MODEL_REMOVES, MODEL_WITHDRAWS, MODEL_WITHDRAWS, MODEL_EXPIRES };
	const uint64_t known = rules_known_version(&t->n);
	struct model_word w = { .kind = dice[draw(in, 8)], .is_our_node = t->is_our_node };
	struct rules_word word;
	struct rules_speaker by;
	struct rules_effects fx;
	struct model_outcome out;

	w.peer = t->is_our_node ? draw(in, PEERS) : 1 + draw(in, PEERS - 1);
	if (w.peer == PEER_SELF && w.kind == MODEL_REMOVES)
		w.kind = MODEL_WITHDRAWS;
	w.side = side_of(t, w.peer, owner);
	t->n.owner = node_model_of(&t->m, t->m.owner) == NULL ? PEER_TOMB : t->m.owner;
	t->n.is_keyed = t->m.is_keyed && t->n.owner != PEER_TOMB;
	w.place = PEERS - w.peer;
	w.is_list = draw(in, 2) == 0;
	w.text = texts[draw(in, 4)];
	w.version = draw_version(in, t);
	/* neither this service nor legacy peers give versions with what they say */
	if (w.kind == MODEL_SAYS && (w.side == MODEL_SERVICE || w.side >= MODEL_LEGACY_FEEDING))
		w.version = 0;
	if (w.kind == MODEL_EXPIRES) {
		w.peer = MODEL_NOBODY;
		w.side = MODEL_KODO;
	}
	w.now_us = t->now_us;
	by = speaker_of(t, &w);
	word = (struct rules_word){ .kind = kinds[w.kind],
		.url = STR("u"),
		.bytes = w.text,
		.version = w.version,
		.is_list = w.is_list,
		.now_us = w.now_us };
	before = t->m;
	at_hand = w;
	rules_apply(&t->n, &word, &by, &fx);
	node_model_take(&t->m, &w, &out);
	state_compare(t);
	effects_compare(&fx, &out);
	promises_check(t, &w, &by, &fx, known);
	repeat_check(t, &w, &word, &by);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = { data, n };
	struct trial t = { .n.seen = RULES_NONE, .m.seen = MODEL_NOBODY };
	const unsigned setup = draw(&in, 16), owner = setup % 8 / 2;
	unsigned i;

	t.n.all = t.all;
	t.is_our_node = (setup & 1) != 0;
	t.now_us = draw_clock(&in);
	t.m.owner = !t.is_our_node && owner > 0 ? PEERS - 1 : MODEL_NOBODY;
	t.m.is_keyed = t.m.owner != MODEL_NOBODY && owner == 1 && setup >= 8;
	state_draw(&in, &t);
	for (i = 0; i < WORDS && in.n > 0; i++) {
		if (draw(&in, 4) == 0)
			t.now_us = draw_clock(&in);
		word_try(&in, &t, owner);
	}
	return 0;
}
