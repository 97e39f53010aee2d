#include <stdlib.h>
#include <unistd.h>

#include "http/body.h"
#include "http/gzip.h"

#define BLOCK_BYTES	32768u		/* read at once, to be compressed */

enum kodo_err
body_init(struct body *b, struct sink *sink, bool gzip)
{
	*b = (struct body)BODY_INIT(sink->state);
	if (gzip) {
		b->gzip = gzip_new();
		b->block = malloc(BLOCK_BYTES);
		if (b->gzip == NULL || b->block == NULL) {
			body_free(b);
			return KODO_ENOMEM;
		}
	}
	b->sink = *sink;
	*sink = (struct sink)SINK_INIT(b->sink.state);
	return KODO_OK;
}

void
body_free(struct body *b)
{
	gzip_free(b->gzip);
	free(b->block);
	sink_free(&b->sink);
	*b = (struct body)BODY_INIT(b->sink.state);
}

static enum kodo_err
read_file(struct body *b, char *p, size_t max, size_t *n)
{
	const uint64_t left = b->sink.len - b->read;
	ssize_t got;

	*n = 0;
	if (left == 0)
		return KODO_OK;
	got = pread(b->sink.fd, p, left < max ? (size_t)left : max, (off_t)b->read);
	if (got <= 0)
		return KODO_EIO;
	*n = (size_t)got;
	b->read += *n;
	return KODO_OK;
}

enum kodo_err
body_read(struct body *b, char *p, size_t max, size_t *n)
{
	size_t got;
	enum kodo_err err;

	if (b->gzip == NULL)
		return read_file(b, p, max, n);
	for (*n = 0; *n < max;) {
		if (b->rest.len == 0 && !b->is_last) {
			err = read_file(b, b->block, BLOCK_BYTES, &got);
			if (err != KODO_OK)
				return err;
			b->rest = (struct str){ b->block, got };
			b->is_last = b->read == b->sink.len;
		}
		got = gzip_step(b->gzip, &b->rest, b->is_last, p + *n, max - *n);
		*n += got;
		if (b->is_last && *n < max)
			break;
	}
	return KODO_OK;
}
