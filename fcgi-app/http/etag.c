#include <elf.h>
#include <link.h>
#include <sys/stat.h>

#include "core/base/hash.h"
#include "http/etag.h"

#define ETAG_NUMBERS	5u
#define NOTE_ALIGN(n)	(((size_t)(n) + 3) & ~(size_t)3)

/* Of the program itself, which comes first, what the linker has made of all its bytes. */
static int
look_at_notes(struct dl_phdr_info *info, size_t size, void *arg)
{
	static const char owner[] = "GNU";
	uint64_t *id = arg;
	int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum && *id == 0; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const char *at = (const char *)(uintptr_t)(info->dlpi_addr + p->p_vaddr);
		const char *end = at + p->p_memsz;
		ElfW(Nhdr) n;

		for (; p->p_type == PT_NOTE && end - at > (ptrdiff_t)sizeof(n);
		    at += NOTE_ALIGN(n.n_namesz) + NOTE_ALIGN(n.n_descsz)) {
			memcpy(&n, at, sizeof(n));
			at += sizeof(n);
			if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == sizeof(owner) &&
			    memcmp(at, owner, sizeof(owner)) == 0)
				*id = hash_text(HASH_STORED, (struct str){ at + NOTE_ALIGN(
				    n.n_namesz), n.n_descsz });
		}
	}
	return 1;
}

/*
 * An id of this build: another one may write the same state differently. The linker's, so that
 * machines of a cluster which have installed one build give one tag; where it makes none, time and
 * size of the file.
 */
static uint64_t
build_id(void)
{
	static uint64_t id;
	struct stat st;

	if (id != 0)
		return id;
	(void)dl_iterate_phdr(look_at_notes, &id);
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
