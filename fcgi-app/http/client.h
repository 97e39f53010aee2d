/*
 * Who asks, by the address of the connection (REMOTE_ADDR).
 */
#ifndef KODO_CLIENT_H
#define KODO_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

/* Is it this machine, by a loopback address? A proxy here speaks for many. NULL: no. */
bool client_is_local(const char *address);

/*
 * A number of whoever has this address: of IPv6 the first 64 bits, which one host may use as a
 * whole. 0: nobody in particular, local ones among them.
 */
uint64_t client_number(const char *address);

#endif
