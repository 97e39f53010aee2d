/*
 * The other measure of `make bench`: memmem over the file given, for the word given, each place
 * found; prints the median of some runs in milliseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS	9

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double
scan_ms(const char *text, size_t n, const char *word)
{
	const size_t len = strlen(word);
	const char *at = text, *end = text + n;
	double began = now_ms();

	while ((at = memmem(at, (size_t)(end - at), word, len)) != NULL)
		at += len;
	return now_ms() - began;
}

static int
compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	FILE *f = argc == 3 ? fopen(argv[1], "rb") : NULL;
	double ms[RUNS];
	char *text;
	long n;
	int i;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) < 0)
		return 1;
	rewind(f);
	text = malloc((size_t)n + 1);
	if (text == NULL || fread(text, 1, (size_t)n, f) != (size_t)n)
		return 1;
	fclose(f);
	for (i = 0; i < RUNS; i++)
		ms[i] = scan_ms(text, (size_t)n, argv[2]);
	qsort(ms, RUNS, sizeof(*ms), compare);
	printf("%.3f\n", ms[RUNS / 2]);
	free(text);
	return 0;
}
