package signal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"drover.dev/api"
)

// Source is where a signal comes from again and again.
type Source interface {
	// Key is the signal's.
	Key() string
	// Every is how often it is worth a look.
	Every() time.Duration
	// Look gives what it says now. last is what is known; nil is nothing.
	Look(ctx context.Context, c *Client, last *api.Signal, now api.Time) (*api.Signal, error)
}

var (
	_ Source = (*Feed)(nil)
	_ Source = (*Tariff)(nil)
	_ Source = (*File)(nil)
)

// Sources are those of a configuration that was read by ReadConfig.
func (c *Config) Sources() (out []Source) {
	for i := range c.Feeds {
		out = append(out, &c.Feeds[i].Feed)
	}
	for i := range c.Tariffs {
		out = append(out, &c.Tariffs[i])
	}
	for i := range c.Files {
		out = append(out, &c.Files[i])
	}
	return out
}

// Key implements Source.
func (f *Feed) Key() string { return api.SignalKey(f.Kind, f.Zone) }

// Every implements Source.
func (f *Feed) Every() time.Duration { return f.Interval.std() }

// Look implements Source.
func (f *Feed) Look(ctx context.Context, c *Client, last *api.Signal, now api.Time) (*api.Signal, error) {
	r, err := c.Fetch(ctx, f)
	if err != nil {
		return nil, err
	}
	if err := Judge(r, orAverage(last, f.Kind, f.Zone, now), f.Late.std(), now); err != nil {
		return nil, fmt.Errorf("feed %s: %w", f.Name, err)
	}
	return Make(r, Plan{Zone: f.Zone, Model: f.Forecast, Horizon: api.Duration(f.Horizon)}, now)
}

// orAverage is what a first answer is compared with: the yearly mean of the country.
func orAverage(last *api.Signal, kind api.SignalKind, zone string, now api.Time) *api.Signal {
	if last == nil && kind == api.SignalCarbon {
		last, _ = Average(zone, now)
	}
	return last
}

// Key implements Source.
func (t *Tariff) Key() string { return api.SignalKey(api.SignalPrice, t.Name) }

// Every implements Source.
func (t *Tariff) Every() time.Duration { return 6 * time.Hour }

// Look implements Source.
func (t *Tariff) Look(_ context.Context, _ *Client, _ *api.Signal, now api.Time) (*api.Signal, error) {
	return t.Signal(now.Add(-api.SignalPast), now.Add(api.MaxSignalAhead-api.Day), now), nil
}

// Key implements Source.
func (f *File) Key() string { return api.SignalKey(f.Kind, f.Zone) }

// Every implements Source.
func (f *File) Every() time.Duration { return time.Minute * 15 }

// fileLate is how old the newest value of a file may be: it is brought by hand or by a
// job of the night.
const fileLate = 36 * time.Hour

// Look implements Source.
func (f *File) Look(_ context.Context, _ *Client, last *api.Signal, now api.Time) (*api.Signal, error) {
	in, err := os.Open(f.Path)
	if err != nil {
		return nil, fmt.Errorf("read signal %s: %w", f.Key(), err)
	}
	defer in.Close() //nolint:errcheck // read only
	points, unit, err := ReadCSV(in, f.Columns)
	if err != nil {
		return nil, fmt.Errorf("read signal %s from %s: %w", f.Key(), f.Path, err)
	}
	return FromFile(points, unit, f, last, now)
}

// FromFile makes a signal of what a file holds. Values in the future are facts.
func FromFile(points Points, unit Unit, f *File, last *api.Signal, now api.Time) (*api.Signal, error) {
	if unit.Kind != f.Kind {
		return nil, fmt.Errorf("signal %s: the file is in a unit of %s", f.Key(), unit.Kind)
	}
	r := &Reading{Points: points.within(now), Unit: unit, Known: now.Add(api.MaxSignalAhead), Origin: "file"}
	if len(r.Points) == 0 {
		return nil, errors.New("the file holds no value of the last month or the week to come")
	}
	if err := Judge(r, orAverage(last, f.Kind, f.Zone, now), fileLate, now); err != nil {
		return nil, fmt.Errorf("signal %s: %w", f.Key(), err)
	}
	model, horizon := f.Forecast, api.Duration(f.Horizon)
	if model == "" {
		model = "snaive"
	}
	if horizon == 0 {
		horizon = 48 * api.Hour
	}
	return Make(r, Plan{Zone: f.Zone, Model: model, Horizon: horizon}, now)
}

// within are the points that a signal can be learnt from: a month back to a week ahead.
func (p Points) within(now api.Time) Points {
	from, to := 0, len(p)
	for from < to && p[from].At < now.Add(-31*api.Day) {
		from++
	}
	for to > from && p[to-1].At > now.Add(api.MaxSignalAhead) {
		to--
	}
	return p[from:to]
}

// News is what of a signal is not known yet: nil when nothing is worth a record.
// Values that were known before are left out, and a usual level that hardly moved is
// the one before. Within 25 minutes of the last news there is none, unless it is what was accepted.
func News(last, s *api.Signal, now api.Time) *api.Signal {
	if last == nil {
		return s
	}
	if now.Sub(last.Issued) < newsEvery && last.Fault == "" && last.Origin == s.Origin && !accepted(last, now) {
		return nil
	}
	out := *s
	if near(last.Usual, s.Usual) && near(last.UsualSpread, s.UsualSpread) {
		out.Usual, out.UsualSpread = last.Usual, last.UsualSpread
	}
	if s.Step != last.Step || s.Currency != last.Currency || len(last.Values) == 0 || s.Start.Sub(last.Start)%s.Step != 0 {
		return &out
	}
	same := 0
	for same < int(s.Known) {
		t := s.Start.Add(api.Duration(same) * s.Step)
		if t < last.Start || t >= last.KnownUntil() {
			break
		}
		if v, _ := last.At(t); v != s.Values[same] {
			break
		}
		same++
	}
	if same == len(s.Values) {
		if last.Fault == "" {
			return nil
		}
		same-- // so that the fault is gone
	}
	out.Start, out.Values, out.Known = s.Start.Add(api.Duration(same)*s.Step), s.Values[same:], max(s.Known-int32(same), 0)
	return &out
}

// newsEvery bounds how often news of one signal is recorded.
const newsEvery = 25 * api.Minute

func near(a, b int64) bool { return max(a-b, b-a)*20 <= max(a, -a) }

// Trouble is the news that a source fails; nil when that is known.
func Trouble(key string, last *api.Signal, err error, now api.Time) *api.Signal {
	kind, zone := splitKey(key)
	s := &api.Signal{Kind: kind, Zone: zone, Fault: clean(err.Error()), FaultSince: now}
	if last == nil {
		if kind == api.SignalPrice {
			s.Currency = "XXX" // ISO 4217: none
		}
		if a, ok := Average(zone, now); ok && kind == api.SignalCarbon {
			a.Fault, a.FaultSince = s.Fault, now
			return a
		}
		return s
	}
	s.Currency = last.Currency
	const alike = 32
	if last.Fault != "" && last.Fault[:min(alike, len(last.Fault))] == s.Fault[:min(alike, len(s.Fault))] {
		return nil
	}
	return s
}

func splitKey(key string) (api.SignalKind, string) {
	for i := range key {
		if key[i] == '/' {
			return api.SignalKind(key[:i]), key[i+1:]
		}
	}
	return "", key
}

// clean is a text on one line that a signal may carry.
func clean(text string) string {
	out := []rune{}
	for _, r := range text {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			r = ' '
		}
		out = append(out, r)
		if len(string(out)) > 240 {
			break
		}
	}
	return string(out)
}
