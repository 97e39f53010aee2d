/*
 * The first part of `kodo check`: the options, all that is wrong with the files they are read from,
 * and what a service of them would publish.
 */
#ifndef KODO_CHECK_LOADER_H
#define KODO_CHECK_LOADER_H

#include "cmd/findings.h"
#include "cmd/state_arg.h"

/* The service that the arguments name, of which options are read. Its faults are said. */
enum kodo_err check_loader_read(struct state_arg *t, struct findings *f) MUST_CHECK;

/* What others will see of a service with the options of t. */
void check_loader_say(const struct state_arg *t, struct findings *f);

#endif
