/*
 * One lease of this machine: under it lie its record, which is written every 2 s and so tells
 * whether the watch is silent, and, where it is the first to take it, the key of the sender.
 *
 *	leader			machine, boot and lease; its create_revision is the token
 *	member/<machine>	a struct cluster_member, as cluster_status_write has it
 *	left			the machine that was forgotten last
 *
 * Who sends stops when two thirds of the lease have passed without a renewal: etcd counts from when
 * it heard of it, this machine from before it asked.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/isotime.h"
#include "core/base/log.h"
#include "core/base/utf8.h"
#include "cron/cluster/compare.h"
#include "cron/cluster/context.h"
#include "cron/cluster/identity.h"
#include "cron/cluster/lead.h"

#define BEAT_US		(2ll * 1000000)
#define TTL_US		(CLUSTER_TTL_S * 1000000ll)
#define SILENT_US	(2ll * 1000000)	/* so long what etcd has may not come by the watch */
#define LOOK_US		(30ll * 1000000)	/* at the health of etcd */
#define LOOK_FULL_US	(500ll * 1000)
#define NAMESAKES	2u

struct leader {
	struct context *e;
	uint64_t lease;
	int64_t renewed_us;	/* boottime, before etcd was asked */
	int64_t asked_us, beat_us, looked_us;	/* the last: 0: etcd is to be looked at now */
	bool is_renewing, is_beating, is_claiming;
	bool is_late;		/* the last attempt to renew it failed */
	bool is_free;		/* nobody sends, as far as is known */
	/* the record whose event must come, and when etcd had it */
	uint64_t beat_revision;
	uint64_t beat_applied;	/* when etcd was asked */
	int64_t beat_done_us;
	uint64_t first_beat;	/* revision of the first record of this process */
	unsigned n_namesakes;
	uint64_t heard;		/* what the watch has told, and when that was news */
	int64_t heard_us;
};

enum kodo_err
lead_new(struct context *e, struct leader **out)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return KODO_ENOMEM;
	(*out)->e = e;
	(*out)->is_free = true;
	return KODO_OK;
}

void
lead_free(struct leader *l)
{
	free(l);
}

/* --- the lease --- */

static void
send_no_more(struct leader *l)
{
	struct cluster_status *st = &l->e->status;

	if (st->token != 0)
		log_info("another machine may send from here on");
	st->token = 0;
	st->send_until_us = 0;
	l->e->is_changed = true;
}

static void
renewed(struct leader *l)
{
	struct cluster_status *st = &l->e->status;

	l->renewed_us = l->asked_us;
	/* the log does not go on here: what came of a message could not be told */
	if (st->token == 0 || st->is_catching_up)
		return;
	st->send_until_us = l->renewed_us + TTL_US * 2 / 3;
	l->e->is_changed = true;
}

static void
on_grant(void *arg, const struct etcd_answer *an)
{
	struct leader *l = arg;

	l->is_renewing = false;
	if (an->err != KODO_OK || an->lease == 0)
		return;
	l->lease = an->lease;
	l->beat_us = 0;
	renewed(l);
}

static void
on_keep(void *arg, const struct etcd_answer *an)
{
	struct leader *l = arg;

	l->is_renewing = false;
	l->is_late = an->err != KODO_OK && an->err != KODO_ENOTFOUND;
	if (l->is_late)
		return;
	if (an->ttl_s > 0) {
		renewed(l);
		return;
	}
	l->lease = 0;		/* it has ended, and all under it */
	send_no_more(l);
}

static void
renew(struct leader *l, int64_t now_us)
{
	const struct etcd_done grant = { on_grant, l }, keep = { on_keep, l };

	if (l->is_renewing || now_us - l->asked_us <
	    (l->lease == 0 || l->is_late ? TTL_US / 10 : TTL_US / 3))
		return;
	l->asked_us = now_us;
	l->is_renewing = (l->lease == 0 ? etcd_grant(l->e->etcd, CLUSTER_TTL_S, grant)
	    : etcd_keep_alive(l->e->etcd, l->lease, keep)) == KODO_OK;
}

/* Another machine sends, which can note what was sent. */
static void
give_up(struct leader *l)
{
	const struct etcd_done none = { NULL, NULL };

	if (etcd_revoke(l->e->etcd, l->lease, none) != KODO_OK)
		return;
	l->lease = 0;
	send_no_more(l);
}

/* --- who sends --- */

static void
wake_sender(const struct leader *l)
{
	if (state_wake(l->e->state) != KODO_OK)
		log_debug("no runner waits");
}

static struct str
own_claim(const struct leader *l, char out[KEY_BYTES])
{
	const int n = snprintf(out, KEY_BYTES, "%s %s %" PRIu64, l->e->name, l->e->boot, l->lease);

	return (struct str){ out, (size_t)n };
}

static void
note_leader(struct leader *l, struct str value)
{
	char own[KEY_BYTES];
	/* where this one's claim was taken, and nobody said so, the next one learns of it */
	const bool is_own = str_eq(value, own_claim(l, own));
	const struct str name = str_cut(&value, ' ');

	l->is_free = is_own && l->e->status.token == 0;
	str_copy(l->e->status.leader, sizeof(l->e->status.leader), name);
	l->e->is_changed = true;
}

static void
on_claim(void *arg, const struct etcd_answer *an)
{
	struct leader *l = arg;
	struct cluster_status *st = &l->e->status;
	char own[KEY_BYTES];
	const struct str claim = own_claim(l, own);
	uint64_t token;

	l->is_claiming = false;
	if (an->err != KODO_OK || l->lease == 0)
		return;
	if (!an->is_done && an->n_kvs == 0)
		return;
	note_leader(l, an->is_done ? claim : an->kvs[0].value);
	token = an->is_done ? an->revision
	    : str_eq(an->kvs[0].value, claim) ? an->kvs[0].create_revision : 0;
	if (token == 0 || st->token == token)
		return;
	st->token = token;
	st->send_until_us = l->renewed_us + TTL_US * 2 / 3;
	log_info("this machine sends for the cluster (token %" PRIu64 ")", token);
	wake_sender(l);
}

static void
claim(struct leader *l)
{
	const struct etcd_done done = { on_claim, l };
	char key[KEY_BYTES], own[KEY_BYTES];

	/* only who has all that was sent so far knows what is to be sent */
	if (l->is_claiming || !l->is_free || l->lease == 0 || l->e->status.token != 0 ||
	    l->e->status.behind_us != 0 || l->e->status.is_catching_up || l->e->is_stuck)
		return;
	l->is_claiming = etcd_claim(l->e->etcd, context_key(l->e, key, "leader"), own_claim(l, own),
	    l->lease, done) == KODO_OK;
}

/* --- this machine's record --- */

static void
note_full(struct leader *l, bool is_full)
{
	if (is_full == l->e->is_full)
		return;
	log_at(is_full ? LOG_ERROR : LOG_INFO, is_full ?
	    "etcd is over its quota: no writes are taken until its alarm is disarmed" :
	    "etcd takes writes again");
	l->e->is_full = is_full;
	l->looked_us = 0;	/* which member it is */
}

static void
on_beat(void *arg, const struct etcd_answer *an)
{
	struct leader *l = arg;

	l->is_beating = false;
	if (an->err == KODO_OK || an->err == KODO_EFULL) {
		context_note_quorum(l->e);
		note_full(l, an->err == KODO_EFULL);
	}
	if (an->err == KODO_ENOTFOUND) {
		l->lease = 0;
		send_no_more(l);
	}
	if (an->err != KODO_OK || !context_may_believe(l->e, an, l->beat_applied))
		return;
	if (l->first_beat == 0)
		l->first_beat = an->revision;
	if (l->beat_revision == 0) {
		l->beat_revision = an->revision;
		l->beat_done_us = cluster_boot_us();
	}
}

static void
beat(struct leader *l, int64_t now_us)
{
	const struct cluster_status *st = &l->e->status;
	const struct etcd_done done = { on_beat, l };
	struct cluster_status one = { .n_members = 1 };
	struct cluster_member *m = &one.members[0];
	struct buf text = BUF_INIT(0);
	char key[KEY_BYTES];

	if (l->is_beating || l->lease == 0 || now_us - l->beat_us < BEAT_US)
		return;
	l->beat_us = now_us;
	(void)identity_tick(l->e);
	l->beat_applied = l->e->applied;
	str_copy(m->name, sizeof(m->name), str_of(l->e->name));
	str_copy(m->url, sizeof(m->url), l->e->options.machine_url);
	str_copy(m->version, sizeof(m->version), STR(PACKAGE_VERSION));
	str_copy(m->options, sizeof(m->options), str_of(st->options));
	str_copy(m->key, sizeof(m->key), str_of(st->key));
	str_copy(m->folding, sizeof(m->folding), str_of(utf8_version()));
	m->applied = l->e->applied;
	m->reached = l->e->seen > l->e->applied ? l->e->seen : l->e->applied;
	m->seen_us = isotime_now_us();
	m->is_ready = cluster_unready(st) == NULL;
	m->is_live = true;
	cluster_status_write(&text, &one);
	l->is_beating = !buf_failed(&text) &&
	    etcd_put(l->e->etcd, context_key(l->e, key, "member/%s", l->e->name), buf_str(&text),
		l->lease, done) == KODO_OK;
	buf_free(&text);
}

/* What etcd has must come by the watch: a silent one begins anew. */
static void
listen_to_watch(struct leader *l, int64_t now_us)
{
	struct context *e = l->e;
	/* how far the log is, one learns from the first beat; nobody sends before that */
	const bool is_known = e->status.has_quorum && l->beat_done_us != 0;
	int64_t behind_us = 0;

	/* a long log is told little by little */
	if (e->seen != l->heard) {
		l->heard = e->seen;
		l->heard_us = now_us;
	}
	if (e->status.is_catching_up || (l->beat_revision != 0 && e->seen >= l->beat_revision))
		l->beat_revision = 0;
	if (l->beat_revision != 0)
		behind_us = e->status.behind_us != 0 ? e->status.behind_us : l->beat_done_us;
	else if (!is_known && e->status.behind_us != 0)
		behind_us = e->status.behind_us;
	else if (!is_known)
		behind_us = now_us;
	if ((behind_us == 0) != (e->status.behind_us == 0))
		e->is_changed = true;
	e->status.behind_us = behind_us;
	if (l->beat_revision != 0 && now_us - l->beat_done_us > SILENT_US &&
	    now_us - l->heard_us > SILENT_US) {
		log_warning("the watch of etcd is silent: it begins anew");
		l->beat_done_us = now_us;
		e->is_watch_silent = true;
	}
}

/* --- events --- */

/*
 * A record of this name that another process has written since this one wrote its own. One may have
 * been under way from the process before this one.
 */
static void
look_for_namesake(struct leader *l, const struct cluster_member *m, const struct etcd_kv *kv)
{
	if (strcmp(m->name, l->e->name) != 0 || l->first_beat == 0 ||
	    kv->mod_revision <= l->first_beat || strcmp(m->key, l->e->status.key) == 0)
		return;
	if (++l->n_namesakes >= NAMESAKES)
		context_stop(l->e, "another machine of the cluster is called %s, too: give each "
		    "one its own name (machine), and start both again", m->name);
}

static void
take_member(struct leader *l, struct str name, const struct etcd_kv *kv)
{
	struct cluster_status *st = &l->e->status, read = { .n_members = 0 };
	struct cluster_member *m = NULL;
	unsigned i;

	for (i = 0; i < st->n_members; i++)
		if (str_eq(str_of(st->members[i].name), name))
			m = &st->members[i];
	l->e->is_changed = true;
	if (kv->is_deleted) {
		if (m != NULL)
			m->is_live = false;
		return;
	}
	if (m == NULL && st->n_members == CLUSTER_MEMBERS)
		return;
	cluster_status_parse(&read, kv->value);
	if (read.n_members != 1 || !str_eq(str_of(read.members[0].name), name))
		return;
	if (m == NULL)
		m = &st->members[st->n_members++];
	*m = read.members[0];
	m->heard_us = cluster_boot_us();
	if (m->reached == 0)
		m->reached = m->applied;
	m->behind = kv->mod_revision > m->reached ? kv->mod_revision - 1 - m->reached : 0;
	look_for_namesake(l, m, kv);
}

static void
forget_member(struct leader *l, struct str name)
{
	struct cluster_status *st = &l->e->status;
	unsigned i;

	for (i = 0; i < st->n_members; i++)
		if (str_eq(str_of(st->members[i].name), name) && !st->members[i].is_live)
			st->members[i] = st->members[--st->n_members];
	l->e->is_changed = true;
}

void
lead_event(struct leader *l, struct str key, const struct etcd_kv *kv)
{
	if (str_starts(key, STR("member/"))) {
		take_member(l, str_skip(key, strlen("member/")), kv);
	} else if (str_starts(key, STR("digest/"))) {
		compare_event(l->e->comparer, str_skip(key, strlen("digest/")), kv);
	} else if (!kv->is_deleted && identity_event(l->e, key, kv->value)) {
		return;
	} else if (str_eq(key, STR("left"))) {
		forget_member(l, kv->value);
	} else if (str_eq(key, STR("leader"))) {
		/* told again, by a watch that began anew: it was before this one's claim */
		if (kv->mod_revision <= l->e->status.token)
			return;
		if (!kv->is_deleted) {
			note_leader(l, kv->value);
			return;
		}
		l->is_free = true;
		l->e->status.leader[0] = '\0';
		if (l->e->status.token != 0)
			send_no_more(l);
	}
}

void
lead_applied(struct leader *l)
{
	/* who sends has work, perhaps */
	if (l->e->status.token != 0)
		wake_sender(l);
}

/* --- the health of etcd --- */

static void
on_status(void *arg, const struct etcd_answer *an)
{
	struct leader *l = arg;

	if (an->err != KODO_OK)
		return;
	l->e->status.db_bytes = an->db_bytes;
	l->e->etcd_used = an->used_bytes;
	l->e->etcd_revision = an->revision;
}

static void
on_alarms(void *arg, const struct etcd_answer *an)
{
	struct leader *l = arg;

	if (an->err != KODO_OK)
		return;
	l->e->status.n_alarms = an->n_alarms;
	l->e->status.alarm_member = an->n_alarms > 0 ? an->alarms[0] : 0;
	l->e->status.is_corrupt = an->is_corrupt;
}

static void
note_room(struct context *e)
{
	/* of an alarm people are told by note_full */
	const bool is_full = !e->is_full && !context_has_room(e, 0);

	if (is_full == e->is_log_full)
		return;
	e->is_log_full = is_full;
	if (!is_full)
		log_info("the log has room again");
	else if (e->status.db_bytes > LOG_FILE(e->quota))
		log_error("the file of etcd has nearly its quota: no writes are taken until it is "
		    "defragmented (etcdctl defrag), one member after the other");
	else
		log_error("etcd has three quarters of its quota in use: no writes are taken until "
		    "the log is trimmed; where that does not help, kodo cluster status says who is "
		    "behind");
}

static void
look(struct leader *l, int64_t now_us)
{
	const struct etcd_done status = { on_status, l }, alarms = { on_alarms, l };
	const struct context *e = l->e;

	if (l->looked_us != 0 && now_us - l->looked_us < (e->is_log_full ? LOOK_FULL_US :
		log_size_behind(&e->log, e->etcd_revision) >= LOG_UNTRIMMED(e->quota)
		? BEAT_US : LOOK_US))
		return;
	l->looked_us = now_us;
	/* what was told of who sends may have come by a state that was taken over */
	l->is_free |= e->status.token == 0;
	if (etcd_status(e->etcd, status) != KODO_OK || etcd_alarms(e->etcd, alarms) != KODO_OK)
		log_debug("too many calls at once");
}

/* --- a machine that has stopped --- */

static void
on_majority(void *arg, const struct etcd_answer *an)
{
	struct leader *l = arg;

	l->is_beating = false;
	if (an->err == KODO_OK)
		context_note_quorum(l->e);
}

/* It writes nothing any more, its record neither: is a majority there? */
static void
ask_majority(struct leader *l, int64_t now_us)
{
	const struct etcd_done done = { on_majority, l };
	char key[KEY_BYTES];

	if (l->is_beating || now_us - l->beat_us < BEAT_US)
		return;
	l->beat_us = now_us;
	l->is_beating = etcd_range(l->e->etcd, context_key(l->e, key, "leader"), STR_NULL, 1, true,
	    done) == KODO_OK;
}

void
lead_tick(struct leader *l)
{
	struct context *e = l->e;
	const int64_t now_us = cluster_boot_us();

	if (e->status.stopped[0] != '\0') {
		if (e->status.token != 0)
			send_no_more(l);
		if (l->lease != 0)
			give_up(l);	/* another one sends at once */
		ask_majority(l, now_us);
		return;
	}
	if (!e->is_joined)
		return;
	if (e->status.token != 0 && now_us >= e->status.send_until_us)
		e->is_changed = true;
	if (e->is_stuck && e->status.token != 0)
		give_up(l);
	renew(l, now_us);
	beat(l, now_us);
	listen_to_watch(l, now_us);
	claim(l);
	compare_tick(e->comparer, l->lease);
	look(l, now_us);
	note_room(e);
}

void
lead_end(struct leader *l)
{
	const struct etcd_done none = { NULL, NULL };

	/* so that another one sends at once */
	if (l->lease != 0 && etcd_revoke(l->e->etcd, l->lease, none) == KODO_OK) {
		etcd_wait(l->e->etcd, NULL, 0, 0);
		etcd_wait(l->e->etcd, NULL, 0, 200);
	}
}
