#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/base/log.h"
#include "cron/cluster/context.h"

#define QUORUM_US	(4ll * 1000000)	/* longer than etcd takes for a new leader, mostly */

void
context_stop(struct context *e, const char *fmt, ...)
{
	va_list ap;

	if (e->status.stopped[0] != '\0')
		return;
	va_start(ap, fmt);
	vsnprintf(e->status.stopped, sizeof(e->status.stopped), fmt, ap);
	va_end(ap);
	log_error("this machine takes no writes: %s", e->status.stopped);
	e->is_changed = true;
}

bool
context_may_believe(struct context *e, const struct etcd_answer *an, uint64_t applied)
{
	if (an->cluster_id == 0)
		return false;
	if (e->status.cluster_id != 0 && an->cluster_id != e->status.cluster_id)
		context_stop(e, "etcd is another one (%016" PRIx64 ", not %016" PRIx64 "): "
		    "point cluster at the old one, or make this state the first of a new "
		    "cluster with kodo cluster init", an->cluster_id, e->status.cluster_id);
	else if (an->revision < applied)
		context_stop(e, "etcd is at revision %" PRIu64 ", and this state at %" PRIu64
		    ": etcd was restored from a backup; make this state the first of a new "
		    "cluster with kodo cluster init", an->revision, applied);
	else if (e->status.cluster_id == 0)
		e->status.cluster_id = an->cluster_id;
	return e->status.stopped[0] == '\0' || e->poison != 0;
}

void
context_note_quorum(struct context *e)
{
	const int64_t now_us = cluster_boot_us();

	if (now_us > e->quorum_us)
		e->quorum_us = now_us;
}

bool
context_has_quorum(struct context *e)
{
	const bool has = cluster_boot_us() < e->quorum_us + QUORUM_US;

	if (has != e->status.has_quorum) {
		log_at(has ? LOG_INFO : LOG_WARNING, has ? "a majority of etcd answers" :
		    "no majority of etcd answers: no writes are taken, reads go on");
		e->status.has_quorum = has;
		e->is_changed = true;
	}
	return has;
}

bool
context_can_apply(const struct context *e)
{
	return e->status.stopped[0] == '\0' && !e->is_stuck;
}

bool
context_takes_writes(struct context *e)
{
	return context_has_quorum(e) && context_can_apply(e);
}

bool
context_has_room(const struct context *e, uint64_t bytes)
{
	return !e->is_full && e->etcd_used + log_size_behind(&e->log, e->etcd_revision) + bytes <=
	    LOG_FULL(e->quota) && e->status.db_bytes <= LOG_FILE(e->quota);
}

struct str
context_key(struct context *e, char out[KEY_BYTES], const char *fmt, ...)
{
	size_t len = strlen(e->prefix);
	va_list ap;
	int n;

	memcpy(out, e->prefix, len);
	va_start(ap, fmt);
	n = vsnprintf(out + len, KEY_BYTES - len, fmt, ap);
	va_end(ap);
	return (struct str){ out, len + (n > 0 ? (size_t)n : 0) };
}

struct str
context_key_end(struct str key, char out[KEY_BYTES])
{
	memcpy(out, key.p, key.len);
	out[key.len - 1]++;	/* a slash: no carry */
	return (struct str){ out, key.len };
}
