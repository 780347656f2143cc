//go:build e2e

package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/history"
)

// trial is something that breaks in a stopped server's directory, and what an
// operator does about it. What is seen of it stands in docs/operations.md, under
// the same name; the test demands that it is so.
type trial struct {
	name   string
	damage func(o *operator)
	// mend is what is typed before the server is started again, when the verdict
	// and a server's refusal have been read; nil is a flag --accept-loss-from that
	// the refusal names.
	mend func(o *operator)
	// left is the last record that is not lost; nil is all of them.
	left func(o *operator) string
	// during is what is tried on a server that has started on the damage.
	during func(o *operator)
}

func trials() []trial {
	flip := func(pattern string, which int) func(o *operator) {
		return func(o *operator) { flipByte(o.t, o.files(pattern, which), -1) }
	}
	nothing := func(*operator) {}
	again := func(o *operator) { o.removeDamaged() }
	return []trial{
		{"one byte in the middle of the journal", func(o *operator) { o.flipRecord("late-5") }, nil, beforeLoss, nil},
		{"one byte in the last record", func(o *operator) { flipByte(o.t, o.files("bus/jetstream/*/streams/*/msgs/*.blk", -1), -40) }, nil, beforeLoss, nil},
		{"a file of the journal is deleted", func(o *operator) { remove(o.t, o.files("bus/jetstream/*/streams/*/msgs/*.blk", -1)) }, nil, newestSnapshot, nil},
		{"one byte in the newest snapshot", flip("snapshots/*", -1), again, nil, nil},
		{"one byte in every snapshot", func(o *operator) {
			flip("snapshots/*", 0)(o)
			flip("snapshots/*", 1)(o)
		}, again, nil, nil},
		{"the newest snapshot is deleted", func(o *operator) { remove(o.t, o.files("snapshots/*", -1)) }, nothing, nil, nil},
		{"all snapshots are deleted", func(o *operator) { remove(o.t, filepath.Join(o.dir, "snapshots")) }, nothing, nil, nil},
		{"one byte in the archive", flip("archive/segment-*", 0), func(o *operator) {
			o.flags = []string{"--accept-loss-from", o.advised(o.verdict.Faults[0].Advice)}
		}, nil, nil},
		{"one byte in an artifact", func(o *operator) { flipByte(o.t, o.artifact(), -1) }, again, nil, (*operator).useDamaged},
	}
}

// beforeLoss is the record before the first one that was given up.
func beforeLoss(o *operator) string {
	n, err := strconv.Atoi(o.flags[1])
	if err != nil {
		o.t.Fatal(err)
	}
	return strconv.Itoa(n - 1)
}

// newestSnapshot is the record of the newest snapshot.
func newestSnapshot(o *operator) string {
	name := strings.TrimSuffix(filepath.Base(o.files("snapshots/*", -1)), ".zst")
	return strings.TrimLeft(strings.TrimPrefix(name, "snapshot-"), "0")
}

// TestOperator breaks one thing at a time in copies of one directory.
func TestOperator(t *testing.T) {
	t.Parallel()
	whole := aHistory(t)
	rows := outcomes(t)
	for _, k := range trials() {
		t.Run(k.name, func(t *testing.T) {
			row, ok := rows[k.name]
			if !ok {
				t.Fatal("docs/operations.md does not tell of this")
			}
			c := newCluster(t, t.TempDir())
			o := &operator{t: t, c: c, dir: c.ServerDir(), whole: whole}
			if out, err := exec.Command("cp", "-a", whole, o.dir).CombinedOutput(); err != nil {
				t.Fatalf("copy the directory: %v: %s", err, out)
			}
			k.damage(o)
			o.run(k, row)
		})
	}
}

// lateJobs is how many workloads come after the last snapshot.
const lateJobs = 10

// aHistory is the directory of a server that has had two epochs: snapshots and an
// archive of the first one, and a journal of both, the last records of which are
// the submissions of the late workloads.
func aHistory(t *testing.T) string {
	c := NewCluster(t, "--snapshot-every", "20", "--silent-after", "10m")
	agent := c.Agent("n1", "--noop", "--cpu", "100")
	cl, ctx := c.Client(), Within(t, time.Minute)
	var names []string
	for segments := 0; segments < 2; { // as many snapshots are there then, and one more
		w := job(fmt.Sprint("early-", len(names)), api.Task{Driver: api.DriverNoop})
		if _, err := cl.Submit(ctx, w); err != nil {
			t.Fatal(err)
		}
		names = append(names, w.Name)
		all, err := filepath.Glob(filepath.Join(c.ServerDir(), "archive", "segment-*"))
		if err != nil || len(names) > 1000 {
			t.Fatalf("%d submissions do not make an archive: %v, %v", len(names), all, err)
		}
		segments = len(all)
	}
	if _, err := cl.WaitFinished(ctx, names...); err != nil {
		t.Fatal(err)
	}
	agent.Terminate()
	c.Server.Terminate()
	c.Server.args = slices.DeleteFunc(c.Server.args, func(a string) bool { return a == "--snapshot-every" || a == "20" })
	c.Server.Restart()
	upload(ctx, t, cl, inputFile(t, c))
	for i := range lateJobs {
		if _, err := cl.Submit(ctx, job(fmt.Sprint("late-", i), api.Task{Driver: api.DriverNoop})); err != nil {
			t.Fatal(err)
		}
	}
	c.Server.Terminate()
	return c.ServerDir()
}

// inputFile is a file to upload, the same one in each cluster.
func inputFile(t *testing.T, c *Cluster) string {
	t.Helper()
	path := filepath.Join(c.Dir, "input.txt")
	if err := os.WriteFile(path, []byte(strings.Repeat("what the operator uploaded\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// operator is who finds a damaged directory.
type operator struct {
	t       *testing.T
	c       *Cluster
	dir     string
	whole   string // the directory before it was damaged
	verdict history.Verdict
	refusal string
	flags   []string // to start the server with
	tried   []string // workloads of the operator's
}

// run looks at the damage, starts the server, does what it says, and looks again.
func (o *operator) run(k trial, row outcome) {
	o.verify(row)
	server := append([]string{"server", "--data", o.dir, "--http", o.c.address(7420), "--bus", o.c.address(7421)}, "--silent-after", "10m")
	o.c.Server = o.c.process("server", server...)
	o.c.Server.Start()
	_, err := o.c.Server.ready(startTimeout)
	log := o.c.Server.Log()
	if row.stops != (err != nil) {
		o.t.Fatalf("the server is ready: %v, which is not as documented:\n%s", err, log)
	}
	if !row.server.MatchString(log) {
		o.t.Errorf("the server says\n%s\nwhich is not what is documented: %s", log, row.server)
	}
	if row.stops {
		if code := o.c.Server.cmd.ProcessState.ExitCode(); code != 70 {
			o.t.Errorf("the server exits with %d", code)
		}
	} else {
		if k.during != nil {
			k.during(o)
		}
		o.c.Server.Terminate()
	}
	o.refusal = lastLines(log, 3)
	if k.mend != nil {
		k.mend(o)
	} else {
		o.flags = []string{"--accept-loss-from", o.advised(o.refusal)}
	}
	o.goOn(k, server)
}

// goOn starts the server with what the operator decided, counts what is left, and
// demands that the directory is sound then.
func (o *operator) goOn(k trial, server []string) {
	want := o.names("--from", o.whole)
	if k.left != nil {
		want = o.names("--from", o.whole, "--at", k.left(o))
	}
	o.c.Server = o.c.process("server", append(server, o.flags...)...)
	o.c.Server.Restart()
	agent := o.c.Agent("n2", "--noop", "--label", "bought=lately")
	cl, ctx := o.c.Client(), Within(o.t, time.Minute)
	digest := upload(ctx, o.t, cl, inputFile(o.t, o.c))
	if _, err := cl.Submit(ctx, job("after", readsInput(digest))); err != nil {
		o.t.Fatal(err)
	}
	done, err := cl.WaitFinished(ctx, "after")
	if err != nil || done[0].Status != "succeeded" {
		o.t.Fatalf("new work: %+v, %v", done, err)
	}
	want = append(append([]string{"after"}, o.tried...), want...)
	if got := o.names(); !slices.Equal(got, want) {
		o.t.Errorf("the workloads that are left are %v, want %v", got, want)
	}
	losses := read[api.CellStatus](o.c, "status").Losses
	if (len(losses) > 0) != (len(o.flags) > 0) {
		o.t.Errorf("the journal tells of the losses %+v, the operator said %v", losses, o.flags)
	}
	agent.Terminate()
	o.c.Server.Terminate()
	v, code := o.check()
	if code != 0 || !v.Sound || v.Divergences != 0 {
		o.t.Errorf("after it was mended, drover verify exits with %d and says %+v", code, v)
	}
	o.t.Logf("%d faults found; then %d workloads, %d records, %d events, %d divergences, losses %+v",
		len(o.verdict.Faults), len(want), v.Records, v.Events, v.Divergences, losses)
}

// readsInput is a task on the node that the operator bought.
func readsInput(digest api.Digest) api.Task {
	return api.Task{
		Driver: api.DriverProcess, Command: []string{"/bin/sh", "-c", "wc -l <$DROVER_IN/input.txt"},
		Requires: api.Requirements{Labels: map[string]string{"bought": "lately"}},
		Inputs:   []api.Input{{Source: api.Source{Digest: digest}, Path: "input.txt"}}, Outputs: []api.Output{{Name: "out", Stdout: true}},
	}
}

// useDamaged demands that no task ever gets the bytes of a damaged artifact.
func (o *operator) useDamaged() {
	agent := o.c.Agent("n2", "--noop", "--label", "bought=lately")
	cl, ctx := o.c.Client(), Within(o.t, time.Minute)
	task := readsInput(api.Digest("sha256:" + filepath.Base(o.artifact())))
	task.Restart = &api.Restart{Policy: api.RestartNever}
	if _, err := cl.Submit(ctx, job("damaged", task)); err != nil {
		o.t.Fatal(err)
	}
	o.tried = []string{"damaged"}
	if s := o.c.await("damaged", "fails", status("failed")); !strings.Contains(s.Workload.Reason, "artifact content does not match its digest") {
		o.t.Errorf("it failed otherwise: %s", s)
	}
	agent.Terminate()
}

// names lists the workloads, the newest first.
func (o *operator) names(flags ...string) (list []string) {
	o.t.Helper()
	for _, w := range read[[]api.WorkloadView](o.c, append([]string{"ls", "--limit", "1000"}, flags...)...) {
		list = append(list, w.Name)
	}
	return list
}

// verify demands that drover verify names the fault, and changes nothing.
func (o *operator) verify(row outcome) {
	o.t.Helper()
	before := fingerprint(o.t, o.dir)
	v, code := o.check()
	if after := fingerprint(o.t, o.dir); !slices.Equal(after, before) {
		o.t.Errorf("drover verify changed the directory")
	}
	o.verdict = v
	if row.verify == nil {
		if code != 0 || !v.Sound {
			o.t.Errorf("drover verify exits with %d: %+v", code, v)
		}
		return
	}
	if code != 1 || v.Sound || len(v.Faults) == 0 || !row.verify.MatchString(v.Faults[0].What) || v.Faults[0].Advice == "" {
		o.t.Errorf("drover verify exits with %d: %+v; documented is %s", code, v, row.verify)
	}
}

func (o *operator) check() (v history.Verdict, code int) {
	o.t.Helper()
	r := o.c.CLI("verify", "--data", o.dir, "--artifacts", "-o", "json")
	if err := json.Unmarshal([]byte(r.Stdout), &v); err != nil {
		o.t.Fatalf("%v: %+v", err, r)
	}
	return v, r.Code
}

// advised is the number that a text says to give to --accept-loss-from.
func (o *operator) advised(text string) string {
	o.t.Helper()
	m := regexp.MustCompile(`--accept-loss-from (\d+)`).FindStringSubmatch(text)
	if m == nil {
		o.t.Fatalf("it is not said how to go on: %s", text)
	}
	return m[1]
}

// removeDamaged removes the files that the verdict names.
func (o *operator) removeDamaged() {
	for _, f := range o.verdict.Faults {
		if !strings.Contains(f.Advice, "remove the file") {
			o.t.Errorf("for %s the advice is %s", f.Where, f.Advice)
		}
		remove(o.t, f.Where)
	}
}

// flipRecord flips a bit of the first record that holds a text.
func (o *operator) flipRecord(text string) {
	o.t.Helper()
	path := o.files("bus/jetstream/*/streams/*/msgs/*.blk", -1)
	b, err := os.ReadFile(path)
	if err != nil {
		o.t.Fatal(err)
	}
	at := bytes.Index(b, []byte(text))
	if at < 0 {
		o.t.Fatalf("%s does not stand in %s", text, path)
	}
	flipByte(o.t, path, at)
}

// files gives one of the files of a pattern, counted from the first or, with -1,
// the last one.
func (o *operator) files(pattern string, which int) string {
	o.t.Helper()
	all, err := filepath.Glob(filepath.Join(o.dir, pattern))
	if err != nil || len(all) < 2 && which > 0 || len(all) == 0 {
		o.t.Fatalf("%s: %v, %v", pattern, all, err)
	}
	if which < 0 {
		which += len(all)
	}
	return all[which]
}

// artifact is the file of the artifact that was uploaded.
func (o *operator) artifact() string { return o.files("artifacts/??/??/*", -1) }

// flipByte flips a bit of the byte at a place of a file: from its end when it is
// negative, and in its middle when that is -1.
func flipByte(t *testing.T, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case at == -1:
		at = len(b) / 2
	case at < 0:
		at += len(b)
	}
	b[at] ^= 1
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// outcome is what docs/operations.md says of a trial.
type outcome struct {
	verify, server *regexp.Regexp // nil: sound; what its log holds
	stops          bool
}

// outcomes reads the table of docs/operations.md.
func outcomes(t *testing.T) map[string]outcome {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "\n## When something breaks\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]outcome{}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) != 5 {
			continue
		}
		o := outcome{server: quoted(cells[2]), stops: strings.HasPrefix(cells[2], "stops")}
		if cells[1] != "sound" {
			o.verify = quoted(cells[1])
		}
		rows[strings.TrimPrefix(cells[0], "| ")] = o
	}
	return rows
}

// quoted matches what stands between backquotes; dots stand for anything.
func quoted(cell string) *regexp.Regexp {
	m := regexp.MustCompile("`([^`]*)`").FindStringSubmatch(cell)
	if m == nil {
		return regexp.MustCompile("")
	}
	return regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(m[1]), "…", ".*"))
}

// fingerprint lists all files of a directory with their sizes, times and digests.
func fingerprint(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(p)
		list = append(list, fmt.Sprintf("%s %v %v %x", p, info.Mode(), info.ModTime(), sha256.Sum256(b)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
