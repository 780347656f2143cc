package meter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"drover.dev/api"
)

// Prometheus is a meter that Prometheus, or what speaks its HTTP API, has read: an
// instant query is asked again and again.
type Prometheus struct {
	c     *PrometheusConfig
	tally *tally
	http  *http.Client
	stop  context.CancelFunc
	done  sync.WaitGroup
}

func (c *PrometheusConfig) faults() (errs []error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return append(errs, errors.New("prometheus.url: is no URL; write for example http://prometheus:9090"))
	}
	if u.User != nil {
		errs = append(errs, errors.New("prometheus.url: holds credentials, which would show in logs; use token"))
	}
	if c.Token != (Secret{}) && u.Scheme != "https" && !loopback(u.Hostname()) {
		errs = append(errs, errors.New("prometheus.token: goes over https only; write https:// in the url"))
	}
	if c.Query == "" || len(c.Query) > maxQuery {
		errs = append(errs, fmt.Errorf("prometheus.query: has %d bytes, and 1 to %d are allowed", len(c.Query), maxQuery))
	}
	return errs
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func openPrometheus(c *PrometheusConfig, t *tally, every time.Duration) *Prometheus {
	ctx, stop := context.WithCancel(context.Background())
	p := newPrometheus(c, t)
	p.stop = stop
	p.done.Go(func() {
		for tick := time.NewTicker(every); ; {
			p.ask(ctx)
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	})
	return p
}

func newPrometheus(c *PrometheusConfig, t *tally) *Prometheus {
	return &Prometheus{c: c, tally: t, stop: func() {}, http: &http.Client{
		Timeout:       c.timeout,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token is not for others
	}}
}

// ask takes one answer in.
func (p *Prometheus) ask(ctx context.Context) {
	v, err := p.query(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		p.tally.failed(err)
	default:
		p.tally.take(v)
	}
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 256 << 10

func (p *Prometheus) query(ctx context.Context) (float64, error) {
	token, err := p.c.Token.value()
	if err != nil {
		return 0, err
	}
	where := strings.TrimSuffix(p.c.URL, "/") + "/api/v1/query?" + url.Values{"query": {p.c.Query}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Accept", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := p.http.Do(r)
	if err != nil {
		return 0, withoutToken(err, token)
	}
	defer answer.Body.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return 0, fmt.Errorf("read the answer: %w", err)
	case len(b) > maxAnswer:
		return 0, fmt.Errorf("the answer is larger than %d bytes: the query has to give one number, sum(…) for instance", maxAnswer)
	}
	v, at, err := instant(b, answer.StatusCode)
	if err != nil {
		return 0, withoutToken(err, token)
	}
	if off := p.tally.now().Sub(at).Abs(); off > p.tally.stale {
		return 0, fmt.Errorf("the answer is of %s, %s off this machine's clock", at.UTC().Format(time.RFC3339), off.Round(time.Second))
	}
	return v, nil
}

// withoutToken is an error that is short and does not give a secret away.
func withoutToken(err error, token string) error {
	text := err.Error()
	if token != "" {
		text = strings.ReplaceAll(text, token, "…")
	}
	if len(text) > 400 {
		text = strings.ToValidUTF8(text[:400], "") + "…"
	}
	return errors.New(text)
}

// instant reads the answer to an instant query: a scalar, or a vector of one series.
func instant(b []byte, status int) (v float64, at time.Time, err error) {
	var a struct {
		Status, ErrorType, Error string
		Data                     struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return 0, at, fmt.Errorf("answer %d, which is not that of a Prometheus: %w", status, err)
	}
	if a.Status != "success" || status != http.StatusOK {
		return 0, at, fmt.Errorf("answer %d, %s: %s", status, a.ErrorType, a.Error)
	}
	var pair [2]json.RawMessage
	switch a.Data.ResultType {
	case "scalar":
		err = json.Unmarshal(a.Data.Result, &pair)
	case "vector":
		var rows []struct{ Value [2]json.RawMessage }
		if err = json.Unmarshal(a.Data.Result, &rows); err == nil && len(rows) != 1 {
			return 0, at, fmt.Errorf("the query gives %d series where it has to give one: name the machine in it, or sum(…)", len(rows))
		}
		if err == nil {
			pair = rows[0].Value
		}
	default:
		return 0, at, fmt.Errorf("the query gives a %.20s: it has to give one number as of now", a.Data.ResultType)
	}
	if err == nil {
		v, at, err = sample(pair)
	}
	if err != nil {
		return 0, at, fmt.Errorf("the answer holds no value: %w", err)
	}
	return v, at, nil
}

// sample is a value as Prometheus writes it, with its time: [1435781451.781, "1"].
func sample(pair [2]json.RawMessage) (v float64, at time.Time, err error) {
	var seconds float64
	var text string
	if err := errors.Join(json.Unmarshal(pair[0], &seconds), json.Unmarshal(pair[1], &text)); err != nil {
		return 0, at, err
	}
	if v, err = strconv.ParseFloat(text, 64); err != nil {
		return 0, at, err
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, at, fmt.Errorf("it is %s", text)
	}
	return v, time.UnixMilli(int64(min(max(seconds, 0), 1e11) * 1000)), nil
}

// Read implements Meter.
func (p *Prometheus) Read() (api.Microjoules, error) {
	sum, err := p.tally.read()
	if err != nil {
		err = fmt.Errorf("%s: %w", p, err)
	}
	return sum, err
}

// Close ends the queries.
func (p *Prometheus) Close() error {
	p.stop()
	p.done.Wait()
	p.http.CloseIdleConnections()
	return nil
}

// String names the query.
func (p *Prometheus) String() string { return "prometheus " + p.c.URL + ": " + p.c.Query }
