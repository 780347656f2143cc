package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/demo/modules"
	"drover.dev/internal/local"
	"drover.dev/internal/report"
)

// Options of Run. Only Out is required.
type Options struct {
	Out      string    // directory for report.html and image.png; made when missing
	Self     string    // path of this program, which the device task runs to sample the machine
	Writer   io.Writer // gets the story
	Style    report.Style
	Progress bool // Writer's terminal may be redrawn
}

// Run runs the demo: a cell with three nodes in this process, a pipeline over
// three layers and an array of tiles, on real input. It prints what was decided
// and why, and writes the results to Out.
func Run(ctx context.Context, o Options) (err error) {
	began := time.Now()
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return fmt.Errorf("make the directory for the results: %w", err)
	}
	dir, err := os.MkdirTemp("", "drover-demo-")
	if err != nil {
		return fmt.Errorf("make a directory for the demo: %w", err)
	}
	defer os.RemoveAll(dir)
	cell, err := local.Start(ctx, local.Config{Dir: dir, Nodes: nodes(), StopTasks: true, Idle: 2})
	if err != nil {
		return fmt.Errorf("start the demo's cell: %w", err)
	}
	defer func() {
		if closing := cell.Close(); err == nil {
			err = closing
		}
	}()
	c, err := cell.Client()
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Fprintf(o.Writer, "A cell with three nodes is up in %s: device-1 in %s, edge-1 in %s, cloud-1 in %s.\n",
		report.Duration(api.Duration(time.Since(began))), siteDevice, siteEdge, siteCloud)
	done, err := work(ctx, c, &o)
	if err != nil {
		return err
	}
	if err := tell(o.Writer, o.Style, done, Sites()); err != nil {
		return err
	}
	if err := save(ctx, c, &o, done); err != nil {
		return err
	}
	fmt.Fprintf(o.Writer, "\nAll of it took %s. Your own work next: drover dev\n", report.Duration(api.Duration(time.Since(began))))
	return nil
}

// nodes are the continuum; what they run shares this machine.
func nodes() []api.Node {
	return []api.Node{
		{
			Name: "device-1", Site: siteDevice, Layer: api.LayerDevice, Drivers: []string{"process"},
			Capacity: api.Resources{CPU: 500, Memory: 256 * api.MiB},
		},
		{Name: "edge-1", Site: siteEdge, Layer: api.LayerEdge, Capacity: api.Resources{CPU: 2000, Memory: 2 * api.GiB}},
		{Name: "cloud-1", Site: siteCloud, Layer: api.LayerCloud, Capacity: api.Resources{CPU: 2000, Memory: 8 * api.GiB}},
	}
}

// work declares the sites, uploads the programs, submits both workloads and waits
// for them.
func work(ctx context.Context, c *client.Client, o *Options) ([]outcome, error) {
	for _, s := range Sites() {
		if err := c.PutSite(ctx, s); err != nil {
			return nil, err
		}
	}
	if err := c.PutSettings(ctx, api.SettingsRequest{Home: siteCloud}); err != nil {
		return nil, err
	}
	p := programs{}
	for _, name := range modules.Names() {
		wasm, err := modules.Get(name)
		if err != nil {
			return nil, err
		}
		stored, err := c.UploadFrom(ctx, strings.NewReader(string(wasm)))
		if err != nil {
			return nil, fmt.Errorf("upload the program %s: %w", name, err)
		}
		p[name] = stored.Digest
	}
	list := []*api.Workload{line(p, o.Self), mural(p)}
	names := make([]string, len(list))
	for i, w := range list {
		names[i] = w.Name
		if _, err := c.Submit(ctx, w); err != nil {
			return nil, fmt.Errorf("submit %s: %w", w.Name, err)
		}
	}
	fmt.Fprintf(o.Writer, "Submitted %s: sample on the device, clean on the edge, report in the cloud; and %s: %d tiles, joined.\n",
		names[0], names[1], tiles)
	stop := follow(ctx, c, o, tiles+4)
	views, err := c.WaitFinished(ctx, names...)
	stop()
	if err != nil {
		return nil, err
	}
	return collect(ctx, c, views)
}

// follow shows progress on a terminal until the returned function is called.
func follow(ctx context.Context, c *client.Client, o *Options, total int64) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	bar := report.NewProgress(o.Writer, o.Progress, o.Style, "tasks", total, time.Now)
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			ended := int64(0)
			for v, err := range c.List(ctx, client.ListOptions{}) {
				if err == nil {
					ended += int64(v.Counts.Succeeded)
				}
			}
			bar.Set(ended)
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
		bar.Done("")
	}
}

// collect reads what the story tells, and fails when a workload did.
func collect(ctx context.Context, c *client.Client, views []api.WorkloadView) ([]outcome, error) {
	var out []outcome
	for _, v := range views {
		if v.Status != api.WorkloadSucceeded.String() {
			return nil, fmt.Errorf("%s %s: %s", v.Name, v.Status, v.Reason)
		}
		full, err := c.Get(ctx, v.Name)
		if err != nil {
			return nil, err
		}
		done := outcome{view: full}
		for t, err := range c.Tasks(ctx, v.Name, client.TaskOptions{}) {
			if err != nil {
				return nil, err
			}
			why, err := c.Explain(ctx, v.Name, t.TaskName, t.Index)
			if err != nil {
				return nil, err
			}
			done.tasks = append(done.tasks, told{t, why})
		}
		out = append(out, done)
	}
	return out, nil
}

// save writes the last outputs into the directory that was asked for.
func save(ctx context.Context, c *client.Client, o *Options, done []outcome) error {
	fmt.Fprintln(o.Writer, "\nResults")
	fmt.Fprintln(o.Writer)
	for _, d := range done {
		for _, t := range d.tasks {
			if t.TaskName != "report" && t.TaskName != "join" {
				continue
			}
			for _, v := range t.Result.Outputs {
				path, err := write(ctx, c, o.Out, &v)
				if err != nil {
					return fmt.Errorf("save %s of %s: %w", v.Name, t.Name, err)
				}
				fmt.Fprintf(o.Writer, "  %s  %s, made by %s on %s\n", path, report.Bytes(v.Size), t.Name, t.Node)
			}
		}
	}
	return nil
}

func write(ctx context.Context, c *client.Client, dir string, v *api.Value) (path string, err error) {
	path = filepath.Join(dir, filepath.Base(v.File))
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer func() {
		if closing := f.Close(); err == nil {
			err = closing
		}
	}()
	if v.Digest == "" {
		_, err = f.Write(v.Inline)
		return path, err
	}
	return path, c.Download(ctx, v.Digest, f)
}
