package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

func (s *Server) signalRoutes() {
	huma.Register(s.api, s.operation("listSignals", http.MethodGet, "/v1/signals", "signals",
		"List the signals that the cell knows: carbon intensity, prices, weather, generation"), s.listSignals)
	huma.Register(s.api, s.operation("getSignal", http.MethodGet, "/v1/signals/{kind}/{zone}", "signals",
		"Show all values of a signal, with its forecast", http.StatusNotFound), s.getSignal)
	huma.Register(s.api, s.operation("putSignal", http.MethodPut, "/v1/signals/{kind}/{zone}", "signals",
		"Bring news of a signal: what it covers is replaced", http.StatusConflict, http.StatusTooManyRequests), s.putSignal)
}

func (s *Server) listSignals(ctx context.Context, in *Reading) (*answer[api.SignalList], error) {
	out := &answer[api.SignalList]{Body: api.SignalList{Items: []api.SignalView{}}}
	var now api.Time
	if in.At == "" {
		now = s.opt.Now() // an idle cell's last record may be old
	}
	err := s.viewAt(ctx, *in, &out.Stand, func(e *engine.Engine) {
		out.Body.Items = append(out.Body.Items, e.ViewSignals(now)...)
	})
	return out, err
}

// ASignal names a signal.
type ASignal struct {
	Kind string `path:"kind" doc:"What it tells: carbon, price, temperature or generation." maxLength:"16" example:"carbon"`
	Zone string `path:"zone" doc:"The zone, as sites name it, or the name of a tariff." maxLength:"64" example:"DE-LU"`
}

type getSignal struct {
	ASignal
	Reading
}

func (s *Server) getSignal(ctx context.Context, in *getSignal) (*answer[api.Signal], error) {
	out := new(answer[api.Signal])
	var unknown *problem
	key := api.SignalKey(api.SignalKind(in.Kind), in.Zone)
	err := s.viewAt(ctx, in.Reading, &out.Stand, func(e *engine.Engine) {
		known := e.State().Signals[key]
		if known == nil {
			unknown = missing(api.ProblemNoSignal, "the cell has no signal %q%s", key, didYouMean(key, e.State().SortedSignals()))
			return
		}
		out.Body = *known
	})
	if err == nil && unknown != nil {
		return nil, unknown
	}
	return out, err
}

type putSignal struct {
	ASignal
	Command
	Body api.Signal
}

func (s *Server) putSignal(ctx context.Context, in *putSignal) (*answer[api.Applied], error) {
	v := in.Body
	faults := v.Validate()
	if string(v.Kind) != in.Kind || v.Zone != in.Zone {
		faults = append(faults, api.FieldError{Path: "zone", Message: fmt.Sprintf("the path says %s/%s: use one name", in.Kind, in.Zone)})
	}
	if len(faults) > 0 {
		return nil, invalid(faults)
	}
	return s.change(ctx, &engine.PutSignal{Caller: caller(ctx, in.Command), Signal: v}, api.Applied{Name: v.Key()})
}
