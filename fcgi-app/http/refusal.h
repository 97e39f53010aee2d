/*
 * Why a request was refused, or failed: each reason has a counter of its own. Where nothing says
 * why, the status does.
 */
#ifndef KODO_REFUSAL_H
#define KODO_REFUSAL_H

enum refusal {
	REFUSAL_NONE,
	REFUSAL_RATE_CLIENT,	/* over rate_client */
	REFUSAL_RATE_PEER,
	REFUSAL_OTHER_SITE,	/* a page of another site would change something */
	REFUSAL_ADMIN_KEY,	/* without the admin's key, or with a wrong one */
	REFUSAL_NO_TOKEN,
	REFUSAL_BAD_TOKEN,
	REFUSAL_NO_ROLE,
	REFUSAL_NO_KEYS,	/* the issuer's keys are not known yet */
	REFUSAL_ACCEPT,		/* by accept, private or trust: listed */
	REFUSAL_SIGNATURE,
	REFUSAL_SPEAKER,	/* may not speak for its url */
	REFUSAL_QUOTA,
	REFUSAL_RESERVE,	/* nearly full, so no new provider is taken */
	REFUSAL_BODY_SIZE,
	REFUSAL_BODY_CUT,	/* it did not come as a whole */
	REFUSAL_BODY,
	REFUSAL_PARAMETER,
	REFUSAL_NO_REGISTRY,
	REFUSAL_UNKNOWN_PEER,
	REFUSAL_PAGE,		/* over page_max */
	REFUSAL_QUERY,		/* its budget of steps is used up, or words over a ceiling */
	/* what went wrong here */
	REFUSAL_FULL,		/* map or disk */
	REFUSAL_BUSY,		/* write lock, readers, room for long answers */
	REFUSAL_MEMORY,
	REFUSAL_FAULT,
	/* by the status alone, from here on */
	REFUSAL_BY_STATUS,
	REFUSAL_400 = REFUSAL_BY_STATUS,
	REFUSAL_401,
	REFUSAL_403,
	REFUSAL_404,
	REFUSAL_405,
	REFUSAL_410,
	REFUSAL_413,
	REFUSAL_414,
	REFUSAL_421,
	REFUSAL_429,
	REFUSAL_431,
	REFUSAL_500,
	REFUSAL_503,
	REFUSAL_507,
	REFUSAL_MAX
};

/* Its name in /metrics; static. Not of REFUSAL_NONE. */
const char *refusal_name(enum refusal r);

/* What a status says by itself; REFUSAL_NONE: it refuses nothing. */
enum refusal refusal_of_status(unsigned status);

#endif
