package mirror

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"drover.dev/internal/grade"
	"github.com/fxamacker/cbor/v2"
)

// The store of predictions is a few files of frames: length and CRC-32C, 4 bytes each
// with the highest first, and an entry in CBOR. It is appended to only, and the oldest
// file goes when there is too much. Nothing is synced: what a power cut takes away is
// never graded, and a torn end is cut off.
const (
	segmentName  = "predictions-%08d.log"
	segments     = 8
	frameHead    = 8
	maxFrame     = 64 << 10
	leastSegment = 64 << 10
)

// entry is one of: a prediction, its grade, a workload that will never be graded.
type entry struct {
	Made    *grade.Prediction `cbor:"1,keyasint,omitempty"`
	Graded  *grade.Graded     `cbor:"2,keyasint,omitempty"`
	Dropped uint64            `cbor:"3,keyasint,omitempty"`
}

// store keeps predictions and their grades.
type store struct {
	dir   string
	limit int64 // of a segment, in bytes
	n     int   // of the segment that is written
	file  *os.File
	size  int64
}

func crc(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// openStore gives each what is there, and goes on after it. keep is how many bytes
// are kept in all.
func openStore(dir string, keep int64, each func(*entry)) (*store, error) {
	numbers, err := segmentsIn(dir)
	if err != nil {
		return nil, fmt.Errorf("open the predictions: %w", err)
	}
	s := &store{dir: dir, limit: max(keep/segments, leastSegment), n: 1}
	good := int64(0)
	for _, n := range numbers {
		if good, err = readSegment(dir, n, each); err != nil {
			return nil, fmt.Errorf("open the predictions: %w", err)
		}
		s.n = n
	}
	if s.file, err = os.OpenFile(s.path(s.n), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("open the predictions: %w", err)
	}
	if err := s.file.Truncate(good); err != nil { // the torn end
		return nil, errors.Join(fmt.Errorf("open the predictions: %w", err), s.file.Close())
	}
	s.size = good
	return s, nil
}

func (s *store) path(n int) string { return filepath.Join(s.dir, fmt.Sprintf(segmentName, n)) }

// add appends an entry.
func (s *store) add(e *entry) error {
	body, err := cbor.Marshal(e)
	if err == nil && len(body) > maxFrame {
		err = fmt.Errorf("it has %d bytes, at most %d may be", len(body), maxFrame)
	}
	if err == nil && s.size > 0 && s.size+int64(len(body)) > s.limit {
		err = s.turn()
	}
	if err != nil {
		return fmt.Errorf("keep a prediction: %w", err)
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, frameHead+len(body)), uint32(len(body)))
	frame = append(binary.BigEndian.AppendUint32(frame, crc(body)), body...)
	if _, err := s.file.WriteAt(frame, s.size); err != nil {
		return fmt.Errorf("keep a prediction: %w", err) // what was written of it is overwritten by the next
	}
	s.size += int64(len(frame))
	return nil
}

// turn begins another segment and lets the oldest go.
func (s *store) turn() error {
	next, err := os.OpenFile(s.path(s.n+1), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	err = s.file.Close()
	s.n, s.file, s.size = s.n+1, next, 0
	numbers, lerr := segmentsIn(s.dir)
	for len(numbers) > segments {
		err = errors.Join(err, os.Remove(s.path(numbers[0])))
		numbers = numbers[1:]
	}
	return errors.Join(err, lerr)
}

func (s *store) close() error { return s.file.Close() }

// segmentsIn are the numbers of the segments of a directory, in order.
func segmentsIn(dir string) (out []int, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		var n int
		if _, err := fmt.Sscanf(f.Name(), segmentName, &n); err == nil && f.Name() == fmt.Sprintf(segmentName, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

// readSegment gives each the entries of a segment up to the first that is damaged, and
// says how many bytes are good.
func readSegment(dir string, n int, each func(*entry)) (good int64, err error) {
	f, err := os.Open(filepath.Join(dir, fmt.Sprintf(segmentName, n)))
	if errors.Is(err, fs.ErrNotExist) { // it has just been let go
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 256<<10)
	for {
		e, size, ok := readEntry(in)
		if !ok {
			return good, nil
		}
		good += size
		each(e)
	}
}

func readEntry(in io.Reader) (*entry, int64, bool) {
	var head [frameHead]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, 0, false
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > maxFrame {
		return nil, 0, false
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(in, body); err != nil || crc(body) != binary.BigEndian.Uint32(head[4:]) {
		return nil, 0, false
	}
	e := &entry{}
	if err := cbor.Unmarshal(body, e); err != nil {
		return nil, 0, false
	}
	return e, int64(frameHead) + int64(n), true
}

// ReadGraded gives the graded predictions of a mirror's directory, the oldest first,
// and how many await their truth. The mirror may run.
func ReadGraded(dir string) (list []grade.Graded, open int, err error) {
	waiting := map[grade.Key]bool{}
	numbers, err := segmentsIn(dir)
	for _, n := range numbers {
		if err == nil {
			_, err = readSegment(dir, n, func(e *entry) {
				if e.Graded != nil {
					list = append(list, *e.Graded)
				}
				e.settle(waiting)
			})
		}
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the predictions: %w", err)
	}
	return list, len(waiting), nil
}

// settle keeps count of who waits.
func (e *entry) settle(waiting map[grade.Key]bool) {
	switch {
	case e.Made != nil:
		waiting[e.Made.Key()] = true
	case e.Graded != nil:
		delete(waiting, e.Graded.Key())
	default:
		delete(waiting, grade.Key{ID: e.Dropped, Origin: grade.OfMirror})
		delete(waiting, grade.Key{ID: e.Dropped, Origin: grade.OfPlan})
	}
}
