#include <stdint.h>

#include "core/base/ascii.h"
#include "core/base/robots.h"

/* of all rules of a file together: some milliseconds; a file that people write takes thousands */
#define STEPS_MAX	4000000u

struct rule {
	size_t octets;		/* 0: none matched yet */
	bool allows;
};

struct robots {
	struct str agent, path;
	struct rule mine, any;		/* what decides by the groups of the agent, of `*` */
	bool has_mine;			/* there is a group of the agent */
	bool is_mine, is_any;		/* of the group at hand */
	bool is_agents;			/* its lines of agents are not over */
	unsigned steps;
};

/* The octet at *i, decoded: both `%C3%A9` and its bytes are met. *i moves on. */
static int
take_octet(struct str s, size_t *i)
{
	const char *p = s.p + *i;
	const bool is_escape = *p == '%' && s.len - *i >= 3 && ascii_hex_value(p[1]) >= 0 &&
	    ascii_hex_value(p[2]) >= 0;

	*i += is_escape ? 3 : 1;
	return is_escape ? ascii_hex_value(p[1]) * 16 + ascii_hex_value(p[2]) : (unsigned char)*p;
}

/* `*` stands for any octets, `$` at the end for that of the path; else its begin will do. */
static bool
matches(struct robots *r, struct str pattern)
{
	const bool is_whole = str_ends(pattern, STR("$"));
	size_t i = 0, k = 0, star = SIZE_MAX, from = 0, next_i, next_k;

	pattern.len -= is_whole;
	while (r->steps++ < STEPS_MAX) {
		if (i < pattern.len && pattern.p[i] == '*') {
			star = ++i;
			from = k;
			continue;
		}
		if (i == pattern.len && (!is_whole || k == r->path.len))
			return true;
		if (k == r->path.len)
			return false;
		next_i = i;
		next_k = k;
		if (i < pattern.len &&
		    take_octet(pattern, &next_i) == take_octet(r->path, &next_k)) {
			i = next_i;
			k = next_k;
			continue;
		}
		if (star == SIZE_MAX)
			return false;
		/* the last `*` takes one more */
		(void)take_octet(r->path, &from);
		i = star;
		k = from;
	}
	return true;
}

static void
take_rule(struct robots *r, struct str pattern, bool allows)
{
	struct rule *const rules[] = { r->is_mine ? &r->mine : NULL, r->is_any ? &r->any : NULL };
	size_t i;

	r->is_agents = false;
	/* an empty one is no rule */
	for (i = 0; i < 2 && pattern.len > 0; i++) {
		struct rule *best = rules[i];

		if (best == NULL || pattern.len < best->octets ||
		    (pattern.len == best->octets && !allows) || !matches(r, pattern))
			continue;
		*best = (struct rule){ pattern.len, allows };
	}
	if (r->steps >= STEPS_MAX)
		r->mine = r->any = (struct rule){ SIZE_MAX, false };
}

static void
take_agent(struct robots *r, struct str name)
{
	size_t n = 0;

	if (!r->is_agents)
		r->is_mine = r->is_any = false;
	r->is_agents = true;
	r->is_any |= str_starts(name, STR("*"));
	while (n < name.len &&
	    (ascii_is_letter(name.p[n]) || name.p[n] == '_' || name.p[n] == '-'))
		n++;
	if (n != r->agent.len || !ascii_starts(name, r->agent))
		return;
	r->is_mine = r->has_mine = true;
}

/* What it does not know, as a sitemap, ends no group. */
static void
take_line(struct robots *r, struct str line)
{
	struct str rest = line, name, value;

	line = str_cut(&rest, '#');
	if (line.len == 0 || memchr(line.p, ':', line.len) == NULL)
		return;
	name = ascii_trim(str_cut(&line, ':'));
	value = ascii_trim(line);
	if (name.len == 10 && ascii_starts(name, STR("user-agent")))
		take_agent(r, value);
	else if (name.len == 5 && ascii_starts(name, STR("allow")))
		take_rule(r, value, true);
	else if (name.len == 8 && ascii_starts(name, STR("disallow")))
		take_rule(r, value, false);
}

bool
robots_allows(struct str text, struct str agent, struct str path)
{
	struct robots r = { .agent = agent, .path = path };
	const struct rule *decides;
	struct str line;

	if (str_eq(path, STR("/robots.txt")))
		return true;
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_skip(text, 3);
	if (text.len > ROBOTS_MAX_BYTES)
		text.len = ROBOTS_MAX_BYTES;
	while (text.len > 0) {
		struct str rest = str_cut(&text, '\n');

		/* a line may end with a carriage return alone */
		while (rest.len > 0) {
			line = str_cut(&rest, '\r');
			take_line(&r, line);
		}
	}
	decides = r.has_mine ? &r.mine : &r.any;
	return decides->octets == 0 || decides->allows;
}
