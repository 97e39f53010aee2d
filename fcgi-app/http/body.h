/*
 * A long body on its way: the bytes of a sink's file, as they are or compressed while they are
 * sent, so that no read transaction and no client waits for the compression of all.
 */
#ifndef KODO_BODY_H
#define KODO_BODY_H

#include "core/storage/sink.h"

struct gzip;

struct body {
	struct sink sink;	/* in a file; owned */
	uint64_t read;		/* of the file */
	struct gzip *gzip;	/* NULL: as it is */
	struct str rest;	/* of block, not compressed yet */
	char *block;
	bool is_last;		/* block is the end of the file */
};

#define BODY_INIT(state)	{ SINK_INIT(state), 0, NULL, { NULL, 0 }, NULL, false }

/* Take over the sink. KODO_ENOMEM: it is where it was. */
enum kodo_err body_init(struct body *b, struct sink *sink, bool gzip) MUST_CHECK;
void body_free(struct body *b);

/* The next up to max bytes; *n 0: its end. KODO_EIO. */
enum kodo_err body_read(struct body *b, char *p, size_t max, size_t *n) MUST_CHECK;

#endif
