package signal

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
)

// plant is a feed of one's own.
func plant(t *testing.T, address string) *Feed {
	t.Helper()
	f := &Feed{
		Name: "plant", Kind: api.SignalGeneration, Zone: "hall", URL: address, Each: "list", Time: "at", Value: "w", Unit: "W",
		Headers: map[string]Secret{"authorization": {Text: "Bearer s3cr3t-key"}}, With: map[string]string{"key": "k+y/of==url"},
	}
	if err := f.Validate(); err != nil {
		t.Fatal(err)
	}
	return f
}

func ask(t *testing.T, f *Feed) (slept []time.Duration, err error) {
	t.Helper()
	c := &Client{Sleep: func(_ context.Context, d time.Duration) error { slept = append(slept, d); return nil }}
	_, err = c.Fetch(t.Context(), f)
	return slept, err
}

func TestWhatAFeedMayReach(t *testing.T) {
	for to, want := range map[string]string{
		"93.184.216.34:443":           "",
		"10.1.2.3:80":                 "", // a plant's own network
		"127.0.0.1:80":                "leads to this machine",
		"[::1]:80":                    "leads to this machine",
		"[::ffff:127.0.0.1]:80":       "leads to this machine",
		"0.0.0.0:80":                  "leads to this machine",
		"169.254.169.254:80":          "no address of a source",
		"[::ffff:169.254.169.254]:80": "no address of a source",
		"[fe80::1%eth0]:80":           "no address of a source",
		"[fd00:ec2::254]:80":          "no address of a source",
		"100.100.100.200:80":          "no address of a source",
		"nonsense":                    "not an ip",
	} {
		if err := reachable(to, true); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", to, err, want)
		}
	}
	if err := reachable("127.0.0.1:80", false); err != nil {
		t.Errorf("the loopback by its address: %v", err)
	}
	if _, err := ask(t, plant(t, "http://169.254.169.254/latest/meta-data")); err == nil || !strings.Contains(err.Error(), "no address of a source") {
		t.Error(err)
	}
}

func TestAFeedIsNotSentElsewhere(t *testing.T) {
	stolen := ""
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { stolen = r.Header.Get("authorization") }))
	defer thief.Close()
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL, http.StatusFound)
	}))
	defer source.Close()
	if _, err := ask(t, plant(t, source.URL)); err == nil || !strings.Contains(err.Error(), "sends elsewhere") || stolen != "" {
		t.Errorf("%v; the key %q came along", err, stolen)
	}
	plainly := httptest.NewRequest(http.MethodGet, "http://source.example/x", nil)
	safely := httptest.NewRequest(http.MethodGet, "https://source.example/", nil)
	if err := sameSource(plainly, []*http.Request{safely}); err == nil {
		t.Error("from https to http is followed, with the key in the open")
	}
}

func TestKeysStandInNoError(t *testing.T) {
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "%s is no key, nor is %s or %s", r.Header.Get("authorization")[7:], r.URL.Query().Get("key"), r.URL.RawQuery)
	}))
	defer source.Close()
	_, err := ask(t, plant(t, source.URL+"/?key={key}"))
	if err == nil || !strings.Contains(err.Error(), "… is no key") || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "of=") || strings.Contains(err.Error(), "of%3D") {
		t.Error(err)
	}
}

// TestASourceThatAsksForPeace is left alone until the feed is due again.
func TestASourceThatAsksForPeace(t *testing.T) {
	asked := 0
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Retry-After", "99999999999")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer source.Close()
	if slept, err := ask(t, plant(t, source.URL)); err == nil || asked != 1 || len(slept) != 0 {
		t.Errorf("asked %d times, slept %v: %v", asked, slept, err)
	}
}
