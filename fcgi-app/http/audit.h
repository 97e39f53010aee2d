/*
 * The audit of requests: a line for each that is to change something, taken or refused.
 */
#ifndef KODO_HTTP_AUDIT_H
#define KODO_HTTP_AUDIT_H

#include "http/call.h"

/*
 * To be called when the answer is complete. Nothing, if the route only reads. Of the requests of
 * whoever asks too often the first is written, as many lines as it likes would leave no others.
 */
void audit_request(const struct call *c);

#endif
