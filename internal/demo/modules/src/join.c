/* join.wasm: joins the tiles of tile.wasm to one image.
 *
 * Arguments   count       tiles, 1..4096
 * Reads       /in/I/tile.ppm for each I in 0..count-1, as tile.wasm writes them. Size, index and count of each are
 *             checked against the image's size, which tile 0 states
 * Writes      /out/image.png, 8-bit RGB. It appears whole or not at all
 * Exit        0; 1 a file cannot be opened, read or written; 2 a tile is not what it should be, with file, line and
 *             reason; 64 wrong arguments. The reason is on standard error
 * Memory      one row of tiles, at most 64 MiB, and about 1 MiB
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "grid.h"
#include "png.h"

const char program_name[] = "join";

enum { MAX_LINE = 96, HEADER_LINES = 4 };

typedef struct {
    char path[32];
    FILE *file;
} Tile;

static Tile open_tile(int index) {
    Tile tile;
    snprintf(tile.path, sizeof tile.path, "/in/%d/tile.ppm", index);
    tile.file = fopen(tile.path, "rb");
    if (!tile.file) fail(EXIT_IO, "%s: cannot be opened: tile %d is missing", tile.path, index);
    return tile;
}

static void read_line(const Tile *tile, int number, char *line) {
    if (!fgets(line, MAX_LINE, tile->file)) fail(EXIT_INPUT, "%s: line %d: the file ends here", tile->path, number);
    line[strcspn(line, "\n")] = 0;
}

/* image_size learns the whole image's size from the second line of tile 0. */
static void image_size(int count, int *width, int *height) {
    char line[MAX_LINE], expected[MAX_LINE];
    Tile tile = open_tile(0);
    read_line(&tile, 1, line);
    read_line(&tile, 2, line);
    fclose(tile.file);
    int n = snprintf(expected, sizeof expected, "# drover tile 0 of %d in ", count);
    char *x = strchr(line + (strncmp(line, expected, (size_t)n) ? strlen(line) : (size_t)n), 'x');
    if (x) *x = 0;
    if (!x || !parse_count(line + n, 1, MAX_SIDE, width) || !parse_count(x + 1, 1, MAX_SIDE, height)) {
        if (x) *x = 'x';
        fail(EXIT_INPUT, "%s: line 2: is \"%s\", must be \"%sWIDTHxHEIGHT\"", tile.path, line, expected);
    }
}

/* check_header compares the four lines before the pixels with what tile.wasm writes for this index. */
static void check_header(const Tile *tile, const Grid *grid, int index, Rect rect) {
    char expected[HEADER_LINES][MAX_LINE] = {"P6", "", "", "255"}, line[MAX_LINE];
    snprintf(expected[1], MAX_LINE, "# drover tile %d of %d in %dx%d", index, grid->count, grid->width, grid->height);
    snprintf(expected[2], MAX_LINE, "%d %d", rect.width, rect.height);
    for (int i = 0; i < HEADER_LINES; i++) {
        read_line(tile, i + 1, line);
        if (strcmp(line, expected[i]) != 0) {
            fail(EXIT_INPUT, "%s: line %d: is \"%s\", must be \"%s\"", tile->path, i + 1, line, expected[i]);
        }
    }
}

/* read_tile puts the tile's pixels into its place in a row of tiles. */
static void read_tile(const Grid *grid, int index, uint8_t *band) {
    Rect rect = grid_tile(grid, index);
    Tile tile = open_tile(index);
    check_header(&tile, grid, index, rect);
    for (int y = 0; y < rect.height; y++) {
        uint8_t *to = band + ((size_t)y * (size_t)grid->width + (size_t)rect.x) * 3;
        if (fread(to, 3, (size_t)rect.width, tile.file) != (size_t)rect.width) {
            fail(EXIT_INPUT, "%s: line %d: pixels end in row %d of %d", tile.path, HEADER_LINES + 1, y, rect.height);
        }
    }
    if (fgetc(tile.file) != EOF) {
        fail(EXIT_INPUT, "%s: line %d: more bytes than %dx%d pixels", tile.path, HEADER_LINES + 1, rect.width, rect.height);
    }
    fclose(tile.file);
}

static void write_image(const Grid *grid, FILE *file) {
    uint8_t *band = malloc((size_t)grid->width * (size_t)(grid->height / grid->rows + 1) * 3);
    Png *png = png_new(file, grid->width, grid->height);
    if (!band || !png) fail(EXIT_IO, "not enough memory for %dx%d pixels", grid->width, grid->height);
    for (int row = 0; row < grid->rows; row++) {
        int first = row * grid->columns;
        for (int column = 0; column < grid->columns; column++) read_tile(grid, first + column, band);
        int lines = grid_tile(grid, first).height;
        for (int y = 0; y < lines; y++) png_row(png, band + (size_t)y * (size_t)grid->width * 3);
    }
    png_finish(png);
    free(band);
}

int main(int argc, char **argv) {
    static const char part[] = "/out/image.png.part", whole[] = "/out/image.png";
    int count = 0, width = 0, height = 0;
    if (argc != 2) fail(EXIT_USAGE, "usage: join count");
    if (!parse_count(argv[1], 1, MAX_TILES, &count)) {
        fail(EXIT_USAGE, "count \"%.40s\" is not a number between 1 and %d", argv[1], MAX_TILES);
    }
    image_size(count, &width, &height);
    Grid grid;
    const char *reason = grid_make(&grid, count, width, height);
    if (reason) fail(EXIT_INPUT, "/in/0/tile.ppm: line 2: %d tiles in %dx%d: %s", count, width, height, reason);
    FILE *file = fopen(part, "wb");
    if (!file) fail(EXIT_IO, "%s: cannot be opened for writing", part);
    write_image(&grid, file);
    if (ferror(file) || fclose(file) != 0 || rename(part, whole) != 0) {
        fail(EXIT_IO, "%s: cannot be written; is the disk full?", whole);
    }
    return 0;
}
