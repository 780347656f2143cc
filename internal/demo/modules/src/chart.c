#include "chart.h"

#include <math.h>

enum { WIDTH = 880, HEIGHT = 300, LEFT = 70, RIGHT = 18, TOP = 14, BOTTOM = 44, X_TICKS = 8, Y_TICKS = 5 };

typedef struct {
    double low, high, step;
    int decimals;
} Axis;

typedef struct {
    FILE *f;
    const Point *points;
    int n;
    ChartStyle style;
    Axis x, y;
} Chart;

/* --- axes --------------------------------------------------------------------------------------------------------- */

/* nice_axis covers low..high with steps of 1, 2 or 5 times a power of ten, about `ticks` of them. */
static Axis nice_axis(double low, double high, int ticks, int widen) {
    double raw = (high - low) / ticks, power = 1;
    Axis axis = {low, high, 0, 0};
    while (power > raw && axis.decimals < 6) power /= 10, axis.decimals++;
    while (power * 10 <= raw) power *= 10;
    double part = raw / power;
    axis.step = power * (part <= 1.001 ? 1 : part <= 2.001 ? 2 : part <= 5.001 ? 5 : 10);
    if (part > 5.001 && axis.decimals > 0) axis.decimals--;
    if (widen) {
        axis.low = floor(low / axis.step + 1e-9) * axis.step;
        axis.high = ceil(high / axis.step - 1e-9) * axis.step;
    }
    return axis;
}

static Axis value_axis(const Point *points, int n, ChartStyle style) {
    double low = INFINITY, high = -INFINITY;
    if (style.low < style.high) return nice_axis(style.low, style.high, Y_TICKS, 1);
    for (int i = 0; i < n; i++) {
        low = fmin(low, points[i].min / style.scale); /* fmin and fmax pass over a NaN */
        high = fmax(high, points[i].max / style.scale);
    }
    if (low > high) return nice_axis(0, 1, Y_TICKS, 1);
    double room = fmax((high - low) * 0.1, high * 0.005 + 1e-6);
    return nice_axis(fmax(0, low - room), high + room, Y_TICKS, 1);
}

int chart_starts_at_zero(const Point *points, int n, ChartStyle style) { return value_axis(points, n, style).low <= 0; }

static double x_of(const Chart *c, double seconds) {
    return LEFT + (WIDTH - LEFT - RIGHT) * (seconds - c->x.low) / (c->x.high - c->x.low);
}

static double y_of(const Chart *c, double value) {
    double part = (value / c->style.scale - c->y.low) / (c->y.high - c->y.low);
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * fmin(fmax(part, 0), 1);
}

static double middle(const Chart *c, int i) { return x_of(c, (c->points[i].start + c->points[i].end) / 2); }

static void write_axes(const Chart *c) {
    int base = HEIGHT - BOTTOM, right = WIDTH - RIGHT;
    for (int i = 0; c->y.low + i * c->y.step <= c->y.high + c->y.step * 0.01; i++) {
        double v = c->y.low + i * c->y.step, y = y_of(c, v * c->style.scale);
        fprintf(c->f, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, right, y, y);
        fprintf(c->f, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.*f</text>\n", LEFT - 10, y + 4, c->y.decimals, v);
    }
    fprintf(c->f, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n", LEFT, right, base, base);
    for (double i = ceil(c->x.low / c->x.step - 1e-9) + 0.0; i * c->x.step <= c->x.high + c->x.step * 0.01; i++) {
        double x = x_of(c, i * c->x.step);
        fprintf(c->f, "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", x, x, base, base + 5);
        fprintf(c->f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.*f</text>\n", x, base + 20, c->x.decimals, i * c->x.step);
    }
    fprintf(c->f, "<text class=\"title\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">time, seconds</text>\n", (LEFT + right) / 2, HEIGHT - 5);
    fprintf(c->f, "<text class=\"title\" transform=\"translate(14 %d) rotate(-90)\" text-anchor=\"middle\">%s</text>\n",
            (TOP + base) / 2, c->style.unit);
}

/* --- marks -------------------------------------------------------------------------------------------------------- */

static int known(const Chart *c, int i) { return i >= 0 && i < c->n && !isnan(c->points[i].mean); }

/* joined says whether point i follows the one before without a hole between them. */
static int joined(const Chart *c, int i) {
    return known(c, i - 1) && known(c, i) && c->points[i].start <= c->points[i - 1].end + 1e-6;
}

static int run_end(const Chart *c, int from) {
    int to = from + 1;
    while (to < c->n && joined(c, to)) to++;
    return to;
}

static void write_band(const Chart *c, int from, int to) {
    fprintf(c->f, "<path class=\"band\" d=\"");
    for (int i = from; i < to; i++) fprintf(c->f, "%c%.1f %.1f", i == from ? 'M' : 'L', middle(c, i), y_of(c, c->points[i].max));
    for (int i = to - 1; i >= from; i--) fprintf(c->f, "L%.1f %.1f", middle(c, i), y_of(c, c->points[i].min));
    fprintf(c->f, "Z\"/>\n");
}

static void write_line(const Chart *c, const char *class, int from, int to, int p95) {
    fprintf(c->f, "<path class=\"%s\" d=\"", class);
    for (int i = from; i < to; i++) {
        double value = p95 ? c->points[i].p95 : c->points[i].mean;
        fprintf(c->f, "%c%.1f %.1f", i == from ? 'M' : 'L', middle(c, i), y_of(c, value));
    }
    fprintf(c->f, "\"/>\n");
}

/* write_dots marks every mean while there is room, and always a window that stands alone. */
static void write_dots(const Chart *c, int from, int to) {
    if (c->n > 60 && to - from > 1) return;
    for (int i = from; i < to; i++) {
        double x = middle(c, i);
        if (to - from == 1) {
            fprintf(c->f, "<line class=\"whisker\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", x, x,
                    y_of(c, c->points[i].min), y_of(c, c->points[i].max));
        }
        fprintf(c->f, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", x, y_of(c, c->points[i].mean));
    }
}

/* write_tips lays an invisible column over each window; its title shows when a pointer rests there. */
static void write_tips(const Chart *c) {
    double s = c->style.scale;
    for (int i = 0; i < c->n; i++) {
        const Point *p = &c->points[i];
        double x = x_of(c, p->start);
        if (!known(c, i)) continue;
        fprintf(c->f, "<rect class=\"tip\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"><title>%.1f to %.1f s\n", x, TOP,
                x_of(c, p->end) - x, HEIGHT - TOP - BOTTOM, p->start, p->end);
        fprintf(c->f, "mean %.2f %s\nmin %.2f, max %.2f, p95 %.2f</title></rect>\n", p->mean / s, c->style.unit, p->min / s,
                p->max / s, p->p95 / s);
    }
}

void chart_write(FILE *f, const Point *points, int n, ChartStyle style) {
    Chart c = {f, points, n, style, nice_axis(points[0].start, points[n - 1].end, X_TICKS, 0), value_axis(points, n, style)};
    int drawn = 0;
    fprintf(f, "<svg class=\"%s\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s over time, in %s\">\n", style.class, WIDTH,
            HEIGHT, style.name, style.unit);
    write_axes(&c);
    for (int from = 0, to; from < n; from = to) {
        to = run_end(&c, from);
        if (!known(&c, from)) continue;
        write_band(&c, from, to);
        write_line(&c, "p95", from, to, 1);
        write_line(&c, "mean", from, to, 0);
        write_dots(&c, from, to);
        drawn++;
    }
    if (!drawn) fprintf(f, "<text class=\"none\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">no data in this run</text>\n", WIDTH / 2, HEIGHT / 2 - 10);
    write_tips(&c);
    fprintf(f, "</svg>\n");
}
