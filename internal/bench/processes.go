// Package bench holds the measuring commands. They run the product as users run
// it: separate processes, TCP, a synced journal, the public client.
package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"drover.dev/api/client"
)

// cluster is a server and one agent as processes of their own.
type cluster struct {
	dir    string
	server *exec.Cmd
	agent  *exec.Cmd
	output bytes.Buffer // what both wrote, for errors
	URL    string
	token  string
}

// startCluster starts both in dir from the program self. The agent offers the
// driver noop and promises cpus cores, whether they exist or not: noop uses none.
func startCluster(ctx context.Context, self, dir string) (*cluster, error) {
	c, err := startServer(ctx, self, dir)
	if err != nil {
		return nil, err
	}
	ready := filepath.Join(dir, "ready-agent")
	c.agent = c.command(self, "agent", "--server", c.URL, "--join-token-file", filepath.Join(c.data(), "join.token"),
		"--data", filepath.Join(dir, "agent"), "--name", "bench", "--noop", "--cpu", "100000", "--memory", "1Ti",
		"--ready-file", ready)
	if err := c.agent.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the agent: %w", err), c.stop())
	}
	if _, err := waitFor(ctx, ready); err != nil {
		return nil, errors.Join(c.failed("the agent did not register", err), c.stop())
	}
	return c, nil
}

// startServer starts a server without agents.
func startServer(ctx context.Context, self, dir string, flags ...string) (*cluster, error) {
	c := &cluster{dir: dir}
	ready := filepath.Join(dir, "ready")
	c.server = c.command(self, append([]string{
		"server", "--data", c.data(), "--http", "127.0.0.1:0", "--bus", "127.0.0.1:0", "--ready-file", ready,
	}, flags...)...)
	if err := c.server.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	url, err := waitFor(ctx, ready)
	if err != nil {
		return nil, errors.Join(c.failed("the server did not come up", err), c.stop())
	}
	c.URL = strings.TrimSpace(url)
	if c.token, err = c.readToken("admin.token"); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

func (c *cluster) data() string { return filepath.Join(c.dir, "server") }

func (c *cluster) readToken(name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(c.data(), name))
	return strings.TrimSpace(string(b)), err
}

func (c *cluster) command(self string, args ...string) *exec.Cmd {
	cmd := exec.Command(self, args...)
	cmd.Stdout, cmd.Stderr = &c.output, &c.output
	return cmd
}

// waitFor reads a file once it exists and is not empty.
func waitFor(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
			return string(b), nil
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (c *cluster) failed(what string, err error) error {
	return fmt.Errorf("%s: %w\n%s", what, err, strings.TrimSpace(c.output.String()))
}

func (c *cluster) client() (*client.Client, error) {
	return client.New(client.Config{Server: c.URL, Token: c.token})
}

// cpu is what both processes have used so far, user and system.
func (c *cluster) cpu() time.Duration {
	return cpuOf(c.server.Process.Pid) + cpuOf(c.agent.Process.Pid)
}

// cpuOf reads a process's CPU time from /proc; 0 where there is none.
func cpuOf(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(b, []byte(") "))
	fields := strings.Fields(string(rest))
	if !ok || len(fields) < 13 {
		return 0
	}
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	return time.Duration(user+system) * tick
}

// rssOf reads how much memory a process has, in 2^20 bytes; 0 where /proc is not.
func rssOf(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	var size, resident int64
	if err != nil {
		return 0
	}
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		return 0
	}
	return float64(resident*int64(os.Getpagesize())) / (1 << 20)
}

// metric reads one of the server's metrics; labels are ignored.
func (c *cluster) metric(ctx context.Context, name string) (float64, error) {
	text, err := c.metrics(ctx)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		var v float64
		if n, _ := fmt.Sscanf(line, name+" %g", &v); n == 1 {
			return v, nil
		}
	}
	return 0, fmt.Errorf("the server has no metric %s", name)
}

func (c *cluster) metrics(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/metrics", nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(res.Body)
	return text.String(), err
}

// stop ends both processes, the agent first.
func (c *cluster) stop() error {
	var errs []error
	for _, cmd := range []*exec.Cmd{c.agent, c.server} {
		if cmd == nil || cmd.Process == nil {
			continue
		}
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case err := <-done:
			if err != nil {
				errs = append(errs, c.failed("a process of the benchmark failed", err))
			}
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill() // it may have ended
			<-done
			errs = append(errs, c.failed("a process of the benchmark did not end", context.DeadlineExceeded))
		}
	}
	return errors.Join(errs...)
}
