package live

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/history"
	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
)

// busyCell has names and texts of every sort in it, and a snapshot of its beginning.
func busyCell(t *testing.T, cfg Config) (c *Cell, private []string) {
	t.Helper()
	c = run(t, cfg)
	a := join(t, c, "node-of-acme")
	a.hello()
	for i := range 12 {
		w := job(fmt.Sprint("payroll-", i), 2)
		w.Tenant = "acme"
		w.Tasks[0].Env = map[string]string{"CUSTOMER": "wile-coyote"}
		w.Tasks[0].Args = []string{"--path=/srv/roadrunner"}
		w.Tasks[0].Secrets = []api.Secret{{Ref: "vault-password", Env: "PASSWORD"}}
		w.Labels = map[string]string{"team": "anvils"}
		do(t, c, submit(w))
	}
	a.work(24)
	blocked := job("giant", 1)
	blocked.Tasks[0].Requires.Labels = map[string]string{"rack": "tnt-7"}
	_, seq := do(t, c, submit(blocked))
	must[uint64](t)(c.View(t.Context(), seq, nothing))
	snapshotted(t, c)
	return c, []string{"node-of-acme", "payroll", "acme", "wile-coyote", "roadrunner", "anvils", "tnt-7", "giant", "CUSTOMER", "vault-password"}
}

// snapshotted waits until a snapshot that was begun is on the disk.
func snapshotted(t *testing.T, c *Cell) {
	t.Helper()
	for end := time.Now().Add(wait); len(must[[]uint64](t)(c.snapshots.List())) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no snapshot is written")
		}
	}
}

// bundle writes a bundle to a file.
func bundle(t *testing.T, c *Cell, o httpapi.BundleOptions) string {
	t.Helper()
	f, err := c.Bundle(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	path := filepath.Join(t.TempDir(), "bundle.zip")
	write(t, path, must[[]byte](t)(io.ReadAll(f)))
	return path
}

// contents is everything that a bundle holds, unpacked.
func contents(t *testing.T, path string) string {
	t.Helper()
	z := must[*zip.ReadCloser](t)(zip.OpenReader(path))
	defer z.Close()
	var all bytes.Buffer
	for _, part := range z.File {
		r := must[io.ReadCloser](t)(part.Open())
		all.Write(must[[]byte](t)(io.ReadAll(r)))
		_ = r.Close()
	}
	b := must[*history.Bundle](t)(history.OpenBundle(path, t.TempDir()))
	defer b.Close()
	for _, n := range must[[]uint64](t)(b.Snapshots.List()) {
		all.Write(must[journal.Snapshot](t)(b.Snapshots.Load(n)).Data)
	}
	return all.String()
}

func TestABundleHoldsTheHistoryAndNoSecret(t *testing.T) {
	c, private := busyCell(t, Config{SnapshotEvery: 6})
	m := snap(t, c, 0)
	path := bundle(t, c, httpapi.BundleOptions{Records: 8, Metrics: "drover_up 1\n"})
	text := contents(t, path)
	for _, want := range append(private, "drover_up 1", "leading") {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in it", want)
		}
	}
	for _, name := range []string{"admin.token", "join.token", "secret"} {
		secret := strings.TrimSpace(string(must[[]byte](t)(os.ReadFile(filepath.Join(c.cfg.Dir, name)))))
		if secret == "" || strings.Contains(text, secret) {
			t.Errorf("%s is in it", name)
		}
	}
	f := must[*Frozen](t)(OpenFrozen(t.Context(), path))
	defer f.Close()
	m.find(t, f, httpapi.Moment{Record: m.record})
	if _, err := f.Past(t.Context(), httpapi.Moment{Record: 1}, nothing); err == nil || !strings.Contains(err.Error(), "begins at") {
		t.Errorf("before the bundle begins: %v", err)
	}

	all := must[*history.Bundle](t)(history.OpenBundle(bundle(t, c, httpapi.BundleOptions{Records: 1 << 20}), t.TempDir()))
	defer all.Close()
	steps := 0
	r, err := all.Replay(t.Context(), m.record, "devel", func(history.Step) { steps++ })
	if err != nil || r.Base != 0 || r.Audited != m.record || len(r.Divergences) != 0 || steps != int(m.record) {
		t.Errorf("replayed %+v in %d steps, %v", r, steps, err)
	}
}

func TestAnAnonymisedBundleKeepsDecisions(t *testing.T) {
	c, private := busyCell(t, Config{SnapshotEvery: 6})
	for name, records := range map[string]uint64{"from a snapshot": 8, "from the beginning": 1 << 20} {
		path := bundle(t, c, httpapi.BundleOptions{Records: records, Anonymise: true})
		text := contents(t, path)
		for _, p := range private {
			if strings.Contains(text, p) {
				t.Errorf("%s: %q is in it", name, p)
			}
		}
		f := must[*Frozen](t)(OpenFrozen(t.Context(), path))
		defer f.Close()
		var want, got string
		must[uint64](t)(c.View(t.Context(), 0, func(e *engine.Engine) { want = outline(e) }))
		must[uint64](t)(f.View(t.Context(), 0, func(e *engine.Engine) { got = outline(e) }))
		if got != want {
			t.Errorf("%s: it tells\n%swant\n%s", name, got, want)
		}
		b := must[*history.Bundle](t)(history.OpenBundle(path, t.TempDir()))
		if !b.Manifest.Anonymised {
			t.Errorf("%s: the manifest does not say so", name)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// outline is what a state tells without names.
func outline(e *engine.Engine) string {
	var b strings.Builder
	st := e.State()
	for _, id := range st.SortedWorkloads() {
		w := st.Workloads[id]
		fmt.Fprintf(&b, "%d %s %+v\n", id, w.Status, w.Counts)
		for _, g := range w.Groups {
			for _, task := range g.Tasks {
				x := e.Explain(w, task)
				fmt.Fprintf(&b, "  %s try %d at %s", task.Status, task.Try, task.Placed)
				if d := x.Decision; d != nil {
					fmt.Fprintf(&b, ": %d nodes, %d against", d.Nodes, len(d.Reasons))
					if d.Chosen != nil {
						fmt.Fprintf(&b, ", score %d %v, on a node of the cell: %t", d.Chosen.Score, d.Chosen.Terms, st.Nodes[d.Chosen.Node] != nil)
					}
				}
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

func FuzzOpenBundle(f *testing.F) {
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "bundle.zip")
		write(t, path, b)
		if got, err := history.OpenBundle(path, t.TempDir()); err == nil {
			_, _ = got.Replay(t.Context(), 0, "", func(history.Step) {})
			_ = got.Close()
		}
	})
}
