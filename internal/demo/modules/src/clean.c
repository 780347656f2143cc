/* clean.wasm: cleans a machine's samples and aggregates them to windows of half a second.
 *
 * Arguments   none
 * Reads       /in/samples.csv, at most 8 MiB, first line exactly
 *                 t_ms,cpu_percent,mem_used_bytes,mem_total_bytes,load1,ctx_switches
 *               t_ms             whole milliseconds since the sampler started
 *               cpu_percent      busy share of all processors since the row before, 0..100
 *               mem_used_bytes   memory in use, at most mem_total_bytes
 *               mem_total_bytes  memory of the machine
 *               load1            load average over one minute
 *               ctx_switches     context switches since boot: a counter, from which this program makes a rate
 *             All but t_ms may be empty: a gap. Numbers are decimal, without sign or exponent.
 * Does        drops malformed rows and rows with a time that was there before; sorts by time; takes outliers out with a
 *             Hampel filter (series.h); puts in rows where samples are missing; fills gaps of up to 5 s linearly
 * Writes      /out/clean.csv, one row a window that has samples:
 *                 start_ms,rows, then _mean,_min,_max,_p95 of cpu (percent), mem (bytes), load1, switches (per second)
 *             /out/summary.json, one flat object of numbers: rowsRead = rowsDropped + the good ones, rowsDropped =
 *             rowsMalformed + rowsDuplicate, rowsInserted, rowsRepaired (with a filled cell, inserted ones too),
 *             outliers and cellsFilled (cells), windows, windowMs, stepMs, durationMs, memTotalBytes, and Mean, Min,
 *             Max, P95 of cpu, mem, load1, switches over the whole run; null where there is no value
 * Exit        0; 1 a file cannot be opened, read or written; 2 a wrong header, fewer than two good rows or more malformed
 *             rows than good ones; 64 arguments. The reason, with line number, is on standard error; so are the
 *             first five rows dropped
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "series.h"
#include "text.h"

const char program_name[] = "clean";

enum { CPU, MEMORY, LOAD, SWITCHES, COLUMNS };
enum { FIELDS = 6, MAX_ROWS = 100000, MAX_FILE = 8 << 20, WINDOW_MS = 500, MAX_GAP_MS = 5000, NOTES = 5 };

static const char input_path[] = "/in/samples.csv";
static const char header[] = "t_ms,cpu_percent,mem_used_bytes,mem_total_bytes,load1,ctx_switches";

static const struct {
    const char *name;
    int decimals;
    double floor; /* see hampel(); of the memory's size for MEMORY, of the median for SWITCHES */
} columns[COLUMNS] = {{"cpu", 2, 5}, {"mem", 0, 0.002}, {"load1", 2, 0.05}, {"switches", 1, 0.25}};

typedef struct {
    double value[COLUMNS];
    int line; /* of the input; 0 for an inserted row */
    char repaired;
} Row;

typedef struct {
    Row *rows;
    double *time; /* of each row, ms */
    int n;
    int read, malformed, duplicate, inserted, repaired, outliers, filled, windows;
    double step, memory_total;
    char first_problem[160];
} Table;

static void *allocate(size_t n, size_t size) {
    void *p = calloc(n + 1, size);
    if (!p) fail(EXIT_IO, "not enough memory for %zu rows", n);
    return p;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void drop(Table *t, int line, const char *reason, const char *detail) {
    char problem[sizeof t->first_problem];
    snprintf(problem, sizeof problem, "%s: line %d: %s%.40s", input_path, line, reason, detail);
    if (!t->first_problem[0]) memcpy(t->first_problem, problem, sizeof problem);
    if (t->malformed + t->duplicate <= NOTES) note("%s: row dropped", problem);
}

/* cell reads a number that may be missing; 0 when it is something else. */
static int cell(const char *text, double *value) {
    *value = NAN;
    return !*text || parse_decimal(text, value);
}

/* parse_row returns NULL, or what is wrong with the line; *detail is the text to blame. */
static const char *parse_row(char *line, Row *row, double *time, double *total, const char **detail) {
    static const char *const names[FIELDS] = {"t_ms \"", "cpu_percent \"", "mem_used_bytes \"", "mem_total_bytes \"", "load1 \"", "ctx_switches \""};
    char *f[FIELDS];
    double v[FIELDS];
    *detail = "";
    if (split_fields(line, f, FIELDS) != FIELDS) return "has not six fields";
    for (int i = 0; i < FIELDS; i++) {
        *detail = f[i];
        if (!cell(f[i], &v[i])) return names[i];
    }
    *detail = f[0];
    if (isnan(v[0]) || v[0] != floor(v[0])) return names[0];
    *detail = "";
    if (v[1] > 100) return "cpu_percent is above 100";
    if (v[2] > v[3]) return "mem_used_bytes is above mem_total_bytes";
    *time = v[0];
    *total = v[3];
    *row = (Row){{v[1], v[2], v[4], v[5]}, 0, 0};
    return 0;
}

static void read_row(Table *t, char *text, int line) {
    const char *detail, *problem;
    char reason[64];
    double total;
    if (++t->read > MAX_ROWS) fail(EXIT_INPUT, "%s: line %d: more than %d rows", input_path, line, MAX_ROWS);
    problem = parse_row(text, &t->rows[t->n], &t->time[t->n], &total, &detail);
    if (problem) {
        int quoted = problem[strlen(problem) - 1] == '"';
        snprintf(reason, sizeof reason, "%s%s", quoted ? "not a number: " : "", problem);
        t->malformed++;
        drop(t, line, reason, detail);
        return;
    }
    if (!isnan(total)) t->memory_total = total;
    t->rows[t->n++].line = line;
}

static void read_table(Table *t) {
    Text text = text_read(input_path, MAX_FILE);
    char *line = text_line(&text);
    if (!line || strcmp(line, header) != 0) {
        fail(EXIT_INPUT, "%s: line 1: header is \"%.80s\", must be \"%s\"", input_path, line ? line : "", header);
    }
    t->rows = allocate(MAX_ROWS, sizeof *t->rows);
    t->time = allocate(MAX_ROWS, sizeof *t->time);
    while ((line = text_line(&text))) read_row(t, line, text.line);
    if (t->n < 2 || t->malformed > t->n) {
        fail(EXIT_INPUT, "%s: %d of %d rows are good, too few; first problem: %s", input_path, t->n, t->read,
             t->first_problem[0] ? t->first_problem : "the file ends too early");
    }
}

/* --- repairing ---------------------------------------------------------------------------------------------------- */

typedef struct {
    double time;
    Row row;
} Timed;

static int compare_timed(const void *a, const void *b) {
    const Timed *x = a, *y = b;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return x->row.line - y->row.line;
}

/* order_rows sorts by time and keeps the first row of each time. */
static void order_rows(Table *t) {
    Timed *all = allocate((size_t)t->n, sizeof *all);
    int kept = 0;
    for (int i = 0; i < t->n; i++) all[i] = (Timed){t->time[i], t->rows[i]};
    qsort(all, (size_t)t->n, sizeof *all, compare_timed);
    for (int i = 0; i < t->n; i++) {
        if (kept && all[i].time == t->time[kept - 1]) {
            t->duplicate++;
            drop(t, all[i].row.line, "its t_ms was there before", "");
            continue;
        }
        t->time[kept] = all[i].time;
        t->rows[kept++] = all[i].row;
    }
    t->n = kept;
    free(all);
    if (kept < 2) fail(EXIT_INPUT, "%s: fewer than two different times; first problem: %s", input_path, t->first_problem);
}

/* rates turns the counter of context switches into a rate per second; a counter that falls gives a gap. */
static void rates(Table *t) {
    double last = NAN, last_time = 0;
    for (int i = 0; i < t->n; i++) {
        double now = t->rows[i].value[SWITCHES], rate = (now - last) * 1000 / (t->time[i] - last_time);
        t->rows[i].value[SWITCHES] = rate >= 0 ? rate : NAN;
        if (!isnan(now)) last = now, last_time = t->time[i];
    }
}

static Series column_of(Table *t, int column) {
    return (Series){t->time, &t->rows[0].value[column], t->n, sizeof(Row) / sizeof(double)};
}
_Static_assert(sizeof(Row) % sizeof(double) == 0, "a column has a whole stride");

/* known_sorted copies a column's known values of rows [from, to) in rising order. */
static int known_sorted(const Table *t, int column, int from, int to, double *values) {
    int n = 0;
    for (int i = from; i < to; i++) {
        if (!isnan(t->rows[i].value[column])) values[n++] = t->rows[i].value[column];
    }
    sort_values(values, n);
    return n;
}

static void take_outliers(Table *t) {
    double *values = allocate((size_t)t->n, sizeof *values);
    for (int c = 0; c < COLUMNS; c++) {
        double floor = columns[c].floor;
        int n = known_sorted(t, c, 0, t->n, values);
        if (c == MEMORY) floor *= t->memory_total;
        if (c == SWITCHES && n) floor *= quantile(values, n, 0.5);
        int found = hampel(column_of(t, c), floor);
        if (found < 0) fail(EXIT_IO, "not enough memory for %d rows", t->n);
        t->outliers += found;
    }
    free(values);
}

static void find_step(Table *t) {
    double *steps = allocate((size_t)t->n, sizeof *steps);
    for (int i = 1; i < t->n; i++) steps[i - 1] = t->time[i] - t->time[i - 1];
    sort_values(steps, t->n - 1);
    t->step = quantile(steps, t->n - 1, 0.5);
    free(steps);
}

/* missing says how many rows belong between row i and the next; a gap that is too long stays open. */
static int missing(const Table *t, int i) {
    double gap = t->time[i + 1] - t->time[i];
    return gap <= MAX_GAP_MS ? (int)(gap / t->step + 0.5) - 1 : 0;
}

static void insert_rows(Table *t) {
    static const Row empty = {{NAN, NAN, NAN, NAN}, 0, 0};
    int n = 0;
    for (int i = 0; i + 1 < t->n; i++) t->inserted += missing(t, i) > 0 ? missing(t, i) : 0;
    if (t->inserted > MAX_ROWS) fail(EXIT_INPUT, "%s: more than %d rows are missing", input_path, MAX_ROWS);
    Row *rows = allocate((size_t)(t->n + t->inserted), sizeof *rows);
    double *time = allocate((size_t)(t->n + t->inserted), sizeof *time);
    for (int i = 0; i < t->n; i++) {
        time[n] = t->time[i];
        rows[n++] = t->rows[i];
        int more = i + 1 < t->n ? missing(t, i) : 0;
        for (int k = 1; k <= more; k++) {
            time[n] = t->time[i] + (t->time[i + 1] - t->time[i]) * k / (more + 1);
            rows[n++] = empty;
        }
    }
    free(t->rows);
    free(t->time);
    t->rows = rows, t->time = time, t->n = n;
}

/* fill_gaps interpolates each column, and counts the rows of which a cell was missing and now is not. */
static void fill_gaps(Table *t) {
    char *was_missing = allocate((size_t)t->n, 1);
    for (int c = 0; c < COLUMNS; c++) {
        for (int i = 0; i < t->n; i++) was_missing[i] = (char)isnan(t->rows[i].value[c]);
        t->filled += interpolate(column_of(t, c), MAX_GAP_MS);
        for (int i = 0; i < t->n; i++) t->rows[i].repaired |= was_missing[i] && !isnan(t->rows[i].value[c]);
    }
    for (int i = 0; i < t->n; i++) t->repaired += t->rows[i].repaired;
    free(was_missing);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

typedef struct {
    int n; /* 0: no values, the rest means nothing */
    double mean, min, max, p95;
} Statistics;

static Statistics statistics(const Table *t, int column, int from, int to, double *scratch) {
    int n = known_sorted(t, column, from, to, scratch);
    double sum = 0;
    if (!n) return (Statistics){0};
    for (int i = 0; i < n; i++) sum += scratch[i];
    return (Statistics){n, sum / n, scratch[0], scratch[n - 1], quantile(scratch, n, 0.95)};
}

static FILE *create(const char *path) {
    FILE *f = fopen(path, "wb");
    if (!f) fail(EXIT_IO, "%s: cannot be opened for writing", path);
    return f;
}

static void finish(FILE *f, const char *path) {
    if (ferror(f) || fclose(f) != 0) fail(EXIT_IO, "%s: cannot be written; is the disk full?", path);
}

static void write_window(FILE *f, const Table *t, int from, int to, double *scratch) {
    fprintf(f, "%.0f,%d", floor(t->time[from] / WINDOW_MS) * WINDOW_MS, to - from);
    for (int c = 0; c < COLUMNS; c++) {
        Statistics s = statistics(t, c, from, to, scratch);
        int d = columns[c].decimals;
        if (s.n) fprintf(f, ",%.*f,%.*f,%.*f,%.*f", d, s.mean, d, s.min, d, s.max, d, s.p95);
        else fputs(",,,,", f);
    }
    fputc('\n', f);
}

static void write_windows(Table *t, double *scratch) {
    static const char path[] = "/out/clean.csv";
    FILE *f = create(path);
    fputs("start_ms,rows", f);
    for (int c = 0; c < COLUMNS; c++) {
        const char *name = columns[c].name;
        fprintf(f, ",%s_mean,%s_min,%s_max,%s_p95", name, name, name, name);
    }
    fputc('\n', f);
    for (int from = 0, to; from < t->n; from = to, t->windows++) {
        double window = floor(t->time[from] / WINDOW_MS);
        for (to = from + 1; to < t->n && floor(t->time[to] / WINDOW_MS) == window;) to++;
        write_window(f, t, from, to, scratch);
    }
    finish(f, path);
}

static void write_statistic(FILE *f, const char *column, const char *name, int known, double value, int decimals) {
    fprintf(f, ",\n  \"%s%s\": ", column, name);
    if (known) fprintf(f, "%.*f", decimals, value);
    else fputs("null", f);
}

static void write_summary(const Table *t, double *scratch) {
    static const char path[] = "/out/summary.json";
    FILE *f = create(path);
    fprintf(f, "{\n  \"rowsRead\": %d,\n  \"rowsDropped\": %d,\n  \"rowsMalformed\": %d,\n  \"rowsDuplicate\": %d,\n", t->read,
            t->malformed + t->duplicate, t->malformed, t->duplicate);
    fprintf(f, "  \"rowsInserted\": %d,\n  \"rowsRepaired\": %d,\n  \"outliers\": %d,\n  \"cellsFilled\": %d,\n", t->inserted,
            t->repaired, t->outliers, t->filled);
    fprintf(f, "  \"windows\": %d,\n  \"windowMs\": %d,\n  \"stepMs\": %.0f,\n  \"durationMs\": %.0f,\n  \"memTotalBytes\": %.0f",
            t->windows, WINDOW_MS, t->step, t->time[t->n - 1] - t->time[0], t->memory_total);
    for (int c = 0; c < COLUMNS; c++) {
        Statistics s = statistics(t, c, 0, t->n, scratch);
        write_statistic(f, columns[c].name, "Mean", s.n, s.mean, columns[c].decimals);
        write_statistic(f, columns[c].name, "Min", s.n, s.min, columns[c].decimals);
        write_statistic(f, columns[c].name, "Max", s.n, s.max, columns[c].decimals);
        write_statistic(f, columns[c].name, "P95", s.n, s.p95, columns[c].decimals);
    }
    fputs("\n}\n", f);
    finish(f, path);
}

int main(int argc, char **argv) {
    static Table t;
    if (argc > 1) fail(EXIT_USAGE, "takes no arguments, got \"%.40s\"", argv[1]);
    read_table(&t);
    order_rows(&t);
    rates(&t);
    take_outliers(&t);
    find_step(&t);
    insert_rows(&t);
    fill_gaps(&t);
    double *scratch = allocate((size_t)t.n, sizeof *scratch);
    write_windows(&t, scratch);
    write_summary(&t, scratch);
    return 0;
}
