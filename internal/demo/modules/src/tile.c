/* tile.wasm: renders one tile of a large image of the Mandelbrot set's boundary.
 *
 * Arguments   index [count [width height]]
 *             index   0..count-1, along rows from the top left; "-" or nothing takes it from the environment's
 *                     DROVER_INDEX, as an array of tasks sets it
 *             count   tiles of the whole image (64), 1..4096; see grid.h for how they are laid out
 *             width   and height of the whole image in pixels (1024 1024), up to 16384
 * Writes      /out/tile.ppm, binary PPM (P6, 8 bits) of this tile only, with one comment line
 *             "# drover tile INDEX of COUNT in WIDTHxHEIGHT" by which join.wasm checks what it joins
 * Exit        0; 1 a file cannot be written; 64 wrong arguments. The reason is on standard error
 *
 * The bytes are the same on every engine and processor: WebAssembly's f64 arithmetic and square root are exact by
 * specification and never fused, and the one logarithm is our own polynomial.
 *
 * Method: escape time with a continuous count (Vepstas 1997, "Renormalizing the Mandelbrot Escape"); exterior distance
 * estimate |z| ln|z| / |z'| and the direction z/z' as a surface normal (Peitgen and Saupe 1988, "The Science of Fractal
 * Images", appendix D); 2 x 2 samples a pixel, averaged in linear light.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "grid.h"

const char program_name[] = "tile";

enum { MAX_ITERATIONS = 1500, SAMPLES = 2 };

/* The place: a spiral in the valley between the main cardioid and the period-2 disc. */
static const double center_re = -0.74350, center_im = 0.13146, view_height = 0.0024;
static const double escape_radius2 = 1e6;

typedef struct {
    double r, g, b; /* linear light, 0..1 */
} Color;

/* log2_of is the binary logarithm of a positive, normal x: exponent by bits, mantissa by the series of artanh with
 * |s| <= 0.1716; error below 1e-12. */
static double log2_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        exponent++;
    }
    double s = (m - 1) / (m + 1), s2 = s * s;
    double series = 1 + s2 * (1.0 / 3 + s2 * (1.0 / 5 + s2 * (1.0 / 7 + s2 * (1.0 / 9 + s2 * (1.0 / 11 + s2 / 13)))));
    return exponent + 2.8853900817779268 * s * series;
}

typedef struct {
    int escaped;
    double count;          /* continuous number of iterations */
    double distance;       /* to the set, in units of the plane */
    double normal_re, normal_im; /* unit vector away from the set */
} Orbit;

static Orbit orbit_of(double cr, double ci) {
    double zr = 0, zi = 0, zr2 = 0, zi2 = 0, dr = 0, di = 0;
    int n = 0;
    while (n < MAX_ITERATIONS && zr2 + zi2 <= escape_radius2) {
        double t = 2 * (zr * dr - zi * di) + 1;
        di = 2 * (zr * di + zi * dr);
        dr = t;
        zi = 2 * zr * zi + ci;
        zr = zr2 - zi2 + cr;
        zr2 = zr * zr;
        zi2 = zi * zi;
        n++;
    }
    Orbit o = {0};
    double z2 = zr2 + zi2, d2 = dr * dr + di * di;
    if (!(z2 > escape_radius2) || !(d2 < 1e300)) return o; /* inside, or as good as */
    double log_z = 0.5 * log2_of(z2);
    o.escaped = 1;
    o.count = n - log2_of(log_z);
    o.distance = sqrt(z2 / d2) * log_z * 0.6931471805599453;
    double ur = zr * dr + zi * di, ui = zi * dr - zr * di, u = sqrt(ur * ur + ui * ui);
    o.normal_re = ur / u;
    o.normal_im = ui / u;
    return o;
}

/* The palette is a closed ring of colours, interpolated by a smooth step. */
static const Color ring[] = {
    {0.004, 0.010, 0.045}, {0.010, 0.060, 0.220}, {0.030, 0.300, 0.560}, {0.420, 0.780, 0.900},
    {0.980, 0.920, 0.720}, {0.960, 0.520, 0.080}, {0.520, 0.110, 0.030}, {0.090, 0.012, 0.040},
};
enum { RING = sizeof ring / sizeof *ring };

static Color mix(Color a, Color b, double t) {
    return (Color){a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}

static Color palette(double turn) {
    double at = (turn - floor(turn)) * RING;
    int i = (int)at % RING;
    double t = at - floor(at);
    return mix(ring[i], ring[(i + 1) % RING], t * t * (3 - 2 * t));
}

static Color shade(Orbit o, double pixel) {
    static const Color inside = {0.002, 0.003, 0.008};
    if (!o.escaped) return inside;
    Color c = palette(0.1 + 1.4 * log2_of(o.count > 1 ? o.count : 1));
    /* A light from the upper left over the surface whose height is the distance. */
    double light = (o.normal_re * -0.7071 + o.normal_im * 0.7071 + 1.4) / 2.4;
    light = 0.35 + 0.75 * light;
    c = (Color){c.r * light, c.g * light, c.b * light};
    /* Thin filaments would alias: fade to the inside's colour below one pixel of distance. */
    double edge = o.distance / pixel;
    return edge < 1 ? mix(inside, c, sqrt(edge)) : c;
}

static uint8_t encode(double linear) {
    double v = sqrt(linear < 0 ? 0 : linear > 1 ? 1 : linear); /* gamma 2.0: near sRGB, and exact */
    return (uint8_t)(v * 255 + 0.5);
}

static void render_pixel(const Grid *grid, int x, int y, uint8_t *out) {
    double pixel = view_height / grid->height;
    Color sum = {0};
    for (int s = 0; s < SAMPLES * SAMPLES; s++) {
        double px = x + (s % SAMPLES + 0.5) / SAMPLES - grid->width * 0.5;
        double py = y + (s / SAMPLES + 0.5) / SAMPLES - grid->height * 0.5;
        Color c = shade(orbit_of(center_re + px * pixel, center_im - py * pixel), pixel);
        sum = (Color){sum.r + c.r, sum.g + c.g, sum.b + c.b};
    }
    double k = 1.0 / (SAMPLES * SAMPLES);
    out[0] = encode(sum.r * k);
    out[1] = encode(sum.g * k);
    out[2] = encode(sum.b * k);
}

static void write_tile(const Grid *grid, int index) {
    static const char path[] = "/out/tile.ppm";
    Rect rect = grid_tile(grid, index);
    uint8_t *line = malloc((size_t)rect.width * 3);
    FILE *f = fopen(path, "wb");
    if (!line || !f) fail(EXIT_IO, "%s: cannot be opened for writing", path);
    fprintf(f, "P6\n# drover tile %d of %d in %dx%d\n%d %d\n255\n", index, grid->count, grid->width, grid->height,
            rect.width, rect.height);
    for (int y = 0; y < rect.height; y++) {
        for (int x = 0; x < rect.width; x++) render_pixel(grid, rect.x + x, rect.y + y, line + x * 3);
        fwrite(line, 3, (size_t)rect.width, f);
    }
    if (ferror(f) || fclose(f) != 0) fail(EXIT_IO, "%s: cannot be written; is the disk full?", path);
    free(line);
}

static int argument(int argc, char **argv, int at, int otherwise, int min, int max, const char *name) {
    int value = otherwise;
    if (argc > at && !parse_count(argv[at], min, max, &value)) {
        fail(EXIT_USAGE, "%s \"%.40s\" is not a number between %d and %d", name, argv[at], min, max);
    }
    return value;
}

static int tile_index(int argc, char **argv, int count) {
    const char *text = argc > 1 && strcmp(argv[1], "-") != 0 ? argv[1] : getenv("DROVER_INDEX");
    int index = 0;
    if (!text) fail(EXIT_USAGE, "no tile index: give it as the first argument or in DROVER_INDEX");
    if (!parse_count(text, 0, count - 1, &index)) {
        fail(EXIT_USAGE, "index \"%.40s\" is not a number between 0 and %d", text, count - 1);
    }
    return index;
}

int main(int argc, char **argv) {
    if (argc > 5 || argc == 4) fail(EXIT_USAGE, "usage: tile [index|- [count [width height]]]");
    int count = argument(argc, argv, 2, 64, 1, MAX_TILES, "count");
    int width = argument(argc, argv, 3, 1024, 1, MAX_SIDE, "width");
    int height = argument(argc, argv, 4, 1024, 1, MAX_SIDE, "height");
    Grid grid;
    const char *reason = grid_make(&grid, count, width, height);
    if (reason) fail(EXIT_USAGE, "%d tiles in %dx%d: %s", count, width, height, reason);
    write_tile(&grid, tile_index(argc, argv, count));
    return 0;
}
