#include "http/refusal.h"

static const struct {
	unsigned status;	/* REFUSAL_BY_STATUS and following */
	const char *name;
} rows[REFUSAL_MAX] = {
	[REFUSAL_RATE_CLIENT] = { 0, "rate_client" },
	[REFUSAL_RATE_PEER] = { 0, "rate_peer" },
	[REFUSAL_OTHER_SITE] = { 0, "other_site" },
	[REFUSAL_ADMIN_KEY] = { 0, "admin_key" },
	[REFUSAL_NO_TOKEN] = { 0, "no_token" },
	[REFUSAL_BAD_TOKEN] = { 0, "bad_token" },
	[REFUSAL_NO_ROLE] = { 0, "no_role" },
	[REFUSAL_NO_KEYS] = { 0, "no_keys" },
	[REFUSAL_ACCEPT] = { 0, "accept" },
	[REFUSAL_SIGNATURE] = { 0, "signature" },
	[REFUSAL_SPEAKER] = { 0, "speaker" },
	[REFUSAL_QUOTA] = { 0, "quota" },
	[REFUSAL_RESERVE] = { 0, "reserve" },
	[REFUSAL_BODY_SIZE] = { 0, "body_size" },
	[REFUSAL_BODY_CUT] = { 0, "body_cut" },
	[REFUSAL_BODY] = { 0, "body" },
	[REFUSAL_PARAMETER] = { 0, "parameter" },
	[REFUSAL_NO_REGISTRY] = { 0, "no_registry" },
	[REFUSAL_UNKNOWN_PEER] = { 0, "unknown_peer" },
	[REFUSAL_PAGE] = { 0, "page_max" },
	[REFUSAL_QUERY] = { 0, "query" },
	[REFUSAL_FULL] = { 0, "full" },
	[REFUSAL_BUSY] = { 0, "busy" },
	[REFUSAL_MEMORY] = { 0, "memory" },
	[REFUSAL_FAULT] = { 0, "fault" },
	[REFUSAL_400] = { 400, "bad_request" },
	[REFUSAL_401] = { 401, "unauthorized" },
	[REFUSAL_403] = { 403, "forbidden" },
	[REFUSAL_404] = { 404, "not_found" },
	[REFUSAL_405] = { 405, "method" },
	[REFUSAL_410] = { 410, "gone" },
	[REFUSAL_413] = { 413, "too_large" },
	[REFUSAL_414] = { 414, "url_length" },
	[REFUSAL_421] = { 421, "misdirected" },
	[REFUSAL_429] = { 429, "too_many" },
	[REFUSAL_431] = { 431, "head_size" },
	[REFUSAL_500] = { 500, "internal" },
	[REFUSAL_503] = { 503, "unavailable" },
	[REFUSAL_507] = { 507, "no_room" },
};

const char *
refusal_name(enum refusal r)
{
	return rows[r].name;
}

enum refusal
refusal_of_status(unsigned status)
{
	enum refusal r = REFUSAL_BY_STATUS;

	while (r < REFUSAL_MAX && rows[r].status != status)
		r++;
	return r < REFUSAL_MAX ? r : REFUSAL_NONE;
}
