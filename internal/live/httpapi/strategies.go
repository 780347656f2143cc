package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/sched"
)

func (s *Server) strategies() {
	huma.Register(s.api, s.operation("listStrategies", http.MethodGet, "/v1/strategies", "strategies",
		"List the strategies that the cell knows, the built-in ones first"), s.listStrategies)
	huma.Register(s.api, s.operation("putStrategy", http.MethodPut, "/v1/strategies/{strategy}", "strategies",
		"Declare a strategy composed of an order and weighted terms, or replace it", http.StatusConflict, http.StatusTooManyRequests), s.putStrategy)
	huma.Register(s.api, s.operation("listTenants", http.MethodGet, "/v1/tenants", "tenants",
		"List the tenants of which something was declared, and what they use"), s.listTenants)
	huma.Register(s.api, s.operation("putTenant", http.MethodPut, "/v1/tenants/{tenant}", "tenants",
		"Declare a tenant's strategy, share, quota and limit, or replace them", http.StatusConflict, http.StatusTooManyRequests), s.putTenant)
}

func (s *Server) listStrategies(ctx context.Context, in *Reading) (*answer[api.StrategyList], error) {
	out := &answer[api.StrategyList]{}
	err := s.view(ctx, *in, &out.Seq, func(e *engine.Engine) { out.Body.Items = e.ViewStrategies() })
	return out, err
}

type putStrategy struct {
	Command
	Strategy string `path:"strategy" doc:"The name of a strategy." maxLength:"63" example:"tight"`
	Body     api.Strategy
}

func (s *Server) putStrategy(ctx context.Context, in *putStrategy) (*answer[api.Applied], error) {
	v := in.Body
	v.Normalize()
	if faults := append(sched.Faults(&v), sameName(v.Name, in.Strategy)...); len(faults) > 0 {
		return nil, invalid(faults)
	}
	return s.change(ctx, &engine.PutStrategy{Caller: caller(ctx, in.Command), Strategy: v}, api.Applied{Name: v.Name})
}

func (s *Server) listTenants(ctx context.Context, in *Reading) (*answer[api.TenantList], error) {
	out := &answer[api.TenantList]{Body: api.TenantList{Items: []api.TenantView{}}}
	err := s.view(ctx, *in, &out.Seq, func(e *engine.Engine) { out.Body.Items = append(out.Body.Items, e.ViewTenants()...) })
	return out, err
}

type putTenant struct {
	Command
	Tenant string `path:"tenant" doc:"The name of a tenant; * is all of them together, which have budgets alone." maxLength:"63" example:"research"`
	Body   api.Tenant
}

func (s *Server) putTenant(ctx context.Context, in *putTenant) (*answer[api.Applied], error) {
	v := in.Body
	v.Normalize()
	if faults := append(v.Validate(), sameName(v.Name, in.Tenant)...); len(faults) > 0 {
		return nil, invalid(faults)
	}
	return s.change(ctx, &engine.PutTenant{Caller: caller(ctx, in.Command), Tenant: v}, api.Applied{Name: v.Name, Tenant: v.Name})
}

func sameName(body, path string) []api.FieldError {
	if body == path {
		return nil
	}
	return []api.FieldError{{Path: "name", Message: fmt.Sprintf("the path says %q: use one name", path)}}
}
