package signal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
)

// Reading is what a source gave at once.
type Reading struct {
	Points Points
	Known  api.Time // values that begin before are facts, later ones forecasts
	Unit   Unit
	Origin string
}

// maxPoints bounds the values of one answer.
const maxPoints = 50_000

// read understands an answer. Its errors say what of it is not as declared.
func (f *Feed) read(body []byte, now api.Time) (*Reading, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("the answer is no JSON: %w", err)
	}
	if err := f.sameText(v, f.ZoneAt, f.Code, "zone"); err != nil {
		return nil, err
	}
	if err := f.sameText(v, f.UnitAt, f.Unit, "unit"); err != nil {
		return nil, err
	}
	unit, err := ParseUnit(f.Unit)
	if err != nil {
		return nil, err
	}
	r := &Reading{Unit: unit, Known: now, Origin: f.Name}
	measured, err := f.gather(v, r)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(r.Points, func(a, b Point) int { return int(min(max(a.At-b.At, -1), 1)) })
	r.Points = slices.CompactFunc(r.Points, func(a, b Point) bool { return a.At == b.At })
	switch {
	case f.Ahead:
		r.Known = math.MaxInt64
	case f.Known != "":
		r.Known = measured
	}
	if !slices.ContainsFunc(r.Points, func(p Point) bool { return !math.IsNaN(p.Value) }) {
		return nil, errors.New("the answer holds no value")
	}
	return r, nil
}

// sameText requires a text of the answer to be what was declared.
func (f *Feed) sameText(v any, path, want, what string) error {
	if path == "" {
		return nil
	}
	got, err := at(v, path)
	if err != nil {
		return err
	}
	text, _ := got.(string)
	if strings.ReplaceAll(text, " ", "") != strings.ReplaceAll(want, " ", "") {
		return fmt.Errorf("the answer is for the %s %.40q, not for %s", what, fmt.Sprint(got), want)
	}
	return nil
}

// gather takes the values in; measured is the end of what was measured, where the
// source says that apart.
func (f *Feed) gather(v any, r *Reading) (measured api.Time, err error) {
	zone, err := zoneNamed(f.TZ)
	if err != nil {
		return 0, err
	}
	times, values, known, err := f.columns(v)
	if err != nil {
		return 0, err
	}
	if len(times) > maxPoints {
		return 0, fmt.Errorf("the answer has %d values, more than %d", len(times), maxPoints)
	}
	var after api.Time
	for i := range times {
		at, err := instant(times[i], zone, after)
		if err != nil {
			return 0, fmt.Errorf("entry %d: %w", i, err)
		}
		after = at
		value, ok := number(values[i])
		if known != nil {
			if k, is := number(known[i]); is {
				value, ok, measured = k, true, max(measured, at+1)
			}
		}
		if !ok {
			value = math.NaN()
		}
		r.Points = append(r.Points, Point{at, value})
	}
	return measured, nil
}

// columns are the times, values and measured values of an answer, of either form.
func (f *Feed) columns(v any) (times, values, known []any, err error) {
	if f.Each == "" {
		if times, err = list(v, f.Time); err != nil {
			return nil, nil, nil, err
		}
		if values, err = list(v, f.Value); err != nil {
			return nil, nil, nil, err
		}
		if len(times) != len(values) {
			return nil, nil, nil, fmt.Errorf("the answer has %d times for %d values", len(times), len(values))
		}
		return times, values, nil, nil
	}
	entries, err := list(v, f.Each)
	if err != nil {
		return nil, nil, nil, err
	}
	for i, e := range entries {
		t, err := at(e, f.Time)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("entry %d: %w", i, err)
		}
		x, err := first(e, f.Value)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("entry %d: %w", i, err)
		}
		times, values = append(times, t), append(values, x)
		if f.Known != "" {
			k, _ := at(e, f.Known) // what is not measured yet is left out
			known = append(known, k)
		}
	}
	return times, values, known, nil
}

// first is the first of several paths that leads to a number, else where the last led.
func first(v any, paths string) (found any, err error) {
	for _, p := range strings.Split(paths, "|") {
		if found, err = at(v, strings.TrimSpace(p)); err == nil {
			if _, ok := number(found); ok {
				return found, nil
			}
		}
	}
	return found, err
}

func number(v any) (float64, bool) {
	var text string
	switch x := v.(type) {
	case json.Number:
		text = x.String()
	case string:
		text = x
	default:
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
}

// instant is a time as text or in Unix seconds.
func instant(v any, zone *time.Location, after api.Time) (api.Time, error) {
	switch x := v.(type) {
	case string:
		return moment(x, zone, after)
	case json.Number:
		if s, err := x.Int64(); err == nil && s > 0 && s < 7_258_118_400 {
			return api.Time(s * 1e9), nil
		}
	}
	return 0, fmt.Errorf("%.40q is no moment in time", fmt.Sprint(v))
}
