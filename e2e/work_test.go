//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"drover.dev/api"
	"drover.dev/api/client"
)

// yard is what the tasks of a test of losses share: a file for each with one
// line a run, a gate that holds some of them, and what they read.
type yard struct {
	side  string // directory of the side effects
	gate  string // a fifo: opening it to read waits until somebody writes
	open  *os.File
	text  []byte // the content of the artifact input
	input api.Digest
	wasm  api.Digest
}

// The nodes that the work is spread over.
func nodeNames() []string { return []string{"n1", "n2"} }

func newYard(t *testing.T, c *Cluster, cl *client.Client) *yard {
	t.Helper()
	y := &yard{
		side: filepath.Join(c.Dir, "side"), gate: filepath.Join(c.Dir, "gate"),
		text: []byte(strings.Repeat("a line of the input that all share\n", 600)),
	}
	if err := os.Mkdir(y.side, 0o777); err != nil {
		t.Fatal(err)
	}
	ctx := Within(t, startTimeout)
	y.wasm = upload(ctx, t, cl, filepath.Join("..", "examples", "primes", "primes.wasm"))
	text := filepath.Join(c.Dir, "text")
	if err := os.WriteFile(text, y.text, 0o600); err != nil {
		t.Fatal(err)
	}
	y.input = upload(ctx, t, cl, text)
	return y
}

func upload(ctx context.Context, t *testing.T, cl *client.Client, path string) api.Digest {
	t.Helper()
	s, err := cl.Upload(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	return s.Digest
}

// close shuts the gate: gated tasks that start from now on wait.
func (y *yard) close(t *testing.T) {
	t.Helper()
	if y.open != nil {
		_ = y.open.Close() // nothing was written
		y.open = nil
	}
	if err := os.Remove(y.gate); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(y.gate, 0o666); err != nil {
		t.Fatal(err)
	}
}

// release opens the gate, for those that wait and those that will come.
func (y *yard) release(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile(y.gate, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	y.open = f
	t.Cleanup(func() { _ = f.Close() })
}

// piece is one task of the mix, and the output that is right for it.
type piece struct {
	name  string
	seed  int
	want  []byte
	spec  *api.Workload
	sides bool // it leaves a line for each run
}

// gated is a process that waits at the gate.
func (y *yard) gated(name string, seed int) *piece {
	return y.process(name, seed, `: <"$GATE"`)
}

// mixed is the seed's choice of the kinds of work.
func (y *yard) mixed(name string, seed int) *piece {
	switch seed % 10 {
	case 0, 1, 2, 3:
		return y.process(name, seed, "sleep 0."+fmt.Sprint(seed%4))
	case 4:
		return y.copying(name, seed)
	case 5, 6:
		return y.primes(name, seed)
	}
	return &piece{name: name, seed: seed, spec: y.workload(name, seed, api.Task{
		Driver: api.DriverNoop, Resources: api.Resources{CPU: 10, Memory: api.MiB},
	})}
}

// process computes a number from its seed and leaves it as a file.
func (y *yard) process(name string, seed int, wait string) *piece {
	p := &piece{name: name, seed: seed, sides: true, want: []byte(fmt.Sprint(seed*seed + 7))}
	p.spec = y.workload(name, seed, y.script(seed, wait+"\n"+`printf %s $((SEED * SEED + 7)) >"$DROVER_OUT/result"`))
	return p
}

// copying puts its seed before its input; the result is too large for a report.
func (y *yard) copying(name string, seed int) *piece {
	p := &piece{name: name, seed: seed, sides: true, want: append([]byte(fmt.Sprintln(seed)), y.text...)}
	t := y.script(seed, `{ echo $SEED; cat "$DROVER_IN/text"; } >"$DROVER_OUT/result"`)
	t.Inputs = []api.Input{{Path: "text", Source: api.Source{Digest: y.input}}}
	p.spec = y.workload(name, seed, t)
	return p
}

func (y *yard) script(seed int, text string) api.Task {
	return api.Task{
		Driver:    api.DriverProcess,
		Command:   []string{"/bin/sh", "-ec", `echo "$DROVER_ATTEMPT" >>"$SIDE"` + "\n" + text},
		Env:       map[string]string{"SEED": fmt.Sprint(seed), "GATE": y.gate},
		Resources: api.Resources{CPU: 1000, Memory: 64 * api.MiB},
		Outputs:   []api.Output{{Name: "result", Path: "result"}},
	}
}

// primes counts primes in WASM.
func (y *yard) primes(name string, seed int) *piece {
	limit := 100_000 + 97*(seed%1000)
	return &piece{
		name: name, seed: seed, want: fmt.Appendf(nil, "0 %d %d\n", limit, countPrimes(limit)),
		spec: y.workload(name, seed, api.Task{
			Driver: api.DriverWASM, Artifact: &api.Source{Digest: y.wasm}, Args: []string{fmt.Sprint(limit), "1"},
			Resources: api.Resources{CPU: 200, Memory: 64 * api.MiB},
			Outputs:   []api.Output{{Name: "result", Stdout: true}},
		}),
	}
}

// countPrimes counts the primes below limit, by the sieve of Eratosthenes.
func countPrimes(limit int) (n int) {
	composite := make([]bool, limit)
	for i := 2; i < limit; i++ {
		if composite[i] {
			continue
		}
		n++
		for k := i * i; k < limit; k += i {
			composite[k] = true
		}
	}
	return n
}

// workload is a job of one task; the seed says on which node, if it matters.
func (y *yard) workload(name string, seed int, t api.Task) *api.Workload {
	if t.Env != nil {
		t.Env["SIDE"] = filepath.Join(y.side, name)
	}
	if nodes := nodeNames(); seed%3 < len(nodes) {
		t.Requires.Labels = map[string]string{"node": nodes[seed%3]}
	}
	return job(name, t)
}

// runs counts how often a piece was started; 0 when it does not tell. A piece is
// started again as another attempt only: one attempt that ran twice would mean
// that a report or a start was forgotten after it was promised to be kept.
func (y *yard) runs(t *testing.T, p *piece) int {
	t.Helper()
	if !p.sides {
		return 0
	}
	b, err := os.ReadFile(filepath.Join(y.side, p.name))
	if err != nil {
		t.Errorf("%s succeeded and has left no side effect: %v", p.name, err)
	}
	lines := strings.Fields(string(b)) // an attempt's number each
	seen := map[string]bool{}
	for _, attempt := range lines {
		if seen[attempt] {
			t.Errorf("%s: one attempt ran twice: %v", p.name, lines)
		}
		seen[attempt] = true
	}
	return len(lines)
}

// check compares what a finished piece left behind with what is right.
func (p *piece) check(ctx context.Context, t *testing.T, cl *client.Client) {
	t.Helper()
	results := 0
	for r, err := range cl.Results(ctx, p.name, "") {
		if err != nil {
			t.Errorf("%s: %v", p.name, err)
			return
		}
		results++
		if r.Outcome != api.OutcomeSucceeded {
			t.Errorf("%s: %+v", p.name, r)
		}
		p.compare(ctx, t, cl, &r)
	}
	if results != 1 {
		t.Errorf("%s has %d results, want one", p.name, results)
	}
}

func (p *piece) compare(ctx context.Context, t *testing.T, cl *client.Client, r *api.TaskResult) {
	t.Helper()
	if p.want == nil {
		return
	}
	if len(r.Outputs) != 1 {
		t.Errorf("%s has %d outputs, want one", p.name, len(r.Outputs))
		return
	}
	got := r.Outputs[0].Inline
	if d := r.Outputs[0].Digest; d != "" {
		var b bytes.Buffer
		if err := cl.Download(ctx, d, &b); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
		got = b.Bytes()
	}
	if !bytes.Equal(got, p.want) {
		t.Errorf("%s: its output is %.80q, want %.80q", p.name, got, p.want)
	}
}
