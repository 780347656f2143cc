package meter_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"drover.dev/api"
	"drover.dev/internal/meter"
)

// broker is a NATS server of the test's own that asks for a token.
func broker(t *testing.T) (url string, publish func(text string)) {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, Authorization: "geheim"})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the broker does not start")
	}
	conn, err := nats.Connect(s.ClientURL(), nats.Token("geheim"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return s.ClientURL(), func(text string) {
		if err := conn.Publish("meters.n1", []byte(text)); err != nil {
			t.Error(err)
		}
	}
}

// until reads a meter until it says what is expected.
func until(t *testing.T, m meter.Meter, what string, ok func(e api.Microjoules, err error) bool, again func()) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		again()
		e, err := m.Read()
		switch {
		case ok(e, err):
			return
		case time.Now().After(deadline):
			t.Fatalf("%s: %d µJ, %v", what, e, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestSubject: a counter that is published is counted, and what is no reading is told.
func TestSubject(t *testing.T) {
	url, publish := broker(t)
	t.Setenv("METER_TOKEN", "geheim")
	m, err := declared(t, "unit: J\nnats: {url: '"+url+"', subject: meters.n1, token: {env: METER_TOKEN}}\n").Open(meter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.(io.Closer).Close() //nolint:errcheck // the test's own
	until(t, m, "the first reading", func(_ api.Microjoules, err error) bool { return err == nil }, func() { publish("1000") })
	publish(`{"value": 1250.5, "unit": "J", "time": "` + time.Now().UTC().Format(time.RFC3339Nano) + `"}`)
	until(t, m, "250.5 J", func(e api.Microjoules, err error) bool { return e == 250_500_000 && err == nil }, func() {})
	publish(`{"value": 900, "time": "` + time.Now().Add(-30*time.Second).UTC().Format(time.RFC3339Nano) + `"}`) // was overtaken
	publish(`{"value": 1260.5}`)
	until(t, m, "260.5 J", func(e api.Microjoules, err error) bool { return e == 260_500_000 && err == nil }, func() {})
	if s := m.String(); s != "nats meters.n1" {
		t.Error(s)
	}
}

// TestMessagesThatAreNoReadings count nothing, and Read says why.
func TestMessagesThatAreNoReadings(t *testing.T) {
	url, publish := broker(t)
	t.Setenv("METER_TOKEN", "geheim")
	for text, says := range map[string]string{
		"warm":                               "no reading",
		`{"unit": "W"}`:                      "no reading",
		`{"value": 5, "unit": "kW"}`:         "speaks of",
		`{"value": 5, "time": "2001-01-01"}`: "no reading",
		`{"value": 5, "time": "2001-01-01T00:00:00Z"}`: "clock",
		strings.Repeat("1", 5000):                      "5000 bytes",
		"-5":                                           "cannot be",
		"1e300":                                        "cannot be",
	} {
		m, err := declared(t, "unit: W\nnats: {url: '"+url+"', subject: meters.n1, token: {env: METER_TOKEN}}\n").Open(meter.Options{})
		if err != nil {
			t.Fatal(err)
		}
		until(t, m, text[:min(len(text), 40)], func(e api.Microjoules, err error) bool {
			return e == 0 && err != nil && strings.Contains(err.Error(), says)
		}, func() { publish(text) })
		if err := m.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestABrokerThatIsAway is waited for: the agent starts, and the meter says what is wrong.
func TestABrokerThatIsAway(t *testing.T) {
	m, err := declared(t, "unit: W\nnats: {url: 'nats://127.0.0.1:1', subject: meters.n1}\n").Open(meter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.(io.Closer).Close() //nolint:errcheck // the test's own
	if e, err := m.Read(); e != 0 || err == nil {
		t.Errorf("%d µJ, %v", e, err)
	}
}
