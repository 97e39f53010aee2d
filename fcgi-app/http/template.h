/*
 * Pages are files in www/ with places for values. Text of the wire is escaped here and nowhere
 * else.
 *
 *	{{name}}		the value, escaped for HTML; U+FFFD for invisible characters
 *				(controls, marks that turn the direction of text)
 *	{{%name}}		percent-encoded, for a part of a url
 *	{{@name}}		a url for an attribute, encoded where it must be (url_put_link);
 *				`#` unless it is one of http or https
 *	{{#name}}..{{/name}}	the part between, once per value of name, which is {{.}} there,
 *				or once per row of the list name
 *	{{^name}}..{{/name}}	the part between if name has no value and no row
 *	{{>name}}		the file name.html in this place
 *
 * Parts of the same name do not nest. template_split cuts a page that is made row by row at one
 * such part.
 */
#ifndef KODO_TEMPLATE_H
#define KODO_TEMPLATE_H

#include <stdint.h>

#include "core/base/buf.h"

enum template_step { STEP_FIRST, STEP_NEXT, STEP_LEAVE };

struct template_source {
	/* The i-th value of name; null: there is none (or no more). */
	struct str (*value)(void *arg, struct str name, size_t i);
	/*
	 * STEP_FIRST: go into the first row of the list name; false: there is none. STEP_NEXT:
	 * from a row to the next; false: that was the last, and it is left. STEP_LEAVE. NULL: no
	 * lists.
	 */
	bool (*step)(void *arg, struct str name, enum template_step which);
	void *arg;
};

/* Append part to out with its values. */
void template_render(struct str part, struct buf *out, const struct template_source *from);

/* Append s percent-encoded, as {{%name}} does. */
void template_put_percent(struct buf *out, struct str s);

/*
 * Cut text at {{#name}} and {{/name}}: before, between, after. false: it has no such part; all of
 * it is then in head.
 */
bool template_split(
    struct str text, const char *name, struct str *head, struct str *row, struct str *tail);

/*
 * A file of www/, read once, and again after a change; valid until the next call for the same name.
 * The folder is $KODO_WWW, else ../share/kodo/www, ../www or www beside this program. STR_NULL:
 * there is no such file.
 */
struct str template_load(const char *name);

/* Changes with the file and with the files that most pages include; 0: there is no such file. */
uint64_t template_stamp(const char *name);

#endif
