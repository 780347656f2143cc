package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
)

// TasksOptions says what Tasks measures.
type TasksOptions struct {
	N       int              // tasks, each a workload of its own; 1 to 1,000,000
	Driver  string           // "noop", "process" or "wasm"
	Singles int              // tasks run one after the other for the latency figures; default 50
	Self    string           // path of this program
	Dir     string           // where server and agent keep their data; "" is a temporary directory
	Report  func(done int64) // called as submissions are answered; may be nil
}

// TasksReport is what Tasks measured. Times are of the client's monotonic clock.
type TasksReport struct {
	Tasks          int     `json:"tasks"`
	Driver         string  `json:"driver"`
	TasksPerSecond float64 `json:"tasksPerSecond"` // from the first submission to the last known to be finished
	P50Ms          float64 `json:"p50Ms"`          // of one task alone, from submission to its result
	P99Ms          float64 `json:"p99Ms"`
	SyncMs         float64 `json:"syncMs"`       // median of a write of 4 KiB and its sync in the same directory
	SyncsPerTask   float64 `json:"syncsPerTask"` // journal records, each synced once
	CPUMsPerTask   float64 `json:"cpuMsPerTask"` // server and agent
}

// Tasks runs a server and an agent as processes over TCP with a synced journal,
// submits N separately named workloads in batches with the public client, and
// waits until each is recorded as finished.
func Tasks(ctx context.Context, o TasksOptions) (r TasksReport, err error) {
	if o.N < 1 || o.N > 1_000_000 {
		return r, fmt.Errorf("%d tasks: it is 1 to 1000000", o.N)
	}
	if o.Singles == 0 {
		o.Singles = 50
	}
	dir, err := os.MkdirTemp(o.Dir, "drover-bench-")
	if err != nil {
		return r, fmt.Errorf("make a directory for the benchmark: %w", err)
	}
	defer os.RemoveAll(dir)
	r = TasksReport{Tasks: o.N, Driver: o.Driver}
	if r.SyncMs, err = measureSync(dir); err != nil {
		return r, err
	}
	cl, err := startCluster(ctx, o.Self, dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, cl.stop()) }()
	c, err := cl.client()
	if err != nil {
		return r, err
	}
	defer c.Close()
	if err := c.PutSettings(ctx, api.SettingsRequest{RetainMax: int32(o.N) + 1000}); err != nil {
		return r, err
	}
	build, err := maker(ctx, c, &o)
	if err != nil {
		return r, err
	}
	if err := singles(ctx, c, build, o.Singles, &r); err != nil {
		return r, err
	}
	return r, many(ctx, cl, c, build, &o, &r)
}

// maker returns what makes the n-th workload.
func maker(ctx context.Context, c *client.Client, o *TasksOptions) (func(name string) *api.Workload, error) {
	task := api.Task{
		Name: "main", Driver: o.Driver, Resources: api.Resources{CPU: 1000, Memory: 64 * api.MiB},
		Restart: &api.Restart{Policy: api.RestartNever},
	}
	switch o.Driver {
	case "noop":
	case "process":
		task.Command = []string{"true"}
	case "wasm":
		stored, err := c.UploadFrom(ctx, bytes.NewReader(Nothing()))
		if err != nil {
			return nil, fmt.Errorf("upload the module: %w", err)
		}
		task.Artifact = &api.Source{Digest: stored.Digest}
	default:
		return nil, fmt.Errorf("driver %q cannot be measured: it is noop, process or wasm", o.Driver)
	}
	return func(name string) *api.Workload {
		return &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: name, Tasks: []api.Task{task}}
	}, nil
}

// singles measures one task at a time; the first few warm caches and pools up.
func singles(ctx context.Context, c *client.Client, build func(string) *api.Workload, n int, r *TasksReport) error {
	const warm = 5
	var took []float64
	for i := range warm + n {
		name := fmt.Sprintf("single-%d", i)
		began := time.Now()
		if _, err := c.Submit(ctx, build(name)); err != nil {
			return err
		}
		views, err := c.WaitFinished(ctx, name)
		if err != nil {
			return err
		}
		if views[0].Status != api.WorkloadSucceeded.String() {
			return fmt.Errorf("%s %s: %s", name, views[0].Status, views[0].Reason)
		}
		if i >= warm {
			took = append(took, ms(time.Since(began)))
		}
	}
	slices.Sort(took)
	r.P50Ms, r.P99Ms = quantile(took, 50), quantile(took, 99)
	return nil
}

// many measures throughput.
func many(ctx context.Context, cl *cluster, c *client.Client, build func(string) *api.Workload, o *TasksOptions, r *TasksReport) error {
	list := []*api.Workload{}
	names := []string{}
	for i := range o.N {
		w := build(fmt.Sprintf("task-%d", i))
		list, names = append(list, w), append(names, w.Name)
	}
	records, err := cl.metric(ctx, "drover_batches_total")
	if err != nil {
		return err
	}
	cpu, began := cl.cpu(), time.Now()
	if err := <-submitAll(ctx, c, o, list); err != nil {
		return err
	}
	views, err := c.WaitFinished(ctx, names...)
	if err != nil {
		return err
	}
	took := time.Since(began)
	for i := range views {
		if views[i].Status != api.WorkloadSucceeded.String() {
			return fmt.Errorf("%s %s: %s", views[i].Name, views[i].Status, views[i].Reason)
		}
	}
	after, err := cl.metric(ctx, "drover_batches_total")
	if err != nil {
		return err
	}
	n := float64(o.N)
	r.TasksPerSecond = n / took.Seconds()
	r.SyncsPerTask = (after - records) / n
	r.CPUMsPerTask = ms(cl.cpu()-cpu) / n
	return nil
}

// submitAll submits from a few connections at once, as a busy client would.
func submitAll(ctx context.Context, c *client.Client, o *TasksOptions, list []*api.Workload) <-chan error {
	var sent atomic.Int64
	const connections, batch = 2, 500
	batches := slices.Collect(slices.Chunk(list, batch))
	next := make(chan []*api.Workload, len(batches))
	for _, b := range batches {
		next <- b
	}
	close(next)
	ended := make(chan error, connections)
	for range connections {
		go func() {
			for b := range next {
				items, err := c.SubmitBatch(ctx, b)
				if o.Report != nil {
					o.Report(sent.Add(int64(len(b))))
				}
				for i := range items {
					if err == nil && items[i].Status >= 300 {
						err = fmt.Errorf("submit %s: status %d: %v", items[i].Name, items[i].Status, items[i].Errors)
					}
				}
				if err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
	}
	out := make(chan error, 1)
	go func() {
		var errs []error
		for range connections {
			errs = append(errs, <-ended)
		}
		out <- errors.Join(errs...)
	}()
	return out
}

// measureSync is the median time of a write of 4 KiB and its sync, in ms.
func measureSync(dir string) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var took []float64
	block := make([]byte, 4096)
	for range 50 {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, ms(time.Since(began)))
	}
	slices.Sort(took)
	return quantile(took, 50), nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// quantile of sorted values by the nearest rank.
func quantile(sorted []float64, percent int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min((len(sorted)*percent+99)/100, len(sorted))-1]
}
