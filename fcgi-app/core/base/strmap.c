#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/strmap.h"

#define CAP_FIRST	128u

struct strmap_slot {
	uint32_t check;		/* half of the hash, which tells most others apart */
	uint32_t number;	/* place in all + 1; 0: free */
};

void
strmap_free(struct strmap *m)
{
	free(m->all);
	free(m->slots);
	*m = (struct strmap){ 0 };
}

/* The slot of the text, or the free one for it. */
static struct strmap_slot *
slot_find(const struct strmap *m, struct str text, uint64_t hash)
{
	size_t i = hash & (m->n_slots - 1);

	for (; m->slots[i].number != 0; i = (i + 1) & (m->n_slots - 1))
		if (m->slots[i].check == (uint32_t)(hash >> 32) &&
		    str_eq(m->all[m->slots[i].number - 1].text, text))
			break;
	return &m->slots[i];
}

/* Twice the room for texts; half of the slots stay free. */
static enum kodo_err
strmap_grow(struct strmap *m)
{
	size_t cap = m->cap == 0 ? CAP_FIRST : m->cap * 2, i;
	struct strmap_entry *all = realloc(m->all, cap * sizeof(*all));
	struct strmap_slot *slots;

	if (all == NULL)
		return KODO_ENOMEM;
	m->all = all;
	slots = calloc(cap * 2, sizeof(*slots));
	if (slots == NULL)
		return KODO_ENOMEM;
	free(m->slots);
	m->slots = slots;
	m->n_slots = cap * 2;
	m->cap = cap;
	for (i = 0; i < m->n; i++)
		*slot_find(m, all[i].text, all[i].hash) =
		    (struct strmap_slot){ (uint32_t)(all[i].hash >> 32), (uint32_t)i + 1 };
	return KODO_OK;
}

enum kodo_err
strmap_find(struct strmap *m, struct str text, uint32_t *i)
{
	uint64_t hash = hash_text(hash_key_own(), text);
	struct strmap_slot *slot;

	*i = 0;
	if (m->n == m->cap) {
		enum kodo_err err = strmap_grow(m);

		if (err != KODO_OK)
			return err;
	}
	slot = slot_find(m, text, hash);
	if (slot->number == 0) {
		m->all[m->n++] = (struct strmap_entry){ text, hash, 0 };
		*slot = (struct strmap_slot){ (uint32_t)(hash >> 32), (uint32_t)m->n };
	}
	*i = slot->number - 1;
	return KODO_OK;
}
