#include "series.h"

#include <math.h>
#include <stdlib.h>

enum { HALF_WIDTH = 5, MIN_NEIGHBOURS = 3 };

static int compare_values(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

void sort_values(double *values, int n) { qsort(values, (size_t)n, sizeof *values, compare_values); }

double quantile(const double *sorted, int n, double p) {
    double at = p * (n - 1);
    int i = (int)at;
    if (i + 1 >= n) return sorted[n - 1];
    return sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]);
}

static double value_at(Series s, int i) { return s.values[(size_t)i * (size_t)s.stride]; }

static void set_value(Series s, int i, double value) { s.values[(size_t)i * (size_t)s.stride] = value; }

static int is_outlier(Series s, int i, double floor) {
    double near[2 * HALF_WIDTH + 1];
    int n = 0;
    for (int k = i - HALF_WIDTH; k <= i + HALF_WIDTH; k++) {
        if (k >= 0 && k < s.n && !isnan(value_at(s, k))) near[n++] = value_at(s, k);
    }
    if (n < MIN_NEIGHBOURS) return 0;
    sort_values(near, n);
    double median = quantile(near, n, 0.5);
    for (int k = 0; k < n; k++) near[k] = fabs(near[k] - median);
    sort_values(near, n);
    double sigma = 1.4826 * quantile(near, n, 0.5);
    return fabs(value_at(s, i) - median) > 3 * fmax(sigma, floor);
}

int hampel(Series s, double floor) {
    char *outlier = malloc((size_t)s.n + 1);
    int found = 0;
    if (!outlier) return -1;
    for (int i = 0; i < s.n; i++) outlier[i] = !isnan(value_at(s, i)) && is_outlier(s, i, floor);
    for (int i = 0; i < s.n; i++) {
        if (outlier[i]) set_value(s, i, NAN), found++;
    }
    free(outlier);
    return found;
}

/* between is the value at time[i] on the line through the known values `left` and `right`; -1 stands for none. */
static double between(Series s, int left, int i, int right, double max_gap) {
    double from_left = left < 0 ? INFINITY : s.time[i] - s.time[left];
    double to_right = right < 0 ? INFINITY : s.time[right] - s.time[i];
    if (left >= 0 && right >= 0 && from_left + to_right <= max_gap) {
        double part = from_left / (from_left + to_right);
        return value_at(s, left) + part * (value_at(s, right) - value_at(s, left));
    }
    if (left < 0 && to_right <= max_gap) return value_at(s, right);
    if (right < 0 && from_left <= max_gap) return value_at(s, left);
    return NAN;
}

int interpolate(Series s, double max_gap) {
    int filled = 0, left = -1;
    for (int i = 0; i < s.n; i++) {
        if (!isnan(value_at(s, i))) {
            left = i;
            continue;
        }
        int right = i;
        while (right < s.n && isnan(value_at(s, right))) right++;
        int stop = right;
        if (right == s.n) right = -1;
        for (; i < stop; i++) {
            double value = between(s, left, i, right, max_gap);
            set_value(s, i, value);
            filled += !isnan(value);
        }
        left = right < 0 ? left : right;
    }
    return filled;
}
