#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/storage/run_history.h"

#define FILE_BYTES	1024u	/* of RUN_HISTORY_MAX lines of at most 60 */

/* `BEGAN ENDED BY`; false: it is none. */
static bool
read_line(const char *line, struct run *out)
{
	char *end;
	size_t n;

	*out = (struct run){ .began_us = strtoll(line, &end, 10) };
	if (out->began_us <= 0 || *end != ' ')
		return false;
	out->ended_us = strtoll(end, &end, 10);
	if (*end != ' ')
		return false;
	n = strcspn(++end, "\n");
	if (n == 0 || n >= sizeof(out->by))
		return false;
	memcpy(out->by, end, n);
	return true;
}

size_t
run_history_read(const struct state *s, struct run out[RUN_HISTORY_MAX])
{
	char path[PATH_BYTES], text[FILE_BYTES + 1];
	const char *line = text;
	size_t n = 0;
	ssize_t len;
	int fd;

	if (state_file(s, RUN_HISTORY_FILE, path) != KODO_OK ||
	    (fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return 0;
	len = read(fd, text, FILE_BYTES);
	close(fd);
	text[len < 0 ? 0 : len] = '\0';
	while (line != NULL && *line != '\0' && n < RUN_HISTORY_MAX) {
		n += read_line(line, &out[n]);
		line = strchr(line, '\n');
		line = line == NULL ? NULL : line + 1;
	}
	return n;
}

int64_t
run_history_noted_us(const struct state *s, const char *name)
{
	char path[PATH_BYTES];
	struct stat st;

	if (state_file(s, name, path) != KODO_OK || stat(path, &st) != 0)
		return 0;
	return (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
}

void
run_history_note(const struct state *s, const struct run *run)
{
	struct run runs[RUN_HISTORY_MAX + 1];
	struct buf text = BUF_INIT(0);
	char path[PATH_BYTES];
	size_t n = run_history_read(s, runs), i;

	if (n == 0 || runs[n - 1].began_us != run->began_us)
		n++;
	runs[n - 1] = *run;
	for (i = n > RUN_HISTORY_MAX; i < n; i++)
		buf_printf(&text, "%lld %lld %s\n", (long long)runs[i].began_us,
		    (long long)runs[i].ended_us, runs[i].by);
	/* without it, kodo check knows less */
	if (!buf_failed(&text) && state_file(s, RUN_HISTORY_FILE, path) == KODO_OK)
		(void)!path_replace_text(path, s->file_mode, buf_str(&text));
	buf_free(&text);
}
