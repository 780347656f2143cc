package rehearse

import (
	"cmp"
	"fmt"
	"os"
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

// LoadSignal reads a CSV of a signal. A price whose header says /MWh is turned into
// one a kWh.
func LoadSignal(s SignalFile) (*twin.Signal, error) {
	f, err := os.Open(s.File)
	if err != nil {
		return nil, fmt.Errorf("read the signal: %w", err)
	}
	defer f.Close()
	list, title, err := trace.Samples(f, s.Column)
	if err != nil {
		return nil, fmt.Errorf("read the signal %s: %w", s.File, err)
	}
	scale := 1.0
	if strings.Contains(title, "/MWh") {
		scale = 1e-3
	}
	points := make([]twin.Point, len(list))
	for i, v := range list {
		points[i] = twin.Point{At: v.At, Value: v.Value * scale}
	}
	out, err := twin.NewSignal(points)
	if err != nil {
		return nil, fmt.Errorf("read the signal %s: %w", s.File, err)
	}
	return out, nil
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
	return twin.Signals{Carbon: or(pick(p.Carbon, &s, s.Zone), p.Intensity), Price: or(pick(p.Prices, &s, tariffOf(&s)), p.Price)}
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
