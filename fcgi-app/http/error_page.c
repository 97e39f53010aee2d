#include "http/error_page.h"
#include "http/page.h"

#define FILE_NAME	"error.html"

/* The first row is for all that has none. */
static const struct words {
	unsigned status;
	const char *heading, *advice;
} words[] = {
	{ 0, "This did not work", "The fault is ours, and its reason is in our log." },
	{ 400, "This address is not understood", "A part of it is not as it should be." },
	{ 401, "Sign in first",
	    "This registry is for those whom it knows. Sign in where its operator says, or ask for "
	    "a token: it goes into the header Authorization: Bearer." },
	{ 403, "This is not for you", "It takes a key or a role that you have not given." },
	{ 404, "There is nothing here",
	    "It may have been, and has gone; or the address has a slip. Look for it:" },
	{ 405, "This is for programs",
	    "It cannot be opened in a browser: the API says how it is called." },
	{ 410, "What followed is not known any more", "Begin again at the list of flows." },
	{ 413, "This is too large", "Send less at once." },
	{ 414, "This address is too long", "Search for fewer words." },
	{ 431, "This request is too large", "Your browser sent too many cookies or headers." },
	{ 429, "Too many requests", "You, or others at your address, asked too often." },
	{ 503, "Not available just now", "It is nothing that you did." },
};

#define N_WORDS	(sizeof(words) / sizeof(words[0]))

static const struct words *
words_of(unsigned status)
{
	size_t i = N_WORDS - 1;

	while (i > 0 && words[i].status != status)
		i--;
	return &words[i];
}

/* Of an address without a handler, the parameters were not read. A bad format is none. */
static bool
is_wanted(struct call *c)
{
	struct param_errors errors;

	if (c->req->method != METHOD_GET && c->req->method != METHOD_HEAD)
		return false;
	if (c->params.format == FORMAT_NONE &&
	    param_read(c->a, str_of(c->transport->env(c->transport, "QUERY_STRING")),
		PARAM_BIT(PARAM_FORMAT), &c->params, &errors) == KODO_ENOMEM)
		return false;
	if (c->params.format != FORMAT_NONE)
		return c->params.format == FORMAT_HTML;
	return request_accepts_html(str_of(c->transport->env(c->transport, "HTTP_ACCEPT")));
}

/* Messages of the wire are those of the original; people get words. */
static struct str
words_for(struct str message)
{
	static const struct {
		const char *message, *words;
	} rows[] = {
		{ "Expected `int`, got `str`", "this must be a whole number" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (str_eq(message, str_of(rows[i].message)))
			return str_of(rows[i].words);
	return message;
}

/* The lines of response.reason: the detail, then key, TAB and message of each fault. */
static void
put_reason(struct template_values *t, struct str rest)
{
	const char *end, *tab;
	struct str line;
	bool is_first = true;

	for (; rest.len > 0; is_first = false) {
		end = memchr(rest.p, '\n', rest.len);
		line = (struct str){ rest.p, end == NULL ? rest.len : (size_t)(end - rest.p) };
		rest.len -= line.len + (end != NULL);
		rest.p += line.len + (end != NULL);
		tab = is_first ? NULL : memchr(line.p, '\t', line.len);
		if (is_first) {
			template_values_put(t, "detail", line);
		} else if (tab != NULL) {
			struct template_values *row = template_values_row(t, "fault");

			template_values_put(row, "key",
			    (struct str){ line.p, (size_t)(tab - line.p) });
			template_values_put(row, "message", words_for(
			    (struct str){ tab + 1, line.len - (size_t)(tab + 1 - line.p) }));
			template_values_put_flag(t, "any_fault", true);
		}
	}
}

enum kodo_err
error_page_put(struct call *c)
{
	const unsigned status = c->res->status;
	const struct options *o = NULL;
	const struct words *w = words_of(status);
	struct template_values *t;
	enum kodo_err err;

	if (status < 400 || c->res->is_page || c->res->is_fleeting)
		return KODO_OK;
	/* in either form: caches keep them apart */
	c->res->varies |= c->req->method == METHOD_GET || c->req->method == METHOD_HEAD;
	if (!is_wanted(c) || page_stamp(FILE_NAME) == 0)
		return KODO_OK;
	if (c->registry != NULL && registry_options(c->registry, &o) != KODO_OK)
		o = NULL;
	err = page_begin_without_view(c, o, w->heading, &t);
	if (err != KODO_OK)
		return err;
	template_values_put(t, "canonical", STR_NULL);
	template_values_put(t, "heading", str_of(w->heading));
	template_values_put(t, "advice", str_of(w->advice));
	template_values_put_u64(t, "status", status);
	if (c->res->retry_after_s > 0)
		template_values_put_span(
		    t, "retry", 1, 1 + (int64_t)c->res->retry_after_s * 1000000);
	put_reason(t, buf_str(&c->res->reason));
	buf_reset(&c->res->body.buf);
	return page_put(c, FILE_NAME, t);
}
