#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/auth/key_file.h"
#include "core/base/buf.h"
#include "core/base/limit.h"
#include "core/base/path.h"

#define EVERY_US	(3600 * 1000000ll)
#define WANTED_US	(300 * 1000000ll)	/* between two attempts for an unknown key */
#define RETRY_US	(10 * 1000000ll)	/* after the first failure */
#define HEAD_BYTES	8192u			/* url and error are shorter */

static bool
read_number(struct str text, int64_t *out)
{
	char digits[24], *end;

	if (text.len == 0 || text.len >= sizeof(digits))
		return false;
	str_copy(digits, sizeof(digits), text);
	*out = strtoll(digits, &end, 10);
	return *end == '\0' && *out >= 0;
}

enum kodo_err
key_file_read(struct arena *a, const struct state *s, struct key_file *out)
{
	char path[PATH_BYTES];
	struct str text;
	int64_t n_failures = 0;
	enum kodo_err err = state_file(s, KEY_FILE, path);

	*out = (struct key_file){ .fetched_us = 0 };
	if (err == KODO_OK)
		err = path_read(a, path, LIMIT_JWKS_BYTES + HEAD_BYTES, &text);
	if (err != KODO_OK)
		return err == KODO_ETOOBIG ? KODO_ENOTFOUND : err;
	out->url = str_cut(&text, '\n');
	if (!read_number(str_cut(&text, '\n'), &out->fetched_us) ||
	    !read_number(str_cut(&text, '\n'), &out->tried_us) ||
	    !read_number(str_cut(&text, '\n'), &n_failures)) {
		*out = (struct key_file){ .fetched_us = 0 };
		return KODO_ENOTFOUND;
	}
	out->n_failures = (uint64_t)n_failures;
	out->error = str_cut(&text, '\n');
	out->json = text;
	return KODO_OK;
}

bool
key_file_is_new(const struct state *s, struct state_secret_stamp *seen)
{
	const struct state_secret_stamp old = *seen;

	*seen = state_secret_stamp(s, KEY_FILE);
	return memcmp(seen, &old, sizeof(old)) != 0;
}

enum kodo_err
key_file_write(const struct state *s, const struct key_file *f)
{
	struct buf b = BUF_INIT(0);
	char path[PATH_BYTES];
	enum kodo_err err = state_file(s, KEY_FILE, path);

	buf_printf(&b, "%.*s\n%lld\n%lld\n%llu\n%.*s\n", STR_ARG(f->url),
	    (long long)f->fetched_us, (long long)f->tried_us, (unsigned long long)f->n_failures,
	    STR_ARG(f->error));
	buf_put_str(&b, f->json);
	if (err == KODO_OK)
		err = buf_failed(&b) ? KODO_ENOMEM
		    : path_replace_text(path, s->file_mode, buf_str(&b));
	buf_free(&b);
	return err;
}

int64_t
key_file_due_us(
    const struct key_file *f, struct str url, int64_t wanted_us, int64_t now_us)
{
	int64_t pause_us = EVERY_US, retry_us = RETRY_US;
	uint64_t i;

	/* a time ahead: the clock was set back */
	if (f->tried_us == 0 || f->tried_us > now_us || !str_eq(f->url, url))
		return 0;
	for (i = 1; i < f->n_failures && retry_us < WANTED_US; i++)
		retry_us *= 2;
	if (f->n_failures > 0)
		pause_us = retry_us < WANTED_US ? retry_us : WANTED_US;
	else if (wanted_us > f->tried_us)
		pause_us = WANTED_US;
	return f->tried_us + pause_us;
}

void
key_file_want(const struct state *s)
{
	const int fd = state_open_file(s, KEY_FILE_WANTED, O_WRONLY);

	if (fd < 0)
		return;
	(void)!futimens(fd, NULL);
	close(fd);
}
