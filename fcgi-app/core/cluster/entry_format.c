#include "core/cluster/entry.h"

const uint64_t entry_format_newest = ENTRY_FORMAT;
