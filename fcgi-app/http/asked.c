#include "core/base/hash.h"
#include "core/base/memfind.h"
#include "http/asked.h"

struct search_asked
asked_of(const struct params *p)
{
	return (struct search_asked){ .q = p->text[PARAM_Q], .words = p->text[PARAM_WORDS],
		.organization = p->text[PARAM_ORGANIZATION], .state = p->text[PARAM_NODE_STATE],
		.registry = p->text[PARAM_REGISTRY], .tags = p->tags, .n_tags = p->n_tags,
		.is_alive = p->number[PARAM_ALIVE] != 0 };
}

enum kodo_err
asked_compile(struct call *c, struct query_mistake *mistake, struct query **out)
{
	const struct search_asked asked = asked_of(&c->params);
	struct why why = { "" };
	enum kodo_err err = search_compile(c->a, &asked, out, mistake, &why);

	if (err == KODO_EINVAL)
		response_refuse(c->res, REFUSAL_QUERY, arena_strz(c->a, str_of(why.text)));
	return err;
}

enum kodo_err
asked_refuse_steps(struct call *c)
{
	response_refuse(c->res, REFUSAL_QUERY,
	    "The query takes too many steps: use fewer tests or simpler regular expressions.");
	return KODO_OK;
}

/*
 * Signs of life change by time alone, the way here by what a peer is: such an answer is good for a
 * minute.
 */
static bool
is_liveness_asked(const struct call *c)
{
	/* words may be a query */
	static const enum param of[] = { PARAM_FIELDS, PARAM_BY, PARAM_Q, PARAM_WORDS,
		PARAM_SEARCH };
	static const struct str names[] = {
		{ "heard", 5 }, { "state", 5 }, { "alive", 5 }, { "registry", 8 }
	};
	const struct params *p = &c->params;
	size_t i, n;

	for (i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		for (n = 0; n < sizeof(names) / sizeof(names[0]); n++)
			if (memfind(p->text[of[i]], names[n]) != NULL)
				return true;
	return p->number[PARAM_ALIVE] != 0 || p->number[PARAM_FACETS] != 0 ||
	    p->text[PARAM_NODE_STATE].len > 0 || p->text[PARAM_REGISTRY].len > 0;
}

uint64_t
asked_variant(const struct call *c)
{
	const uint64_t variant = hash_text(HASH_STORED, c->req->query);

	return is_liveness_asked(c) ? variant ^ (uint64_t)(c->now_us / 60000000) * 2654435761u :
	    variant;
}
