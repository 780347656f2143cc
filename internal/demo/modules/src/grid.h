/* grid.h: how an image is cut into tiles; tile.c and join.c must agree on it. */
#ifndef DROVER_GRID_H
#define DROVER_GRID_H

enum {
    MAX_TILES = 4096,
    MAX_SIDE = 16384,           /* pixels, of the whole image */
    MAX_TILE_BYTES = 64 << 20,  /* of one tile, and of one row of tiles */
};

typedef struct {
    int count, columns, rows; /* count == columns * rows */
    int width, height;        /* of the whole image, pixels */
} Grid;

typedef struct {
    int x, y, width, height; /* pixels */
} Rect;

/* grid_make cuts width x height into count tiles as near to a square of tiles as count's divisors allow, more columns
 * than rows. It returns NULL, or the reason why it cannot. */
const char *grid_make(Grid *grid, int count, int width, int height);

/* grid_tile gives the pixels of tile `index`, counted along rows from the top left. Tiles differ by at most one pixel. */
Rect grid_tile(const Grid *grid, int index);

/* parse_count reads a whole decimal number in [min, max]; 0 when text is something else. */
int parse_count(const char *text, int min, int max, int *value);

#endif
