//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"drover.dev/internal/live"
)

// metricsOf reads a server's metrics; "" when it does not answer.
func metricsOf(url, token string) string {
	cl := http.Client{Timeout: 2 * time.Second}
	req, err := http.NewRequest(http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return ""
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := cl.Do(req)
	if err != nil {
		return ""
	}
	defer func() { _ = res.Body.Close() }()
	b, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20)) // half of it is as good as none
	return string(b)
}

// retell reads both journals: each accepted name stands there once, under the
// number that was answered, and each of its elements has ended once.
func (s *soak) retell() {
	for cell, cfg := range map[string]live.Config{
		"hub": {
			Dir: s.hub.servers[0].dir, NATS: s.hub.bus, CellSecret: cellSecret, AgentUser: "agents", AcceptUnsynced: true, Cell: "drover",
		},
		"plant": {Dir: s.plant.ServerDir(), Cell: "plant"},
	} {
		story := retellOf(s.t, cfg)
		for name, id := range s.work.accepted[cell] {
			if got := story.submitted[name]; len(got) != 1 || got[0] != id {
				s.violated("%s: %s was answered as %d and stands in the journal as %v", cell, name, id, got)
			}
			if want := s.work.elements[name]; want > 0 && story.ended[id] != want {
				s.violated("%s: the %d elements of %s have ended %d times", cell, want, name, story.ended[id])
			}
		}
		s.stories[cell] = story
	}
	hub, plant := s.stories["hub"], s.stories["plant"]
	if n := len(s.work.accepted["hub"]); len(hub.submitted) != n {
		s.violated("the hub's journal holds %d workloads, %d were accepted", len(hub.submitted), n)
	}
	for name, ids := range plant.submitted {
		if len(ids) != 1 {
			s.violated("the plant holds %s as %v: it was handed over more than once", name, ids)
		}
	}
}

// report is what happened, in Markdown.
func (s *soak) report() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	w := s.work
	line("Run of %s, %v of faults (%v until everything had ended), on %d cores, seed %d.\n",
		s.began.UTC().Format("2006-01-02 15:04 UTC"), s.length, s.worked.Round(time.Second), runtime.NumCPU(), s.seed)
	line("| what | how much |\n|---|---|")
	line("| violations | **%d** |", len(s.found))
	line("| workloads accepted | %d by the hub, %d by the plant itself |", len(w.accepted["hub"]), len(w.accepted["plant"]))
	line("| jobs ended and checked, elements in them | %d, %d |", w.checked, w.ran)
	line("| elements run once more | %d; with `atMostOnce` %d, never two at a time |", w.again, w.onceAgain)
	line("| from submission to the recorded end | p50 %s, max %s |", quick(w.took, 50), quick(w.took, 100))
	line("| slowest submission | %s |", seconds(w.slowest))
	for _, cell := range []string{"hub", "plant"} {
		if st := s.stories[cell]; st != nil {
			line("| journal of the %s | %d records, %d events, %d leaderships; divergence 0 of %d audited |", cell, st.records, st.events, st.leaders, st.audited)
			line("| … ends reported again, late ones recorded as duplicates | %d, %d |", sumOf(st.resent), sumOf(st.duplicates))
		}
	}
	s.reportFaults(line)
	line("\n`drover verify`:\n")
	for _, v := range s.verdict {
		line("```text\n%s\n%s\n```", v.what, v.says)
	}
	line("\n| most in use | second third: MiB, files, goroutines | last third |\n|---|---|---|")
	for _, g := range s.watch.growth() {
		line("| %s | %.0f, %d, %d | %.0f, %d, %d |", g.name, mib(g.second.rss), g.second.files, g.second.goroutines, mib(g.third.rss), g.third.files, g.third.goroutines)
	}
	for _, text := range s.found {
		line("\nVIOLATION: %s", text)
	}
	return b.String()
}

func (s *soak) reportFaults(line func(string, ...any)) {
	for _, what := range slices.Sorted(maps.Keys(s.counts)) {
		line("| %s | %d |", what, s.counts[what])
	}
	line("| a killed process was ready again after | p50 %s, max %s |", quick(s.recovery, 50), quick(s.recovery, 100))
	line("| from a fault of the leader until the other server led, if that was well | %s |", several(s.watch.changes, true))
	line("| … if that was in trouble, too | %s |", several(s.watch.changes, false))
	line("| times without a leader while a server was well | %s |", several(s.watch.gaps, true))
	line("| … while none was | %s |", several(s.watch.gaps, false))
	t := s.watch.totals
	line("| batches adopted, of unknown outcome, refused | at least %.0f, %.0f, %.0f |",
		t["drover_batches_adopted_total"], t["drover_batches_unknown_total"], t["drover_batches_refused_total"])
	line("| commands that a follower passed on, stray reports dropped | at least %.0f, %.0f |", t["drover_forwarded_total"], t["drover_reports_unknown_total"])
}

// several sums up the gaps in which a server was free to lead, or none was.
func several(gaps []gap, free bool) string {
	var list []time.Duration
	for _, g := range gaps {
		if g.free == free {
			list = append(list, g.lasted)
		}
	}
	return fmt.Sprintf("%d: p50 %s, max %s", len(list), quick(list, 50), quick(list, 100))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// quick is a percentile in seconds; "–" of nothing.
func quick(list []time.Duration, percent int) string {
	if len(list) == 0 {
		return "–"
	}
	sorted := slices.Sorted(slices.Values(list))
	return seconds(sorted[min((len(sorted)*percent+99)/100, len(sorted))-1])
}

func sumOf(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
