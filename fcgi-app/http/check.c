#include <stdlib.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/check/cluster_check.h"
#include "core/check/environment.h"
#include "core/check/integrity.h"
#include "core/check/imports.h"
#include "core/check/quotas.h"
#include "http/call.h"
#include "http/handlers.h"
#include "http/page.h"

struct checked {
	struct arena *a;
	struct buf json;		/* findings, comma-separated */
	struct template_values *values;		/* NULL: no page */
	unsigned n[FINDING_ERROR + 1];
};

static void
take(void *arg, enum finding kind, const char *line)
{
	/* colours of the map's states */
	static const char *const classes[] = {
		[FINDING_OK] = "ok", [FINDING_WARNING] = "pending", [FINDING_ERROR] = "failing",
	};
	struct checked *k = arg;
	struct template_values *row;

	k->n[kind]++;
	if (k->json.len > 0)
		buf_putc(&k->json, ',');
	buf_puts(&k->json, "{\"finding\":");
	json_put_str(&k->json, str_of(environment_word(kind)));
	buf_puts(&k->json, ",\"text\":");
	json_put_str(&k->json, str_of(line));
	buf_putc(&k->json, '}');
	if (k->values == NULL)
		return;
	row = template_values_row(k->values, "finding");
	template_values_put(row, "class", str_of(classes[kind]));
	template_values_put(row, "kind", str_of(environment_word(kind)));
	/* values borrow */
	template_values_put(row, "text", str_of(arena_printf(k->a, "%s", line)));
}

static enum kodo_err
inspect(struct call *c, struct view *v, struct checked *k)
{
	const struct state *s = registry_state(c->registry);
	struct environment env = {
		.state = s,
		.options = v->options,
		.loader = v->options->loader,
		.is_served = getenv("KODO_STATE") != NULL,
		.is_running = state_has_runner(s),
		.now_us = c->now_us,
		.say = take,
		.arg = k,
	};

	enum kodo_err err;

	env.is_hosted = !env.is_served;
	environment_check(&env);
	cluster_check(&env);
	err = quotas_check(v, take, k);
	return err == KODO_OK ? imports_check(v, take, k) : err;
}

/* What has arrived here, for kodo-reconnect --probe, which sent it. */
static void
put_json(struct call *c, struct checked *k)
{
	struct buf *b = &c->res->body.buf;
	char user[64];

	buf_puts(b, "{\"authorization\":");
	json_put_bool(b, c->transport->env(c->transport, "HTTP_AUTHORIZATION") != NULL);
	buf_puts(b, ",\"transport\":");
	json_put_str(b, str_of(getenv("GATEWAY_INTERFACE") != NULL ? "CGI" : "FastCGI"));
	buf_puts(b, ",\"user\":");
	json_put_str(b, str_of(environment_user(geteuid(), user)));
	buf_puts(b, ",\"findings\":[");
	buf_put_str(b, buf_str(&k->json));
	buf_puts(b, "]}");
}

static enum kodo_err
put_page(struct call *c, struct checked *k)
{
	struct template_values *t = k->values;
	char user[64];

	template_values_put_u64(t, "errors", k->n[FINDING_ERROR]);
	template_values_put_u64(t, "warnings", k->n[FINDING_WARNING]);
	template_values_put(t, "user", str_of(environment_user(geteuid(), user)));
	template_values_put(t, "transport",
	    str_of(getenv("GATEWAY_INTERFACE") != NULL ? "plain CGI" : "FastCGI"));
	return page_put(c, "check.html", t);
}

static enum kodo_err
put_findings(struct call *c, struct view *v)
{
	struct checked k = { .a = c->a, .json = BUF_INIT(0) };
	enum kodo_err err = KODO_OK;

	if (page_is_offered(c, "check.html"))
		err = page_begin(c, v, "Check", &k.values);
	if (err == KODO_OK)
		err = inspect(c, v, &k);
	if (err == KODO_OK) {
		if (k.values != NULL)
			err = put_page(c, &k);
		else
			put_json(c, &k);
	}
	if (err == KODO_OK && buf_failed(&k.json))
		err = KODO_ENOMEM;
	buf_free(&k.json);
	return err;
}

/* GET /check?key=...: what is wrong, for an admin without a shell. */
enum kodo_err
handle_check(struct call *c)
{
	return call_with_view(c, put_findings);
}
