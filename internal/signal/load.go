package signal

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"drover.dev/api"
)

//go:embed feeds/*.yaml
var shipped embed.FS

// Shipped lists the feeds that come with the program, by name. Some still need a zone
// or other parameters.
func Shipped() ([]Feed, error) {
	names, err := fs.Glob(shipped, "feeds/*.yaml")
	var out []Feed
	for _, name := range names {
		b, err := shipped.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var f Feed
		if err := strictly(b, &f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, f)
	}
	return out, err
}

// ShippedText is the file of a shipped feed, to be read or changed.
func ShippedText(name string) ([]byte, error) {
	b, err := shipped.ReadFile(path.Join("feeds", path.Base(name)+".yaml"))
	if err != nil {
		return nil, fmt.Errorf("there is no shipped feed %.40q", name)
	}
	return b, nil
}

func strictly(b []byte, v any) error {
	return yaml.UnmarshalWithOptions(b, v, yaml.DisallowUnknownField())
}

// Config is what a server is told of its signals.
type Config struct {
	Feeds   []FeedUse `yaml:"feeds"`
	Tariffs []Tariff  `yaml:"tariffs"`
	Files   []File    `yaml:"files"`
	// NoDefaults leaves sites in zones of which nothing is known without the yearly
	// average of their country.
	NoDefaults bool `yaml:"noDefaults"`
}

// FeedUse is a feed, or a shipped one with what is to be different.
type FeedUse struct {
	Use  string `yaml:"use"` // name of a shipped one
	Feed `yaml:",inline"`
}

// File is a file of values that is read anew when it changes.
type File struct {
	Path    string         `yaml:"path"`
	Kind    api.SignalKind `yaml:"kind"`
	Zone    string         `yaml:"zone"`
	Columns `yaml:",inline"`
	// Forecast and Horizon are as in a feed.
	Forecast string `yaml:"forecast"`
	Horizon  Span   `yaml:"horizon"`
}

// Validate returns what is wrong, everything at once.
func (f *File) Validate() error {
	var errs []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fault(f.Path == "", "path: is missing")
	fault(!slices.Contains(api.SignalKinds(), f.Kind), "kind: %.40q is none of %v", f.Kind, api.SignalKinds())
	fault(!api.ValidZone(f.Zone), "zone: %.40q is no zone; write for example DE-LU", f.Zone)
	fault(f.Forecast != "" && !knownModel(f.Forecast), "forecast: there is no model %.40q", f.Forecast)
	fault(f.Horizon < 0 || f.Horizon.std() > time.Duration(api.MaxSignalAhead), "horizon: %v is out of range: up to 8 days", f.Horizon.std())
	fault(f.Number != "" && f.Number != "comma", "number: %.20q is not comma", f.Number)
	if f.Unit != "" {
		unit, err := ParseUnit(f.Unit)
		fault(err != nil, "unit: %w", err)
		fault(err == nil && unit.Kind != f.Kind, "unit: %s is a unit of %s, not of %s", f.Unit, unit.Kind, f.Kind)
	}
	_, err := zoneNamed(f.TZ)
	fault(err != nil, "tz: %w", err)
	return errors.Join(errs...)
}

// maxConfig bounds a file of settings, and what it may declare.
const (
	maxConfig  = 1 << 20
	maxSources = 100
)

// ReadConfig reads and checks the settings of signals; the error names every fault.
func ReadConfig(r io.Reader) (*Config, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxConfig+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxConfig {
		return nil, fmt.Errorf("it is larger than %d bytes", maxConfig)
	}
	var c Config
	if err := strictly(b, &c); err != nil {
		return nil, err
	}
	if n := len(c.Feeds) + len(c.Files) + len(c.Tariffs); n > maxSources {
		return nil, fmt.Errorf("it declares %d sources, more than %d", n, maxSources)
	}
	return &c, c.validate()
}

func (c *Config) validate() error {
	var errs []error
	seen := map[string]string{}
	once := func(k api.SignalKind, zone, where string) {
		key := api.SignalKey(k, zone)
		if first, twice := seen[key]; twice {
			errs = append(errs, fmt.Errorf("%s: %s comes from %s already", where, key, first))
		}
		seen[key] = where
	}
	for i := range c.Feeds {
		f, err := c.Feeds[i].resolve()
		if err == nil {
			err = f.Validate()
			c.Feeds[i].Feed = *f
			once(f.Kind, f.Zone, fmt.Sprintf("feeds[%d]", i))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("feeds[%d]: %w", i, err))
		}
	}
	for i := range c.Tariffs {
		if err := c.Tariffs[i].Validate(); err != nil {
			errs = append(errs, fmt.Errorf("tariffs[%d]: %w", i, err))
		}
		once(api.SignalPrice, c.Tariffs[i].Name, fmt.Sprintf("tariffs[%d]", i))
	}
	for i := range c.Files {
		f := &c.Files[i]
		if err := f.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("files[%d]: %w", i, err))
		}
		once(f.Kind, f.Zone, fmt.Sprintf("files[%d]", i))
	}
	return errors.Join(errs...)
}

// resolve lays what is said over the shipped feed that is used.
func (u *FeedUse) resolve() (*Feed, error) {
	f := u.Feed
	if u.Use == "" {
		return &f, nil
	}
	b, err := ShippedText(u.Use)
	if err != nil {
		return nil, fmt.Errorf("use: %w; see drover signals feeds", err)
	}
	var base Feed
	if err := strictly(b, &base); err != nil {
		return nil, err
	}
	if f.Name != "" {
		base.Name = f.Name
	}
	texts := [...]struct{ to, from *string }{
		{&base.Zone, &f.Zone}, {&base.Code, &f.Code}, {&base.URL, &f.URL}, {&base.Forecast, &f.Forecast}, {&base.Unit, &f.Unit}, {&base.UnitAt, &f.UnitAt},
	}
	for _, t := range texts {
		if *t.from != "" {
			*t.to = *t.from
		}
	}
	spans := [...]struct{ to, from *Span }{{&base.Interval, &f.Interval}, {&base.Horizon, &f.Horizon}, {&base.Late, &f.Late}, {&base.Timeout, &f.Timeout}, {&base.From, &f.From}, {&base.To, &f.To}}
	for _, s := range spans {
		if *s.from != 0 {
			*s.to = *s.from
		}
	}
	if len(f.Headers) > 0 {
		base.Headers = f.Headers
	}
	if len(f.With) > 0 {
		base.With = f.With
	}
	return &base, u.untouched()
}

// untouched refuses what cannot be different in a shipped feed.
func (u *FeedUse) untouched() error {
	var said []string
	for name, v := range map[string]string{"kind": string(u.Kind), "each": u.Each, "time": u.Time, "value": u.Value, "known": u.Known, "zoneAt": u.ZoneAt, "tz": u.TZ, "timeForm": u.TimeForm} {
		if v != "" {
			said = append(said, name)
		}
	}
	if len(said) == 0 {
		return nil
	}
	slices.Sort(said)
	return fmt.Errorf("%s of a shipped feed cannot be different: write the feed out (drover signals feeds %s shows it)", strings.Join(said, ", "), u.Use)
}
