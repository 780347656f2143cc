package series

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"drover.dev/api"
	"pgregory.net/rapid"
)

const second = api.Time(api.Second)

// noon is when tests begin: a whole number of days.
const noon = 20_000 * 86_400 * second

// fatal is what the tests' and rapid's T have in common.
type fatal interface {
	Helper()
	Fatal(args ...any)
}

func open(t fatal, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := t.(interface{ Cleanup(func()) }); ok {
		c.Cleanup(func() { _ = s.Close() })
	}
	return s
}

func add(t fatal, s *Store, name string, k Kind, at api.Time, v float64) {
	t.Helper()
	if err := s.Add(name, k, at, v); err != nil {
		t.Fatal(err)
	}
}

func read(t fatal, s *Store, name string, r Range) Series {
	t.Helper()
	out, err := s.Read(name, r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestGaugesAreMeansAndCountsAreSums(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for i, v := range []float64{1, 3, 8} {
		add(t, s, "cell/cpu", Gauge, noon+api.Time(i)*4*second, v)
		add(t, s, "arrivals/a", Count, noon+api.Time(i)*4*second, v)
	}
	add(t, s, "cell/cpu", Gauge, noon+35*second, 5)
	if got, want := read(t, s, "cell/cpu", Range{From: noon}).Grid(), []float64{4, math.NaN(), math.NaN(), 5}; !same(got, want) {
		t.Errorf("the gauge is %v, want %v", got, want)
	}
	// Nothing was told of the second bucket, and nothing arrived in the fourth.
	if got, want := read(t, s, "arrivals/a", Range{From: noon}).Grid(), []float64{12, math.NaN(), math.NaN(), 0}; !same(got, want) {
		t.Errorf("the count is %v, want %v", got, want)
	}
	p := read(t, s, "cell/cpu", Range{From: noon, Step: time.Minute}).Points[0]
	if want := (Point{At: noon, N: 4, Sum: 17, Min: 1, Max: 8}); p != want {
		t.Errorf("the minute is %+v, want %+v", p, want)
	}
}

func same(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) })
}

// Whatever is added, however often the store is opened anew, every resolution holds
// the same sums.
func TestEveryResolutionHoldsTheSame(t *testing.T) {
	tiers := []Tier{{time.Second, time.Hour}, {5 * time.Second, time.Hour}, {time.Minute, time.Hour}}
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "series")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		s := open(t, dir, Options{Tiers: tiers})
		at, sum, n := noon, map[api.Time]float64{}, uint64(0)
		for range rapid.IntRange(1, 40).Draw(t, "values") {
			at += api.Time(rapid.IntRange(0, 20_000).Draw(t, "pause")) * 1e6
			v := float64(rapid.IntRange(-1000, 1000).Draw(t, "value")) / 4
			add(t, s, "x/y", Gauge, at, v)
			sum[at/60e9*60e9] += v
			n++
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open(t, dir, Options{Tiers: tiers})
			}
		}
		for _, step := range []time.Duration{time.Second, 5 * time.Second, time.Minute} {
			got, total := map[api.Time]float64{}, uint64(0)
			for _, p := range read(t, s, "x/y", Range{From: noon - 100*second, Step: step}).Points {
				got[p.At/60e9*60e9] += p.Sum
				total += p.N
			}
			if fmt.Sprint(got) != fmt.Sprint(sum) || total != n {
				t.Fatalf("at %v there are %d values that sum to %v, want %d and %v", step, total, got, n, sum)
			}
		}
	})
}

func TestFallingResolutionInBoundedSpace(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{MaxBytes: 32 << 10})
	end := noon + 28_800*second
	for at := noon; at < end; at += 10 * second {
		for i := range 5 {
			add(t, s, fmt.Sprintf("node/n%d/cpu", i), Gauge, at, math.Sqrt(float64(at/second)))
		}
	}
	if got := s.Bytes(); got > 32<<10+4*8<<10/perTier {
		t.Errorf("%d bytes are kept, at most about 32 KiB may be", got)
	}
	hour := read(t, s, "node/n3/cpu", Range{From: noon, Step: time.Hour})
	if hour.Step != time.Hour || len(hour.Points) != 8 || hour.Points[0].N != 360 {
		t.Errorf("of eight hours there are %d, %v apart", len(hour.Points), hour.Step)
	}
	late := read(t, s, "node/n3/cpu", Range{From: end - 60*second})
	if late.Step != 10*time.Second || len(late.Points) != 6 {
		t.Errorf("the last minute has %d points, %v apart", len(late.Points), late.Step)
	}
}

// A crash may tear or spoil the end of a file at any byte: what stands before is read.
func TestTornAndSpoiltEnds(t *testing.T) {
	whole := t.TempDir()
	s := open(t, whole, Options{})
	for i := range api.Time(30) {
		add(t, s, "a/b", Gauge, noon+i*10*second, float64(i))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("10s", "000000000001.seg")
	data, err := os.ReadFile(filepath.Join(whole, name))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what  string
		spoil func(b []byte, at int) []byte
	}{
		{"torn", func(b []byte, at int) []byte { return b[:at] }},
		{"flipped", func(b []byte, at int) []byte { b[at] ^= 0x40; return b }},
	} {
		for at := len(data) - 1; at > 0; at -= 13 {
			dir := t.TempDir()
			if err := os.MkdirAll(filepath.Join(dir, "10s"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), c.spoil(slices.Clone(data), at), 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(t, dir, Options{})
			add(t, s, "a/b", Gauge, noon+400*second, 7) // and it goes on
			got := read(t, s, "a/b", Range{From: noon, Step: 10 * time.Second})
			g := got.Grid()
			for i, v := range g[:len(g)-1] {
				if at := got.Begin() + api.Time(i)*10*second; v != float64((at-noon)/(10*second)) && !math.IsNaN(v) {
					t.Fatalf("%s at byte %d: value %d is %v", c.what, at, i, v)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestBadNamesAndValuesAreRefused(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	long := string(slices.Repeat([]byte("x"), 201))
	for _, name := range []string{"", "/", "a//b", "../x", "a/..", "a b", "a\n", long, "a/b/c/d/e/f/g", "ü"} {
		if err := s.Add(name, Gauge, noon, 1); !errors.Is(err, ErrName) {
			t.Errorf("the name %q gives %v", name, err)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if err := s.Add("a", Gauge, noon, v); !errors.Is(err, ErrValue) {
			t.Errorf("the value %v gives %v", v, err)
		}
	}
	if _, err := s.Read("b", Range{}); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown series gives %v", err)
	}
	if _, err := s.Read("a", Range{From: 5, To: 5}); !errors.Is(err, ErrRange) {
		t.Errorf("an empty range gives %v", err)
	}
}

// One tenant's names cannot push out another's, and those in use stay.
func TestAShareOfNames(t *testing.T) {
	s := open(t, t.TempDir(), Options{MaxNames: 64})
	add(t, s, "arrivals/quiet/web", Count, noon, 1)
	refused := 0
	for i := range 100 {
		if err := s.Add(fmt.Sprintf("arrivals/loud/job-%d", i), Count, noon, 1); errors.Is(err, ErrFull) {
			refused++
		}
	}
	if refused != 96 || s.Refused() != 96 {
		t.Errorf("%d of 100 names are refused, want 96: a sixteenth of 64 have a place", refused)
	}
	add(t, s, "arrivals/loud/job-3", Count, noon+7200*second, 1)
	add(t, s, "arrivals/loud/late", Count, noon+7200*second, 1) // in place of one that rested
	var names []string
	for _, i := range s.List() {
		names = append(names, i.Name)
	}
	for _, want := range []string{"arrivals/quiet/web", "arrivals/loud/job-3", "arrivals/loud/late"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not among %v", want, names)
		}
	}
	if len(names) != 5 {
		t.Errorf("there are %d names, want 5", len(names))
	}
}

func TestAClockThatGoesBack(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	add(t, s, "a", Gauge, noon, 1)
	add(t, s, "a", Gauge, noon-60*second, 3) // a little: into the open bucket
	add(t, s, "a", Gauge, noon-3*86_400*second, 5)
	got := read(t, s, "a", Range{From: noon - 4*86_400*second, Step: time.Hour})
	if len(got.Points) != 2 || got.Points[0].Sum != 5 || got.Points[1].Sum != 4 {
		t.Errorf("the points are %+v", got.Points)
	}
}

func BenchmarkAdd(b *testing.B) {
	s := open(b, b.TempDir(), Options{})
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("node/n%d/cpu", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		add(b, s, names[i%len(names)], Gauge, noon+api.Time(i)*second/1000, float64(i))
	}
}
