#include "core/base/ascii.h"
#include "core/base/near.h"

#define NAME_BYTES	40u	/* longer ones than any name are not compared */
#define LETTERS_MIN	3u	/* of less, anything would be near */
#define SHORT		4u	/* of so many letters one may be wrong, of more two */

static unsigned
least(unsigned x, unsigned y)
{
	return x < y ? x : y;
}

/*
 * How many letters to add, drop, change, or swap with the next one, to make b of a (optimal string
 * alignment); both are under NAME_BYTES long.
 */
static unsigned
distance(struct str a, struct str b)
{
	unsigned rows[3][NAME_BYTES + 1] = { { 0 } };
	size_t i, j;

	for (j = 0; j <= b.len; j++)
		rows[0][j] = (unsigned)j;
	for (i = 1; i <= a.len; i++) {
		unsigned *now = rows[i % 3];
		const unsigned *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
		const char c = ascii_lower(a.p[i - 1]);

		now[0] = (unsigned)i;
		for (j = 1; j <= b.len; j++) {
			now[j] = least(least(last[j], now[j - 1]) + 1,
			    last[j - 1] + (c != b.p[j - 1]));
			if (i > 1 && j > 1 && c == b.p[j - 2] &&
			    ascii_lower(a.p[i - 2]) == b.p[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
	}
	return rows[a.len % 3][b.len];
}

static struct str
letters(struct str s)
{
	while (s.len > 0 && s.p[0] == '-')
		s = str_skip(s, 1);
	return s;
}

void
near_begin(struct near *n, struct str wanted)
{
	const size_t len = letters(wanted).len;

	*n = (struct near){ .wanted = wanted, .distance = len <= SHORT ? 2 : 3 };
	if (len < LETTERS_MIN || wanted.len >= NAME_BYTES)
		n->distance = 0;
}

void
near_try(struct near *n, const char *name)
{
	const struct str s = str_of(name);
	unsigned d;

	if (n->distance == 0 || s.len >= NAME_BYTES)
		return;
	d = distance(n->wanted, s);
	if (d < n->distance) {
		n->distance = d;
		n->best = name;
	}
}

enum kodo_err
near_say(const struct near *n, const char *what, const char *otherwise, struct why *why)
{
	const struct str s = n->wanted;
	const int len = (int)(s.len < NAME_BYTES ? s.len : NAME_BYTES);

	if (n->best != NULL)
		return why_set(why, KODO_EINVAL, "\"%.*s\": %s, did you mean %s?", len, s.p, what,
		    n->best);
	return why_set(why, KODO_EINVAL, "\"%.*s\": %s; %s", len, s.p, what, otherwise);
}
