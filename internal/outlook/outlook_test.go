package outlook

import (
	"bytes"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/series"
)

const noon = api.Time(20_000) * 86_400 * api.Time(api.Second)

// world is a store and an outlook whose time a test moves.
type world struct {
	t     *testing.T
	now   api.Time
	dir   string
	log   bytes.Buffer
	store *series.Store
	files *artifact.Files
	out   *Outlook
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: noon, dir: t.TempDir()}
	var err error
	if w.store, err = series.Open(filepath.Join(w.dir, "series"), series.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	if w.files, err = artifact.OpenFiles(filepath.Join(w.dir, "artifacts"), artifact.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.files.Close() })
	w.open()
	return w
}

// view is a season of twelve minutes, looked at two seasons ahead.
func view() View {
	return View{Name: "minutes", Step: time.Minute, History: 240, Horizon: 24, Seasons: []int{12}, Every: 4 * time.Minute, Refit: 12 * time.Minute, Least: 20, Models: []string{"regression", "theta", naive}}
}

func (w *world) open() {
	w.t.Helper()
	var err error
	w.out, err = Open(Config{
		Series: w.store, Dir: filepath.Join(w.dir, "outlook"), Now: func() api.Time { return w.now }, Views: []View{view()}, Models: w.files,
		Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func never() bool { return false }

// live lets minutes pass, each with a value, and the outlook do what is due.
func (w *world) live(minutes int, value func(minute int) float64) {
	w.t.Helper()
	for range minutes {
		i := int((w.now - noon) / api.Time(api.Minute))
		if err := w.store.Add("load/default/web", series.Gauge, w.now, value(i)); err != nil {
			w.t.Fatal(err)
		}
		w.now += api.Time(api.Minute)
		if err := w.store.Tick(w.now); err != nil {
			w.t.Fatal(err)
		}
		w.out.Fit(never)
	}
}

// wave has a season of twelve minutes, a slow rise and noise that is the same in every run.
func wave(i int) float64 {
	noise := math.Sin(float64(i*i)*0.7) * 4
	return 500 + float64(i)/10 + 100*math.Sin(2*math.Pi*float64(i)/12) + noise
}

func TestForecastsAreKeptCurrentAndGraded(t *testing.T) {
	w := newWorld(t)
	w.live(150, wave)
	f := w.out.Forecasts("load/")
	if len(f) != 1 || len(f[0].Points) != 24 || w.now-f[0].Origin > 4*api.Time(api.Minute) {
		t.Fatalf("the forecasts are %+v", f)
	}
	for i, p := range f[0].Points {
		minute := int((p.At - noon) / api.Time(api.Minute))
		if want := wave(minute); math.Abs(p.Mean-want) > 25 || p.Lo95 > p.Mean || p.Hi95 < p.Mean {
			t.Errorf("%d minutes ahead %.0f is expected (%.0f to %.0f), %.0f comes", i+1, p.Mean, p.Lo95, p.Hi95, want)
		}
	}
	found := map[string]bool{}
	for _, s := range w.out.Scores("") {
		found[s.Model] = true
		switch {
		case s.N == 0 || s.MAE <= 0 || s.Pinball <= 0 || s.MASE == nil || s.NaiveMAE == nil:
			t.Errorf("a score lacks figures: %+v", s)
		case s.Model == naive && *s.NaiveMAE != s.MAE:
			t.Errorf("seasonal naive is not as good as itself: %+v", s)
		case s.Model == "regression" && s.From == 1 && (s.Coverage95 < 0.6 || s.Coverage80 > s.Coverage95):
			t.Errorf("the intervals of regression hold %v and %v", s.Coverage80, s.Coverage95)
		}
	}
	if len(found) != 3 {
		t.Errorf("there are scores of %v", found)
	}
	if len(w.out.Anomalies()) > 0 {
		t.Errorf("a wave has anomalies: %+v", w.out.Anomalies())
	}
}

func TestAnomalies(t *testing.T) {
	w := newWorld(t)
	w.live(100, wave)
	w.live(1, func(int) float64 { return 5000 })
	w.live(2, wave)
	got := w.out.Anomalies()
	if len(got) != 1 || got[0].Value != 5000 || got[0].Hi95 >= 5000 || got[0].Series != "load/default/web" {
		t.Errorf("the anomalies are %+v", got)
	}
	if !strings.Contains(w.log.String(), "far outside") || w.out.Counts().Anomalies != 1 {
		t.Error("nobody was told")
	}
}

// What was fitted is there after a restart, and a damaged file is fitted anew.
func TestRestart(t *testing.T) {
	w := newWorld(t)
	w.live(60, wave)
	before := w.out.Forecasts("")
	w.open()
	after := w.out.Forecasts("")
	if len(after) != 1 || after[0].Origin != before[0].Origin || after[0].Points[7] != before[0].Points[7] || len(w.out.Scores("")) == 0 {
		t.Errorf("after a restart the forecast is %+v", after)
	}
	files, err := filepath.Glob(filepath.Join(w.dir, "outlook", "*.fit"))
	if err != nil || len(files) != 1 {
		t.Fatalf("there are the files %v (%v)", files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"torn": whole[:len(whole)/2], "flipped": flip(whole, len(whole)-9), "of another version": []byte("drover outlook 9\n"), "empty": nil,
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(files[0], data, 0o600); err != nil {
				t.Fatal(err)
			}
			w.open()
			if got := w.out.Forecasts(""); len(got) != 0 || w.out.Counts().Damaged != 1 {
				t.Errorf("a damaged file gives %+v", got)
			}
			w.live(1, wave)
			if got := w.out.Forecasts(""); len(got) != 1 || len(got[0].Points) != 24 {
				t.Errorf("it is not fitted anew: %+v", got)
			}
		})
	}
}

func flip(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 1
	return data
}

// Models go on after a restart as if there had been none: without a fit, to the last bit.
func TestModelsAreTakenUpAfterARestart(t *testing.T) {
	forecast := func(restart bool) (*world, []api.SeriesForecast) {
		w := newWorld(t)
		w.live(121, wave)
		if restart {
			w.open()
		}
		w.live(8, wave)
		return w, w.out.Forecasts("")
	}
	_, want := forecast(false)
	w, got := forecast(true)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("after a restart %+v is expected, without one %+v", got, want)
	}
	if c := w.out.Counts(); c.Fits != 0 || c.Updated != 6 || c.Damaged != 0 {
		t.Errorf("two forecasts of three models after a restart are %+v", c)
	}
	for _, m := range w.out.FittedModels("load/") {
		if info, err := w.files.Stat(t.Context(), artifact.Digest(m.Digest)); err != nil || info.Size != int64(m.Size) || m.Version == 0 || m.Values < 100 || !w.out.Refers(artifact.Digest(m.Digest)) {
			t.Errorf("%+v is %+v (%v)", m, info, err)
		}
	}
	if n := len(w.out.FittedModels("load/")); n != 3 {
		t.Errorf("%d models are listed", n)
	}
}

// A model that cannot be used is said, removed and fitted anew.
func TestDamagedModelsAreFittedAnew(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"gone":    os.Remove,
		"flipped": func(path string) error { return rewrite(path, func(b []byte) []byte { return flip(b, len(b)-9) }) },
		"torn":    func(path string) error { return rewrite(path, func(b []byte) []byte { return b[:len(b)/2] }) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.live(121, wave)
			m := w.out.FittedModels("")[0]
			path, err := w.files.Path(t.Context(), artifact.Digest(m.Digest))
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
			w.open()
			w.live(4, wave)
			now := w.out.FittedModels("")[0]
			if c := w.out.Counts(); c.Damaged != 1 || c.Fits != 1 || c.Updated != 2 || now.Version != m.Version+1 || now.Digest == m.Digest {
				t.Errorf("%+v became %+v, with %+v", m, now, c)
			}
			if !strings.Contains(w.log.String(), "fitted anew") {
				t.Error("nobody was told")
			}
		})
	}
}

func rewrite(path string, change func([]byte) []byte) error {
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.Remove(path) // it is read-only
	}
	if err != nil {
		return err
	}
	return os.WriteFile(path, change(data), 0o600)
}

// Another model is taken when it was better for long enough, and not sooner.
func TestSwitch(t *testing.T) {
	duels := func(n int, mine, his float64) (out []duel) {
		for range n {
			out = append(out, duel{Errors: []float64{mine, his, math.NaN()}})
		}
		return out
	}
	for _, c := range []struct {
		name  string
		duels []duel
		want  bool
	}{
		{"better eight times", duels(8, 10, 9), true},
		{"better seven times", duels(7, 10, 9), false},
		{"better by too little", duels(8, 10, 9.8), false},
		{"better in sum by one origin alone", append(duels(7, 10, 10.1), duels(1, 100, 1)...), false},
		{"better in six of eight", append(duels(6, 10, 7), duels(2, 10, 11)...), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &Outlook{cfg: Config{Log: slog.New(slog.DiscardHandler)}}
			tr := newTrack("x", view())
			tr.Duels = c.duels
			o.judge(tr, noon)
			if got := tr.Model != tr.view.Models[0]; got != c.want || got && (len(tr.Duels) > 0 || tr.Since != noon) {
				t.Errorf("the model in force is %s", tr.Model)
			}
		})
	}
}

func TestTooFewValuesAreSaid(t *testing.T) {
	w := newWorld(t)
	w.live(5, wave)
	f := w.out.Forecasts("")
	if len(f) != 1 || len(f[0].Points) != 0 || !strings.Contains(f[0].Note, "20 are needed") {
		t.Errorf("the forecast of five values is %+v", f)
	}
}

// The more a decision rests on a series, the sooner it is tracked.
func TestTracksAreBounded(t *testing.T) {
	w := newWorld(t)
	w.out.cfg.Tracks = 2
	for _, name := range []string{"node/a/cpu", "used/cell/cpu", "load/x/y", "demand/cell/cpu"} {
		if err := w.store.Add(name, series.Gauge, w.now, 1); err != nil {
			t.Fatal(err)
		}
	}
	w.out.Turn(never)
	var got []string
	for _, f := range w.out.Forecasts("") {
		got = append(got, f.Series)
	}
	if strings.Join(got, " ") != "demand/cell/cpu load/x/y" {
		t.Errorf("tracked are %v", got)
	}
}
