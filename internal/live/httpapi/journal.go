package httpapi

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Written is a record of the journal, or, without Data, word that there is none
// beyond Last yet.
type Written struct {
	Data []byte
	Last uint64 // number of the last record that the cell's state reflects
}

// JournalPlace is a record of the chain, by its number and hash; the zero place is
// before the first one.
type JournalPlace struct {
	N    uint64
	Hash [32]byte
}

// ErrOtherPast says that the journal is not the one of which a place was named: that
// record is another one here, or has been given up.
var ErrOtherPast = errors.New("the journal is not the one that this place is of")

const (
	journalPath = "/v1/journal"
	// journalBeat is how often a quiet journal says so. It bounds how old what a
	// follower knows of its own lag may be.
	journalBeat = time.Second
)

func (s *Server) journalRoutes() {
	op := s.operation("followJournal", http.MethodGet, journalPath, "cell",
		"Follow the journal: the records after one, and then those that come, as they stand in it", http.StatusNotFound, http.StatusConflict)
	op.Parameters = []*huma.Param{
		{Name: "after", In: "query", Description: "Number of the record to begin after; 0 is before the first.", Schema: &huma.Schema{Type: huma.TypeInteger}},
		{Name: "hash", In: "query", Description: "Its hash, in hexadecimal digits. A journal in which that record is another one is not given out.", Schema: &huma.Schema{Type: huma.TypeString}},
	}
	op.Responses = map[string]*huma.Response{"200": {
		Description: "Frames: the server's time in Unix nanoseconds and the number of its last record, 8 bytes each, the record's length in 4, all with the highest byte first, " +
			"and the record in canonical CBOR. Every second without a record a frame has the length 0.",
		Content: content("application/octet-stream", &huma.Schema{Type: huma.TypeString, Format: "binary"}),
	}}
	s.handle(op, s.followJournal)
}

func journalPlace(r *http.Request) (at JournalPlace, err error) {
	q := r.URL.Query()
	if text := q.Get("after"); text != "" {
		if at.N, err = strconv.ParseUint(text, 10, 64); err != nil {
			return at, badParam("after", text, "the number of a record")
		}
	}
	text := q.Get("hash")
	if n, err := hex.Decode(at.Hash[:], []byte(text[:min(len(text), 2*len(at.Hash))])); err != nil || at.N > 0 && n != len(at.Hash) || len(text) > 2*n {
		return at, badParam("hash", text, "the hash of record "+strconv.FormatUint(at.N, 10)+": 64 hexadecimal digits")
	}
	return at, nil
}

// followJournal streams records until the client goes. What is wrong before the
// first frame is answered as a problem; later, the stream ends.
func (s *Server) followJournal(w http.ResponseWriter, r *http.Request) error {
	at, err := journalPlace(r)
	if err != nil {
		return err
	}
	out := &frames{w: w, c: http.NewResponseController(w), timeout: s.opt.WriteTimeout}
	for got, err := range s.cell.Journal(r.Context(), at, journalBeat) {
		if err != nil && out.began {
			return out.flush()
		}
		if err != nil {
			return fmt.Errorf("follow the journal: %w", err)
		}
		if out.add(&got) != nil {
			return nil // the client has gone
		}
	}
	return nil
}

// frames gathers records while more of them are there.
type frames struct {
	w       http.ResponseWriter
	c       *http.ResponseController
	timeout time.Duration
	buf     []byte
	began   bool
}

// add takes a frame in; a beat sends what has gathered.
func (f *frames) add(got *Written) error {
	if !f.began {
		f.began = true
		f.w.Header().Set("Content-Type", "application/octet-stream")
		f.w.Header().Set("X-Accel-Buffering", "no") // proxies hold streams back otherwise
	}
	f.buf = binary.BigEndian.AppendUint64(f.buf, uint64(time.Now().UnixNano()))
	f.buf = binary.BigEndian.AppendUint64(f.buf, got.Last)
	f.buf = binary.BigEndian.AppendUint32(f.buf, uint32(len(got.Data)))
	f.buf = append(f.buf, got.Data...)
	if len(got.Data) > 0 && len(f.buf) < maxPending {
		return nil
	}
	return f.flush()
}

func (f *frames) flush() error {
	_ = f.c.SetWriteDeadline(time.Now().Add(f.timeout))
	if _, err := f.w.Write(f.buf); err != nil {
		return err
	}
	f.buf = f.buf[:0]
	return f.c.Flush()
}
