/*
 * Plain CGI (RFC 3875): one request in the environment and on descriptor 0, its answer on
 * descriptor 1.
 */
#ifndef KODO_CGI_H
#define KODO_CGI_H

#include <stdbool.h>

/* Has a web server started us for one request, by our environment? */
bool cgi_is_wanted(void);

/*
 * Answer it. The loader never comes from the arguments: a server may make those from the query
 * string (RFC 3875, 4.4). Returns the exit status.
 */
int cgi_serve(void);

#endif
