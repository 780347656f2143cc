package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/engine"
	"drover.dev/internal/history"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// Frozen is a cell that nobody leads any more: a bundle, or the directory of a
// stopped server. It answers reads as the server did, and nothing else.
type Frozen struct {
	source *history.Source
	close  func() error
	cell   string
	last   history.Place
	travel travel
}

var _ httpapi.Cell = (*Frozen)(nil)

// ErrFrozen says that a copy takes no commands.
var ErrFrozen = errors.New("this is a copy of a cell, which can only be read")

// OpenFrozen opens a bundle or the data directory of a stopped server.
func OpenFrozen(ctx context.Context, path string) (*Frozen, error) {
	src, cell, end, err := history.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	f := &Frozen{source: src, close: end, cell: cell}
	if f.last, err = src.Last(ctx); err == nil && f.last.N == 0 {
		err = errors.New("there is no record in it")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), end())
	}
	return f, nil
}

// Last is the last record.
func (f *Frozen) Last() history.Place { return f.last }

// Close lets the files go.
func (f *Frozen) Close() error { return f.close() }

// Past implements httpapi.Cell.
func (f *Frozen) Past(ctx context.Context, m httpapi.Moment, do func(*engine.Engine)) (httpapi.Stood, error) {
	return f.travel.view(ctx, f.source, m, do)
}

// View implements httpapi.Cell: the present is the last record.
func (f *Frozen) View(ctx context.Context, _ uint64, do func(*engine.Engine)) (uint64, error) {
	_, err := f.Past(ctx, httpapi.Moment{Record: f.last.N}, do)
	return 0, err
}

// Do implements httpapi.Cell.
func (f *Frozen) Do(context.Context, []engine.Input) ([]state.Answer, uint64, error) {
	return nil, 0, ErrFrozen
}

// Watch implements httpapi.Cell.
func (f *Frozen) Watch(context.Context, uint64) iter.Seq2[api.WatchEvent, error] {
	return func(yield func(api.WatchEvent, error) bool) { yield(api.WatchEvent{}, ErrFrozen) }
}

// Journal implements httpapi.Cell.
func (f *Frozen) Journal(context.Context, httpapi.JournalPlace, time.Duration) iter.Seq2[httpapi.Written, error] {
	return func(yield func(httpapi.Written, error) bool) { yield(httpapi.Written{}, ErrFrozen) }
}

// Log implements httpapi.Cell.
func (f *Frozen) Log(context.Context, string, api.LogRequest) (api.LogChunk, error) {
	return api.LogChunk{}, ErrFrozen
}

// Bundle implements httpapi.Cell.
func (f *Frozen) Bundle(context.Context, httpapi.BundleOptions) (io.ReadSeekCloser, error) {
	return nil, ErrFrozen
}

// Inspect implements httpapi.Cell.
func (f *Frozen) Inspect(context.Context, api.Digest) (engine.Fact, error) {
	return engine.Fact{}, ErrFrozen
}

// Join implements httpapi.Cell.
func (f *Frozen) Join(context.Context, api.JoinRequest) (api.JoinReply, error) {
	return api.JoinReply{}, ErrFrozen
}

// Authorize implements httpapi.Cell: who has the file may read it.
func (f *Frozen) Authorize(string) (httpapi.Principal, bool) {
	return httpapi.Principal{Name: "reader", Admin: true}, true
}

// Outlook implements httpapi.Cell: there is none.
func (f *Frozen) Outlook() httpapi.Outlook { return nil }

// Status implements httpapi.Cell.
func (f *Frozen) Status() api.CellStatus { return api.CellStatus{Cell: f.cell, Record: f.last.N} }

// LastSeen implements httpapi.Cell.
func (f *Frozen) LastSeen(string) api.Time { return 0 }

// Metrics implements httpapi.Cell.
func (f *Frozen) Metrics() []httpapi.Metric { return nil }

// Artifacts implements httpapi.Cell: there are none.
func (f *Frozen) Artifacts() artifact.Store { return noArtifacts{} }

type noArtifacts struct{}

func (noArtifacts) Put(context.Context, io.Reader, artifact.Digest) (artifact.Digest, int64, error) {
	return "", 0, ErrFrozen
}

func (noArtifacts) Open(context.Context, artifact.Digest) (io.ReadSeekCloser, int64, error) {
	return nil, 0, artifact.ErrNotFound
}

func (noArtifacts) Stat(context.Context, artifact.Digest) (artifact.Info, error) {
	return artifact.Info{}, artifact.ErrNotFound
}

func (noArtifacts) Delete(context.Context, artifact.Digest) error { return ErrFrozen }

// Transport answers requests by the API of the frozen cell, without a network.
func (f *Frozen) Transport() http.RoundTripper {
	return direct{httpapi.New(f, httpapi.Options{})}
}

// direct hands requests to a handler in the same process.
type direct struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper. Somebody else may have made the bundle
// that is read: a state that no cell can have is an error.
func (d direct) RoundTrip(r *http.Request) (res *http.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			res, err = nil, fmt.Errorf("what is recorded makes no sense: %v", p)
		}
	}()
	w := &written{header: http.Header{}, status: http.StatusOK}
	d.handler.ServeHTTP(w, r)
	return &http.Response{
		StatusCode: w.status, Status: http.StatusText(w.status), Header: w.header, Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()),
	}, nil
}

// written is an answer in memory.
type written struct {
	header http.Header
	status int
	begun  bool
	body   bytes.Buffer
}

func (w *written) Header() http.Header { return w.header }

func (w *written) WriteHeader(status int) {
	if !w.begun {
		w.status, w.begun = status, status >= 200
	}
}

func (w *written) Write(b []byte) (int, error) {
	w.begun = true
	return w.body.Write(b)
}
