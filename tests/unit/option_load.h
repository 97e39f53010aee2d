/*
 * For tests of options: load them as `kodo service` does, and check the result. Include it
 * after cmocka.h.
 */
#ifndef OPTION_LOAD_H
#define OPTION_LOAD_H

#include "core/config/option.h"
#include "scratch.h"

#define MAX_ARGS 16

static struct options o;
static struct why why;
static bool run_program = true;

extern char **environ;

static inline void
clear_environment(void)
{
	char **e, name[256];

	for (e = environ; *e != NULL;) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(*e, "="), *e);
		if (strncmp(name, "KODO", 4) == 0) {
			unsetenv(name);
			e = environ;
		} else {
			e++;
		}
	}
}

static inline int
setup(void **state)
{
	clear_environment();
	return scratch_setup(state);
}

static inline int
teardown(void **state)
{
	clear_environment();
	return scratch_teardown(state);
}

/* Arguments in one text, parted by blanks. */
static inline enum kodo_err
service(const char *args)
{
	char *argv[MAX_ARGS], *p = arena_strz(scratch.a, str_of(args));
	int argc = 0;

	while (*p != '\0') {
		argv[argc++] = p;
		p += strcspn(p, " ");
		if (*p == ' ')
			*p++ = '\0';
	}
	why.text[0] = '\0';
	return option_load_service(scratch.a, argc, argv, run_program, &o, &why);
}

static inline void
load(const char *args)
{
	if (service(args) != KODO_OK)
		scratch_fail("%s: %s", args, why.text);
}

static inline void
load_text(const char *yaml)
{
	scratch_write("l.yaml", yaml);
	load("l.yaml");
}

static inline void
check_why(const char *part)
{
	if (strstr(why.text, part) == NULL)
		scratch_fail("\"%s\" is not in \"%s\"", part, why.text);
}

static inline void
check_str(struct str s, const char *z)
{
	if (z == NULL ? s.p != NULL : s.p == NULL || !str_eq(s, str_of(z)))
		scratch_fail("%.*s is not %s", STR_ARG(s), z == NULL ? "null" : z);
}

static inline void
check_path(struct str s, const char *name)
{
	check_str(s, scratch_path(name));
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
