package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"github.com/danielgtaylor/huma/v2"
)

func (s *Server) artifactRoutes() {
	const path = artifactsPath + "{digest}"
	binary := content("application/octet-stream", &huma.Schema{Type: huma.TypeString, Format: "binary"})
	bytes := map[string]*huma.Response{"200": {Description: "The bytes", Content: binary}}

	get := s.operation("getArtifact", http.MethodGet, path, "artifacts",
		"Download an artifact; Range asks for a part", http.StatusNotFound)
	get.Responses = bytes
	s.handle(get, s.getArtifact)

	head := s.operation("headArtifact", http.MethodHead, path, "artifacts",
		"Ask whether the store holds an artifact, and how large it is", http.StatusNotFound)
	head.Responses = map[string]*huma.Response{"200": {Description: "It is there"}}
	s.handle(head, s.headArtifact)

	put := s.operation("putArtifact", http.MethodPut, path, "artifacts",
		"Upload an artifact; its bytes must be what the digest says",
		http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity)
	put.RequestBody = &huma.RequestBody{Required: true, Content: binary}
	stored := content("application/json", s.schema(api.Stored{}))
	put.Responses = map[string]*huma.Response{
		"200": {Description: "It was there before", Content: stored},
		"201": {Description: "Stored", Content: stored},
	}
	s.handle(put, s.putArtifact)
}

// handle documents an operation and serves it without huma in between: its body
// or its answer is a stream.
func (s *Server) handle(op huma.Operation, f func(http.ResponseWriter, *http.Request) error) {
	for _, name := range pathParams(op.Path) {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
		})
	}
	faults := content("application/problem+json", s.schema(api.Problem{}))
	op.Responses["default"] = &huma.Response{Description: "Error", Content: faults}
	s.api.OpenAPI().AddOperation(&op)
	s.mux.HandleFunc(op.Method+" "+op.Path, func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			problemOf(err).write(w)
		}
	})
}

func (s *Server) schema(v any) *huma.Schema { return schemaOf(s.api.OpenAPI().Components.Schemas, v) }

func content(mediaType string, schema *huma.Schema) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{mediaType: {Schema: schema}}
}

func digestOf(r *http.Request) (artifact.Digest, error) {
	d, err := artifact.Parse(r.PathValue("digest"))
	if err != nil {
		return "", newProblem(http.StatusUnprocessableEntity, err.Error())
	}
	return d, nil
}

// headArtifact tells what the store holds, and not what this server happens to have
// on its disk: whoever finds an artifact here does not upload it again, and
// another server of the cell must have it, too.
func (s *Server) headArtifact(w http.ResponseWriter, r *http.Request) error {
	d, err := digestOf(r)
	if err != nil {
		return err
	}
	info, err := s.cell.Artifacts().Stat(r.Context(), d)
	if err != nil {
		return err
	}
	describeArtifact(w.Header(), d)
	w.Header().Set("Accept-Ranges", "bytes")
	w.Header().Set("Content-Length", strconv.FormatInt(info.Size, 10))
	return nil
}

func describeArtifact(h http.Header, d artifact.Digest) {
	h.Set("Content-Type", "application/octet-stream")
	h.Set("ETag", `"`+string(d)+`"`)
	h.Set("Cache-Control", "private, max-age=31536000, immutable")
}

// getArtifact serves GET, ranges included.
func (s *Server) getArtifact(w http.ResponseWriter, r *http.Request) error {
	d, err := digestOf(r)
	if err != nil {
		return err
	}
	f, _, err := s.cell.Artifacts().Open(r.Context(), d)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	describeArtifact(w.Header(), d)
	http.ServeContent(s.paced(w), r, "", time.Time{}, f)
	return nil
}

// putArtifact stores a body under its digest. One that is there already is not
// read again.
func (s *Server) putArtifact(w http.ResponseWriter, r *http.Request) error {
	d, err := digestOf(r)
	if err != nil {
		return err
	}
	store, status := s.cell.Artifacts(), http.StatusCreated
	stored := api.Stored{Digest: api.Digest(d)}
	if info, err := store.Stat(r.Context(), d); err == nil {
		stored.Size, status = api.Bytes(info.Size), http.StatusOK
	} else {
		n, err := s.receive(w, r, store, d)
		if err != nil {
			return err
		}
		stored.Size = api.Bytes(n)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(stored)
}

func (s *Server) receive(w http.ResponseWriter, r *http.Request, store artifact.Store, d artifact.Digest) (int64, error) {
	body := http.MaxBytesReader(w, r.Body, int64(s.opt.MaxArtifact))
	_, n, err := store.Put(r.Context(), &pacedReader{r: body, c: http.NewResponseController(w), every: s.opt.BodyTimeout}, d)
	if err != nil && r.Context().Err() != nil {
		return 0, context.Cause(r.Context())
	}
	if err != nil {
		return 0, fmt.Errorf("store the upload: %w", err)
	}
	return n, nil
}

// pace is how many bytes must pass within a time limit.
const pace = 1 << 20

// pacedReader gives the client time anew for each MiB.
type pacedReader struct {
	r     io.Reader
	c     *http.ResponseController
	every time.Duration
	left  int
}

func (p *pacedReader) Read(b []byte) (int, error) {
	if p.left <= 0 {
		// A connection without deadlines is only as patient as it is.
		_ = p.c.SetReadDeadline(time.Now().Add(p.every))
		p.left = pace
	}
	n, err := p.r.Read(b)
	p.left -= n
	return n, err
}

// paced gives the client time anew for each MiB that it takes.
func (s *Server) paced(w http.ResponseWriter) http.ResponseWriter {
	return &pacedWriter{ResponseWriter: w, c: http.NewResponseController(w), every: s.opt.WriteTimeout}
}

type pacedWriter struct {
	http.ResponseWriter
	c     *http.ResponseController
	every time.Duration
	left  int
}

func (p *pacedWriter) Write(b []byte) (int, error) {
	if p.left <= 0 {
		_ = p.c.SetWriteDeadline(time.Now().Add(p.every))
		p.left = pace
	}
	n, err := p.ResponseWriter.Write(b)
	p.left -= n
	return n, err
}
