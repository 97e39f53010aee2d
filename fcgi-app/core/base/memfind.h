/*
 * Looking for a text in long texts: memmem, made for the scan of all flows, where it decides how
 * long a search takes.
 */
#ifndef KODO_MEMFIND_H
#define KODO_MEMFIND_H

#include "core/base/str.h"

/* The first place of needle in hay; NULL: none. A needle that is empty is at the begin. */
const char *memfind(struct str hay, struct str needle);

#endif
