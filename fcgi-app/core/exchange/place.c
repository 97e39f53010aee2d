#include "core/exchange/place.h"
#include "core/trust/document.h"

static const char *const paths[] = {
	[EXCHANGE_DISCONNECT] = "/disconnect",
	[EXCHANGE_CONNECT] = "/connect",
	[EXCHANGE_RECONNECT] = "/reconnect",
	[EXCHANGE_REMOVE] = "/disconnect",
	[EXCHANGE_UPDATE] = "/update",
	[EXCHANGE_DIGEST_CHECK] = "/map",
	[EXCHANGE_PROBE] = "/",
	[EXCHANGE_LOOK] = "/",
	[EXCHANGE_PROVE] = DOCUMENT_PATH,
};

/*
 * Where a probe goes to: who has signed shows its keys, or else its greeting, which later versions
 * of the original have at /home alone.
 */
static const char *
probe_path(const struct peer *p)
{
	static const char *const places[] = { DOCUMENT_PATH, "/", "/home" };
	const bool has_key = p->trust.key.len > 0;

	return has_key ? places[p->out.attempts % 3] : places[1 + p->out.attempts % 2];
}

static const char *
path_of(const struct peer *p, const struct exchange_job *job)
{
	if (job->kind == EXCHANGE_DIGEST_CHECK && job->is_post)
		return paths[EXCHANGE_UPDATE];
	/* a key that was never proved may be of somebody who took the url of a legacy peer */
	if (job->kind == EXCHANGE_PROVE && (p->flags & PEER_NO_DOCUMENT) != 0 &&
	    p->trust.proved_us == 0)
		return paths[EXCHANGE_PROBE];
	return job->kind == EXCHANGE_PROBE ? probe_path(p) : paths[job->kind];
}

static enum kodo_err
join(struct arena *a, struct str url, const char *path, struct str *out)
{
	const char *text = arena_printf(a, "%.*s%s", STR_ARG(url), path);

	*out = str_of(text);
	return text == NULL ? KODO_ENOMEM : KODO_OK;
}

enum kodo_err
place_set(struct arena *a, const struct peer *p, struct exchange_job *job)
{
	const char *path = path_of(p, job);
	enum kodo_err err = join(a, p->url, path, &job->url);

	job->to = job->url;
	/* it may call itself otherwise, and wants to be named so */
	return err == KODO_OK && p->alias.p != NULL ? join(a, p->alias, path, &job->to) : err;
}
