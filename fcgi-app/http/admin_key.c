#include "core/base/log.h"
#include "http/admin_key.h"

/* In constant time, which tells nothing of the key. */
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

enum kodo_err
admin_key_is_right(struct call *c, const char *name, bool *out)
{
	char key[33];
	enum kodo_err err = state_key(registry_state(c->registry), key);

	*out = false;
	if (err != KODO_OK)
		return err;
	*out = is_key(c->params.text[PARAM_KEY], key);
	if (!*out) {
		log_warning("%s with a wrong key", name);
		response_fail(c->res, 403, "Forbidden");
	}
	return KODO_OK;
}
