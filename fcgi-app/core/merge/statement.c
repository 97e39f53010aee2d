#include "core/base/url.h"
#include "core/merge/resolve.h"
#include "core/merge/resync.h"
#include "core/merge/statement.h"
#include "core/records/known.h"
#include "core/records/node_chunks.h"

enum kodo_err
statement_take(struct change *ch, struct peer *p, struct str key, struct str bytes, uint64_t version,
    bool renumber, uint32_t *node)
{
	struct rules_word word = { .kind = RULES_SAYS,
		.bytes = bytes,
		.version = version,
		.is_list = ch->is_list,
		.now_us = ch->now_us };
	struct packed pk;
	enum kodo_err err = packed_open(bytes, &pk);

	if (err == KODO_OK)
		err = node_make(ch->t, &ch->head, key, node);
	word.url = pk.url;
	return err == KODO_OK ? resolve_word(ch, p, *node, key, &word, renumber) : err;
}

enum kodo_err
statement_take_gone(
    struct change *ch, struct peer *p, struct str url, struct str key, uint64_t version)
{
	struct rules_word word = {
		.kind = RULES_REMOVES, .url = url, .version = version, .now_us = ch->now_us
	};
	uint32_t node;
	enum kodo_err err = node_make(ch->t, &ch->head, key, &node);

	return err == KODO_OK ? resolve_word(ch, p, node, key, &word, false) : err;
}

enum kodo_err
statement_drop(struct change *ch, struct peer *p, uint32_t node)
{
	struct rules_word word = { .kind = RULES_WITHDRAWS, .now_us = ch->now_us };
	struct statement s;
	struct packed pk;
	struct str key = STR_NULL;
	enum kodo_err err = known_statement(ch->t, node, p->id, &s);

	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	err = packed_open(s.bytes, &pk);
	if (err == KODO_OK)
		err = arena_str(ch->a, pk.url, &word.url);
	if (err == KODO_OK)
		err = url_key(ch->a, word.url, &key);
	return err == KODO_OK ? resolve_word(ch, p, node, key, &word, false) : err;
}

enum kodo_err
statement_drop_all(struct change *ch, struct peer *p)
{
	unsigned char kb[12];
	struct cursor c;
	struct str k, v;
	uint64_t order = 0;
	uint32_t node = 0;
	enum kodo_err err;

	/* the cursor ends before each change, which could move what it stands on */
	for (;;) {
		err = cursor_open(ch->t, T_STATED, &c);
		if (err != KODO_OK)
			return err;
		err = cursor_seek(&c, key_u32_u64(kb, p->id, order), &k, &v);
		if (err == KODO_OK && get_be32(k.p) != p->id)
			err = KODO_ENOTFOUND;
		if (err == KODO_OK) {
			order = get_be64(k.p + 4);
			node = get_be32(v.p);
		}
		cursor_close(&c);
		if (err != KODO_OK)
			break;
		err = statement_drop(ch, p, node);
		if (err != KODO_OK)
			break;
	}
	if (err != KODO_ENOTFOUND)
		return err;
	p->flags &= ~(unsigned)PEER_PROVIDER;
	p->out.work[WORK_RECONNECT] = 0;
	p->in.list = 0;
	/* it was connected to for the sake of its word alone */
	if ((p->flags & PEER_TARGET) == 0) {
		p->out.work[WORK_CONNECT] = 0;
		resync_cancel(p);
	}
	err = node_chunks_drop(ch->t, p->id);
	if (err == KODO_OK && !change_is_subscriber(ch, p))
		err = change_unwant(ch, p, WORK_NOTIFY);
	if (err != KODO_OK)
		return err;
	if (p->order != 0) {
		err = store_del(ch->t, T_PROVIDER, key_u64(kb, p->order));
		p->order = 0;
		return err;
	}
	return KODO_OK;
}

enum kodo_err
statement_expire(struct change *ch, int64_t before_us)
{
	unsigned char kb[8];
	struct rules_word word = { .kind = RULES_EXPIRES, .now_us = ch->now_us };
	struct statement s;
	struct cursor c;
	struct str k, v, key = STR_NULL;
	uint32_t node = 0;
	bool found;
	enum kodo_err err;

	for (;;) {
		found = false;
		err = cursor_open(ch->t, T_SHADOW, &c);
		if (err != KODO_OK)
			return err;
		for (err = cursor_seek(&c, key_u32_u32(kb, node, 0), &k, &v);
		    err == KODO_OK && !found;) {
			node = get_be32(k.p);
			err = get_be32(k.p + 4) == PEER_TOMB ? statement_read(v, &s) : KODO_OK;
			found =
			    err == KODO_OK && get_be32(k.p + 4) == PEER_TOMB && s.at_us < before_us;
			if (err == KODO_OK && found)
				err = url_key(ch->a, s.bytes, &key);
			if (err == KODO_OK && !found)
				err = cursor_next(&c, &k, &v);
		}
		cursor_close(&c);
		if (!found)
			return err == KODO_ENOTFOUND ? KODO_OK : err;
		err = resolve_word(ch, NULL, node, key, &word, false);
		if (err != KODO_OK)
			return err;
	}
}
