#include "deflate.h"

#include <stdlib.h>
#include <string.h>

#include "huffman.h"

enum {
    WINDOW = 1 << 15,
    BLOCK = 1 << 16, /* input bytes a block */
    HASH_BITS = 15,
    MIN_MATCH = 3,
    MAX_MATCH = 258,
    MAX_CHAIN = 32,  /* candidates tried for a match */
    GOOD_MATCH = 64, /* long enough not to look one byte further */
    END_OF_BLOCK = 256,
    LITERALS = 286,
    DISTANCES = 30,
    LENGTH_CODES = 19,
};

typedef struct {
    uint16_t length;   /* of the match, or 0: a literal */
    uint16_t distance; /* 1..32768, or the literal's byte */
} Token;

struct Deflate {
    Sink *sink;
    void *context;
    uint32_t bits, bit_count;
    uint32_t adler_a, adler_b;
    uint8_t out[4096];
    size_t out_length;
    /* data holds up to WINDOW bytes already compressed, then the open block. Positions count from the stream's start
     * plus one, so that 0 means "none" in head and chain. */
    uint8_t data[WINDOW + BLOCK];
    uint32_t base, start, end; /* position of data[0], indices of the open block */
    uint32_t head[1 << HASH_BITS], chain[WINDOW];
    Token tokens[BLOCK];
    int token_count;
};

static const uint16_t length_base[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                         31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t length_extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t distance_base[30] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
                                           193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

static int distance_extra(int symbol) { return symbol < 4 ? 0 : symbol / 2 - 1; }

/* symbol_of finds the last base that is not above value. */
static int symbol_of(const uint16_t *base, int n, int value) {
    int low = 0;
    while (n > 1) {
        int half = n / 2;
        if (base[low + half] <= value) low += half;
        n -= half;
    }
    return low;
}

static void flush_out(Deflate *d) {
    d->sink(d->context, d->out, d->out_length);
    d->out_length = 0;
}

static void put_byte(Deflate *d, uint32_t byte) {
    d->out[d->out_length++] = (uint8_t)byte;
    if (d->out_length == sizeof d->out) flush_out(d);
}

/* put_bits sends the n <= 16 low bits of value, lowest first. */
static void put_bits(Deflate *d, uint32_t value, int n) {
    d->bits |= value << d->bit_count;
    for (d->bit_count += (uint32_t)n; d->bit_count >= 8; d->bit_count -= 8, d->bits >>= 8) put_byte(d, d->bits & 255);
}

static void put_symbol(Deflate *d, const Huffman *h, int symbol) { put_bits(d, h->code[symbol], h->length[symbol]); }

/* --- matching ----------------------------------------------------------------------------------------------------- */

static uint32_t hash_at(const uint8_t *p) {
    uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    return v * 2654435761u >> (32 - HASH_BITS);
}

static void remember(Deflate *d, uint32_t at) {
    if (at + MIN_MATCH > d->end) return;
    uint32_t h = hash_at(d->data + at), position = d->base + at;
    d->chain[position % WINDOW] = d->head[h];
    d->head[h] = position;
}

static int common_length(const uint8_t *a, const uint8_t *b, int max) {
    int n = 0;
    while (n < max && a[n] == b[n]) n++;
    return n;
}

/* longest_match looks for data[at..] in the window. Call it before remember(at). */
static Token longest_match(const Deflate *d, uint32_t at) {
    Token best = {0, 0};
    uint32_t left = d->end - at, position = d->base + at;
    int max = left < MAX_MATCH ? (int)left : MAX_MATCH;
    if (max < MIN_MATCH) return best;
    uint32_t candidate = d->head[hash_at(d->data + at)];
    for (int tries = MAX_CHAIN; tries > 0; tries--) {
        if (candidate < d->base || candidate == 0 || position - candidate > WINDOW) break;
        int n = common_length(d->data + (candidate - d->base), d->data + at, max);
        if (n >= MIN_MATCH && n > best.length) best = (Token){(uint16_t)n, (uint16_t)(position - candidate)};
        if (n == max) break;
        uint32_t older = d->chain[candidate % WINDOW];
        if (older >= candidate) break; /* overwritten since */
        candidate = older;
    }
    return best;
}

/* tokenize cuts the open block into literals and matches, preferring a longer match one byte later. */
static void tokenize(Deflate *d) {
    d->token_count = 0;
    uint32_t at = d->start;
    Token match = longest_match(d, at);
    while (at < d->end) {
        remember(d, at);
        Token next = {0, 0};
        if (match.length < GOOD_MATCH && at + 1 < d->end) next = longest_match(d, at + 1);
        if (match.length >= MIN_MATCH && match.length >= next.length) {
            d->tokens[d->token_count++] = match;
            for (uint32_t i = 1; i < match.length; i++) remember(d, at + i);
            at += match.length;
            match = longest_match(d, at);
        } else {
            d->tokens[d->token_count++] = (Token){0, d->data[at++]};
            match = next;
        }
    }
}

/* --- one block ---------------------------------------------------------------------------------------------------- */

static void build_codes(const Deflate *d, Huffman *literals, Huffman *distances) {
    uint32_t literal_count[LITERALS] = {0}, distance_count[DISTANCES] = {0};
    literal_count[END_OF_BLOCK] = 1;
    for (int i = 0; i < d->token_count; i++) {
        Token t = d->tokens[i];
        if (t.length) {
            literal_count[257 + symbol_of(length_base, 29, t.length)]++;
            distance_count[symbol_of(distance_base, DISTANCES, t.distance)]++;
        } else {
            literal_count[t.distance]++;
        }
    }
    huffman_build(literals, literal_count, LITERALS, 15);
    huffman_build(distances, distance_count, DISTANCES, 15);
}

typedef struct {
    uint8_t symbol, extra; /* of the code-length alphabet, RFC 1951 section 3.2.7 */
} Run;

/* run_at packs the repetition that begins at lengths[at], and says in *taken how long it is. */
static Run run_at(const uint8_t *lengths, int n, int at, int *taken) {
    int value = lengths[at], same = 1;
    while (at + same < n && lengths[at + same] == value && same < 138) same++;
    int repeats_last = at > 0 && lengths[at - 1] == value;
    if (value == 0 && same >= 11) return *taken = same, (Run){18, (uint8_t)(same - 11)};
    if (value == 0 && same >= 3) return *taken = same, (Run){17, (uint8_t)(same - 3)};
    if (repeats_last && same >= 3) return *taken = same < 6 ? same : 6, (Run){16, (uint8_t)(*taken - 3)};
    return *taken = 1, (Run){(uint8_t)value, 0};
}

static int pack_lengths(const uint8_t *lengths, int n, Run *runs) {
    int count = 0;
    for (int at = 0, taken; at < n; at += taken) runs[count++] = run_at(lengths, n, at, &taken);
    return count;
}

static int run_extra_bits(int symbol) { return symbol == 16 ? 2 : symbol == 17 ? 3 : symbol == 18 ? 7 : 0; }

static void put_codes(Deflate *d, const Huffman *literals, const Huffman *distances) {
    static const uint8_t order[LENGTH_CODES] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    uint8_t lengths[LITERALS + DISTANCES];
    memcpy(lengths, literals->length, LITERALS);
    memcpy(lengths + LITERALS, distances->length, DISTANCES);
    Run runs[LITERALS + DISTANCES];
    int count = pack_lengths(lengths, LITERALS + DISTANCES, runs);
    uint32_t frequency[LENGTH_CODES] = {0};
    for (int i = 0; i < count; i++) frequency[runs[i].symbol]++;
    Huffman code;
    huffman_build(&code, frequency, LENGTH_CODES, 7);
    put_bits(d, LITERALS - 257, 5);
    put_bits(d, DISTANCES - 1, 5);
    put_bits(d, LENGTH_CODES - 4, 4);
    for (int i = 0; i < LENGTH_CODES; i++) put_bits(d, code.length[order[i]], 3);
    for (int i = 0; i < count; i++) {
        put_symbol(d, &code, runs[i].symbol);
        put_bits(d, runs[i].extra, run_extra_bits(runs[i].symbol));
    }
}

static void put_token(Deflate *d, const Huffman *literals, const Huffman *distances, Token t) {
    if (!t.length) {
        put_symbol(d, literals, t.distance);
        return;
    }
    int length = symbol_of(length_base, 29, t.length), distance = symbol_of(distance_base, DISTANCES, t.distance);
    put_symbol(d, literals, 257 + length);
    put_bits(d, (uint32_t)(t.length - length_base[length]), length_extra[length]);
    put_symbol(d, distances, distance);
    put_bits(d, (uint32_t)(t.distance - distance_base[distance]), distance_extra(distance));
}

static void put_block(Deflate *d, int last) {
    Huffman literals, distances;
    tokenize(d);
    build_codes(d, &literals, &distances);
    put_bits(d, (uint32_t)last | 2 << 1, 3); /* dynamic Huffman */
    put_codes(d, &literals, &distances);
    for (int i = 0; i < d->token_count; i++) put_token(d, &literals, &distances, d->tokens[i]);
    put_symbol(d, &literals, END_OF_BLOCK);
}

/* slide keeps the last WINDOW bytes for matches of the next block. */
static void slide(Deflate *d) {
    if (d->end > WINDOW) {
        uint32_t drop = d->end - WINDOW;
        memmove(d->data, d->data + drop, WINDOW);
        d->base += drop;
        d->end = WINDOW;
    }
    d->start = d->end;
}

/* --- the stream --------------------------------------------------------------------------------------------------- */

Deflate *deflate_new(Sink *sink, void *context) {
    Deflate *d = calloc(1, sizeof *d);
    if (!d) return 0;
    d->sink = sink;
    d->context = context;
    d->adler_a = 1;
    d->base = 1;
    put_byte(d, 0x78); /* deflate, 32 KiB window */
    put_byte(d, 0x9C); /* default level; makes the two bytes a multiple of 31 */
    return d;
}

static void add_checksum(Deflate *d, const uint8_t *data, size_t n) {
    for (size_t i = 0; i < n; i++) {
        d->adler_a = (d->adler_a + data[i]) % 65521;
        d->adler_b = (d->adler_b + d->adler_a) % 65521;
    }
}

void deflate_write(Deflate *d, const uint8_t *data, size_t n) {
    add_checksum(d, data, n);
    while (n > 0) {
        size_t room = d->start + BLOCK - d->end, take = n < room ? n : room;
        memcpy(d->data + d->end, data, take);
        d->end += (uint32_t)take;
        data += take;
        n -= take;
        if (take == room) {
            put_block(d, 0);
            slide(d);
        }
    }
}

void deflate_finish(Deflate *d) {
    put_block(d, 1);
    put_bits(d, 0, (8 - (int)d->bit_count) & 7);
    uint32_t adler = d->adler_b << 16 | d->adler_a;
    for (int shift = 24; shift >= 0; shift -= 8) put_byte(d, adler >> shift & 255);
    flush_out(d);
    free(d);
}
