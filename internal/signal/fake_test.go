package signal_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"drover.dev/internal/signal"
)

// noon is when the tests take place.
var noon = time.Date(2024, 3, 5, 12, 10, 0, 0, time.UTC)

// sources answers as the four shipped sources document it, whatever host is asked.
type sources struct {
	asked []*http.Request
	fail  func(w http.ResponseWriter, n int) bool // answers the n-th request instead
}

func (s *sources) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked = append(s.asked, r)
	if s.fail != nil && s.fail(w, len(s.asked)) {
		return
	}
	hour := noon.Truncate(time.Hour)
	var b strings.Builder
	switch q := r.URL.Query(); r.Header.Get("X-Host") {
	case "api.electricitymaps.com":
		if r.Header.Get("Auth-Token") != "secret-key" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"status":"error","message":"Invalid auth-token"}`)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/forecast") {
			fmt.Fprintf(&b, `{"zone":%q,"forecast":[`, q.Get("zone"))
			for i := range 24 {
				fmt.Fprintf(&b, `%s{"carbonIntensity":%d,"datetime":%q}`, comma(i), 300+i, stamp(hour.Add(time.Duration(i)*time.Hour)))
			}
			b.WriteString(`],"updatedAt":"2024-03-05T12:01:02.003Z"}`)
			break
		}
		fmt.Fprintf(&b, `{"zone":%q,"history":[`, q.Get("zone"))
		for i := range 24 {
			fmt.Fprintf(&b, `%s{"zone":"DE","carbonIntensity":%d,"datetime":%q,"updatedAt":"2024-03-05T12:01:02.003Z","createdAt":"2024-03-02T12:01:02.003Z","emissionFactorType":"lifecycle","isEstimated":true,"estimationMethod":"TIME_SLICER_AVERAGE"}`,
				comma(i), 400+i, stamp(hour.Add(time.Duration(i-23)*time.Hour)))
		}
		b.WriteString(`]}`)
	case "api.carbonintensity.org.uk":
		if !strings.HasPrefix(r.URL.Path, "/intensity/2024-02-27T12:10Z/2024-03-07T12:10Z") {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":{"code":"400 Bad Request","message":"Please enter a valid start datetime in ISO8601 format YYYY-MM-DDThh:mmZ i.e. /intensity/2017-08-25T12:35Z"}}`)
			return
		}
		b.WriteString(`{"data":[`)
		for i := range 96 + 96 {
			at := hour.Add(time.Duration(i-96) * 30 * time.Minute)
			actual := "null"
			if at.Before(hour) {
				actual = fmt.Sprint(200 + i)
			}
			fmt.Fprintf(&b, `%s{"from":%q,"to":%q,"intensity":{"forecast":%d,"actual":%s,"index":"moderate"}}`,
				comma(i), at.Format("2006-01-02T15:04Z"), at.Add(30*time.Minute).Format("2006-01-02T15:04Z"), 250+i, actual)
		}
		b.WriteString(`]}`)
	case "api.energy-charts.info":
		if q.Get("bzn") != "DE-LU" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"detail":"no content available"}`)
			return
		}
		day := time.Date(2024, 3, 4, 23, 0, 0, 0, time.UTC)
		times, prices := "", ""
		for i := range 48 { // tomorrow's are out
			times += fmt.Sprint(comma(i), day.Add(time.Duration(i)*time.Hour).Unix())
			prices += fmt.Sprint(comma(i), 5.25*float64(i)-20)
		}
		fmt.Fprintf(&b, `{"license_info":"CC BY 4.0 from Bundesnetzagentur | SMARD.de","unix_seconds":[%s],"price":[%s],"unit":"EUR / MWh","deprecated":false}`, times, prices)
	case "api.open-meteo.com":
		if q.Get("latitude") == "abc" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"reason":"Data corrupted at path ''. Cannot initialize Float from invalid String value abc.","error":true}`)
			return
		}
		var times, values string
		for i := range 96 {
			times += fmt.Sprintf("%s%q", comma(i), time.Date(2024, 3, 4, i, 0, 0, 0, time.UTC).Format("2006-01-02T15:04"))
			values += fmt.Sprintf("%s%.1f", comma(i), 3.5+float64(i%24)/10)
		}
		fmt.Fprintf(&b, `{"latitude":52.52,"longitude":13.419998,"generationtime_ms":0.02,"utc_offset_seconds":0,"timezone":"GMT","timezone_abbreviation":"GMT","elevation":38.0,"hourly_units":{"time":"iso8601","temperature_2m":"°C"},"hourly":{"time":[%s],"temperature_2m":[%s]}}`, times, values)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
	fmt.Fprint(w, b.String())
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z") }

// toFake sends every request to the fake, with the host that was meant in a header.
type toFake struct{ base *url.URL }

func (f toFake) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Host", r.URL.Host)
	r.URL.Scheme, r.URL.Host = f.base.Scheme, f.base.Host
	return http.DefaultTransport.RoundTrip(r)
}

// client asks the fake, and notes how long it would have slept.
func client(t *testing.T, s *sources) (*signal.Client, *[]time.Duration) {
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var slept []time.Duration
	return &signal.Client{
		HTTP: &http.Client{Transport: toFake{base}},
		Now:  func() time.Time { return noon },
		Sleep: func(_ context.Context, d time.Duration) error {
			slept = append(slept, d)
			return nil
		},
	}, &slept
}
