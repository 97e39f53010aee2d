#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/url.h"
#include "cron/ceiling.h"

#define HOSTS		4096u	/* two in one place only share a ceiling */
#define MINUTE_US	60000000ll

struct host {
	unsigned n_slots;
	int64_t spent_us;	/* until then its bytes are spent; a minute ahead at most */
	int64_t queue_us;	/* when the last of those that wait has its turn */
};

struct ceiling {
	struct host hosts[HOSTS];	/* by ceiling_host; 0 is not used */
};

enum kodo_err
ceiling_new(struct ceiling **out)
{
	*out = calloc(1, sizeof(**out));
	return *out == NULL ? KODO_ENOMEM : KODO_OK;
}

void
ceiling_free(struct ceiling *c)
{
	free(c);
}

uint32_t
ceiling_host(struct str url)
{
	char canonical[URL_CANONICAL_BYTES];
	struct url u, c;

	if (url_parse(url, &u, NULL) != KODO_OK || url_is_private(&u) ||
	    url_parse((struct str){ canonical, url_canonical(url, canonical) }, &c, NULL) !=
		KODO_OK)
		return 0;
	return 1 + (uint32_t)(hash_text(hash_key_own(), c.host) % (HOSTS - 1));
}

static int64_t
max_us(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

enum ceiling_verdict
ceiling_ask(struct ceiling *c, uint32_t host, size_t bytes, int64_t now_us, int64_t *wait_us)
{
	struct host *h = &c->hosts[host];
	int64_t at_us;

	*wait_us = 0;
	if (host == 0)
		return CEILING_GO;
	if (h->n_slots < CEILING_SLOTS && h->spent_us - MINUTE_US <= now_us) {
		h->n_slots++;
		h->spent_us = max_us(h->spent_us, now_us) +
		    (int64_t)bytes * MINUTE_US / CEILING_MINUTE_BYTES;
		return CEILING_GO;
	}
	at_us = max_us(max_us(h->queue_us, now_us), h->spent_us - MINUTE_US) + CEILING_PACE_US;
	if (at_us - now_us > (int64_t)CEILING_PEERS * CEILING_PACE_US)
		return CEILING_DROP;
	h->queue_us = at_us;
	*wait_us = at_us - now_us;
	return CEILING_WAIT;
}

void
ceiling_end(struct ceiling *c, uint32_t host)
{
	if (host != 0)
		c->hosts[host].n_slots--;
}
