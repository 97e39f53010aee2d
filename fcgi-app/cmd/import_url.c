#include <stdio.h>
#include <unistd.h>

#include "cmd/import_url.h"
#include "core/base/isotime.h"
#include "core/base/screen.h"
#include "core/import/walk.h"

#define STEP_MS		50
#define WAKE_MS		2000

static void
put_outcome(const struct source *s)
{
	unsigned i;

	printf("%.*s (%s): %llu entries; %u new, %u changed, %u gone; %u requests, %llu KiB\n",
	    STR_ARG(s->slug), import_kind_name((enum import_kind)s->kind),
	    (unsigned long long)s->n_entries, s->n_new, s->n_changed, s->n_gone, s->requests,
	    (unsigned long long)s->bytes >> 10);
	for (i = 0; i < IMPORT_REFUSALS; i++)
		if (s->refused[i] > 0)
			printf("refused %u: %s\n", s->refused[i],
			    import_refusal_text((enum import_refusal)i));
	if (s->example.p != NULL) {
		fputs("the first one: ", stdout);
		screen_print(stdout, s->example);
		putchar('\n');
	}
}

/* A service that has just begun has its runner a little later, and so has one that is restarted. */
static bool
wake(const struct state *s)
{
	unsigned left = WAKE_MS / STEP_MS;

	while (state_wake(s) != KODO_OK) {
		if (left-- == 0)
			return false;
		usleep(STEP_MS * 1000);
	}
	return true;
}

/* The source as it is; *is_there false: it is not stored any more. */
static enum kodo_err
look(struct arena *a, struct registry *r, struct str slug, struct source *s, bool *is_there)
{
	struct view v;
	enum kodo_err err = view_begin(r, isotime_now_us(), &v);

	if (err != KODO_OK)
		return err;
	err = source_get(&v.t, a, slug, s);
	view_end(&v);
	*is_there = err == KODO_OK;
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/* Nobody is left who would do it now. */
static void
say_noted(void)
{
	fputs("kodo import: noted; no runner is running, so it is done at the next start, request "
	    "or cron\n", stderr);
}

static enum kodo_err
wait_until_done(struct registry *r, struct str slug, bool forget, struct why *why)
{
	struct arena *a = arena_new();
	struct source s;
	unsigned alone_ms = 0;
	bool is_there = true;
	enum kodo_err err = a == NULL ? KODO_ENOMEM : KODO_OK;

	while (err == KODO_OK) {
		arena_reset(a);
		err = look(a, r, slug, &s, &is_there);
		if (err != KODO_OK || !is_there ||
		    (!forget && s.phase == SOURCE_IDLE && (s.flags & SOURCE_NOW) == 0))
			break;
		alone_ms = state_has_runner(registry_state(r)) ? 0 : alone_ms + STEP_MS;
		if (alone_ms > WAKE_MS)
			break;
		usleep(STEP_MS * 1000);
	}
	if (alone_ms > WAKE_MS)
		say_noted();
	else if (err == KODO_OK && !is_there)
		printf("%.*s: gone, and its entries with it\n", STR_ARG(slug));
	else if (err == KODO_OK) {
		put_outcome(&s);
		if (s.error.p != NULL)
			err = why_set(why, KODO_EIO, "%.*s", STR_ARG(s.error));
	}
	arena_free(a);
	return err;
}

enum kodo_err
import_url(struct registry *r, struct str url, bool forget, struct why *why)
{
	struct option_import o;
	char slug[WALK_SLUG_BYTES];
	const char *reason = NULL;
	enum kodo_err err = option_import_read(url, &o, &reason);

	if (err != KODO_OK)
		return why_set(why, err, "%.*s: %s", STR_ARG(url), reason);
	if (forget)
		err = walk_forget(r, url, isotime_now_us(), slug);
	else
		err = walk_want(r, url, isotime_now_us(), slug);
	if (err == KODO_ENOTFOUND)
		return why_set(why, err, "nothing was imported from %.*s", STR_ARG(o.url));
	if (err == KODO_ECONFLICT)
		return why_set(why, err, "%s is in the option `import`: change that", slug);
	if (err == KODO_OK && !wake(registry_state(r))) {
		say_noted();
		return KODO_OK;
	}
	return err == KODO_OK ? wait_until_done(r, str_of(slug), forget, why) : err;
}
