package live

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/bus"
	"drover.dev/internal/engine"
)

// Parent is where a child cell joins. The child's name is Config.Cell.
type Parent struct {
	Server    string // base URL of the parent's API; of several servers, with commas
	JoinToken string // needed for the first join only
	HTTP      *http.Client
	TLS       *tls.Config // for the leaf link; nil trusts the system's authorities
	Site      string      // where the child stands; its nodes add theirs
	Layer     api.Layer
}

// domain is the JetStream domain of a child's own bus, so that no request of
// another cell's can be meant for it.
func (c *Config) domain() string {
	if c.Parent == nil {
		return ""
	}
	return c.Cell
}

// parentFile keeps what the parent gave at the last join, so that a child that
// starts while it is cut off links again by itself.
const parentFile = "parent.json"

// How the link to the parent is kept.
const (
	joinPause   = 2 * time.Second
	joinTimeout = 10 * time.Second
	// rejoinAfter is how long the link may be down until the child joins anew:
	// the parent may have moved.
	rejoinAfter = 30 * time.Second
	// relinkAfter is that time when the parent has several servers.
	relinkAfter = 5 * time.Second
	maxReply    = 1 << 20 // bytes of an answer over HTTP that is not an artifact
)

func (c *Cell) readParent() (reply api.JoinReply, err error) {
	b, err := os.ReadFile(filepath.Join(c.cfg.Dir, parentFile))
	if err == nil {
		err = json.Unmarshal(b, &reply)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return reply, nil
	}
	if err != nil {
		return api.JoinReply{}, fmt.Errorf("read what the parent gave: %w", err)
	}
	return reply, nil
}

// keepParent writes it, whole or not at all, for its owner alone to read.
func (c *Cell) keepParent(reply api.JoinReply) error {
	b, err := json.Marshal(reply)
	if err != nil {
		return fmt.Errorf("keep what the parent gave: %w", err)
	}
	f, err := os.CreateTemp(c.cfg.Dir, ".parent-") // mode 0600
	if err != nil {
		return fmt.Errorf("keep what the parent gave: %w", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone after the rename
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(c.cfg.Dir, parentFile))
	}
	if err != nil {
		return fmt.Errorf("keep what the parent gave: %w", err)
	}
	return nil
}

// joinParent asks for the child's credentials, and shows those of an earlier join.
func (c *Cell) joinParent(ctx context.Context, old api.JoinReply) (reply api.JoinReply, err error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	body, err := json.Marshal(api.JoinRequest{Node: c.cfg.Cell, Token: old.Token, Cell: true})
	if err != nil {
		return reply, fmt.Errorf("join the parent: %w", err)
	}
	resp, err := c.askParent(ctx, http.MethodPost, "/v1/join", c.cfg.Parent.JoinToken, bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return reply, fmt.Errorf("join the parent: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return reply, fmt.Errorf("join the parent: %w", err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return reply, fmt.Errorf("join the parent: it answers %s: %s", resp.Status, whyRefused(resp.StatusCode, b))
	}
	if err := json.Unmarshal(b, &reply); err != nil || !bus.ValidNode(reply.Cell) || reply.NATS == "" {
		return reply, fmt.Errorf("join the parent: the answer is not what a Drover server says: %w", err)
	}
	return reply, c.keepParent(reply)
}

// whyRefused says what the parent holds against a join, in its words where it has any.
func whyRefused(status int, body []byte) string {
	var p api.Problem
	switch err := json.Unmarshal(body, &p); {
	case status == http.StatusUnauthorized:
		return "its join token is needed: copy join.token from its data directory, and name it with --join-token-file"
	case err != nil || p.Detail == "":
		return fmt.Sprintf("%.300q", body)
	}
	return fmt.Sprintf("%.300q", p.Detail)
}

// askParent sends one request to the parent's API. Of several servers one is asked,
// until it does not answer; then the next time another.
func (c *Cell) askParent(ctx context.Context, method, path, token string, body io.Reader, size int64) (*http.Response, error) {
	servers := strings.Split(c.cfg.Parent.Server, ",")
	base := strings.TrimRight(strings.TrimSpace(servers[int(c.parentAt.Load()%uint32(len(servers)))]), "/")
	req, err := http.NewRequestWithContext(ctx, method, base+path, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = size
	req.Header.Set("Authorization", "Bearer "+token)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := cmp.Or(c.cfg.Parent.HTTP, http.DefaultClient).Do(req)
	if err != nil {
		c.parentAt.Add(1)
	}
	return resp, err
}

// self describes this cell to its parent: its own place, and those of its nodes.
func (c *Cell) self(ctx context.Context) (api.Cell, error) {
	out := api.Cell{Name: c.cfg.Cell, Version: c.cfg.Build[:min(len(c.cfg.Build), 64)]}
	if p := c.cfg.Parent; p.Site != "" {
		out.Sites, out.Layers = []string{p.Site}, []api.Layer{p.Layer}
	}
	_, err := c.View(ctx, 0, func(e *engine.Engine) {
		st := e.State()
		for _, name := range st.SortedNodes() {
			n := st.Nodes[name]
			if !slices.Contains(out.Sites, n.Site) && len(out.Sites) < api.MaxLabels {
				out.Sites = append(out.Sites, n.Site)
			}
			if !slices.Contains(out.Layers, n.Layer) {
				out.Layers = append(out.Layers, n.Layer)
			}
		}
	})
	return out, err
}
