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
		"List what finished tasks took, by tenant, site, workload or day: energy, carbon, cost"), s.listBooks)
}

type listBooks struct {
	Reading
	By string `query:"by" doc:"By what: each tenant, site, workload (all runs of a name together), or each day and site." enum:"tenant,site,workload,day" default:"tenant"`
}

func (s *Server) listBooks(ctx context.Context, in *listBooks) (*answer[api.BookList], error) {
	out := &answer[api.BookList]{Body: api.BookList{Items: []api.BookView{}}}
	err := s.viewAt(ctx, in.Reading, &out.Stand, func(e *engine.Engine) {
		out.Body.Items = append(out.Body.Items, e.ViewBooks(in.By)...)
	})
	return out, err
}
