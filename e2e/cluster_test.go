//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drover.dev/api/client"
)

// Cluster is a server and its agents, with everything they own below Dir. All of
// it, tasks included, ends with the test.
type Cluster struct {
	t      testing.TB
	Dir    string
	URL    string // of the API; the same after each restart
	Server *Process
	agents []*Process
	others []*Process // that end with the test
}

// NewCluster starts a server with these further flags and waits until it leads.
func NewCluster(t testing.TB, flags ...string) *Cluster {
	t.Helper()
	c := newCluster(t, t.TempDir())
	c.Server = c.process("server", append([]string{
		"server", "--data", c.ServerDir(), "--http", c.address(7420), "--bus", c.address(7421),
	}, flags...)...)
	c.Server.Restart()
	return c
}

// newCluster makes a cluster without a server. It has a loopback address of its
// own, so that its ports are free, and stay free while the server is dead.
func newCluster(t testing.TB, dir string) *Cluster {
	c := &Cluster{t: t, Dir: dir}
	ip := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))
	c.URL = "http://" + ip + ":7420"
	t.Cleanup(c.end)
	return c
}

func (c *Cluster) address(port int) string {
	host := strings.TrimSuffix(strings.TrimPrefix(c.URL, "http://"), ":7420")
	return fmt.Sprintf("%s:%d", host, port)
}

// process makes a process that tells of itself in files of the cluster.
func (c *Cluster) process(name string, args ...string) *Process {
	mark := filepath.Join(c.Dir, name+".ready")
	args = append(append([]string{program}, args...), "--ready-file", mark)
	return &Process{t: c.t, name: name, args: args, log: filepath.Join(c.Dir, name+".log"), mark: mark}
}

// ServerDir is the data directory of the server.
func (c *Cluster) ServerDir() string { return filepath.Join(c.Dir, "server") }

// AgentDir is the data directory of an agent.
func (c *Cluster) AgentDir(name string) string { return filepath.Join(c.Dir, "agent-"+name) }

// Agent starts an agent with these further flags and waits until its node is
// registered.
func (c *Cluster) Agent(name string, flags ...string) *Process {
	c.t.Helper()
	p := c.process("agent-"+name, append([]string{
		"agent", "--server", c.URL, "--join-token-file", filepath.Join(c.ServerDir(), "join.token"),
		"--data", c.AgentDir(name), "--name", name,
	}, flags...)...)
	c.agents = append(c.agents, p)
	p.Restart()
	return p
}

// Token is an administrator's.
func (c *Cluster) Token() string {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join(c.ServerDir(), "admin.token"))
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// Client is a client with an administrator's rights. It is patient: it goes on
// asking while the server is dead, for Timeout.
func (c *Cluster) Client() *client.Client {
	c.t.Helper()
	cl, err := client.New(client.Config{Server: c.URL, Token: c.Token(), Timeout: time.Minute})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(cl.Close)
	return cl
}

// Result is how a command line ended.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// CLI runs one command line of the program against the cluster.
func (c *Cluster) CLI(args ...string) Result {
	c.t.Helper()
	return c.command("", args...)
}

// CLIWith is CLI with text on its standard input.
func (c *Cluster) CLIWith(stdin string, args ...string) Result {
	c.t.Helper()
	return c.command(stdin, args...)
}

// commandTimeout bounds one command line.
const commandTimeout = time.Minute

func (c *Cluster) command(stdin string, args ...string) Result {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(cleanEnv(), "DROVER_SERVER="+c.URL, "DROVER_TOKEN="+c.Token(), "XDG_CONFIG_HOME="+c.Dir)
	cmd.Dir = c.Dir
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		c.t.Fatalf("drover %s: %v\n%s%s", strings.Join(args, " "), errors.Join(err, ctx.Err()), out.String(), errs.String())
	}
	return Result{Stdout: out.String(), Stderr: errs.String(), Code: cmd.ProcessState.ExitCode()}
}

// Stop ends the agents, then the server, as an operator would. Tasks run on.
func (c *Cluster) Stop() {
	c.t.Helper()
	for _, p := range append(slices.Clone(c.agents), c.Server) {
		p.Terminate()
	}
}

// end leaves nothing running, and shows the logs of a test that failed.
func (c *Cluster) end() {
	all := slices.Concat(c.agents, c.others)
	if c.Server != nil {
		all = append(all, c.Server)
	}
	for _, p := range all {
		if p.Ended() != nil {
			p.Kill()
		}
	}
	killAll(c.t, c.Dir)
	if !c.t.Failed() {
		return
	}
	for _, p := range all {
		c.t.Logf("the end of the log of %s:\n%s", p.name, lastLines(p.Log(), 40))
	}
}

// Await waits until cond holds; cond also tells how things stand, for the
// failure's message.
func Await(t testing.TB, patience time.Duration, what string, cond func() (ok bool, stands string)) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		ok, stands := cond()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain: %s; it stands so: %s", patience, what, stands)
		}
		time.Sleep(pause)
	}
}

// Within is a context that ends after d, or with the test.
func Within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}
