/*
 * FastCGI by libfcgi: descriptor 0 is the listening socket, shared with the other workers.
 */
#ifndef KODO_FCGI_H
#define KODO_FCGI_H

#include <stdbool.h>

/* Is descriptor 0 a listening socket, as web servers, spawn-fcgi and `kodo service` give it? */
bool fcgi_is_wanted(void);

/*
 * Answer requests until a signal to end. loader: argument of the command line, or NULL. Returns the
 * exit status.
 */
int fcgi_serve(const char *loader);

#endif
