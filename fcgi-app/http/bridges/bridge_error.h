/*
 * Errors in the form of the family whose route was asked.
 */
#ifndef KODO_BRIDGE_ERROR_H
#define KODO_BRIDGE_ERROR_H

#include "http/call.h"

/* Of a bridge's path, and with a status of 400 or more: put the body anew. */
enum kodo_err bridge_error_put(struct call *c) MUST_CHECK;

#endif
