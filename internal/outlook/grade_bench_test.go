package outlook

import (
	"fmt"
	"path/filepath"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/series"
)

// grownStore holds 400 series, by hours for 80 days.
func grownStore(b *testing.B) (*series.Store, api.Time) {
	b.Helper()
	store, err := series.Open(filepath.Join(b.TempDir(), "series"), series.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	now := noon
	for h := range 80 * 24 {
		for i := range 400 {
			if err := store.Add(fmt.Sprintf("load/t%d/s%d", i%40, i), series.Gauge, now, float64(h%24)+.5); err != nil {
				b.Fatal(err)
			}
		}
		now += api.Time(api.Hour)
		if err := store.Tick(now); err != nil {
			b.Fatal(err)
		}
	}
	return store, now
}

// BenchmarkGrade holds the last hour of 400 series against their forecasts.
func BenchmarkGrade(b *testing.B) {
	store, now := grownStore(b)
	v := Views()[1]
	o, err := Open(Config{Series: store, Dir: b.TempDir(), Now: func() api.Time { return now }, Views: []View{v}})
	if err != nil {
		b.Fatal(err)
	}
	o.follow()
	begin := now/api.Time(v.Step)*api.Time(v.Step) - api.Time(v.Step)
	f := issued{Model: naive, Origin: begin, Mean: make([]float32, v.Horizon), Lo80: make([]float32, v.Horizon), Hi80: make([]float32, v.Horizon), Lo95: make([]float32, v.Horizon), Hi95: make([]float32, v.Horizon)}
	b.ReportAllocs()
	for b.Loop() {
		for _, t := range o.tracks {
			t.Now, t.Past, t.Seen = []issued{f}, []issued{f}, begin-api.Time(v.Step)
		}
		if err := o.grade(v, now); err != nil {
			b.Fatal(err)
		}
	}
	if o.Counts().Graded < 400 {
		b.Fatal("nothing was graded")
	}
}

// BenchmarkTail reads the last day of one series among 400, as each forecast does.
func BenchmarkTail(b *testing.B) {
	store, now := grownStore(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := store.Read("load/t3/s3", series.Range{From: now - api.Time(24*api.Hour), Step: Views()[1].Step}); err != nil {
			b.Fatal(err)
		}
	}
}
