//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drover.dev/api/client"
)

// What TestSoak is told by the environment; see docs/reliability.md.
const (
	soakForEnv    = "DROVER_SOAK_FOR"    // how long faults happen; without it there is no soak
	soakReportEnv = "DROVER_SOAK_REPORT" // where its report goes
	seedEnv       = "DROVER_SEED"
)

// TestSoak lets two cells work for long while whatever they are made of is
// killed, paused and cut off, at random. It is run by hand: make soak.
func TestSoak(t *testing.T) {
	text := os.Getenv(soakForEnv)
	if text == "" {
		t.Skip("it takes half an hour: run make soak")
	}
	length, err := time.ParseDuration(text)
	if err != nil || length <= 0 {
		t.Fatalf("%s=%q is no time: write 30m", soakForEnv, text)
	}
	s := newSoak(t, length)
	s.run()
	s.finish()
	report := s.report()
	t.Log("\n" + report)
	if path := os.Getenv(soakReportEnv); path != "" {
		if err := os.WriteFile(path, []byte(report), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// soak is the state of TestSoak.
type soak struct {
	t      *testing.T
	seed   uint64
	length time.Duration
	began  time.Time
	worked time.Duration // from the beginning until everything had ended

	*place
	clients map[string]*client.Client // by cell
	work    *work
	watch   *watch
	blows   []blow
	stop    chan struct{}     // closed when no more faults and no more work are to come
	stories map[string]*story // by cell
	verdict []verified

	mu       sync.Mutex
	counts   map[string]int // of blows, by what they are
	found    []string       // violations
	recovery []time.Duration
}

func newSoak(t *testing.T, length time.Duration) *soak {
	s := &soak{t: t, length: length, seed: uint64(time.Now().UnixNano()), stop: make(chan struct{}), counts: map[string]int{}, stories: map[string]*story{}}
	if text := os.Getenv(seedEnv); text != "" {
		if _, err := fmt.Sscan(text, &s.seed); err != nil {
			t.Fatalf("%s: %v", seedEnv, err)
		}
	}
	t.Logf("the same choices again: %s=%d", seedEnv, s.seed)
	s.blows = plan(rand.New(rand.NewPCG(s.seed, 0)), length)
	s.place = newPlace(s)
	s.clients = map[string]*client.Client{"hub": s.patient(s.hub.URL, s.hub.Token()), "plant": s.patient(s.plant.URL, s.plant.Token())}
	s.work = newWork(s)
	s.watch = newWatch(s)
	return s
}

// patient is a client that tries again for longer than any fault lasts.
func (s *soak) patient(url, token string) *client.Client {
	s.t.Helper()
	cl, err := client.New(client.Config{Server: url, Token: token, Timeout: 5 * time.Minute})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(cl.Close)
	return cl
}

// violated notes that something does not hold that must. The soak goes on.
func (s *soak) violated(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.found) < 100 {
		s.found = append(s.found, text)
		s.t.Errorf("after %v: %s", time.Since(s.began).Round(time.Second), text)
	}
}

// run is the time of faults, and then the time in which all that was accepted ends.
func (s *soak) run() {
	s.began = time.Now()
	var all sync.WaitGroup
	all.Go(s.strike)
	all.Go(s.work.run)
	all.Go(s.watch.run)
	all.Go(s.tell)
	time.Sleep(s.length)
	close(s.stop)
	all.Wait()
	s.calm()
	s.work.settle()
	s.worked = time.Since(s.began)
}

// tell prints how it goes: on a terminal one line that changes, else now and then a
// line.
func (s *soak) tell() {
	every, before, after := 30*time.Second, "", "\n"
	if info, err := os.Stdout.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		every, before, after = time.Second, "\r\x1b[K", ""
		defer fmt.Println()
	}
	for tick := time.NewTicker(every); ; {
		select {
		case <-s.stop:
			tick.Stop()
			return
		case <-tick.C:
		}
		s.mu.Lock()
		struck, found := sumOf(s.counts), len(s.found)
		s.mu.Unlock()
		accepted, ended := s.work.progress()
		fmt.Printf("%s%v of %v: %d faults, %d workloads accepted, %d ended and checked, epoch %d, %d violations%s", before,
			time.Since(s.began).Round(time.Second), s.length, struck, accepted, ended, s.watch.lastEpoch(), found, after)
	}
}

// finish ends everything as an operator would, and verifies what is left.
func (s *soak) finish() {
	s.watch.end()
	s.place.close()
	s.retell()
	for _, p := range s.hub.nats {
		p.Kill()
	}
	for i, v := range s.hub.servers {
		// What the outside NATS server kept, as drover verify finds an embedded one's.
		if err := os.Symlink(filepath.Join(s.hub.Dir, "nats-0"), filepath.Join(v.dir, "bus")); err != nil {
			s.t.Fatal(err)
		}
		s.verify(fmt.Sprintf("hub, server %d", i+1), v.dir)
	}
	s.verify("plant", s.plant.ServerDir())
}

// verified is what drover verify says of a directory.
type verified struct{ what, says string }

func (s *soak) verify(what, dir string) {
	r := s.plant.offline("verify", "--data", dir)
	if r.Code != 0 {
		s.violated("drover verify of %s: exit code %d\n%s%s", what, r.Code, r.Stdout, r.Stderr)
	}
	s.verdict = append(s.verdict, verified{what, strings.TrimSpace(strings.ReplaceAll(r.Stdout, dir, "…"))})
}
