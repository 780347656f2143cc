/* deflate.h: a streaming zlib compressor (RFC 1950, RFC 1951): LZ77 over 32 KiB with lazy matching, one dynamic
 * Huffman block for each 64 KiB of input. About 600 KiB of memory. */
#ifndef DROVER_DEFLATE_H
#define DROVER_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

typedef struct Deflate Deflate;

/* A Sink takes compressed bytes as they come. */
typedef void Sink(void *context, const uint8_t *data, size_t n);

/* deflate_new returns NULL when there is no memory. */
Deflate *deflate_new(Sink *sink, void *context);

/* deflate_write compresses n bytes; they may reach the sink later. */
void deflate_write(Deflate *deflate, const uint8_t *data, size_t n);

/* deflate_finish writes what is left and the checksum, and frees deflate. */
void deflate_finish(Deflate *deflate);

#endif
