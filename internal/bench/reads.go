package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
)

// ReadsOptions says what Reads measures.
type ReadsOptions struct {
	Known   int              // finished workloads that the cell holds beforehand; 100 to 20,000, default 10,000
	Readers int              // how many ask at once, each on a connection of its own; default 4
	For     time.Duration    // how long is measured, once without and once beside the writes; default 10 s
	Self    string           // path of this program
	Dir     string           // where server and agent keep their data; "" is a temporary directory
	Report  func(done int64) // called as the workloads beforehand are submitted; may be nil
}

// ReadsReport is what Reads measured: how long reads take on a cell that does
// nothing, and on one that takes and finishes as many workloads as it can.
type ReadsReport struct {
	Known          int        `json:"known"`
	Readers        int        `json:"readers"`
	WritesPerSec   float64    `json:"writesPerSecond"`   // workloads submitted beside the reads
	FinishedPerSec float64    `json:"finishedPerSecond"` // and run to their recorded end
	Quiet          []ReadTime `json:"quiet"`
	Loaded         []ReadTime `json:"loaded"`
	// How much later than asked for this machine ends a pause of 5 ms (p99): what
	// it adds to everything, whoever is to blame.
	QuietLateMs  float64 `json:"quietLateMs"`
	LoadedLateMs float64 `json:"loadedLateMs"`
	// What the server alone takes for all these reads together, by its own histogram:
	// from the head of a request to the end of its answer.
	ServerQuiet  ServerTime `json:"serverQuiet"`
	ServerLoaded ServerTime `json:"serverLoaded"`
}

// ServerTime is what the server says of the reads that it answered.
type ServerTime struct {
	Count  float64 `json:"count"`
	MeanMs float64 `json:"meanMs"`
	P50Ms  float64 `json:"p50Ms"` // as P99Ms; within a bucket of the histogram they are taken to be even
	P99Ms  float64 `json:"p99Ms"`
}

// ReadTime is how long one kind of read takes, as the client sees it.
type ReadTime struct {
	Read  string  `json:"read"` // "list" (a page of 1,000 workloads), "show" (one, with its specification), "status"
	Count int     `json:"count"`
	P50Ms float64 `json:"p50Ms"`
	P99Ms float64 `json:"p99Ms"`
	MaxMs float64 `json:"maxMs"`
	// Until the last byte of the answer is there; the rest is the client's own work,
	// which is to make values of it.
	WireP50Ms float64 `json:"wireP50Ms"`
	WireP99Ms float64 `json:"wireP99Ms"`
}

// readEvery is the rhythm of a reader: reads are measured, not how many there can
// be.
const readEvery = 20 * time.Millisecond

// Reads runs a server and an agent as processes over TCP, and measures reads
// without and beside a full load of writes by the public client.
func Reads(ctx context.Context, o ReadsOptions) (r ReadsReport, err error) {
	if o.Known == 0 {
		o.Known = 10_000
	}
	if o.Known < 100 || o.Known > 20_000 {
		return r, fmt.Errorf("%d workloads beforehand: it is 100 to 20000", o.Known)
	}
	if o.Readers == 0 {
		o.Readers = 4
	}
	if o.For == 0 {
		o.For = 10 * time.Second
	}
	dir, err := os.MkdirTemp(o.Dir, "drover-bench-")
	if err != nil {
		return r, fmt.Errorf("make a directory for the benchmark: %w", err)
	}
	defer os.RemoveAll(dir)
	cl, err := startCluster(ctx, o.Self, dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, cl.stop()) }()
	b := readBench{cluster: cl, o: &o}
	r.Known, r.Readers = o.Known, o.Readers
	if err := b.prepare(ctx); err != nil {
		return r, err
	}
	if r.Quiet, r.QuietLateMs, r.ServerQuiet, err = b.readAndAsk(ctx); err != nil {
		return r, err
	}
	stop := b.write(ctx)
	pause(ctx, time.Second) // until the writes are in their stride
	began, submitted := time.Now(), b.submitted.Load()
	before, err1 := cl.metric(ctx, "drover_tasks_finished_total")
	r.Loaded, r.LoadedLateMs, r.ServerLoaded, err = b.readAndAsk(ctx)
	seconds := time.Since(began).Seconds()
	after, err2 := cl.metric(ctx, "drover_tasks_finished_total")
	r.WritesPerSec = float64(b.submitted.Load()-submitted) / seconds
	r.FinishedPerSec = (after - before) / seconds
	return r, errors.Join(err, err1, err2, stop())
}

// readBench is one measurement.
type readBench struct {
	*cluster
	o         *ReadsOptions
	submitted atomic.Int64
}

func knownName(i int) string { return fmt.Sprintf("known-%d", i) }

// prepare fills the cell with finished workloads.
func (b *readBench) prepare(ctx context.Context) error {
	c, err := b.client()
	if err != nil {
		return err
	}
	defer c.Close()
	// What is written later must not push them out.
	if err := c.PutSettings(ctx, api.SettingsRequest{RetainMax: 1_000_000}); err != nil {
		return err
	}
	var list []*api.Workload
	var names []string
	for i := range b.o.Known {
		names = append(names, knownName(i))
		list = append(list, noopJob(names[i]))
	}
	if err := <-submitAll(ctx, c, &TasksOptions{Report: b.o.Report}, list); err != nil {
		return err
	}
	_, err = c.WaitFinished(ctx, names...)
	return err
}

func noopJob(name string) *api.Workload {
	return &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: name, Tasks: []api.Task{{
		Name: "main", Driver: api.DriverNoop, Resources: api.Resources{CPU: 1000, Memory: 64 * api.MiB},
		Restart: &api.Restart{Policy: api.RestartNever},
	}}}
}

// write submits as much as the server takes, until the returned function is called.
func (b *readBench) write(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	const writers, batch = 2, 500
	errs := make([]error, writers)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() { errs[i] = b.flood(ctx, fmt.Sprintf("written-%d", i), batch) })
	}
	return func() error {
		cancel()
		all.Wait()
		return errors.Join(errs...)
	}
}

func (b *readBench) flood(ctx context.Context, name string, batch int) error {
	c, err := b.client()
	if err != nil {
		return err
	}
	defer c.Close()
	for n := 0; ctx.Err() == nil; n++ {
		list := make([]*api.Workload, batch)
		for i := range list {
			list[i] = noopJob(fmt.Sprintf("%s-%d-%d", name, n, i))
		}
		items, err := c.SubmitBatch(ctx, list)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("write: %w", err)
		}
		for i := range items {
			if items[i].Status < 300 {
				b.submitted.Add(1)
			}
		}
	}
	return nil
}

// The reads that are measured.
var reads = [...]struct {
	name string
	do   func(ctx context.Context, c *client.Client, n int) error
}{
	{"list", func(ctx context.Context, c *client.Client, _ int) error {
		n := 0
		for _, err := range c.List(ctx, client.ListOptions{}) {
			if n++; err != nil || n == api.MaxPage { // the first page
				return err
			}
		}
		return nil
	}},
	{"show", func(ctx context.Context, c *client.Client, n int) error {
		_, err := c.Get(ctx, knownName(n))
		return err
	}},
	{"status", func(ctx context.Context, c *client.Client, _ int) error {
		_, err := c.Status(ctx)
		return err
	}},
}

// readAndAsk is read, and what the server says of it.
func (b *readBench) readAndAsk(ctx context.Context) (out []ReadTime, lateMs float64, server ServerTime, err error) {
	before, err := b.histogram(ctx, readHistogram)
	if err != nil {
		return nil, 0, server, err
	}
	if out, lateMs, err = b.read(ctx); err != nil {
		return nil, 0, server, err
	}
	after, err := b.histogram(ctx, readHistogram)
	if err == nil {
		took := after.since(before)
		server = ServerTime{Count: took.count, MeanMs: took.mean() * 1000, P50Ms: took.quantile(0.5) * 1000, P99Ms: took.quantile(0.99) * 1000}
	}
	return out, lateMs, server, err
}

const readHistogram = "drover_http_read_seconds"

// read asks for everything in turn for a while, from several connections.
func (b *readBench) read(ctx context.Context) (out []ReadTime, lateMs float64, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	all.Go(func() { lateMs = late(ctx, b.o.For) })
	var took, wire [len(reads)][]float64
	errs := make([]error, b.o.Readers)
	for i := range b.o.Readers {
		all.Go(func() {
			mine, arrived, err := b.reader(ctx, i)
			mu.Lock()
			defer mu.Unlock()
			errs[i] = err
			for k := range mine {
				took[k], wire[k] = append(took[k], mine[k]...), append(wire[k], arrived[k]...)
			}
		})
	}
	all.Wait()
	for k, list := range took {
		slices.Sort(list)
		slices.Sort(wire[k])
		out = append(out, ReadTime{
			Read: reads[k].name, Count: len(list), P50Ms: quantile(list, 50), P99Ms: quantile(list, 99), MaxMs: quantile(list, 100),
			WireP50Ms: quantile(wire[k], 50), WireP99Ms: quantile(wire[k], 99),
		})
	}
	return out, lateMs, errors.Join(errs...)
}

// late is how much later than asked for a short pause ends (p99).
func late(ctx context.Context, d time.Duration) float64 {
	const nap = 5 * time.Millisecond
	var list []float64
	for end := time.Now().Add(d); time.Now().Before(end) && ctx.Err() == nil; {
		began := time.Now()
		pause(ctx, nap)
		list = append(list, ms(time.Since(began)-nap))
	}
	slices.Sort(list)
	return quantile(list, 99)
}

func (b *readBench) reader(ctx context.Context, i int) (took, wire [len(reads)][]float64, err error) {
	var arrived arrivals
	c, err := client.New(client.Config{Server: b.URL, Token: b.token, Transport: &arrived})
	if err != nil {
		return took, wire, err
	}
	defer c.Close()
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	for n, end := 0, time.Now().Add(b.o.For); time.Now().Before(end) && ctx.Err() == nil; n++ {
		k := n % len(reads)
		began := time.Now()
		if err := reads[k].do(ctx, c, (n*7919+i)%b.o.Known); err != nil {
			return took, wire, fmt.Errorf("read (%s): %w", reads[k].name, err)
		}
		took[k], wire[k] = append(took[k], ms(time.Since(began))), append(wire[k], ms(arrived.last.Sub(began)))
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return took, wire, nil
}

// arrivals is the network of one reader, and notes when the last answer was there
// as a whole.
type arrivals struct {
	http.Transport
	last time.Time
}

// RoundTrip implements http.RoundTripper.
func (a *arrivals) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := a.Transport.RoundTrip(r)
	if err == nil {
		res.Body = &arriving{res.Body, a}
	}
	return res, err
}

// arriving is the body of an answer.
type arriving struct {
	io.ReadCloser
	to *arrivals
}

func (b *arriving) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.to.last = time.Now()
	return n, err
}
