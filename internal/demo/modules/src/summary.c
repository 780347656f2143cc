#include "summary.h"

#include <math.h>
#include <string.h>

#include "fail.h"
#include "text.h"

enum { MAX_FILE = 64 << 10, MAX_NUMBER = 24 };

typedef struct {
    const char *path, *at;
    int line;
} Parser;

static void refuse(const Parser *p, const char *expected) {
    fail(EXIT_INPUT, "%s: line %d: expected %s at \"%.20s\"", p->path, p->line, expected, p->at);
}

static void skip_space(Parser *p) {
    for (; *p->at == ' ' || *p->at == '\t' || *p->at == '\r' || *p->at == '\n'; p->at++) p->line += *p->at == '\n';
}

static int accept(Parser *p, char c) {
    skip_space(p);
    if (*p->at != c) return 0;
    p->at++;
    return 1;
}

static void expect(Parser *p, char c, const char *name) {
    if (!accept(p, c)) refuse(p, name);
}

/* copy_span moves the next n bytes into a string of the given size. */
static void copy_span(Parser *p, size_t n, char *to, size_t size, const char *what) {
    if (n == 0 || n >= size) refuse(p, what);
    memcpy(to, p->at, n);
    to[n] = 0;
    p->at += n;
}

static double number(Parser *p) {
    char text[MAX_NUMBER];
    double value;
    skip_space(p);
    if (strncmp(p->at, "null", 4) == 0) return p->at += 4, NAN;
    Parser before = *p;
    copy_span(p, strspn(p->at, "0123456789."), text, sizeof text, "a number or null");
    if (!parse_decimal(text, &value)) refuse(&before, "a number or null");
    return value;
}

static void read_entry(Parser *p, Summary *s) {
    if (s->n == MAX_ENTRIES) refuse(p, "at most 64 entries");
    expect(p, '"', "a key in quotes");
    copy_span(p, strcspn(p->at, "\"\\\n"), s->entry[s->n].key, MAX_KEY, "a key of 1 to 31 letters");
    expect(p, '"', "the closing quote of a key");
    expect(p, ':', "a colon");
    s->entry[s->n++].value = number(p);
}

void summary_read(Summary *s, const char *path) {
    Text text = text_read(path, MAX_FILE);
    Parser p = {path, text.next, 1};
    s->n = 0;
    expect(&p, '{', "an object");
    do read_entry(&p, s);
    while (accept(&p, ','));
    expect(&p, '}', "a comma or the object's end");
    skip_space(&p);
    if (*p.at) refuse(&p, "the end of the file");
}

double summary_get(const Summary *s, const char *key) {
    for (int i = 0; i < s->n; i++) {
        if (strcmp(s->entry[i].key, key) == 0) return s->entry[i].value;
    }
    return NAN;
}
