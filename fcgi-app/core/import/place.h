/*
 * Where imported flows are: a node for each namespace of a source, under the url of this service.
 *
 *	https://H/import/registry.example.org/io.github.acme		the node
 *	https://H/import/registry.example.org/io.github.acme/flows/weather	its flow
 *
 * So two registries that import the same have nodes that differ in what stands before /import/.
 */
#ifndef KODO_IMPORT_PLACE_H
#define KODO_IMPORT_PLACE_H

#include "core/config/option_import.h"

#define PLACE_PATH	OPTION_IMPORT_PATH

/*
 * The slug of a source by its url: host, port where one is written, and path, less what says only
 * in which way the source is read (/v0.1/servers, /.well-known/ard.json); with a query, its hash
 * behind that, so that two searches of one registry are two sources. KODO_ENOMEM.
 */
enum kodo_err place_of_source(struct arena *a, struct str url, struct str *slug) MUST_CHECK;

/* The url of a node, in a. KODO_ENOMEM; KODO_ETOOBIG: over LIMIT_URL_BYTES. */
enum kodo_err place_node(struct arena *a, struct str own_url, struct str slug, struct str space,
    struct str *out) MUST_CHECK;

/* Parts of the url of such a node, of whatever service. false: it is none. */
struct place_parts {
	struct str before;	/* the url of the service */
	struct str slug, space;
};
bool place_read(struct str url, struct place_parts *out);

#endif
