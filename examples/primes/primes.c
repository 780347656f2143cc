/* primes.wasm: counts the primes in one slice of a range; shows an array of tasks that share work by their index.
 *
 * Arguments   limit tasks: the range 0..limit-1 (limit up to 1000000000) is cut into `tasks` slices (1..10000)
 * Environment DROVER_INDEX, 0..tasks-1: which slice is ours
 * Writes      standard output: "FROM TO COUNT", the primes p with FROM <= p < TO; a small result that needs no file
 * Exit        0; 64 a wrong argument or index, with the reason on standard error
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_LIMIT = 1000000000, MAX_TASKS = 10000, SEGMENT = 1 << 16, ROOT = 31623 }; /* ROOT^2 > MAX_LIMIT */

static long parse(const char *name, const char *text, long min, long max) {
    char *end = 0;
    long value = text ? strtol(text, &end, 10) : 0;
    if (!text || end == text || *end || value < min || value > max) {
        fprintf(stderr, "primes: %s \"%.40s\" is not a number between %ld and %ld\n", name, text ? text : "", min, max);
        exit(64);
    }
    return value;
}

/* cross_out marks the composites of [low, low + SEGMENT): a segmented sieve of Eratosthenes (Bays and Hudson 1977). */
static void cross_out(uint8_t *composite, int64_t low, const int32_t *primes, int n) {
    for (int64_t i = 0; i < SEGMENT; i++) composite[i] = low + i < 2;
    for (int k = 0; k < n; k++) {
        int64_t p = primes[k], from = p * p;
        if (from >= low + SEGMENT) break;
        if (from < low) from = (low + p - 1) / p * p;
        for (; from < low + SEGMENT; from += p) composite[from - low] = 1;
    }
}

static int small_primes(int32_t *primes) {
    static uint8_t composite[ROOT + 1];
    int n = 0;
    for (int32_t i = 2; i <= ROOT; i++) {
        if (composite[i]) continue;
        primes[n++] = i;
        for (int32_t k = i + i; k <= ROOT; k += i) composite[k] = 1;
    }
    return n;
}

static int64_t count_primes(int64_t from, int64_t to) {
    static uint8_t composite[SEGMENT];
    static int32_t primes[ROOT];
    int n = small_primes(primes);
    int64_t count = 0;
    for (int64_t low = from; low < to; low += SEGMENT) {
        cross_out(composite, low, primes, n);
        for (int64_t i = 0; i < SEGMENT && low + i < to; i++) count += !composite[i];
    }
    return count;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fputs("primes: usage: primes limit tasks, with DROVER_INDEX in the environment\n", stderr);
        return 64;
    }
    int64_t limit = parse("limit", argv[1], 1, MAX_LIMIT), tasks = parse("tasks", argv[2], 1, MAX_TASKS);
    int64_t index = parse("DROVER_INDEX", getenv("DROVER_INDEX"), 0, (long)tasks - 1);
    int64_t from = limit * index / tasks, to = limit * (index + 1) / tasks;
    printf("%lld %lld %lld\n", (long long)from, (long long)to, (long long)count_primes(from, to));
    return 0;
}
