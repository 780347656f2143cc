package signal

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"drover.dev/api"
)

// Feed declares an HTTP source of values over time. Text in URL and Headers may hold
// {name}: zone, from and to (times, in TimeForm), and the names in With.
type Feed struct {
	Name string         `yaml:"name"`
	Doc  string         `yaml:"doc"`
	Kind api.SignalKind `yaml:"kind"`
	Zone string         `yaml:"zone"` // in the cell
	Code string         `yaml:"code"` // of the zone at the source, {zone}; "" is Zone

	URL     string            `yaml:"url"`
	Headers map[string]Secret `yaml:"headers"`
	With    map[string]string `yaml:"with"`
	// From and To are how far back and ahead is asked for. Defaults 24h and 48h.
	From     Span   `yaml:"from"`
	To       Span   `yaml:"to"`
	TimeForm string `yaml:"timeForm"` // "rfc3339", "minutes" (2006-01-02T15:04Z), "date" or "unix"
	ZoneAt   string `yaml:"zoneAt"`   // path in the answer to the zone, which must be Code

	// Either Each leads to a list of objects, and Time and Value into each of them, or
	// without Each Time and Value lead to two lists of equal length. Value may name
	// several, with | between them: the first that has a number counts.
	Each  string `yaml:"each"`
	Time  string `yaml:"time"`
	Value string `yaml:"value"`
	// Known leads to what was measured, where Value is a forecast.
	Known  string `yaml:"known"`
	Unit   string `yaml:"unit"`
	UnitAt string `yaml:"unitAt"` // path to the unit, which must be Unit
	TZ     string `yaml:"tz"`     // of times that name no offset; "" is UTC
	// Ahead says that values in the future are published facts, as day-ahead prices are.
	Ahead bool `yaml:"ahead"`

	Interval Span     `yaml:"every"`    // how often it is asked. Default 1h, at least 1m
	Timeout  Span     `yaml:"timeout"`  // of one try. Default 10s
	Tries    int      `yaml:"tries"`    // at most. Default 3
	MaxBytes int64    `yaml:"maxBytes"` // of an answer. Default 4 MiB
	Late     Span     `yaml:"late"`     // the newest measured value may be so old. Default 3h
	Forecast string   `yaml:"forecast"` // model that goes on where the source ends; "none". Default snaive
	Horizon  Span     `yaml:"horizon"`  // how far. Default 48h
	Needs    []string `yaml:"needs"`    // names that With must give
}

// Span is a length of time, written as in 90s, 15m, 24h.
type Span time.Duration

// UnmarshalText reads it.
func (s *Span) UnmarshalText(b []byte) error {
	var d api.Duration
	err := d.UnmarshalText(b)
	*s = Span(d)
	return err
}

func (s Span) std() time.Duration { return time.Duration(s) }

// Secret is a text, or where it is read from each time it is used. It never shows in
// logs or errors.
type Secret struct {
	Text string `yaml:"text"`
	Env  string `yaml:"env"`  // a variable of the environment
	File string `yaml:"file"` // whose first line is it
}

// String does not give the secret away.
func (s Secret) String() string {
	switch {
	case s.Env != "":
		return "from $" + s.Env
	case s.File != "":
		return "from " + s.File
	}
	return "set"
}

// value reads the secret.
func (s Secret) value() (string, error) {
	switch {
	case s.Env != "":
		if v := os.Getenv(s.Env); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("the environment has no %s, which a header is to be read from", s.Env)
	case s.File != "":
		b, err := os.ReadFile(s.File)
		if err != nil {
			return "", fmt.Errorf("read a header's secret: %w", err)
		}
		line, _, _ := strings.Cut(string(b), "\n")
		return strings.TrimSpace(line), nil
	}
	return s.Text, nil
}

// defaults fills in what a feed leaves out.
func (f *Feed) defaults() {
	f.Code = cmp.Or(f.Code, f.Zone)
	f.From = cmp.Or(f.From, Span(24*time.Hour))
	f.To = cmp.Or(f.To, Span(48*time.Hour))
	f.TimeForm = cmp.Or(f.TimeForm, "rfc3339")
	f.Interval = cmp.Or(f.Interval, Span(time.Hour))
	f.Timeout = cmp.Or(f.Timeout, Span(10*time.Second))
	f.Tries = cmp.Or(f.Tries, 3)
	f.MaxBytes = cmp.Or(f.MaxBytes, 4<<20)
	f.Late = cmp.Or(f.Late, Span(3*time.Hour))
	f.Forecast = cmp.Or(f.Forecast, "snaive")
	f.Horizon = cmp.Or(f.Horizon, Span(48*time.Hour))
}

var placeholder = regexp.MustCompile(`\{([a-zA-Z]+)\}`)

// Validate fills in what is left out and returns what is wrong, everything at once.
func (f *Feed) Validate() error {
	f.defaults()
	var errs []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("feed %s: %w", f.Name, fmt.Errorf(format, args...)))
		}
	}
	fault(!api.ValidName(f.Name), "name: %.40q is no name: use a-z, 0-9 and '-'", f.Name)
	fault(!slices.Contains(api.SignalKinds(), f.Kind), "kind: %.40q is none of %v", f.Kind, api.SignalKinds())
	fault(!api.ValidZone(f.Zone), "zone: %.40q is no zone; write for example DE-LU", f.Zone)
	u, err := url.Parse(placeholder.ReplaceAllString(f.URL, "x"))
	fault(err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http", "url: it must be a whole URL with http or https")
	fault(err == nil && u.User != nil, "url: it holds credentials, which would show: use headers")
	fault(f.Time == "" || f.Value == "", "time and value: both need a path into the answer")
	unit, err := ParseUnit(f.Unit)
	fault(err != nil, "unit: %w", err)
	fault(err == nil && unit.Kind != f.Kind, "unit: %s is a unit of %s, not of %s", f.Unit, unit.Kind, f.Kind)
	_, err = zoneNamed(f.TZ)
	fault(err != nil, "tz: %w", err)
	fault(!slices.Contains([]string{"rfc3339", "minutes", "date", "unix"}, f.TimeForm), "timeForm: %.20q is none of rfc3339, minutes, date, unix", f.TimeForm)
	fault(f.Interval.std() < time.Minute || f.Interval.std() > 24*time.Hour, "every: %v is out of range: 1m to 24h", f.Interval.std())
	fault(f.Timeout.std() < time.Millisecond || f.Timeout.std() > time.Minute, "timeout: %v is out of range: up to 1m", f.Timeout.std())
	fault(f.Tries < 1 || f.Tries > 5, "tries: %d is out of range: 1 to 5", f.Tries)
	fault(f.MaxBytes < 1 || f.MaxBytes > 64<<20, "maxBytes: %d is out of range: up to 64 MiB", f.MaxBytes)
	fault(f.From < 0 || f.To < 0 || f.From.std() > 31*24*time.Hour || f.To.std() > 8*24*time.Hour, "from and to: at most 31 days back and 8 ahead")
	fault(f.Horizon < 0 || f.Horizon.std() > time.Duration(api.MaxSignalAhead), "horizon: %v is out of range: up to 8 days", f.Horizon.std())
	fault(!knownModel(f.Forecast), "forecast: there is no model %.40q", f.Forecast)
	for _, name := range f.missing() {
		fault(true, "with: {%s} is needed%s", name, f.why(name))
	}
	return errors.Join(errs...)
}

// missing are the placeholders that nothing gives a value to.
func (f *Feed) missing() (out []string) {
	texts := append([]string{f.URL}, f.Needs...)
	for i := range f.Needs {
		texts[i+1] = "{" + f.Needs[i] + "}"
	}
	for _, text := range texts {
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			_, given := f.With[m[1]]
			if !given && !slices.Contains([]string{"zone", "from", "to"}, m[1]) && !slices.Contains(out, m[1]) {
				out = append(out, m[1])
			}
		}
	}
	return out
}

func (f *Feed) why(name string) string {
	if slices.Contains(f.Needs, name) {
		return "; see drover signals feeds " + f.Name
	}
	return ""
}

// address is the URL that is asked at a moment.
func (f *Feed) address(now time.Time) string {
	return placeholder.ReplaceAllStringFunc(f.URL, func(m string) string {
		switch name := m[1 : len(m)-1]; name {
		case "zone":
			return url.QueryEscape(f.Code)
		case "from":
			return f.time(now.Add(-f.From.std()))
		case "to":
			return f.time(now.Add(f.To.std()))
		default:
			return url.QueryEscape(f.With[name])
		}
	})
}

func (f *Feed) time(t time.Time) string {
	t = t.UTC().Truncate(time.Minute)
	switch f.TimeForm {
	case "minutes":
		return t.Format("2006-01-02T15:04Z")
	case "date":
		return t.Format("2006-01-02")
	case "unix":
		return fmt.Sprint(t.Unix())
	}
	return t.Format(time.RFC3339)
}
