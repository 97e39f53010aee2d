#include <stdlib.h>
#include <zlib.h>

#include "http/gzip.h"

#define LEVEL		1
#define GZIP_WRAPPER	16	/* for deflateInit2: a gzip head and end */
/* of a whole answer, once a process */
#define WINDOW_BITS	15
#define MEMORY		8
/* of a stream, of which there may be many at once: 96 KiB each */
#define STREAM_BITS	13
#define STREAM_MEMORY	7

struct gzip {
	z_stream z;
};

static bool
begin(z_stream *z, int bits, int memory)
{
	return deflateInit2(z, LEVEL, Z_DEFLATED, GZIP_WRAPPER + bits, memory,
		   Z_DEFAULT_STRATEGY) == Z_OK;
}

/* zlib's input is not const by its type alone. */
static void
give(z_stream *z, struct str in)
{
	z->next_in = (Bytef *)(uintptr_t)in.p;
	z->avail_in = (uInt)in.len;
}

enum kodo_err
gzip_put(struct str in, struct buf *out)
{
	static z_stream z;
	static bool is_begun;
	size_t room;
	char *to;

	if (in.len > UINT32_MAX / 2)
		return KODO_ENOMEM;
	if (!is_begun)
		is_begun = begin(&z, WINDOW_BITS, MEMORY);
	else if (deflateReset(&z) != Z_OK)
		is_begun = false;
	room = is_begun ? deflateBound(&z, (uLong)in.len) : 0;
	to = is_begun ? buf_room(out, room) : NULL;
	if (to == NULL)
		return KODO_ENOMEM;
	give(&z, in);
	z.next_out = (Bytef *)to;
	z.avail_out = (uInt)room;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		return KODO_ENOMEM;
	out->len += room - z.avail_out;
	return KODO_OK;
}

struct gzip *
gzip_new(void)
{
	struct gzip *g = calloc(1, sizeof(*g));

	if (g != NULL && begin(&g->z, STREAM_BITS, STREAM_MEMORY))
		return g;
	free(g);
	return NULL;
}

void
gzip_free(struct gzip *g)
{
	if (g == NULL)
		return;
	(void)deflateEnd(&g->z);
	free(g);
}

size_t
gzip_step(struct gzip *g, struct str *in, bool is_last, char *p, size_t max)
{
	give(&g->z, *in);
	g->z.next_out = (Bytef *)p;
	g->z.avail_out = (uInt)max;
	/* a second Z_FINISH after its end is an error without effect */
	(void)deflate(&g->z, is_last ? Z_FINISH : Z_NO_FLUSH);
	*in = (struct str){ in->p + in->len - g->z.avail_in, g->z.avail_in };
	return max - g->z.avail_out;
}
