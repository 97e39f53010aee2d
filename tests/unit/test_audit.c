#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/storage/audit.h"
#include "scratch.h"

#define WRITERS	4u
#define LINES	500u

static struct audit_place
place(const char *name, uint64_t max_bytes, unsigned keep)
{
	struct audit_place at = { .mode = 0600, .max_bytes = max_bytes, .keep = keep };

	str_copy(at.path, sizeof(at.path), str_of(scratch_path(name)));
	return at;
}

static void
write_lines(const struct audit_place *at, unsigned writer, unsigned n)
{
	struct audit_file f = { .fd = -1 };
	struct audit_line line = { .at_us = 1, .by = "request" };
	unsigned i;

	for (i = 0; i < n; i++) {
		line.state = 1 + writer * LINES + i;
		audit_write(&f, at, &line);
	}
	audit_close(&f);
}

static void
test_line(void **state)
{
	const struct audit_place at = place("a", 1 << 20, 1);
	struct audit_node nodes[AUDIT_NODES] = { { STR("http://n\"1"), 7 },
		{ STR("http://n2"), 0 } };
	struct audit_file f = { .fd = -1 };
	struct audit_line line = { .at_us = 1764243263000000, .by = "request",
		.url = STR("http://x"), .known = "pinned", .address = "", .method = STR("POST"),
		.route = "/connect", .nodes = nodes, .n_nodes = 2, .view = 3, .state = 4,
		.status = 201, .outcome = "taken", .reason = "" };
	unsigned i;

	(void)state;
	audit_write(&f, &at, &line);
	assert_string_equal(scratch_read("a"),
	    "{\"time\":\"2025-11-27T11:34:23Z\",\"by\":\"request\","
	    "\"url\":\"http://x\",\"known\":\"pinned\",\"method\":\"POST\",\"route\":\"/connect\","
	    "\"nodes\":[{\"url\":\"http://n\\\"1\",\"version\":7},{\"url\":\"http://n2\"}],"
	    "\"view\":3,\"state\":4,\"status\":201,\"outcome\":\"taken\"}\n");
	assert_int_equal(scratch_mode("a"), 0600);
	for (i = 0; i < AUDIT_NODES; i++)
		nodes[i].url = STR("u");
	line.n_nodes = 1000000;
	audit_write(&f, &at, &line);
	assert_non_null(strstr(scratch_read("a"), ",\"more\":999980,"));
	audit_close(&f);
}

/* The bytes of all files; each line is one that was written, and counted in seen. */
static uint64_t
read_all(const char *name, unsigned files, unsigned char seen[WRITERS * LINES])
{
	uint64_t bytes = 0;
	static const char head[] = "{\"time\":\"1970-01-01T00:00:00.000001Z\","
	    "\"by\":\"request\",\"state\":";
	unsigned long number;
	unsigned i;
	const char *p;
	char *end;

	for (i = 0; i <= files; i++) {
		p = scratch_read(i == 0 ? name : arena_printf(scratch.a, "%s.%u", name, i));
		bytes += strlen(p);
		for (; *p != '\0'; p += strcspn(p, "\n") + 1) {
			assert_int_equal(strncmp(p, head, sizeof(head) - 1), 0);
			number = strtoul(p + sizeof(head) - 1, &end, 10);
			assert_int_equal(strncmp(end, "}\n", 2), 0);
			assert_in_range(number, 1, WRITERS * LINES);
			seen[number - 1]++;
		}
	}
	return bytes;
}

static void
fork_writers(const struct audit_place *at)
{
	unsigned i;
	int status;

	for (i = 0; i < WRITERS; i++)
		if (fork() == 0) {
			write_lines(at, i, LINES);
			_exit(0);
		}
	for (i = 0; i < WRITERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
}

/* Many processes, many rotations: no line is lost, torn or written twice. */
static void
test_processes(void **state)
{
	unsigned char seen[WRITERS * LINES] = { 0 };
	const struct audit_place at = place("many", 4096, 200);
	unsigned i;

	(void)state;
	fork_writers(&at);
	(void)read_all("many", 200, seen);
	for (i = 0; i < WRITERS * LINES; i++)
		assert_int_equal(seen[i], 1);
}

static void
test_bounds(void **state)
{
	unsigned char seen[WRITERS * LINES] = { 0 };
	struct audit_place at = place("few", 16384, 4);

	(void)state;
	fork_writers(&at);
	/* a process may write to a file that was renamed since it looked */
	assert_in_range(read_all("few", 4, seen), 4 * 16384, 5 * 16384 * 5 / 4);
	assert_int_equal(access("few.4", F_OK), 0);
	assert_int_equal(access("few.5", F_OK), -1);
	assert_int_equal(scratch_mode("few.4"), 0600);
	/* fewer are to be kept: those over it go with the next rotation */
	at.keep = 2;
	write_lines(&at, 0, LINES);
	assert_int_equal(access("few.2", F_OK), 0);
	assert_int_equal(access("few.3", F_OK), -1);
	assert_int_equal(access("few.4", F_OK), -1);
}

/* Processes of one line each, as of plain CGI, find it full as well. */
static void
test_single_lines(void **state)
{
	struct audit_place at = place("single", 256, 2);
	unsigned i;

	(void)state;
	for (i = 0; i < 20; i++)
		write_lines(&at, 0, 1);
	assert_int_equal(access("single.2", F_OK), 0);
	assert_int_equal(access("single.3", F_OK), -1);
	assert_in_range(strlen(scratch_read("single")), 1, 256);
}

/* A FIFO without a reader, and, in the state folder, a link: said, not waited for or followed. */
static void
test_foreign_files(void **state)
{
	struct audit_place at = place("fifo", 256, 2);

	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	alarm(10);
	write_lines(&at, 0, 1);
	alarm(0);
	assert_non_null(strstr(scratch_read("err"), "fifo cannot be written: No such device"));
	at = place("link", 256, 2);
	at.is_own = true;
	scratch_write("target", "");
	assert_int_equal(symlink("target", "link"), 0);
	write_lines(&at, 0, 1);
	assert_string_equal(scratch_read("target"), "");
	at.is_own = false;
	write_lines(&at, 0, 1);
	assert_string_not_equal(scratch_read("target"), "");
}

/* It is told once, and again after it went well. */
static void
test_failure(void **state)
{
	const struct audit_place full = { .path = "/dev/full", .max_bytes = 1, .keep = 1 };
	const struct audit_place none = { .path = "/nowhere/a", .max_bytes = 1, .keep = 1 };

	(void)state;
	write_lines(&full, 0, 3);
	assert_non_null(strstr(scratch_read("err"), "the audit /dev/full cannot be written: "
	    "No space left on device; nothing is refused for it\n"));
	assert_null(strchr(strchr(scratch_read("err"), '\n') + 1, '\n'));
	write_lines(&none, 0, 3);
	assert_non_null(strstr(scratch_read("err"), "the audit /nowhere/a cannot be written: No"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_line, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_processes, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_bounds, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_single_lines, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    test_foreign_files, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_failure, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
