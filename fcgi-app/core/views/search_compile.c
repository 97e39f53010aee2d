#include "core/views/search.h"

enum kodo_err
search_compile(struct arena *a, const struct search_asked *asked, struct query **out,
    struct query_mistake *mistake, struct why *why)
{
	struct query_narrowing n = { .organization = asked->organization,
		.state = asked->state, .registry = asked->registry, .tags = asked->tags,
		.n_tags = asked->n_tags, .is_alive = asked->is_alive };
	struct words *words = NULL;
	const bool has_q = asked->q.len > 0;
	enum kodo_err err =
	    query_compile(a, has_q || asked->words.len == 0 ? asked->q : asked->words, out);

	if (err == KODO_OK && mistake != NULL)
		err = query_mistake(a, *out, mistake);
	if (err == KODO_OK && asked->words.len > 0 && (has_q || !query_is_test(*out))) {
		err = words_compile(a, asked->words, &words, why);
		n.words = words;
		if (err == KODO_OK && !has_q)
			err = query_compile(a, STR_NULL, out);
	}
	return err == KODO_OK ? query_narrow(a, *out, &n) : err;
}

enum kodo_err
search_order(struct arena *a, const struct query *q, struct str by, struct order **out)
{
	return query_words(q) != NULL ? order_parse_ranked(a, by, out) : order_parse(a, by, out);
}
