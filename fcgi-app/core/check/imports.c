#include <stdarg.h>
#include <stdio.h>

#include "core/check/imports.h"
#include "core/import/place.h"
#include "core/import/source.h"

#define LINE_BYTES	1024u
/* so much later than its time no runner is there */
#define LATE_US		(600 * 1000000ll)

struct imports {
	struct view *v;
	struct arena *a;
	void (*say)(void *arg, enum finding kind, const char *line);
	void *arg;
	char line[LINE_BYTES];
};

static void PRINTF_LIKE(3, 4)
put(struct imports *m, enum finding kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(m->line, sizeof(m->line), fmt, args);
	va_end(args);
	m->say(m->arg, kind, m->line);
}

static void
put_refused(struct imports *m, const struct source *s)
{
	unsigned i;

	for (i = 0; i < IMPORT_REFUSALS; i++)
		if (s->refused[i] > 0)
			put(m, FINDING_OK, "import %.*s: refused %u: %s", STR_ARG(s->slug),
			    s->refused[i], import_refusal_text((enum import_refusal)i));
	if (s->example.p != NULL)
		put(m, FINDING_OK, "import %.*s: the first one refused was %.*s",
		    STR_ARG(s->slug), STR_ARG(s->example));
}

static enum kodo_err
source_check(void *arg, const struct source *s)
{
	struct imports *m = arg;

	if (s->phase == SOURCE_ENDS)
		return KODO_OK;
	if (s->error.p != NULL)
		put(m, FINDING_WARNING, "import %.*s: %.*s; %llu entries stay as they were",
		    STR_ARG(s->slug), STR_ARG(s->error), (unsigned long long)s->n_entries);
	else if ((s->flags & SOURCE_ONCE) == 0 && s->due_us + LATE_US < m->v->now_us)
		put(m, FINDING_WARNING, "import %.*s: due since %lld min, and no runner reads it; "
		    "see that cron starts kodo-reconnect", STR_ARG(s->slug),
		    (long long)(m->v->now_us - s->due_us) / 60000000);
	else if (s->done_us == 0)
		put(m, FINDING_OK, "import %.*s: not read to its end yet", STR_ARG(s->slug));
	else
		put(m, FINDING_OK, "import %.*s: %s, %llu entries, last read %lld min ago%s",
		    STR_ARG(s->slug), import_kind_name((enum import_kind)s->kind),
		    (unsigned long long)s->n_entries,
		    (long long)(m->v->now_us - s->done_us) / 60000000,
		    (s->flags & SOURCE_ONCE) != 0 ? ", once" : "");
	put_refused(m, s);
	return KODO_OK;
}

/* Two of one slug would have the same nodes: the later one is not read. */
static enum kodo_err
option_check(struct imports *m)
{
	const struct options *o = m->v->options;
	struct str *slugs = arena_alloc(m->a, (o->n_imports + 1) * sizeof(*slugs));
	struct option_import read;
	size_t i, k;
	enum kodo_err err = slugs == NULL ? KODO_ENOMEM : KODO_OK;

	for (i = 0; i < o->n_imports && err == KODO_OK; i++) {
		slugs[i] = STR_NULL;
		if (option_import_read(o->imports[i], &read, NULL) == KODO_OK)
			err = place_of_source(m->a, read.url, &slugs[i]);
		for (k = 0; err == KODO_OK && k < i; k++)
			if (str_eq(slugs[k], slugs[i]))
				put(m, FINDING_WARNING, "import: %.*s and %.*s would both be "
				    "import/%.*s; only the first is read",
				    STR_ARG(o->imports[k]), STR_ARG(o->imports[i]),
				    STR_ARG(slugs[i]));
	}
	if (err == KODO_OK && o->n_imports > 0 && !o->registry)
		put(m, FINDING_WARNING, "import: this is a node (registry is false), which takes "
		    "nothing in; nothing is read");
	return err;
}

enum kodo_err
imports_check(struct view *v, void (*say)(void *arg, enum finding kind, const char *line),
    void *arg)
{
	struct imports m = { .v = v, .a = arena_new(), .say = say, .arg = arg };
	enum kodo_err err = m.a == NULL ? KODO_ENOMEM : option_check(&m);

	if (err == KODO_OK)
		err = source_each(&v->t, source_check, &m);
	arena_free(m.a);
	return err;
}
