/* Colours, where standard output is a terminal that has them, and NO_COLOR is not set. */
#ifndef KODO_COLOUR_H
#define KODO_COLOUR_H

#include <stdbool.h>

enum colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_WARN, COLOUR_BAD, COLOUR_HEAD, COLOURS };

/* NO_COLOR of the environment (https://no-color.org), and TERM=dumb, are no. */
bool colour_is_on(void);

/* What to print before and after a text; empty where there are no colours. Static. */
const char *colour_begin(enum colour colour);
const char *colour_end(enum colour colour);

#endif
