#include "core/base/screen.h"
#include "core/base/utf8.h"

size_t
screen_put_char(struct str s, size_t *pos, char out[SCREEN_CHAR_BYTES])
{
	static const char hex[] = "0123456789abcdef";
	const size_t begin = *pos;
	const uint32_t cp = utf8_next(s, pos);
	size_t i, n = 0;

	/* U+FFFD of one byte: what stands there is not UTF-8 */
	if (!utf8_is_unseen(cp) && (*pos - begin > 1 || cp < 0x80)) {
		memcpy(out, s.p + begin, *pos - begin);
		return *pos - begin;
	}
	for (i = begin; i < *pos; i++) {
		const unsigned char c = (unsigned char)s.p[i];

		memcpy(out + n, "\\x", 2);
		out[n + 2] = hex[c >> 4];
		out[n + 3] = hex[c & 15];
		n += 4;
	}
	return n;
}

void
screen_print(FILE *to, struct str text)
{
	char some[1024];	/* stderr has no buffer */
	size_t pos = 0, n = 0;

	while (pos < text.len) {
		if (n + SCREEN_CHAR_BYTES > sizeof(some)) {
			fwrite(some, 1, n, to);
			n = 0;
		}
		n += screen_put_char(text, &pos, some + n);
	}
	fwrite(some, 1, n, to);
}

int
screen_end(const char *program, int status)
{
	const bool failed = fflush(stdout) != 0;

	if (!failed && ferror(stdout) == 0)
		return status;
	fprintf(stderr, "%s: the output could not be written: make room on its disk, or lead it "
	    "elsewhere\n", program);
	return status == 0 ? 1 : status;
}
