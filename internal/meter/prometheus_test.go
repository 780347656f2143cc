package meter_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/meter"
)

// declared reads a declaration as an agent does.
func declared(t *testing.T, text string) *meter.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "meter.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := meter.ReadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// prometheus answers as its HTTP API documents.
type prometheus struct {
	*httptest.Server
	clock  time.Time
	status int
	body   string // with %d for the time of the query
	asked  atomic.Int64
	auth   string
	query  string
}

func newPrometheus(t *testing.T) *prometheus {
	p := &prometheus{clock: time.Unix(1.7e9, 0), status: http.StatusOK}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/query" {
			http.NotFound(w, r)
			return
		}
		p.auth, p.query = r.Header.Get("Authorization"), r.FormValue("query")
		w.WriteHeader(p.status)
		body := p.body
		if strings.Contains(body, "%d") {
			body = fmt.Sprintf(body, p.clock.Unix())
		}
		_, _ = io.WriteString(w, body)
		p.asked.Add(1)
	}))
	t.Cleanup(p.Close)
	return p
}

// answer is a vector of one series.
func (p *prometheus) answer(value string) {
	p.status, p.body = http.StatusOK, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"instance":"n1"},"value":[%d.781,"`+value+`"]}]}}`
}

// TestPrometheusPower: power holds until the next reading, and not for ever.
func TestPrometheusPower(t *testing.T) {
	p := newPrometheus(t)
	c := declared(t, "unit: W\nstale: 1m\nprometheus:\n  url: "+p.URL+"\n  query: ipmi_watts{instance=\"n1\"}\n")
	m := c.Quiet(nil, func() time.Time { return p.clock })
	if _, err := m.Read(); err == nil {
		t.Error("it measures without a reading")
	}
	p.answer("100")
	m.Ask()
	if p.query != `ipmi_watts{instance="n1"}` {
		t.Errorf("it asks for %s", p.query)
	}
	for _, step := range []struct {
		name string
		pass time.Duration
		then string // the next answer; "" asks nothing
		want api.Microjoules
		says string
	}{
		{"100 W for 10 s", 10 * time.Second, "200", 1000e6, ""},
		{"200 W for 30 s", 30 * time.Second, "", 7000e6, ""},
		{"and for as long as a reading holds", 40 * time.Second, "", 13000e6, "its last reading"},
		{"nothing while it was silent", time.Hour, "50", 13000e6, "said nothing for a while"},
		{"and on", 10 * time.Second, "", 13500e6, ""},
	} {
		p.clock = p.clock.Add(step.pass)
		if step.then != "" {
			p.answer(step.then)
			m.Ask()
		}
		e, err := m.Read()
		if e != step.want || step.says == "" && err != nil || step.says != "" && (err == nil || !strings.Contains(err.Error(), step.says)) {
			t.Errorf("%s: %d µJ, want %d; %v", step.name, e, step.want, err)
		}
	}
}

// TestPrometheusAnswers that cannot be used say why, and count nothing.
func TestPrometheusAnswers(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		body   string
		says   string
	}{
		{"a scalar", 200, `{"status":"success","data":{"resultType":"scalar","result":[%d.1,"61.5"]}}`, ""},
		{"a warning beside a value", 200, `{"status":"success","warnings":["slow"],"data":{"resultType":"vector","result":[{"metric":{},"value":[%d,"61.5"]}]}}`, ""},
		{"no series", 200, `{"status":"success","data":{"resultType":"vector","result":[]}}`, "0 series"},
		{"two series", 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[%d,"1"]},{"metric":{},"value":[1,"2"]}]}}`, "2 series"},
		{"a matrix", 200, `{"status":"success","data":{"resultType":"matrix","result":[]}}`, "matrix"},
		{"no number", 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[%d,"NaN"]}]}}`, "NaN"},
		{"without end", 200, `{"status":"success","data":{"resultType":"scalar","result":[%d,"+Inf"]}}`, "+Inf"},
		{"negative", 200, `{"status":"success","data":{"resultType":"scalar","result":[%d,"-5"]}}`, "cannot be"},
		{"another time", 200, `{"status":"success","data":{"resultType":"scalar","result":[1435781451.781,"61"]}}`, "clock"},
		{"a value that is none", 200, `{"status":"success","data":{"resultType":"scalar","result":["x"]}}`, "no value"},
		{"a query that cannot be read", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:4: parse error"}`, "parse error"},
		{"a query that takes too long", 503, `{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}`, "timed out"},
		{"refused", 401, `Unauthorized`, "401"},
		{"another place", 302, ``, "302"},
		{"too much", 200, strings.Repeat("x", 300<<10), "larger than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPrometheus(t)
			p.status, p.body = tc.status, tc.body
			m := declared(t, "unit: W\nprometheus: {url: "+p.URL+", query: power}\n").Quiet(nil, func() time.Time { return p.clock })
			m.Ask()
			p.clock = p.clock.Add(10 * time.Second)
			e, err := m.Read()
			if tc.says == "" && (err != nil || e != 615e6) || tc.says != "" && (err == nil || e != 0 || !strings.Contains(err.Error(), tc.says)) {
				t.Errorf("%d µJ, %v", e, err)
			}
		})
	}
}

// TestWrongUnits: a source that is off by a thousand is found out, by what the node
// declares or by what it said before.
func TestWrongUnits(t *testing.T) {
	declaredPower := &api.PowerModel{Idle: 60_000, Full: 180_000}
	for _, tc := range []struct {
		name, unit string
		power      *api.PowerModel
		answers    []string // one every 10 s
		says       string
	}{
		{"watts taken for kilowatts", "kW", declaredPower, []string{"100", "100"}, "Is the unit kW right"},
		{"milliwatts taken for watts", "W", declaredPower, []string{"100000"}, "Is the unit W right"},
		{"kilowatts taken for watts", "W", declaredPower, []string{"0.1"}, "Is the unit W right"},
		{"a counter in joules taken for watt hours", "Wh", declaredPower, []string{"5000", "6000"}, "Is the unit Wh right"},
		{"a unit that changes", "W", nil, []string{"90", "95", "100", "95", "90", "95", "100", "95", "90", "95", "100000"}, "has the unit changed"},
		{"a machine that does not draw anything", "W", nil, []string{"0"}, "cannot be"},
		{"a machine that works hard", "W", declaredPower, []string{"60", "180", "250"}, ""},
		{"a counter of joules", "J", declaredPower, []string{"5000", "6000", "7800"}, ""},
		{"one that is set back", "J", declaredPower, []string{"5000", "6000", "100"}, "set back"},
		{"one that stands still", "J", declaredPower, []string{"5000", "5000", "5000", "5000", "5000", "5000", "5000"}, "stood still"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPrometheus(t)
			m := declared(t, "unit: "+tc.unit+"\nstale: 1m\nprometheus: {url: "+p.URL+", query: power}\n").Quiet(tc.power, func() time.Time { return p.clock })
			var err error
			for _, a := range tc.answers {
				p.clock = p.clock.Add(10 * time.Second)
				p.answer(a)
				m.Ask()
				_, err = m.Read()
			}
			e, _ := m.Read()
			if tc.says == "" && err != nil || tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)) {
				t.Errorf("%d µJ, %v", e, err)
			}
			if most := api.Microjoules(100 * 100e6); e > most { // 100 W for 100 s
				t.Errorf("%d µJ are counted", e)
			}
		})
	}
}

// TestPrometheusToken is read from its file for each question, and goes where it should.
func TestPrometheusToken(t *testing.T) {
	p := newPrometheus(t)
	p.answer("61.5")
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("geheim\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := declared(t, "unit: W\nevery: 1s\nprometheus:\n  url: "+p.URL+"\n  query: power\n  token: {file: "+token+"}\n")
	m, err := c.Open(meter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); p.asked.Load() == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if err := m.(io.Closer).Close(); err != nil {
		t.Error(err)
	}
	if p.auth != "Bearer geheim" {
		t.Errorf("it comes with %q", p.auth)
	}
	if err := os.Remove(token); err != nil {
		t.Fatal(err)
	}
	quiet := c.Quiet(nil, time.Now)
	quiet.Ask()
	if _, err := quiet.Read(); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("without its token: %v", err)
	}
}

func TestDeclarationsThatCannotBe(t *testing.T) {
	for name, tc := range map[string][2]string{
		"no unit":             {"prometheus: {url: http://p, query: up}", "unit"},
		"unit":                {"unit: MW\nprometheus: {url: http://p, query: up}", "is no unit"},
		"nothing":             {"unit: W", "one of prometheus and nats"},
		"both":                {"unit: W\nprometheus: {url: http://p, query: up}\nnats: {url: nats://b, subject: a}", "one of prometheus and nats"},
		"field":               {"unit: W\nhttp: x", "http"},
		"URL":                 {"unit: W\nprometheus: {url: p, query: up}", "prometheus.url"},
		"credentials":         {"unit: W\nprometheus: {url: 'http://a:b@p', query: up}", "credentials"},
		"token in the clear":  {"unit: W\nprometheus: {url: 'http://p', query: up, token: {env: X}}", "https"},
		"query":               {"unit: W\nprometheus: {url: 'http://p'}", "query"},
		"timeout":             {"unit: W\nprometheus: {url: 'http://p', query: up, timeout: 2h}", "timeout"},
		"stale":               {"unit: W\nevery: 5m\nstale: 1m\nprometheus: {url: 'http://p', query: up}", "stale"},
		"subject":             {"unit: W\nnats: {url: nats://b, subject: 'meters.>'}", "subject"},
		"token beside":        {"unit: W\nnats: {url: nats://b, subject: a, credentials: c, token: {env: X}}", "not both"},
		"not even a document": {"- - -", ""},
	} {
		path := filepath.Join(t.TempDir(), "meter.yaml")
		if err := os.WriteFile(path, []byte(tc[0]), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := meter.Open(path, meter.Options{}); err == nil || !strings.Contains(err.Error(), tc[1]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := meter.Open(filepath.Join(t.TempDir(), "none.yaml"), meter.Options{}); err == nil {
		t.Error("a file that is not there declares a meter")
	}
}
