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
	huma.Register(s.api, s.operation("listWorkloadBooks", http.MethodGet, "/v1/books/{tenant}/{workload}", "signals",
		"List what finished tasks of a workload took on each of the last 62 days; rows without a workload hold others of its tenant, among which it may be"), s.listWorkloadBooks)
}

type listWorkloadBooks struct {
	Reading
	Tenant   string `path:"tenant" doc:"The name of a tenant." maxLength:"63" example:"research"`
	Workload string `path:"workload" doc:"The name of a workload; all runs of it count." maxLength:"63" example:"shop"`
}

func (s *Server) listWorkloadBooks(ctx context.Context, in *listWorkloadBooks) (*answer[api.BookList], error) {
	out := &answer[api.BookList]{Body: api.BookList{Items: []api.BookView{}}}
	err := s.viewAt(ctx, in.Reading, &out.Stand, func(e *engine.Engine) {
		out.Body.Items = append(out.Body.Items, e.ViewWorkDays(in.Tenant, in.Workload)...)
	})
	return out, err
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
