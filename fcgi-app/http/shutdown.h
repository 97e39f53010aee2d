/*
 * Signals to end: SIGTERM, SIGINT, SIGUSR1 and SIGXCPU end this process after its present request.
 *
 * They are blocked except during a wait (shutdown_poll, shutdown_sleep_ms), so that none is lost
 * between a check and a wait, and none interrupts the reading of a request or the writing of its
 * answer.
 */
#ifndef KODO_SHUTDOWN_H
#define KODO_SHUTDOWN_H

#include <stdbool.h>

/* Install the handlers and block the signals. SIGPIPE is ignored from then on. */
void shutdown_install(void);

/* Has one of the signals come? */
bool shutdown_wanted(void);

/*
 * epoll_wait for one event on the epoll descriptor; true: something is ready. False: a signal, or
 * timeout_ms (-1: none) are over.
 */
bool shutdown_poll(int epoll_fd, int timeout_ms);

/* Sleep, unless a signal comes or has come. */
void shutdown_sleep_ms(unsigned ms);

#endif
