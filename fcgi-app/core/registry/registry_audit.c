#include "core/registry/registry_private.h"

void
registry_is_run_by(struct registry *r, const char *program)
{
	r->program = program;
}

const char *
registry_audit_known(enum pin_level level)
{
	static const char *const words[PIN_LEVELS] = {
		[PIN_OPEN] = "anonymous", [PIN_ADDRESS] = "legacy", [PIN_PINNED] = "pinned",
		[PIN_PROVED] = "proved",
	};

	return words[level];
}

void
registry_audit(struct registry *r, const struct audit_line *line)
{
	const struct options *o = &r->options;
	struct audit_place at = { .is_own = o->audit_file.len == 0, .mode = r->state.file_mode,
		.max_bytes = (uint64_t)o->audit_max_mib << 20, .keep = o->audit_keep };

	if (r->options_gen != 0 && o->audit_max_mib > 0 &&
	    audit_path(&r->state, o->audit_file, at.path) == KODO_OK)
		audit_write(&r->audit, &at, line);
}

void
registry_audit_gone(
    struct registry *r, const struct withdrawals *all, const struct head *h, int64_t now_us)
{
	const struct withdrawal *gone;
	struct audit_line line = { .at_us = now_us, .by = r->program, .view = h->view,
		.state = h->state };
	char key[PIN_KEY_CHARS];

	for (gone = all->last; gone != NULL; gone = gone->next) {
		line.url = line.key = STR_NULL;
		line.known = NULL;
		if (gone->peer != NULL) {
			line.url = gone->peer->url;
			line.known = registry_audit_known(pin_level(&r->options, gone->peer));
		}
		if (gone->peer != NULL && gone->peer->trust.key.len > 0) {
			pin_key_text(gone->peer->trust.key, key);
			line.key = str_of(key);
		}
		line.nodes = gone->nodes;
		line.n_nodes = gone->n;
		line.outcome = gone->is_forgotten ? "forgotten" : "withdrawn";
		line.reason = withdrawal_cause_code(gone->cause);
		registry_audit(r, &line);
	}
}
