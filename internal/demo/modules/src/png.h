/* png.h: writes 8-bit RGB images, row by row (PNG, ISO/IEC 15948). */
#ifndef DROVER_PNG_H
#define DROVER_PNG_H

#include <stdint.h>
#include <stdio.h>

typedef struct Png Png;

/* png_new writes the header to file; NULL when there is no memory. Errors of writing show in ferror(file). */
Png *png_new(FILE *file, int width, int height);

/* png_row adds the next row of width * 3 bytes. Exactly height rows make an image. */
void png_row(Png *png, const uint8_t *rgb);

/* png_finish writes what is left and frees png; the file stays open. */
void png_finish(Png *png);

#endif
