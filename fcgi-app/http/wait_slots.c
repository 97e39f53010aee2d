#include <stdio.h>

#include "http/wait_slots.h"

#define NAME_BYTES	32

static const char *
name_of(unsigned i, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, "wait.%u", i);
	return out;
}

int
wait_slots_take(const struct state *s, unsigned n)
{
	char name[NAME_BYTES];
	unsigned i;
	int fd;

	for (i = 0; i < n; i++)
		if (state_lock(s, name_of(i, name), NULL, &fd, NULL) == KODO_OK)
			return fd;
	return -1;
}

unsigned
wait_slots_used(const struct state *s, unsigned n)
{
	char name[NAME_BYTES], owner[STATE_OWNER_BYTES];
	unsigned i, used = 0;

	for (i = 0; i < n; i++)
		used += state_lock_owner(s, name_of(i, name), owner) == KODO_OK;
	return used;
}
