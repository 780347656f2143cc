/* huffman.h: length-limited prefix codes for deflate. */
#ifndef DROVER_HUFFMAN_H
#define DROVER_HUFFMAN_H

#include <stdint.h>

enum { MAX_SYMBOLS = 288 };

typedef struct {
    uint8_t length[MAX_SYMBOLS]; /* bits; 0 for a symbol that does not occur */
    uint16_t code[MAX_SYMBOLS];  /* bits in the order in which deflate sends them */
} Huffman;

/* huffman_build makes a code for n symbols of the given frequencies with no word above `limit` bits. Fewer than two
 * occurring symbols are filled up to two, so that the code is always complete. */
void huffman_build(Huffman *huffman, const uint32_t *frequency, int n, int limit);

#endif
