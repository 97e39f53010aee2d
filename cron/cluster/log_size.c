#include "cron/cluster/log_size.h"

static size_t
first(const struct log_size *s)
{
	return s->n > LOG_MARKS ? s->n - LOG_MARKS : 0;
}

void
log_size_add(struct log_size *s, uint64_t revision, uint64_t bytes)
{
	if (revision < s->revision)
		return;
	/* between two revisions only: a mark has all of its own */
	if (revision > s->revision && (s->n == 0 ||
		s->total - s->marks[(s->n - 1) % LOG_MARKS].total >= s->step)) {
		s->marks[s->n % LOG_MARKS].revision = revision - 1;
		s->marks[s->n++ % LOG_MARKS].total = s->total;
	}
	s->revision = revision;
	s->total += bytes;
}

uint64_t
log_size_behind(const struct log_size *s, uint64_t revision)
{
	size_t i;

	for (i = first(s); i < s->n; i++)
		if (s->marks[i % LOG_MARKS].revision >= revision)
			return s->total - s->marks[i % LOG_MARKS].total;
	return 0;
}

uint64_t
log_size_before(const struct log_size *s, uint64_t bytes)
{
	size_t i;

	for (i = s->n; i > first(s); i--)
		if (s->total - s->marks[(i - 1) % LOG_MARKS].total >= bytes)
			return s->marks[(i - 1) % LOG_MARKS].revision;
	return 0;
}
