/*
 * The fields of a signature, as anybody may send them: one a line, in the order of signature_names,
 * the first line chooses request or answer. Nothing of it may hold, and each list is walked to its
 * end in bounds.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/trust/document.h"
#include "core/trust/sfv.h"
#include "core/trust/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
walk(struct str field)
{
	struct sfv_walk w = sfv_begin(field);
	struct sfv_member m;
	struct str rest, text, params, value;
	size_t seen = 0;

	while (sfv_next(&w, &m)) {
		seen += m.text.len;
		for (rest = m.items; sfv_next_item(&rest, &text, &params);)
			(void)sfv_param(params, STR("key"), &value);
		(void)sfv_param(m.params, STR("created"), &value);
	}
	if (seen > field.len)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size }, line;
	struct signature_fields f = { .from = STR_NULL };
	struct signed_message m = { .status = 200, .body = STR("{}") };
	unsigned char key[CRYPTO_KEY_BYTES];
	struct arena *a = arena_new();
	struct signer who;
	struct str url;
	const char *why;
	unsigned i;

	if (a == NULL)
		return 0;
	line = str_cut(&rest, '\n');
	if (line.len > 0 && line.p[0] == 'r')
		m.method = STR("POST");
	else
		m.request_signature = line;
	for (i = 0; i < SIGNATURE_FIELDS; i++) {
		*signature_field(&f, i) = str_cut(&rest, '\n');
		walk(*signature_field(&f, i));
	}
	if (signature_check(&m, &f, &who, &why) == KODO_EINVAL && why == NULL)
		abort();
	(void)!document_read(a, rest, &url, key);
	arena_free(a);
	return 0;
}
