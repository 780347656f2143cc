package httpapi

import (
	"bufio"
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// BundleOptions say what goes into a bundle.
type BundleOptions struct {
	Records   uint64 // at least the last so many, as far as there are snapshots
	Anonymise bool
	Metrics   string // the text of /metrics
}

// defaultBundle is how many records a bundle goes back when nothing is said.
const defaultBundle = 1000

const bundlePath = "/v1/bundle"

func (s *Server) bundleRoutes() {
	op := s.operation("getBundle", http.MethodGet, bundlePath, "cell",
		"Download a bundle: a snapshot, the records after it, metrics and log, to be read elsewhere", http.StatusTooManyRequests)
	op.Parameters = []*huma.Param{
		{Name: "records", In: "query", Description: "How many records it goes back at least.", Schema: &huma.Schema{Type: huma.TypeInteger}},
		{Name: "anonymise", In: "query", Description: "Replace names and texts.", Schema: &huma.Schema{Type: huma.TypeBoolean}},
	}
	op.Responses = map[string]*huma.Response{"200": {
		Description: "A ZIP file", Content: content("application/zip", &huma.Schema{Type: huma.TypeString, Format: "binary"}),
	}}
	s.handle(op, s.getBundle)
}

func (s *Server) getBundle(w http.ResponseWriter, r *http.Request) error {
	o := BundleOptions{Records: defaultBundle}
	q := r.URL.Query()
	var err error
	if text := q.Get("records"); text != "" {
		if o.Records, err = strconv.ParseUint(text, 10, 64); err != nil {
			return badParam("records", text, "a number")
		}
	}
	if text := q.Get("anonymise"); text != "" {
		if o.Anonymise, err = strconv.ParseBool(text); err != nil {
			return badParam("anonymise", text, "true or false")
		}
	}
	var text bytes.Buffer
	out := bufio.NewWriter(&text)
	if err := s.writeMetrics(out); err != nil {
		return err
	}
	o.Metrics = text.String()
	f, err := s.cell.Bundle(r.Context(), o)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	w.Header().Set("Content-Type", "application/zip")
	http.ServeContent(s.paced(w), r, "", time.Time{}, f)
	return nil
}
