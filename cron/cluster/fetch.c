#include <errno.h>
#include <stdio.h>

#include <curl/curl.h>

#include "core/base/path.h"
#include "cron/cluster/fetch.h"

#define CONNECT_MS	2000L
#define SLOW_S		10L	/* so long it may come slower */

struct target {
	int fd;
	enum kodo_err err;
};

static size_t
on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct target *t = arg;

	t->err = path_write(t->fd, (struct str){ bytes, size * n });
	return t->err == KODO_OK ? size * n : 0;
}

static bool
set_up(CURL *c, const char *url, struct curl_slist *head, struct target *t)
{
	return curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_HTTPHEADER, head) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, FETCH_LEAST_BYTES) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, SLOW_S) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEDATA, t) == CURLE_OK;
}

enum kodo_err
fetch_file(const char *url, const char *key, int fd, struct why *why)
{
	struct target t = { fd, KODO_OK };
	struct curl_slist *head;
	char line[128];
	CURL *c = curl_easy_init();
	CURLcode code = CURLE_OUT_OF_MEMORY;

	snprintf(line, sizeof(line), "Authorization: Bearer %s", key);
	head = curl_slist_append(NULL, line);
	if (c != NULL && head != NULL && set_up(c, url, head, &t))
		code = curl_easy_perform(c);
	curl_easy_cleanup(c);
	curl_slist_free_all(head);
	if (code == CURLE_OK)
		return KODO_OK;
	if (t.err != KODO_OK)
		return why_set(why, t.err, "cannot write what %s gives: %s", url,
		    path_words(errno));
	return why_set(why, code == CURLE_OUT_OF_MEMORY ? KODO_ENOMEM : KODO_EIO,
	    "%s does not give its state: %s", url, curl_easy_strerror(code));
}
