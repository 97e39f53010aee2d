/* memmem for the scan of all flows, whose time is that of the search. */
#ifndef KODO_MEMFIND_H
#define KODO_MEMFIND_H

#include "core/base/str.h"

/* The first place of needle in hay; NULL: none. An empty needle is at the begin. */
const char *memfind(struct str hay, struct str needle);

#endif
