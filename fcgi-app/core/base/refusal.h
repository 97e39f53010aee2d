/*
 * Why a request is refused: a code for programs (audit, /metrics), and the status of the answer.
 * The words for people are those of each place.
 */
#ifndef KODO_REFUSAL_H
#define KODO_REFUSAL_H

enum refusal {
	REFUSAL_NONE,		/* it is taken */
	REFUSAL_TRUNCATED,	/* the body is not whole */
	REFUSAL_NO_REGISTRY,	/* this service takes nothing in */
	REFUSAL_NOT_ACCEPTED,	/* the options accept and private leave it out */
	REFUSAL_SIGNATURE,	/* it does not hold */
	REFUSAL_OTHER_SIGNER,	/* it is signed as another than it speaks for */
	REFUSAL_OTHER_KEY,	/* those of enum pin_verdict, in that order */
	REFUSAL_NO_KEY,
	REFUSAL_OTHER_ADDRESS,
	REFUSAL_NOT_LISTED,
	REFUSAL_QUOTA,
	REFUSAL_UNKNOWN,	/* whoever asks is nobody's provider or target */
	REFUSAL_RATE_CLIENT,
	REFUSAL_RATE_PEER,
	REFUSAL_NOT_ADMIN,
	REFUSAL_FOREIGN_PAGE,	/* a page of another site */
	REFUSAL_BUSY,		/* the write lock, or another thing that is shared, is taken */
	REFUSAL_NO_RUNNER,	/* none could be started */
	REFUSAL_NO_TOKEN,	/* reading: the verdicts of auth.h */
	REFUSAL_BAD_TOKEN,
	REFUSAL_NO_ROLE,
	REFUSAL_NO_KEYS,	/* the issuer's are not known yet */
	REFUSAL_PAGE_MAX,
	REFUSAL_QUERY,		/* its budget of steps is used up, or words over a ceiling */
	REFUSAL_FULL,		/* map or disk */
	REFUSAL_MEMORY,
	REFUSAL_NOT_READY,	/* /health says so */
	/* what a status says by itself, from here on */
	REFUSAL_INVALID,	/* body or parameters cannot be read */
	REFUSAL_UNAUTHORIZED,
	REFUSAL_FORBIDDEN,
	REFUSAL_NOT_FOUND,
	REFUSAL_METHOD,
	REFUSAL_GONE,		/* what followed since is not known any more */
	REFUSAL_TOO_LARGE,
	REFUSAL_URL_LENGTH,
	REFUSAL_OTHER_SERVICE,	/* it is signed for another service */
	REFUSAL_TOO_MANY,
	REFUSAL_HEAD_SIZE,
	REFUSAL_FAULT,		/* of this service */
	REFUSAL_UNAVAILABLE,
	REFUSAL_NO_ROOM,	/* in the map */
	REFUSALS
};

const char *refusal_code(enum refusal r);	/* static: "other_key"; "" of REFUSAL_NONE */
unsigned refusal_status(enum refusal r);
/* What that status says by itself, for answers that name no other. */
enum refusal refusal_of_status(unsigned status);

#endif
