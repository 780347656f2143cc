/* report.wasm: makes one self-contained page of what clean.wasm found out about a machine.
 *
 * Arguments   none
 * Reads       /in/clean.csv and /in/summary.json as clean.wasm writes them (see there); at most 10000 windows
 * Writes      /out/report.html: HTML5 that is also well-formed XML; style and charts (SVG) inside, no script, nothing
 *             loaded from elsewhere; light or dark as the reader's system is
 * Exit        0; 1 a file cannot be opened, read or written; 2 an input is not what it should be, with file, line and
 *             reason; 64 arguments. The reason is on standard error
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chart.h"
#include "fail.h"
#include "page.h"
#include "summary.h"
#include "text.h"

const char program_name[] = "report";

enum { FIELDS = 18, FIRST_STATISTIC = 2, STATISTICS = 4, MAX_WINDOWS = 10000, MAX_FILE = 4 << 20 };
enum { CPU, MEMORY, CHARTS };

static const char windows_path[] = "/in/clean.csv";
static const char summary_path[] = "/in/summary.json";
static const char report_path[] = "/out/report.html";
static const char header[] = "start_ms,rows,cpu_mean,cpu_min,cpu_max,cpu_p95,mem_mean,mem_min,mem_max,mem_p95,"
                             "load1_mean,load1_min,load1_max,load1_p95,switches_mean,switches_min,switches_max,switches_p95";

typedef struct {
    Point *points[CHARTS];
    int n;
    double window; /* seconds */
    Summary summary;
} Report;

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void read_fields(char *line, int number, double *value) {
    char *f[FIELDS];
    int n = split_fields(line, f, FIELDS);
    if (n != FIELDS) fail(EXIT_INPUT, "%s: line %d: has not %d fields", windows_path, number, FIELDS);
    for (int i = 0; i < FIELDS; i++) {
        value[i] = NAN;
        int may_be_empty = i >= FIRST_STATISTIC;
        if (!(may_be_empty && !*f[i]) && !parse_decimal(f[i], &value[i])) {
            fail(EXIT_INPUT, "%s: line %d: field %d is \"%.40s\", not a number", windows_path, number, i + 1, f[i]);
        }
    }
}

static void add_window(Report *r, char *line, int number) {
    double v[FIELDS];
    if (r->n == MAX_WINDOWS) fail(EXIT_INPUT, "%s: line %d: more than %d windows", windows_path, number, MAX_WINDOWS);
    read_fields(line, number, v);
    double start = v[0] / 1000;
    if (r->n && start <= r->points[CPU][r->n - 1].start) {
        fail(EXIT_INPUT, "%s: line %d: start_ms does not rise", windows_path, number);
    }
    for (int c = 0; c < CHARTS; c++) {
        const double *s = v + FIRST_STATISTIC + c * STATISTICS;
        r->points[c][r->n] = (Point){start, start + r->window, s[0], s[1], s[2], s[3]};
    }
    r->n++;
}

static void read_windows(Report *r) {
    Text text = text_read(windows_path, MAX_FILE);
    char *line = text_line(&text);
    if (!line || strcmp(line, header) != 0) {
        fail(EXIT_INPUT, "%s: line 1: header is \"%.40s...\", must be \"%.40s...\"", windows_path, line ? line : "", header);
    }
    for (int c = 0; c < CHARTS; c++) {
        r->points[c] = calloc(MAX_WINDOWS, sizeof(Point));
        if (!r->points[c]) fail(EXIT_IO, "not enough memory for %d windows", MAX_WINDOWS);
    }
    while ((line = text_line(&text))) add_window(r, line, text.line);
    if (r->n == 0) fail(EXIT_INPUT, "%s: line 2: there is no window", windows_path);
}

static void read_inputs(Report *r) {
    summary_read(&r->summary, summary_path);
    r->window = summary_get(&r->summary, "windowMs") / 1000;
    if (!(r->window > 0)) fail(EXIT_INPUT, "%s: windowMs is missing or not above zero", summary_path);
    read_windows(r);
}

/* --- the page ----------------------------------------------------------------------------------------------------- */

static double value_of(const Report *r, const char *column, const char *statistic) {
    char key[MAX_KEY];
    snprintf(key, sizeof key, "%s%s", column, statistic);
    return summary_get(&r->summary, key);
}

static void write_number(FILE *f, double value, int decimals) {
    if (isnan(value)) fputs("–", f);
    else fprintf(f, "%.*f", decimals, value);
}

static void write_tile(FILE *f, const char *label, double value, int decimals, const char *unit, const char *note) {
    fprintf(f, "<div class=\"tile\"><dt>%s</dt><dd><b>", label);
    write_number(f, value, decimals);
    fprintf(f, "</b> %s<small>%s</small></dd></div>\n", unit, note);
}

static void write_tiles(FILE *f, const Report *r) {
    char note[64] = "of an unknown total";
    double total = summary_get(&r->summary, "memTotalBytes");
    if (total > 0) snprintf(note, sizeof note, "of %.1f GiB", total / GIB);
    fputs("<dl class=\"tiles\">\n", f);
    write_tile(f, "CPU, mean", value_of(r, "cpu", "Mean"), 1, "%", "of all processors");
    write_tile(f, "CPU, peak", value_of(r, "cpu", "Max"), 1, "%", "in one sample");
    write_tile(f, "Memory, mean", value_of(r, "mem", "Mean") / GIB, 2, "GiB", note);
    write_tile(f, "Context switches", value_of(r, "switches", "Mean"), 0, "/s", "mean");
    fputs("</dl>\n", f);
}

static void write_chart(FILE *f, const Report *r, int chart, const char *title, ChartStyle style) {
    int zoomed = !chart_starts_at_zero(r->points[chart], r->n, style);
    fprintf(f, "<figure>\n<figcaption><h2>%s</h2><span class=\"legend %s\"><i class=\"k-mean\"></i>mean ", title, style.class);
    fprintf(f, "<i class=\"k-p95\"></i>95th percentile <i class=\"k-band\"></i>min to max</span></figcaption>\n");
    chart_write(f, r->points[chart], r->n, style);
    if (zoomed) fputs("<p class=\"hint\">The axis does not start at zero, so that small changes show.</p>\n", f);
    fputs("</figure>\n", f);
}

static void write_row(FILE *f, const Report *r, const char *label, const char *column, double scale, int decimals) {
    static const char *const statistics[STATISTICS] = {"Mean", "Min", "Max", "P95"};
    fprintf(f, "<tr><th scope=\"row\">%s</th>", label);
    for (int i = 0; i < STATISTICS; i++) {
        fputs("<td>", f);
        write_number(f, value_of(r, column, statistics[i]) / scale, decimals);
        fputs("</td>", f);
    }
    fputs("</tr>\n", f);
}

static void write_table(FILE *f, const Report *r) {
    fputs("<section>\n<h2>Statistics</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">Over the whole run</th>", f);
    fputs("<th scope=\"col\">Mean</th><th scope=\"col\">Min</th><th scope=\"col\">Max</th><th scope=\"col\">p95</th></tr></thead>\n<tbody>\n", f);
    write_row(f, r, "CPU, %", "cpu", 1, 1);
    write_row(f, r, "Memory in use, GiB", "mem", GIB, 3);
    write_row(f, r, "Load, 1 min", "load1", 1, 2);
    write_row(f, r, "Context switches per second", "switches", 1, 0);
    fputs("</tbody>\n</table></div>\n</section>\n", f);
}

static void write_quality(FILE *f, const Report *r) {
    const Summary *s = &r->summary;
    fprintf(f, "<p class=\"quality\"><b>%.0f</b> rows read, <b>%.0f</b> dropped (%.0f malformed, %.0f twice), ", summary_get(s, "rowsRead"),
            summary_get(s, "rowsDropped"), summary_get(s, "rowsMalformed"), summary_get(s, "rowsDuplicate"));
    fprintf(f, "<b>%.0f</b> repaired (%.0f outliers taken out, %.0f rows put in), <b>%d</b> windows of %.1f s.</p>\n",
            summary_get(s, "rowsRepaired"), summary_get(s, "outliers"), summary_get(s, "rowsInserted"), r->n, r->window);
}

/* percent_axis is the first of a few fixed ends that leaves room above the peak: a quiet machine shows its life too, and
 * the axis always starts at zero. */
static double percent_axis(double peak) {
    static const double ends[] = {10, 25, 50};
    for (int i = 0; i < 3; i++) {
        if (peak * 1.1 <= ends[i]) return ends[i];
    }
    return 100;
}

static void write_report(const Report *r) {
    FILE *f = fopen(report_path, "wb");
    if (!f) fail(EXIT_IO, "%s: cannot be opened for writing", report_path);
    fputs(page_head, f);
    fprintf(f, "<header><h1>Machine report</h1>\n<p>%.1f seconds in the life of one machine, sampled every %.0f ms.</p></header>\n",
            summary_get(&r->summary, "durationMs") / 1000, summary_get(&r->summary, "stepMs"));
    write_tiles(f, r);
    write_chart(f, r, CPU, "CPU", (ChartStyle){"CPU use", "cpu", "percent", 1, 0, percent_axis(value_of(r, "cpu", "Max"))});
    write_chart(f, r, MEMORY, "Memory", (ChartStyle){"Memory in use", "mem", "GiB", GIB, 0, 0});
    write_table(f, r);
    write_quality(f, r);
    fputs(page_foot, f);
    if (ferror(f) || fclose(f) != 0) fail(EXIT_IO, "%s: cannot be written; is the disk full?", report_path);
}

int main(int argc, char **argv) {
    static Report r;
    if (argc > 1) fail(EXIT_USAGE, "takes no arguments, got \"%.40s\"", argv[1]);
    read_inputs(&r);
    write_report(&r);
    return 0;
}
