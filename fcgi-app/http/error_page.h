/*
 * Errors in a browser are pages with a way on; programs get JSON.
 */
#ifndef KODO_ERROR_PAGE_H
#define KODO_ERROR_PAGE_H

#include "http/call.h"

/*
 * Make a page of the answer, if that is an error, to a GET that asked for a page. What it says was
 * given to response_error. KODO_ENOMEM.
 */
enum kodo_err error_page_put(struct call *c) MUST_CHECK;

#endif
