package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

func (s *Server) bookRoutes() {
	huma.Register(s.api, s.operation("listBooks", http.MethodGet, "/v1/books", "signals",
		"List what the finished tasks of each tenant took: energy, carbon, cost"), s.listBooks)
}

func (s *Server) listBooks(ctx context.Context, in *Reading) (*answer[api.BookList], error) {
	out := &answer[api.BookList]{Body: api.BookList{Items: []api.BookView{}}}
	err := s.viewAt(ctx, *in, &out.Stand, func(e *engine.Engine) {
		out.Body.Items = append(out.Body.Items, e.ViewBooks()...)
	})
	return out, err
}
