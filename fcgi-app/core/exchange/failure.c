#include <stdio.h>

#include "core/base/utf8.h"
#include "core/exchange/failure.h"
#include "core/exchange/stranger.h"
#include "core/merge/alive.h"

#define JITTER 10 /* per cent, upwards */
#define CHECK_JITTER 20
#define ASK_TRIES 100u /* of one that is neither target nor provider any more: an hour */

/* span plus up to percent of it; the spread comes from what differs between peers and attempts. */
static int64_t
jittered(int64_t span_us, unsigned percent, const struct change *ch, const struct peer *p)
{
	uint64_t h = (ch->head.state_id ^ p->id * 0x9e3779b97f4a7c15u) + (uint64_t)ch->now_us;

	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	h ^= h >> 33;
	return span_us + span_us / 100 * (int64_t)(h % (percent + 1));
}

void
digest_check_later(struct change *ch, struct peer *p)
{
	const int64_t wait_us = (p->flags & PEER_CHECK_AGAIN) != 0
	    ? PEER_HEARD_US : jittered(PEER_CHECK_US, CHECK_JITTER, ch, p);

	if ((p->flags & PEER_RESYNC) != 0)
		return;
	p->flags &= ~(unsigned)PEER_CHECK_AGAIN;
	p->out.check_us =
	    peer_is_live_target(p) && p->out.connected_us != 0 ? ch->now_us + wait_us : 0;
}

/* What a peer wrote, as a line that people and JSON can have. */
static void
line_of(struct str text, char *out, size_t size)
{
	size_t pos = 0, n = 0;

	while (pos < text.len && n + 4 < size) {
		uint32_t cp = utf8_next(text, &pos);

		n += utf8_put(cp < ' ' || cp == 0x7f ? ' ' : cp, out + n);
	}
	out[n] = '\0';
}

/* Less the query, which may hold a key, and the fragment. */
static struct str
plain_url(struct str url)
{
	size_t n = 0;

	while (n < url.len && url.p[n] != '?' && url.p[n] != '#')
		n++;
	return (struct str){ url.p, n };
}

/*
 * The url of a service, if both lead to the same of its endpoints, which are one word each: what
 * stands before the last slash. Null: another page, as of a login.
 */
static struct str
moved_base(struct str asked, struct str to)
{
	size_t n = asked.len;
	struct str endpoint;

	while (n > 0 && asked.p[n - 1] != '/')
		n--;
	endpoint = str_skip(asked, n == 0 ? 0 : n - 1);
	if (endpoint.len > 1 && str_ends(to, STR("/")))
		to.len--;
	if (!str_ends(to, endpoint))
		return STR_NULL;
	to.len -= endpoint.len;
	while (str_ends(to, STR("/")))
		to.len--;
	return str_eq(to, (struct str){ asked.p, asked.len - endpoint.len }) ? STR_NULL : to;
}

void
failure_redirect(struct str asked, const char *moved, const char *option, char out[FAILURE_BYTES])
{
	struct str base;
	char to[FAILURE_BYTES / 2 - 30];

	out[0] = '\0';
	if (moved == NULL)
		return;
	line_of(plain_url(str_of(moved)), to, sizeof(to));
	base = moved_base(plain_url(asked), str_of(to));
	if (base.len == 0 || option == NULL)
		snprintf(out, FAILURE_BYTES, "redirects to %s", to);
	else
		snprintf(out, FAILURE_BYTES, "redirects to %s; write %.*s into %s", to,
		    STR_ARG(base), option);
}

void
failure_words(const struct exchange_job *job, const struct exchange_result *res,
    char out[FAILURE_BYTES])
{
	char line[200], moved[FAILURE_BYTES];

	line_of(res->body, line, sizeof(line));
	failure_redirect(job->url, res->moved, job->is_target ? "connect" : NULL, moved);
	if (res->status == 0)
		snprintf(out, FAILURE_BYTES, "%s", res->error != NULL ? res->error : "no answer");
	else
		snprintf(out, FAILURE_BYTES, "HTTP status %u: %.650s", res->status,
		    moved[0] != '\0' ? moved : line);
}

const char *
failure_remedy(const char *words)
{
	static const struct {
		const char *in, *remedy;
	} rows[] = {
		{ "redirects to", "correct its url" },
		{ "is this service itself", "take it out of connect" },
		{ "HTTPS port", "it speaks https: correct its url" },
		{ "SSL-enabled server", "it speaks https: correct its url" },
		{ "HTTP/0.9", "it may speak https: correct its url" },
		{ "wrong version number", "it may speak http: correct its url" },
		{ "unexpected TLS packet", "it may speak http: correct its url" },
		{ "HTTP status 401", "its web server asks for a password: open its paths there" },
		{ "HTTP status 403", "its web server or its option accept refuses us: see there" },
		{ "HTTP status 404", "no registry answers there: correct its url" },
		{ "HTTP status 405", "no registry answers there: correct its url" },
		{ "HTTP status 4", "it does not take what we send: see its log" },
		{ "HTTP status 5", "it is in trouble: see its log, and that of its web server" },
		{ "resolve", "the name has no address: correct the url, or the name server in "
		    "/etc/resolv.conf" },
		{ "certificate", "its certificate is not trusted: renew it there, or install "
		    "ca-certificates here" },
		{ "SSL", "TLS fails: see its certificate, and ca-certificates here" },
		{ "is private", "set private: true, if it may be a peer" },
		{ "connect", "no program listens there: start the service, or open the firewall" },
		{ "Timeout", "it does not answer in time: see whether it is overloaded" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcasestr(words, rows[i].in) != NULL)
			return rows[i].remedy;
	return "see that it runs and answers";
}

enum kodo_err
failure_keep(struct change *ch, struct peer *p, const struct outcome *oc)
{
	char text[FAILURE_BYTES];

	failure_words(oc->job, oc->res, text);
	return arena_str(ch->a, str_of(text), &p->out.error);
}

void
failure_asked(const struct change *ch, struct peer *p, const struct exchange_result *res)
{
	/* strangers are many, and wait for a probe alone */
	const int64_t most_us = peer_is_stranger(p) ? PEER_PAUSE_US : PEER_ASKED_US;
	int64_t us = (int64_t)res->retry_after_s * 1000000;

	if (us > most_us)
		us = most_us;
	p->out.asked_us = us == 0 ? 0 : ch->now_us + jittered(us, JITTER, ch, p);
}

void
failure_hold(const struct change *ch, struct peer *p, struct outcome *oc)
{
	int64_t until_us = ch->now_us + PEER_PAUSE_US;

	if (!peer_is_asking(p, ch->now_us))
		return;
	if (until_us > p->out.asked_us)
		until_us = p->out.asked_us;
	if (p->out.due_us < until_us)
		p->out.due_us = until_us;
	if (p->out.check_us != 0 && p->out.check_us < until_us)
		p->out.check_us = until_us;
	if (peer_is_stranger(p) || p->out.asked_us - ch->now_us <= PEER_BACKOFF_MAX_US)
		return;
	if ((p->flags & PEER_PAUSED) == 0)
		snprintf(oc->note, sizeof(oc->note), "paused %.*s for %lld s, as it asks for",
		    STR_ARG(p->url), (long long)(p->out.asked_us - ch->now_us) / 1000000);
	p->flags |= PEER_PAUSED;
}

enum kodo_err
failure_put_off(struct change *ch, struct peer *p, struct outcome *oc)
{
	if (!peer_has_work(p) && (p->flags & PEER_NOTIFIED) != 0 &&
	    peer_pos(p) < ch->head.notified)
		p->out.work[WORK_NOTIFY] = oc->job->gen;
	failure_hold(ch, p, oc);
	return peer_is_watched(p) && p->liveness.due_us <= ch->now_us
	    ? alive_missed(ch, p) : KODO_OK;
}

int64_t
failure_next_us(
    const struct change *ch, const struct peer *p, const struct outcome *oc, int64_t wait_us)
{
	const int64_t soon_us = ch->now_us + (wait_us < PEER_HEARD_US ? wait_us : PEER_HEARD_US);
	int64_t at_us = oc->job->begun_us;

	if (at_us > ch->now_us) /* clock set back */
		at_us = ch->now_us;
	at_us += jittered(wait_us, JITTER, ch, p);
	return at_us < soon_us ? soon_us : at_us;
}

static void
failure_note(struct change *ch, struct peer *p)
{
	p->out.failures++;
	p->out.failed_us = ch->now_us;
}

static void
attempt_count(struct change *ch, struct peer *p)
{
	failure_note(ch, p);
	if (p->out.attempts < UINT32_MAX)
		p->out.attempts++;
}

/* What a target missed meanwhile, or forgot, is to be found soon after the link is back. */
static void
digest_check_again(struct change *ch, struct peer *p, const struct outcome *oc)
{
	if ((p->flags & PEER_RESYNC) == 0 && p->out.check_us != 0 &&
	    p->out.failures < PEER_SHORT_TRIES)
		p->out.check_us = failure_next_us(ch, p, oc, PEER_SHORT_PAUSE_US);
	/* an owner that is no target, see resync_ask */
	else if ((p->flags & PEER_CONNECTS) != 0 && !peer_is_live_target(p))
		change_want(ch, p, WORK_RECONNECT, false);
}

bool
failure_is_no_registry(const struct outcome *oc)
{
	return oc->job->kind == EXCHANGE_CONNECT && oc->res->status == 404;
}

/* is_refused: it has answered that it does not want this, and not that something is wrong there. */
static enum kodo_err
pause_as(struct change *ch, struct peer *p, struct outcome *oc, bool is_refused)
{
	enum kodo_err err = failure_keep(ch, p, oc);

	if ((p->flags & PEER_PAUSED) == 0 && p->out.attempts <= change_patience(ch))
		snprintf(oc->note, sizeof(oc->note),
		    "paused %.*s (%.*s), tried again later", STR_ARG(oc->job->url),
		    STR_ARG(p->out.error));
	p->flags |= PEER_PAUSED;
	p->out.due_us = failure_next_us(ch, p, oc, peer_pause_us(p, is_refused));
	/* of whom nothing is known any more nothing is wanted for ever */
	if ((p->flags & (PEER_TARGET | PEER_PROVIDER)) == 0 && p->out.failures >= ASK_TRIES)
		p->out.work[WORK_RECONNECT] = 0;
	if (oc->job->kind == EXCHANGE_CONNECT) {
		p->out.connected_us = 0;
		digest_check_later(ch, p);
	}
	return err;
}

enum kodo_err
failure_pause(struct change *ch, struct peer *p, struct outcome *oc)
{
	attempt_count(ch, p);
	return pause_as(ch, p, oc, !failure_is_no_registry(oc));
}

/*
 * Its waits double up to the longest, for there may be very many of its kind, and in the end it is
 * dropped; but not soon after it spoke, as it is likely to be there though its answers get lost. Of
 * who answers, and not as a peer does, nothing is lost: anybody may speak in its name.
 */
static enum kodo_err
stranger_retry(struct change *ch, struct peer *p, struct outcome *oc, bool has_spoken)
{
	const bool is_last = p->out.attempts >= change_patience(ch);
	int64_t most = PEER_PAUSE_US;
	enum kodo_err err = failure_keep(ch, p, oc);

	if (is_last && oc->res->status == 0 && p->in.at_us <= ch->now_us &&
	    ch->now_us - p->in.at_us < PEER_SPOKEN_US)
		has_spoken = true;
	if (err == KODO_OK && is_last && !has_spoken)
		return stranger_drop(ch, p);
	if (has_spoken)
		most = PEER_STRANGER_US;
	p->out.due_us = failure_next_us(ch, p, oc, peer_backoff_us(p->out.attempts, most));
	return err;
}

enum kodo_err
failure_retry(struct change *ch, struct peer *p, struct outcome *oc)
{
	/* while the attempt hung; not by a clock that was set back since */
	const bool has_spoken = p->out.failed_us != 0 && p->in.at_us > p->out.failed_us &&
	    p->in.at_us <= ch->now_us;
	int64_t wait;
	enum kodo_err err;

	if (oc->job->kind == EXCHANGE_DIGEST_CHECK) {
		failure_note(ch, p);
		digest_check_again(ch, p, oc);
		return KODO_OK;
	}
	attempt_count(ch, p);
	if (peer_is_stranger(p))
		return stranger_retry(ch, p, oc, has_spoken);
	if (ch->o->retry >= 0 && p->out.attempts >= (uint32_t)ch->o->retry) {
		err = pause_as(ch, p, oc, false);
		if (has_spoken)
			p->out.due_us = failure_next_us(ch, p, oc, PEER_HEARD_US);
		return err;
	}
	wait = peer_backoff_us(p->out.attempts, has_spoken ? PEER_HEARD_US : PEER_BACKOFF_MAX_US);
	p->out.due_us = failure_next_us(ch, p, oc, wait);
	return failure_keep(ch, p, oc);
}
