//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/mirror"
)

// mirrorStatus asks drover twin status, with these further flags.
func mirrorStatus(t *testing.T, c *Cluster, dir string, flags ...string) (s struct {
	Running  bool
	Verified struct {
		Record uint64
		Same   bool
	}
	mirror.Status
},
) {
	t.Helper()
	r := c.CLI(append([]string{"twin", "status", "--dir", dir, "-o", "json"}, flags...)...)
	if err := json.Unmarshal([]byte(r.Stdout), &s); err != nil {
		t.Fatalf("%v: %s%s", err, r.Stdout, r.Stderr)
	}
	return s
}

// awaitMirror waits until a mirror has all that the server has.
func awaitMirror(t *testing.T, c *Cluster, dir string) {
	t.Helper()
	status, err := c.Client().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		s, err := mirror.ReadStatus(dir)
		if err == nil && s.Connected && s.Record >= status.Record {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the mirror does not come to record %d: %+v, %v", status.Record, s, err)
		}
	}
}

// TestTheMirrorKeepsUp mirrors a cell under load, kills the mirror in the midst of it,
// and holds its lag and its state against the server's.
func TestTheMirrorKeepsUp(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	c.Agent("n1", "--cpu", "8", "--memory", "16Gi")
	dir := filepath.Join(c.Dir, "twin")
	m := c.process("mirror", "twin", "sync", "--dir", dir, "--server", c.URL, "--token", c.Token())
	m.Restart()
	awaitMirror(t, c, dir)

	cl, rng := c.Client(), rand.New(rand.NewPCG(7, 7))
	const total = 200
	for i := range total {
		kind := i % 3
		w := job(fmt.Sprintf("kind-%d-%d", kind, i), api.Task{
			Driver: api.DriverProcess, Command: []string{"/bin/sleep", fmt.Sprintf("%.2f", float64(kind+1)*(0.3+0.2*rng.Float64()))},
		})
		w.Tasks[0].Resources.CPU = 500 << kind // by its size it is known again
		if _, err := cl.Submit(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+rng.IntN(100)) * time.Millisecond)
		if i == total/2 {
			m.Kill()
			time.Sleep(time.Second)
			m.Restart()
		}
	}
	awaitNoneRuns(t, c)
	awaitMirror(t, c, dir)
	s := mirrorStatus(t, c, dir)
	t.Logf("lag %+v, predictions %+v", s.Lag, s.Predictions)
	if !s.Running || !s.Connected || s.Lag.Records != 0 || s.Lag.Samples < 10 {
		t.Errorf("the status is %+v", s)
	}
	// What keeps a mirror from a processor on a machine that is busy with other tests
	// is no lag of its own.
	if most := map[bool]float64{true: 1, false: 10}[os.Getenv("DROVER_SOAK") != ""]; s.Lag.P99 > most {
		t.Errorf("the lag's p99 is %.2f s, want %.0f s", s.Lag.P99, most)
	}

	m.Terminate() // its last checkpoint has everything
	if s = mirrorStatus(t, c, dir, "--verify"); s.Running || s.Checkpoint.Record != s.Record || !s.Verified.Same || s.Verified.Record != s.Record {
		t.Errorf("after record %d the mirror's state is not the server's: %+v", s.Record, s)
	}
	r := c.CLI("twin", "scores", "--dir", dir, "-o", "json")
	var scores struct{ Graded, Open int }
	if err := json.Unmarshal([]byte(r.Stdout), &scores); err != nil || scores.Graded < total/20 || scores.Open != 0 {
		t.Errorf("%+v, %v: %s", scores, err, r.Stderr)
	}
	t.Logf("%s", c.CLI("twin", "scores", "--dir", dir).Stdout)
}
