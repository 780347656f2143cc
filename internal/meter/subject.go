package meter

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"drover.dev/api"
)

// Subject is a meter whose readings are published on a NATS subject: a number, or an
// object {"value": 61.5, "unit": "W", "time": "2026-03-01T12:00:00Z"} of which unit and
// time may be left out.
type Subject struct {
	c     *SubjectConfig
	tally *tally
	conn  *nats.Conn
	last  time.Time // of the readings that say when they were made
}

func (c *SubjectConfig) faults() (errs []error) {
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.User != nil {
		errs = append(errs, errors.New("nats.url: is no URL without credentials; write for example nats://broker:4222, and token or credentials beside it"))
	}
	if c.Subject == "" || len(c.Subject) > 255 || strings.ContainsAny(c.Subject, " \t\r\n*>") {
		errs = append(errs, fmt.Errorf("nats.subject: %.40q is not the subject of one meter; write for example meters.rack-3.n7", c.Subject))
	}
	if c.Token != (Secret{}) && c.Credentials != "" {
		errs = append(errs, errors.New("nats: give a token or credentials, not both"))
	}
	return errs
}

func openSubject(c *SubjectConfig, t *tally) (*Subject, error) {
	s := &Subject{c: c, tally: t}
	options := []nats.Option{
		nats.Name("drover meter"), nats.Timeout(5 * time.Second), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true), nats.NoEcho(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				t.failed(fmt.Errorf("the connection is lost: %w", err))
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { t.failed(err) }),
	}
	if c.Token != (Secret{}) {
		options = append(options, nats.TokenHandler(func() string {
			token, err := c.Token.value()
			if err != nil {
				t.failed(err)
			}
			return token
		}))
	}
	if c.Credentials != "" {
		options = append(options, nats.UserCredentials(c.Credentials))
	}
	conn, err := nats.Connect(c.URL, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to the meter's bus %s: %w", c.URL, err)
	}
	sub, err := conn.Subscribe(c.Subject, s.receive)
	if err == nil {
		err = sub.SetPendingLimits(1024, 1<<20) // who floods loses readings, not our memory
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("subscribe to the meter %s: %w", c.Subject, err)
	}
	s.conn = conn
	return s, nil
}

// receive takes one message in; messages come one after the other.
func (s *Subject) receive(m *nats.Msg) {
	v, err := s.reading(m.Data)
	switch {
	case errors.Is(err, errOld):
	case err != nil:
		s.tally.failed(err)
	default:
		s.tally.take(v)
	}
}

// errOld says that a message was overtaken by a later one.
var errOld = errors.New("older than the last")

const maxMessage = 4 << 10

func (s *Subject) reading(b []byte) (float64, error) {
	if len(b) > maxMessage {
		return 0, fmt.Errorf("a message of %d bytes is no reading", len(b))
	}
	text := strings.TrimSpace(string(b))
	if !strings.HasPrefix(text, "{") {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, fmt.Errorf("the message %.40q is no reading: write a number, or an object with value, unit and time", text)
		}
		return v, nil
	}
	var r struct {
		Value *float64
		Unit  string
		Time  time.Time
	}
	if err := json.Unmarshal(b, &r); err != nil || r.Value == nil {
		return 0, fmt.Errorf("the message %.80q is no reading: write an object with value, unit and time", text)
	}
	if r.Unit != "" && r.Unit != s.tally.unit.name {
		return 0, fmt.Errorf("it speaks of %.20q, and %s was declared", r.Unit, s.tally.unit.name)
	}
	if r.Time.IsZero() {
		return *r.Value, nil
	}
	if off := s.tally.now().Sub(r.Time).Abs(); off > s.tally.stale {
		return 0, fmt.Errorf("a reading of %s is %s off this machine's clock", r.Time.UTC().Format(time.RFC3339), off.Round(time.Second))
	}
	if r.Time.Before(s.last) {
		return 0, errOld
	}
	s.last = r.Time
	return *r.Value, nil
}

// Read implements Meter.
func (s *Subject) Read() (api.Microjoules, error) {
	sum, err := s.tally.read()
	if err != nil {
		err = fmt.Errorf("%s: %w", s, err)
	}
	return sum, err
}

// Close ends the connection.
func (s *Subject) Close() error {
	s.conn.Close()
	return nil
}

// String names the subject.
func (s *Subject) String() string { return "nats " + s.c.Subject }
