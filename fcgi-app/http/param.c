#include <stdint.h>

#include "core/base/ascii.h"
#include "core/base/utf8.h"
#include "http/param.h"
#include "http/request.h"

#define DEFAULT_PP	10
#define DEFAULT_PP_FEED	50
#define DEFAULT_LIMIT	100
#define DEFAULT_SERVERS	30
#define DEFAULT_SIZE	20

#define FORMAT_BIT(f)	(1u << (f))
#define PAGE_FORMATS	(FORMAT_BIT(FORMAT_JSON) | FORMAT_BIT(FORMAT_HTML))

static const struct param_rule rules[PARAM_MAX] = {
	[PARAM_PP] = { "pp", PARAM_INT, "10", "items per page, at least 1; of a feed 50" },
	[PARAM_P] = { "p", PARAM_INT, "0", "page, counted from 0" },
	[PARAM_BY] = { "by", PARAM_TEXT, NULL,
	    "fields to sort by, with :d for descending: organization,name:d" },
	[PARAM_Q] = { "q", PARAM_TEXT, NULL, "query, or a text to search for" },
	[PARAM_WORDS] = { "words", PARAM_TEXT, NULL,
	    "words to search for, the best first: budget \"monthly report\" -draft tag:legal" },
	[PARAM_FORMAT] = { "format", PARAM_ENUM, NULL, "json or html", PAGE_FORMATS },
	[PARAM_FORMAT_FLOWS] = { "format", PARAM_ENUM, NULL,
	    "json, html, or atom: a feed, newest first",
	    PAGE_FORMATS | FORMAT_BIT(FORMAT_ATOM) },
	[PARAM_EXPLAIN] = { "explain", PARAM_INT, "0",
	    "1: say how q was understood and what it took to answer" },
	[PARAM_KEY] = { "key", PARAM_TEXT, NULL, "the service's key" },
	[PARAM_SINCE] = { "since", PARAM_INT, "0",
	    "the number to go on from: view of the answer before, or Kodo-View; 0: the begin" },
	[PARAM_LIMIT] = { "limit", PARAM_INT, "100", "nodes, at most 1,000" },
	[PARAM_AFTER] = { "after", PARAM_TEXT, NULL,
	    "go on behind the page before: its next, or its Link; empty: begin so" },
	[PARAM_ORGANIZATION] = { "organization", PARAM_TEXT, NULL,
	    "only flows of this organization" },
	[PARAM_TAG] = { "tag", PARAM_TEXTS, NULL,
	    "only flows with this tag; given again, with that one, too" },
	[PARAM_ALIVE] = { "alive", PARAM_INT, "0",
	    "1: leave out the flows of nodes that are silent or lost" },
	[PARAM_FIELDS] = { "fields", PARAM_TEXT, NULL,
	    "members to add to each item: state,heard,entry,probe,registry,queries" },
	[PARAM_URL] = { "url", PARAM_TEXT, NULL, "of the flow, as in an item of /flows" },
	[PARAM_NAME] = { "name", PARAM_TEXT, NULL, "of the organization" },
	[PARAM_STATE] = { "state", PARAM_TEXT, NULL,
	    "of the page: only peers of that state: failing, silent, .." },
	[PARAM_MAP_P] = { "p", PARAM_TEXT, NULL, "of the page: of its table, counted from 0" },
	[PARAM_NODE_STATE] = { "state", PARAM_TEXT, NULL,
	    "only flows of nodes that are so: fresh, silent, lost, unknown" },
	[PARAM_REGISTRY] = { "registry", PARAM_TEXT, NULL,
	    "only flows that came by way of the registry at this url" },
	[PARAM_FACETS] = { "facets", PARAM_INT, "0",
	    "1: count the flows found by organization, tag, state and registry" },
	[PARAM_WAIT] = { "wait", PARAM_INT, "0",
	    "seconds to wait for something, at most 25" },
	[PARAM_DO] = { "do", PARAM_TEXT, NULL, "deny, hide or allow" },
	[PARAM_PATTERN] = { "pattern", PARAM_TEXT, NULL,
	    "url:PREFIX, organization:NAME or address:ADDRESS/BITS" },
	[PARAM_DRY] = { "dry", PARAM_INT, "0", "1: only say what the pattern would decide of" },
	[PARAM_FORGET] = { "forget", PARAM_INT, "0",
	    "1: whatever is said of this very pattern ends" },
	[PARAM_CURSOR] = { "cursor", PARAM_TEXT, NULL, "nextCursor of the page before" },
	[PARAM_SERVERS] = { "limit", PARAM_INT, "30", "servers a page, at most 100" },
	[PARAM_SEARCH] = { "search", PARAM_TEXT, NULL,
	    "words to search for, the best first; or the name of one" },
	[PARAM_UPDATED_SINCE] = { "updated_since", PARAM_TEXT, NULL,
	    "only what was taken in, or has gone, since that time (RFC 3339)" },
	[PARAM_VERSION] = { "version", PARAM_TEXT, NULL, "latest, or just that version" },
	[PARAM_INCLUDE_DELETED] = { "include_deleted", PARAM_TEXT, NULL,
	    "true: with the nodes that are known to have gone" },
	[PARAM_PAGE_SIZE] = { "pageSize", PARAM_INT, "20", "entries a page, at most 100" },
	[PARAM_PAGE_TOKEN] = { "pageToken", PARAM_TEXT, NULL, "pageToken of the page before" },
	[PARAM_FILTER] = { "filter", PARAM_TEXT, NULL,
	    "as type=a,b AND publisherId=c: type, tags, publisherId, displayName, .." },
	[PARAM_ORDER_BY] = { "orderBy", PARAM_TEXT, NULL,
	    "name, updatedAt or createdAt, and DESC if you like" },
};

static const char *const formats[FORMATS] = {
	[FORMAT_JSON] = "json", [FORMAT_HTML] = "html", [FORMAT_ATOM] = "atom"
};

const struct param_rule *
param_rule(enum param p)
{
	return &rules[p];
}

const char *
param_format_name(enum param_format f)
{
	return formats[f];
}

/* A decimal integer; beyond 64 bits the nearest there is. */
static bool
read_int(struct str s, int64_t *out)
{
	bool minus = s.len > 0 && s.p[0] == '-';
	size_t i = minus;
	int64_t v = 0;

	if (s.len == i)
		return false;
	for (; i < s.len; i++) {
		int digit = s.p[i] - '0';

		if (!ascii_is_digit(s.p[i]))
			return false;
		if (v > (INT64_MAX - digit) / 10)
			v = INT64_MAX;
		else
			v = v * 10 + digit;
	}
	*out = minus ? -v : v;
	return true;
}

static bool
read_format(struct str s, unsigned allowed, enum param_format *out)
{
	unsigned f;

	for (f = 0; f < FORMATS; f++)
		if ((allowed & FORMAT_BIT(f)) != 0 && str_eq(s, str_of(formats[f]))) {
			*out = (enum param_format)f;
			return true;
		}
	return false;
}

/* What is wrong with the value of p, null: nothing; then it is in out. KODO_ENOMEM. */
static enum kodo_err
judge(struct arena *a, enum param p, struct str value, struct params *out, struct str *wrong)
{
	const char *text;

	*wrong = STR_NULL;
	if (!utf8_valid(value)) {
		*wrong = STR("Input should be valid UTF-8");
		if (memchr(value.p, '\0', value.len) != NULL)
			*wrong = STR("Input must not contain NUL");
		return KODO_OK;
	}
	switch (rules[p].kind) {
	case PARAM_INT:
		if (!read_int(value, &out->number[p]))
			*wrong = STR("Expected `int`, got `str`");
		break;
	case PARAM_TEXT:
		out->text[p] = value;
		break;
	case PARAM_TEXTS:
		if (value.len == 0)
			break;
		if (out->n_tags == LIMIT_TAGS)
			*wrong = STR("No flow has so many tags");
		else
			out->tags[out->n_tags++] = value;
		break;
	case PARAM_ENUM:
		if (read_format(value, rules[p].formats, &out->format))
			break;
		text = arena_printf(a, "Invalid enum value '%.*s'", STR_ARG(value));
		if (text == NULL)
			return KODO_ENOMEM;
		*wrong = str_of(text);
		break;
	}
	return KODO_OK;
}

/* PARAM_MAX: the name is of none that is allowed. */
static unsigned
find_rule(struct str name, uint64_t allowed)
{
	unsigned p;

	for (p = 0; p < PARAM_MAX; p++)
		if ((allowed & PARAM_BIT(p)) != 0 && str_eq(name, str_of(rules[p].name)))
			break;
	return p;
}

/*
 * `q=name=="x"&organization=="y"`: a q whose & stands as it is, so organization is no parameter, as
 * recorded. What links to the pages have for a value is encoded.
 */
static bool
is_cut_test(unsigned p, struct str raw)
{
	const char *equals = memchr(raw.p, '=', raw.len);

	const unsigned fields = PARAM_BIT(PARAM_ORGANIZATION) | PARAM_BIT(PARAM_TAG) |
	    PARAM_BIT(PARAM_NODE_STATE) | PARAM_BIT(PARAM_REGISTRY);

	return p < PARAM_MAX && (fields & PARAM_BIT(p)) != 0 && equals != NULL &&
	    equals + 1 < raw.p + raw.len && equals[1] == '=';
}

enum kodo_err
param_read(struct arena *a, struct str query, uint64_t allowed, struct params *out,
    struct param_errors *errors)
{
	struct str given[PARAM_MAX] = { STR_NULL }, faults[PARAM_MAX] = { STR_NULL };
	struct str name, value, raw = query;
	unsigned p;
	enum kodo_err err;

	memset(out, 0, sizeof(*out));
	memset(errors, 0, sizeof(*errors));
	out->number[PARAM_PP] = DEFAULT_PP;
	out->number[PARAM_LIMIT] = DEFAULT_LIMIT;
	out->number[PARAM_SERVERS] = DEFAULT_SERVERS;
	out->number[PARAM_PAGE_SIZE] = DEFAULT_SIZE;
	if (query.len == 0 || allowed == 0)
		return KODO_OK;
	while ((err = request_next_param(a, &query, &name, &value)) == KODO_OK) {
		p = find_rule(name, allowed);
		raw.len -= query.len;
		if (is_cut_test(p, raw))
			p = PARAM_MAX;
		raw = query;
		if (p < PARAM_MAX && rules[p].kind == PARAM_TEXTS && faults[p].p == NULL)
			err = judge(a, (enum param)p, value, out, &faults[p]);
		else if (p < PARAM_MAX)
			given[p] = value;
		if (err != KODO_OK)
			return err;
	}
	if (err != KODO_ENOTFOUND)
		return err;
	for (p = 0; p < PARAM_MAX; p++) {
		if (given[p].p != NULL && rules[p].kind != PARAM_TEXTS) {
			err = judge(a, (enum param)p, given[p], out, &faults[p]);
			if (err != KODO_OK)
				return err;
		}
		if (faults[p].p != NULL)
			errors->list[errors->n++] =
			    (struct wire_error){ faults[p], str_of(rules[p].name), STR("query") };
	}
	if (given[PARAM_PP].p == NULL && out->format == FORMAT_ATOM)
		out->number[PARAM_PP] = DEFAULT_PP_FEED;
	return errors->n == 0 ? KODO_OK : KODO_EINVAL;
}
