package journal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

// Format is the version of records that this build writes, and the newest that it
// fully knows. Keys are only ever added; a record that an older reader must not
// interpret says so by its MinReader.
const Format = 1

// Limits of a record, in bytes.
const (
	// MaxRecord is the largest encoded record: 1 MiB, which is the largest message,
	// less room for headers.
	MaxRecord = 1<<20 - 8<<10
	// MaxBuild is the longest build name.
	MaxBuild = 128
)

// Record is the envelope around one batch: what went into a step and what came out
// of it, chained to the record before by its hash.
type Record struct {
	Format    uint16 // version by which it was written, 1..
	MinReader uint16 // oldest Format that may read it, 1..Format
	N         uint64 // number in the journal: 1, 2, 3, … without gaps
	PrevHash  [32]byte
	Epoch     uint64
	Now       int64 // the step's time in Unix nanoseconds
	Build     string
	Inputs    []byte // canonical CBOR, not looked into here
	Events    []byte // canonical CBOR, not looked into here
}

// Hash is what the next record carries as PrevHash: SHA-256 of the encoded record.
func Hash(encoded []byte) [32]byte { return sha256.Sum256(encoded) }

// ReaderError means that a record was written by a build too new for this one. It
// is not damage.
type ReaderError struct {
	N         uint64
	MinReader uint16
}

// Error says which format is needed.
func (e *ReaderError) Error() string {
	return fmt.Sprintf("record %d needs a reader of format ≥ %d, this build reads %d: upgrade", e.N, e.MinReader, Format)
}

// head is the part of a record whose keys and types never change.
type head struct {
	Format    uint16 `cbor:"1,keyasint"`
	MinReader uint16 `cbor:"2,keyasint"`
	N         uint64 `cbor:"3,keyasint"`
}

type wire struct {
	head
	PrevHash []byte `cbor:"4,keyasint"`
	Epoch    uint64 `cbor:"5,keyasint"`
	Now      int64  `cbor:"6,keyasint"`
	Build    string `cbor:"7,keyasint"`
	Inputs   []byte `cbor:"8,keyasint"`
	Events   []byte `cbor:"9,keyasint"`
}

// codec holds immutable modes: how records are written, how those of a known
// format are read, and how those of a newer one are.
type codec struct {
	enc         cbor.EncMode
	strict, lax cbor.DecMode
}

var records = newCodec()

func newCodec() codec {
	o := cbor.DecOptions{
		DupMapKey:   cbor.DupMapKeyEnforcedAPF,
		IndefLength: cbor.IndefLengthForbidden,
		TagsMd:      cbor.TagsForbidden,
		MaxMapPairs: 64, MaxArrayElements: 1024, MaxNestedLevels: 8,
	}
	eo := cbor.CoreDetEncOptions()
	eo.NilContainers = cbor.NilContainerAsEmpty
	enc, err := eo.EncMode()
	lax, err2 := o.DecMode()
	o.ExtraReturnErrors = cbor.ExtraDecErrorUnknownField
	strict, err3 := o.DecMode()
	if err := errors.Join(err, err2, err3); err != nil {
		panic(err) // constants above contradict each other
	}
	return codec{enc: enc, strict: strict, lax: lax}
}

// Encode gives the canonical bytes of a record: the same record, the same bytes,
// in every build that knows its format.
func Encode(r Record) ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("encode record %d: %w", r.N, err)
	}
	b, err := records.enc.Marshal(wire{
		head: head{r.Format, r.MinReader, r.N}, PrevHash: r.PrevHash[:], Epoch: r.Epoch,
		Now: r.Now, Build: r.Build, Inputs: r.Inputs, Events: r.Events,
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("encode record %d: %w", r.N, err)
	case len(b) > MaxRecord:
		return nil, fmt.Errorf("encode record %d: %d bytes, at most %d fit: make smaller batches", r.N, len(b), MaxRecord)
	}
	return b, nil
}

func (r *Record) check() error {
	switch {
	case r.N == 0:
		return errors.New("records are numbered from 1")
	case r.MinReader == 0 || r.MinReader > r.Format:
		return fmt.Errorf("minReader is %d, must be 1 to the format, %d", r.MinReader, r.Format)
	case len(r.Build) > MaxBuild:
		return fmt.Errorf("the build name has %d bytes, at most %d may be", len(r.Build), MaxBuild)
	case !utf8.ValidString(r.Build):
		return errors.New("the build name is not UTF-8 text")
	case r.N == 1 && r.PrevHash != [32]byte{}:
		return errors.New("the first record follows nothing, yet has a previous hash")
	}
	return nil
}

// Decode reads one record. Keys that this build does not know are passed over if
// the record is of a newer format and allows this reader; otherwise the error is
// a [ReaderError]. Any other error means damaged bytes.
func Decode(b []byte) (Record, error) {
	if len(b) > MaxRecord {
		return Record{}, fmt.Errorf("decode record: %d bytes, at most %d may be", len(b), MaxRecord)
	}
	var h head
	if err := records.lax.Unmarshal(b, &h); err != nil {
		return Record{}, fmt.Errorf("decode record: %w", err)
	}
	mode := records.strict
	if h.Format > Format {
		if h.MinReader > Format {
			return Record{}, &ReaderError{N: h.N, MinReader: h.MinReader}
		}
		mode = records.lax
	}
	var w wire
	if err := mode.Unmarshal(b, &w); err != nil {
		return Record{}, fmt.Errorf("decode record %d: %w", h.N, err)
	}
	return w.record()
}

func (w *wire) record() (Record, error) {
	r := Record{
		Format: w.Format, MinReader: w.MinReader, N: w.N, Epoch: w.Epoch,
		Now: w.Now, Build: w.Build, Inputs: w.Inputs, Events: w.Events,
	}
	if copy(r.PrevHash[:], w.PrevHash) != len(r.PrevHash) || len(w.PrevHash) != len(r.PrevHash) {
		return Record{}, fmt.Errorf("decode record %d: the previous hash has %d bytes, not 32", w.N, len(w.PrevHash))
	}
	if err := r.check(); err != nil {
		return Record{}, fmt.Errorf("decode record %d: %w", w.N, err)
	}
	return r, nil
}
