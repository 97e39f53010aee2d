/*
 * Being told to end: SIGTERM, SIGINT and SIGUSR1 end this process after the request at hand.
 *
 * The signals are blocked but for the places that wait (shutdown_poll, shutdown_sleep_ms), so that none
 * gets lost between a check and a wait, and none breaks the reading of a request or the writing of
 * its answer.
 */
#ifndef KODO_STOP_H
#define KODO_STOP_H

#include <stdbool.h>

/* Install the handlers and block the signals. SIGPIPE is ignored from then on. */
void shutdown_install(void);

/* Has one of the signals come? */
bool shutdown_wanted(void);

/* epoll_wait for one event on the epoll descriptor; true: something is ready. False: a signal. */
bool shutdown_poll(int epoll_fd);

/* Sleep, unless a signal comes or has come. */
void shutdown_sleep_ms(unsigned ms);

#endif
