package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"

	"drover.dev/api"
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// maxHeader bounds the head of a request in bytes.
const maxHeader = 32 << 10

// Server is the API of one cell. It keeps no state of the cell's.
type Server struct {
	cell    Cell
	opt     Options
	mux     *http.ServeMux
	api     huma.API
	openapi func() []byte
	facts   factCache
	reads   *share // places of requests that only read
	changes *share // of requests that may wait for the journal
	streams *share // of watches, logs, transfers
	bodies  *share // bytes in memory
	conns   *connections
	served  counters
	profile profiler
}

var _ http.Handler = (*Server)(nil)

// New makes the API of a cell.
func New(cell Cell, opt Options) *Server {
	opt = opt.withDefaults()
	s := &Server{
		cell: cell, opt: opt, mux: http.NewServeMux(),
		reads: newShare(int64(opt.MaxRequests)), changes: newShare(int64(opt.MaxRequests)), streams: newShare(int64(opt.MaxStreams)),
		bodies: newShare(int64(opt.MaxBodies)), conns: newConnections(opt.MaxConnections), profile: newProfiler(),
	}
	s.api = humago.New(s.mux, description(opt.Version))
	s.workloadRoutes()
	s.taskRoutes()
	s.nodeRoutes()
	s.cellRoutes()
	s.signalRoutes()
	s.bookRoutes()
	s.ledgerRoutes()
	s.artifactRoutes()
	s.streamRoutes()
	s.statusRoutes()
	s.outlookRoutes()
	s.bundleRoutes()
	s.journalRoutes()
	s.profileRoutes()
	s.openapi = sync.OnceValue(func() []byte {
		b, err := json.Marshal(s.api.OpenAPI())
		if err != nil {
			opt.Log.Error("write the OpenAPI document", "error", err)
		}
		return b
	})
	return s
}

// description is the head of the OpenAPI document. huma's own pages are off: its
// document is made without a lock, its reference page loads scripts from afar.
func description(version string) huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Drover", Version: version,
				Description: "Submit work to a cell, watch it, and ask why it is where it is. " +
					"A workload is named by its name in its tenant, or by its number as ~17.",
				License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas:         registry(),
				SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}},
			},
			Security: []map[string][]string{{"token": {}}},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
	}
}

// HTTPServer is a net/http server for this API with all its limits set. Its
// streams end when ctx does.
func (s *Server) HTTPServer(ctx context.Context) *http.Server {
	return &http.Server{
		Handler:           s,
		ReadHeaderTimeout: s.opt.HeaderTimeout,
		IdleTimeout:       s.opt.IdleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.opt.Log.Handler(), slog.LevelWarn),
		BaseContext:       baseContext(ctx),
		ConnState:         s.conns.changed,
	}
}

// OpenAPI is the document that /openapi.json serves.
func (s *Server) OpenAPI() []byte { return s.openapi() }

// operation describes a route; every one may answer with a problem.
func (s *Server) operation(id, method, path, tag, summary string, errors ...int) huma.Operation {
	errors = append(errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable)
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Tags: []string{tag}, Summary: summary, Errors: errors,
		BodyReadTimeout: s.opt.BodyTimeout, MaxBodyBytes: int64(s.opt.MaxBody) + 1,
	}
}

// Types that requests embed are exported because huma finds parameters in
// exported fields only.

// Tenancy is the tenant of a request.
type Tenancy struct {
	Query  string `query:"tenant" doc:"Whose workloads are meant; default \"default\"." maxLength:"63"`
	Header string `header:"Drover-Tenant" doc:"The tenant, when the query names none." maxLength:"63"`
}

// tenant is the tenant that the request names, or the default one.
func (t Tenancy) tenant() string {
	if n := t.named(); n != "" {
		return n
	}
	return api.DefaultTenant
}

// named is "" when the request names no tenant.
func (t Tenancy) named() string {
	if t.Query != "" {
		return t.Query
	}
	return t.Header
}

// Reading is part of every read.
type Reading struct {
	AtLeast uint64 `query:"atLeast" doc:"Wait until the answer reflects this sequence of the journal."`
	At      string `query:"at" doc:"As it stood in the past: after the record with this number, or at this time (RFC 3339)." maxLength:"64" example:"2026-03-01T12:00:00Z"`
}

// Command is part of every change.
type Command struct {
	Key string `header:"Idempotency-Key" doc:"The same key gives the first answer again." maxLength:"128"`
}

// Stand is where in the journal an answer stands.
type Stand struct {
	Seq    uint64 `header:"Drover-Seq" doc:"Sequence of the journal that this reflects; 0 for the past."`
	Record string `header:"Drover-Record" doc:"Number of the last record that this reflects, when the request asked for the past."`
	Time   string `header:"Drover-Time" doc:"When that record was decided."`
}

// answer is a body with the place in the journal that it stands at.
type answer[T any] struct {
	Stand
	Body T
}
