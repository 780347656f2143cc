//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
)

func taskOptions() client.TaskOptions { return client.TaskOptions{} }

// The services of a soak, and how many replicas they have.
func soakServices() map[string]int32 { return map[string]int32{"web": 3, "line": 2} }

// services applies both in their present generation: one of the hub, one that is
// handed over.
func (w *work) services() {
	for _, name := range []string{"web", "line"} {
		e := &errand{at: "hub", away: name == "line", spec: &api.Workload{
			APIVersion: api.Version, Kind: api.KindService, Name: name, Replicas: soakServices()[name],
			Update: &api.Update{ProgressDeadline: api.Duration(time.Hour)},
			Tasks: []api.Task{{
				Name: "main", Driver: api.DriverProcess, Resources: api.Resources{CPU: 100, Memory: 16 * api.MiB},
				Command: []string{"/bin/sh", "-ec", `echo "$GEN $$" >>"$SIDE"; while :; do sleep 0.5; done`},
				Env:     map[string]string{"SIDE": filepath.Join(w.mark, name), "GEN": fmt.Sprint(w.gen)},
			}},
		}}
		if e.away {
			e.spec.Tasks[0].Requires.Sites = []string{"plant"}
		}
		ctx, cancel := context.WithTimeout(context.Background(), waveEnds)
		w.submit(ctx, e)
		cancel()
	}
}

// settle waits for the end of all jobs, and until the services are as they were
// asked to be: so many processes of the last generation and no other. Then it
// cancels them, and nothing of any task must be left.
func (w *work) settle() {
	w.waves.Wait()
	for name, replicas := range soakServices() {
		w.awaits(name+" has settled", func() (bool, string) {
			v, err := w.s.clients["hub"].Get(Within(w.s.t, startTimeout), name)
			if err != nil {
				return false, err.Error()
			}
			pids, right := w.alive(name)
			return v.Healthy == replicas && len(pids) == int(replicas) && right,
				fmt.Sprintf("%s, %d of %d healthy, processes %v, all of generation %d: %v", v.Status, v.Healthy, replicas, pids, w.gen, right)
		})
	}
	for name := range soakServices() {
		if _, err := w.s.clients["hub"].Cancel(Within(w.s.t, time.Minute), name); err != nil {
			w.s.violated("cancel %s: %v", name, err)
		}
	}
	for name := range soakServices() {
		w.awaits(name+" is gone", func() (bool, string) {
			v, err := w.s.clients["hub"].Get(Within(w.s.t, startTimeout), name)
			pids, _ := w.alive(name)
			return err == nil && v.Finished != 0 && len(pids) == 0, fmt.Sprintf("%s, processes %v, %v", v.Status, pids, err)
		})
	}
	for _, name := range soakAgents() {
		a := w.s.actors[name]
		w.awaits("no process of a task is left on "+name, func() (bool, string) {
			pids := processesOf(filepath.Join(a.data, "tasks"))
			return len(pids) == 0, fmt.Sprint(pids)
		})
	}
}

// awaits is Await whose failure is a violation.
func (w *work) awaits(what string, cond func() (bool, string)) {
	deadline := time.Now().Add(3 * time.Minute)
	for {
		ok, stands := cond()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			w.s.violated("waited in vain: %s; it stands so: %s", what, stands)
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// alive lists the processes of a service, and tells whether all are of the present
// generation.
func (w *work) alive(name string) (pids []int, right bool) {
	path := filepath.Join(w.mark, name)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	right = true
	for line := range strings.Lines(string(b)) {
		var gen, pid int
		if n, _ := fmt.Sscan(line, &gen, &pid); n != 2 || !alive(pid) {
			continue
		}
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil || !bytes.Contains(env, []byte("SIDE="+path+"\x00")) {
			continue // the number was used again
		}
		pids = append(pids, pid)
		right = right && gen == w.gen
	}
	return pids, right
}
