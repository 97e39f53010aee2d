#include <yaml.h>

#include "core/base/limit.h"
#include "core/base/utf8.h"
#include "core/config/loader.h"
#include "core/config/loader_private.h"

struct anchor {
	struct anchor *next;
	struct str name;
	const struct loader_value *value;
};

struct frame {
	struct loader_value *value;	/* a list or a map */
	struct loader_entry *last;
	struct str key;			/* of a map: seen, its value is to come; else null */
	unsigned key_line;
	bool is_merge;			/* that key is << */
	bool is_again;			/* that key was there before; its value is left out */
	struct loader_entry *merges;	/* values of <<, the last one first */
	struct str anchor;		/* null: it has none */
};

struct reader {
	struct arena *a;
	const char *file;
	struct why *why;
	yaml_parser_t parser;
	struct frame frames[LIMIT_DEPTH];
	unsigned depth;
	const struct loader_value *root;
	bool is_merge;			/* the scalar at hand is <<, as a key to be merged */
	unsigned documents;
	struct anchor *anchors;
	unsigned n_anchors;
};

static unsigned
line_of(const yaml_event_t *e)
{
	return (unsigned)e->start_mark.line + 1;
}

static enum kodo_err
wrong(struct reader *r, unsigned line, const char *text)
{
	return why_set(r->why, KODO_EINVAL, "%s:%u: %s", r->file, line, text);
}

static enum kodo_err
no_memory(struct reader *r)
{
	return why_set(r->why, KODO_ENOMEM, "out of memory");
}

/* Tags that change nothing; those of other programs have no meaning here. */
static bool
is_core_tag(const yaml_char_t *tag)
{
	static const char *const names[] = { "str", "null", "bool", "int", "float", "timestamp",
		"map", "seq", "merge" };
	static const char core[] = YAML_DEFAULT_SCALAR_TAG;	/* tag:yaml.org,2002:str */
	const size_t prefix = sizeof(core) - sizeof("str");
	const char *text = (const char *)tag;
	unsigned i;

	if (text == NULL || strcmp(text, "!") == 0)
		return true;
	if (strncmp(text, core, prefix) != 0)
		return false;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text + prefix, names[i]) == 0)
			return true;
	return false;
}

static bool
is_null(const yaml_event_t *e, struct str text)
{
	static const char *const names[] = { "", "~", "null", "Null", "NULL" };
	unsigned i;

	if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE || !e->data.scalar.plain_implicit)
		return false;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq(text, str_of(names[i])))
			return true;
	return false;
}

/* Is it <<, the merge key of YAML 1.1, and not that text in quotes? */
static bool
is_merge_key(const yaml_event_t *e)
{
	const yaml_char_t *tag = e->data.scalar.tag;

	return strcmp((const char *)e->data.scalar.value, "<<") == 0 &&
	    ((e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && tag == NULL) ||
		(tag != NULL && strcmp((const char *)tag, "tag:yaml.org,2002:merge") == 0));
}

static struct loader_value *
value_new(struct reader *r, const yaml_event_t *e, enum loader_kind kind)
{
	struct loader_value *v = arena_zalloc(r->a, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->kind = kind;
	v->file = r->file;
	v->line = line_of(e);
	return v;
}

static enum kodo_err
add_anchor(struct reader *r, struct str name, const struct loader_value *value)
{
	struct anchor *an;

	if (name.p == NULL)
		return KODO_OK;
	if (r->n_anchors++ == LOADER_ANCHORS)
		return wrong(r, value->line, "too many &anchors");
	an = arena_alloc(r->a, sizeof(*an));
	if (an == NULL)
		return no_memory(r);
	*an = (struct anchor){ r->anchors, name, value };
	r->anchors = an;
	return KODO_OK;
}

static const struct loader_entry *
find_key(const struct loader_value *map, struct str key)
{
	const struct loader_entry *e;

	for (e = map->first; e != NULL && !str_eq(e->key, key); e = e->next)
		;
	return e;
}

static enum kodo_err
take_key(struct reader *r, struct frame *f, const struct loader_value *value)
{
	char shown[LOADER_SHOWN_BYTES];
	const struct loader_entry *e;
	enum kodo_err err = KODO_OK;

	if (value->kind != LOADER_TEXT && value->kind != LOADER_NULL)
		return wrong(r, value->line, "a key must be a text");
	if (f->value->n == LOADER_KEYS)
		return wrong(r, value->line, "too many keys in one map");
	e = r->is_merge ? NULL : find_key(f->value, value->text);
	if (e != NULL)
		err = why_take(r->why, why_set(r->why, KODO_EINVAL,
		    "%s:%u: %s is given twice, first in line %u", r->file, value->line,
		    loader_shown(value->text, shown), e->line));
	f->is_again = e != NULL;
	f->key = value->text;
	f->key_line = value->line;
	f->is_merge = r->is_merge;
	return err;
}

static void
append(struct frame *f, struct loader_entry *e)
{
	if (f->last == NULL)
		f->value->first = e;
	else
		f->last->next = e;
	f->last = e;
	f->value->n++;
}

/* value is whole, or open and will be filled: put it where it belongs. */
static enum kodo_err
add_value(struct reader *r, const struct loader_value *value)
{
	struct frame *f = r->depth == 0 ? NULL : &r->frames[r->depth - 1];
	struct loader_entry *e;

	if (f == NULL) {
		r->root = value;
		return KODO_OK;
	}
	if (f->value->kind == LOADER_MAP && f->key.p == NULL)
		return take_key(r, f, value);
	e = arena_alloc(r->a, sizeof(*e));
	if (e == NULL)
		return no_memory(r);
	*e = (struct loader_entry){ .key = f->key, .line = value->line, .value = value };
	if (f->key.p != NULL)
		e->line = f->key_line;
	if (f->is_merge) {
		e->next = f->merges;
		f->merges = e;
	} else if (!f->is_again) {
		append(f, e);
	}
	f->key = STR_NULL;
	f->is_merge = f->is_again = false;
	return KODO_OK;
}

static enum kodo_err
copy_anchor(struct reader *r, const yaml_char_t *anchor, struct str *out)
{
	if (arena_str(r->a, str_of((const char *)anchor), out) != KODO_OK)
		return no_memory(r);
	return KODO_OK;
}

static enum kodo_err
check_tag(struct reader *r, const yaml_event_t *e, const yaml_char_t *tag)
{
	return is_core_tag(tag) ? KODO_OK : why_take(r->why,
	    wrong(r, line_of(e), "a !tag has no meaning here: write the value itself"));
}

static enum kodo_err
on_scalar(struct reader *r, const yaml_event_t *e)
{
	struct str text = { (const char *)e->data.scalar.value, e->data.scalar.length };
	struct loader_value *v;
	struct str anchor;
	enum kodo_err err = check_tag(r, e, e->data.scalar.tag);

	if (err != KODO_OK)
		return err;
	if (!utf8_valid(text))
		return wrong(r, line_of(e), "a text holds a NUL or is not UTF-8");
	v = value_new(r, e, is_null(e, text) ? LOADER_NULL : LOADER_TEXT);
	if (v == NULL || arena_str(r->a, text, &v->text) != KODO_OK)
		return no_memory(r);
	err = copy_anchor(r, e->data.scalar.anchor, &anchor);
	if (err == KODO_OK)
		err = add_anchor(r, anchor, v);
	r->is_merge = is_merge_key(e);
	if (err == KODO_OK)
		err = add_value(r, v);
	r->is_merge = false;
	return err;
}

static enum kodo_err
on_start(struct reader *r, const yaml_event_t *e, enum loader_kind kind, const yaml_char_t *tag,
    const yaml_char_t *anchor)
{
	struct loader_value *v;
	enum kodo_err err = check_tag(r, e, tag);
	struct frame *f;

	if (err != KODO_OK)
		return err;
	if (r->depth == LIMIT_DEPTH)
		return wrong(r, line_of(e), "nested too deep");
	v = value_new(r, e, kind);
	if (v == NULL)
		return no_memory(r);
	err = add_value(r, v);
	if (err != KODO_OK)
		return err;
	f = &r->frames[r->depth++];
	*f = (struct frame){ .value = v };
	return copy_anchor(r, anchor, &f->anchor);
}

/* Copies of from's entries to the end of f's map, save those that it has. */
static enum kodo_err
merge_map(struct reader *r, struct frame *f, const struct loader_value *from, unsigned line)
{
	const struct loader_entry *e;
	struct loader_entry *copy;

	if (from->kind != LOADER_MAP)
		return wrong(r, line, "<<: expected a map, as *alias, or a list of maps");
	for (e = from->first; e != NULL; e = e->next) {
		if (find_key(f->value, e->key) != NULL)
			continue;
		if (f->value->n == LOADER_KEYS)
			return wrong(r, line, "too many keys in one map");
		copy = arena_dup(r->a, e, sizeof(*e));
		if (copy == NULL)
			return no_memory(r);
		copy->next = NULL;
		append(f, copy);
	}
	return KODO_OK;
}

/* At the end of a map, for what it says itself wins wherever it stands; of a list the first. */
static enum kodo_err
merge(struct reader *r, struct frame *f)
{
	const struct loader_entry *m, *e;
	enum kodo_err err = KODO_OK;

	for (m = f->merges; m != NULL && err == KODO_OK; m = m->next) {
		if (m->value->kind != LOADER_LIST) {
			err = merge_map(r, f, m->value, m->line);
			continue;
		}
		if (m->value->n > LOADER_KEYS)
			return wrong(r, m->line, "<<: too many maps");
		for (e = m->value->first; e != NULL && err == KODO_OK; e = e->next)
			err = merge_map(r, f, e->value, m->line);
	}
	return err;
}

/* Only now the anchor holds: a value that is inside of itself would have no end. */
static enum kodo_err
on_end(struct reader *r)
{
	struct frame *f = &r->frames[--r->depth];
	enum kodo_err err = merge(r, f);

	return err == KODO_OK ? add_anchor(r, f->anchor, f->value) : err;
}

static enum kodo_err
on_alias(struct reader *r, const yaml_event_t *e)
{
	struct str name = str_of((const char *)e->data.alias.anchor);
	const struct anchor *an;

	for (an = r->anchors; an != NULL; an = an->next)
		if (str_eq(an->name, name))
			return add_value(r, an->value);
	return wrong(r, line_of(e), "an *alias without its &anchor before it");
}

static enum kodo_err
on_event(struct reader *r, const yaml_event_t *e)
{
	switch ((int)e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (r->documents++ > 0)
			return wrong(r, line_of(e),
			    "a second document (---): put it into a file of its own, and name "
			    "their folder as loader");
		return KODO_OK;
	case YAML_SCALAR_EVENT:
		return on_scalar(r, e);
	case YAML_ALIAS_EVENT:
		return on_alias(r, e);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(
		    r, e, LOADER_LIST, e->data.sequence_start.tag, e->data.sequence_start.anchor);
	case YAML_MAPPING_START_EVENT:
		return on_start(
		    r, e, LOADER_MAP, e->data.mapping_start.tag, e->data.mapping_start.anchor);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_end(r);
	default:
		return KODO_OK;
	}
}

/* Lines up to a byte, for errors that libyaml gives a byte only. */
static unsigned
line_at(struct str yaml, size_t byte)
{
	unsigned line = 1;
	size_t i;

	for (i = 0; i < byte && i < yaml.len; i++)
		line += yaml.p[i] == '\n';
	return line;
}

static enum kodo_err
parser_error(struct reader *r, struct str yaml)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem == NULL ? "it cannot be read" : p->problem;
	const char *todo = loader_remedy(problem);

	if (p->error == YAML_MEMORY_ERROR)
		return no_memory(r);
	if (p->error == YAML_READER_ERROR)
		return why_set(r->why, KODO_EINVAL, "%s:%u: not YAML: %s%s", r->file,
		    line_at(yaml, p->problem_offset), problem, todo);
	if (p->context == NULL)
		return why_set(r->why, KODO_EINVAL, "%s:%zu: not YAML: %s%s", r->file,
		    p->problem_mark.line + 1, problem, todo);
	return why_set(r->why, KODO_EINVAL, "%s:%zu: not YAML: %s (%s from line %zu)%s", r->file,
	    p->problem_mark.line + 1, problem, p->context, p->context_mark.line + 1, todo);
}

static bool
is_bad_escape(const yaml_parser_t *p)
{
	static const char begin[] = "found invalid Unicode";

	return p->problem != NULL && strncmp(p->problem, begin, sizeof(begin) - 1) == 0;
}

/* Less a byte order mark, which libyaml counts as a column of the first line. */
static void
set_input(yaml_parser_t *p, struct str yaml)
{
	if (str_starts(yaml, STR("\xef\xbb\xbf")))
		yaml = str_skip(yaml, 3);
	yaml_parser_set_encoding(p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(p, (const unsigned char *)yaml.p, yaml.len);
}

/* *bad_escape: a text has an escape that libyaml does not know. */
static enum kodo_err
parse(struct arena *a, struct str yaml, const char *file, const struct loader_value **out,
    struct why *why, bool *bad_escape)
{
	struct reader *r = arena_zalloc(a, sizeof(*r));
	bool ended = false;
	enum kodo_err err;
	yaml_event_t e;

	*out = NULL;
	if (r == NULL)
		return why_set(why, KODO_ENOMEM, "out of memory");
	r->a = a;
	r->file = file;
	r->why = why;
	if (!yaml_parser_initialize(&r->parser))
		return no_memory(r);
	set_input(&r->parser, yaml);
	for (err = KODO_OK; err == KODO_OK && !ended;) {
		if (!yaml_parser_parse(&r->parser, &e)) {
			err = parser_error(r, yaml);
			*bad_escape = is_bad_escape(&r->parser);
			break;
		}
		ended = e.type == YAML_STREAM_END_EVENT;
		err = on_event(r, &e);
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&r->parser);
	if (err != KODO_OK)
		return err;
	if (r->root == NULL) {
		struct loader_value *none = arena_zalloc(a, sizeof(*none));

		if (none == NULL)
			return no_memory(r);
		*none = (struct loader_value){ .kind = LOADER_NULL, .file = file, .line = 1 };
		r->root = none;
	}
	*out = r->root;
	return KODO_OK;
}

enum kodo_err
loader_parse(struct arena *a, struct str yaml, const char *file, const struct loader_value **out,
    struct why *why)
{
	bool bad_escape = false;
	enum kodo_err err = parse(a, yaml, file, out, why, &bad_escape);

	if (bad_escape && loader_join_surrogates(a, &yaml) == KODO_OK)
		err = parse(a, yaml, file, out, why, &bad_escape);
	return err;
}

/* The place of a scan for one option: like a reader, but without values. */
struct scan {
	const char *option;
	unsigned depth;
	unsigned map;		/* depth inside of the map of options we are in; 0: in none */
	bool root_is_list;
	bool is_key;		/* a key is next */
	bool wanted;		/* the last key was the option */
	bool unsure;		/* an *alias or a merge key may stand for it */
};

/* True where e is the option's value. */
static bool
scan_scalar(struct scan *s, const yaml_event_t *e)
{
	struct str text = { (const char *)e->data.scalar.value, e->data.scalar.length };

	if (s->map == 0 || s->depth != s->map)
		return false;
	if (!s->is_key && s->wanted)
		return true;
	s->unsure = s->unsure || (s->is_key && is_merge_key(e));
	s->wanted = s->is_key && loader_same_name(text, str_of(s->option));
	s->is_key = !s->is_key;
	return false;
}

static void
scan_start(struct scan *s, bool list)
{
	if (s->depth == 0)
		s->root_is_list = list;
	s->depth++;
	if (!list && s->depth == (s->root_is_list ? 2 : 1)) {
		s->map = s->depth;
		s->is_key = true;
	}
}

static void
scan_end(struct scan *s)
{
	if (s->depth == s->map)
		s->map = 0;
	s->depth--;
	if (s->map != 0 && s->depth == s->map)
		s->is_key = true;	/* a value ended */
}

static bool
scan_event(struct scan *s, const yaml_event_t *e)
{
	switch ((int)e->type) {
	case YAML_SCALAR_EVENT:
		return scan_scalar(s, e);
	case YAML_ALIAS_EVENT:
		if (s->map != 0 && s->depth == s->map) {
			s->unsure = s->unsure || s->is_key || s->wanted;
			s->wanted = false;
			s->is_key = !s->is_key;
		}
		return false;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		scan_start(s, e->type == YAML_SEQUENCE_START_EVENT);
		return false;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		scan_end(s);
		return false;
	default:
		return false;
	}
}

static enum kodo_err
scan(struct arena *a, struct str yaml, const char *option, struct str *out, bool *unsure,
    bool *bad_escape)
{
	struct scan s = { .option = option };
	bool ended = false;
	yaml_parser_t p;
	enum kodo_err err = KODO_OK;
	yaml_event_t e;

	*out = STR_NULL;
	if (!yaml_parser_initialize(&p))
		return KODO_ENOMEM;
	set_input(&p, yaml);
	while (err == KODO_OK && !ended) {
		if (!yaml_parser_parse(&p, &e)) {
			err = p.error == YAML_MEMORY_ERROR ? KODO_ENOMEM : KODO_EINVAL;
			*bad_escape = is_bad_escape(&p);
			break;
		}
		ended = e.type == YAML_STREAM_END_EVENT;
		if (scan_event(&s, &e)) {
			struct str text = { (const char *)e.data.scalar.value,
				e.data.scalar.length };

			ended = true;
			if (!is_null(&e, text))
				err = arena_str(a, text, out);
		}
		if (s.depth > LIMIT_DEPTH)
			err = KODO_EINVAL;
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&p);
	*unsure = s.unsure && out->p == NULL;
	return err;
}

enum kodo_err
loader_scan_yaml(
    struct arena *a, struct str yaml, const char *option, struct str *out, bool *unsure)
{
	bool bad_escape = false;
	enum kodo_err err = scan(a, yaml, option, out, unsure, &bad_escape);

	if (bad_escape && loader_join_surrogates(a, &yaml) == KODO_OK)
		err = scan(a, yaml, option, out, unsure, &bad_escape);
	return err;
}
