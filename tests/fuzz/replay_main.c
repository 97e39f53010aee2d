/*
 * A main for fuzz targets without libFuzzer: each file named on the command line, and each file in
 * a folder named there, is given once to LLVMFuzzerTestOneInput. Exit status 1 if one cannot be
 * read.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <fts.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool
replay_file(const char *path, size_t bytes)
{
	uint8_t *data = NULL;
	bool ok = false;
	FILE *f;

	f = fopen(path, "rb");
	if (f == NULL)
		goto out;
	/* exactly as large as the input, so that ASAN sees a read past its end */
	data = malloc(bytes > 0 ? bytes : 1);
	if (data == NULL || fread(data, 1, bytes, f) != bytes)
		goto out;
	LLVMFuzzerTestOneInput(data, bytes);
	ok = true;
out:
	if (!ok)
		perror(path);
	free(data);
	if (f != NULL)
		fclose(f);
	return ok;
}

int
main(int argc, char *argv[])
{
	size_t files = 0, failed = 0;
	FTSENT *entry;
	FTS *tree;

	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE|FOLDER ...\n", argv[0]);
		return 2;
	}
	tree = fts_open(argv + 1, FTS_LOGICAL | FTS_NOCHDIR, NULL);
	if (tree == NULL) {
		perror(argv[1]);
		return 1;
	}
	while ((entry = fts_read(tree)) != NULL) {
		if (entry->fts_info == FTS_F) {
			files++;
			failed += !replay_file(entry->fts_accpath,
			    (size_t)entry->fts_statp->st_size);
		} else if (entry->fts_errno != 0) {
			fprintf(stderr, "%s: %s\n", entry->fts_path, strerror(entry->fts_errno));
			failed++;
		}
	}
	fts_close(tree);
	printf("%zu inputs replayed, %zu not readable\n", files, failed);
	return failed > 0 ? 1 : 0;
}
