#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

Text text_read(const char *path, size_t max) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(EXIT_IO, "%s: cannot be opened", path);
    char *data = malloc(max + 2);
    if (!data) fail(EXIT_IO, "%s: not enough memory for %zu bytes", path, max);
    size_t n = fread(data, 1, max + 1, file);
    if (ferror(file)) fail(EXIT_IO, "%s: cannot be read", path);
    if (n > max) fail(EXIT_INPUT, "%s: is larger than %zu bytes", path, max);
    fclose(file);
    for (size_t i = 0; i < n; i++) {
        if (!data[i]) data[i] = '?'; /* a zero byte would hide the rest of its line */
    }
    data[n] = 0;
    return (Text){path, data, data + n, 0};
}

char *text_line(Text *text) {
    if (text->next >= text->end) return 0;
    char *line = text->next, *stop = memchr(line, '\n', (size_t)(text->end - line));
    if (!stop) stop = text->end;
    text->next = stop + 1;
    text->line++;
    *stop = 0;
    if (stop > line && stop[-1] == '\r') stop[-1] = 0;
    return line;
}

int split_fields(char *line, char **fields, int max) {
    int n = 0;
    for (char *comma; n < max; line = comma + 1) {
        fields[n++] = line;
        comma = strchr(line, ',');
        if (!comma) return n;
        *comma = 0;
    }
    return max + 1;
}

int parse_decimal(const char *text, double *value) {
    double digits = 0, scale = 1;
    int significant = 0, seen = 0, point = 0;
    for (; *text; text++) {
        if (*text == '.' && !point) {
            point = 1;
            continue;
        }
        if (*text < '0' || *text > '9') return 0;
        seen++;
        if (digits > 0 || *text != '0') significant++;
        if (significant > 15 || seen > 20) return 0;
        digits = digits * 10 + (*text - '0');
        if (point) scale *= 10;
    }
    if (!seen) return 0;
    *value = digits / scale;
    return 1;
}
