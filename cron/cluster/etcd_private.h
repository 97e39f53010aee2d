/* What etcd.c (calls) and etcd_read.c (their answers) share. */
#ifndef KODO_ETCD_PRIVATE_H
#define KODO_ETCD_PRIVATE_H

#include <curl/curl.h>

#include "core/wire/jread.h"
#include "cron/cluster/etcd.h"

#define ENDPOINTS	8u

struct call {
	bool is_busy, is_watch;
	struct etcd *e;
	unsigned endpoint;
	CURL *easy;
	struct buf body, answer;
	struct etcd_done done;
	void (*on_message)(void *arg, const struct etcd_message *m);
	void *arg;
	bool is_ended;		/* the watch said so, or is not wanted any more */
};

struct etcd {
	CURLM *multi;
	struct curl_slist *head, *watch_head;
	struct jread *jread;
	struct arena *a;	/* of the answer at hand */
	struct { char *url, *socket; } endpoints[ENDPOINTS];
	unsigned n_endpoints, at;
	struct call calls[ETCD_CALLS];
	struct call watch;
};

/* Texts live in e->a. KODO_EIO: it is none of etcd's. */
enum kodo_err etcd_read_answer(struct etcd *e, struct str text, struct etcd_answer *an) MUST_CHECK;
void etcd_read_message(struct etcd *e, struct str text, struct etcd_message *m);
/* Is it an error? Then err and words say which. */
bool etcd_read_error(struct etcd *e, struct str object, enum kodo_err *err, struct str *words);

#endif
