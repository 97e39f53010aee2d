#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "core/storage/cluster_status.h"
#include "core/storage/machine.h"

#define TOLD_US	(6ll * 1000000)	/* so long nothing may be told */

enum field_type { F_TEXT, F_U64, F_I64, F_BOOL };

struct field {
	const char *name;
	enum field_type type;
	size_t offset, size;
};

#define TEXT(s, m)	{ #m, F_TEXT, offsetof(struct s, m), sizeof(((struct s *)NULL)->m) }
#define NUMBER(s, m)	{ #m, F_U64, offsetof(struct s, m), 0 }
#define TIME(s, m)	{ #m, F_I64, offsetof(struct s, m), 0 }
#define BOOL(s, m)	{ #m, F_BOOL, offsetof(struct s, m), 0 }

static const struct field fields[] = {
	TEXT(cluster_status, name), TEXT(cluster_status, machine), TEXT(cluster_status, leader),
	TEXT(cluster_status, stopped), TEXT(cluster_status, etcd_version),
	TEXT(cluster_status, options), TEXT(cluster_status, key),
	TEXT(cluster_status, admin), TEXT(cluster_status, boot), NUMBER(cluster_status, cluster_id),
	NUMBER(cluster_status, revision), NUMBER(cluster_status, differs),
	NUMBER(cluster_status, token),
	NUMBER(cluster_status, queued), NUMBER(cluster_status, db_bytes),
	NUMBER(cluster_status, n_alarms), NUMBER(cluster_status, alarm_member),
	TIME(cluster_status, told_us), TIME(cluster_status, send_until_us),
	TIME(cluster_status, behind_us), BOOL(cluster_status, has_quorum),
	BOOL(cluster_status, is_catching_up), BOOL(cluster_status, is_corrupt),
};

static const struct field member_fields[] = {
	TEXT(cluster_member, name), TEXT(cluster_member, url), TEXT(cluster_member, version),
	TEXT(cluster_member, options), TEXT(cluster_member, key),
	TEXT(cluster_member, folding), NUMBER(cluster_member, applied),
	NUMBER(cluster_member, reached), NUMBER(cluster_member, behind),
	TIME(cluster_member, seen_us), TIME(cluster_member, heard_us),
	BOOL(cluster_member, is_ready), BOOL(cluster_member, is_live),
};

#define N(table)	(sizeof(table) / sizeof((table)[0]))
static const char member_line[] = "member";

static void
put_field(struct buf *out, const struct field *f, const void *record)
{
	const void *at = (const char *)record + f->offset;

	buf_printf(out, "%s=", f->name);
	switch (f->type) {
	case F_TEXT: buf_puts(out, at); break;
	case F_U64: buf_printf(out, "%" PRIu64, *(const uint64_t *)at); break;
	case F_I64: buf_printf(out, "%" PRId64, *(const int64_t *)at); break;
	case F_BOOL: buf_printf(out, "%d", *(const bool *)at); break;
	}
	buf_putc(out, '\n');
}

void
cluster_status_write(struct buf *out, const struct cluster_status *st)
{
	unsigned i;
	size_t k;

	for (k = 0; k < N(fields); k++)
		put_field(out, &fields[k], st);
	for (i = 0; i < st->n_members; i++) {
		buf_printf(out, "%s=\n", member_line);
		for (k = 0; k < N(member_fields); k++)
			put_field(out, &member_fields[k], &st->members[i]);
	}
}

static void
read_field(const struct field *f, void *record, struct str text)
{
	void *at = (char *)record + f->offset;
	char number[32];

	str_copy(number, sizeof(number), text);
	switch (f->type) {
	case F_TEXT: str_copy(at, f->size, text); break;
	case F_U64: *(uint64_t *)at = strtoull(number, NULL, 10); break;
	case F_I64: *(int64_t *)at = strtoll(number, NULL, 10); break;
	case F_BOOL: *(bool *)at = number[0] == '1'; break;
	}
}

static void
read_line(struct cluster_status *st, struct str line)
{
	const struct str name = str_cut(&line, '=');
	struct cluster_member *m = st->n_members == 0 ? NULL : &st->members[st->n_members - 1];
	const struct field *table = m == NULL ? fields : member_fields;
	const size_t n = m == NULL ? N(fields) : N(member_fields);
	size_t k;

	if (str_eq(name, STR("member"))) {
		if (st->n_members < CLUSTER_MEMBERS)
			st->n_members++;
		return;
	}
	for (k = 0; k < n; k++)
		if (str_eq(name, str_of(table[k].name)))
			read_field(&table[k], m == NULL ? (void *)st : (void *)m, line);
}

void
cluster_status_parse(struct cluster_status *st, struct str text)
{
	while (text.len > 0)
		read_line(st, str_cut(&text, '\n'));
}

/* Times of CLOCK_BOOTTIME mean nothing after a new start of the machine. */
static void
forget_times(struct cluster_status *st)
{
	char boot[STATE_BOOT_BYTES];
	unsigned i;

	state_boot_id(boot);
	if (strcmp(st->boot, boot) == 0)
		return;
	st->told_us = st->send_until_us = st->behind_us = 0;
	st->token = 0;
	st->leader[0] = '\0';
	st->has_quorum = false;
	for (i = 0; i < st->n_members; i++)
		st->members[i].heard_us = 0;
}

enum kodo_err
cluster_status_read(const struct state *s, struct cluster_status *out)
{
	struct arena *a;
	struct str text;
	enum kodo_err err;

	*out = (struct cluster_status){ .revision = 0 };
	if (!machine_is_member(s))
		return KODO_ENOTFOUND;
	a = arena_new();
	if (a == NULL)
		return KODO_ENOMEM;
	err = machine_read(s, a, MACHINE_STATUS, &text);
	if (err == KODO_OK)
		cluster_status_parse(out, text);
	if (err == KODO_OK)
		forget_times(out);
	arena_free(a);
	return err;
}

int64_t
cluster_boot_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

int64_t
cluster_silent_us(const struct cluster_status *st)
{
	return cluster_boot_us() - st->told_us;
}

int64_t
cluster_heard_us(const struct cluster_member *m, int64_t now_us)
{
	return m->heard_us == 0 ? m->seen_us : now_us - (cluster_boot_us() - m->heard_us);
}

uint64_t
cluster_behind(const struct cluster_status *st, const struct cluster_member *m)
{
	if (m->is_live)
		return m->behind;
	return m->applied < st->revision ? st->revision - m->applied : 0;
}

int64_t
cluster_lag_us(const struct cluster_status *st)
{
	const int64_t now_us = cluster_boot_us(), silent_us = cluster_silent_us(st);
	int64_t lag_us = st->behind_us == 0 ? 0 : now_us - st->behind_us;

	if (silent_us > TOLD_US && silent_us > lag_us)
		lag_us = silent_us;
	return lag_us;
}

bool
cluster_is_settled(const struct cluster_status *st)
{
	return st->queued == 0 && cluster_lag_us(st) == 0;
}

const char *
cluster_unready(const struct cluster_status *st)
{
	if (st->stopped[0] != '\0')
		return st->stopped;
	if (st->told_us == 0)
		return "the process of the cluster has not begun";
	if (cluster_silent_us(st) > CLUSTER_LAG_US)
		return "the process of the cluster's log does not run, or hangs";
	if (st->is_catching_up)
		return "this machine takes over the state of another one";
	if (cluster_lag_us(st) > CLUSTER_LAG_US)
		return "this machine is more than 10 s behind the cluster, or does not reach etcd";
	return NULL;
}
