//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"drover.dev/api"
)

// TestDiskFull fills the disk of a server. What comes then is refused with the
// reason, what was accepted is not lost, and once there is room work goes on.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk := tmpfs(t, filepath.Join(dir, "server"))
	c := newCluster(t, dir)
	c.Server = c.process("server", "server", "--data", c.ServerDir(), "--http", c.address(7420), "--bus", c.address(7421))
	c.Server.Restart()
	c.Agent("n1", "--noop", "--cpu", "100")
	f := filler{t: t, c: c, token: c.Token()}

	f.submit("before")
	disk.fill(t)
	refusal := f.untilRefused("flood")
	t.Logf("%d submissions were accepted until: %s", len(f.accepted), refusal)
	if r := c.CLI("ls", "-o", "json"); r.Code != 0 || !strings.Contains(r.Stdout, "before") {
		t.Errorf("a full disk cannot be read: %+v", r)
	}

	disk.free(t)
	Await(t, 30*time.Second, "a server with room takes work again by itself", func() (bool, string) {
		status, detail := f.submit("after")
		return status == http.StatusCreated, fmt.Sprint(status, " ", detail)
	})
	f.allSucceed()
	t.Log("with room again, work went on without a restart")

	disk.fill(t)
	f.untilRefused("again")
	c.Server.Kill()
	seen := len(c.Server.Log())
	c.Server.Start()
	Await(t, startTimeout, "a server on a full disk says what is wrong", func() (bool, string) {
		text := c.Server.Log()[seen:]
		return strings.Contains(text, "no room on the disk"), text
	})
	if r := c.CLI("ls", "-o", "json"); r.Code != 0 || !strings.Contains(r.Stdout, "before") {
		t.Errorf("a server that was started on a full disk cannot be read: %+v", r)
	}
	disk.free(t)
	c.Server.Ready()
	f.allSucceed()
	t.Log("a server that was started on a full disk could be read, and led by itself once there was room")

	c.Stop()
	if r := c.CLI("verify", "--data", c.ServerDir(), "--artifacts"); r.Code != 0 {
		t.Errorf("after all that its directory is not sound: %+v", r)
	}
}

// A small disk of its own.
type smallDisk struct{ dir string }

const diskSize = 32 << 20

func tmpfs(t *testing.T, dir string) smallDisk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can mount a small disk, so nothing is known of full ones")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", diskSize)); err != nil {
		t.Skipf("SKIPPED: a small disk cannot be mounted here, so nothing is known of full ones: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return smallDisk{dir}
}

func (d smallDisk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves a little: the journal fills the rest.
func (d smallDisk) fill(t *testing.T) {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &s); err != nil {
		t.Fatal(err)
	}
	const left = 4 << 20
	room := int64(s.Bavail) * s.Bsize
	if err := os.WriteFile(d.ballast(), make([]byte, max(0, room-left)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (d smallDisk) free(t *testing.T) {
	t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		t.Fatal(err)
	}
}

// filler submits until nothing fits any more.
type filler struct {
	t        *testing.T
	c        *Cluster
	token    string
	accepted []string
	n        int
}

// submit sends one workload, once, and returns the answer.
func (f *filler) submit(name string) (status int, detail string) {
	f.t.Helper()
	f.n++
	name = fmt.Sprintf("%s-%d", name, f.n)
	w := job(name, api.Task{Driver: api.DriverNoop, Env: map[string]string{"BALLAST": strings.Repeat("x", 30<<10)}})
	body, err := json.Marshal(w)
	if err != nil {
		f.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(Within(f.t, time.Minute), http.MethodPost, f.c.URL+"/v1/workloads", bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		f.t.Fatal(err)
	}
	if res.StatusCode == http.StatusCreated {
		f.accepted = append(f.accepted, name)
	}
	return res.StatusCode, string(text)
}

// untilRefused submits until the server refuses, which it must do with 503 and
// the reason.
func (f *filler) untilRefused(name string) string {
	f.t.Helper()
	const most = 2 * diskSize / (30 << 10)
	for range most {
		status, detail := f.submit(name)
		switch {
		case status == http.StatusCreated:
		case status == http.StatusServiceUnavailable && strings.Contains(detail, "no room on the disk"):
			return detail
		default:
			f.t.Fatalf("a full disk is answered with %d: %s", status, detail)
		}
	}
	f.t.Fatal("the disk does not get full")
	return ""
}

// allSucceed waits until everything that was accepted has ended well.
func (f *filler) allSucceed() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	views, err := f.c.Client().WaitFinished(ctx, f.accepted...)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, v := range views {
		if v.Status != api.WorkloadSucceeded.String() {
			f.t.Errorf("%s ended %s: %s", v.Name, v.Status, v.Reason)
		}
	}
}
