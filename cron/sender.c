#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "core/base/address.h"
#include "core/base/ascii.h"
#include "core/base/buf.h"
#include "core/base/isotime.h"
#include "core/base/limit.h"
#include "core/base/path.h"
#include "core/base/url.h"
#include "cron/sender.h"

#define FDS_MAX		4u
/* how long a kept connection may lie idle: lighttpd and Apache close after 5 s */
#define KEEP_IDLE_S	4L
/* a host that is up takes a connection within a second; a lost packet costs 1 and 3 more */
#define CONNECT_MAX_MS	5000L

/* fields of an answer that are looked at: those of a signature, in their order, and two more */
enum { RETRY_AFTER = SIGNATURE_FIELDS, ETAG, HEAD_FIELDS };

enum slot_state { SLOT_FREE, SLOT_BUSY, SLOT_ENDED };

struct slot {
	enum slot_state state;
	bool allow_private;
	bool refused_address;	/* by allow_private */
	bool given_up;
	bool head_only, head_over;	/* asked for; its end has come */
	size_t head_bytes;
	CURL *easy;		/* kept for the next message */
	CURLcode code;
	struct buf url;		/* terminated copy */
	struct buf body;	/* of the answer */
	char words[CURL_ERROR_SIZE];
	struct curl_slist *lines;	/* of the head of this message */
	struct buf fields[HEAD_FIELDS];	/* of the answer's head, by field_name */
};

struct sender {
	CURLM *multi;
	struct slot slots[SENDER_SLOTS];
};

enum kodo_err
sender_new(struct sender **out)
{
	struct sender *s;

	*out = NULL;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return KODO_ENOMEM;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		goto out;
	s->multi = curl_multi_init();
	if (s->multi == NULL ||
	    curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)SENDER_SLOTS) != CURLM_OK)
		goto out;
	*out = s;
	return KODO_OK;
out:
	if (s == NULL)
		curl_global_cleanup();
	sender_free(s);
	return KODO_ENOMEM;
}

static void
free_head(struct slot *slot)
{
	unsigned i;

	curl_slist_free_all(slot->lines);
	slot->lines = NULL;
	for (i = 0; i < HEAD_FIELDS; i++)
		buf_free(&slot->fields[i]);
}

void
sender_free(struct sender *s)
{
	unsigned i;

	if (s == NULL)
		return;
	for (i = 0; i < SENDER_SLOTS; i++) {
		struct slot *slot = &s->slots[i];

		if (slot->easy != NULL && slot->state == SLOT_BUSY)
			curl_multi_remove_handle(s->multi, slot->easy);
		curl_easy_cleanup(slot->easy);
		free_head(slot);
		buf_free(&slot->url);
		buf_free(&slot->body);
	}
	if (s->multi != NULL)
		curl_multi_cleanup(s->multi);
	free(s);
	curl_global_cleanup();
}

static size_t
on_answer(char *bytes, size_t size, size_t n, void *arg)
{
	struct slot *slot = arg;

	buf_put(&slot->body, bytes, size * n);
	return buf_failed(&slot->body) ? 0 : size * n;	/* a short count ends the transfer */
}

/* As of a url's text (url_is_private), where a name may stand for such an address. */
static bool
is_public(const struct curl_sockaddr *address)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	if (address->family == AF_INET && address->addrlen == sizeof(v4)) {
		memcpy(&v4, &address->addr, sizeof(v4));
		v6.sin6_addr = address_of_v4(v4.sin_addr);
		return address_is_public(&v6.sin6_addr);
	}
	if (address->family == AF_INET6 && address->addrlen == sizeof(v6)) {
		memcpy(&v6, &address->addr, sizeof(v6));
		return address_is_public(&v6.sin6_addr);
	}
	return false;
}

static curl_socket_t
on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct slot *slot = arg;

	if (purpose != CURLSOCKTYPE_IPCXN || (!slot->allow_private && !is_public(address))) {
		slot->refused_address = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/*
 * The file of trusted certificates, where curl does not look for it: on other distributions than
 * that of its build, and last in the tarball for shared hosts. NULL: curl's own place, or none.
 */
static const char *
ca_file(void)
{
	static const char *const places[] = { "/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem" };
	static char own[PATH_BYTES + 32];
	char program[PATH_BYTES];
	unsigned i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	if (own[0] == '\0' && path_own_program(program) == KODO_OK)
		snprintf(own, sizeof(own), "%.*s/lib/ca-certificates.crt",
		    STR_ARG(path_folder(str_of(program))));
	return access(own, R_OK) == 0 ? own : NULL;
}

/* curl fails only for options unknown to it, and for want of memory; it knows all of these. */
static bool
set_transport(CURL *c, struct slot *slot, const struct sender_limits *limits)
{
	long timeout_ms = (long)limits->timeout_s * 1000;
	long connect_ms = timeout_ms < CONNECT_MAX_MS ? timeout_ms : CONNECT_MAX_MS;
	const char *ca = ca_file();

	return (ca == NULL || curl_easy_setopt(c, CURLOPT_CAINFO, ca) == CURLE_OK) &&
	    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, KEEP_IDLE_S) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_USERAGENT, "kodo") == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_socket) == CURLE_OK &&
	    /* a connection kept for a target may lead to where others may not */
	    curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, limits->allow_private ? 0L : 1L) ==
		CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, slot) == CURLE_OK;
}

static bool
add_line(struct slot *slot, const char *line)
{
	struct curl_slist *more = curl_slist_append(slot->lines, line);

	if (more != NULL)
		slot->lines = more;
	return more != NULL;
}

static bool
set_head(struct slot *slot, bool is_post, const char *const *head)
{
	bool ok = !is_post ||
	    (add_line(slot, "Content-Type: application/json") && add_line(slot, "Expect:"));

	for (; ok && head != NULL && *head != NULL; head++)
		ok = add_line(slot, *head);
	return ok;
}

/* Does the transfer end with this line, as nothing but the head is wanted? */
static bool
is_head_end(struct slot *slot, size_t bytes, bool is_blank)
{
	long status = 0;

	if (!slot->head_only)
		return false;
	slot->head_bytes += bytes;
	if (slot->head_bytes > SENDER_HEAD_BYTES)
		return true;
	if (!is_blank ||
	    curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
		return false;
	slot->head_over = status >= 200;
	return slot->head_over;
}

static const char *
field_name(unsigned i)
{
	static const char *const others[] = { "Retry-After", "ETag" };

	return i < SIGNATURE_FIELDS ? signature_names[i] : others[i - SIGNATURE_FIELDS];
}

/* The line of a field of the answer's head; those of the last answer count (100, 200). */
static size_t
on_head(char *bytes, size_t size, size_t n, void *arg)
{
	struct slot *slot = arg;
	struct str line = ascii_trim((struct str){ bytes, size * n }), name;
	unsigned i;

	for (i = 0; i < HEAD_FIELDS; i++) {
		struct buf *field = &slot->fields[i];

		name = str_of(field_name(i));
		if (str_starts(line, STR("HTTP/"))) {
			buf_reset(field);
		} else if (line.len > name.len && line.p[name.len] == ':' &&
		    strncasecmp(line.p, name.p, name.len) == 0) {
			if (field->len > 0)
				buf_puts(field, ", ");
			buf_put_str(field, ascii_trim(str_skip(line, name.len + 1)));
		}
	}
	/* a short count ends the transfer */
	return is_head_end(slot, size * n, line.len == 0) ? 0 : size * n;
}

static bool
set_message(CURL *c, struct slot *slot, const struct exchange_job *job)
{
	curl_off_t n = (curl_off_t)job->body.len;
	bool ok = curl_easy_setopt(c, CURLOPT_URL, buf_z(&slot->url)) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_answer) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEDATA, slot) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, slot->words) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_head) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_HEADERDATA, slot) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_HTTPHEADER, slot->lines) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_PRIVATE, slot) == CURLE_OK;

	if (!ok || !job->is_post)
		return ok;
	return curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, n) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_POSTFIELDS, n == 0 ? "" : job->body.p) == CURLE_OK;
}

enum kodo_err
sender_start(struct sender *s, unsigned i, const struct exchange_job *job,
    const struct sender_limits *limits)
{
	struct slot *slot = &s->slots[i];
	unsigned k;

	if (slot->easy == NULL)
		slot->easy = curl_easy_init();
	if (slot->easy == NULL)
		return KODO_ENOMEM;
	curl_easy_reset(slot->easy);
	buf_reset(&slot->body);
	slot->body.max = limits->answer_max_bytes;
	buf_reset(&slot->url);
	buf_put_str(&slot->url, job->url);
	if (buf_z(&slot->url)[0] == '\0')
		return KODO_ENOMEM;
	slot->words[0] = '\0';
	slot->allow_private = limits->allow_private;
	slot->refused_address = slot->given_up = slot->head_over = false;
	slot->head_only = limits->head_only;
	slot->head_bytes = 0;
	free_head(slot);
	for (k = 0; k < HEAD_FIELDS; k++)
		slot->fields[k] = (struct buf)BUF_INIT(LIMIT_SIGNATURE_BYTES);
	if (!set_head(slot, job->is_post, limits->head) ||
	    !set_transport(slot->easy, slot, limits) || !set_message(slot->easy, slot, job) ||
	    curl_multi_add_handle(s->multi, slot->easy) != CURLM_OK)
		return KODO_ENOMEM;
	slot->state = SLOT_BUSY;
	return KODO_OK;
}

static bool
collect(struct sender *s)
{
	bool any = false;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(s->multi, &left)) != NULL) {
		char *private = NULL;
		struct slot *slot;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
		slot = (struct slot *)(void *)private;
		slot->code = m->data.result;
		slot->state = SLOT_ENDED;
		curl_multi_remove_handle(s->multi, slot->easy);	/* m is dead from here on */
		any = true;
	}
	return any;
}

unsigned
sender_wait(struct sender *s, const int *fds, unsigned n_fds, int64_t timeout_us)
{
	struct curl_waitfd also[FDS_MAX];
	unsigned ready = 0, i;
	int running, timeout_ms;

	for (i = 0; i < n_fds; i++)
		also[i] = (struct curl_waitfd){ .fd = fds[i], .events = CURL_WAIT_POLLIN };
	curl_multi_perform(s->multi, &running);
	if (collect(s))
		timeout_us = 0;
	/* rounded up: a wait that ends just before the due time would be followed by another */
	timeout_ms = (int)((timeout_us + 999) / 1000);
	if (curl_multi_poll(s->multi, also, n_fds, timeout_ms, NULL) == CURLM_OK)
		for (i = 0; i < n_fds; i++)
			if (also[i].revents != 0)
				ready |= 1u << i;
	curl_multi_perform(s->multi, &running);
	collect(s);
	return ready;
}

/* Did the peer reset the connection, as servers do with a body too large for them? */
static bool
is_reset(CURLcode code)
{
	return code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING;
}

/* The whole url in its Location; curl makes it of a part of one, too. NULL: there is none. */
static const char *
moved_to(const struct slot *slot)
{
	char *url = NULL;

	(void)curl_easy_getinfo(slot->easy, CURLINFO_REDIRECT_URL, &url);
	return url;
}

/*
 * Of who is asked too often, or is busy: seconds, or a time (RFC 9110, 10.2.3). 0: not said, or
 * something else, such as `5 minutes`, which curl's own reading takes for 5.
 */
static unsigned
retry_after(struct slot *slot, long status)
{
	const char *text = buf_z(&slot->fields[RETRY_AFTER]);
	size_t digits = strspn(text, "0123456789");
	int64_t s;

	if ((status != 429 && status != 503) || (digits > 0 && text[digits] != '\0'))
		return 0;
	if (digits > 9)
		return INT_MAX;
	s = digits > 0 ? strtol(text, NULL, 10)
	    : curl_getdate(text, NULL) - isotime_now_us() / 1000000;
	return s < 0 ? 0 : s < INT_MAX ? (unsigned)s : INT_MAX;
}

/* Of the codes whose own words leave out what is wrong: http or https, which certificate. */
static const char *
words_of(const struct slot *slot)
{
	static const CURLcode vague[] = { CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION,
		CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY };
	size_t i;

	for (i = 0; i < sizeof(vague) / sizeof(vague[0]); i++)
		if (slot->code == vague[i] && slot->words[0] != '\0')
			return slot->words;
	return curl_easy_strerror(slot->code);
}

static void
describe(struct slot *slot, long status, struct exchange_result *res)
{
	bool is_cut = slot->head_over ||
	    (slot->body.err == KODO_ETOOBIG && slot->body.max < LIMIT_ANSWER_BYTES);

	/* a server that refuses a body answers and closes before its end: the answer counts */
	if (slot->code == CURLE_OK || status >= 400 || is_cut) {
		res->status = (unsigned)status;
		res->is_cut = is_cut;
		res->body = is_cut ? STR_NULL : buf_str(&slot->body);
		if (status >= 300 && status <= 399)
			res->moved = moved_to(slot);
		res->retry_after_s = retry_after(slot, status);
		return;
	}
	res->reset = is_reset(slot->code);
	if (slot->refused_address)
		res->error = "Address is private, and the option private does not allow it";
	else if (slot->given_up)
		res->error = "No answer in time, and others wait";
	else if (slot->head_bytes > SENDER_HEAD_BYTES)
		res->error = "Head of the answer is over 16 KiB";
	else if (slot->body.err == KODO_ETOOBIG)
		res->error = "Answer is over 16 MiB";
	else
		res->error = words_of(slot);
}

void
sender_give_up(struct sender *s, unsigned i)
{
	struct slot *slot = &s->slots[i];

	curl_multi_remove_handle(s->multi, slot->easy);
	slot->code = CURLE_OPERATION_TIMEDOUT;
	slot->given_up = true;
	slot->state = SLOT_ENDED;
}

static void
take_head(struct slot *slot, struct sender_head *head)
{
	char *ip = NULL;
	unsigned i;

	*head = (struct sender_head){ .is_private = slot->refused_address };
	for (i = 0; i < SIGNATURE_FIELDS; i++)
		if (!buf_failed(&slot->fields[i]))
			*signature_field(&head->signature, i) = buf_str(&slot->fields[i]);
	if (!buf_failed(&slot->fields[ETAG]) && slot->fields[ETAG].len > 0)
		head->etag = buf_str(&slot->fields[ETAG]);
	if (curl_easy_getinfo(slot->easy, CURLINFO_PRIMARY_IP, &ip) != CURLE_OK || ip == NULL)
		return;
	head->has_address = address_read(str_of(ip), &head->address);
}

bool
sender_take(struct sender *s, unsigned *out, struct exchange_result *res,
    struct sender_head *head)
{
	unsigned i;

	for (i = 0; i < SENDER_SLOTS; i++) {
		struct slot *slot = &s->slots[i];
		long status = 0;

		if (slot->state != SLOT_ENDED)
			continue;
		*res = (struct exchange_result){ 0 };
		curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
		describe(slot, status, res);
		if (head != NULL)
			take_head(slot, head);
		*out = i;
		return true;
	}
	return false;
}

void
sender_release(struct sender *s, unsigned i)
{
	s->slots[i].state = SLOT_FREE;
	buf_free(&s->slots[i].body);	/* so many answers of 16 MiB are too much to keep */
}
