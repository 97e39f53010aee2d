#include "core/base/refusal.h"

static const struct {
	const char *code;
	unsigned status;
} rows[REFUSALS] = {
	[REFUSAL_NONE] = { "", 200 },
	[REFUSAL_TRUNCATED] = { "truncated", 400 },
	[REFUSAL_NO_REGISTRY] = { "no_registry", 404 },
	[REFUSAL_NOT_ACCEPTED] = { "not_accepted", 403 },
	[REFUSAL_SIGNATURE] = { "signature", 403 },
	[REFUSAL_OTHER_SIGNER] = { "other_signer", 403 },
	[REFUSAL_OTHER_KEY] = { "other_key", 403 },
	[REFUSAL_NO_KEY] = { "no_key", 403 },
	[REFUSAL_OTHER_ADDRESS] = { "other_address", 403 },
	[REFUSAL_NOT_LISTED] = { "not_listed", 403 },
	[REFUSAL_QUOTA] = { "quota", 403 },
	[REFUSAL_UNKNOWN] = { "unknown", 404 },
	[REFUSAL_RATE_CLIENT] = { "rate_client", 429 },
	[REFUSAL_RATE_PEER] = { "rate_peer", 429 },
	[REFUSAL_NOT_ADMIN] = { "not_admin", 403 },
	[REFUSAL_FOREIGN_PAGE] = { "foreign_page", 403 },
	[REFUSAL_BUSY] = { "busy", 503 },
	[REFUSAL_NO_RUNNER] = { "no_runner", 503 },
	[REFUSAL_NO_TOKEN] = { "no_token", 401 },
	[REFUSAL_BAD_TOKEN] = { "bad_token", 401 },
	[REFUSAL_NO_ROLE] = { "no_role", 403 },
	[REFUSAL_NO_KEYS] = { "no_keys", 503 },
	[REFUSAL_PAGE_MAX] = { "page_max", 400 },
	[REFUSAL_QUERY] = { "query", 400 },
	[REFUSAL_FULL] = { "full", 503 },
	[REFUSAL_MEMORY] = { "memory", 503 },
	[REFUSAL_NOT_READY] = { "not_ready", 503 },
	[REFUSAL_INVALID] = { "invalid", 400 },
	[REFUSAL_UNAUTHORIZED] = { "unauthorized", 401 },
	[REFUSAL_FORBIDDEN] = { "forbidden", 403 },
	[REFUSAL_NOT_FOUND] = { "not_found", 404 },
	[REFUSAL_METHOD] = { "method", 405 },
	[REFUSAL_GONE] = { "gone", 410 },
	[REFUSAL_TOO_LARGE] = { "too_large", 413 },
	[REFUSAL_URL_LENGTH] = { "url_length", 414 },
	[REFUSAL_OTHER_SERVICE] = { "other_service", 421 },
	[REFUSAL_TOO_MANY] = { "too_many", 429 },
	[REFUSAL_HEAD_SIZE] = { "head_size", 431 },
	[REFUSAL_FAULT] = { "fault", 500 },
	[REFUSAL_UNAVAILABLE] = { "unavailable", 503 },
	[REFUSAL_NO_ROOM] = { "no_room", 507 },
};

const char *
refusal_code(enum refusal r)
{
	return rows[r].code;
}

unsigned
refusal_status(enum refusal r)
{
	return rows[r].status;
}

enum refusal
refusal_of_status(unsigned status)
{
	unsigned r = REFUSAL_INVALID;

	if (status < 400)
		return REFUSAL_NONE;
	while (r < REFUSALS && rows[r].status != status)
		r++;
	return r < REFUSALS ? (enum refusal)r : status < 500 ? REFUSAL_INVALID : REFUSAL_FAULT;
}
