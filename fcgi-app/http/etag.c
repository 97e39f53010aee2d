#include <sys/stat.h>

#include "http/etag.h"

#define ETAG_NUMBERS	5u

/*
 * An id of this build: another one may write the same state differently. Time and size of its file
 * are enough, and need nothing from the linker.
 */
static uint64_t
build_id(void)
{
	static uint64_t id;
	struct stat st;

	if (id != 0)
		return id;
	id = 1;
	if (stat("/proc/self/exe", &st) == 0)
		id = ((uint64_t)st.st_mtim.tv_sec * 1000000007u + (uint64_t)st.st_mtim.tv_nsec) ^
		    (uint64_t)st.st_size << 40;
	return id;
}

/* n in hex, and the character after it. */
static char *
put_hex(char *to, uint64_t n, char behind)
{
	static const char digits[] = "0123456789abcdef";
	unsigned shift = n == 0 ? 0 : (63 - (unsigned)__builtin_clzll(n)) / 4 * 4;

	for (; shift > 0; shift -= 4)
		*to++ = digits[n >> shift & 15];
	*to++ = digits[n & 15];
	*to++ = behind;
	return to;
}

/* W/"1-2-3-4-5", each of up to 16 digits; without printf, for most answers have one. */
_Static_assert(RESPONSE_ETAG_BYTES >= sizeof("W/\"\"") + ETAG_NUMBERS * 17, "room for a tag");

static void
put_tag(char out[RESPONSE_ETAG_BYTES], const uint64_t numbers[ETAG_NUMBERS])
{
	size_t i;

	memcpy(out, "W/\"", 3);
	out += 3;
	for (i = 0; i < ETAG_NUMBERS; i++)
		out = put_hex(out, numbers[i], i + 1 < ETAG_NUMBERS ? '-' : '"');
	*out = '\0';
}

bool
etag_matches(struct call *c, const struct view *v, unsigned parts, uint64_t variant)
{
	const uint64_t view = (parts & ETAG_VIEW) != 0 ? v->head.view : 0;
	const uint64_t state = (parts & ETAG_STATE) != 0 ? v->head.state : 0;
	const bool idle = (parts & ETAG_IDLE) != 0 && v->idle;
	const uint64_t numbers[ETAG_NUMBERS] = { build_id(), v->head.state_id, view,
		state << 1 | idle, variant };

	put_tag(c->res->etag, numbers);
	if (!request_has_etag(c->req->if_none_match, str_of(c->res->etag)))
		return false;
	response_empty(c->res, 304);
	return true;
}
