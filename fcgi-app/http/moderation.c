#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/registry/moderate.h"
#include "core/views/moderated.h"
#include "http/call.h"
#include "http/handlers.h"

/* so long nodes follow while the admin waits; the runner does the rest */
#define MODERATE_WAIT_US	4000000ll

static enum kodo_err
put_list(struct call *c, struct view *v)
{
	struct buf *b = &c->res->body.buf;
	struct moderated_count *counts;
	struct moderation m;
	enum kodo_err err = moderation_get(&v->t, c->a, &m);

	counts = arena_zalloc(c->a, (m.n + 1) * sizeof(*counts));
	if (err == KODO_OK)
		err = counts == NULL ? KODO_ENOMEM : moderated_count(v, &m, counts);
	if (err != KODO_OK)
		return err;
	buf_puts(b, "{\"entries\":");
	moderated_put_all(b, &m, counts);
	buf_puts(b, ",\"unfinished\":");
	json_put_bool(b, m.unfinished != 0);
	buf_putc(b, '}');
	return KODO_OK;
}

/* GET /moderation: as `kodo deny --json` */
enum kodo_err
handle_moderation(struct call *c)
{
	return call_with_view(c, put_list);
}

static const struct {
	struct str name;
	enum verdict verdict;
} verbs[] = {
	{ { "deny", 4 }, VERDICT_DENIED },
	{ { "hide", 4 }, VERDICT_HIDDEN },
	{ { "allow", 5 }, VERDICT_SHOWN },
};
#define N_VERBS	(sizeof(verbs) / sizeof(verbs[0]))

/* What is wanted. KODO_EINVAL with why, KODO_ENOMEM. */
static enum kodo_err
wish_read(struct call *c, struct moderation_entry *e, struct why *why)
{
	const struct str verb = c->params.text[PARAM_DO], pattern = c->params.text[PARAM_PATTERN];
	size_t i = 0;
	enum kodo_err err;

	while (i < N_VERBS && !str_eq(verb, verbs[i].name))
		i++;
	if (i == N_VERBS)
		return why_set(why, KODO_EINVAL, "do is deny, hide or allow");
	err = moderation_parse(c->a, pattern.p == NULL ? STR("") : pattern, e, why);
	e->verdict = verbs[i].verdict;
	e->since_us = c->now_us;
	return err;
}

static enum kodo_err
put_outcome(struct call *c, const struct moderation_entry *e, const char *outcome)
{
	struct buf *b = &c->res->body.buf;
	struct moderated_hits hits;
	struct view v;
	enum kodo_err err = view_begin(c->registry, c->now_us, &v);

	if (err != KODO_OK)
		return err;
	err = moderated_hits(&v, c->a, e, &hits);
	if (err == KODO_OK) {
		moderated_put(b, hits.entry, &hits.count);
		b->len--;	/* the same object goes on */
		buf_printf(b, ",\"outcome\":\"%s\",\"unfinished\":", outcome);
		json_put_bool(b, hits.is_unfinished);
		buf_putc(b, '}');
	}
	view_end(&v);
	return err;
}

/* POST /moderation: as `kodo deny`, `hide` and `allow`. */
enum kodo_err
handle_moderate(struct call *c)
{
	static const char *const outcomes[] = {
		[MODERATE_SET] = "set", [MODERATE_EXCEPTED] = "excepted",
		[MODERATE_UNDONE] = "undone", [MODERATE_NOTHING] = "nothing",
	};
	enum moderate_outcome done = MODERATE_NOTHING;
	struct moderation_entry e;
	struct why why = { "" };
	enum kodo_err err = wish_read(c, &e, &why);

	c->is_unaudited = c->params.number[PARAM_DRY] != 0;
	if (err == KODO_OK && c->params.number[PARAM_DRY] != 0)
		return put_outcome(c, &e, "dry");
	if (err == KODO_OK)
		err = registry_moderate(c->registry, &e, c->params.number[PARAM_FORGET] != 0,
		    c->now_us, clock_mono_us() + MODERATE_WAIT_US, &done);
	if (err == KODO_ETOOBIG)
		err = why_set(&why, KODO_EINVAL, "there are %u entries already: use patterns that "
		    "hit more, or accept", MODERATION_MAX);
	if (err == KODO_EINVAL && why.text[0] != '\0') {
		response_error(c->res, 400, str_of(why.text), NULL, 0);
		return KODO_OK;
	}
	if (err != KODO_OK)
		return err;
	/* of what is not in force nothing is said any more */
	if (done == MODERATE_UNDONE || done == MODERATE_NOTHING)
		e.verdict = VERDICT_SHOWN;
	c->wake = true;
	c->audit.subject = str_of(arena_printf(c->a, "%.*s %.*s: %s",
	    STR_ARG(c->params.text[PARAM_DO]), STR_ARG(e.pattern), outcomes[done]));
	log_info("%.*s %.*s: %s", STR_ARG(c->params.text[PARAM_DO]), STR_ARG(e.pattern),
	    outcomes[done]);
	return put_outcome(c, &e, outcomes[done]);
}
