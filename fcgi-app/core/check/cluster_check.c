#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/path.h"
#include "core/base/utf8.h"
#include "core/check/cluster_check.h"
#include "core/storage/cluster_status.h"
#include "core/storage/machine.h"

#define CLOCK_SPARE_US	(30ll * 1000000)

#define say(h, kind, ...)	finding_say((h)->say, (h)->arg, kind, "cluster: " __VA_ARGS__)
#define fault(h, ...)	say(h, FINDING_ERROR, __VA_ARGS__)
#define warn(h, ...)	say(h, FINDING_WARNING, __VA_ARGS__)

/* Does anybody listen there? */
static void
check_listener(const struct environment *h, struct str path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	str_copy(at.sun_path, sizeof(at.sun_path), path);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 &&
	    errno != EAGAIN) {
		if (errno == EACCES)
			fault(h, "this user may not write to %s: run etcd and kodo as one user",
			    at.sun_path);
		else
			fault(h, "nobody listens at %s: start etcd there, or correct the option "
			    "cluster", at.sun_path);
	}
	if (fd >= 0)
		close(fd);
}

/* Whoever may enter the folder of a socket of etcd may do everything there. */
static void
check_socket(const struct environment *h, struct str endpoint)
{
	char path[PATH_BYTES];
	struct stat st;

	if (!str_starts(endpoint, STR("unix://"))) {
		if (!str_starts(endpoint, STR("http://127.")) &&
		    !str_starts(endpoint, STR("http://localhost")) &&
		    !str_starts(endpoint, STR("http://[::1]")))
			warn(h, "%.*s is reached over the network, where anybody "
			    "may write to it; give etcd a unix socket", STR_ARG(endpoint));
		return;
	}
	endpoint = str_skip(endpoint, strlen("unix://"));
	str_copy(path, sizeof(path), path_folder(endpoint));
	if (stat(path, &st) != 0) {
		fault(h, "%s cannot be entered: start etcd, or add this user to "
		    "its group", path);
		return;
	}
	check_listener(h, endpoint);
	if ((st.st_mode & S_IXOTH) != 0)
		warn(h, "everybody may enter %s, and so write to the registry; "
		    "chmod o-rwx %s", path, path);
}

/* "3.4.23" */
static void
check_version(const struct environment *h, const struct cluster_status *st)
{
	char *end;
	const unsigned long major = strtoul(st->etcd_version, &end, 10);
	const unsigned long minor = *end == '.' ? strtoul(end + 1, &end, 10) : 0;
	const unsigned long patch = *end == '.' ? strtoul(end + 1, &end, 10) : 0;

	/* one that is refused is why this machine has stopped */
	if (st->etcd_version[0] == '\0' || st->stopped[0] != '\0')
		return;
	if (major == 3 && minor == 4)
		warn(h, "etcd %s: 3.4 gets no repairs since June 2026%s; 3.5.3 or later takes its "
		    "data", st->etcd_version,
		    patch < 34 ? ", and has faults that 3.4.34 has not" : "");
	else
		say(h, FINDING_OK, "etcd %s", st->etcd_version);
}

static void
check_etcd(const struct environment *h, const struct cluster_status *st)
{
	const uint64_t quota_mib = h->options == NULL ? 0 : h->options->cluster_quota_mib;

	check_version(h, st);
	if (!st->has_quorum)
		fault(h, "no majority of etcd answers: no writes are taken; look "
		    "at etcd on each machine");
	if (st->n_alarms > 0 && st->is_corrupt)
		fault(h, "etcd has found that one of its members has other data than the others, "
		    "and takes nothing: give that member an empty folder (etcdctl member remove "
		    "%" PRIx64 ", member add), then etcdctl alarm disarm", st->alarm_member);
	else if (st->n_alarms > 0)
		fault(h, "etcd is over its quota and takes nothing: etcdctl "
		    "compaction REVISION, etcdctl defrag on each machine, etcdctl alarm disarm (or "
		    "DEACTIVATE with memberID %" PRIu64 ")", st->alarm_member);
	else if (quota_mib > 0 && st->db_bytes > (quota_mib << 20) / 4 * 3)
		warn(h, "the database of etcd has %" PRIu64
		    " MiB, of a quota of %" PRIu64 ": defragment it, one machine after the other",
		    st->db_bytes >> 20, quota_mib);
}

static void
check_members(const struct environment *h, const struct cluster_status *st)
{
	unsigned i, n_live = 0;

	for (i = 0; i < st->n_members; i++) {
		const struct cluster_member *m = &st->members[i];
		const int64_t ahead_us = m->seen_us - cluster_heard_us(m, h->now_us);

		n_live += m->is_live;
		if (!m->is_live) {
			warn(h, "machine %s is gone, or has stopped, and says why (kodo cluster "
			    "status there); kodo cluster leave %s, if it does not come back",
			    m->name, m->name);
			continue;
		}
		if (strcmp(m->options, st->options) != 0)
			warn(h, "the options of %s are not those of this machine: "
			    "make their loaders equal", m->name);
		/* stored with the state, so also found by its digest, later */
		if (m->folding[0] != '\0' && strcmp(m->folding, utf8_version()) != 0)
			fault(h, "%s folds texts by utf8proc %s, and this machine by %s: install "
			    "one version on all", m->name, m->folding, utf8_version());
		if (ahead_us > CLOCK_SPARE_US || -ahead_us > CLOCK_SPARE_US)
			fault(h, "the clock of %s and that of this machine differ by "
			    "%lld s: let both follow one (NTP)", m->name,
			    (long long)(ahead_us < 0 ? -ahead_us : ahead_us) / 1000000);
	}
	if (n_live == 2)
		warn(h, "with two machines neither may fail, unless a third "
		    "one has a member of etcd");
	else if (n_live == 1)
		warn(h, "no other machine is there: this one may not fail");
	else if (n_live > 0)
		say(h, FINDING_OK, "%u machines", n_live);
}

void
cluster_check_endpoints(const struct environment *h)
{
	struct str endpoints = h->options == NULL ? STR_NULL : h->options->cluster;

	while (endpoints.len > 0)
		check_socket(h, str_cut(&endpoints, ','));
}

void
cluster_check(const struct environment *h)
{
	struct cluster_status st;
	const char *why;

	if (h->options != NULL ? h->options->cluster.p == NULL : !machine_is_member(h->state))
		return;
	cluster_check_endpoints(h);
	if (cluster_status_read(h->state, &st) != KODO_OK ||
	    cluster_silent_us(&st) > CLUSTER_LAG_US) {
		fault(h, "the process of the log does not run: start kodo service, "
		    "or kodo-reconnect --stay");
		return;
	}
	why = cluster_unready(&st);
	if (why != NULL)
		fault(h, "%s", why);
	if (st.queued > 0)
		warn(h, "%" PRIu64 " bodies that were taken here are not in the log yet: they are "
		    "lost with this machine's disk", st.queued);
	check_etcd(h, &st);
	check_members(h, &st);
}
