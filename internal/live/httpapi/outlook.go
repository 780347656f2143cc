package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"drover.dev/api"
)

// Outlook is what this server keeps of numbers over time, and expects of them.
type Outlook interface {
	// Series lists the series whose names begin with a prefix.
	Series(prefix string) api.SeriesList
	// SeriesPoints reads a part of one; the error is ErrNoSeries or ErrBadRange.
	SeriesPoints(q api.SeriesQuery) (api.SeriesView, error)
	// Forecasts are the current ones of the series whose names begin with a prefix, and
	// ForecastScores how good they were.
	Forecasts(prefix string) api.ForecastList
	ForecastScores(prefix string) api.ForecastScores
	// FittedModels are what is stored of the models behind them.
	FittedModels(prefix string) api.FittedModelList
	// Capacity says what may be short within a horizon of at most api.MaxPlanHorizon.
	Capacity(horizon api.Duration) (api.CapacityPlan, error)
	// Rightsize says what a tenant's tasks should ask for; "" is all tenants.
	Rightsize(ctx context.Context, tenant string) (api.RightsizingList, error)
}

// Errors of an Outlook, wrapped with details.
var (
	ErrNoSeries = errors.New("there is no such series")
	ErrBadRange = errors.New("there is no such part of a series")
)

func (s *Server) outlookRoutes() {
	huma.Register(s.api, s.operation("listSeries", http.MethodGet, "/v1/series", "outlook",
		"List what this server keeps of numbers over time", http.StatusNotFound), s.listSeries)
	huma.Register(s.api, s.operation("readSeries", http.MethodGet, "/v1/series/points", "outlook",
		"Read a part of one series", http.StatusNotFound, http.StatusUnprocessableEntity), s.readSeries)
	huma.Register(s.api, s.operation("listForecasts", http.MethodGet, "/v1/forecasts", "outlook",
		"List what is expected of the series", http.StatusNotFound), s.listForecasts)
	huma.Register(s.api, s.operation("listForecastScores", http.MethodGet, "/v1/forecasts/scores", "outlook",
		"List how good forecasts were, and what came that was far from them", http.StatusNotFound), s.listScores)
	huma.Register(s.api, s.operation("listFittedModels", http.MethodGet, "/v1/forecasts/models", "outlook",
		"List the models that were fitted to the series, which are artifacts", http.StatusNotFound), s.listModels)
	huma.Register(s.api, s.operation("planCapacity", http.MethodGet, "/v1/capacity", "outlook",
		"Say what may be short, when, and how likely that is", http.StatusNotFound, http.StatusUnprocessableEntity), s.planCapacity)
	huma.Register(s.api, s.operation("rightsize", http.MethodGet, "/v1/rightsize", "outlook",
		"Say what tasks should ask for by what their runs used", http.StatusNotFound), s.rightsize)
}

// outlook is the cell's, or says why there is none.
func (s *Server) outlook() (Outlook, error) {
	if o := s.cell.Outlook(); o != nil {
		return o, nil
	}
	return nil, newProblem(http.StatusNotFound, "no series are kept here: a server that runs keeps them, unless their folder cannot be used")
}

type bodyOf[T any] struct{ Body T }

type listSeries struct {
	Prefix string `query:"prefix" doc:"What the names begin with." maxLength:"200" example:"arrivals/"`
}

func (s *Server) listSeries(_ context.Context, in *listSeries) (*bodyOf[api.SeriesList], error) {
	o, err := s.outlook()
	if err != nil {
		return nil, err
	}
	return &bodyOf[api.SeriesList]{o.Series(in.Prefix)}, nil
}

func (s *Server) listForecasts(_ context.Context, in *listSeries) (*bodyOf[api.ForecastList], error) {
	o, err := s.outlook()
	if err != nil {
		return nil, err
	}
	return &bodyOf[api.ForecastList]{o.Forecasts(in.Prefix)}, nil
}

func (s *Server) listScores(_ context.Context, in *listSeries) (*bodyOf[api.ForecastScores], error) {
	o, err := s.outlook()
	if err != nil {
		return nil, err
	}
	return &bodyOf[api.ForecastScores]{o.ForecastScores(in.Prefix)}, nil
}

func (s *Server) listModels(_ context.Context, in *listSeries) (*bodyOf[api.FittedModelList], error) {
	o, err := s.outlook()
	if err != nil {
		return nil, err
	}
	return &bodyOf[api.FittedModelList]{o.FittedModels(in.Prefix)}, nil
}

type planCapacity struct {
	Horizon string `query:"horizon" doc:"How far to look ahead, at most 7d." maxLength:"32" default:"7d" example:"24h"`
}

func (s *Server) planCapacity(_ context.Context, in *planCapacity) (*bodyOf[api.CapacityPlan], error) {
	o, err := s.outlook()
	if err != nil {
		return nil, err
	}
	horizon, err := api.ParseDuration(in.Horizon)
	if err != nil || horizon < api.Minute || horizon > api.MaxPlanHorizon {
		return nil, newProblem(http.StatusUnprocessableEntity, "the horizon is not a time from 1m to 7d: write one such as 24h")
	}
	plan, err := o.Capacity(horizon)
	if err != nil {
		return nil, outlookProblem(err)
	}
	return &bodyOf[api.CapacityPlan]{plan}, nil
}

type rightsize struct {
	Tenancy
	All bool `query:"allTenants" doc:"Of every tenant."`
}

func (s *Server) rightsize(ctx context.Context, in *rightsize) (*bodyOf[api.RightsizingList], error) {
	o, err := s.outlook()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opt.ReadTimeout)
	defer cancel()
	tenant := in.tenant()
	if in.All {
		tenant = ""
	}
	list, err := o.Rightsize(ctx, tenant)
	if err != nil {
		return nil, outlookProblem(err)
	}
	return &bodyOf[api.RightsizingList]{list}, nil
}

type readSeries struct {
	Name  string    `query:"name" required:"true" doc:"The name of a series." maxLength:"200" example:"demand/cell/cpu"`
	Since time.Time `query:"since" doc:"From when on; without it everything that is kept."`
	Until time.Time `query:"until" doc:"Up to when; without it now."`
	Step  string    `query:"step" doc:"How long a point is; without it the finest of which since is still kept." maxLength:"32" example:"15m"`
}

func (s *Server) readSeries(_ context.Context, in *readSeries) (*bodyOf[api.SeriesView], error) {
	o, err := s.outlook()
	if err != nil {
		return nil, err
	}
	q := api.SeriesQuery{Name: in.Name, Since: moment(in.Since), Until: moment(in.Until)}
	if in.Step != "" {
		if q.Step, err = api.ParseDuration(in.Step); err != nil || q.Step <= 0 {
			return nil, newProblem(http.StatusUnprocessableEntity, "the step is not a time above zero: write one such as 15m")
		}
	}
	v, err := o.SeriesPoints(q)
	if err != nil {
		return nil, outlookProblem(err)
	}
	return &bodyOf[api.SeriesView]{v}, nil
}

// moment is a time of a query; 0 when it is missing, or beyond what a time can be.
func moment(t time.Time) api.Time {
	if t.IsZero() || t.Year() < 1970 || t.Year() > 2200 {
		return 0
	}
	return api.Time(t.UnixNano())
}

func outlookProblem(err error) error {
	switch {
	case errors.Is(err, ErrNoSeries):
		return newProblem(http.StatusNotFound, err.Error())
	case errors.Is(err, ErrBadRange):
		return newProblem(http.StatusUnprocessableEntity, err.Error())
	}
	return problemOf(err)
}
