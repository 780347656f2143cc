#include "grid.h"

#include <stdint.h>

static int largest_divisor_up_to_root(int n) {
    int best = 1;
    for (int d = 1; d * d <= n; d++) {
        if (n % d == 0) best = d;
    }
    return best;
}

const char *grid_make(Grid *grid, int count, int width, int height) {
    if (count < 1 || count > MAX_TILES) return "the number of tiles must be between 1 and 4096";
    if (width < 1 || width > MAX_SIDE || height < 1 || height > MAX_SIDE) {
        return "width and height must be between 1 and 16384";
    }
    int rows = largest_divisor_up_to_root(count);
    *grid = (Grid){count, count / rows, rows, width, height};
    if (grid->columns > width || rows > height) return "there are more tiles than pixels along a side";
    if ((int64_t)width * (height / rows + 1) * 3 > MAX_TILE_BYTES) {
        return "one row of tiles exceeds 64 MiB; use more tiles";
    }
    return 0;
}

Rect grid_tile(const Grid *grid, int index) {
    int column = index % grid->columns, row = index / grid->columns;
    int left = grid->width * column / grid->columns, right = grid->width * (column + 1) / grid->columns;
    int top = grid->height * row / grid->rows, bottom = grid->height * (row + 1) / grid->rows;
    return (Rect){left, top, right - left, bottom - top};
}

int parse_count(const char *text, int min, int max, int *value) {
    int n = 0;
    if (!text || !*text) return 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || n > max / 10) return 0;
        n = n * 10 + (*text - '0');
    }
    if (n < min || n > max) return 0;
    *value = n;
    return 1;
}
