package forecast

import (
	"archive/tar"
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rollingRow is one series of the rolling day-ahead: seasons, and how far ahead, as
// drover forecast backtest is told them.
type rollingRow struct {
	name    string
	values  []float64
	season  int // 1: none
	horizon int
	origins int
	step    int // between them
}

func (r rollingRow) series() Series {
	s := Series{Values: r.values}
	if r.season > 1 {
		s.Periods = []int{r.season}
	}
	return s
}

// hourlyRow is a year of hours, from 12 origins at all times of the day and all over the
// last nine months.
func hourlyRow(name string, values []float64) rollingRow {
	return rollingRow{name: name, values: values, season: 24, horizon: 24, origins: 12, step: 601}
}

// column reads a column of numbers, counted from 0; what is no number is missing.
func column(t testing.TB, at int, name ...string) (out []float64) {
	t.Helper()
	for _, r := range records(t, name...) {
		out = append(out, number(r[at]))
	}
	return out
}

// carbonRows and priceRows are the hours of a year, by zone.
func carbonRows(t testing.TB, year int) (out []rollingRow) {
	for _, zone := range []string{"DE-LU", "GB", "SG", "ZA", "US-TEX-ERCO", "CA-ON", "US-CAL-CISO"} {
		out = append(out, hourlyRow("carbon "+zone, column(t, 4, "carbon", fmt.Sprintf("%s_%d.csv.gz", zone, year))))
	}
	return out
}

func priceRows(t testing.TB, year int) (out []rollingRow) {
	for _, zone := range []string{"DE-LU", "SG", "ZA", "US-TEX-ERCO", "CA-ON", "US-CAL-CISO"} {
		out = append(out, hourlyRow("price "+zone, column(t, 1, "prices", fmt.Sprintf("%s_%d.csv.gz", zone, year))))
	}
	return out
}

// planetLab is the CPU of each machine of a day, every five minutes.
func planetLab(t testing.TB, day string) (out [][]float64) {
	t.Helper()
	in := tar.NewReader(dataFile(t, "planetlab", day+".tar.gz"))
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		var x []float64
		for text := bufio.NewScanner(in); text.Scan(); {
			x = append(x, number(strings.TrimSpace(text.Text())))
		}
		if len(x) == 288 {
			out = append(out, x)
		}
	}
}

// bitbrains is the use of each machine by hours, a month of them.
func bitbrains(t testing.TB) (out [][]float64) {
	t.Helper()
	for _, r := range records(t, "bitbrains", "vms.csv.gz") {
		var x []float64
		second, sum := 0.0, 0.0
		for _, part := range strings.Fields(r[6]) {
			d, u, _ := strings.Cut(part, ":")
			for left := number(d); left > 0; {
				take := min(left, 3600-math.Mod(second, 3600))
				sum += take * number(u)
				second += take
				left -= take
				if math.Mod(second, 3600) == 0 {
					x = append(x, sum/3600)
					sum = 0
				}
			}
		}
		if len(x) >= 700 {
			out = append(out, x)
		}
	}
	return out
}

// arrivals are the calls of functions by minutes, the busiest first.
func arrivals(t testing.TB) (out [][]float64) {
	t.Helper()
	for _, r := range records(t, "azure-functions", "azure2019_100", "invocations.csv.gz") {
		var x []float64
		for _, v := range r[4:] {
			if n, err := strconv.ParseFloat(v, 64); err == nil {
				x = append(x, n)
			}
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b []float64) int { return cmp.Compare(mean(b), mean(a)) })
	return out
}

// sums adds series up, so many of them at a time.
func sums(all [][]float64, each int) (out [][]float64) {
	for part := range slices.Chunk(all, each) {
		if len(part) < each {
			break
		}
		x := make([]float64, len(part[0]))
		for _, one := range part {
			for i := range x {
				x[i] += one[min(i, len(one)-1)]
			}
		}
		out = append(out, x)
	}
	return out
}
