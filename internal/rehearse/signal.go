package rehearse

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/trace"
	"drover.dev/internal/twin"
)

// SignalFile is a signal as it is named on a command line: [SITE or ZONE=]FILE[#COLUMN].
// Without a site or zone it is that of all for which no other is named.
type SignalFile struct{ Place, File, Column string }

// ParseSignalFile reads such a name.
func ParseSignalFile(text string) SignalFile {
	var s SignalFile
	s.File, s.Column, _ = strings.Cut(text, "#")
	if place, file, ok := strings.Cut(s.File, "="); ok && api.ValidName(strings.ToLower(place)) {
		s.Place, s.File = place, file
	}
	return s
}

// LoadSignal reads a CSV of a signal of some kind. A price whose header says /MWh is turned
// into one a kWh, generation in kW or MW into W; a column COLUMN@PEAK of generation, such
// as SUN@50kW, is brought to that highest value, whatever its unit.
func LoadSignal(s SignalFile, kind api.SignalKind) (*twin.Signal, error) {
	out, err := loadSignal(s, kind)
	if err != nil {
		return nil, fmt.Errorf("read the signal %.300s: %w", s.File, err)
	}
	return out, nil
}

func loadSignal(s SignalFile, kind api.SignalKind) (*twin.Signal, error) {
	column, peak, peaks := s.Column, "", false
	if kind == api.SignalGeneration {
		column, peak, peaks = strings.Cut(column, "@")
	}
	list, title, err := samplesOf(s.File, column, kind)
	if err != nil {
		return nil, err
	}
	scale := 1.0
	switch {
	case peaks:
		scale, err = toPeak(list, peak)
	case kind == api.SignalGeneration:
		scale, err = wattsOf(title, column)
	case kind == api.SignalTemperature:
		err = degrees(list)
	}
	if err != nil {
		return nil, err
	}
	points := make([]twin.Point, len(list))
	for i, v := range list {
		points[i] = twin.Point{At: v.At, Value: v.Value * scale}
	}
	return twin.NewSignal(points)
}

// powerUnit is a unit of power in a header, or behind a number.
var powerUnit = regexp.MustCompile(`(?i)(?:^|[^a-z])([kmg]?)w(?:[^a-z]|$)`)

// multiples are what the letters before a W stand for.
var multiples = map[string]float64{"": 1, "k": 1e3, "m": 1e6, "g": 1e9}

// wattsOf is how many W the unit is that a column's name says, or else the header.
func wattsOf(title, column string) (float64, error) {
	for _, text := range []string{column, title} {
		found := map[string]bool{}
		for _, m := range powerUnit.FindAllStringSubmatch(text, -1) {
			found[strings.ToLower(m[1])] = true
		}
		if len(found) == 1 {
			for unit := range found { // order-free: there is one
				return multiples[unit], nil
			}
		}
	}
	return 0, fmt.Errorf("its header %.200q does not say W, kW or MW: write the unit there, or say what its highest value stands for as FILE#COLUMN@50kW", title)
}

// toPeak is what brings the highest value to a power such as 50kW.
func toPeak(list []trace.Sample, text string) (float64, error) {
	unit := powerUnit.FindStringSubmatch(text)
	number := strings.TrimRight(text, "kKmMgGwW ")
	watts, err := strconv.ParseFloat(number, 64)
	if err != nil || len(unit) == 0 || !(watts > 0 && watts <= 1e12) {
		return 0, fmt.Errorf("%.40q is no power for the highest value: write it as in #COLUMN@50kW", text)
	}
	most := 0.0
	for _, v := range list {
		most = max(most, v.Value)
	}
	if most == 0 {
		return 0, errors.New("it has no value above 0 that could be brought to a power")
	}
	return watts * multiples[strings.ToLower(unit[1])] / most, nil
}

// degrees refuses temperatures that cannot be in °C.
func degrees(list []trace.Sample) error {
	for _, v := range list {
		if v.Value < -100 || v.Value > 100 {
			return fmt.Errorf("%g at %s is no temperature outside in °C", v.Value, v.At)
		}
	}
	return nil
}

// Misplaced says which signal is named for a place that the fleet does not have: no site,
// no grid zone and no tariff of it is called so.
func (p *Plan) Misplaced() error {
	known := map[string]bool{"": true}
	for i := range p.Fleet.Sites {
		s := &p.Fleet.Sites[i]
		known[s.Name], known[s.Zone], known[s.Tariff] = true, true, true
	}
	for i := range p.Fleet.Nodes {
		known[p.Fleet.Nodes[i].Site] = true
	}
	for _, of := range []struct {
		kind api.SignalKind
		from map[string]*twin.Signal
	}{{api.SignalCarbon, p.Carbon}, {api.SignalPrice, p.Prices}, {api.SignalTemperature, p.Temperature}, {api.SignalGeneration, p.Generation}} {
		for _, place := range sortedNames(of.from) {
			if !known[place] {
				return fmt.Errorf("a signal (%s) is for %q, and no site, grid zone or tariff of the fleet is called so", of.kind, place)
			}
		}
	}
	return nil
}

// signals gives every site its own: by its name, by its zone, the one for all, or the
// plan's constant.
func (p *Plan) signals() map[string]twin.Signals {
	out := map[string]twin.Signals{"": p.signalsOf(api.Site{})}
	for i := range p.Fleet.Sites {
		out[p.Fleet.Sites[i].Name] = p.signalsOf(p.Fleet.Sites[i])
	}
	for i := range p.Fleet.Nodes {
		if site := p.Fleet.Nodes[i].Site; out[site] == (twin.Signals{}) {
			out[site] = p.signalsOf(api.Site{Name: site})
		}
	}
	return out
}

func (p *Plan) signalsOf(s api.Site) twin.Signals {
	or := func(v *twin.Signal, constant float64) *twin.Signal {
		if v != nil {
			return v
		}
		return twin.Constant(constant, p.Start)
	}
	return twin.Signals{
		Carbon: or(pick(p.Carbon, &s, s.Zone), p.Intensity), Price: or(pick(p.Prices, &s, tariffOf(&s)), p.Price),
		Temperature: pick(p.Temperature, &s, s.Zone), Generation: pick(p.Generation, &s, s.Zone),
	}
}

// tariffOf is what a site's prices go by: its tariff, or without one its zone.
func tariffOf(s *api.Site) string { return cmp.Or(s.Tariff, s.Zone) }

// pick is the signal of a site: by its name, by what this kind of signal goes by there,
// by its zone, or the one for all; nil if there is none.
func pick(from map[string]*twin.Signal, s *api.Site, by string) *twin.Signal {
	for _, place := range []string{s.Name, by, s.Zone, ""} {
		if v := from[place]; v != nil {
			return v
		}
	}
	return nil
}
