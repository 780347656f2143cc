/* wordcount.wasm: counts the words of a text; shows files in and files out.
 *
 * Arguments   none
 * Reads       /in/text.txt, of any length
 * Writes      /out/counts.json: {"lines", "words", "distinct", "top": [{"word", "count"}, ...]}, the 20 most frequent words,
 *             the more frequent first and equal ones by alphabet. A word is a run of ASCII letters and digits, in small
 *             letters, cut after 63; everything else separates
 * Exit        0; 1 a file cannot be opened, read or written; 2 more than 100000 different words. The reason is on
 *             standard error
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORD = 64, MAX_DISTINCT = 100000, SLOTS = 1 << 18, TOP = 20 };

typedef struct {
    char *word;
    uint64_t count;
} Entry;

typedef struct {
    uint64_t lines, words;
    size_t distinct;
    Entry slot[SLOTS]; /* open addressing: at most 38 % full */
} Counts;

static _Noreturn void fail(int code, uint64_t line, const char *reason) {
    fprintf(stderr, "wordcount: line %llu: %s\n", (unsigned long long)line, reason);
    exit(code);
}

/* FNV-1a (Fowler, Noll, Vo). */
static uint32_t hash_of(const char *word) {
    uint32_t h = 2166136261u;
    for (; *word; word++) h = (h ^ (uint8_t)*word) * 16777619u;
    return h;
}

static void add_word(Counts *c, const char *word) {
    uint32_t at = hash_of(word) % SLOTS;
    while (c->slot[at].word && strcmp(c->slot[at].word, word) != 0) at = (at + 1) % SLOTS;
    if (!c->slot[at].word) {
        if (++c->distinct > MAX_DISTINCT) fail(2, c->lines + 1, "more than 100000 different words");
        c->slot[at].word = strdup(word);
        if (!c->slot[at].word) fail(1, c->lines + 1, "not enough memory");
    }
    c->slot[at].count++;
    c->words++;
}

static int word_char(int c) {
    if (c >= 'A' && c <= 'Z') return c + ('a' - 'A');
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : 0;
}

static void count_file(Counts *c, FILE *f) {
    char word[MAX_WORD];
    int length = 0, last = '\n', byte;
    do {
        byte = fgetc(f);
        int letter = word_char(byte);
        if (letter) {
            if (length < MAX_WORD - 1) word[length++] = (char)letter;
        } else if (length) {
            word[length] = 0;
            add_word(c, word);
            length = 0;
        }
        if (byte == '\n' || (byte == EOF && last != '\n')) c->lines++;
        last = byte;
    } while (byte != EOF);
    if (ferror(f)) fail(1, c->lines, "/in/text.txt cannot be read");
}

static int more_frequent(const void *a, const void *b) {
    const Entry *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    if (!x->word || !y->word) return (y->word != 0) - (x->word != 0); /* empty slots last */
    return strcmp(x->word, y->word);
}

static void write_counts(Counts *c, FILE *f) {
    qsort(c->slot, SLOTS, sizeof *c->slot, more_frequent);
    fprintf(f, "{\n  \"lines\": %llu,\n  \"words\": %llu,\n  \"distinct\": %zu,\n  \"top\": [", (unsigned long long)c->lines,
            (unsigned long long)c->words, c->distinct);
    for (size_t i = 0; i < TOP && i < c->distinct; i++) {
        fprintf(f, "%s\n    {\"word\": \"%s\", \"count\": %llu}", i ? "," : "", c->slot[i].word, (unsigned long long)c->slot[i].count);
    }
    fputs("\n  ]\n}\n", f);
}

int main(void) {
    static Counts counts;
    FILE *in = fopen("/in/text.txt", "rb");
    if (!in) fail(1, 0, "/in/text.txt cannot be opened");
    count_file(&counts, in);
    FILE *out = fopen("/out/counts.json", "wb");
    if (!out) fail(1, 0, "/out/counts.json cannot be opened for writing");
    write_counts(&counts, out);
    if (ferror(out) || fclose(out) != 0) fail(1, 0, "/out/counts.json cannot be written; is the disk full?");
    return 0;
}
