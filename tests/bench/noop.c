/*
 * The measure of `make bench`: a FastCGI responder that does nothing but read the request's body
 * and answer with as many bytes as the query string n=BYTES asks for. Its listening socket is
 * descriptor 0, as a worker's of kodo is.
 */
#include <fcgiapp.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX	(1u << 20)

static void
answer(FCGX_Request *r, const char *body)
{
	const char *query = FCGX_GetParam("QUERY_STRING", r->envp);
	char piece[8192];
	size_t n = 0;

	while (FCGX_GetStr(piece, sizeof(piece), r->in) > 0)
		continue;
	if (query != NULL && strncmp(query, "n=", 2) == 0)
		n = strtoul(query + 2, NULL, 10);
	if (n > BYTES_MAX)
		n = BYTES_MAX;
	FCGX_FPrintF(r->out, "Content-Type: application/json\r\nContent-Length: %lu\r\n\r\n",
	    (unsigned long)n);
	FCGX_PutStr(body, (int)n, r->out);
}

int
main(void)
{
	FCGX_Request r;
	char *body = malloc(BYTES_MAX);

	if (body == NULL || FCGX_Init() != 0 || FCGX_InitRequest(&r, 0, 0) != 0)
		return 1;
	memset(body, ' ', BYTES_MAX);	/* any JSON may be followed by blanks */
	body[0] = '1';
	while (FCGX_Accept_r(&r) == 0) {
		answer(&r, body);
		FCGX_Finish_r(&r);
	}
	free(body);
	return 0;
}
