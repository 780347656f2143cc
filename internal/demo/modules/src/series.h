/* series.h: robust statistics over one column of samples. A missing value is a NaN. */
#ifndef DROVER_SERIES_H
#define DROVER_SERIES_H

/* One column of a table of rows: value i is values[i * stride], taken at time[i] (ms, rising). */
typedef struct {
    const double *time;
    double *values;
    int n, stride;
} Series;

/* hampel turns outliers into missing values and returns how many it found: a value is one when it differs from the
 * median of the 11 values around it by more than 3 * max(1.4826 * MAD, floor), where MAD is the median absolute
 * deviation of those 11 and 1.4826 makes it a standard deviation for normal data. The floor, in units of the values,
 * keeps a constant neighbourhood (MAD = 0) from condemning every small step. -1 when memory runs out.
 *
 * Hampel (1974), "The Influence Curve and Its Role in Robust Estimation", JASA 69; the filter with its usual width and
 * threshold: Pearson (2002), "Outliers in Process Modeling and Identification", IEEE Trans. Control Systems Tech. 10. */
int hampel(Series s, double floor);

/* interpolate fills missing values linearly in time between their neighbours, and holds the first and last value
 * outwards, over at most max_gap ms to a known value. It returns how many it filled. */
int interpolate(Series s, double max_gap);

/* quantile of n > 0 sorted values, 0 <= p <= 1, by linear interpolation of order statistics: type 7 of Hyndman and Fan
 * (1996), "Sample Quantiles in Statistical Packages". */
double quantile(const double *sorted, int n, double p);

/* sort_values sorts numbers upwards. */
void sort_values(double *values, int n);

#endif
