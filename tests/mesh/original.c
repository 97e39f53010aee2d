/* A stand-in for the original system. */
#include <stdlib.h>

#include "mesh.h"

struct original *
original_new(struct service *s)
{
	(void)s;
	return NULL;
}
void original_free(struct original *o) { free(o); }
void original_start(struct original *o) { (void)o; }
void original_answer(struct original *o, const char *path, struct str body, struct answer *out) { (void)o; (void)path; (void)body; (void)out; }
bool original_next(struct original *o, int64_t now_us, struct message *out, int64_t *due_us) { (void)o; (void)now_us; (void)out; (void)due_us; return false; }
void original_done(struct original *o, unsigned status, struct str body, int64_t now_us) { (void)o; (void)status; (void)body; (void)now_us; }
