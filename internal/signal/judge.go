package signal

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"drover.dev/api"
)

// Judge says why what a source gave cannot be true, or is of no use: values that are
// none of their kind, by orders of magnitude off, of another time zone, or late. last
// is what was known before; nil is nothing.
func Judge(r *Reading, last *api.Signal, late time.Duration, now api.Time) error {
	least, most := api.SignalMost(r.Unit.Kind)
	known := 0
	var newest api.Time
	var sizes []float64
	for _, p := range r.Points {
		if math.IsNaN(p.Value) {
			continue
		}
		if v := p.Value * r.Unit.Factor; v < float64(least) || v > float64(most) {
			name, factor := Name(r.Unit.Kind, r.Unit.Currency)
			return fmt.Errorf("a %s of %.6g %s at %s cannot be: check the feed's unit", r.Unit.Kind, v*factor, name, p.At)
		}
		sizes = append(sizes, math.Abs(p.Value*r.Unit.Factor))
		newest = p.At
		known++
	}
	if known == 0 {
		return fmt.Errorf("there is no value")
	}
	if age := now.Sub(newest).Std(); age > late {
		return fmt.Errorf("the newest value is of %s, %v ago: the source is late, or its times are of another zone", newest, age.Round(time.Minute))
	}
	if ahead := r.Points[0].At.Sub(now); ahead > api.Day {
		return fmt.Errorf("the first value is of %s, %s ahead: its times are of another zone, or not those that were asked for", r.Points[0].At, ahead)
	}
	if last == nil {
		return nil
	}
	if r.Unit.Currency != last.Currency && len(last.Values) > 0 {
		return fmt.Errorf("it is in %s, before it was in %s", r.Unit.Currency, last.Currency)
	}
	if !accepted(last, now) {
		if err := sameSize(r, last, sizes); err != nil {
			return err
		}
	}
	return sameHours(r, last)
}

// By how much values may differ from the usual ones; and those of a part of a country from
// the mean of the whole: Québec's water power is a hundred times cleaner than all of Canada.
const (
	factorOff     = 30
	factorOffPart = 300
)

// accepted says whether an operator takes to be true what is said now, however far it is
// from what was known: until the first values that came since.
func accepted(last *api.Signal, now api.Time) bool {
	return last.Accepted != 0 && last.Accepted <= now && last.Issued <= last.Accepted
}

// sameSize compares the typical size of the values with what is usual.
func sameSize(r *Reading, last *api.Signal, sizes []float64) error {
	if r.Unit.Kind == api.SignalTemperature || r.Unit.Kind == api.SignalGeneration {
		return nil // may be nothing for hours, and then much
	}
	var before []float64
	for _, v := range last.Values {
		before = append(before, math.Abs(float64(v)))
	}
	if len(before) == 0 && last.Usual != 0 {
		before = []float64{math.Abs(float64(last.Usual))}
	}
	if len(before) == 0 {
		return nil
	}
	is, was, factor := largeOnes(sizes), largeOnes(before), float64(factorOff)
	if len(last.Values) == 0 && strings.Contains(last.Zone, "-") {
		factor = factorOffPart
	}
	if is > factor*was && was > 0 || is*factor < was {
		return fmt.Errorf("its values are about %.3g times those before: check the unit and the zone; if they are right, drover signals accept %s", is/was, last.Key())
	}
	return nil
}

// largeOnes is the nine tenths quantile: prices cross zero, their peaks do not.
func largeOnes(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)*9/10]
}

// sameHours looks whether values that were known before come back at other hours.
func sameHours(r *Reading, last *api.Signal) error {
	const enough, hours = 6, 14
	apart := func(shift api.Duration) (mean float64, n int) {
		for _, p := range r.Points {
			i := -1
			if t := p.At.Add(-shift); last.Step > 0 && t >= last.Start && t < last.KnownUntil() {
				i = int(t.Sub(last.Start) / last.Step)
			}
			if i >= 0 && !math.IsNaN(p.Value) {
				mean += math.Abs(p.Value*r.Unit.Factor - float64(last.Values[i]))
				n++
			}
		}
		return mean / float64(max(n, 1)), n
	}
	here, n := apart(0)
	if n < enough || here == 0 {
		return nil
	}
	for h := -hours; h <= hours; h++ {
		there, n := apart(api.Duration(h) * api.Hour)
		if h != 0 && n >= enough && there < here/50 {
			return fmt.Errorf("its values are those known before, %+d h off: its times are of another zone", h)
		}
	}
	return nil
}
