/* A flow as an item of /flows has it, from its row. */
#ifndef KODO_ITEM_JSON_H
#define KODO_ITEM_JSON_H

#include "core/base/buf.h"
#include "core/query/row.h"

/* The members, without the braces around them. */
void item_json_put(struct buf *b, const struct row *r);
/* Author, description and tags, behind other members. */
void item_json_put_about(struct buf *b, const struct row *r);

#endif
