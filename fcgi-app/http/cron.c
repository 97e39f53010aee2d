#include "core/check/environment.h"
#include "core/storage/run_history.h"
#include "http/call.h"
#include "http/handlers.h"
#include "http/instance.h"

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
	enum instance_woken woken;

	environment_note(registry_state(c->registry), RUN_HISTORY_CRON_FILE);
	woken = instance_wake(c->instance, WAKE_FOR_CRON);
	if (woken == WOKEN_NOBODY) {
		response_refuse(c->res, REFUSAL_NO_RUNNER, "Service Unavailable");
		c->res->retry_after_s = 60;
		return KODO_OK;
	}
	buf_puts(&c->res->body.buf, words[woken]);
	return KODO_OK;
}
