/*
 * GET /cluster/snapshot: this machine's state, for another one of the cluster, which knows the
 * key by this one's record in etcd.
 */
#include <fcntl.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/cluster/snapshot.h"
#include "core/storage/cluster_status.h"
#include "http/admin.h"
#include "http/handlers.h"

/* In an unlinked file, which goes out as any long answer. */
static enum kodo_err
put_snapshot(struct call *c)
{
	struct sink *s = &c->res->body;
	struct why why = { "" };
	enum kodo_err err = sink_open(s);
	off_t len;

	if (err == KODO_OK)
		err = cluster_snapshot_write(c->registry, s->fd, &why);
	if (err != KODO_OK) {
		log_error("no copy of the state: %s",
		    why.text[0] != '\0' ? why.text : kodo_err_text(err));
		return err;
	}
	len = lseek(s->fd, 0, SEEK_END);
	if (len < 0)
		return KODO_EIO;
	s->len = (uint64_t)len;
	c->res->type = "application/octet-stream";
	c->res->is_fleeting = c->res->is_secret = true;
	return KODO_OK;
}

enum kodo_err
handle_snapshot(struct call *c)
{
	const struct str key = admin_bearer(c->transport);
	struct cluster_status st;

	if (cluster_status_read(registry_state(c->registry), &st) != KODO_OK) {
		response_fail(c->res, 404, "Not Found");
		return KODO_OK;
	}
	if (st.key[0] == '\0' || !str_eq(key, str_of(st.key))) {
		response_refuse(
		    c->res, REFUSAL_NOT_ADMIN, "This is for the machines of the cluster");
		return KODO_OK;
	}
	return put_snapshot(c);
}
