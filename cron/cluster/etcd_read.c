#include "core/base/base64.h"
#include "cron/cluster/etcd_private.h"

static struct str
member(struct etcd *e, struct str object, const char *name)
{
	struct str value = STR_NULL;

	if (jread_kind(object) != JREAD_OBJECT ||
	    jread_fields(e->jread, object, &name, 1, &value) != KODO_OK)
		return STR_NULL;
	return value;
}

static struct str
text_of(struct etcd *e, struct str value)
{
	struct str text = STR_NULL;

	if (jread_kind(value) != JREAD_TEXT || jread_text(e->jread, e->a, value, &text) != KODO_OK)
		return STR_NULL;
	return text;
}

/* int64 and uint64 come as texts, int32 as numbers; what is 0 does not come at all. */
static uint64_t
number_of(struct etcd *e, struct str value)
{
	struct str digits = jread_kind(value) == JREAD_TEXT ? text_of(e, value) : value;
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < digits.len && digits.p[i] >= '0' && digits.p[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(digits.p[i] - '0');
	return n;
}

static bool
is_true(struct str value)
{
	return str_eq(value, STR("true"));
}

/* A member in base64; one that does not come is empty. */
static enum kodo_err
bytes_of(struct etcd *e, struct str value, struct str *out)
{
	*out = STR("");
	return jread_kind(value) != JREAD_TEXT ? KODO_OK
	    : base64_read(e->a, BASE64, text_of(e, value), out);
}

static enum kodo_err
read_kv(struct etcd *e, struct str object, struct etcd_kv *kv)
{
	static const char *const names[] = { "key", "value", "create_revision", "mod_revision" };
	struct str v[4] = { STR_NULL, STR_NULL, STR_NULL, STR_NULL };
	enum kodo_err err;

	if (jread_kind(object) != JREAD_OBJECT)
		return KODO_EIO;
	err = jread_fields(e->jread, object, names, 4, v);
	if (err == KODO_OK)
		err = bytes_of(e, v[0], &kv->key);
	if (err == KODO_OK)
		err = bytes_of(e, v[1], &kv->value);
	kv->create_revision = number_of(e, v[2]);
	kv->mod_revision = number_of(e, v[3]);
	return err == KODO_EINVAL ? KODO_EIO : err;
}

/* A list of keys, or of events with a key each. */
static enum kodo_err
read_kvs(struct etcd *e, struct str list, bool are_events, const struct etcd_kv **out, size_t *n)
{
	struct jread_walk w;
	struct str key, value;
	struct etcd_kv *all = NULL;
	size_t cap = 0;
	enum kodo_err err = KODO_OK;

	*n = 0;
	if (jread_kind(list) != JREAD_LIST)
		return KODO_OK;
	jread_begin(&w, list);
	while (err == KODO_OK && jread_next(&w, &key, &value)) {
		all = arena_grow(e->a, all, *n, &cap, sizeof(*all));
		if (all == NULL)
			return KODO_ENOMEM;
		all[*n] = (struct etcd_kv){ .is_deleted = are_events &&
		    str_eq(text_of(e, member(e, value, "type")), STR("DELETE")) };
		err = read_kv(e, are_events ? member(e, value, "kv") : value, &all[(*n)++]);
	}
	*out = all;
	return err;
}

/* gRPC's codes, as the gateway gives them. */
static enum kodo_err
error_of(uint64_t code)
{
	static const struct {
		uint64_t code;
		enum kodo_err err;
	} rows[] = {
		{ 3, KODO_EIO },	/* invalid argument: it is too large */
		{ 5, KODO_ENOTFOUND },	/* a lease */
		{ 8, KODO_EFULL },	/* database space exceeded; or too many requests */
		{ 7, KODO_EIO },	/* permission denied */
		{ 9, KODO_EIO },	/* failed precondition */
		{ 11, KODO_ECONFLICT },	/* out of range: compacted, or a revision to come */
		{ 12, KODO_EIO },	/* unimplemented */
		{ 16, KODO_EIO },	/* unauthenticated */
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].code == code)
			return rows[i].err;
	/* no leader, timed out, cancelled, internal, ..: it may have been done */
	return KODO_EBUSY;
}

/* {"error":..,"code":..}, or within a stream {"error":{"grpc_code":..,"message":..}}. */
bool
etcd_read_error(struct etcd *e, struct str object, enum kodo_err *err, struct str *words)
{
	struct str fault = member(e, object, "error");
	uint64_t code;

	if (fault.p == NULL)
		return false;
	code = number_of(e, member(e, object, "code"));
	if (jread_kind(fault) == JREAD_OBJECT) {
		*words = text_of(e, member(e, fault, "message"));
		code = number_of(e, member(e, fault, "grpc_code"));
		if (code == 0)
			code = number_of(e, member(e, fault, "code"));
	} else {
		*words = text_of(e, fault);
	}
	*err = error_of(code);
	return true;
}

static enum kodo_err
read_fates(struct etcd *e, struct str list, struct etcd_answer *an)
{
	struct jread_walk w;
	struct str key, value;
	enum etcd_put_fate *all = arena_alloc(e->a, ETCD_TXN_PUTS * sizeof(*all));

	if (all == NULL)
		return KODO_ENOMEM;
	if (jread_kind(list) != JREAD_LIST)
		return KODO_OK;
	jread_begin(&w, list);
	while (jread_next(&w, &key, &value) && an->n_fates < ETCD_TXN_PUTS) {
		struct str inner = member(e, value, "response_txn");
		struct str range = STR_NULL, first = member(e, inner, "responses");
		struct jread_walk w2;
		bool is_there = false;

		if (jread_kind(first) == JREAD_LIST) {
			jread_begin(&w2, first);
			if (jread_next(&w2, &key, &value))
				range = member(e, value, "response_range");
			is_there = number_of(e, member(e, range, "count")) > 0;
		}
		all[an->n_fates++] = is_true(member(e, inner, "succeeded")) ? ETCD_PUT_DONE
		    : is_there ? ETCD_PUT_EXISTS : ETCD_PUT_FENCED;
	}
	an->fates = all;
	return KODO_OK;
}

/* Of a claim that failed: what is there, from the range in its place. */
static enum kodo_err
read_claimed(struct etcd *e, struct str list, struct etcd_answer *an)
{
	struct jread_walk w;
	struct str key, value, range;

	if (jread_kind(list) != JREAD_LIST)
		return KODO_OK;
	jread_begin(&w, list);
	if (!jread_next(&w, &key, &value))
		return KODO_OK;
	range = member(e, value, "response_range");
	return range.p == NULL ? KODO_OK
	    : read_kvs(e, member(e, range, "kvs"), false, &an->kvs, &an->n_kvs);
}

static void
read_alarms(struct etcd *e, struct str list, struct etcd_answer *an)
{
	struct jread_walk w;
	struct str key, value;

	if (jread_kind(list) != JREAD_LIST)
		return;
	jread_begin(&w, list);
	while (jread_next(&w, &key, &value) && an->n_alarms < 4) {
		if (an->n_alarms == 0)
			an->is_corrupt =
			    str_eq(text_of(e, member(e, value, "alarm")), STR("CORRUPT"));
		an->alarms[an->n_alarms++] = number_of(e, member(e, value, "memberID"));
	}
}

enum kodo_err
etcd_read_answer(struct etcd *e, struct str text, struct etcd_answer *an)
{
	struct jread_fault fault;
	struct str object, header, result, responses;
	enum kodo_err err;

	if (!jread_check(text, &object, &fault))
		return KODO_EBUSY;
	if (etcd_read_error(e, object, &an->err, &an->words))
		return an->err;
	result = member(e, object, "result");	/* of a stream with one message */
	if (result.p != NULL)
		object = result;
	header = member(e, object, "header");
	an->cluster_id = number_of(e, member(e, header, "cluster_id"));
	an->member_id = number_of(e, member(e, header, "member_id"));
	an->revision = number_of(e, member(e, header, "revision"));
	an->is_done = is_true(member(e, object, "succeeded"));
	an->more = is_true(member(e, object, "more"));
	an->lease = number_of(e, member(e, object, "ID"));
	an->ttl_s = number_of(e, member(e, object, "TTL"));
	an->db_bytes = number_of(e, member(e, object, "dbSize"));
	an->used_bytes = number_of(e, member(e, object, "dbSizeInUse"));
	an->leader_id = number_of(e, member(e, object, "leader"));
	an->version = text_of(e, member(e, object, "version"));
	if (an->version.p == NULL)
		an->version = text_of(e, member(e, object, "etcdserver"));
	read_alarms(e, member(e, object, "alarms"), an);
	err = read_kvs(e, member(e, object, "kvs"), false, &an->kvs, &an->n_kvs);
	responses = member(e, object, "responses");
	if (err == KODO_OK && responses.p != NULL && an->kvs == NULL)
		err = read_fates(e, responses, an);
	if (err == KODO_OK && responses.p != NULL && !an->is_done)
		err = read_claimed(e, responses, an);
	return err;
}

void
etcd_read_message(struct etcd *e, struct str text, struct etcd_message *m)
{
	struct jread_fault fault;
	struct str object, result;

	if (!jread_check(text, &object, &fault)) {
		m->is_over = true;
		m->err = KODO_EIO;
		return;
	}
	if (etcd_read_error(e, object, &m->err, &m->words)) {
		m->is_over = true;
		return;
	}
	result = member(e, object, "result");
	m->is_fragment = is_true(member(e, result, "fragment"));
	m->err = read_kvs(e, member(e, result, "events"), true, &m->events, &m->n);
	m->compact_revision = number_of(e, member(e, result, "compact_revision"));
	m->is_over = is_true(member(e, result, "canceled")) || m->err != KODO_OK;
	m->words = text_of(e, member(e, result, "cancel_reason"));
	if (m->compact_revision > 0)
		m->err = KODO_ECONFLICT;
	else if (m->is_over && m->err == KODO_OK)
		m->err = KODO_EBUSY;
}
