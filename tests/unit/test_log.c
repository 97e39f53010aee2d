#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "core/base/log.h"
#include "scratch.h"

#define WRITERS	4
#define LINES	1000

static void
check_match(const char *text, const char *pattern)
{
	regex_t re;

	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&re, text, 0, NULL, 0) != 0)
		scratch_fail("%s\ndoes not match\n%s", text, pattern);
	regfree(&re);
}

static unsigned
count_lines(const char *text)
{
	unsigned lines = 0;

	for (; *text != '\0'; text++)
		lines += *text == '\n';
	return lines;
}

static void
test_levels(void **state)
{
	static const struct {
		const char *name;
		enum log_level level;
	} rows[] = {
		{ "DEBUG", LOG_DEBUG }, { "debug", LOG_DEBUG }, { "Info", LOG_INFO },
		{ "warning", LOG_WARNING }, { "WARN", LOG_WARNING }, { "error", LOG_ERROR },
		{ "critical", LOG_CRITICAL }, { "FATAL", LOG_CRITICAL }, { "off", LOG_OFF },
	};
	enum log_level level;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(log_level_parse(str_of(rows[i].name), &level), KODO_OK);
		assert_int_equal(level, rows[i].level);
	}
	assert_int_equal(log_level_parse(STR("loud"), &level), KODO_EINVAL);
	assert_int_equal(log_level_parse(STR("inf"), &level), KODO_EINVAL);
	assert_int_equal(log_level_parse(STR_NULL, &level), KODO_EINVAL);
	assert_string_equal(log_level_name(LOG_WARNING), "WARNING");
}

static void
test_before_setup(void **state)
{
	(void)state;
	log_info("not shown");
	log_warning("shown");
	check_match(scratch_read("err"), "^WARNING  [0-9: ,-]{23} kodo: shown\n$");
}

static void
test_formats(void **state)
{
	char now[32];
	time_t t;

	(void)state;
	log_setup(STR("http://localhost:3366"), LOG_INFO, str_of(scratch_path("k.log")), LOG_DEBUG,
	    1 << 20);
	t = time(NULL);
	errno = ENOENT;
	log_debug("only in the file %d", 1);
	assert_int_equal(errno, ENOENT);
	log_error("both");
	log_close();
	check_match(scratch_read("err"),
	    "^ERROR    [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{3} "
	    "http://localhost:3366: both\n$");
	check_match(scratch_read("k.log"),
	    "^[0-9]{4}-[0-9-]{5} [0-9:]{8},[0-9]{3} DEBUG kodo: http://localhost:3366 - only in "
	    "the "
	    "file 1\n[0-9 :,-]{23} ERROR kodo: http://localhost:3366 - both\n$");
	/* UTC, whatever the zone is; give or take the turn of a minute */
	strftime(now, sizeof(now), "%Y-%m-%d %H:%M", gmtime(&t));
	assert_memory_equal(scratch_read("k.log"), now, 15);
}

static void
test_control_characters(void **state)
{
	(void)state;
	log_setup(STR("u"), LOG_OFF, str_of(scratch_path("k.log")), LOG_DEBUG, 0);
	log_info("a\nb\x1b[31m\x7f\tZo\xc3\xab \xc2\x9b end");
	log_close();
	check_match(scratch_read("k.log"),
	    " - a\\\\x0ab\\\\x1b\\[31m\\\\x7f\\\\x09Zo\xc3\xab \\\\xc2\\\\x9b end\n$");
	assert_int_equal(count_lines(scratch_read("k.log")), 1);
}

static void
test_long_line(void **state)
{
	char text[3 * 3000 + 1];
	const char *line;
	size_t i, len;

	(void)state;
	for (i = 0; i < 3000; i++)
		memcpy(text + 3 * i, "\xe2\x82\xac", 4);
	log_setup(STR("u"), LOG_OFF, str_of(scratch_path("k.log")), LOG_DEBUG, 0);
	for (i = 0; i < 3; i++)
		log_info("%.*s%s", (int)i, "xx", text);
	log_close();
	line = scratch_read("k.log");
	assert_int_equal(count_lines(line), 3);
	for (i = 0; i < 3; i++) {
		len = strcspn(line, "\n");
		assert_in_range(len, 4090, 4095);
		/* not half a character */
		assert_memory_equal(line + len - 3, "\xe2\x82\xac", 3);
		line += len + 1;
	}
}

static void
test_json(void **state)
{
	static const char odd[] = "a\n\"b\"\\\x1b\x7fZo\xc3\xab \xe2\x80\xae"
	    "\xf3\xa0\x80\x81|\xff\xc3|\xed\xa0\x80|";
	char text[8000], line[32];
	const char *p;

	(void)state;
	log_setup(STR("http://u"), LOG_INFO, str_of(scratch_path("k.log")), LOG_DEBUG, 0);
	log_set_format(LOG_JSON);
	snprintf(line, sizeof(line), "\"line\":%d,", __LINE__ + 1);
	log_warning("%s", odd);
	memset(text, '"', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_warning("%s", text);
	log_set_format(LOG_TEXT);
	log_close();
	p = scratch_read("k.log");
	check_match(p, "^[{]\"time\":\"[0-9-]{10}T[0-9:]{8}[.][0-9]{3}Z\",\"level\":\"WARNING\","
	    "\"module\":\"test_log\",\"line\":[0-9]+,\"url\":\"http://u\",\"message\":\"a");
	assert_non_null(strstr(p, line));
	assert_non_null(strstr(p, "\"message\":\"a\\u000a\\\"b\\\"\\\\\\u001b\\u007fZo\xc3\xab "
	    "\\u202e\\udb40\\udc01|\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd|\"}\n"));
	assert_int_equal(count_lines(p), 2);
	/* cut off, and whole all the same */
	p = strchr(p, '\n') + 1;
	assert_in_range(strlen(p), 4090, 4096);
	assert_string_equal(p + strlen(p) - 5, "\\\"\"}\n");
	assert_string_equal(scratch_read("err"), scratch_read("k.log"));
}

static void
test_no_file(void **state)
{
	const struct timespec second = { 1, 100000000 };	/* then it is tried again */

	(void)state;
	scratch_write("plain", "");
	log_setup(STR("u"), LOG_WARNING, str_of(scratch_path("plain/k.log")), LOG_DEBUG, 0);
	log_warning("one");
	nanosleep(&second, NULL);
	errno = ERANGE;
	log_warning("two");
	assert_int_equal(errno, ERANGE);
	log_close();
	check_match(scratch_read("err"),
	    "^ERROR .* u: cannot write log file .*/plain/k.log: Not a directory; set log_file to a "
	    "path that can be written\nWARNING .* u: one\nWARNING .* u: two\n$");
	log_setup(STR("u"), LOG_OFF, STR_NULL, LOG_DEBUG, 0);
	log_error("nowhere");
	log_close();
	assert_int_equal(count_lines(scratch_read("err")), 3);
}

static void
test_folder_and_modes(void **state)
{
	(void)state;
	umask(0);
	log_setup(STR("u"), LOG_OFF, str_of(scratch_path("a/b/k.log")), LOG_DEBUG, 0);
	log_close();
	assert_int_equal(scratch_mode("a/b"), 0700);
	assert_int_equal(scratch_mode("a/b/k.log"), 0600);
	umask(077);
	assert_int_equal(mkdir("g", 0700), 0);
	assert_int_equal(chmod("g", 02770), 0);
	log_setup(STR("u"), LOG_OFF, str_of(scratch_path("g/k.log")), LOG_DEBUG, 0);
	log_close();
	assert_int_equal(scratch_mode("g/k.log"), 0660);
	umask(022);
}

static void
write_lines(unsigned writer)
{
	unsigned i;

	for (i = 0; i < LINES; i++)
		log_info("line %u of writer %u", i, writer);
}

static void
check_all_lines(const char *text, unsigned *seen)
{
	for (; *text != '\0'; text += strcspn(text, "\n") + 1) {
		const char *at = strstr(text, " - line ");
		unsigned long i, writer;
		char *end;

		assert_true(at != NULL && at < text + strcspn(text, "\n"));
		i = strtoul(at + 8, &end, 10);
		assert_memory_equal(end, " of writer ", 11);
		writer = strtoul(end + 11, &end, 10);
		assert_true(*end == '\n' && i < LINES && writer < WRITERS);
		seen[writer * LINES + i]++;
	}
}

/* Processes that inherited the file, and such as opened it themselves, while it is rotated once. */
static void
test_parallel_rotation(void **state)
{
	static unsigned seen[WRITERS * LINES];
	const struct str path = str_of(scratch_path("k.log"));
	const uint64_t max_bytes = (uint64_t)WRITERS * LINES * 60 / 3 * 2;
	pid_t pid[WRITERS];
	unsigned i, missing = 0;
	int status;

	(void)state;
	memset(seen, 0, sizeof(seen));
	log_setup(STR("http://localhost:3366"), LOG_OFF, path, LOG_DEBUG, max_bytes);
	for (i = 0; i < WRITERS; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			if (i % 2 == 1)
				log_setup(STR("http://localhost:3366"), LOG_OFF, path, LOG_DEBUG,
				    max_bytes);
			write_lines(i);
			_exit(0);
		}
	}
	for (i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	log_close();
	assert_true(strlen(scratch_read("k.log.1")) >= max_bytes);
	assert_true(strlen(scratch_read("k.log")) > 0);
	check_all_lines(scratch_read("k.log.1"), seen);
	check_all_lines(scratch_read("k.log"), seen);
	for (i = 0; i < WRITERS * LINES; i++)
		missing += seen[i] != 1;
	assert_int_equal(missing, 0);
}

/* Many times the moment in which several notice at once that the file is full. */
static void
test_rotation_race(void **state)
{
	enum { ROUNDS = 150, EACH = 12, MAX_BYTES = 4000 };
	char file[300];
	struct str path;
	unsigned round, i, lines;
	int go[2];
	char c;

	(void)state;
	snprintf(file, sizeof(file), "%s/k.log", scratch.path);
	path = str_of(file);
	for (round = 0; round < ROUNDS; round++) {
		(void)unlink("k.log.1");
		(void)unlink("k.log");
		assert_int_equal(pipe(go), 0);
		log_setup(STR("http://localhost:3366"), LOG_OFF, path, LOG_DEBUG, MAX_BYTES);
		log_info("%03900d", 0);
		for (i = 0; i < WRITERS; i++) {
			if (fork() != 0)
				continue;
			close(go[1]);
			if (read(go[0], &c, 1) != 0)
				_exit(1);
			for (i = 0; i < EACH; i++)
				log_info("line %u", i);
			_exit(0);
		}
		close(go[0]);
		close(go[1]);
		for (i = 0; i < WRITERS; i++)
			assert_true(wait(NULL) > 0);
		log_close();
		lines = count_lines(scratch_read("k.log")) + count_lines(scratch_read("k.log.1"));
		assert_int_equal(lines, 1 + WRITERS * EACH);
		arena_reset(scratch.a);
	}
}

/* Renamed or removed by somebody else (logrotate): followed within a second. */
static void
test_follows(void **state)
{
	const struct timespec second = { 1, 100000000 };

	(void)state;
	log_setup(STR("u"), LOG_OFF, str_of(scratch_path("k.log")), LOG_DEBUG, 0);
	log_info("one");
	assert_int_equal(rename("k.log", "old"), 0);
	nanosleep(&second, NULL);
	log_info("two");
	log_close();
	check_match(scratch_read("old"), "- one\n$");
	check_match(scratch_read("k.log"), "- two\n$");
}

static void
test_complaints(void **state)
{
	struct why said = { "" }, one = { "the disk is full" }, none = { "" };

	(void)state;
	log_setup(STR("u"), LOG_ERROR, STR_NULL, LOG_OFF, 0);
	log_complain(&said, &one, KODO_EFULL);
	log_complain(&said, &one, KODO_EFULL);
	log_complain(&said, &none, KODO_ENOTFOUND);
	log_complain(&said, &one, KODO_EFULL);
	said.text[0] = '\0';
	log_complain(&said, &one, KODO_EFULL);
	check_match(scratch_read("err"),
	    "^[^\n]*: the disk is full\n[^\n]*: not found\n[^\n]*: the disk is full\n"
	    "[^\n]*: the disk is full\n$");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_before_setup, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_levels, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_formats, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    test_control_characters, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_json, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_long_line, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_no_file, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    test_folder_and_modes, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    test_parallel_rotation, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    test_rotation_race, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_follows, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_complaints, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
