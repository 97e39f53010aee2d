#include <stdlib.h>
#include <sys/mman.h>

#include "core/base/limit.h"
#include "core/base/log.h"
#include "core/base/url.h"
#include "http/speaker.h"

/* a request without a body, which has no sequence, can be replayed for so long */
#define FRESH_S	300

static const char *const variables[SIGNATURE_FIELDS] = {
	"HTTP_CONTENT_DIGEST", "HTTP_KODO_FROM", "HTTP_KODO_TO", "HTTP_SIGNATURE_INPUT",
	"HTTP_SIGNATURE", "HTTP_KODO_FORMER",
};

static struct signature_fields
fields_of(struct transport *t)
{
	struct signature_fields f = { .from = STR_NULL };
	unsigned i;

	for (i = 0; i < SIGNATURE_FIELDS; i++)
		*signature_field(&f, i) = str_of(t->env(t, variables[i]));
	return f;
}

static enum kodo_err
refuse(struct call *c, enum refusal code, const char *text)
{
	if (text == NULL)
		return KODO_ENOMEM;
	log_warning("%.*s from %.*s refused: %s", STR_ARG(c->req->target),
	    STR_ARG(c->body.from.url), text);
	response_refuse(c->res, code, text);
	return KODO_OK;
}

/* Is the request meant for this service, and this path of it? */
static bool
is_for_us(struct call *c, const struct options *o, struct str to)
{
	struct str key;

	if (!str_ends(to, c->req->path))
		return false;
	to.len -= c->req->path.len;
	return url_key(c->a, to, &key) == KODO_OK && str_eq(key, o->url_key);
}

static enum kodo_err
signed_as(struct call *c, const struct options *o, const struct signature_fields *f, bool *out)
{
	struct str key;
	enum kodo_err err = url_key(c->a, f->from, &key);

	if (err == KODO_ENOMEM)
		return err;
	if (err != KODO_OK || !str_eq(key, c->body.from_key))
		return refuse(c, REFUSAL_OTHER_SIGNER, arena_printf(c->a,
		    "It is signed as %.*s, and speaks for %.*s",
		    STR_ARG(f->from), STR_ARG(c->body.from.url)));
	if (!is_for_us(c, o, f->to))
		return refuse(c, REFUSAL_OTHER_SERVICE, arena_printf(c->a,
		    "It is signed for %.*s, and this is %.*s: name it so",
		    STR_ARG(f->to), STR_ARG(o->url)));
	*out = true;
	return KODO_OK;
}

enum kodo_err
speaker_read(struct call *c, const struct options *o, struct str raw, bool *out)
{
	const struct signature_fields f = fields_of(c->transport);
	const struct signed_message m = { .method = c->req->method_text, .body = raw };
	struct speaker *who = arena_zalloc(c->a, sizeof(*who));
	const char *why;
	enum kodo_err err;

	*out = false;
	if (who == NULL)
		return KODO_ENOMEM;
	who->has_address = c->client.text[0] != '\0';
	who->address = c->client.address;
	c->body.speaker = who;
	*out = o->trust == TRUST_OPEN;
	if (*out)
		return KODO_OK;
	err = signature_check(&m, &f, &who->signer, &why);
	if (err == KODO_EINVAL)
		return refuse(c, REFUSAL_SIGNATURE, why);
	*out = err == KODO_ENOTFOUND || err == KODO_EIO;
	if (*out)
		return KODO_OK;
	who->is_signed = err == KODO_OK;
	who->from = f.from;
	return err == KODO_OK ? signed_as(c, o, &f, out) : err;
}

enum kodo_err
speaker_is_peer(struct call *c, const struct options *o, bool *out)
{
	const struct signature_fields f = fields_of(c->transport);
	const struct signed_message m = { .method = c->req->method_text };
	struct speaker who = { .is_signed = true };
	unsigned char listed[OPTION_KEY_BYTES];
	const char *why;
	struct str key;
	struct peer p;
	struct view v;
	enum kodo_err err;

	*out = false;
	if (f.signature.len == 0 || !is_for_us(c, o, f.to) ||
	    url_key(c->a, f.from, &key) != KODO_OK ||
	    signature_check(&m, &f, &who.signer, &why) != KODO_OK ||
	    llabs(c->now_us / 1000000 - who.signer.created_s) > FRESH_S)
		return KODO_OK;
	err = view_begin(c->registry, c->now_us, &v);
	if (err != KODO_OK)
		return err;
	err = peer_find(&v.t, c->a, key, &p);
	*out = err == KODO_OK && ((p.flags & (PEER_TARGET | PEER_VOUCHED)) != 0 ||
	    option_key_of(v.options, key, listed)) &&
	    p.trust.key.len > 0 && pin_judge(v.options, key, &p, &who) == PIN_COUNTS;
	view_end(&v);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/* Sign, the body being in memory. */
static enum kodo_err
sign(struct call *c, struct str request_signature, struct str body)
{
	const struct signed_message m = { .status = c->res->status, .body = body,
		.request_signature = request_signature };
	struct signature_fields f = { .from = STR_NULL };
	const struct options *o;
	struct own_key own;
	enum kodo_err err = registry_options(c->registry, &o);

	if (err != KODO_OK)
		return KODO_OK;	/* there are none yet, which is the answer */
	f.from = o->url;
	err = own_key_get(registry_state(c->registry), c->now_us, &own);
	if (err == KODO_OK)
		err = signature_make(c->a, &own, &m, c->now_us, &f);
	/* `kodo check` names the reason; who knows no key of ours takes it all the same */
	if (err != KODO_OK) {
		log_debug("an answer is not signed: %s", kodo_err_text(err));
		return KODO_OK;
	}
	c->res->signature = arena_dup(c->a, &f, sizeof(f));
	return c->res->signature == NULL ? KODO_ENOMEM : KODO_OK;
}

enum kodo_err
speaker_sign_answer(struct call *c)
{
	const struct str asked = str_of(c->transport->env(c->transport, "HTTP_SIGNATURE"));
	const struct sink *body = &c->res->body;
	enum kodo_err err;
	void *map;

	if (asked.len > LIMIT_SIGNATURE_BYTES || !signature_is_ours(asked))
		return KODO_OK;
	if (body->fd == -1)
		return sign(c, asked, buf_str(&body->buf));
	map = mmap(NULL, (size_t)body->len, PROT_READ, MAP_PRIVATE, body->fd, 0);
	if (map == MAP_FAILED)
		return KODO_OK;
	err = sign(c, asked, (struct str){ map, (size_t)body->len });
	munmap(map, (size_t)body->len);
	return err;
}
