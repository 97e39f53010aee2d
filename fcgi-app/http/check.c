#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/check/environment.h"
#include "core/check/integrity.h"
#include "http/admin_key.h"
#include "http/page.h"

struct checked {
	struct arena *a;
	struct buf json;		/* findings, comma-separated */
	struct template_values *fields;		/* NULL: no page is wanted */
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
	if (k->fields == NULL)
		return;
	row = template_values_row(k->fields, "finding");
	template_values_put(row, "class", str_of(classes[kind]));
	template_values_put(row, "kind", str_of(environment_word(kind)));
	/* fields borrow */
	template_values_put(row, "text", str_of(arena_printf(k->a, "%s", line)));
}

static void
look(struct call *c, const struct view *v, struct checked *k)
{
	const struct state *s = registry_state(c->registry);
	struct environment h = {
		.state = s,
		.options = v->options,
		.loader = v->options->loader,
		.is_served = getenv("KODO_STATE") != NULL,
		.is_running = state_wake_look(s) == KODO_OK,
		.now_us = c->now_us,
		.say = take,
		.arg = k,
	};

	h.is_hosted = !h.is_served;
	environment_check(&h);
}

/* What has arrived here: kodo-reconnect --probe sends it and looks whether it did. */
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
	struct template_values *f = k->fields;
	char user[64];

	template_values_put_u64(f, "errors", k->n[FINDING_ERROR]);
	template_values_put_u64(f, "warnings", k->n[FINDING_WARNING]);
	template_values_put(f, "user", str_of(environment_user(geteuid(), user)));
	template_values_put(f, "transport",
	    str_of(getenv("GATEWAY_INTERFACE") != NULL ? "plain CGI" : "FastCGI"));
	return page_put(c, "check.html", f);
}

/* GET /check?key=...: what is wrong, for an admin without a shell. */
enum kodo_err
handle_check(struct call *c)
{
	struct checked k = { .a = c->a, .json = BUF_INIT(0) };
	struct view v;
	bool right;
	enum kodo_err err = admin_key_is_right(c, "/check", &right);

	if (err != KODO_OK || !right)
		return err;
	err = view_begin(c->registry, c->now_us, &v);
	if (err != KODO_OK)
		return err;
	if (page_is_wanted(c) && page_is_there("check.html"))
		err = page_begin(c, &v, "Check", &k.fields);
	if (err == KODO_OK) {
		look(c, &v, &k);
		if (k.fields != NULL)
			err = put_page(c, &k);
		else
			put_json(c, &k);
	}
	if (err == KODO_OK && buf_failed(&k.json))
		err = KODO_ENOMEM;
	view_end(&v);
	buf_free(&k.json);
	return err;
}
