/*
 * kodo: FastCGI responder, plain CGI program and command line in one. Which of them it is now is
 * seen from how it was started.
 */
#include <signal.h>
#include <stddef.h>

#include "cmd/cmd.h"
#include "core/base/screen.h"
#include "http/cgi.h"
#include "http/fcgi.h"

int
main(int argc, char *argv[])
{
	/* a file at its limit (ulimit -f) is an error of a write, as a full disk is */
	signal(SIGXFSZ, SIG_IGN);
	/* a web server may name the loader: kodo LOADER */
	if (fcgi_is_wanted())
		return fcgi_serve(argc > 1 ? argv[1] : NULL);
	if (cgi_is_wanted())
		return cgi_serve();
	return screen_end("kodo", cmd_run(argc, argv));
}
