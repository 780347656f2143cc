package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// What a record may hold. A record is at most MaxRecord bytes, but a hostile one
// could name many small elements that grow large in memory.
const (
	maxElements = 1 << 17 // of any list in a record: an array of 100,000 fits
	maxState    = 1 << 24 // of any list or map in a snapshot
	maxNested   = 32
)

// payloads holds the modes by which inputs, events and states are written and
// read. Unknown keys are an error in strict, which reads what a build of this
// format or an older one wrote.
type payloads struct {
	enc                    cbor.UserBufferEncMode
	strict, lax, snapshots cbor.DecMode
}

var bodies = newPayloads()

func newPayloads() payloads {
	eo := cbor.CoreDetEncOptions()
	eo.NilContainers = cbor.NilContainerAsEmpty // nil and empty are one, so that decoding loses nothing
	enc, err := eo.UserBufferEncMode()
	o := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxMapPairs: maxElements, MaxArrayElements: maxElements, MaxNestedLevels: maxNested,
	}
	lax, err2 := o.DecMode()
	o.ExtraReturnErrors = cbor.ExtraDecErrorUnknownField
	strict, err3 := o.DecMode()
	o.MaxMapPairs, o.MaxArrayElements = maxState, maxState
	snapshots, err4 := o.DecMode()
	if err := errors.Join(err, err2, err3, err4); err != nil {
		panic(err) // constants above contradict each other
	}
	return payloads{enc: enc, strict: strict, lax: lax, snapshots: snapshots}
}

// Encoder writes the inputs and events of records: a list of [kind, body]. It
// reuses its memory: what a call returned is good until the next call of the same
// method. The zero Encoder is ready; it is not safe for concurrent use.
type Encoder struct{ inputs, events bytes.Buffer }

// Inputs joins inputs that EncodeInput gave into the list that a record holds.
func (e *Encoder) Inputs(encoded [][]byte) []byte {
	e.inputs.Reset()
	writeHead(&e.inputs, majorArray, uint64(len(encoded)))
	for _, b := range encoded {
		e.inputs.Write(b)
	}
	return e.inputs.Bytes()
}

// Events gives the canonical bytes of a batch of events.
func (e *Encoder) Events(list []state.Event) ([]byte, error) {
	e.events.Reset()
	writeHead(&e.events, majorArray, uint64(len(list)))
	for _, ev := range list {
		if err := writePair(&e.events, uint16(ev.Kind()), ev); err != nil {
			return nil, fmt.Errorf("encode event %T: %w", ev, err)
		}
	}
	return e.events.Bytes(), nil
}

// EncodeInput gives one input's canonical bytes.
func EncodeInput(in engine.Input) ([]byte, error) {
	var buf bytes.Buffer
	if err := writePair(&buf, uint16(in.InputKind()), in); err != nil {
		return nil, fmt.Errorf("encode input %T: %w", in, err)
	}
	return buf.Bytes(), nil
}

// DecodeInput reads one input that this build encoded. What is decided must be
// decided on what was read back, not on what was encoded: the two may differ in
// what the encoding does not tell apart, such as an empty list and none.
func DecodeInput(b []byte) (engine.Input, error) {
	in, rest, err := decodePair(bodies.strict, b, "input", newInput)
	if err == nil && len(rest) != 0 {
		err = errMalformed
	}
	if err != nil {
		return nil, fmt.Errorf("decode an input: %w", err)
	}
	return in, nil
}

func writePair(buf *bytes.Buffer, kind uint16, body any) error {
	writeHead(buf, majorArray, 2)
	writeHead(buf, majorUint, uint64(kind))
	return bodies.enc.MarshalToBuffer(body, buf)
}

func newInput(k uint16) (engine.Input, bool) {
	in := engine.NewInput(engine.InputKind(k))
	return in, in != nil
}

func newEvent(k uint16) (state.Event, bool) {
	ev := state.NewEvent(state.Kind(k))
	return ev, ev != nil
}

// DecodeInputs reads what went into the record's step.
func (r *Record) DecodeInputs() ([]engine.Input, error) {
	return decodeList(r, r.Inputs, "input", newInput)
}

// DecodeEvents reads what came out of the record's step.
func (r *Record) DecodeEvents() ([]state.Event, error) {
	return decodeList(r, r.Events, "event", newEvent)
}

func decodeList[T any](r *Record, b []byte, what string, fresh func(kind uint16) (T, bool)) ([]T, error) {
	mode := bodies.strict
	if r.Format > Format {
		mode = bodies.lax // its writer said, by MinReader, that passing over is safe
	}
	count, b, err := readHead(b, majorArray)
	const least = 3 // bytes of a pair with an empty body
	if err != nil || count > uint64(len(b)/least) || count > maxElements {
		return nil, fmt.Errorf("decode the %ss of record %d: not a list that fits: %w", what, r.N, errMalformed)
	}
	out := make([]T, 0, count)
	for i := range count {
		var v T
		if v, b, err = decodePair(mode, b, what, fresh); err != nil {
			return nil, fmt.Errorf("decode %s %d of record %d: %w", what, i, r.N, err)
		}
		out = append(out, v)
	}
	if len(b) != 0 {
		return nil, fmt.Errorf("decode the %ss of record %d: %d bytes follow the list: %w", what, r.N, len(b), errMalformed)
	}
	return out, nil
}

func decodePair[T any](mode cbor.DecMode, b []byte, what string, fresh func(uint16) (T, bool)) (v T, rest []byte, err error) {
	two, b, err := readHead(b, majorArray)
	if err != nil || two != 2 {
		return v, nil, fmt.Errorf("not a pair of kind and body: %w", errMalformed)
	}
	kind, b, err := readHead(b, majorUint)
	if err != nil {
		return v, nil, fmt.Errorf("its kind: %w", err)
	}
	ok := false
	if kind <= 1<<16-1 {
		v, ok = fresh(uint16(kind))
	}
	if !ok {
		return v, nil, fmt.Errorf("%s kind %d is unknown here: it was written by a later version: upgrade", what, kind)
	}
	rest, err = mode.UnmarshalFirst(b, v)
	var unknown *cbor.UnknownFieldError
	if errors.As(err, &unknown) {
		err = fmt.Errorf("it was written by a later version: upgrade: %w", err)
	}
	if err != nil {
		return v, nil, fmt.Errorf("%T: %w", v, err)
	}
	return v, rest, nil
}

// DecodeState reads a snapshot's state and rebuilds what is derived in it.
func DecodeState(b []byte) (st *state.State, err error) {
	defer func() {
		if r := recover(); r != nil {
			st, err = nil, fmt.Errorf("decode the state: it makes no sense: %v", r)
		}
	}()
	if len(b) > MaxSnapshot {
		return nil, fmt.Errorf("decode the state: %d bytes, at most %d may be", len(b), MaxSnapshot)
	}
	st = new(state.State)
	if err := bodies.snapshots.Unmarshal(b, st); err != nil {
		return nil, fmt.Errorf("decode the state: %w", err)
	}
	st.Restore()
	return st, nil
}

// The CBOR major types that frame lists and states (RFC 8949, section 3).
const (
	majorUint  = 0
	majorArray = 4
	majorMap   = 5
)

var errMalformed = errors.New("malformed")

// writeHead writes an item's head in its shortest form, as canonical CBOR wants.
func writeHead(buf *bytes.Buffer, major byte, n uint64) {
	m := major << 5
	switch {
	case n < 24:
		buf.WriteByte(m | byte(n))
	case n < 1<<8:
		buf.Write([]byte{m | 24, byte(n)})
	case n < 1<<16:
		buf.WriteByte(m | 25)
		buf.Write(binary.BigEndian.AppendUint16(buf.AvailableBuffer(), uint16(n)))
	case n < 1<<32:
		buf.WriteByte(m | 26)
		buf.Write(binary.BigEndian.AppendUint32(buf.AvailableBuffer(), uint32(n)))
	default:
		buf.WriteByte(m | 27)
		buf.Write(binary.BigEndian.AppendUint64(buf.AvailableBuffer(), n))
	}
}

// readHead reads a head of the given major type and refuses longer forms than
// needed.
func readHead(b []byte, major byte) (n uint64, rest []byte, err error) {
	if len(b) == 0 || b[0]>>5 != major {
		return 0, nil, errMalformed
	}
	info := b[0] & 31
	if info < 24 {
		return uint64(info), b[1:], nil
	}
	size := 1 << (info - 24)
	if info > 27 || len(b) < 1+size {
		return 0, nil, errMalformed
	}
	for _, c := range b[1 : 1+size] {
		n = n<<8 | uint64(c)
	}
	least := [4]uint64{24, 1 << 8, 1 << 16, 1 << 32}[info-24]
	if n < least {
		return 0, nil, errMalformed
	}
	return n, b[1+size:], nil
}
