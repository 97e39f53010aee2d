#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <curl/curl.h>

#include "core/base/path.h"
#include "cron/cluster/fetch.h"

#define CONNECT_MS	2000L
#define SLOW_S		10L	/* so long it may come slower */

struct fetch {
	CURLM *multi;
	CURL *easy;
	struct curl_slist *head;
	int fd;
	enum kodo_err err;	/* of writing */
	char url[512];
};

static size_t
on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct fetch *f = arg;

	f->err = path_write(f->fd, (struct str){ bytes, size * n });
	return f->err == KODO_OK ? size * n : 0;
}

static bool
set_up(struct fetch *f)
{
	CURL *c = f->easy;

	return curl_easy_setopt(c, CURLOPT_URL, f->url) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_HTTPHEADER, f->head) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, FETCH_LEAST_BYTES) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, SLOW_S) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEDATA, f) == CURLE_OK &&
	    curl_multi_add_handle(f->multi, c) == CURLM_OK;
}

enum kodo_err
fetch_begin(const char *url, const char *key, int fd, struct fetch **out)
{
	struct fetch *f = calloc(1, sizeof(*f));
	char line[128];

	*out = NULL;
	if (f == NULL)
		return KODO_ENOMEM;
	f->fd = fd;
	snprintf(f->url, sizeof(f->url), "%s", url);
	snprintf(line, sizeof(line), "Authorization: Bearer %s", key);
	f->multi = curl_multi_init();
	f->easy = curl_easy_init();
	f->head = curl_slist_append(NULL, line);
	if (f->multi == NULL || f->easy == NULL || f->head == NULL || !set_up(f)) {
		fetch_free(f);
		return KODO_ENOMEM;
	}
	*out = f;
	return KODO_OK;
}

void
fetch_free(struct fetch *f)
{
	if (f == NULL)
		return;
	if (f->multi != NULL && f->easy != NULL)
		curl_multi_remove_handle(f->multi, f->easy);
	curl_easy_cleanup(f->easy);
	if (f->multi != NULL)
		curl_multi_cleanup(f->multi);
	curl_slist_free_all(f->head);
	free(f);
}

size_t
fetch_fds(struct fetch *f, struct etcd_fd *fds)
{
	fd_set in, out, other;
	size_t n = 0;
	int max = -1, fd;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&other);
	if (curl_multi_fdset(f->multi, &in, &out, &other, &max) != CURLM_OK)
		return 0;
	for (fd = 0; fd <= max && n < FETCH_FDS; fd++)
		if (FD_ISSET(fd, &in) || FD_ISSET(fd, &out))
			fds[n++] = (struct etcd_fd){ .fd = fd, .to_write = FD_ISSET(fd, &out) };
	return n;
}

enum kodo_err
fetch_step(struct fetch *f, bool *is_over, struct why *why)
{
	CURLMsg *m;
	CURLcode code;
	int running, left;

	*is_over = false;
	if (curl_multi_perform(f->multi, &running) != CURLM_OK)
		return why_set(why, KODO_ENOMEM, "%s cannot be fetched: memory ran out", f->url);
	m = curl_multi_info_read(f->multi, &left);
	if (m == NULL || m->msg != CURLMSG_DONE)
		return KODO_OK;
	*is_over = true;
	code = m->data.result;
	if (code == CURLE_OK)
		return KODO_OK;
	if (f->err != KODO_OK)
		return why_set(why, f->err, "cannot write what %s gives: %s", f->url,
		    path_words(errno));
	return why_set(why, code == CURLE_OUT_OF_MEMORY ? KODO_ENOMEM : KODO_EIO,
	    "%s does not give its state: %s", f->url, curl_easy_strerror(code));
}
