package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// Seen is a record that was acknowledged.
type Seen struct {
	Link
	Epoch uint64
	Seq   uint64 // in the journal
}

// Witness remembers beside the journal which record was the last one
// acknowledged. A hash chain shows every hole, but not that its end was cut off,
// as a store does that drops what follows damaged bytes. The file is written
// without a sync: after a loss of power it may be behind, never ahead.
type Witness struct {
	mu   sync.Mutex
	file *os.File
	slot int64
	last Seen
}

// CutError means that the journal ends before a record that was acknowledged.
type CutError struct {
	End   uint64 // number of the last good record
	Known uint64 // number of the last record that is known to have been written
}

// Error says what is lost and how to go on without it.
func (e *CutError) Error() string { return e.What() + ". " + advice(e.End+1) }

// What says what is lost.
func (e *CutError) What() string {
	lost := fmt.Sprintf("records %d to %d are", e.End+1, e.Known)
	if e.Known == e.End+1 {
		lost = fmt.Sprintf("record %d is", e.Known)
	}
	return fmt.Sprintf("%s lost: the journal ends at record %d, although record %d was acknowledged", lost, e.End, e.Known)
}

// Two slots are written in turn, so that a torn write leaves the other one whole.
const (
	witnessMagic = "DRVSEEN1"
	witnessSlot  = 512
	witnessBody  = len(witnessMagic) + 8 + sha256.Size + 8 + 8
	witnessSize  = witnessBody + sha256.Size
)

// OpenWitness uses a file, creating it if needed.
func OpenWitness(path string) (*Witness, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal's witness: %w", err)
	}
	w := &Witness{file: f}
	if w.last, w.slot, err = readWitness(f); err != nil {
		return nil, errors.Join(fmt.Errorf("read the journal's witness %s: %w", path, err), f.Close())
	}
	return w, nil
}

// ReadWitness reads the file without changing it; without one nothing was seen.
func ReadWitness(path string) (Seen, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Seen{}, nil
	}
	if err != nil {
		return Seen{}, fmt.Errorf("read the journal's witness: %w", err)
	}
	defer f.Close()
	last, _, err := readWitness(f)
	return last, err
}

// readWitness takes the newer of the slots that are whole.
func readWitness(f *os.File) (last Seen, next int64, err error) {
	var b [witnessSlot + witnessSize]byte
	if _, err := f.ReadAt(b[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return Seen{}, 0, err
	}
	for slot := range int64(2) {
		if s, ok := decodeSeen(b[slot*witnessSlot:][:witnessSize]); ok && s.Seq >= last.Seq {
			last, next = s, 1-slot
		}
	}
	return last, next, nil
}

// Last is what was seen last.
func (w *Witness) Last() Seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// Saw notes an acknowledged record, or where the journal begins anew after a
// loss was accepted.
func (w *Witness) Saw(s Seen) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.file.WriteAt(encodeSeen(s), w.slot*witnessSlot); err != nil {
		return fmt.Errorf("note that record %d was acknowledged: %w", s.N, err)
	}
	w.slot, w.last = 1-w.slot, s
	return nil
}

// Close releases the file.
func (w *Witness) Close() error { return w.file.Close() }

func encodeSeen(s Seen) []byte {
	b := append(make([]byte, 0, witnessSize), witnessMagic...)
	b = binary.BigEndian.AppendUint64(b, s.N)
	b = append(b, s.Hash[:]...)
	b = binary.BigEndian.AppendUint64(b, s.Epoch)
	b = binary.BigEndian.AppendUint64(b, s.Seq)
	sum := sumOf(b)
	return append(b, sum[:]...)
}

func decodeSeen(b []byte) (s Seen, ok bool) {
	rest := b[len(witnessMagic):]
	s.N = binary.BigEndian.Uint64(rest)
	rest = rest[8+copy(s.Hash[:], rest[8:]):]
	s.Epoch, s.Seq = binary.BigEndian.Uint64(rest), binary.BigEndian.Uint64(rest[8:])
	return s, bytes.Equal(b, encodeSeen(s))
}
