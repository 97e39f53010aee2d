/*
 * Any bytes as a loader: they are refused with file and line, or give options that survive being
 * stored; and what is found without reading all of the loader is what reading all of it gives.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/config/loader_private.h"
#include "core/config/option_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void
check_refused(const struct why *why)
{
	check(strncmp(why->text, "f:", 2) == 0 || strncmp(why->text, "default: ", 9) == 0,
	    "refused without a place");
	check(strpbrk(why->text, "\n\r") == NULL, "more than one line");
}

static void
check_stored(struct arena *a, const struct options *o)
{
	struct buf one = BUF_INIT(0), two = BUF_INIT(0);
	struct options back;

	option_write(&one, o);
	check(option_read(a, buf_str(&one), &back) == KODO_OK, "what was stored cannot be read");
	option_write(&two, &back);
	check(str_eq(buf_str(&one), buf_str(&two)), "what was stored is not what is read");
	buf_free(&one);
	buf_free(&two);
}

static void
check_scan(struct arena *a, struct str yaml, const struct loader_entry *e)
{
	struct str found;
	bool unsure;

	for (; e != NULL; e = e->next)
		if (loader_same_name(e->key, STR("cache_data")))
			break;
	check(loader_scan_yaml(a, yaml, "cache_data", &found, &unsure) == KODO_OK,
	    "the scan fails");
	if (e == NULL || e->value->kind != LOADER_TEXT)
		return;
	check(found.p == NULL ? unsure : str_eq(found, e->value->text),
	    "the scan finds something else");
}

static enum kodo_err
resolve(struct option_input *in, const struct loader_entry *e, struct options *o)
{
	enum kodo_err err = KODO_OK;

	for (; e != NULL && err == KODO_OK; e = e->next)
		err = option_set_named(in, e->key, e->value);
	return err == KODO_OK ? option_resolve(in, o) : err;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct str yaml = { (const char *)data, n };
	struct why why = { "" };
	struct arena *a = arena_new();
	struct option_input in = { .a = a, .why = &why, .base = STR("/base"), .quiet = true };
	const struct loader_value *root;
	struct loader_entry *first;
	struct options o;
	enum kodo_err err;

	if (a == NULL)
		return 0;
	err = loader_parse(a, yaml, "f", &root, &why);
	if (err == KODO_OK)
		err = loader_options(a, root, &first, &why);
	if (err == KODO_OK) {
		check_scan(a, yaml, first);
		err = resolve(&in, first, &o);
	}
	if (err == KODO_OK)
		check_stored(a, &o);
	else
		check_refused(&why);
	arena_free(a);
	return 0;
}
