/*
 * The parameters of query strings: one row each in a const table, read and validated before the
 * handler runs.
 */
#ifndef KODO_PARAM_H
#define KODO_PARAM_H

#include "core/base/arena.h"
#include "core/base/limit.h"
#include "core/wire/wire.h"

/* In the order of the list of errors. */
enum param {
	PARAM_PP,
	PARAM_P,
	PARAM_BY,
	PARAM_Q,
	PARAM_WORDS,
	PARAM_FORMAT,
	PARAM_FORMAT_FLOWS,	/* the same name, where there are feeds as well */
	PARAM_EXPLAIN,
	PARAM_KEY,
	PARAM_SINCE,
	PARAM_LIMIT,
	PARAM_WAIT,
	PARAM_AFTER,
	PARAM_ORGANIZATION,
	PARAM_TAG,
	PARAM_ALIVE,
	PARAM_FIELDS,
	PARAM_DO,
	PARAM_PATTERN,
	PARAM_DRY,
	PARAM_FORGET,
	PARAM_URL,
	PARAM_NAME,
	PARAM_STATE,
	PARAM_MAP_P,		/* the same name as PARAM_P */
	PARAM_NODE_STATE,	/* the same name as PARAM_STATE */
	PARAM_REGISTRY,
	PARAM_FACETS,
	/* of bridges */
	PARAM_CURSOR,
	PARAM_SERVERS,		/* named limit, with another default */
	PARAM_SEARCH,
	PARAM_UPDATED_SINCE,
	PARAM_VERSION,
	PARAM_INCLUDE_DELETED,
	PARAM_PAGE_SIZE,
	PARAM_PAGE_TOKEN,
	PARAM_FILTER,
	PARAM_ORDER_BY,
	PARAM_MAX
};

#define PARAM_BIT(p)	(UINT64_C(1) << (p))

enum param_format { FORMAT_NONE, FORMAT_JSON, FORMAT_HTML, FORMAT_ATOM, FORMATS };

/* PARAM_TEXTS: any number of times. Of the others the last one of a name holds. */
enum param_kind { PARAM_INT, PARAM_TEXT, PARAM_ENUM, PARAM_TEXTS };

struct param_rule {
	const char *name;
	enum param_kind kind;
	const char *fallback;		/* for the API's document; NULL: none */
	const char *summary;
	unsigned formats;		/* PARAM_ENUM: mask of those that it may be */
};

struct params {
	/* PARAM_INT: the value or the default; beyond 64 bits the nearest there is */
	int64_t number[PARAM_MAX];
	struct str text[PARAM_MAX];	/* PARAM_TEXT: null if not given */
	struct str tags[LIMIT_TAGS];	/* PARAM_TAG, the only one of PARAM_TEXTS; none is empty */
	size_t n_tags;
	enum param_format format;
};

struct param_errors {
	struct wire_error list[PARAM_MAX];
	size_t n;
};

/* Those that say which flows: http/asked.h. */
#define PARAMS_WHICH \
	(PARAM_BIT(PARAM_Q) | PARAM_BIT(PARAM_WORDS) | PARAM_BIT(PARAM_ORGANIZATION) | \
	    PARAM_BIT(PARAM_TAG) | PARAM_BIT(PARAM_NODE_STATE) | PARAM_BIT(PARAM_REGISTRY) | \
	    PARAM_BIT(PARAM_ALIVE))
/* Of GET /changes: what changes without an entry of the changelog is not asked for. */
#define CHANGES_WHICH \
	(PARAM_BIT(PARAM_Q) | PARAM_BIT(PARAM_WORDS) | PARAM_BIT(PARAM_ORGANIZATION) | \
	    PARAM_BIT(PARAM_TAG))

const struct param_rule *param_rule(enum param p);

/* Its value in an address; NULL: FORMAT_NONE. */
const char *param_format_name(enum param_format f);

/*
 * Read the raw query: the parameters in the mask allowed.
 * KODO_EINVAL: errors is filled in, all in order. KODO_ENOMEM.
 */
enum kodo_err param_read(struct arena *a, struct str query, uint64_t allowed, struct params *out,
    struct param_errors *errors) MUST_CHECK;

#endif
