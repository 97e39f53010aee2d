/*
 * How often a client may ask: by its address (of IPv6 the first 64 bits), and by the url for which
 * it speaks in a POST (options rate_client and rate_peer). Loopback and private addresses are not
 * limited: a proxy may speak for many by them (option proxies), and peers of one's own may be
 * there.
 */
#ifndef KODO_RATE_H
#define KODO_RATE_H

#include "http/call.h"

/*
 * May the client of this request go on? If not, the answer is 429, with a line in the log when that
 * begins. To be asked before the body is read.
 */
bool rate_admits_client(struct call *c, const struct options *o);

/*
 * The same of the sender of a body, by its url and the key that it has signed with, wherever it
 * speaks from, or by its url and address. So what others say in its name does not count: else they
 * could silence it. To be asked once the signature is checked.
 */
bool rate_admits_peer(struct call *c, const struct options *o);

#endif
