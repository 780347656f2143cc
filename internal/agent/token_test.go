package agent

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drover.dev/api"
)

// gate is a server that gives a name once, and again to who shows its token.
type gate struct{ given bool }

func (g *gate) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	var q api.JoinRequest
	if err := json.NewDecoder(in.Body).Decode(&q); err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	if g.given && q.Token != "token of "+q.Node {
		out.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(out).Encode(api.Problem{Detail: "remove the node first"})
		return
	}
	g.given = true
	_ = json.NewEncoder(out).Encode(api.JoinReply{User: q.Node, Token: "token of " + q.Node})
}

func TestNodeComesBackWithItsToken(t *testing.T) {
	server := httptest.NewServer(&gate{})
	defer server.Close()
	cfg := Config{Server: server.URL, JoinToken: "let me in", Node: api.Node{Name: "n1"}, HTTP: server.Client(), Logger: testLog(t)}
	file := filepath.Join(t.TempDir(), "node.token")
	for range 2 { // the second is another agent on the same data directory
		if _, err := newUplink(&cfg, file).join(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	_, err = newUplink(&cfg, filepath.Join(t.TempDir(), "node.token")).join(t.Context())
	if !errors.Is(err, errDenied) || !strings.Contains(err.Error(), "remove the node first") {
		t.Errorf("without its token: %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// A node whose token cannot be kept does not join: it could not come back.
func TestTokenThatCannotBeKept(t *testing.T) {
	server := httptest.NewServer(&gate{})
	defer server.Close()
	cfg := Config{Server: server.URL, Node: api.Node{Name: "n1"}, HTTP: server.Client()}
	_, err := newUplink(&cfg, filepath.Join(t.TempDir(), "missing", "node.token")).join(t.Context())
	if err == nil || !strings.Contains(err.Error(), "keep the node's token") {
		t.Errorf("got %v", err)
	}
}
