#include "core/trust/moderation.h"
#include "http/flows_facets.h"

#define CACHED_FACETS	8u	/* answers of facets_count that a worker caches */
#define SHOWN_FACETS	10u	/* of each kind; the others fold open */
#define HOUR_US		3600000000ll

/* --- cached --- */

/* The facets of one view and address. */
static struct facet_cache {
	uint64_t state_id, view, used;
	char *key;
	size_t key_len;
	struct arena *a;
	bool is_over;		/* there are none: the query takes too many steps */
	struct facets facets;
} cache[CACHED_FACETS];

/* The entry of that view and key, or NULL; *oldest: the entry to replace. */
static struct facet_cache *
find_cached(const struct view *v, struct str key, struct facet_cache **oldest)
{
	struct facet_cache *k;

	*oldest = cache;
	for (k = cache; k < cache + CACHED_FACETS; k++) {
		if (k->a != NULL && k->state_id == v->head.state_id && k->view == v->head.view &&
		    str_eq((struct str){ k->key, k->key_len }, key))
			return k;
		if (k->used < (*oldest)->used)
			*oldest = k;
	}
	return NULL;
}

static enum kodo_err
make_facets(struct view *v, const struct search_asked *asked, struct facet_cache *k)
{
	struct query *query;
	/* compiled again: the query of the list has its budget of steps for itself */
	enum kodo_err err = search_compile(k->a, asked, &query, NULL, NULL);

	if (err == KODO_OK)
		err = facets_count(v, k->a, query, &k->facets);
	k->is_over = err == KODO_ETOOBIG;
	return k->is_over ? KODO_OK : err;
}

static enum kodo_err
find_facets(struct view *v, const struct search_asked *asked, struct str key,
    const struct facets **out)
{
	static uint64_t clock;
	struct facet_cache *oldest, *k = find_cached(v, key, &oldest);
	enum kodo_err err = KODO_OK;

	*out = NULL;
	if (k == NULL) {
		k = oldest;
		arena_free(k->a);
		*k = (struct facet_cache){ .state_id = v->head.state_id, .view = v->head.view };
		k->a = arena_new();
		k->key = k->a == NULL ? NULL : arena_strz(k->a, key);
		k->key_len = key.len;
		err = k->key == NULL ? KODO_ENOMEM : make_facets(v, asked, k);
	}
	k->used = ++clock;
	if (err == KODO_OK) {
		*out = k->is_over ? NULL : &k->facets;
	} else {
		arena_free(k->a);
		*k = (struct facet_cache){ .used = 0 };
	}
	return err;
}

/*
 * Different for what is different. The hour: silent nodes are lost by time alone. Moderation: of a
 * registry it may leave all nodes as they are.
 */
static enum kodo_err
put_key(struct buf *key, struct view *v, const struct search_asked *asked)
{
	const struct str texts[] = { asked->q, asked->words, asked->organization, asked->state,
		asked->registry };
	uint64_t moderation;
	size_t i;
	enum kodo_err err = moderation_hash(&v->t, &moderation);

	buf_printf(key, "%lld.%llx%c", (long long)(v->now_us / HOUR_US),
	    (unsigned long long)moderation, asked->is_alive ? 'a' : '-');
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		buf_printf(key, "%zu.", texts[i].len);
		buf_put_str(key, texts[i]);
	}
	for (i = 0; i < asked->n_tags; i++)
		buf_printf(key, "%zu.%.*s", asked->tags[i].len, STR_ARG(asked->tags[i]));
	return err == KODO_OK && buf_failed(key) ? KODO_ENOMEM : err;
}

enum kodo_err
flows_facets_find(struct view *v, const struct search_asked *asked, const struct facets **out)
{
	struct buf key = BUF_INIT(0);
	enum kodo_err err = put_key(&key, v, asked);

	*out = NULL;
	if (err == KODO_OK)
		err = find_facets(v, asked, buf_str(&key), out);
	buf_free(&key);
	return err;
}

/* --- on the page --- */

static const struct {
	const char *heading;
	const char *about;	/* what the number beside one counts */
	bool is_telling;	/* also if there is but one */
} kinds[FACET_KINDS] = {
	[FACET_ORGANIZATION] = { "Organizations", "are of it", true },
	[FACET_TAG] = { "Tags", "have it", true },
	[FACET_STATE] = { "Signs of life", "are of services that are so", false },
	[FACET_REGISTRY] = { "Registries", "came by way of it", false },
};

static bool
is_chosen(const struct search_asked *asked, enum facet_kind kind, struct str text)
{
	size_t i;

	for (i = 0; kind == FACET_TAG && i < asked->n_tags; i++)
		if (str_eq(asked->tags[i], text))
			return true;
	return false;
}

static void
put_list(struct template_values *values, const struct search_asked *asked, enum facet_kind kind,
    const struct facet_list *l)
{
	struct template_values *facet = template_values_row(values, "facet"), *rest = NULL, *row;
	size_t i, shown = 0;

	template_values_put(facet, "heading", str_of(kinds[kind].heading));
	template_values_put(facet, "about", str_of(kinds[kind].about));
	template_values_put(facet, "param", str_of(facet_name(kind)));
	for (i = 0; i < l->n; i++) {
		if (is_chosen(asked, kind, l->top[i].text))
			continue;
		if (shown++ == SHOWN_FACETS)
			rest = template_values_row(facet, "rest");
		row = rest == NULL ? template_values_row(facet, "choice") :
		    template_values_row(rest, "other");
		template_values_put(row, "text", l->top[i].text);
		template_values_put_count(row, "flows", l->top[i].flows);
	}
	if (rest == NULL)
		return;
	template_values_put_count(rest, "more", l->n_all - i + shown - SHOWN_FACETS);
	if (l->n_all > l->n)
		template_values_put_count(rest, "beyond", l->n_all - l->n);
}

enum kodo_err
flows_facets_put(
    struct view *v, struct template_values *values, const struct search_asked *asked)
{
	const bool is_narrowed[FACET_KINDS] = {
		[FACET_ORGANIZATION] = asked->organization.len > 0,
		[FACET_STATE] = asked->state.len > 0,
		[FACET_REGISTRY] = asked->registry.len > 0,
	};
	const struct facets *facets;
	enum kodo_err err = flows_facets_find(v, asked, &facets);
	unsigned k;

	for (k = 0; k < FACET_KINDS && err == KODO_OK && facets != NULL; k++)
		if (!is_narrowed[k] && (kinds[k].is_telling || facets->of[k].n_all > 1))
			put_list(values, asked, k, &facets->of[k]);
	return err;
}
