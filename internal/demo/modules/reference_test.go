package modules_test

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// A sample is one good row: time in ms, then cpu, memory, load, counter of switches. NaN is an empty field.
type sample struct {
	t int
	v [4]float64
}

const referenceTotal = 8 << 30 // bytes of memory of the random machine

// samples is an input of clean.wasm and how much of it is junk.
type samples struct {
	lines                []string // as in the file
	good                 []sample // rising times, each once
	malformed, duplicate int
}

func (s samples) csv() string { return samplesHeader + strings.Join(s.lines, "\n") + "\n" }

func csvCell(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return fmt.Sprintf("%g", v)
}

func csvRow(s sample) string {
	return fmt.Sprintf("%d,%s,%.0f,%d,%s,%.0f", s.t, csvCell(s.v[0]), s.v[1], referenceTotal, csvCell(s.v[2]), s.v[3])
}

// drawSamples makes a machine with noise, steps, spikes, empty cells, missing, doubled, shuffled and broken rows.
func drawSamples(r *rapid.T) samples {
	var s samples
	base, counter := rapid.Float64Range(0, 60).Draw(r, "base"), 0.0
	for i := range rapid.IntRange(2, 80).Draw(r, "rows") {
		kind := rapid.IntRange(0, 29).Draw(r, "kind")
		cpu := math.Round((base+rapid.Float64Range(0, 20).Draw(r, "cpu"))*100) / 100
		counter += float64(rapid.IntRange(0, 400).Draw(r, "switches"))
		memory := float64(2<<30 + rapid.IntRange(0, 1<<26).Draw(r, "memory"))
		row := sample{100 * i, [4]float64{cpu, memory, math.Round(cpu) / 16, counter}}
		switch kind {
		case 0:
			row.v[0] = 100
		case 1:
			row.v[0] = math.NaN()
		case 2:
			row.v[1] = 7 << 30
		case 3:
			if s.malformed == 0 { // never more than the good rows
				s.lines, s.malformed = append(s.lines, "12,oops"), 1
			}
		case 4:
			if i > 1 {
				continue // the row never came
			}
		case 5:
			s.lines, s.duplicate = append(s.lines, csvRow(row)), s.duplicate+1
		}
		s.good, s.lines = append(s.good, row), append(s.lines, csvRow(row))
	}
	if n := len(s.lines); n > 4 && rapid.Bool().Draw(r, "swap") {
		s.lines[n-1], s.lines[1] = s.lines[1], s.lines[n-1]
	}
	return s
}

type cleaned struct {
	windows [][]float64 // the fields of clean.csv
	counts  map[string]float64
}

// reference does what the contract of clean.wasm says, written a second time and simply.
func (s samples) reference() cleaned {
	rows := withRates(s.good)
	outliers := 0
	for c := range 4 {
		outliers += referenceHampel(rows, c)
	}
	step := medianStep(rows)
	full := fillRows(rows, step)
	repaired, filled := fillCells(full)
	out := cleaned{counts: map[string]float64{
		"rowsRead": float64(len(s.lines)), "rowsDropped": float64(s.malformed + s.duplicate),
		"rowsMalformed": float64(s.malformed), "rowsDuplicate": float64(s.duplicate),
		"rowsInserted": float64(len(full) - len(rows)), "rowsRepaired": float64(repaired), "cellsFilled": float64(filled),
		"outliers": float64(outliers), "stepMs": step,
	}}
	for len(full) > 0 {
		n := 1
		for n < len(full) && full[n].at/500 == full[0].at/500 {
			n++
		}
		out.windows = append(out.windows, referenceWindow(full[:n]))
		full = full[n:]
	}
	out.counts["windows"] = float64(len(out.windows))
	return out
}

// A cellRow is a row with times that can fall between milliseconds; at is the whole part.
type cellRow struct {
	t  float64
	at int
	v  [4]float64
}

func withRates(in []sample) []cellRow {
	out := make([]cellRow, len(in))
	for i, s := range in {
		out[i] = cellRow{float64(s.t), s.t, s.v}
		out[i].v[3] = math.NaN()
		if i > 0 {
			out[i].v[3] = (s.v[3] - in[i-1].v[3]) * 1000 / float64(s.t-in[i-1].t)
		}
	}
	return out
}

func known(rows []cellRow, c int) []float64 {
	var out []float64
	for _, row := range rows {
		if !math.IsNaN(row.v[c]) {
			out = append(out, row.v[c])
		}
	}
	slices.Sort(out)
	return out
}

func referenceQuantile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	whole, part := math.Modf(p * float64(len(sorted)-1))
	i := int(whole)
	if i == len(sorted)-1 {
		return sorted[i]
	}
	return sorted[i] + part*(sorted[i+1]-sorted[i])
}

func referenceHampel(rows []cellRow, c int) int {
	floor := []float64{5, 0.002 * referenceTotal, 0.05, 0.25 * referenceQuantile(known(rows, 3), 0.5)}[c]
	var out []int
	for i, row := range rows {
		near := known(rows[max(0, i-5):min(len(rows), i+6)], c)
		if math.IsNaN(row.v[c]) || len(near) < 3 {
			continue
		}
		median := referenceQuantile(near, 0.5)
		for k := range near {
			near[k] = math.Abs(near[k] - median)
		}
		slices.Sort(near)
		if math.Abs(row.v[c]-median) > 3*max(1.4826*referenceQuantile(near, 0.5), floor) {
			out = append(out, i)
		}
	}
	for _, i := range out {
		rows[i].v[c] = math.NaN()
	}
	return len(out)
}

func medianStep(rows []cellRow) float64 {
	var steps []float64
	for i := 1; i < len(rows); i++ {
		steps = append(steps, rows[i].t-rows[i-1].t)
	}
	slices.Sort(steps)
	return referenceQuantile(steps, 0.5)
}

func fillRows(rows []cellRow, step float64) []cellRow {
	nan := math.NaN()
	out := rows[:1:1]
	for i := 1; i < len(rows); i++ {
		from, to := rows[i-1].t, rows[i].t
		more := 0
		if to-from <= 5000 {
			more = int((to-from)/step+0.5) - 1
		}
		for k := 1; k <= more; k++ {
			t := from + (to-from)*float64(k)/float64(more+1)
			out = append(out, cellRow{t, int(t), [4]float64{nan, nan, nan, nan}})
		}
		out = append(out, rows[i])
	}
	return out
}

// fillCells works from a copy of the rows: a filled cell must not become a neighbour of another.
func fillCells(rows []cellRow) (repaired, filled int) {
	before := slices.Clone(rows)
	for i := range rows {
		fresh := 0
		for c := range 4 {
			if math.IsNaN(before[i].v[c]) {
				rows[i].v[c] = fillCell(before, i, c)
				if !math.IsNaN(rows[i].v[c]) {
					fresh++
				}
			}
		}
		filled += fresh
		if fresh > 0 {
			repaired++
		}
	}
	return repaired, filled
}

func fillCell(rows []cellRow, i, c int) float64 {
	left, right := i, i
	for left >= 0 && math.IsNaN(rows[left].v[c]) {
		left--
	}
	for right < len(rows) && math.IsNaN(rows[right].v[c]) {
		right++
	}
	hasLeft, hasRight := left >= 0, right < len(rows)
	switch {
	case hasLeft && hasRight && rows[right].t-rows[left].t <= 5000:
		part := (rows[i].t - rows[left].t) / (rows[right].t - rows[left].t)
		return rows[left].v[c] + part*(rows[right].v[c]-rows[left].v[c])
	case !hasLeft && hasRight && rows[right].t-rows[i].t <= 5000:
		return rows[right].v[c]
	case hasLeft && !hasRight && rows[i].t-rows[left].t <= 5000:
		return rows[left].v[c]
	}
	return math.NaN()
}

func referenceWindow(rows []cellRow) []float64 {
	out := []float64{float64(rows[0].at / 500 * 500), float64(len(rows))}
	for c := range 4 {
		values := known(rows, c)
		if len(values) == 0 {
			out = append(out, math.NaN(), math.NaN(), math.NaN(), math.NaN())
			continue
		}
		sum := 0.0
		for _, v := range values {
			sum += v
		}
		out = append(out, sum/float64(len(values)), values[0], values[len(values)-1], referenceQuantile(values, 0.95))
	}
	return out
}
