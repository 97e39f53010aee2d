#include "core/trust/document.h"
#include "http/call.h"
#include "http/handlers.h"

enum kodo_err
handle_well_known(struct call *c)
{
	const struct options *o;
	struct own_key own;
	enum kodo_err err = own_key_get(registry_state(c->registry), c->now_us, &own);

	if (err == KODO_OK)
		err = registry_options(c->registry, &o);
	if (err == KODO_OK)
		document_put(&c->res->body.buf, o->url, &own);
	return err;
}
