/*
 * Who may speak for a url. The first word that is signed pins its key; whoever reaches the url and
 * finds that key there has it proved. A url without a key, of a legacy peer, is spoken for from the
 * address from which it first spoke, and from those at which it was reached.
 *
 * A decision in two steps: pin_judge says what a word is worth, and changes nothing; pin_take notes
 * what follows from one that counts.
 */
#ifndef KODO_PIN_H
#define KODO_PIN_H

#include <netinet/in.h>

#include "core/config/option.h"
#include "core/records/peer.h"
#include "core/trust/signature.h"

#define PIN_ADDRESSES	8u		/* remembered of a peer */
/* anybody may speak in the name of a url: that costs it one question in so long a time */
#define PIN_ASK_US	(10ll * 1000000)

/* Who it was that spoke, as far as the request tells. */
struct speaker {
	bool is_signed;
	struct signer signer;		/* if it is */
	struct str from;		/* as whom, null: not said */
	bool has_address;
	struct in6_addr address;
};

/* How well a peer is known, for people. */
enum pin_level { PIN_OPEN, PIN_ADDRESS, PIN_PINNED, PIN_PROVED, PIN_LEVELS };
enum pin_level pin_level(const struct options *o, const struct peer *p);
const char *pin_level_name(enum pin_level level);	/* static: "proved" */

enum pin_verdict {
	PIN_COUNTS,
	/* refused: */
	PIN_OTHER_KEY,		/* another key is known */
	PIN_NO_KEY,		/* it is not signed, but a key is known, or wanted of everybody */
	PIN_OTHER_ADDRESS,	/* it comes from elsewhere */
	PIN_NOT_LISTED		/* its key must be given by the admin */
};

/* Of the url with that key; p: its peer, NULL: nobody knows it yet. */
enum pin_verdict pin_judge(const struct options *o, struct str url_key, const struct peer *p,
    const struct speaker *who);

/* Is p's url to be asked which key it has? Not if it was lately. Notes that it is. */
bool pin_ask(struct peer *p, enum pin_verdict verdict, int64_t now_us);

/*
 * A word that counts: its key is pinned, a rotation followed, its address remembered. is_answer: it
 * is the answer to our own request, of whoever is at the url. Texts live in a. KODO_ENOMEM.
 */
enum kodo_err pin_take(struct arena *a, struct peer *p, const struct speaker *who, bool is_answer,
    int64_t now_us) MUST_CHECK;

/* Nothing is known of its key or addresses any more, unless the admin has given them. */
void pin_forget(struct peer *p);

/* Why it is refused and what to do, for its sender and the log; in a, NULL: memory ran out. */
const char *pin_words(struct arena *a, enum pin_verdict verdict, struct str url,
    const struct peer *p, const struct speaker *who);

/* A key as people see it. */
#define PIN_KEY_CHARS	44u
void pin_key_text(struct str key, char out[PIN_KEY_CHARS]);

#endif
