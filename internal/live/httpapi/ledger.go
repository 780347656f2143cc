package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

func (s *Server) ledgerRoutes() {
	huma.Register(s.api, s.operation("showLedger", http.MethodGet, "/v1/offsets", "offsets",
		"Show what was emitted and offset, and every offset"), s.showLedger)
	huma.Register(s.api, s.operation("buyOffset", http.MethodPut, "/v1/offsets/{serial}", "offsets",
		"Add an offset that was bought to the ledger", http.StatusConflict, http.StatusTooManyRequests), s.buyOffset)
	huma.Register(s.api, s.operation("endOffset", http.MethodPost, "/v1/offsets/{serial}", "offsets",
		"Retire or sell an offset, once", http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests), s.endOffset)
}

func (s *Server) showLedger(ctx context.Context, in *Reading) (*answer[api.LedgerView], error) {
	out := &answer[api.LedgerView]{}
	err := s.viewAt(ctx, *in, &out.Stand, func(e *engine.Engine) { out.Body = e.ViewLedger() })
	return out, err
}

type buyOffset struct {
	Command
	Serial string `path:"serial" doc:"The serial of an offset." maxLength:"128" example:"VCS-1234-5678"`
	Body   api.Offset
}

func (s *Server) buyOffset(ctx context.Context, in *buyOffset) (*answer[api.Applied], error) {
	v := in.Body
	faults := v.Validate()
	if v.Serial != in.Serial {
		faults = append(faults, api.FieldError{Path: "serial", Message: "is not the one of the path"})
	}
	if len(faults) > 0 {
		return nil, invalid(faults)
	}
	return s.change(ctx, &engine.BuyOffset{Caller: caller(ctx, in.Command), Offset: v}, api.Applied{Name: v.Serial})
}

type endOffset struct {
	Command
	Serial string `path:"serial" doc:"The serial of an offset." maxLength:"128" example:"VCS-1234-5678"`
	Body   api.OffsetDeed
}

func (s *Server) endOffset(ctx context.Context, in *endOffset) (*answer[api.Applied], error) {
	d := in.Body
	if faults := d.Validate(); len(faults) > 0 {
		return nil, invalid(faults)
	}
	return s.change(ctx, &engine.EndOffset{
		Caller: caller(ctx, in.Command), Serial: in.Serial, To: d.To, Proceeds: d.Price, Note: d.Note,
	}, api.Applied{Name: in.Serial})
}
