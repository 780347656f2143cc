package live

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/signal"
	"drover.dev/internal/state"
)

// TestSignalsReachTheCell: a feed's values, a tariff and the yearly mean of a site's
// country, and while the feed is down the last values with what is wrong.
func TestSignalsReachTheCell(t *testing.T) {
	var down atomic.Bool
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			http.Error(w, "maintenance", http.StatusNotImplemented)
			return
		}
		hour := time.Now().Truncate(time.Hour)
		var b strings.Builder
		for i := range 30 {
			fmt.Fprintf(&b, `,{"at":%q,"value":%d}`, hour.Add(time.Duration(i-29)*time.Hour).Format(time.RFC3339), 100+i)
		}
		fmt.Fprintf(w, `{"list":[%s]}`, b.String()[1:])
	}))
	defer source.Close()
	cfg, err := signal.ReadConfig(strings.NewReader(`
feeds: [{name: grid, kind: carbon, zone: DE, url: "` + source.URL + `/x", each: list, time: at, value: value, unit: g/kWh, tries: 1}]
tariffs: [{name: flat, currency: EUR, price: 0.25}]`))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Feeds[0].Interval = signal.Span(20 * time.Millisecond)
	c := run(t, Config{Signals: cfg, SignalTick: 10 * time.Millisecond})
	do(t, c, &engine.PutSite{Site: api.Site{Name: "lyon", Layer: api.LayerEdge, Zone: "FR"}})
	until(t, c, "the signals", func(st *state.State) bool { return len(st.Signals) == 3 })
	view(t, c, 0, func(st *state.State) {
		now := api.Time(time.Now().Truncate(time.Hour).UnixNano())
		if v, _ := st.Signals["carbon/DE"].At(now); v != 129_000 {
			t.Errorf("the feed says 129 g/kWh, the cell %d mg", v)
		}
		if v, spread := st.Signals["carbon/DE"].At(now.Add(5 * api.Hour)); v < 100_000 || spread == 0 {
			t.Errorf("in five hours %d ± %d", v, spread)
		}
		if v, _ := st.Signals["price/flat"].At(now.Add(100 * api.Hour)); v != 250_000 {
			t.Errorf("the tariff is %d", v)
		}
		if v, _ := st.Signals["carbon/FR"].At(now); v != 56_040 {
			t.Errorf("the yearly mean is %d", v)
		}
	})
	down.Store(true)
	until(t, c, "the fault", func(st *state.State) bool { return st.Signals["carbon/DE"].Fault != "" })
	view(t, c, 0, func(st *state.State) {
		s := st.Signals["carbon/DE"]
		if !strings.Contains(s.Fault, "501") || len(s.Values) < 30 || s.FaultSince == 0 {
			t.Errorf("%q since %s, %d values", s.Fault, s.FaultSince, len(s.Values))
		}
	})
	quiet := func() bool { // further failures are no news; one may be on its way that did not know yet
		before := c.last.Load()
		time.Sleep(100 * time.Millisecond)
		return c.last.Load() == before
	}
	for end := time.Now().Add(wait); !quiet(); {
		if time.Now().After(end) {
			t.Fatal("each failure is recorded")
		}
	}
	down.Store(false)
	until(t, c, "the values again", func(st *state.State) bool { return st.Signals["carbon/DE"].Fault == "" })
	must[int](t)(c.Audit(t.Context()))
}

// TestASlowSourceKeepsNobodyWaiting: while one of them does not answer, a tariff and the
// mean of a country come in.
func TestASlowSourceKeepsNobodyWaiting(t *testing.T) {
	asked, enough := make(chan struct{}), make(chan struct{})
	source := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-enough
	}))
	defer source.Close()
	defer close(enough)
	cfg, err := signal.ReadConfig(strings.NewReader(`
feeds: [{name: grid, kind: carbon, zone: DE, url: "` + source.URL + `/x", each: list, time: at, value: value, unit: g/kWh, tries: 1, timeout: 1m}]
tariffs: [{name: flat, currency: EUR, price: 0.25}]`))
	if err != nil {
		t.Fatal(err)
	}
	c := run(t, Config{Signals: cfg, SignalTick: 10 * time.Millisecond})
	<-asked
	do(t, c, &engine.PutSite{Site: api.Site{Name: "lyon", Layer: api.LayerEdge, Zone: "FR"}})
	until(t, c, "the others", func(st *state.State) bool { return st.Signals["carbon/FR"] != nil && st.Signals["price/flat"] != nil })
}

// TestAChangeIsAccepted: a source whose values are a thirtieth of those before is not
// believed, until an operator says that they are right; then they are.
func TestAChangeIsAccepted(t *testing.T) {
	var divisor atomic.Int64
	divisor.Store(1)
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hour := time.Now().Truncate(time.Hour)
		var b strings.Builder
		for i := range 30 {
			fmt.Fprintf(&b, `,{"at":%q,"value":%d}`, hour.Add(time.Duration(i-29)*time.Hour).Format(time.RFC3339), 600/divisor.Load())
		}
		fmt.Fprintf(w, `{"list":[%s]}`, b.String()[1:])
	}))
	defer source.Close()
	cfg, err := signal.ReadConfig(strings.NewReader(`
feeds: [{name: grid, kind: carbon, zone: DE, url: "` + source.URL + `/x", each: list, time: at, value: value, unit: g/kWh, tries: 1}]`))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Feeds[0].Interval = signal.Span(20 * time.Millisecond)
	c := run(t, Config{Signals: cfg, SignalTick: 10 * time.Millisecond})
	level := func(want int64) func(st *state.State) bool {
		return func(st *state.State) bool {
			s := st.Signals["carbon/DE"]
			if s == nil {
				return false
			}
			v, _ := s.At(api.Time(time.Now().Truncate(time.Hour).UnixNano()))
			return v == want
		}
	}
	until(t, c, "the values", level(600_000))
	divisor.Store(60)
	until(t, c, "the doubt", func(st *state.State) bool {
		return strings.Contains(st.Signals["carbon/DE"].Fault, "drover signals accept carbon/DE")
	})
	do(t, c, &engine.PutSignal{Signal: api.Signal{Kind: api.SignalCarbon, Zone: "DE", Accepted: api.Time(time.Now().UnixNano()), AcceptedFor: "reactors are back"}})
	until(t, c, "the new values", level(10_000))
	view(t, c, 0, func(st *state.State) {
		if s := st.Signals["carbon/DE"]; s.Fault != "" || s.AcceptedFor != "reactors are back" || s.Issued <= s.Accepted {
			t.Errorf("%+v", s)
		}
	})
	divisor.Store(1)
	until(t, c, "what changes back is doubted again", func(st *state.State) bool {
		return strings.Contains(st.Signals["carbon/DE"].Fault, "times those before")
	})
	must[int](t)(c.Audit(t.Context()))
}
