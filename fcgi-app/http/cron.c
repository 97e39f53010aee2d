#include "core/json.h"
#include "core/log.h"
#include "http/handlers.h"
#include "http/site.h"

/* Compare in a time that does not tell how much was right. */
static bool
is_key(struct str given, const char key[33])
{
	unsigned char diff = 0;
	size_t i;

	if (given.len != 32)
		return false;
	for (i = 0; i < 32; i++)
		diff |= (unsigned char)(given.p[i] ^ key[i]);
	return diff == 0;
}

/*
 * GET /cron?key=...: for hosts without a crontab, or whose cron is another user (DESIGN.md,
 * "Different users").
 */
enum kodo_err
handle_cron(struct call *c)
{
	static const char *const words[] = {
		[WOKEN_NOBODY] = NULL,
		[WOKEN_RUNNER] = "{\"runner\":\"woken\"}",
		[WOKEN_STARTED] = "{\"runner\":\"started\"}",
	};
	char key[33];
	enum site_woken woken;
	enum kodo_err err;

	err = state_key(registry_state(c->registry), key);
	if (err != KODO_OK)
		return err;
	if (!is_key(c->params.text[PARAM_KEY], key)) {
		log_warning("/cron with a wrong key");
		response_fail(c->res, 403, "Forbidden");
		return KODO_OK;
	}
	woken = site_wake(c->site, WAKE_FOR_CRON);
	if (woken == WOKEN_NOBODY) {
		response_fail(c->res, 503, "Service Unavailable");
		c->res->retry_after_s = 60;
		return KODO_OK;
	}
	buf_puts(&c->res->body.buf, words[woken]);
	return KODO_OK;
}
