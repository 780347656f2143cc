package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"drover.dev/api"
)

// probe runs one check of a task and says what is wrong.
func (n *node) probe(ctx context.Context, as *api.Assignment, ports []api.Port, index int) error {
	k := as.Task.Checks[index]
	ctx, cancel := context.WithTimeout(ctx, time.Duration(cmp.Or(max(k.Timeout, 0), api.DefaultCheckTimeout)))
	defer cancel()
	if k.Type == api.CheckExec {
		return n.probeExec(ctx, as, ports, index)
	}
	address, err := addressOf(k.Port, ports)
	if err != nil {
		return err
	}
	if k.Type == api.CheckHTTP {
		return n.probeHTTP(ctx, "http://"+address+"/"+trimSlash(k.Path))
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

func addressOf(name string, ports []api.Port) (string, error) {
	for _, p := range ports {
		if p.Name == name {
			return net.JoinHostPort("127.0.0.1", strconv.Itoa(int(p.Port))), nil
		}
	}
	return "", fmt.Errorf("the task has no port %q", name)
}

func trimSlash(path string) string {
	for path != "" && path[0] == '/' {
		path = path[1:]
	}
	return path
}

func (n *node) probeHTTP(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := n.probes.Do(req)
	if err != nil {
		return err
	}
	defer drain(resp.Body)
	if resp.StatusCode < 200 || resp.StatusCode > 399 {
		return fmt.Errorf("GET %s answers %s", req.URL.Path, resp.Status)
	}
	return nil
}

// newProbes is a client that follows no redirects: one is a healthy answer.
func newProbes() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// probeExec runs a command as the task itself runs: by the same driver, with its
// environment, limits and user, in a directory below the task's.
func (n *node) probeExec(ctx context.Context, as *api.Assignment, ports []api.Port, index int) error {
	s, err := n.spec(as, ports)
	if err != nil {
		return err
	}
	command := arguments(as.Task.Checks[index].Command, as.Index)
	if len(command) == 0 {
		return errors.New("the check has no command")
	}
	s.Dir = filepath.Join(s.Dir, "check-"+strconv.Itoa(index))
	s.Command, s.Args, s.Mounts = command[0], command[1:], nil
	if err := os.RemoveAll(s.Dir); err != nil {
		return err
	}
	if err := os.Mkdir(s.Dir, 0o700); err != nil {
		return err
	}
	h, err := n.drivers[as.Task.Driver].Start(ctx, s)
	if err != nil {
		return err
	}
	exit, err := h.Wait(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", command[0], err), h.Stop(0))
	}
	if !exit.OK() {
		return fmt.Errorf("%s: exit code %d %s %s", command[0], exit.Code, exit.Reason, exit.Detail)
	}
	return nil
}
