/*
 * kodo key, kodo trust: with which key this service signs, and which key another has.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/inspect.h"
#include "core/base/base64.h"
#include "core/base/isotime.h"
#include "core/base/url.h"
#include "core/registry/target.h"
#include "core/trust/pin.h"

static const char key_usage[] =
    "usage: kodo key [admin] [rotate] [SERVICE ...]\n"
    "\n"
    "Print the public key with which this service signs, and since when. rotate: make a new one,\n"
    "which the old one signs for, so that peers follow. admin: that of its admin instead, for\n"
    "/check, /cron and DELETE /connect; after admin rotate the old one counts for nothing.\n"
    "Exit status: 0, 1 if it cannot be read or made, 2 for wrong arguments.\n"
    "Example: kodo key my.yaml\n"
    "\n"
    STATE_ARG_HELP;

static const char trust_usage[] =
    "usage: kodo trust URL KEY [SERVICE ...]\n"
    "       kodo trust URL none [SERVICE ...]\n"
    "\n"
    "Let only KEY speak for URL, whatever that shows: as `kodo key` prints it there. none:\n"
    "forget what is known of it; its next word counts as its first. Another key than before\n"
    "ends all that was said under that one.\n"
    "Exit status: 0, 1 if there is no such peer, 2 for wrong arguments.\n"
    "Example: kodo trust https://agents.example.org none\n"
    "\n"
    STATE_ARG_HELP;

static enum kodo_err
print_own(struct inspect *in, bool rotate)
{
	const struct state *s = registry_state(in->registry);
	char text[PIN_KEY_CHARS], since[ISOTIME_BYTES];
	struct own_key own;
	enum kodo_err err = rotate ? own_key_rotate(s, in->now_us, &own)
				   : own_key_get(s, in->now_us, &own);

	if (err != KODO_OK)
		return err;
	pin_key_text(key_bytes(own.key), text);
	isotime_format(own.since_us, false, since);
	printf("%s since %s\n", text, since);
	return KODO_OK;
}

static enum kodo_err
print_admin(struct inspect *in, bool rotate)
{
	char text[STATE_KEY_BYTES];
	enum kodo_err err = rotate ? state_key_rotate(registry_state(in->registry), text)
				   : state_key(registry_state(in->registry), text);

	if (err == KODO_OK)
		printf("%s\n", text);
	return err;
}

struct key_action {
	bool is_admin, rotate;
};

/* Is the next argument this word? Then it is taken. */
static bool
take_word(struct state_arg *t, const char *word)
{
	if (t->argc == 0 || strcmp(t->argv[0], word) != 0)
		return false;
	t->argv++;
	t->argc--;
	return true;
}

/* They stand before what names the state. */
static enum kodo_err
key_prepare(struct inspect *in, void *arg, struct why *why)
{
	struct key_action *action = arg;

	(void)why;
	action->is_admin = take_word(&in->state_arg, "admin");
	action->rotate = take_word(&in->state_arg, "rotate");
	return KODO_OK;
}

static enum kodo_err
key_body(struct inspect *in, void *arg, struct why *why)
{
	const struct key_action *action = arg;
	enum kodo_err err =
	    action->is_admin ? print_admin(in, action->rotate) : print_own(in, action->rotate);

	if (err == KODO_ECORRUPT)
		return why_set(why, err, "the file of the key in %s is damaged: restore it, or "
		    "move it away for another key", registry_state(in->registry)->path);
	return err;
}

int
cmd_key(int argc, char *argv[])
{
	static const struct inspect_command command = {
		.usage = key_usage, .prepare = key_prepare, .body = key_body,
	};
	struct key_action action;

	return inspect_run(&command, argc, argv, &action);
}

struct trust {
	bool is_given;
	unsigned char key[CRYPTO_KEY_BYTES];
};

static enum kodo_err
trust_prepare(struct inspect *in, void *arg, struct why *why)
{
	struct state_arg *t = &in->state_arg;
	struct trust *trust = arg;
	int i;

	if (t->argc < 2)
		return why_set(why, KODO_EINVAL, "URL and KEY are wanted, or URL and none");
	trust->is_given = strcmp(t->argv[1], "none") != 0;
	if (trust->is_given && base64_read_n(BASE64_URL, str_of(t->argv[1]), trust->key,
	    sizeof(trust->key)) != KODO_OK)
		return why_set(why, KODO_EINVAL, "%s is no key: one has 43 letters, as `kodo key` "
		    "prints it", t->argv[1]);
	for (i = 1; i + 1 < t->argc; i++)
		t->argv[i] = t->argv[i + 1];
	t->argc--;
	return KODO_OK;
}

static enum kodo_err
trust_body(struct inspect *in, void *arg, struct why *why)
{
	const struct trust *trust = arg;
	enum kodo_err err;

	in->what = url_shown(in->what);
	view_end(&in->view);
	err = registry_trust(in->registry, in->what,
	    trust->is_given ? key_bytes(trust->key) : STR_NULL, in->now_us);
	if (err == KODO_ENOTFOUND)
		why_set(why, err, "no such peer; see kodo peers");
	else if (err == KODO_EINVAL)
		why_set(why, err, "%.*s is no http or https url", STR_ARG(in->what));
	/* what was said under another key may have ended, which others must learn */
	if (err == KODO_OK)
		(void)inspect_wake(in);
	if (view_begin(in->registry, in->now_us, &in->view) != KODO_OK)
		return err == KODO_OK ? KODO_EIO : err;
	return err;
}

int
cmd_trust(int argc, char *argv[])
{
	static const struct inspect_command command = {
		.usage = trust_usage, .has_what = true, .wants_what = true,
		.prepare = trust_prepare, .body = trust_body,
	};
	struct trust trust;

	return inspect_run(&command, argc, argv, &trust);
}
