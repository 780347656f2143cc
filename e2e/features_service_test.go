//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
)

// web is a service of small servers; see testdata/tool. Its replicas note their
// lives in a shared file named like it.
func (c *Cluster) web(name, version string, replicas int32) *api.Workload {
	c.t.Helper()
	// A busy machine may take seconds to start a replica.
	check := api.Check{Port: "http", Interval: 100 * api.Millisecond, Timeout: 10 * api.Second, Failures: 200}
	tcp, get := check, check
	tcp.Type, get.Type, get.Path = api.CheckTCP, api.CheckHTTP, "/healthz"
	return &api.Workload{
		APIVersion: api.Version, Kind: api.KindService, Name: name, Replicas: replicas,
		Tasks: []api.Task{{
			Name: "web", Driver: api.DriverProcess, Command: []string{tool(c.t), "web"},
			Env:   map[string]string{"VERSION": version, "LIVES": c.file(name)},
			Ports: []api.Port{{Name: "http"}}, Checks: []api.Check{tcp, get},
		}},
	}
}

// life is a change of the number of servers at a time in nanoseconds.
type life struct {
	at      int64
	change  int
	version string
}

// lives are those that the replicas of a service noted, in the order of time.
func (c *Cluster) lives(name string) (out []life) {
	c.t.Helper()
	for _, line := range c.lines(name) {
		var l life
		if _, err := fmt.Sscan(line, &l.at, &l.change, &l.version); err != nil {
			c.t.Fatalf("line %q of the lives of %s: %v", line, name, err)
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b life) int { return cmp.Compare(a.at, b.at) })
	return out
}

// fewest is how many replicas of a service have served at least, at every
// instant after a time; by their own account, which is exact.
func (c *Cluster) fewest(name string, after time.Time) int {
	c.t.Helper()
	n, least := 0, -1
	for _, l := range c.lives(name) {
		if l.at > after.UnixNano() && least < 0 {
			least = n
		}
		n += l.change
		if least >= 0 {
			least = min(least, n)
		}
	}
	if least < 0 {
		return n
	}
	return least
}

// answers are what the replicas of a service say when they are asked.
func (c *Cluster) answers(name string) (out []string) {
	c.t.Helper()
	for _, t := range c.show(name).Tasks {
		out = append(out, c.ask(t))
	}
	slices.Sort(out)
	return out
}

func (c *Cluster) ask(t api.TaskView) string {
	if len(t.Ports) != 1 {
		return fmt.Sprintf("ports: %v", t.Ports)
	}
	cl := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := cl.Get("http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(int(t.Ports[0].Port))))
	if err != nil {
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// sampler looks at a service again and again, as its users see it.
type sampler struct {
	stop    chan struct{}
	done    sync.WaitGroup
	samples int
	least   int32 // healthy replicas, as the API says
	silent  int   // samples without any replica that answers
}

// sample begins to look; end tells what was seen.
func (c *Cluster) sample(name string) (s *sampler) {
	c.t.Helper()
	s = &sampler{stop: make(chan struct{}), least: 1 << 20}
	cl, ctx := c.Client(), Within(c.t, 2*patience)
	s.done.Go(func() {
		for {
			select {
			case <-s.stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			v, err := cl.Get(ctx, name)
			if err != nil {
				c.t.Errorf("look at %s: %v", name, err)
				return
			}
			s.samples++
			s.least = min(s.least, v.Healthy)
			answers := 0
			for t, err := range cl.Tasks(ctx, name, client.TaskOptions{Status: []string{"running"}}) {
				if err == nil && t.Healthy && !strings.Contains(c.ask(t), "refused") {
					answers++
				}
			}
			if answers == 0 {
				s.silent++
			}
		}
	})
	return s
}

func (s *sampler) end() {
	close(s.stop)
	s.done.Wait()
}

// TestService is the life of a service: updates that never take it below its
// minimum, one that goes back by itself, scaling, and a roll-back by hand.
func TestService(t *testing.T) {
	t.Parallel()
	c := NewCluster(t)
	for _, name := range []string{"n1", "n2"} {
		c.Agent(name)
	}
	c.applied(c.web("web", "one", 3), "--wait")
	c.await("web", "is healthy", healthy(3))
	same := func(version string) {
		t.Helper()
		if got := c.answers("web"); !slices.Equal(got, []string{version, version, version}) {
			t.Errorf("answers %q, want three of %q", got, version)
		}
	}
	same("one")

	began := time.Now()
	s := c.sample("web")
	c.applied(c.web("web", "two", 3), "--wait")
	c.await("web", "is updated", func(s shown) bool { return healthy(3)(s) && s.Workload.Revision == 2 })
	s.end()
	same("two")
	// By default the minimum is one less than the replicas.
	if least := c.fewest("web", began); least < 2 || s.least < 2 || s.silent > 0 || s.samples < 3 {
		t.Errorf("%d replicas served at least; %d were healthy in %d samples, and none answered in %d", least, s.least, s.samples, s.silent)
	}

	began = time.Now()
	all := c.web("web", "all", 3)
	all.Update = &api.Update{MinHealthy: 3, MaxSurge: 2}
	c.applied(all, "--wait")
	c.await("web", "is updated", func(s shown) bool { return healthy(3)(s) && s.Workload.Revision == 3 })
	same("all")
	if least := c.fewest("web", began); least < 3 {
		t.Errorf("%d replicas served at least, want 3", least)
	}
	c.applied(c.web("web", "two", 3), "--wait")
	c.await("web", "is updated", func(s shown) bool { return healthy(3)(s) && s.Workload.Revision == 4 })

	began = time.Now()
	sick := c.web("web", "three", 3)
	sick.Tasks[0].Env["SICK"] = "yes"
	sick.Tasks[0].Checks[1].Failures = 10
	sick.Tasks[0].Restart = &api.Restart{Backoff: 50 * api.Millisecond}
	sick.Update = &api.Update{ProgressDeadline: api.Minute}
	c.applied(sick)
	c.await("web", "is rolled back", func(s shown) bool {
		return healthy(3)(s) && strings.Contains(s.Workload.Reason, "rolled back to 4: check failed")
	})
	same("two")
	if least := c.fewest("web", began); least < 2 {
		t.Errorf("%d replicas served while the update failed", least)
	}

	c.applied(c.web("web", "two", 5))
	c.await("web", "has five replicas", healthy(5))
	c.applied(c.web("web", "two", 2))
	c.await("web", "has two replicas", healthy(2))
	c.applied(c.web("web", "two", 3))
	c.await("web", "has three replicas", healthy(3))

	c.applied(c.web("web", "four", 3))
	at := c.await("web", "is updated", func(s shown) bool { return healthy(3)(s) && s.Tasks[0].Revision == s.Workload.Revision })
	same("four")
	if r := c.CLI("rollback", "web"); r.Code != 0 {
		t.Fatalf("rollback: %+v", r)
	}
	c.await("web", "is rolled back", func(s shown) bool { return healthy(3)(s) && s.Workload.Revision != at.Workload.Revision })
	same("two")
	if r := c.CLI("cancel", "web", "--wait"); r.Code != 0 {
		t.Errorf("cancel: %+v", r)
	}
	if left := c.fewest("web", time.Now()); left != 0 {
		t.Errorf("%d replicas are left after the service was cancelled", left)
	}
}

// TestServiceNodeDies: a machine is gone at once, with all that ran on it; its
// replicas are back within twice the silence that says so.
func TestServiceNodeDies(t *testing.T) {
	t.Parallel()
	const silence = 5 * time.Second
	c := NewCluster(t, "--heartbeat", "1s", "--silent-after", silence.String())
	agents := map[string]*Process{}
	for _, name := range []string{"n1", "n2", "n3"} {
		agents[name] = c.Agent(name)
	}
	c.applied(c.web("web", "one", 3), "--wait")
	dead := c.await("web", "is healthy", healthy(3)).Tasks[0].Node
	agents[dead].Kill()
	killAll(t, c.AgentDir(dead))
	began := time.Now()
	c.await("web", "is complete again", func(s shown) bool {
		return healthy(3)(s) && !slices.ContainsFunc(s.Tasks, func(t api.TaskView) bool { return t.Node == dead })
	})
	if took := time.Since(began); took > 2*silence {
		t.Errorf("the replicas of the dead node were back after %v, more than twice %v", took, silence)
	}
	if got := c.answers("web"); !slices.Equal(got, []string{"one", "one", "one"}) {
		t.Errorf("answers %q", got)
	}
	for _, n := range read[[]api.NodeView](c, "nodes") {
		if want := map[bool]string{true: "silent", false: "ready"}[n.Name == dead]; n.Status != want {
			t.Errorf("node %s is %s, want %s", n.Name, n.Status, want)
		}
	}
}
