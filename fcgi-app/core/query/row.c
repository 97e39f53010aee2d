#include "core/query/row.h"

static const struct {
	const char *name;
	enum query_type type;
} fields[QUERY_FIELDS] = {
	[QUERY_ORGANIZATION] = { "organization", QUERY_TYPE_TEXT },
	[QUERY_CREATED] = { "created", QUERY_TYPE_TIME },
	[QUERY_MODIFIED] = { "modified", QUERY_TYPE_TIME },
	[QUERY_HEARTBEAT] = { "heartbeat", QUERY_TYPE_TIME },
	[QUERY_URL] = { "url", QUERY_TYPE_TEXT },
	[QUERY_NAME] = { "name", QUERY_TYPE_TEXT },
	[QUERY_AUTHOR] = { "author", QUERY_TYPE_TEXT },
	[QUERY_DESCRIPTION] = { "description", QUERY_TYPE_TEXT },
	[QUERY_TAGS] = { "tags", QUERY_TYPE_TAGS },
	[QUERY_STATE] = { "state", QUERY_TYPE_TEXT },
	[QUERY_HEARD] = { "heard", QUERY_TYPE_TIME },
	[QUERY_ALIVE] = { "alive", QUERY_TYPE_TIME },
	[QUERY_CHANGED] = { "changed", QUERY_TYPE_TIME },
	[QUERY_PROBE] = { "probe", QUERY_TYPE_TEXT },
	[QUERY_ENTRY] = { "entry", QUERY_TYPE_TEXT },
	[QUERY_REGISTRY] = { "registry", QUERY_TYPE_TEXT },
	[QUERY_FOLDED] = { "folded", QUERY_TYPE_TEXT },
	[QUERY_RANK] = { "rank", QUERY_TYPE_TIME },
};

const unsigned short row_offsets[QUERY_FIELDS] = {
	[QUERY_ORGANIZATION] = offsetof(struct row, organization),
	[QUERY_CREATED] = offsetof(struct row, created_us),
	[QUERY_MODIFIED] = offsetof(struct row, modified_us),
	[QUERY_HEARTBEAT] = offsetof(struct row, heartbeat_us),
	[QUERY_URL] = offsetof(struct row, url),
	[QUERY_NAME] = offsetof(struct row, name),
	[QUERY_AUTHOR] = offsetof(struct row, author),
	[QUERY_DESCRIPTION] = offsetof(struct row, description),
	[QUERY_TAGS] = offsetof(struct row, tags),
	[QUERY_STATE] = offsetof(struct row, state),
	[QUERY_HEARD] = offsetof(struct row, heard_us),
	[QUERY_ALIVE] = offsetof(struct row, alive_us),
	[QUERY_CHANGED] = offsetof(struct row, changed_us),
	[QUERY_PROBE] = offsetof(struct row, probe),
	[QUERY_ENTRY] = offsetof(struct row, entry),
	[QUERY_REGISTRY] = offsetof(struct row, registry),
	[QUERY_FOLDED] = offsetof(struct row, folded),
	[QUERY_RANK] = offsetof(struct row, rank),
};

const char *
query_field_name(enum query_field f)
{
	return (unsigned)f < QUERY_FIELDS ? fields[f].name : "";
}

enum query_type
query_field_type(enum query_field f)
{
	return fields[f].type;
}

bool
query_field_find(struct str name, enum query_field *out)
{
	unsigned f;

	for (f = 0; f < QUERY_FOLDED; f++)
		if (str_eq(name, str_of(fields[f].name))) {
			*out = (enum query_field)f;
			return true;
		}
	return false;
}
