//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
)

// TestDevKilledAgainAndAgain kills a whole cell in one process while it starts
// tasks, and starts it again at once: locks of the dead must not keep it out,
// and what was accepted ends well.
func TestDevKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	const kills, each = 6, 20
	c := newCluster(t, t.TempDir())
	dev := c.process("dev", "dev", "--data", c.Dir, "--http", c.address(7420))
	c.agents = append(c.agents, dev)
	dev.Restart()
	cl, err := client.New(client.Config{Server: c.URL, Token: c.Token(), Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx := Within(t, 2*time.Minute)
	var names []string
	for i := range kills {
		batch := make([]string, each)
		for j := range batch {
			batch[j] = fmt.Sprintf("d%d-%d", i, j)
		}
		names = append(names, batch...)
		var submitting sync.WaitGroup
		submitting.Go(func() { submitMarked(ctx, t, c, cl, batch) })
		first := filepath.Join(c.Dir, "mark-"+batch[0])
		Await(t, time.Minute, "a task runs", func() (bool, string) {
			_, err := os.Stat(first)
			return err == nil, fmt.Sprint(err)
		})
		dev.Kill()
		dev.Restart()
		submitting.Wait()
	}
	views, err := cl.WaitFinished(ctx, names...)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range views {
		if v.Status != api.WorkloadSucceeded.String() {
			t.Errorf("%s ended %s: %s", v.Name, v.Status, v.Reason)
		}
	}
	dev.Terminate()
}

// submitMarked submits tasks that leave a file each.
func submitMarked(ctx context.Context, t *testing.T, c *Cluster, cl *client.Client, names []string) {
	for _, name := range names {
		task := shell("touch " + filepath.Join(c.Dir, "mark-"+name))
		task.Resources = api.Resources{CPU: 50, Memory: 16 * api.MiB}
		if _, err := cl.Submit(ctx, job(name, task)); err != nil {
			t.Error(err)
		}
	}
}
