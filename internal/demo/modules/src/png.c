#include "png.h"

#include <stdlib.h>
#include <string.h>

#include "deflate.h"

enum { CHANNELS = 3, FILTERS = 5, CHUNK = 1 << 15 };

struct Png {
    FILE *file;
    Deflate *deflate;
    size_t row_bytes;
    uint8_t *above;             /* the row before, zeros at first */
    uint8_t *filtered[FILTERS]; /* filter type byte and filtered row, one for each filter */
    uint32_t crc_table[256];
    uint8_t chunk[CHUNK]; /* compressed bytes that wait for a chunk to fill */
    size_t chunk_length;
};

static void make_crc_table(uint32_t *table) {
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t c = n;
        for (int k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320u ^ c >> 1 : c >> 1;
        table[n] = c;
    }
}

static uint32_t crc_of(const Png *png, uint32_t crc, const uint8_t *data, size_t n) {
    for (size_t i = 0; i < n; i++) crc = png->crc_table[(crc ^ data[i]) & 255] ^ crc >> 8;
    return crc;
}

static void big_endian(uint8_t *out, uint32_t value) {
    for (int i = 0; i < 4; i++) out[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_chunk(Png *png, const char *type, const uint8_t *data, size_t n) {
    uint8_t head[8], tail[4];
    big_endian(head, (uint32_t)n);
    memcpy(head + 4, type, 4);
    big_endian(tail, ~crc_of(png, crc_of(png, ~0u, head + 4, 4), data, n));
    fwrite(head, 1, sizeof head, png->file);
    fwrite(data, 1, n, png->file);
    fwrite(tail, 1, sizeof tail, png->file);
}

static void flush_chunk(Png *png) {
    if (png->chunk_length) put_chunk(png, "IDAT", png->chunk, png->chunk_length);
    png->chunk_length = 0;
}

static void take_compressed(void *context, const uint8_t *data, size_t n) {
    Png *png = context;
    while (n > 0) {
        size_t room = CHUNK - png->chunk_length, take = n < room ? n : room;
        memcpy(png->chunk + png->chunk_length, data, take);
        png->chunk_length += take;
        data += take;
        n -= take;
        if (png->chunk_length == CHUNK) flush_chunk(png);
    }
}

static int allocate(Png *png) {
    png->above = calloc(1, png->row_bytes);
    png->deflate = deflate_new(take_compressed, png);
    int whole = png->above && png->deflate;
    for (int f = 0; f < FILTERS; f++) {
        png->filtered[f] = malloc(1 + png->row_bytes);
        whole = whole && png->filtered[f];
    }
    return whole;
}

Png *png_new(FILE *file, int width, int height) {
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    Png *png = calloc(1, sizeof *png);
    if (!png) return 0;
    png->file = file;
    png->row_bytes = (size_t)width * CHANNELS;
    if (!allocate(png)) return 0; /* the caller ends the program */
    make_crc_table(png->crc_table);
    uint8_t header[13] = {0};
    big_endian(header, (uint32_t)width);
    big_endian(header + 4, (uint32_t)height);
    header[8] = 8; /* bits a channel */
    header[9] = 2; /* RGB */
    fwrite(signature, 1, sizeof signature, file);
    put_chunk(png, "IHDR", header, sizeof header);
    return png;
}

static int paeth(int left, int above, int corner) {
    int p = left + above - corner, a = abs(p - left), b = abs(p - above), c = abs(p - corner);
    return a <= b && a <= c ? left : b <= c ? above : corner;
}

static int predicted(int filter, int left, int above, int corner) {
    switch (filter) {
    case 1: return left;
    case 2: return above;
    case 3: return (left + above) / 2;
    case 4: return paeth(left, above, corner);
    default: return 0;
    }
}

/* apply_filter fills png->filtered[filter] and returns how far its bytes are from zero. */
static uint32_t apply_filter(Png *png, int filter, const uint8_t *rgb) {
    uint8_t *out = png->filtered[filter];
    uint32_t sum = 0;
    *out++ = (uint8_t)filter;
    for (size_t i = 0; i < png->row_bytes; i++) {
        int has_left = i >= CHANNELS;
        int left = has_left ? rgb[i - CHANNELS] : 0, corner = has_left ? png->above[i - CHANNELS] : 0;
        int rest = (int8_t)(rgb[i] - predicted(filter, left, png->above[i], corner));
        *out++ = (uint8_t)rest;
        sum += (uint32_t)abs(rest);
    }
    return sum;
}

/* The filter of each row is the one with the least sum of absolute differences, as the standard suggests. */
void png_row(Png *png, const uint8_t *rgb) {
    int best = 0;
    uint32_t best_sum = UINT32_MAX;
    for (int filter = 0; filter < FILTERS; filter++) {
        uint32_t sum = apply_filter(png, filter, rgb);
        if (sum < best_sum) best_sum = sum, best = filter;
    }
    deflate_write(png->deflate, png->filtered[best], 1 + png->row_bytes);
    memcpy(png->above, rgb, png->row_bytes);
}

void png_finish(Png *png) {
    deflate_finish(png->deflate);
    flush_chunk(png);
    put_chunk(png, "IEND", 0, 0);
    for (int f = 0; f < FILTERS; f++) free(png->filtered[f]);
    free(png->above);
    free(png);
}
