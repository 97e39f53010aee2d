/*
 * Shared by exchange.c and exchange_done.c: times and sizes of outbound work (DESIGN.md, "Outbound
 * work").
 */
#ifndef KODO_EXCHANGE_INT_H
#define KODO_EXCHANGE_INT_H

#include "exchange.h"
#include "registry_int.h"

#define BACKOFF_FIRST_US 500000ll
#define BACKOFF_MAX_US 8000000ll
#define BACKOFF_JITTER 10	    /* per cent, upwards */
#define PARKED_US (300ll * 1000000) /* parked work is tried again, and targets are looked at */
#define PARKED_JITTER 20
#define CEILING_START_BYTES (8u << 20) /* below the original's 10,000,000 */
/*
 * To whom pieces cost nothing: taking in a body takes seven times its size, and 64 MiB are to do
 */
#define CEILING_PIECE_BYTES (4u << 20)
#define CEILING_MIN_BYTES 4096u	       /* one small node and its greeting */
#define CEILING_DOUBLE_AFTER 20u       /* successes until a ceiling is tried higher */
#define HALVE_OVER_BYTES 65536u	       /* a 500 or a reset to a body over this may be its size */

#endif
