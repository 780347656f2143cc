package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"drover.dev/api"
	"github.com/danielgtaylor/huma/v2"
)

func (s *Server) statusRoutes() {
	huma.Register(s.api, s.operation("getStatus", http.MethodGet, "/v1/status", "cell", "Show the server and its cell"), s.status)
	huma.Register(s.api, s.operation("join", http.MethodPost, joinPath, "cell",
		"Get credentials for a node; the token is the join token"), s.join)

	text := func(doc string) map[string]*huma.Response {
		return map[string]*huma.Response{"200": {Description: doc, Content: content("text/plain", &huma.Schema{Type: huma.TypeString})}}
	}
	metrics := s.operation("metrics", http.MethodGet, "/metrics", "cell", "Counters in the text format of Prometheus")
	metrics.Responses = text("Samples")
	s.handle(metrics, s.metrics)

	health := s.operation("health", http.MethodGet, "/healthz", "cell", "Say that the process answers")
	health.Responses, health.Security = text("It does"), public()
	s.handle(health, func(w http.ResponseWriter, _ *http.Request) error { return say(w, "ok") })

	ready := s.operation("ready", http.MethodGet, "/readyz", "cell", "Say whether the server takes work: it leads its cell, or follows the server that does")
	ready.Responses, ready.Security = text("What it does: leader or follower"), public()
	s.handle(ready, s.ready)

	s.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(s.openapi()) // the client may have gone
	})
}

// public is the security of routes that need no token.
func public() []map[string][]string { return []map[string][]string{} }

func say(w http.ResponseWriter, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := fmt.Fprintln(w, text)
	return err
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) error {
	switch st := s.cell.Status(); st.Role {
	case api.RoleLeader, api.RoleFollower:
		return say(w, st.Role)
	}
	return ErrNotLeader
}

func (s *Server) status(context.Context, *struct{}) (*answer[api.CellStatus], error) {
	st := s.cell.Status()
	return &answer[api.CellStatus]{Stand: Stand{Seq: st.Seq}, Body: st}, nil
}

type joinCell struct {
	Body api.JoinRequest
}

type joined struct {
	Body api.JoinReply
}

func (s *Server) join(ctx context.Context, in *joinCell) (*joined, error) {
	if !api.ValidName(in.Body.Node) {
		return nil, invalid([]api.FieldError{{
			Path: "node", Message: fmt.Sprintf("%.80q is not a name: use a-z, 0-9 and - inside, at most 63 bytes", in.Body.Node),
		}})
	}
	reply, err := s.cell.Join(ctx, in.Body)
	if err != nil {
		return nil, problemOf(err)
	}
	return &joined{reply}, nil
}
