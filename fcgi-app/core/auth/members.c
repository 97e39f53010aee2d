#include "core/auth/members.h"
#include "core/base/limit.h"

struct member {
	struct str name, value;
};

static bool
has_name(const struct member *list, size_t n, struct str name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (str_eq(list[i].name, name))
			return true;
	return false;
}

static enum kodo_err
list_members(struct jread *j, struct arena *a, struct str object,
    struct member list[LIMIT_JWT_MEMBERS], size_t *n)
{
	struct jread_walk w;
	struct str key, value, name;
	enum kodo_err err;

	*n = 0;
	if (jread_kind(object) != JREAD_OBJECT)
		return KODO_EINVAL;
	jread_begin(&w, object);
	while (jread_next(&w, &key, &value)) {
		err = jread_text(j, a, key, &name);
		if (err != KODO_OK)
			return err;
		if (*n == LIMIT_JWT_MEMBERS || has_name(list, *n, name))
			return KODO_EINVAL;
		list[(*n)++] = (struct member){ name, value };
	}
	return KODO_OK;
}

enum kodo_err
members_read(struct jread *j, struct arena *a, struct str object, const char *const names[],
    size_t n, struct str values[])
{
	struct member list[LIMIT_JWT_MEMBERS];
	size_t n_list, i, k;
	enum kodo_err err = list_members(j, a, object, list, &n_list);

	for (i = 0; i < n; i++) {
		values[i] = STR_NULL;
		for (k = 0; err == KODO_OK && k < n_list; k++)
			if (str_eq(list[k].name, str_of(names[i])))
				values[i] = list[k].value;
	}
	return err;
}

enum kodo_err
members_find(
    struct jread *j, struct arena *a, struct str object, struct str name, struct str *out)
{
	struct member list[LIMIT_JWT_MEMBERS];
	size_t n_list, k;
	enum kodo_err err = list_members(j, a, object, list, &n_list);

	*out = STR_NULL;
	for (k = 0; err == KODO_OK && k < n_list; k++)
		if (str_eq(list[k].name, name))
			*out = list[k].value;
	return err;
}

enum kodo_err
members_text(struct jread *j, struct arena *a, struct str value, struct str *out)
{
	*out = STR_NULL;
	return jread_kind(value) == JREAD_TEXT ? jread_text(j, a, value, out) : KODO_OK;
}
