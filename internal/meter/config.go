package meter

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"drover.dev/api"
)

// Config declares a meter that is read over the network: one of Prometheus and NATS.
type Config struct {
	// Unit is uJ, mJ, J, Wh or kWh of a counter, or mW, W or kW of power.
	Unit string `yaml:"unit"`
	// Every is how often a query is asked; "" is 15s.
	Every string `yaml:"every"`
	// Stale is how long a reading holds; "" is 2m.
	Stale      string            `yaml:"stale"`
	Prometheus *PrometheusConfig `yaml:"prometheus"`
	NATS       *SubjectConfig    `yaml:"nats"`

	unit         unit
	every, stale time.Duration
}

// PrometheusConfig is where a query is answered.
type PrometheusConfig struct {
	// URL is the server's, without /api/v1/query.
	URL string `yaml:"url"`
	// Query gives one number: the machine's meter.
	Query string `yaml:"query"`
	// Token is sent as a bearer token, over https or to this machine only.
	Token Secret `yaml:"token"`
	// Timeout is how long an answer may take; "" is 5s.
	Timeout string `yaml:"timeout"`

	timeout time.Duration
}

// SubjectConfig is where messages with readings come from.
type SubjectConfig struct {
	URL     string `yaml:"url"`
	Subject string `yaml:"subject"`
	// Token lets the connection in; Credentials is a file of NATS credentials.
	Token       Secret `yaml:"token"`
	Credentials string `yaml:"credentials"`
}

// Secret is a text in a file or the environment, read each time that it is used.
type Secret struct {
	File string `yaml:"file"`
	Env  string `yaml:"env"`
}

const (
	maxConfig = 64 << 10
	maxSecret = 16 << 10
	maxQuery  = 4 << 10
)

func (s Secret) value() (string, error) {
	switch {
	case s.Env != "":
		if v := strings.TrimSpace(os.Getenv(s.Env)); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("the environment has no %s", s.Env)
	case s.File == "":
		return "", nil
	}
	b, err := readUpTo(s.File, maxSecret)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	v := strings.TrimSpace(string(b))
	if v == "" || strings.ContainsAny(v, "\r\n") {
		return "", fmt.Errorf("the token in %s is not one line", s.File)
	}
	return v, nil
}

func readUpTo(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s is larger than %d bytes", path, most)
	}
	return b, err
}

// ReadConfig reads and checks a declaration; the error names every fault.
func ReadConfig(path string) (*Config, error) {
	b, err := readUpTo(path, maxConfig)
	if err != nil {
		return nil, err
	}
	var c Config
	if err := yaml.UnmarshalWithOptions(b, &c, yaml.DisallowUnknownField()); err != nil {
		return nil, err
	}
	return &c, c.validate()
}

// validate fills in defaults and names every fault at once.
func (c *Config) validate() error {
	var errs []error
	fault := func(err error, where string) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", where, err))
		}
	}
	var err error
	c.unit, err = unitNamed(c.Unit)
	fault(err, "unit")
	c.every, err = span(c.Every, 15*time.Second, time.Second, 10*time.Minute)
	fault(err, "every")
	c.stale, err = span(c.Stale, 2*time.Minute, 5*time.Second, time.Hour)
	fault(err, "stale")
	if (c.Prometheus == nil) == (c.NATS == nil) {
		errs = append(errs, errors.New("declare one of prometheus and nats"))
	}
	if p := c.Prometheus; p != nil {
		p.timeout, err = span(p.Timeout, 5*time.Second, 100*time.Millisecond, time.Minute)
		fault(err, "prometheus.timeout")
		if c.every >= c.stale {
			errs = append(errs, fmt.Errorf("stale: readings of every %s hold longer than that; write for example stale: %s", c.every, 4*c.every))
		}
		errs = append(errs, p.faults()...)
	}
	if c.NATS != nil {
		errs = append(errs, c.NATS.faults()...)
	}
	return errors.Join(errs...)
}

// span reads a duration within bounds.
func span(text string, usual, least, most time.Duration) (time.Duration, error) {
	if text == "" {
		return usual, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		return 0, fmt.Errorf("%.40q is no time from %s to %s; write for example %s", text, least, most, usual)
	}
	return d, nil
}

// Open begins to read the meter that was declared.
func (c *Config) Open(o Options) (Meter, error) { return c.open(o.Power, time.Now) }

func (c *Config) open(p *api.PowerModel, now func() time.Time) (Meter, error) {
	t := newTally(c.unit, c.stale, p, now)
	if c.NATS != nil {
		return openSubject(c.NATS, t)
	}
	return openPrometheus(c.Prometheus, t, c.every), nil
}
