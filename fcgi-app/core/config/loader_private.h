/* What the files of the loader share. */
#ifndef KODO_LOADER_PRIVATE_H
#define KODO_LOADER_PRIVATE_H

#include "core/base/arena.h"

/*
 * The text of a top-level option, read no further than it. Null: not there, null, or no text;
 * *unsure: unless an *alias or a merge key gives it. KODO_EINVAL: not YAML up to there.
 */
enum kodo_err loader_scan_yaml(struct arena *a, struct str yaml, const char *option,
    struct str *out, bool *unsure) MUST_CHECK;

/*
 * JSON's escapes of two surrogates (\ud83d\ude00, as programs that print JSON write what is beyond
 * 16 bits), which libyaml does not know, as YAML's of one character: *yaml becomes a copy in a.
 * KODO_ENOTFOUND: there are none; KODO_ENOMEM.
 */
enum kodo_err loader_join_surrogates(struct arena *a, struct str *yaml) MUST_CHECK;

/* What to do about a problem that libyaml names: "; ..", or the empty text. */
const char *loader_remedy(const char *problem);

#endif
