#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/spawn.h"
#include "core/cluster/entry.h"
#include "core/cluster/link.h"
#include "core/cluster/poison.h"
#include "core/storage/cluster_status.h"
#include "core/storage/machine.h"

#define ENSURE_MS	1000	/* between two starts */
#define RETRY_MS	20	/* between two attempts to connect */
#define LOOK_US		200000	/* between two looks at what the process of the log tells */
#define SILENT_US	(3ll * 1000000)	/* so long it may tell nothing */
#define RESULT_BYTES	((size_t)256 << 20)

static struct {
	struct registry *registry;	/* NULL: not joined */
	unsigned wait_ms;
	int fd;
	bool is_sent;		/* the process of the log has all of the entry, perhaps */
	bool is_patient;	/* of the change at hand: nobody else waits meanwhile */
	uint64_t token;
	const char *program;	/* see link_keep */
	struct arena *a;	/* of the result, until the next change */
} link_ = { .fd = -1 };

/* --- the socket --- */

static void
hang_up(void)
{
	if (link_.fd >= 0)
		close(link_.fd);
	link_.fd = -1;
}

static bool
is_told(const struct state *s, int64_t now_us)
{
	struct cluster_status st;

	return cluster_status_read(s, &st) == KODO_OK && st.told_us > 0 &&
	    now_us - st.told_us < SILENT_US;
}

/*
 * Is it worth waiting? Not where the process of the log has stopped to tell how it goes: a worker
 * that waits for it keeps others from reading. One that waits for a slow disk in the midst of a
 * revision tells nothing either, and goes on: so would a machine alone.
 */
static bool
is_going_on(const struct state *s)
{
	static int64_t looked_us;
	static bool was_going_on;
	const int64_t now_us = cluster_boot_us();

	if (link_.is_patient)
		return true;
	if (now_us - looked_us >= LOOK_US) {
		const bool is_now = is_told(s, now_us) || poison_is_begun(link_.registry);

		if (was_going_on && !is_now)
			log_warning("the process of the log of the cluster tells nothing: nobody "
			    "waits for it until it does");
		looked_us = now_us;
		was_going_on = is_now;
	}
	return was_going_on;
}

static enum kodo_err
dial(const struct state *s, int64_t end_ms)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char path[PATH_BYTES];
	enum kodo_err err = state_file(s, MACHINE_SOCKET, path);

	if (link_.fd >= 0)
		return KODO_OK;
	if (err != KODO_OK || strlen(path) >= sizeof(to.sun_path))
		return KODO_ETOOBIG;
	memcpy(to.sun_path, path, strlen(path));
	for (;;) {
		/* a queue that is full must not hold us here */
		link_.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (link_.fd < 0)
			return KODO_EIO;
		if (connect(link_.fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
			return KODO_OK;
		hang_up();
		if (link_.program != NULL)
			link_ensure(s, link_.program);
		if (clock_mono_ms() >= end_ms || !is_going_on(s))
			return KODO_EBUSY;
		usleep(RETRY_MS * 1000);
	}
}

static enum kodo_err
move(const struct state *s, bool is_write, void *bytes, size_t n, int64_t end_ms)
{
	char *p = bytes;

	while (n > 0) {
		struct pollfd fd = { .fd = link_.fd, .events = is_write ? POLLOUT : POLLIN };
		const int64_t left_ms = end_ms - clock_mono_ms();
		ssize_t moved;
		int ready;

		if (left_ms <= 0 || !is_going_on(s))
			return KODO_EBUSY;
		ready = poll(&fd, 1, left_ms < LOOK_US / 1000 ? (int)left_ms : LOOK_US / 1000);
		if (ready == 0)
			continue;
		moved = is_write ? send(link_.fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT)
				 : recv(link_.fd, p, n, MSG_DONTWAIT);
		if (moved == 0 || (moved < 0 && errno != EAGAIN && errno != EINTR))
			return KODO_EIO;
		if (moved > 0) {
			p += moved;
			n -= (size_t)moved;
		}
	}
	return KODO_OK;
}

/* The entry, or order, there; the result back. */
static enum kodo_err
pass(const struct state *s, struct buf *entry, struct link_request q, int64_t end_ms,
    struct str *result)
{
	struct link_answer an;
	char *bytes;
	enum kodo_err err;

	q.bytes = (uint32_t)entry->len;
	link_.is_sent = false;
	err = move(s, true, &q, sizeof(q), end_ms);

	if (err == KODO_OK)
		err = move(s, true, entry->p, entry->len, end_ms);
	link_.is_sent = err == KODO_OK;
	if (err == KODO_OK)
		err = move(s, false, &an, sizeof(an), end_ms);
	if (err != KODO_OK)
		return err;
	if (an.err >= KODO_ERR_MAX || an.bytes > RESULT_BYTES)
		return KODO_EIO;
	bytes = arena_alloc(link_.a, an.bytes + 1u);
	if (bytes == NULL)
		return KODO_ENOMEM;
	err = move(s, false, bytes, an.bytes, end_ms);
	*result = (struct str){ bytes, an.bytes };
	return err == KODO_OK ? (enum kodo_err)an.err : err;
}

/*
 * Does the kind count only from who sends for the cluster? CHANGE_SWEPT, the end of what anybody's
 * order has begun, has its ticket.
 */
static bool
is_sender_s(enum change_kind kind)
{
	static const bool rows[CHANGE_KINDS] = {
		[CHANGE_DONE] = true, [CHANGE_CLEAR] = true, [CHANGE_PUT_OFF] = true,
		[CHANGE_CLOCK_BACK] = true, [CHANGE_ROUND] = true, [CHANGE_WATCH] = true,
		[CHANGE_PROBE] = true, [CHANGE_EXPIRE] = true, [CHANGE_REJUDGED] = true,
		[CHANGE_WALK_NEXT] = true, [CHANGE_WALK_TAKE] = true, [CHANGE_WALK_SETTLE] = true,
		[CHANGE_WALK_DOUBTS] = true,
	};

	return rows[kind];
}

/*
 * May the entry be made once more, where nobody knows whether it was? What a version, an id or the
 * state itself says is the same twice; an order that undoes, or a count, is not.
 */
static bool
is_same_twice(enum change_kind kind)
{
	static const bool rows[CHANGE_KINDS] = {
		[CHANGE_CONNECT] = true, [CHANGE_UPDATE] = true, [CHANGE_RECONNECT] = true,
		[CHANGE_START] = true, [CHANGE_EPOCH] = true, [CHANGE_IMPORT] = true,
		[CHANGE_IMPORT_LINES] = true, [CHANGE_SWEEP] = true, [CHANGE_SWEPT] = true,
		[CHANGE_EXPIRE] = true, [CHANGE_ROUND] = true, [CHANGE_WATCH] = true,
		[CHANGE_PROBE] = true,
	};

	return rows[kind];
}

/* Is all applied here that the log has? KODO_ELATER: nobody can say, and bodies are queued here. */
static enum kodo_err
catch_up(const struct state *s, int64_t end_ms)
{
	struct buf words = BUF_INIT(0);
	struct str result = STR_NULL;
	enum kodo_err err;

	buf_puts(&words, LINK_CURRENT);
	err = buf_failed(&words) ? words.err : dial(s, end_ms);
	if (err == KODO_OK)
		err = pass(s, &words, (struct link_request){ .is_order = 1 }, end_ms, &result);
	buf_free(&words);
	if (result.p == NULL)
		hang_up();
	return err == KODO_EIO || err == KODO_ETOOBIG ? KODO_EBUSY : err;
}

/*
 * What is refused takes no place in the log: KODO_ENOTFOUND, as from there. The log has the last
 * word: what it has already is applied here before it is refused.
 */
static enum kodo_err
look(struct change_run *run, int64_t end_ms)
{
	enum kodo_err err = registry_look(run);

	if (err != KODO_ENOTFOUND)
		return err;
	err = catch_up(registry_state(link_.registry), end_ms);
	return err == KODO_OK ? registry_look(run) : err == KODO_ELATER ? KODO_OK : err;
}

static enum kodo_err
submit(void *arg, struct change_run *run)
{
	struct buf entry = BUF_INIT(LINK_ENTRY_BYTES);
	const int64_t end_ms = clock_mono_ms() + link_.wait_ms;
	struct str result = STR_NULL;
	const struct state *s = registry_state(link_.registry);
	struct link_request q = { .token = 0 };
	uint64_t room;
	enum kodo_err err;

	(void)arg;
	arena_reset(link_.a);
	/* runners, and who starts a service */
	link_.is_patient = link_.program != NULL || run->type->kind == CHANGE_START;
	err = look(run, end_ms);
	if (err == KODO_OK)
		err = entry_room(link_.registry, &room);
	if (err == KODO_OK)
		err = entry_write(&entry, run, room);
	if (err == KODO_OK && is_sender_s(run->type->kind)) {
		q.token = link_.token;
		if (q.token == 0)
			err = KODO_ECONFLICT;	/* another machine sends */
	}
	if (err != KODO_OK) {
		buf_free(&entry);
		return err;
	}
	err = dial(s, end_ms);
	if (err == KODO_OK)
		err = pass(s, &entry, q, end_ms, &result);
	/*
	 * hung up without an answer: the process of the log has ended, or taken over a state. The
	 * entry may be in the log; where one was being applied, it may be the one that ended it
	 */
	if (err == KODO_EIO && (!link_.is_sent ||
		(is_same_twice(run->type->kind) && !poison_is_begun(link_.registry)))) {
		hang_up();
		err = dial(s, end_ms);
		if (err == KODO_OK)
			err = pass(s, &entry, q, end_ms, &result);
	}
	buf_free(&entry);
	if (result.p == NULL)
		hang_up();	/* an answer that comes late must not be the next one's */
	if (err == KODO_OK)
		return entry_result_read(result, run);
	return err == KODO_EIO || err == KODO_ETOOBIG ? KODO_EBUSY : err;
}

enum kodo_err
link_order(const struct state *s, struct str order)
{
	const int64_t end_ms = clock_mono_ms() + LINK_REQUEST_MS;
	struct buf b = BUF_INIT(LINK_ENTRY_BYTES);
	struct str result = STR_NULL;
	enum kodo_err err;

	if (link_.a == NULL && (link_.a = arena_new()) == NULL)
		return KODO_ENOMEM;
	link_.is_patient = true;
	buf_put_str(&b, order);
	err = buf_failed(&b) ? b.err : dial(s, clock_mono_ms());
	if (err == KODO_OK)
		err = pass(s, &b, (struct link_request){ .is_order = 1 }, end_ms, &result);
	buf_free(&b);
	hang_up();
	return err == KODO_EIO ? KODO_EBUSY : err;
}

void
link_join(struct registry *r, unsigned wait_ms)
{
	if (!machine_is_member(registry_state(r))) {
		if (link_.registry == r)
			link_leave();
		return;
	}
	if (link_.a == NULL)
		link_.a = arena_new();
	if (link_.registry != r)
		hang_up();
	link_.registry = r;
	link_.wait_ms = wait_ms;
	registry_submit_by(r, submit, NULL);
}

bool
link_is_joined(void)
{
	return link_.registry != NULL;
}

void
link_keep(const char *program)
{
	link_.program = program;
}

void
link_leave(void)
{
	hang_up();
	if (link_.registry != NULL)
		registry_submit_by(link_.registry, NULL, NULL);
	link_.registry = NULL;
}

void
link_set_token(uint64_t token)
{
	link_.token = token;
}

uint64_t
link_token(void)
{
	return link_.token;
}

bool
link_may_send(const struct state *s)
{
	static int64_t looked_us, until_us;
	const int64_t now_us = cluster_boot_us();
	struct cluster_status st;

	if (link_.registry == NULL)
		return true;
	if (now_us - looked_us >= LOOK_US || now_us >= until_us) {
		looked_us = now_us;
		if (cluster_status_read(s, &st) != KODO_OK)
			st = (struct cluster_status){ .token = 0 };
		until_us = st.token != 0 ? st.send_until_us : 0;
		link_.token = now_us < until_us ? st.token : 0;
	}
	return link_.token != 0;
}

enum kodo_err
link_note(const struct state *s, const struct options *o)
{
	struct buf b = BUF_INIT(0);
	struct arena *a;
	struct str old;
	uint64_t digest;
	enum kodo_err err = KODO_OK;

	if (o->cluster.p == NULL) {
		machine_remove(s, MACHINE_FILE);
		return KODO_OK;
	}
	a = arena_new();
	if (a == NULL)
		return KODO_ENOMEM;
	/* what the others have to have, too: MACHINE_DIGEST */
	option_write_shared(&b, o);
	digest = hash_text(HASH_STORED, buf_str(&b));
	buf_reset(&b);
	option_write_machine(&b, o);
	buf_printf(&b, MACHINE_DIGEST "%016llx\n", (unsigned long long)digest);
	if (buf_failed(&b))
		err = b.err;
	else if (machine_read(s, a, MACHINE_FILE, &old) != KODO_OK || !str_eq(old, buf_str(&b)))
		err = machine_write(s, MACHINE_FILE, buf_str(&b), true);
	arena_free(a);
	buf_free(&b);
	return err;
}

void
link_ensure(const struct state *s, const char *program)
{
	static char name[] = "kodo-reconnect", state[] = "--state";
	static int64_t tried_ms;
	char owner[STATE_OWNER_BYTES], path[PATH_BYTES], cluster[40];
	char *argv[] = { name, state, path, cluster, NULL };
	struct why why = { "" };

	if (clock_mono_ms() - tried_ms < ENSURE_MS || !machine_is_member(s) ||
	    state_lock_owner(s, MACHINE_LOCK, owner) != KODO_ENOTFOUND)
		return;
	tried_ms = clock_mono_ms();
	str_copy(path, sizeof(path), str_of(s->path));
	snprintf(cluster, sizeof(cluster), "--cluster=%ld", (long)getpid());
	if (spawn_detached(program, argv, true, &why) != KODO_OK)
		log_error("%s", why.text);
}
