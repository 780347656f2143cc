package bench

import (
	"archive/tar"
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Bounds of the files that are read.
const (
	maxLoads     = 10_000
	maxLoadSteps = 100_000
)

// ReadInvocations reads the busiest functions of Azure Functions 2019, a minute a step:
// columns that are numbers are minutes.
func ReadInvocations(r io.Reader, most int) ([]Load, error) {
	in := csv.NewReader(r)
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("read invocations: %w", err)
	}
	first := slices.IndexFunc(head, func(s string) bool { _, err := strconv.Atoi(s); return err == nil })
	if first < 0 {
		return nil, errors.New("read invocations: no column is a minute: the first line names them 1, 2, 3")
	}
	var out []Load
	for line := 2; len(out) < maxLoads; line++ {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read invocations: %w", err)
		}
		l := Load{Name: row[max(first-2, 0)]}
		for _, cell := range row[first:] {
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil || !(v >= 0 && v < 1e12) {
				return nil, fmt.Errorf("read invocations: line %d: %q is not a count", line, cell)
			}
			l.Values = append(l.Values, v)
		}
		out = append(out, l)
	}
	slices.SortStableFunc(out, func(a, b Load) int { return cmp.Compare(mean(b.Values), mean(a.Values)) })
	return out[:min(most, len(out))], nil
}

// ReadPlanetLab reads a day of PlanetLab, a file a machine in a tar, CPU in percent every
// five minutes.
func ReadPlanetLab(r io.Reader) (out []Load, err error) {
	in := tar.NewReader(r)
	for len(out) < maxLoads {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("read PlanetLab: %w", err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		l := Load{Name: h.Name, Asked: 100}
		for text := bufio.NewScanner(in); text.Scan() && len(l.Values) < maxLoadSteps; {
			v, err := strconv.ParseFloat(strings.TrimSpace(text.Text()), 64)
			if err != nil || !(v >= 0 && v <= 100) {
				return nil, fmt.Errorf("read PlanetLab: %s: line %d: %q is no percentage", h.Name, len(l.Values)+1, text.Text())
			}
			l.Values = append(l.Values, v)
		}
		if len(l.Values) >= 6 {
			out = append(out, l)
		}
	}
	return out, nil
}

// ReadBusiness reads the Bitbrains machines, whose use stands as seconds:MHz, every five
// minutes.
func ReadBusiness(r io.Reader) (out []Load, err error) {
	const step, day = 300, 288
	in := csv.NewReader(r)
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("read Bitbrains: %w", err)
	}
	asked := slices.Index(head, "cpu_capacity_mhz")
	for line := 2; len(out) < maxLoads; line++ {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("read Bitbrains: %w", err)
		}
		l := Load{Name: row[0], Period: day}
		if asked >= 0 {
			if l.Asked, err = strconv.ParseFloat(row[asked], 64); err != nil || !(l.Asked > 0 && l.Asked < 1e9) {
				return nil, fmt.Errorf("read Bitbrains: line %d: %q is no capacity in MHz", line, row[asked])
			}
		}
		for _, part := range strings.Fields(row[len(row)-1]) {
			span, use, _ := strings.Cut(part, ":")
			s, err1 := strconv.Atoi(span)
			v, err2 := strconv.ParseFloat(use, 64)
			if err1 != nil || err2 != nil || s < 0 || !(v >= 0 && v < 1e9) || len(l.Values)+s/step > maxLoadSteps {
				return nil, fmt.Errorf("read Bitbrains: line %d: %q is not seconds:MHz", line, part)
			}
			for range s / step {
				l.Values = append(l.Values, v)
			}
		}
		out = append(out, l)
	}
	return out, nil
}
