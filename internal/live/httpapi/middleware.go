package httpapi

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"drover.dev/api"
)

type principalKey struct{}

// principalOf is who sent the request.
func principalOf(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

func baseContext(ctx context.Context) func(net.Listener) context.Context {
	return func(net.Listener) context.Context { return ctx }
}

// ServeHTTP lets a request in, counts it and hands it to its route.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	rec := &recorder{ResponseWriter: w}
	s.serve(rec, r)
	s.served.add(r, rec.status, time.Since(began))
}

func (s *Server) serve(w *recorder, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	r, refusal := s.admit(r)
	if refusal != nil {
		refusal.write(w)
		return
	}
	if !isStream(r) {
		// The deadline covers the answer only: it is moved on by streams.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.opt.DoTimeout + s.opt.BodyTimeout + s.opt.WriteTimeout))
	}
	party, places, size := partyOf(r), s.placesFor(r), s.bodyOf(r)
	if !places.take(party, 1) {
		retry(http.StatusTooManyRequests, "too many requests of this tenant are being served: try again", time.Second).write(w)
		return
	}
	defer places.giveBack(party, 1)
	if !s.bodies.take(party, size) {
		retry(http.StatusTooManyRequests, "the requests of this tenant that are being served are too large together: try again", time.Second).write(w)
		return
	}
	defer s.bodies.giveBack(party, size)
	s.route(w, r)
}

// partyOf is whose share a request takes: its principal's in the tenant that it
// names.
func partyOf(r *http.Request) string {
	tenant := r.URL.Query().Get("tenant")
	if tenant == "" {
		tenant = r.Header.Get(api.HeaderTenant)
	}
	if len(tenant) > maxTenant {
		tenant = tenant[:maxTenant] // it will be refused as too long
	}
	return principalOf(r.Context()).Name + "/" + tenant
}

const maxTenant = 63

// placesFor keeps changes apart, which may have to wait for the journal, so that
// reads are served while it stands still.
func (s *Server) placesFor(r *http.Request) *share {
	switch {
	case isStream(r):
		return s.streams
	case isRead(r):
		return s.reads
	}
	return s.changes
}

// isRead reports whether a request only reads, and is soon answered.
func isRead(r *http.Request) bool {
	return !isStream(r) && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

// bodyOf is how much of a request will be in memory; a body of unknown length may
// be as large as any. Artifacts are not kept in memory.
func (s *Server) bodyOf(r *http.Request) int64 {
	switch {
	case isArtifact(r.URL.Path):
		return 0
	case r.ContentLength < 0:
		return int64(s.opt.MaxBody)
	}
	return r.ContentLength
}

// route finds the handler; what none is for is answered as a problem, too.
func (s *Server) route(w *recorder, r *http.Request) {
	if _, pattern := s.mux.Handler(r); pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	var lost recorder
	lost.ResponseWriter = discard{w.Header()}
	s.mux.ServeHTTP(&lost, r)
	p := newProblem(http.StatusNotFound, "there is nothing at "+r.URL.Path+": /openapi.json lists what there is")
	if lost.status == http.StatusMethodNotAllowed {
		p = newProblem(lost.status, r.Method+" is not possible at "+r.URL.Path+": only "+w.Header().Get("Allow"))
	}
	p.write(w)
}

// admit checks the token and the announced size of the body.
func (s *Server) admit(r *http.Request) (*http.Request, *problem) {
	limit := int64(s.opt.MaxBody)
	if isArtifact(r.URL.Path) {
		limit = int64(s.opt.MaxArtifact)
	}
	if r.ContentLength > limit {
		return r, newProblem(http.StatusRequestEntityTooLarge, tooLarge(limit))
	}
	if isPublic(r.URL.Path) {
		return r, nil
	}
	p, ok := s.cell.Authorize(bearer(r))
	if !ok {
		return r, newProblem(http.StatusUnauthorized,
			"the request carries no valid token: send the cell's token as Authorization: Bearer")
	}
	if !p.may(r) {
		return r, newProblem(http.StatusForbidden, "the token of "+p.Name+" does not open "+r.Method+" "+r.URL.Path)
	}
	return r.WithContext(context.WithValue(r.Context(), principalKey{}, p)), nil
}

// may reports whether the principal's token opens a request.
func (p Principal) may(r *http.Request) bool {
	switch {
	case p.Admin:
		return true
	case r.URL.Path == joinPath:
		return p.Join
	}
	return (p.Node != "" || p.Cell != "") && isArtifact(r.URL.Path)
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

const (
	joinPath      = "/v1/join"
	artifactsPath = "/v1/artifacts/"
)

func isPublic(path string) bool {
	return path == "/healthz" || path == "/readyz" || path == "/openapi.json"
}

func isArtifact(path string) bool { return strings.HasPrefix(path, artifactsPath) }

// isStream reports whether a request may last: the read deadline and the places
// of short requests are not for it.
func isStream(r *http.Request) bool {
	switch r.URL.Path {
	case bundlePath, profilePath, journalPath, "/v1/watch":
		return true
	}
	return isArtifact(r.URL.Path) || strings.HasSuffix(r.URL.Path, "/logs")
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// discard keeps the headers of an answer and drops the rest.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
