/*
 * The addresses of clients.
 */
#ifndef KODO_ADDRESS_H
#define KODO_ADDRESS_H

#include <stdint.h>

/*
 * A number of whoever has this address (REMOTE_ADDR): of IPv6 the first 64 bits, which one host may
 * use as a whole. 0: nobody in particular, as a proxy on this machine (loopback) speaks for many.
 */
uint64_t address_client(const char *text);

#endif
