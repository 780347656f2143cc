package live

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/bus"
	"drover.dev/internal/engine"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

func token(t *testing.T, c *Cell, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.cfg.Dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func TestTokensOpenWhatTheyShould(t *testing.T) {
	c := open(t, Config{})
	r := must[api.JoinReply](t)(c.Join(t.Context(), api.JoinRequest{Node: "n1"}))
	for name, want := range map[string]struct {
		token string
		who   httpapi.Principal
	}{
		"admin":               {token(t, c, AdminTokenFile), httpapi.Principal{Name: "admin", Admin: true}},
		"join":                {token(t, c, JoinTokenFile), httpapi.Principal{Name: "join", Join: true}},
		"a node":              {r.Token, httpapi.Principal{Name: "node n1", Node: "n1"}},
		"nothing":             {"", httpapi.Principal{}},
		"another node's name": {strings.Replace(r.Token, "n1", "n2", 1), httpapi.Principal{}},
		"the bus password":    {"node.n1." + r.Password, httpapi.Principal{}},
		"no node":             {"node..", httpapi.Principal{}},
		"half a token":        {r.Token[:20], httpapi.Principal{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := c.Authorize(want.token)
			if got != want.who || ok != (want.who != httpapi.Principal{}) {
				t.Errorf("got %+v, %v; want %+v", got, ok, want.who)
			}
		})
	}
	if _, err := c.Join(t.Context(), api.JoinRequest{Node: "n1.*"}); err == nil {
		t.Error("a name that reaches other subjects was let in")
	}
}

// The join token makes nobody a node that is there already.
func TestARegisteredNameIsNotGivenAway(t *testing.T) {
	c := run(t, Config{})
	r := must[api.JoinReply](t)(c.Join(t.Context(), api.JoinRequest{Node: "n1"}))
	other := must[api.JoinReply](t)(c.Join(t.Context(), api.JoinRequest{Node: "n2"}))
	must[api.JoinReply](t)(c.Join(t.Context(), api.JoinRequest{Node: "n1"})) // not registered yet
	join(t, c, "n1").hello()
	until(t, c, "the node", func(st *state.State) bool { return st.Nodes["n1"] != nil })
	for name, shown := range map[string]string{
		"none":           "",
		"the join token": token(t, c, JoinTokenFile),
		"another node's": other.Token,
		"half a token":   r.Token[:20],
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.Join(t.Context(), api.JoinRequest{Node: "n1", Token: shown})
			if !errors.Is(err, httpapi.ErrNameTaken) || got != (api.JoinReply{}) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	if again := must[api.JoinReply](t)(c.Join(t.Context(), api.JoinRequest{Node: "n1", Token: r.Token})); again != r {
		t.Errorf("joined again with %+v, at first with %+v", again, r)
	}
	admin := engine.Caller{Principal: "test"}
	do(t, c, &engine.Drain{Caller: admin, Node: "n1"}, &engine.RemoveNode{Caller: admin, Node: "n1"})
	until(t, c, "the removal", func(st *state.State) bool { return st.Nodes["n1"] == nil })
	must[api.JoinReply](t)(c.Join(t.Context(), api.JoinRequest{Node: "n1"}))
}

func TestCredentialsOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	c := open(t, Config{Dir: dir})
	r := must[api.JoinReply](t)(c.Join(t.Context(), api.JoinRequest{Node: "n1"}))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, Config{Dir: dir})
	if _, ok := c.Authorize(r.Token); !ok {
		t.Error("the node's token is not valid any more")
	}
	nc, err := bus.Connect(t.Context(), bus.Dial{URL: c.busURL(), User: r.User, Password: r.Password, Node: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
	if _, err := bus.Connect(t.Context(), bus.Dial{URL: c.busURL(), User: "n2", Password: r.Password, Node: "n2"}); err == nil {
		t.Error("another node came in with this one's password")
	}
}

func TestSecretsAreNotLeftOpen(t *testing.T) {
	dir := t.TempDir()
	c := open(t, Config{Dir: dir})
	for _, f := range []string{AdminTokenFile, JoinTokenFile, secretFile} {
		info, err := os.Stat(filepath.Join(dir, f))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, info.Mode(), err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, secretFile), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "can be read by others") {
		t.Errorf("got %v", err)
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"no directory":                 {Config{}, "no data directory"},
		"the API open to the network":  {Config{Dir: "x", HTTP: "0.0.0.0:7420"}, "TLS certificate"},
		"every address":                {Config{Dir: "x", HTTP: ":7420"}, "TLS certificate"},
		"the bus open to the network":  {Config{Dir: "x", Bus: "192.0.2.1:4222"}, "TLS certificate"},
		"no address":                   {Config{Dir: "x", HTTP: "here"}, "not host:port"},
		"a cell that is no name":       {Config{Dir: "x", Cell: "a.b"}, "not a cell name"},
		"half a certificate":           {Config{Dir: "x", TLSCert: "c"}, "needs its key"},
		"a password in the URL":        {Config{Dir: "x", NATS: "nats://me:secret@host"}, "holds credentials"},
		"an impatient leader":          {Config{Dir: "x", Heartbeat: time.Second, SilentAfter: time.Second}, "two heartbeats"},
		"two copies":                   {Config{Dir: "x", Replicas: 2}, "1, 3 or 5"},
		"a failpoint that there isn't": {Config{Dir: t.TempDir(), Failpoint: "server.nowhere"}, "no such point"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), c.cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret@") {
				t.Error("the error shows the password")
			}
		})
	}
}
