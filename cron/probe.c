#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/isotime.h"
#include "core/base/limit.h"
#include "core/base/path.h"
#include "core/base/screen.h"
#include "core/check/environment.h"
#include "core/check/integrity.h"
#include "core/exchange/failure.h"
#include "cron/probe.h"
#include "cron/sender.h"

#define PROBE_TIMEOUT_S	15u
#define CLOCK_US	(60 * 1000000ll)
#define NUMBER_MAX	24

struct probe {
	struct arena *a;
	struct sender *sender;
	const struct options *o;
	struct buf text;		/* of ENVIRONMENT_PROBE_FILE */
	unsigned n_errors;
};

static void say(struct probe *p, enum finding kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void
say(struct probe *p, enum finding kind, const char *fmt, ...)
{
	char line[4096];
	va_list ap;
	char *c;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (c = line; *c != '\0'; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	printf("%-7s ", environment_word(kind));
	screen_print(stdout, str_of(line));
	putchar('\n');
	buf_printf(&p->text, "%s %s\n", environment_word(kind), line);
	p->n_errors += kind == FINDING_ERROR;
}

/* Send one message and wait for its result; res is valid until the next. */
static enum kodo_err
ask(struct probe *p, const char *url, struct str body, const char *header,
    struct exchange_result *res)
{
	const struct exchange_job job = { .is_post = body.len > 0, .url = str_of(url),
		.body = body };
	const char *const head[] = { header, NULL };
	const struct sender_limits limits = { .timeout_s = PROBE_TIMEOUT_S,
		.answer_max_bytes = LIMIT_ANSWER_BYTES, .allow_private = true, .head = head };
	unsigned slot = 0;
	enum kodo_err err;

	sender_release(p->sender, slot);
	err = url == NULL ? KODO_ENOMEM : sender_start(p->sender, slot, &job, &limits);
	if (err != KODO_OK)
		return err;
	while (!sender_take(p->sender, &slot, res, NULL))
		sender_wait(p->sender, NULL, 0, 1000000);
	return KODO_OK;
}

static bool
contains(struct str s, const char *text)
{
	return s.len > 0 && memmem(s.p, s.len, text, strlen(text)) != NULL;
}

/* What follows `"name":` and blanks in a JSON text, null if it is not there. */
static struct str
member(struct str body, const char *name)
{
	struct str rest = body;
	const char *p = body.len == 0 ? NULL : memmem(body.p, body.len, name, strlen(name));

	if (p == NULL)
		return STR_NULL;
	rest.p = p + strlen(name);
	rest.len = (size_t)(body.p + body.len - rest.p);
	while (rest.len > 0 && (rest.p[0] == ':' || rest.p[0] == ' '))
		rest = (struct str){ rest.p + 1, rest.len - 1 };
	return rest;
}

/* The time in `"now":"..."` of a default. */
static bool
read_now(struct str body, int64_t *out)
{
	struct str rest = member(body, "\"now\"");
	const char *end, *reason;

	if (rest.len < 2 || rest.p[0] != '"')
		return false;
	rest = (struct str){ rest.p + 1, rest.len - 1 };
	end = memchr(rest.p, '"', rest.len);
	return end != NULL &&
	    isotime_parse((struct str){ rest.p, (size_t)(end - rest.p) }, out, &reason) == KODO_OK;
}

/* Is a text in quotes our own url, as we write it ourselves? */
static bool
is_own(const struct probe *p, struct str quoted)
{
	if (quoted.len == 0)
		return false;
	quoted = str_skip(quoted, 1);
	return str_eq(str_cut(&quoted, '"'), p->o->url);
}

/* --- own url --- */

/* The remedy where the web server itself refuses; kodo's own refusals have it in the body. */
static const char *
refusal(const struct exchange_result *res)
{
	static const struct {
		unsigned status;
		const char *remedy;
	} rows[] = {
		{ 401, "it wants a password, which peers do not have" },
		{ 403, "its configuration closes the path, or it may not enter a folder of it or "
		    "read .htaccess (chmod 755, 644)" },
		{ 500, "it cannot run kodo: is the program executable, and what does suEXEC say?" },
		{ 502, "it does not reach kodo's socket: are its processes started?" },
		{ 503, "it cannot start kodo, or reach its socket: restart it" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (res->status == rows[i].status && !contains(res->body, "\"status_code\":"))
			return rows[i].remedy;
	return NULL;
}

static enum kodo_err
probe_own_url(struct probe *p, const char *key, bool *reached)
{
	const char *url =
	    arena_printf(p->a, "%.*s/check?key=%s&format=json", STR_ARG(p->o->url), key);
	char moved[FAILURE_BYTES];
	struct exchange_result res;
	enum kodo_err err = ask(p, url, STR_NULL, "Authorization: Basic a29kbzpwcm9iZQ==", &res);

	*reached = false;
	if (err != KODO_OK)
		return err;
	failure_redirect(str_of(url), res.moved, "url", moved);
	if (res.status == 0)
		say(p, FINDING_ERROR, "own url %.*s: %s; %s", STR_ARG(p->o->url), res.error,
		    failure_remedy(res.error));
	else if (moved[0] != '\0')
		say(p, FINDING_ERROR, "own url %.*s: %s", STR_ARG(p->o->url), moved);
	else if (refusal(&res) != NULL)
		say(p, FINDING_ERROR, "own url %.*s: the web server itself refuses it (%u): %s; "
		    "see its error log", STR_ARG(p->o->url), res.status, refusal(&res));
	else if (res.status == 403)
		say(p, FINDING_ERROR, "own url %.*s: another service answers there, or one with "
		    "another state; correct url, or the loader that the web server names",
		    STR_ARG(p->o->url));
	else if (res.status != 200 || !contains(res.body, "\"authorization\":"))
		say(p, FINDING_ERROR,
		    "own url %.*s: status %u and not our answer; the web server does not lead "
		    "this path to kodo (rewriting, PATH_INFO), or see its error log",
		    STR_ARG(p->o->url), res.status);
	else
		*reached = true;
	if (!*reached)
		return KODO_OK;
	say(p, FINDING_OK, "own url %.*s: answers, %s, path and query arrive", STR_ARG(p->o->url),
	    contains(res.body, "\"transport\":\"CGI\"") ? "by CGI" : "by FastCGI");
	if (contains(res.body, "\"authorization\":true"))
		say(p, FINDING_OK, "Authorization arrives");
	else
		say(p, FINDING_WARNING, "Authorization does not arrive; Apache: CGIPassAuth On, "
		    "nginx: fastcgi_pass_request_headers on");
	return KODO_OK;
}

/*
 * Names of MCP servers have a slash, which its clients write %2F. There is no such server: a
 * refusal in the form of that bridge is ours, of a token too; any other answer is the web
 * server's.
 */
static enum kodo_err
probe_slash(struct probe *p)
{
	const char *url = arena_printf(
	    p->a, "%.*s/v0.1/servers/kodo-probe%%2Fnone/versions", STR_ARG(p->o->url));
	struct exchange_result res;
	enum kodo_err err;

	if (!option_has_bridge(p->o, BRIDGE_MCP))
		return KODO_OK;
	err = ask(p, url, STR_NULL, NULL, &res);
	if (err != KODO_OK)
		return err;
	if (contains(res.body, "{\"error\":"))
		say(p, FINDING_OK, "%%2F in a path arrives, as clients of MCP registries send it");
	else
		say(p, FINDING_WARNING, "the web server refuses %%2F in a path (status %u), which "
		    "clients of MCP registries send: for Apache write `AllowEncodedSlashes "
		    "NoDecode` into the virtual host, as .htaccess cannot; or take mcp out of "
		    "bridges",
		    res.status);
	return KODO_OK;
}

/* A body as large as the option allows, and refused: its last byte is no JSON. */
static enum kodo_err
probe_body(struct probe *p)
{
	size_t n = (size_t)p->o->body_max_mib << 20;
	const char *url = arena_printf(p->a, "%.*s/disconnect", STR_ARG(p->o->url));
	char *body = malloc(n);
	struct exchange_result res;
	char where[NUMBER_MAX];
	enum kodo_err err;

	if (body == NULL)
		return KODO_ENOMEM;
	memset(body, ' ', n);
	body[n - 1] = '!';
	snprintf(where, sizeof(where), "byte %zu", n - 1);
	err = ask(p, url, (struct str){ body, n }, NULL, &res);
	if (err == KODO_OK && res.status == 400 && contains(res.body, where))
		say(p, FINDING_OK, "bodies of %u MiB arrive", p->o->body_max_mib);
	else if (err == KODO_OK)
		say(p, FINDING_WARNING,
		    "a body of %u MiB does not arrive (status %u%s%s); raise the web server's "
		    "ceiling (Apache: FcgidMaxRequestLen, LimitRequestBody; nginx: "
		    "client_max_body_size; "
		    "lighttpd: server.max-request-size)", p->o->body_max_mib,
		    res.status, res.error != NULL ? ", " : "", res.error != NULL ? res.error : "");
	free(body);
	return err;
}

/* --- targets --- */

static enum kodo_err
probe_target(struct probe *p, struct str target)
{
	const char *url = arena_printf(p->a, "%.*s/", STR_ARG(target));
	const struct exchange_job job = { .url = str_of(url), .is_target = true };
	char failed[FAILURE_BYTES];
	struct exchange_result res;
	int64_t theirs, off;
	enum kodo_err err = ask(p, url, STR_NULL, NULL, &res);

	if (err != KODO_OK)
		return err;
	if (res.status < 200 || res.status > 299) {
		failure_words(&job, &res, failed);
		say(p, FINDING_ERROR, "target %.*s: %s; %s", STR_ARG(target), failed,
		    failure_remedy(failed));
		return KODO_OK;
	}
	if (!read_now(res.body, &theirs)) {
		say(p, FINDING_ERROR,
		    "target %.*s: status %u and no registry's answer; correct the option connect",
		    STR_ARG(target), res.status);
		return KODO_OK;
	}
	off = (isotime_now_us() - theirs) / 1000000;
	if (off > CLOCK_US / 1000000 || off < -CLOCK_US / 1000000)
		say(p, FINDING_WARNING,
		    "target %.*s: our clock and its differ by %lld s; set the wrong one right "
		    "(timedatectl)", STR_ARG(target), (long long)off);
	else if (is_own(p, member(res.body, "\"url\"")))
		say(p, FINDING_ERROR,
		    "target %.*s: is this service itself; take it out of connect", STR_ARG(target));
	else if (str_starts(member(res.body, "\"registry\""), STR("false")))
		say(p, FINDING_ERROR, "target %.*s: is no registry; correct the option connect",
		    STR_ARG(target));
	else
		say(p, FINDING_OK, "target %.*s: answers", STR_ARG(target));
	return KODO_OK;
}

static enum kodo_err
keep(struct probe *p, const struct state *s)
{
	char path[PATH_BYTES];
	enum kodo_err err = state_file(s, ENVIRONMENT_PROBE_FILE, path);

	return err == KODO_OK ? path_replace_text(path, s->file_mode, buf_str(&p->text)) : err;
}

enum kodo_err
probe_run(struct registry *r, unsigned *n_errors, struct why *why)
{
	struct probe p = { .a = arena_new(), .text = BUF_INIT(0) };
	bool reached = false;
	char key[33];
	size_t i;
	enum kodo_err err = p.a == NULL ? KODO_ENOMEM : sender_new(&p.sender);

	*n_errors = 0;
	if (err == KODO_OK)
		err = registry_options(r, &p.o);
	if (err == KODO_OK)
		err = state_key(registry_state(r), key);
	if (err == KODO_OK)
		err = probe_own_url(&p, key, &reached);
	if (err == KODO_OK && reached)
		err = probe_slash(&p);
	if (err == KODO_OK && reached && p.o->registry)
		err = probe_body(&p);
	for (i = 0; err == KODO_OK && i < p.o->n_connect; i++)
		err = probe_target(&p, p.o->connect[i]);
	if (err == KODO_OK)
		err = buf_failed(&p.text) ? KODO_ENOMEM : keep(&p, registry_state(r));
	if (err != KODO_OK)
		why_set(why, err, "the probe failed: %s", kodo_err_text(err));
	*n_errors = p.n_errors;
	sender_free(p.sender);
	buf_free(&p.text);
	arena_free(p.a);
	return err;
}
