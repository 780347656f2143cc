/* chart.h: line charts with a band, as SVG inside HTML. */
#ifndef DROVER_CHART_H
#define DROVER_CHART_H

#include <stdio.h>

/* A Point is one window: values are NaN where there are none. */
typedef struct {
    double start, end; /* seconds */
    double mean, min, max, p95;
} Point;

typedef struct {
    const char *name;  /* what the values are, for readers that do not see the chart */
    const char *class; /* CSS class that carries the colour */
    const char *unit;
    double scale;      /* values are divided by it */
    double low, high;  /* range of the axis, in scaled units; low >= high lets the data choose */
} ChartStyle;

/* chart_write draws n points: the band from min to max, the mean as a line, the 95th percentile dashed. */
void chart_write(FILE *f, const Point *points, int n, ChartStyle style);

/* chart_starts_at_zero tells whether the value axis that chart_write would draw begins at zero. */
int chart_starts_at_zero(const Point *points, int n, ChartStyle style);

#endif
