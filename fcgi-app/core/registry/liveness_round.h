/*
 * The watch over signs of life, for the runner.
 */
#ifndef KODO_LIVENESS_ROUND_H
#define KODO_LIVENESS_ROUND_H

#include "core/registry/registry.h"

/*
 * At its start and each minute: note that somebody listens, suspect our own line where many fall
 * silent at once, and withdraw who was silent for expire_days. more: it is not done yet.
 */
enum kodo_err liveness_round(struct registry *r, int64_t now_us, bool *more) MUST_CHECK;

#endif
