/*
 * robots.txt (RFC 9309): may a program that is named agent fetch a path of this host? Pure.
 */
#ifndef KODO_ROBOTS_H
#define KODO_ROBOTS_H

#include "core/base/err.h"
#include "core/base/str.h"

/* RFC 9309, 2.5: as much of a file is to be read, at least; what is over it may be left out */
#define ROBOTS_MAX_BYTES	512000u

/*
 * text: the file, or its begin. agent: a product token in lower case. path: that of the request,
 * from its slash on, with its query. Of all groups of the agent, else of all of `*`, the longest
 * rule that matches decides, of two an allow; none allows. Rules that would take too long to try
 * count as a disallow.
 */
bool robots_allows(struct str text, struct str agent, struct str path) MUST_CHECK;

#endif
