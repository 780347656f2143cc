//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/bus"
)

// busEnv makes this test's own program a NATS server that keeps its data there.
const busEnv = "DROVER_E2E_BUS"

func init() {
	if dir := os.Getenv(busEnv); dir != "" {
		serveBus(dir)
	}
}

// serveBus runs a NATS server that syncs, until the process is killed.
func serveBus(dir string) {
	all := func(string, string) (bus.Grant, bool) { return bus.ServerGrant(), true }
	s, err := bus.Start(context.Background(), bus.Options{StoreDir: dir, Port: -1, Authenticate: all})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "url"), []byte(s.URL()), 0o600)
	}
	if err != nil {
		os.Exit(cannot("serve the bus", err))
	}
	select {}
}

// startBus starts that server in a process of its own, which a test may stop: to
// the server of Drover its disk stands still then.
func startBus(t *testing.T) (proc *os.Process, url string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(cleanEnv(), busEnv+"="+dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(5 * time.Millisecond) {
		if b, err := os.ReadFile(filepath.Join(dir, "url")); err == nil && len(b) > 0 {
			return cmd.Process, string(b)
		}
		if time.Now().After(deadline) {
			t.Fatal("the bus does not come up")
		}
	}
}

// flood submits many workloads, each request a batch under a key of its own.
type flood struct {
	url, token string
	client     *http.Client
	batch      int
	task       string // in place of one that runs true, as JSON

	mu      sync.Mutex
	answers map[int]answered // by request
}

// answered is how a request ended: its status, and what became of its items.
type answered struct {
	status int
	after  string // Retry-After
	text   string // of a refusal
	items  []api.BatchItem
}

func (f *flood) name(request, item int) string { return fmt.Sprintf("w-%d-%d", request, item) }

func (f *flood) send(request int) (answered, error) {
	var body bytes.Buffer
	body.WriteString(`{"workloads":[`)
	for i := range f.batch {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"apiVersion":%q,"kind":"job","name":%q,"tasks":[%s]}`, api.Version, f.name(request, i),
			cmp.Or(f.task, `{"name":"main","driver":"process","command":["true"]}`))
	}
	body.WriteString(`]}`)
	req, err := http.NewRequest(http.MethodPost, f.url+"/v1/workloads", &body)
	if err != nil {
		return answered{}, err
	}
	req.Header.Set("Authorization", "Bearer "+f.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(api.HeaderKey, fmt.Sprint("flood-", request))
	res, err := f.client.Do(req)
	if err != nil {
		return answered{}, err
	}
	defer func() { _ = res.Body.Close() }()
	out := answered{status: res.StatusCode, after: res.Header.Get("Retry-After")}
	text, err := io.ReadAll(res.Body)
	if err != nil || out.status != http.StatusOK {
		out.text = string(text)
		return out, err
	}
	var reply api.BatchReply
	err = json.Unmarshal(text, &reply)
	out.items = reply.Items
	return out, err
}

// run sends requests from..to from so many clients at once.
func (f *flood) run(t *testing.T, from, to, clients int) *sync.WaitGroup {
	next := make(chan int, to-from)
	for i := from; i < to; i++ {
		next <- i
	}
	close(next)
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for i := range next {
				a, err := f.send(i)
				if err != nil {
					t.Errorf("request %d: %v", i, err)
					return
				}
				f.mu.Lock()
				f.answers[i] = a
				f.mu.Unlock()
			}
		})
	}
	return &all
}

func (f *flood) done() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.answers)
}

// memory reads a line of a process's status, in MiB.
func memory(t *testing.T, pid int, what string) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), what+":")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb >> 10
}

// 100,000 submissions come while the disk stands still: they are told when to come
// back, the server keeps its memory and answers reads. When the disk is back, what
// was acknowledged exists, what was refused does not, and a key gets its first
// answer again.
func TestSubmissionsAgainstAStoppedDisk(t *testing.T) {
	const requests, batch, clients = 2000, 50, 700
	proc, url := startBus(t)
	c := NewCluster(t, "--nats", url, "--agent-user", "nobody")
	f := &flood{
		url: c.URL, token: c.Token(), batch: batch, answers: map[int]answered{},
		client: &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: clients}},
	}
	defer f.client.CloseIdleConnections()
	f.run(t, 0, 4, 2).Wait() // the disk works
	if err := proc.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	stopped := time.Now()
	waiting := f.run(t, 4, requests, clients)
	var reads []time.Duration
	for last := 0; time.Since(stopped) < 12*time.Second || f.done() > last; {
		last = f.done()
		for range 20 {
			began := time.Now()
			if r := c.get("/v1/workloads?limit=100"); r != http.StatusOK {
				t.Fatalf("a read is answered %d while the disk stands still", r)
			}
			reads = append(reads, time.Since(began))
			time.Sleep(10 * time.Millisecond)
		}
	}
	most := memory(t, c.Server.PID(), "VmHWM")
	inTime := f.done()
	if err := proc.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	held := time.Since(stopped)
	waiting.Wait()

	byStatus, acked, refused, unknown := map[int]int{}, map[string]uint64{}, map[string]bool{}, 0
	for i, a := range f.answers {
		byStatus[a.status]++
		if a.status == http.StatusServiceUnavailable { // not known: asked again under the same key
			unknown++
			a = f.insist(t, i)
		}
		for j := range batch {
			switch {
			case a.status == http.StatusTooManyRequests:
				refused[f.name(i, j)] = true
				if a.after == "" {
					t.Fatal("a 429 without Retry-After")
				}
			case len(a.items) == batch && a.items[j].Status == http.StatusCreated:
				acked[a.items[j].Name] = a.items[j].ID
			case len(a.items) == batch && a.items[j].Status == http.StatusTooManyRequests:
				refused[f.name(i, j)] = true
			default:
				t.Fatalf("request %d: %+v", i, a.status)
			}
		}
	}
	exist := c.workloads(t)
	for name, id := range acked {
		if exist[name] != id {
			t.Fatalf("%s was acknowledged as number %d, there is %d", name, id, exist[name])
		}
	}
	for name := range refused {
		if exist[name] != 0 {
			t.Fatalf("%s was refused, and exists", name)
		}
	}
	if len(exist) != len(acked) || len(acked)+len(refused) != requests*batch {
		t.Errorf("%d exist; %d were acknowledged and %d refused of %d", len(exist), len(acked), len(refused), requests*batch)
	}
	again := 0
	for i, a := range f.answers {
		if a.status != http.StatusOK || again == 50 {
			continue
		}
		again++
		if b := f.insist(t, i); !slices.EqualFunc(a.items, b.items, func(x, y api.BatchItem) bool {
			return x.ID == y.ID || x.Status == http.StatusTooManyRequests
		}) {
			t.Fatalf("request %d got another answer at the second time", i)
		}
	}
	if most > 768 {
		t.Errorf("the server took %d MiB", most)
	}
	if len(refused) == 0 {
		t.Error("nothing was refused: the flood was too small")
	}
	slices.Sort(reads)
	t.Logf("disk stopped for %v: %d submissions in %d requests, %d answered meanwhile; by status %v, %d of unknown outcome asked again; "+
		"%d acknowledged, %d refused, %d exist; %d keys gave their first answer again; memory at most %d MiB; reads p99 %v",
		held.Round(time.Second), requests*batch, requests, inTime, byStatus, unknown, len(acked), len(refused), len(exist), again, most,
		reads[len(reads)*99/100].Round(time.Millisecond))
}

// insist sends a request until it is answered for good.
func (f *flood) insist(t *testing.T, request int) answered {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		a, err := f.send(request)
		if err != nil {
			t.Fatal(err)
		}
		if a.status == http.StatusOK {
			return a
		}
		if time.Now().After(deadline) {
			t.Fatalf("request %d is still answered %d", request, a.status)
		}
	}
}

// get reads a path and gives its status.
func (c *Cluster) get(path string) int {
	req, err := http.NewRequest(http.MethodGet, c.URL+path, nil)
	if err != nil {
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+c.Token())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// workloads lists all that exist, with their numbers.
func (c *Cluster) workloads(t *testing.T) map[string]uint64 {
	t.Helper()
	cl := c.Client()
	out := map[string]uint64{}
	for w, err := range cl.List(Within(t, time.Minute), client.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		out[w.Name] = w.ID
	}
	return out
}
