/* text.h: reading small text files, lines, comma-separated fields and decimal numbers. Nothing here trusts its input. */
#ifndef DROVER_TEXT_H
#define DROVER_TEXT_H

#include <stddef.h>

/* A Text is a file in memory that is cut into lines, one after the other. */
typedef struct {
    const char *path;
    char *next, *end;
    int line; /* number of the line that text_line gave last; the first is 1 */
} Text;

/* text_read reads a whole file of at most max bytes, or ends the program. */
Text text_read(const char *path, size_t max);

/* text_line gives the next line without its end ("\n" or "\r\n"), NULL after the last. */
char *text_line(Text *text);

/* split_fields cuts a line at its commas into at most max fields and returns how many there are, max + 1 for more. */
int split_fields(char *line, char **fields, int max);

/* parse_decimal reads digits with an optional fraction, at most 15 significant digits, no sign, no exponent: what it
 * accepts it converts exactly. 0 for anything else. */
int parse_decimal(const char *text, double *value);

#endif
