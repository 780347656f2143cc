/* summary.h: reads the flat JSON object of numbers that clean.wasm writes. */
#ifndef DROVER_SUMMARY_H
#define DROVER_SUMMARY_H

enum { MAX_ENTRIES = 64, MAX_KEY = 32 };

typedef struct {
    int n;
    struct {
        char key[MAX_KEY];
        double value; /* NaN for null */
    } entry[MAX_ENTRIES];
} Summary;

/* summary_read reads the file, or ends the program with the line and the reason. */
void summary_read(Summary *summary, const char *path);

/* summary_get gives the value of a key; NaN when it is null or not there. */
double summary_get(const Summary *summary, const char *key);

#endif
