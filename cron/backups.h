/*
 * The backups that the runner writes: every backup_hours one, of which backup_keep stay, in
 * backup_folder. They have no keys.
 */
#ifndef KODO_BACKUPS_H
#define KODO_BACKUPS_H

#include "core/registry/registry.h"

/*
 * Write one if it is time, by the names of those that are there, and remove the oldest. Faults are
 * logged. Returns the seconds until it is worth to ask again.
 */
unsigned backups_run(struct registry *r, int64_t now_us);

#endif
